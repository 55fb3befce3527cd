"""The elementary functions of ``elementary`` in single precision: every operation a float32, twice the lanes.

They replace those of ``elementary`` in generated rows over float32 arrays; the same contract, errors in float32's ulp.
Polynomials are Chebyshev interpolants computed with 60 digits.  Numba makes every sum of 32-bit integers a 64-bit one
and every sum with a Python number a double, hence the casts: F and I.
"""

import math

import numpy as np

from vgtheory.kernels._intrinsics import fused
from vgtheory.kernels._jit import elementwise, exact

F = np.float32
I = np.int32  # noqa: E741 - beside F
ROUNDER = F(12582912.0)  # 1.5·2^23: adding it rounds to an integer, which then sits in the low bits
ONE = 0x3F800000  # the bits of 1
LN2_HIGH = F(6.9313812256e-01)  # 16 bits (fdlibm's e_logf.c): k·LN2_HIGH is exact for every exponent k
LN2_LOW = F(9.0580006145e-06)


@elementwise
def bits(x):
    """Return the bits of a float32 as a 32-bit integer."""
    return F(x).view(I)


@elementwise
def from_bits(i):
    """Return the float32 that has these bits."""
    return I(i).view(F)


@exact
def two_product(a, b):
    """Return (p, e): p = a·b rounded, e its rounding error."""
    p = a * b
    return p, fused(a, b, -p)


@exact
def two_product_rest(a, b, rest):
    """Return (p, e) with p + e = a·(b + rest) for a rest below an ulp of b."""
    p = a * b
    return p, fused(a, b, -p) + a * rest


@exact
def two_sum(a, b):
    """Return (s, e): s = a + b rounded, e its rounding error (Knuth 1969)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@exact
def two_sum_rest(a, b, rest):
    """Return (s, e) with s + e = a + b + rest for a rest below an ulp of b."""
    s = a + b
    t = s - a
    return s, ((a - (s - t)) + (b - t)) + rest


@exact
def square_of_one_and(n):
    """Return (1 + n)² for 0 ≤ n ≤ 1 as if the sum were not rounded."""
    s = F(1.0) + n
    return fused(s, s, F(2.0) * s * (n - (s - F(1.0))))


@elementwise
def _exp_parts(x, tail):
    """Return (q, k/2, k - k/2) with exp(x + tail) = 2^k (1 + q), |q| < 0.42, the halves as exponents without bias."""
    u = F(-104.0) if x < F(-104.0) else x
    u = F(89.0) if u > F(89.0) else u
    shifted = u * F(1.4426950408889634) + ROUNDER
    k = shifted - ROUNDER
    r = (u - k * LN2_HIGH) - (k * LN2_LOW - tail)
    p = F(0.00019891103147529066)
    p = p * r + F(0.0013933751033619046)
    p = p * r + F(0.00833331048488617)
    p = p * r + F(0.041666463017463684)
    p = p * r + F(0.1666666716337204)
    p = p * r + F(0.5)
    n = bits(shifted)  # shifting to the left loses what ROUNDER put above k
    half = I(I(n << I(22)) & I(-8388608))
    return r + r * r * p, half, I(I(n << I(23)) - half)


@elementwise
def exp_sum(x, tail):
    """Return exp(x + tail) for a tail below an ulp or so of x.  Error < 1 ulp; subnormal results are rounded twice."""
    q, m, n = _exp_parts(x, tail)
    return (F(1.0) + q) * from_bits(I(m + I(ONE))) * from_bits(I(n + I(ONE)))


@elementwise
def exp(x):
    """Return eˣ.  Error < 1 ulp."""
    return exp_sum(x, F(0.0))


@elementwise
def expm1_sum(x, tail):
    """Return exp(x + tail) - 1.  Error < 1.5 ulp.  Beside `exp_sum` of the same argument it costs next to nothing."""
    q, m, n = _exp_parts(x, tail)
    scale = from_bits(I(m + I(ONE)))
    return (scale * q + (scale - from_bits(I(I(ONE) - n)))) * from_bits(I(n + I(ONE)))


@elementwise
def expm1(x):
    """Return eˣ - 1.  Error < 1.5 ulp."""
    return expm1_sum(x, F(0.0))


@elementwise
def _log_reduced(u, correction):
    """Return log(u) + correction/u for a positive, finite u."""
    tiny = u < F(1.17549435e-38)
    v = u * F(33554432.0) if tiny else u
    i = bits(v)
    # Significand in [√½, √2).
    n = I(I(i - I(0x3F3504F3)) >> I(23))
    f = from_bits(I(i - I(n << I(23)))) - F(1.0)
    k = F(n) - (F(25.0) if tiny else F(0.0))
    s = f / (F(2.0) + f)
    z = s * s
    p = F(0.23330964148044586)
    p = p * z + F(0.28550803661346436)
    p = p * z + F(0.4000012278556824)
    p = p * z + F(0.6666666865348816)
    h = F(0.5) * f * f
    return k * LN2_HIGH - ((h - (s * (h + z * p) + (k * LN2_LOW + correction / u))) - f)


@elementwise
def log(x):
    """Return ln x; -inf at 0, NaN below.  Error < 1 ulp."""
    result = _log_reduced(x, F(0.0))
    result = F(-math.inf) if x == F(0.0) else result
    result = F(math.nan) if x < F(0.0) else result
    return x if (x != x or x == F(math.inf)) else result


@elementwise
def log1p(x):
    """Return ln(1 + x); -inf at -1, NaN below.  Error < 1.5 ulp."""
    u = F(1.0) + x
    correction = F(1.0) - (u - x) if u > F(2.0) else x - (u - F(1.0))
    result = _log_reduced(u, correction)
    result = F(-math.inf) if x == F(-1.0) else result
    result = F(math.nan) if x < F(-1.0) else result
    return x if (x != x or x == F(math.inf)) else result


@elementwise
def log1p_unit(x):
    """Return ln(1 + x) for 0 ≤ x ≤ 1: 2 artanh(x/(2 + x)).  Error < 2 ulp."""
    s = x / (F(2.0) + x)
    z = s * s
    p = F(0.23224329948425293)
    p = p * z + F(0.2170657515525818)
    p = p * z + F(0.285923570394516)
    p = p * z + F(0.3999970555305481)
    p = p * z + F(0.6666666865348816)
    return F(2.0) * s + s * z * p


@elementwise
def tanh(x):
    """Return tanh x.  Error < 3 ulp."""
    t = expm1(F(-2.0) * abs(x))
    value = t / (F(2.0) + t)
    return value if x < F(0.0) else -value


@elementwise
def sigmoid(x):
    """Return 1/(1 + e^(-x)).  Error < 2.5 ulp."""
    n = exp(-abs(x))
    return (F(1.0) if x >= F(0.0) else n) / (F(1.0) + n)


@elementwise
def softplus(x):
    """Return ln(1 + eˣ).  Error < 2.5 ulp."""
    return (F(0.0) if x < F(0.0) else x) + log1p_unit(exp(-abs(x)))


@elementwise
def asinh(x):
    """Return arsinh x.  Error < 3 ulp."""
    t = abs(x)
    far = t > F(1e9)
    u = F(1.0) if far else t
    inside = u + u * u / (F(1.0) + math.sqrt(F(1.0) + u * u))
    near = log1p(t if far else inside)
    value = near + F(6.931471805599453e-01) if far else near
    return -value if x < F(0.0) else value
