"""Counter-based random numbers: Philox4x32-10 words, 53-bit uniforms, Box–Muller normals; no state anywhere.

The key is the seed; the counter is (element, layer, sample, purpose).  Every number is a pure function of these, so
that results do not depend on threads, processes or chunks, and any number can be made again instead of being stored.
Generator: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

import math

import llvmlite.binding
import numpy as np
from numba import types

from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, elementwise, inlined
from vgtheory.kernels._numba_internals import prefer_wide_vectors
from vgtheory.kernels.elementary import bits, from_bits

u64 = np.uint64
LOW = u64(0xFFFFFFFF)
MULTIPLIERS = (u64(0xD2511F53), u64(0xCD9E8D57))
WEYL = (u64(0x9E3779B9), u64(0xBB67AE85))
ROUNDS = 10
STEP = 2.0**-53
MINUS_TWO_LN2 = -1.3862943611198906
# Bits of doubles: of √½ and 1.5, the significand, the sign; of words: an eighth and a quarter of a turn.
SQRT_HALF, THREE_HALVES = np.int64(0x3FE6A09E667F3BCD), u64(0x3FF8000000000000)
SIGNIFICAND, SIGN = np.int64(0xFFFFFFFFFFFFF), np.int64(-(2**63))
# Bits of 2^52 and 2^84, behind which integers of 32 bits are doubles: processors before AVX-512 convert no others.
BITS_52, BITS_84, TWO_84_52 = u64(0x4330000000000000), u64(0x4530000000000000), 2.0**84 + 2.0**52
RAISED, RAISED_52 = np.int64(64 << 52), 2.0**52 + 64.0
# Whether a vector holds so many numbers that radii and directions pay in one loop; without them two are 12 % faster.
WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
EIGHTH, ODD = u64(2**61), np.int64(2**62)


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
    i = bits(u) - SQRT_HALF
    exponent = from_bits(np.int64((u64(i + RAISED) >> u64(52)) | BITS_52)) - RAISED_52
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
def direction(word):
    """Return (cos 2πv, sin 2πv), v the word over 2^64, its last ten bits dropped.  Error < 2 ulp of 1.

    v = (k + y)/4 with an integer k and |y| ≤ ½: adding an eighth of a turn to the word makes k of its two upper bits,
    which exchange sine and cosine of πy/2 and flip their signs; y consists of the bits below them.
    """
    y = from_bits(np.int64(((word >> u64(10)) & u64(SIGNIFICAND)) ^ THREE_HALVES)) - 1.5
    turned = np.int64(word + EIGHTH)
    z = y * y
    s = z * 5.642225369163528e-08 - 3.5987029509735105e-06
    s = z * s + 0.00016044116661409423
    s = z * s - 0.004681754134254207
    s = z * s + 0.07969262624614423
    s = z * s - 0.6459640975062462
    s = (z * s + 1.5707963267948966) * y
    c = z * -6.329396344967424e-09 + 4.710678405505227e-07
    c = z * c - 2.5202039028029178e-05
    c = z * c + 0.0009192602745468447
    c = z * c - 0.020863480763340773
    c = z * c + 0.2536695079010478
    c = z * c - 1.2337005501361697
    c = z * c + 1.0
    odd = (turned & ODD) != np.int64(0)
    sine = bits(c if odd else s) ^ (turned & SIGN)
    cosine = bits(s if odd else c) ^ ((turned + ODD) & SIGN)
    return from_bits(cosine), from_bits(sine)


@inlined
def radius_of(word):
    """Return the radius of a word; it takes (0, 1], so that no log is infinite."""
    return math.sqrt(minus_two_log(unit(word) + STEP))


@inlined
def box_muller(first, second):
    """Return two independent standard normals from two words."""
    radius = radius_of(first)
    cosine, sine = direction(second)
    return radius * cosine, radius * sine


# (a, b, key, sample, layer, purpose, start): kernels take such a function as an argument, so that its long code is
# compiled once and not again in every function above it.
DRAW_SIGNATURE = types.void(
    types.float64[::1], types.float64[::1], types.uint64, types.int64, types.int64, types.int64, types.int64
)
DRAW = types.FunctionType(DRAW_SIGNATURE)
drawing = compiled(DRAW_SIGNATURE, flags=ELEMENTWISE_FLAGS)


@drawing
def fill_normal_pairs(a, b, key, sample, layer, purpose, start):
    """Fill `a` and `b` (one length) with independent standard normals; position i is element `start` + i."""
    prefer_wide_vectors()
    # In several loops: the processor looks some hundred operations ahead, fewer than the longest chain of all together.
    for i in range(a.size):
        first, second = philox(i + start, layer, sample, purpose, key)
        a[i] = from_bits(np.int64(first))
        b[i] = from_bits(np.int64(second))
    if WIDE:
        for i in range(a.size):
            a[i], b[i] = box_muller(u64(bits(a[i])), u64(bits(b[i])))
    else:
        for i in range(a.size):
            a[i] = radius_of(u64(bits(a[i])))
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
