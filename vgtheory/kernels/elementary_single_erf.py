"""The error functions in single precision; the contract is that of ``elementary_single``."""

from vgtheory.kernels._jit import elementwise
from vgtheory.kernels.elementary_single import F, exp_sum, two_product


@elementwise
def erfcx(x):
    """Return exp(x²) erfc(x) for x ≥ 0; of smaller x the value at 0.  Error < 3 ulp.

    (1 + 2x) erfcx(x) is nearly constant in t = (x - 3)/(x + 3) (Shepherd and Laframboise 1981), and 1 at 0.
    """
    a = F(0.0) if x < F(0.0) else x
    near = F(1e30) if a > F(1e30) else a
    w = F(2.0) * near / (near + F(3.0))
    t = w - F(1.0)
    p = F(1.4456936696660705e-05)
    p = p * t + F(6.561761256307364e-05)
    p = p * t + F(-0.00020152611250523478)
    p = p * t + F(-0.0005325559177435935)
    p = p * t + F(0.0024564084596931934)
    p = p * t + F(5.037032678956166e-05)
    p = p * t + F(-0.023839229717850685)
    p = p * t + F(0.0921524241566658)
    p = p * t + F(-0.21142177283763885)
    p = p * t + F(0.34106650948524475)
    p = p * t + F(-0.38862916827201843)
    p = p * t + F(0.25300806760787964)
    return (F(1.0) + w * p) / (F(1.0) + F(2.0) * a)


@elementwise
def exp_minus_square(x):
    """Return exp(-x²), with x² to twice the working precision.  Error < 1.5 ulp."""
    a = F(11.0) if x > F(11.0) else x
    a = F(-11.0) if a < F(-11.0) else a
    square, error = two_product(a, a)
    return exp_sum(-square, -error)


@elementwise
def erfc(x):
    """Return erfc x.  Error < 4 ulp where the result is normal."""
    tail = exp_minus_square(x) * erfcx(abs(x))
    return F(2.0) - tail if x < F(0.0) else tail


@elementwise
def erf(x):
    """Return erf x.  Error < 2 ulp."""
    a = abs(x)
    t = F(2.0) * (F(1.0) if a > F(1.0) else a * a) - F(1.0)
    p = F(1.2306054486543871e-06)
    p = p * t + F(-1.766906825650949e-05)
    p = p * t + F(0.00021751354506704956)
    p = p * t + F(-0.002285419497638941)
    p = p * t + F(0.019852496683597565)
    p = p * t + F(-0.1405360996723175)
    p = p * t + F(0.9654687643051147)
    large = F(1.0) - exp_minus_square(x) * erfcx(a)
    large = -large if x < F(0.0) else large
    return x * p if a < F(1.0) else large
