"""Elementary functions in double arithmetic for results in single precision: errors below 2e-9, half the work.

They replace those of ``elementary`` in generated rows over float32 arrays, where rounding once at the end costs 3e-8.
Polynomials are Chebyshev interpolants computed with 40 digits.
"""

import numpy as np

from vgtheory.kernels._jit import elementwise
from vgtheory.kernels.elementary import LN2_HIGH, LN2_LOW, PI_1, PI_2, ROUNDER, TWO_OVER_PI, bits, power_of_two


@elementwise
def two_product(a, b):
    """Return (a·b, 0): the rounding error of a double is of no account here."""
    return a * b, 0.0


@elementwise
def two_sum(a, b):
    """Return (a + b, 0)."""
    return a + b, 0.0


@elementwise
def _exp_parts(x, tail):
    """Return (q, 2^k) with exp(x) = 2^k (1 + q), for |x| ≤ 700; beyond that the value at ±700."""
    u = -700.0 if x < -700.0 else x
    u = 700.0 if u > 700.0 else u
    shifted = u * 1.4426950408889634 + ROUNDER
    k = shifted - ROUNDER
    r = (u - k * LN2_HIGH) - k * LN2_LOW
    p = 0.00019891080463998843
    p = p * r + 0.0013933730715792083
    p = p * r + 0.008333310844647862
    p = p * r + 0.04166646419740569
    p = p * r + 0.16666666681704215
    p = p * r + 0.500000001353873
    return r + r * r * p, power_of_two(bits(shifted) - bits(ROUNDER))


@elementwise
def exp_sum(x, tail):
    """Return exp(x); the tail is of no account."""
    q, scale = _exp_parts(x, tail)
    return scale + scale * q


@elementwise
def exp(x):
    """Return eˣ."""
    return exp_sum(x, 0.0)


@elementwise
def expm1_sum(x, tail):
    """Return exp(x) - 1."""
    q, scale = _exp_parts(x, tail)
    return scale * q + (scale - 1.0)


@elementwise
def expm1(x):
    """Return eˣ - 1."""
    return expm1_sum(x, 0.0)


@elementwise
def exp_minus_square(x):
    """Return exp(-x²)."""
    return exp_sum(-x * x, 0.0)


@elementwise
def log1p_unit(x):
    """Return ln(1 + x) for 0 ≤ x ≤ 1."""
    s = x / (2.0 + x)
    z = s * s
    p = 0.20787616855746752
    p = p * z + 0.17464702465440773
    p = p * z + 0.22264711209001325
    p = p * z + 0.2857030572188366
    p = p * z + 0.4000001076994966
    p = p * z + 0.6666666665002361
    return 2.0 * s + s * z * p


@elementwise
def erfcx(x):
    """Return exp(x²) erfc(x) for x ≥ 0; of smaller x the value at 0."""
    a = 0.0 if x < 0.0 else x
    a = 1e150 if a > 1e150 else a
    t = (a - 3.0) / (a + 3.0)
    p = -1.3169874678591097e-07
    p = p * t - 1.1039710043070329e-05
    p = p * t + 4.3232205758375235e-06
    p = p * t + 0.000113189114183447
    p = p * t - 0.0001047658020783463
    p = p * t - 0.0007713019885507317
    p = p * t + 0.0018885464637363092
    p = p * t + 0.0025260256479564505
    p = p * t - 0.023770486690952122
    p = p * t + 0.06830871945387393
    p = p * t - 0.11927366592992146
    p = p * t + 0.12964509537128008
    p = p * t - 0.04756229428715902
    p = p * t - 0.13562110443635378
    p = p * t + 1.2530080582697296
    return p / (1.0 + 2.0 * a)


@elementwise
def sincos_near(x):
    """Return (sin x, cos x) for |x| ≤ 1e6."""
    shifted = x * TWO_OVER_PI + ROUNDER
    k = shifted - ROUNDER
    u = (x - k * PI_1) - k * PI_2
    z = u * u
    p = 2.7246868722877944e-06
    p = p * z - 0.00019840063040804117
    p = p * z + 0.00833333183062943
    p = p * z - 0.16666666663741367
    s = u + u * z * p
    p = -2.7298407652795173e-07
    p = p * z + 2.4800580601354642e-05
    p = p * z - 0.0013888887635227975
    p = p * z + 0.04166666666422613
    e = 1.0 - 0.5 * z + z * z * p
    quarter = bits(shifted)
    odd = (quarter & np.int64(1)) != np.int64(0)
    sine = e if odd else s
    cosine = s if odd else e
    flip_sine = (quarter & np.int64(2)) != np.int64(0)
    flip_cosine = ((quarter + np.int64(1)) & np.int64(2)) != np.int64(0)
    return (-sine if flip_sine else sine), (-cosine if flip_cosine else cosine)


@elementwise
def atan(x):
    """Return arctan x."""
    t = abs(x)
    middle = t > 0.41421356237309503
    large = t > 2.414213562373095
    above = t - 1.0 if middle else t
    below = t + 1.0 if middle else 1.0
    above = -1.0 if large else above
    below = t if large else below
    w = above / below
    z = w * w
    p = 0.05047820620035853
    p = p * z - 0.08624552940250581
    p = p * z + 0.11071348499196115
    p = p * z - 0.14284150302070778
    p = p * z + 0.19999977242158135
    p = p * z - 0.33333333279206956
    high = 7.85398163397448278999e-01 if middle else 0.0
    high = 1.57079632679489655800e00 if large else high
    value = high + (w + w * z * p)
    return -value if x < 0.0 else value
