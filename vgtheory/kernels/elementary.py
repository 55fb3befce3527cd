"""Elementary functions without branches, so that LLVM vectorises the loops that they are inlined into.

Libraries' exp, log or erf are calls, and a call in a loop ends vectorisation; these are selects and polynomials.
Contract: NaN gives NaN; infinities give limits; results and arguments may be subnormal; the sign of a zero result is
not defined (flag nsz).  Errors are stated in ulp, tested against ball arithmetic over the whole range.

Polynomials are Chebyshev interpolants computed with 60 digits, unless a source is named.  Reductions of arguments
follow fdlibm (Sun Microsystems, 1993).
"""

import math

import numpy as np

from vgtheory.kernels._jit import elementwise, exact

ROUNDER = 6755399441055744.0  # 1.5·2^52: adding it rounds to an integer, which then sits in the low bits
LN2_HIGH = 6.93147180369123816490e-01  # 32 bits, so that k·LN2_HIGH is exact for every exponent k
LN2_LOW = 1.90821492927058770002e-10
UPPER_HALF = -134217728  # mask of the upper 26 bits of a significand: their products are exact


@elementwise
def bits(x):
    """Return the bits of a double as a 64-bit integer."""
    return np.float64(x).view(np.int64)


@elementwise
def from_bits(i):
    """Return the double that has these bits."""
    return np.int64(i).view(np.float64)


@elementwise
def exponent(x):
    """Return E with x = m·2^E, 1/2 ≤ |m| < 1, as a double; -1e300 for 0."""
    return -1e300 if x == 0.0 else np.float64(math.frexp(x)[1])


@elementwise
def scaled(x, k):
    """Return x·2^k for a whole number k, given as a double: ±∞ or 0 beyond the range."""
    limited = -2040.0 if k < -2040.0 else k
    limited = 2040.0 if limited > 2040.0 else limited
    half = np.floor(limited * 0.5)  # 2^k itself may overflow where the product does not
    first = from_bits(np.int64(half + 1023.0) << 52)
    return x * first * from_bits(np.int64(limited - half + 1023.0) << 52)


@exact
def two_product(a, b):
    """Return (p, e): p = a·b rounded, e its rounding error to 52 bits (Dekker 1971), for |a|, |b|, |a·b| < 1e300.

    Compiled without fused operations, which would take a·b unrounded into one use and rounded into another.
    """
    p = a * b
    a1 = from_bits(bits(a) & UPPER_HALF)
    b1 = from_bits(bits(b) & UPPER_HALF)
    a2 = a - a1
    b2 = b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


@exact
def two_sum(a, b):
    """Return (s, e): s = a + b rounded, e its rounding error (Knuth 1969)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@elementwise
def _exp_parts(x, tail):
    """Return (q, k/2, k - k/2) with exp(x + tail) = 2^k (1 + q), |q| < 0.42, k split because 2^±1075 is no double."""
    u = -746.0 if x < -746.0 else x
    u = 710.0 if u > 710.0 else u
    shifted = u * 1.4426950408889634 + ROUNDER
    k = shifted - ROUNDER
    r = (u - k * LN2_HIGH) - (k * LN2_LOW - tail)
    w = r * r  # even and odd powers apart: half as long a chain of the same operations
    even = 2.091477283224809e-09
    even = even * w + 2.755727343657049e-07
    even = even * w + 2.480158732571076e-05
    even = even * w + 0.0013888888888883703
    even = even * w + 0.04166666666666667
    even = even * w + 0.5
    odd = 2.510533724466521e-08
    odd = odd * w + 2.755725511097889e-06
    odd = odd * w + 0.00019841269875048905
    odd = odd * w + 0.00833333333332607
    odd = odd * w + 0.1666666666666667
    p = even + r * odd
    n = bits(shifted) - bits(ROUNDER)
    half = n >> np.int64(1)
    return r + w * p, half, n - half


@elementwise
def power_of_two(n):
    """Return 2^n for -1022 ≤ n ≤ 1023."""
    return from_bits((n + np.int64(1023)) << np.int64(52))


@elementwise
def exp_sum(x, tail):
    """Return exp(x + tail) for a tail below an ulp or so of x.  Error < 1 ulp; subnormal results are rounded twice."""
    q, m, n = _exp_parts(x, tail)
    return (1.0 + q) * power_of_two(m) * power_of_two(n)


@elementwise
def exp(x):
    """Return eˣ.  Error < 1 ulp."""
    return exp_sum(x, 0.0)


@elementwise
def expm1_sum(x, tail):
    """Return exp(x + tail) - 1.  Error < 1 ulp.  Beside `exp_sum` of the same argument it costs next to nothing."""
    q, m, n = _exp_parts(x, tail)
    scale = power_of_two(m)
    return (scale * q + (scale - power_of_two(-n))) * power_of_two(n)


@elementwise
def expm1(x):
    """Return eˣ - 1.  Error < 1 ulp."""
    return expm1_sum(x, 0.0)


@elementwise
def _log_reduced(u, correction):
    """Return log(u) + correction/u for a positive, finite u (fdlibm's e_log.c and s_log1p.c, without branches)."""
    u = np.float64(u)  # without jit it may be Python's float, which raises at 0/0
    tiny = u < 2.2250738585072014e-308
    v = u * 18014398509481984.0 if tiny else u
    i = bits(v)
    # Significand in [√½, √2).
    n = (i - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
    f = from_bits(i - (n << np.int64(52))) - 1.0
    k = np.float64(n) - (54.0 if tiny else 0.0)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    even = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    h = 0.5 * f * f
    return k * LN2_HIGH - ((h - (s * (h + (odd + even)) + (k * LN2_LOW + correction / u))) - f)


@elementwise
def log(x):
    """Return ln x; -inf at 0, NaN below.  Error < 1 ulp."""
    result = _log_reduced(x, 0.0)
    result = -math.inf if x == 0.0 else result
    result = math.nan if x < 0.0 else result
    return x if (x != x or x == math.inf) else result


@elementwise
def log1p(x):
    """Return ln(1 + x); -inf at -1, NaN below.  Error < 1 ulp."""
    u = 1.0 + x
    correction = 1.0 - (u - x) if u > 2.0 else x - (u - 1.0)
    result = _log_reduced(u, correction)
    result = -math.inf if x == -1.0 else result
    result = math.nan if x < -1.0 else result
    return x if (x != x or x == math.inf) else result


@elementwise
def log1p_unit(x):
    """Return ln(1 + x) for 0 ≤ x ≤ 1, twice as fast as `log1p`: 2 artanh(x/(2 + x)).  Error < 2 ulp."""
    s = x / (2.0 + x)
    z = s * s
    w = z * z
    even = 0.1563057780092285
    even = even * w + 0.10845178394880015
    even = even * w + 0.13335178631449257
    even = even * w + 0.18181819897962714
    even = even * w + 0.285714285716001
    even = even * w + 0.6666666666666666
    odd = 0.07492143795550767
    odd = odd * w + 0.11734279061303197
    odd = odd * w + 0.1538454396486055
    odd = odd * w + 0.2222222219823677
    odd = odd * w + 0.39999999999999525
    p = even + z * odd
    return 2.0 * s + s * z * p


@elementwise
def tanh(x):
    """Return tanh x.  Error < 3 ulp."""
    t = expm1(-2.0 * abs(x))
    return math.copysign(-t / (2.0 + t), x)


@elementwise
def sigmoid(x):
    """Return 1/(1 + e^(-x)).  Error < 2 ulp."""
    n = exp(-abs(x))
    return (1.0 if x >= 0.0 else n) / (1.0 + n)


@elementwise
def softplus(x):
    """Return ln(1 + eˣ).  Error < 2 ulp."""
    return (0.0 if x < 0.0 else x) + log1p_unit(exp(-abs(x)))


@elementwise
def asinh(x):
    """Return arsinh x.  Error < 2 ulp."""
    t = abs(x)
    far = t > 1e17
    u = 1.0 if far else t
    inside = u + u * u / (1.0 + math.sqrt(1.0 + u * u))
    near = log1p(t if far else inside)
    return math.copysign(near + 6.931471805599453e-01 if far else near, x)
