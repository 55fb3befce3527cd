"""Sine, cosine, tangent and arctangent in single precision; the contract is that of ``elementary_single``."""

from vgtheory.kernels._intrinsics import fused
from vgtheory.kernels._jit import elementwise
from vgtheory.kernels.elementary_single import ROUNDER, F, I, bits

NEAR = F(1e5)  # of all arguments; powers of them are far from overflow, k·PI_1 is exact to 2^-23 for k < 2^17
TWO_OVER_PI = F(6.36619772367581382433e-01)
PI_1 = F(1.5707963705062866)  # π/2 rounded, and what is left of it, and what is left then
PI_2 = F(-4.371138828673793e-08)
PI_3 = F(-1.7151245100058819e-15)


@elementwise
def sincos_near(x):
    """Return (sin x, cos x) for |x| ≤ 1e5.  Error < 2 ulp."""
    shifted = x * TWO_OVER_PI + ROUNDER
    k = ROUNDER - shifted
    u = fused(k, PI_3, fused(k, PI_2, fused(k, PI_1, x)))
    z = u * u
    p = F(2.7245887395110913e-06)
    p = p * z + F(-0.00019840055028907955)
    p = p * z + F(0.008333331905305386)
    p = p * z + F(-0.1666666716337204)
    s = u + u * z * p
    p = F(-2.7297588189867383e-07)
    p = p * z + F(2.480057446518913e-05)
    p = p * z + F(-0.00138888880610466)
    p = p * z + F(0.0416666679084301)
    half = F(0.5) * z
    w = F(1.0) - half
    e = w + (((F(1.0) - w) - half) + z * z * p)
    quarter = bits(shifted)
    odd = I(quarter & I(1)) != I(0)
    sine = e if odd else s
    cosine = s if odd else e
    flip_sine = I(quarter & I(2)) != I(0)
    flip_cosine = I(I(quarter + I(1)) & I(2)) != I(0)
    return (-sine if flip_sine else sine), (-cosine if flip_cosine else cosine)


@elementwise
def sin_near(x):
    """Return sin x for |x| ≤ 1e5.  Error < 2 ulp."""
    sine, _ = sincos_near(x)
    return sine


@elementwise
def cos_near(x):
    """Return cos x for |x| ≤ 1e5.  Error < 2 ulp."""
    _, cosine = sincos_near(x)
    return cosine


@elementwise
def tan_near(x):
    """Return tan x for |x| ≤ 1e5.  Error < 4 ulp."""
    sine, cosine = sincos_near(x)
    return sine / cosine


@elementwise
def atan(x):
    """Return arctan x.  Error < 2 ulp: that of min(|x|, 1/|x|), or π/2 less it."""
    t = abs(x)
    far = t > F(1.0)
    w = (F(1.0) if far else t) / (t if far else F(1.0))
    z = w * w
    p = F(-0.0023869972210377455)
    p = p * z + F(0.01350777130573988)
    p = p * z + F(-0.035871539264917374)
    p = p * z + F(0.0625016912817955)
    p = p * z + F(-0.08656880259513855)
    p = p * z + F(0.11033764481544495)
    p = p * z + F(-0.1427856832742691)
    p = p * z + F(0.19999739527702332)
    p = p * z + F(-0.3333333134651184)
    near = w + w * z * p
    value = PI_1 - (near - PI_2) if far else near
    return -value if x < F(0.0) else value
