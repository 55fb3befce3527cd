"""Sine, cosine, tangent and arctangent; the contract is that of ``elementary``."""

import math

import numpy as np

from vgtheory.kernels._jit import elementwise
from vgtheory.kernels.elementary import ROUNDER, bits

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
