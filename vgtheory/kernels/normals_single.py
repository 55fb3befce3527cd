"""Normals in single precision: the four 32-bit words of one Philox counter make four of them, by Box–Muller.

Radii take 31 bits of their words, angles 30: no normal is beyond 6.66, which one in 3.6e10 would be.
"""

import math

import numpy as np
from numba import types

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, inlined
from vgtheory.kernels.elementary_single import F, I, bits, from_bits
from vgtheory.kernels.normals import WIDE, philox

U = np.uint32
SQRT_HALF, SIGNIFICAND, SIGN = I(0x3F3504F3), I(0x7FFFFF), I(-(2**31))
EIGHTH, ODD = U(2**29), I(2**30)  # an eighth and a quarter of a turn, as words
BITS_OF_RADIUS = F(31.0)
MINUS_TWO_LN2 = F(-1.3862943611198906)


# Polynomials are Chebyshev interpolants computed with 60 digits; their errors are below 2^-26.
@inlined
def minus_two_log(word):
    """Return -2 ln u for u = (k + ½)/2^31, k the upper 31 bits of the word; u is rounded to single first."""
    v = F(I(U(word) >> U(1))) + F(0.5)
    i = I(bits(v) - SQRT_HALF)
    exponent = F(I(i >> I(23))) - BITS_OF_RADIUS
    f = from_bits(I(I(i & SIGNIFICAND) + SQRT_HALF)) - F(1.0)  # u = 2^exponent (1 + f), √½ ≤ 1 + f < √2
    s = f / (F(2.0) + f)  # ln(1 + f) = 2 artanh s
    z = s * s
    p = z * F(-0.5916010737419128) - F(0.7997755408287048)
    p = z * p - F(1.3333337306976318)
    return exponent * MINUS_TWO_LN2 + s * (z * p - F(4.0))


@inlined
def direction(word):
    """Return (cos 2πv, sin 2πv), v the word over 2^32; as in ``normals``."""
    y = F(I(U(word) << U(2))) * F(2.0**-32)
    turned = I(U(U(word) + EIGHTH))
    z = y * y
    s = z * F(-0.004602149128913879) + F(0.07968021929264069)
    s = z * s - F(0.6459634900093079)
    s = (z * s + F(1.5707963705062866)) * y
    c = z * F(0.0009067399078048766) - F(0.02086152881383896)
    c = z * c + F(0.253669410943985)
    c = z * c - F(1.2337005138397217)
    c = z * c + F(1.0)
    odd = I(turned & ODD) != I(0)
    sine = I(bits(c if odd else s) ^ I(turned & SIGN))
    cosine = I(bits(s if odd else c) ^ I(I(turned + ODD) & SIGN))
    return from_bits(cosine), from_bits(sine)


@inlined
def box_muller(first, second):
    """Return two independent standard normals from two 32-bit words."""
    radius = math.sqrt(minus_two_log(first))
    cosine, sine = direction(second)
    return radius * cosine, radius * sine


SINGLE_DRAW_SIGNATURE = types.void(
    types.float32[::1], types.float32[::1], types.uint64, types.int64, types.int64, types.int64, types.int64
)
SINGLE_DRAW = types.FunctionType(SINGLE_DRAW_SIGNATURE)


@compiled(SINGLE_DRAW_SIGNATURE, flags=ELEMENTWISE_FLAGS)
def fill_single_normal_pairs(a, b, key, sample, layer, purpose, start):
    """Fill `a` and `b` (one length) with independent standard normals; element `start` + i makes positions 2i, 2i + 1.

    Of the counter's words 0 to 3, 1 and 3 make position 2i, 0 and 2 the next one.
    """
    prefer_wide_vectors()
    pairs = a.size // 2
    # The words lie as they come, radii in `a` and angles in `b`: in the loop of normals there is nothing to sort.
    radii, angles = a[: 2 * pairs].view(np.uint64), b[: 2 * pairs].view(np.uint64)
    for i in range(pairs):
        radii[i], angles[i] = philox(i + start, layer, sample, purpose, key)
    if 2 * pairs < a.size:
        radius, angle = philox(pairs + start, layer, sample, purpose, key)
        a[2 * pairs], b[2 * pairs] = from_bits(I(U(radius))), from_bits(I(U(angle)))
    if WIDE:
        for i in range(a.size):
            a[i], b[i] = box_muller(U(bits(a[i])), U(bits(b[i])))
    else:
        for i in range(a.size):
            a[i] = math.sqrt(minus_two_log(U(bits(a[i]))))
        for i in range(a.size):
            cosine, sine = direction(U(bits(b[i])))
            a[i], b[i] = a[i] * cosine, a[i] * sine
