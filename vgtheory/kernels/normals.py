"""Counter-based random numbers: Philox4x32-10 words, 53-bit uniforms, Box–Muller normals; no state anywhere.

A 64-bit word makes a pair of normals, a counter two.  The upper half of the word leads the radius; the lower half,
turned by a function of the upper one, leads the direction: 32 bits of either are independent.  Their further bits are
those of products of the other half.  No normal is beyond 8.49, which one in 5e16 would be.

The key is the seed; the counter is (element, layer, sample, purpose).  Every number is a pure function of these, so
that results do not depend on threads, processes or chunks, and any number can be made again instead of being stored.
Generator: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

import math

import llvmlite.binding
import numpy as np
from numba import types

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, elementwise, inlined
from vgtheory.kernels.elementary import bits, from_bits

u64 = np.uint64
LOW, HIGH = u64(0xFFFFFFFF), u64(0xFFFFFFFF00000000)
MULTIPLIERS = (u64(0xD2511F53), u64(0xCD9E8D57))
WEYL = (u64(0x9E3779B9), u64(0xBB67AE85))
ROUNDS = 10
STEP = 2.0**-53
MINUS_TWO_LN2 = -1.3862943611198906
# Bits of doubles: of 1 and √½, the significand, the sign.
ONE, SQRT_HALF = u64(0x3FF0000000000000), np.int64(0x3FE6A09E667F3BCD)
SIGNIFICAND, SIGN = np.int64(0xFFFFFFFFFFFFF), np.int64(-(2**63))
# Bits of 2^52 and 2^84, behind which integers of 32 bits are doubles: processors before AVX-512 convert no others.
BITS_52, BITS_84, TWO_84_52 = u64(0x4330000000000000), u64(0x4530000000000000), 2.0**84 + 2.0**52
RAISED_ROOT, RAISED_52 = np.int64(64 << 52) - SQRT_HALF, 2.0**52 + 64.0
# Whether a vector holds so many numbers that radii and directions pay in one loop; without them two are 12 % faster.
WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))


# Forced inlining: as a call, the ten rounds would keep the loops around them from being vectorised (5 times slower).
# The high halves of the words are left dirty between the rounds: the 32 × 32 → 64 bit product does not read them.
@inlined
def philox(element, layer, sample, purpose, key):
    """Return the two 64-bit words of Philox4x32-10 for one counter: (x0 << 32 | x1, x2 << 32 | x3)."""
    k0 = key & LOW
    k1 = key >> u64(32)
    c0 = u64(element)
    c1 = u64(layer)
    c2 = u64(sample)
    c3 = u64(purpose)
    for _ in range(ROUNDS):
        p0 = MULTIPLIERS[0] * (c0 & LOW)
        p1 = MULTIPLIERS[1] * (c2 & LOW)
        c0 = (p1 >> u64(32)) ^ c1 ^ k0
        c2 = (p0 >> u64(32)) ^ c3 ^ k1
        c1 = p1
        c3 = p0
        k0 = (k0 + WEYL[0]) & LOW
        k1 = (k1 + WEYL[1]) & LOW
    return (c0 << u64(32)) | (c1 & LOW), (c2 << u64(32)) | (c3 & LOW)


@inlined
def unit(word):
    """Return the word's upper 53 bits as a uniform number on [0, 1)."""
    low = from_bits(np.int64(((word >> u64(11)) & LOW) | BITS_52))
    high = from_bits(np.int64((word >> u64(43)) | BITS_84))
    return ((high - TWO_84_52) + low) * STEP


# Polynomials are Chebyshev interpolants computed with 60 digits; their errors are below 2^-54.
@inlined
def minus_two_log(u):
    """Return -2 ln u for 2^-53 ≤ u ≤ 1, relative error below 2 ulp; care for 0 and subnormals would cost 20 % here."""
    i = bits(u) + RAISED_ROOT
    exponent = from_bits(np.int64((u64(i) >> u64(52)) | BITS_52)) - RAISED_52
    f = from_bits((i & SIGNIFICAND) + SQRT_HALF) - 1.0  # u = 2^exponent (1 + f), √½ ≤ 1 + f < √2
    s = f / (2.0 + f)  # ln(1 + f) = 2 artanh s
    z = s * s
    p = z * -0.29233170849777246 - 0.30663421236421545
    p = z * p - 0.36365778911349894
    p = z * p - 0.44444422260519756
    p = z * p - 0.5714285725200654
    p = z * p - 0.7999999999979889
    p = z * p - 1.333333333333334
    return exponent * MINUS_TWO_LN2 + s * (z * p - 4.0)


@inlined
def log_unit(u):
    """Return ln u for 2^-53 ≤ u ≤ 1, relative error below 2 ulp."""
    return -0.5 * minus_two_log(u)


@inlined
def radius(word):
    """Return (-2 ln u)^½, 1 - u being the word's upper half and 20 bits of a product of its lower half."""
    leading = (word & HIGH) | ((word & LOW) * WEYL[0] & LOW)
    return math.sqrt(minus_two_log(2.0 - from_bits(np.int64((leading >> u64(12)) | ONE))))


@inlined
def direction(word):
    """Return (cos 2πv, sin 2πv); v is led by the word's lower half and some function of the upper.  Error < 2 ulp of 1.

    Three bits say which signs cosine and sine have and whether they are exchanged, 52 how far in an eighth of a turn.
    """
    turned = (word << u64(32)) + (word >> u64(32)) * WEYL[1]
    t = from_bits(np.int64(((turned << u64(3)) >> u64(12)) | ONE)) - 1.0
    z = t * t
    s = z * 6.877360573166326e-12 - 1.7571500746983935e-09
    s = z * s + 3.133616225433416e-07
    s = z * s - 3.657620415891387e-05
    s = z * s + 0.002490394570188844
    s = z * s - 0.08074551218828054
    s = (z * s + 0.7853981633974483) * t
    c = z * -3.8581890073416675e-13 + 1.1500512028217341e-10
    c = z * c - 2.4611364033652597e-08
    c = z * c + 3.590860446027952e-06
    c = z * c - 0.00032599188692673765
    c = z * c + 0.01585434424381542
    c = z * c - 0.30842513753404244
    c = z * c + 1.0
    exchanged = np.int64(turned << u64(2)) < np.int64(0)
    cosine = bits(s if exchanged else c) ^ (np.int64(turned) & SIGN)
    sine = bits(c if exchanged else s) ^ (np.int64(turned << u64(1)) & SIGN)
    return from_bits(cosine), from_bits(sine)


@inlined
def box_muller(word):
    """Return two independent standard normals from a word."""
    r = radius(word)
    cosine, sine = direction(word)
    return r * cosine, r * sine


# (a, b, key, sample, layer, purpose, start): kernels take such a function as an argument, so that its long code is
# compiled once and not again in every function above it.
DRAW_SIGNATURE = types.void(
    types.float64[::1], types.float64[::1], types.uint64, types.int64, types.int64, types.int64, types.int64
)
DRAW = types.FunctionType(DRAW_SIGNATURE)
drawing = compiled(DRAW_SIGNATURE, flags=ELEMENTWISE_FLAGS)


@drawing
def fill_normal_pairs(a, b, key, sample, layer, purpose, start):
    """Fill `a` and `b` (one length) with independent standard normals.

    Element `start` + i makes positions i and i + half of the length, rounded up.
    """
    prefer_wide_vectors()
    # In several loops: the processor looks some hundred operations ahead, fewer than the longest chain of all together.
    half = a.size // 2
    upper = b[a.size - half :]
    for i in range(half):
        first, second = philox(i + start, layer, sample, purpose, key)
        b[i] = from_bits(np.int64(first))
        upper[i] = from_bits(np.int64(second))
    if 2 * half < a.size:
        first, _ = philox(half + start, layer, sample, purpose, key)
        b[half] = from_bits(np.int64(first))
    if WIDE:
        for i in range(a.size):
            a[i], b[i] = box_muller(u64(bits(b[i])))
    else:
        for i in range(a.size):
            a[i] = radius(u64(bits(b[i])))
        for i in range(a.size):
            cosine, sine = direction(u64(bits(b[i])))
            a[i], b[i] = a[i] * cosine, a[i] * sine


@drawing
def fill_uniform_pairs(a, b, key, sample, layer, purpose, start):
    """Fill `a` and `b` (one length) with independent numbers uniform on [0, 1)."""
    prefer_wide_vectors()
    for i in range(a.size):
        first, second = philox(i + start, layer, sample, purpose, key)
        a[i] = unit(first)
        b[i] = unit(second)


@elementwise
def fill(draw, out, key, sample, layer, purpose, start):
    """Fill `out` by `draw`, two numbers of each counter start, start + 1, ... (half and half)."""
    half = out.size // 2
    draw(out[:half], out[half : 2 * half], key, sample, layer, purpose, start)
    if out.size > 2 * half:
        draw(out[2 * half :], np.empty(1, out.dtype), key, sample, layer, purpose, start + half)
