"""The error functions; the contract is that of ``elementary``."""

import math

from vgtheory.kernels._jit import elementwise
from vgtheory.kernels.elementary import exp_sum, two_product


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
