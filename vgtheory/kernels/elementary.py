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
def reciprocal(d):
    """Return 1/d for 1e-300 < d < 1e300.  Error < 1 ulp; three times as fast as the divider of wide vectors.

    The bits of a number are about linear in its logarithm: a guess to 12 %, whose error two steps cube and one squares.
    """
    y = from_bits(np.int64(0x7FDE6238502484BA) - bits(d))
    e = 1.0 - d * y
    y = y + y * (e + e * e)
    e = 1.0 - d * y
    y = y + y * (e + e * e)
    return y + y * (1.0 - d * y)


@elementwise
def _exp_parts(x, tail):
    """Return (q, k/2, k - k/2) with exp(x + tail) = 2^k (1 + q), |q| < 0.42, k split because 2^±1075 is no double."""
    u = -746.0 if x < -746.0 else x
    u = 710.0 if u > 710.0 else u
    shifted = u * 1.4426950408889634 + ROUNDER
    k = shifted - ROUNDER
    r = (u - k * LN2_HIGH) - (k * LN2_LOW - tail)
    p = 2.091477283224809e-09
    p = p * r + 2.510533724466521e-08
    p = p * r + 2.755727343657049e-07
    p = p * r + 2.755725511097889e-06
    p = p * r + 2.480158732571076e-05
    p = p * r + 0.00019841269875048905
    p = p * r + 0.0013888888888883703
    p = p * r + 0.00833333333332607
    p = p * r + 0.04166666666666667
    p = p * r + 0.1666666666666667
    p = p * r + 0.5
    n = bits(shifted) - bits(ROUNDER)
    half = n >> np.int64(1)
    return r + r * r * p, half, n - half


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
    p = 0.1563057780092285
    p = p * z + 0.07492143795550767
    p = p * z + 0.10845178394880015
    p = p * z + 0.11734279061303197
    p = p * z + 0.13335178631449257
    p = p * z + 0.1538454396486055
    p = p * z + 0.18181819897962714
    p = p * z + 0.2222222219823677
    p = p * z + 0.285714285716001
    p = p * z + 0.39999999999999525
    p = p * z + 0.6666666666666666
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
def erfcx(x):
    """Return exp(x²) erfc(x) for x ≥ 0; of smaller x the value at 0.  Error < 4 ulp.

    (1 + 2x) erfcx(x) is nearly constant in t = (x - 3)/(x + 3) (Shepherd and Laframboise 1981).
    """
    a = 0.0 if x < 0.0 else x
    a = 1e150 if a > 1e150 else a
    t = (a - 3.0) / (a + 3.0)
    p = -1.963916858054108e-10
    p = p * t - 3.5596455016217064e-11
    p = p * t + 2.115962671989073e-09
    p = p * t + 1.2087504427200233e-09
    p = p * t - 1.1887923223951075e-08
    p = p * t - 1.3924844635302213e-08
    p = p * t + 4.72080673199222e-08
    p = p * t + 1.0280982449402661e-07
    p = p * t - 1.4710961394997167e-07
    p = p * t - 6.175922646727533e-07
    p = p * t + 3.6059375955111935e-07
    p = p * t + 3.4730449918834743e-06
    p = p * t - 7.332447173064987e-07
    p = p * t - 2.0100852729251828e-05
    p = p * t + 4.9500234180295395e-06
    p = p * t + 0.00012509943856881694
    p = p * t - 0.00010515990906392902
    p = p * t - 0.0007798322890919704
    p = p * t + 0.001888690372865711
    p = p * t + 0.0025293918181241806
    p = p * t - 0.023770514919609846
    p = p * t + 0.06830802734383974
    p = p * t - 0.11927366341527554
    p = p * t + 0.1296451587027649
    p = p * t - 0.047562294353451176
    p = p * t - 0.13562110612458123
    p = p * t + 1.2530080582697296
    result = p / (1.0 + 2.0 * a)
    return 0.0 if x == math.inf else result


@elementwise
def exp_minus_square(x):
    """Return exp(-x²), with x² to twice the working precision.  Error < 1 ulp."""
    a = 28.0 if x > 28.0 else x
    a = -28.0 if a < -28.0 else a
    square, error = two_product(a, a)
    return exp_sum(-square, -error)


@elementwise
def erfc(x):
    """Return erfc x.  Error < 4 ulp where the result is normal."""
    tail = exp_minus_square(x) * erfcx(abs(x))
    return 2.0 - tail if x < 0.0 else tail


@elementwise
def erf(x):
    """Return erf x.  Error < 2 ulp."""
    a = abs(x)
    t = 2.0 * (1.0 if a > 1.0 else a * a) - 1.0
    p = 1.4543887079465116e-14
    p = p * t - 3.8078824063194953e-13
    p = p * t + 9.167619596865806e-12
    p = p * t - 2.035228405815769e-10
    p = p * t + 4.115800583208149e-09
    p = p * t - 7.511569286591727e-08
    p = p * t + 1.223382738359897e-06
    p = p * t - 1.7537169441124866e-05
    p = p * t + 0.00021751715604159932
    p = p * t - 0.0022854855611441132
    p = p * t + 0.019852496688983708
    p = p * t - 0.1405360890227171
    p = p * t + 0.9654687386698673
    small = x * p
    large = math.copysign(1.0 - exp_minus_square(x) * erfcx(a), x)
    return small if a < 1.0 else large


NEAR = 1e6  # arguments up to this are reduced with enough digits of π: k·PI_1 is exact for k < 2^20
TWO_OVER_PI = 6.36619772367581382433e-01
PI_1 = 1.57079632673412561417e00  # the first 33 bits of π/2, and the next, and the next (fdlibm's e_rem_pio2.c)
PI_2 = 6.07710050630396597660e-11
PI_3 = 2.02226624871116645580e-21
PI_REST = 8.47842766036889956997e-32


@elementwise
def sincos_near(x):
    """Return (sin x, cos x) for |x| ≤ 1e6.  Error < 1 ulp (fdlibm's k_sin.c and k_cos.c)."""
    shifted = x * TWO_OVER_PI + ROUNDER
    k = shifted - ROUNDER
    a = x - k * PI_1
    b = k * PI_2
    high = a - b
    low = (a - high) - b
    c = k * PI_3
    y = high - c
    rest = (((high - y) - c) + low) - k * PI_REST
    # y may have cancelled: |rest| is brought below half an ulp of it again
    u = y + rest
    rest = (y - u) + rest
    z = u * u
    v = z * u
    p = -2.50507602534068634195e-08 + z * 1.58969099521155010221e-10
    p = -1.98412698298579493134e-04 + z * (2.75573137070700676789e-06 + z * p)
    p = 8.33333333332248946124e-03 + z * p
    s = u - ((z * (0.5 * rest - v * p) - rest) - v * -1.66666666666666324348e-01)
    p = 2.08757232129817482790e-09 - z * 1.13596475577881948265e-11
    p = 2.48015872894767294178e-05 + z * (-2.75573143513906633035e-07 + z * p)
    p = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * p)
    half = 0.5 * z
    w = 1.0 - half
    e = w + (((1.0 - w) - half) + (z * (z * p) - u * rest))
    quarter = bits(shifted)
    odd = (quarter & np.int64(1)) != np.int64(0)
    sine = e if odd else s
    cosine = s if odd else e
    flip_sine = (quarter & np.int64(2)) != np.int64(0)
    flip_cosine = ((quarter + np.int64(1)) & np.int64(2)) != np.int64(0)
    return (-sine if flip_sine else sine), (-cosine if flip_cosine else cosine)


@elementwise
def sin_near(x):
    """Return sin x for |x| ≤ 1e6.  Error < 1 ulp."""
    sine, _ = sincos_near(x)
    return sine


@elementwise
def cos_near(x):
    """Return cos x for |x| ≤ 1e6.  Error < 1 ulp."""
    _, cosine = sincos_near(x)
    return cosine


@elementwise
def tan_near(x):
    """Return tan x for |x| ≤ 1e6.  Error < 2 ulp."""
    sine, cosine = sincos_near(x)
    return sine / cosine


@elementwise
def atan(x):
    """Return arctan x.  Error < 1 ulp: π/4 or π/2 and the arctangent of a number below tan(π/8) (fdlibm's s_atan.c)."""
    t = abs(x)
    middle = t > 0.41421356237309503
    large = t > 2.414213562373095
    above = t - 1.0 if middle else t
    below = t + 1.0 if middle else 1.0
    above = -1.0 if large else above
    below = t if large else below
    w = above / below
    z = w * w
    y = z * z
    odd = 4.97687799461593236017e-02 + y * 1.62858201153657823623e-02
    odd = 9.09088713343650656196e-02 + y * (6.66107313738753120669e-02 + y * odd)
    odd = z * (3.33333333333329318027e-01 + y * (1.42857142725034663711e-01 + y * odd))
    even = -5.83357013379057348645e-02 - y * 3.65315727442169155270e-02
    even = -1.11111104054623557880e-01 + y * (-7.69187620504482999495e-02 + y * even)
    even = y * (-1.99999999998764832476e-01 + y * even)
    high = 7.85398163397448278999e-01 if middle else 0.0
    low = 3.06161699786838301793e-17 if middle else 0.0
    high = 1.57079632679489655800e00 if large else high
    low = 6.12323399573676603587e-17 if large else low
    return math.copysign(high - ((w * (odd + even) - low) - w), x) if x == x else x


@elementwise
def asinh(x):
    """Return arsinh x.  Error < 2 ulp."""
    t = abs(x)
    far = t > 1e17
    u = 1.0 if far else t
    inside = u + u * u / (1.0 + math.sqrt(1.0 + u * u))
    near = log1p(t if far else inside)
    return math.copysign(near + 6.931471805599453e-01 if far else near, x)
