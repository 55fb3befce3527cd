"""Counter-based random numbers: Philox4x32-10 words, 53-bit uniforms, Box–Muller normals; no state anywhere.

The key is the seed; the counter is (element, layer, sample, purpose).  Every number is a pure function of these, so
that results do not depend on threads, processes or chunks, and any number can be made again instead of being stored.
Generator: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

import math

import numpy as np
from numba import types

from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, elementwise
from vgtheory.kernels._vectors import inlined, prefer_wide_vectors
from vgtheory.kernels.elementary import LN2_HIGH, LN2_LOW, bits, from_bits, sincos_turns

u64 = np.uint64
LOW = u64(0xFFFFFFFF)
MULTIPLIERS = (u64(0xD2511F53), u64(0xCD9E8D57))
WEYL = (u64(0x9E3779B9), u64(0xBB67AE85))
ROUNDS = 10
STEP = 2.0**-53


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
    return np.float64(np.int64(word >> u64(11))) * STEP


@inlined
def log_unit(u):
    """Return ln u for 2^-53 ≤ u ≤ 1 (fdlibm's e_log.c); care for 0, infinities and subnormals would cost 20 % here."""
    i = bits(u)
    k = (i - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
    f = from_bits(i - (k << np.int64(52))) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    even = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    even = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * even))
    h = 0.5 * f * f
    exponent = np.float64(k)
    return exponent * LN2_HIGH - ((h - (s * (h + (odd + even)) + exponent * LN2_LOW)) - f)


@inlined
def box_muller(first, second):
    """Return two independent standard normals from two words; the radius takes (0, 1], so that no log is infinite."""
    radius = math.sqrt(-2.0 * log_unit(unit(first) + STEP))
    sine, cosine = sincos_turns(unit(second))
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
    for i in range(a.size):
        first, second = philox(i + start, layer, sample, purpose, key)
        a[i], b[i] = box_muller(first, second)


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
        draw(out[2 * half :], np.empty(1), key, sample, layer, purpose, start + half)


@elementwise
def fill_words(out, key, sample, layer, purpose, start):
    """Fill `out` (n × 2, uint64) with the raw words of the counters start, …, start + n − 1."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = philox(i + start, layer, sample, purpose, key)
