"""The mean spacing ratio of large matrices for any β.

For N eigenvalues of the circular ensemble it is an integral over N − 1 angles, done to 1e-6 by Gauss–Jacobi rules for
N ≤ 7 (``python -m benchmarks.mean_ratios``); it tends to its limit as N⁻⁴, and the terms N⁻⁴, N⁻⁶ and N⁻⁸ of four N
leave it.  Two such extrapolations agree to 1e-6 from β = 0.5 on, and to 1e-5 below; at β = 2 it is the 0.5997504 of
Nishigaki (2024).
"""

from __future__ import annotations

from functools import cache
from math import log, pi, sqrt

import numpy as np
from numpy.polynomial import Chebyshev

from vgtheory.random_matrices.spacings.surmises import ratio_surmise

ERROR = 2e-5  # of what is found for 0 < β, that of the curve between the values below included
_KNOWN = (
    (0.02, 0.3912974), (0.05, 0.3984248), (0.1, 0.4094703), (0.175, 0.4244947), (0.25, 0.4380671), (0.35, 0.4543891),
    (0.5, 0.4759061), (0.7, 0.5004121), (1, 0.5307295), (1.25, 0.5517222), (1.5, 0.5698362), (1.75, 0.5856970),
    (2, 0.5997504), (2.5, 0.6236721), (3, 0.6434118), (3.5, 0.6600886), (4, 0.6744386), (5, 0.6980444),
    (6, 0.7168352), (7, 0.7322839), (8, 0.7452952), (10, 0.7661911), (12, 0.7824205), (16, 0.8064027),
    (24, 0.8367518), (32, 0.8558700),
)  # fmt: skip
# By what the surmise is above it, times √(1 + β): at β = 0 the mean of independent levels is 2 ln 2 − 1; as β → ∞
# levels are a crystal, whose second differences have the variance V/β, V = ∫ (2 − 2cos k)²/(πk − k²/2) dk/2π over
# 0 < k < 2π, instead of the surmise's 4/(3β).
_AT_0 = 1.5 * sqrt(3) / pi * log(3) + 0.5 - 2 * log(2)
_AT_INFINITY = sqrt(2 / pi) * (sqrt(1.3447868326908172) - sqrt(4 / 3))
_DEGREE = 10


@cache
def _excess() -> Chebyshev:
    """Return by what the surmise is above the limit, times √(1 + β), in 1/√(1 + β)."""
    above = [(ratio_surmise(beta).mean() - mean, sqrt(1 + beta)) for beta, mean in _KNOWN]
    places = np.array([1.0, *(1 / unit for _, unit in above), 0.0])
    values = [_AT_0, *(value * unit for value, unit in above), _AT_INFINITY]
    return Chebyshev.fit(places, values, _DEGREE, domain=[0, 1], w=places + 0.05)


def mean_ratio(beta: float) -> float:
    """Return the mean spacing ratio of large matrices: exact at β = 0, to 2e-5 at any other β.

    By exact integrals of few eigenvalues on a circle, extrapolated in their number, at 26 values of β, the limits at 0
    and ∞, and a curve through these.

    Raises
    ------
    InputError : not 0 ≤ β ≤ 10,000.

    Examples
    --------
    >>> [round(mean_ratio(beta), 4) for beta in (0, 1, 2, 4)]
    [0.3863, 0.5307, 0.5998, 0.6744]
    """
    found = ratio_surmise(beta)
    if not found.beta:
        return 2 * log(2) - 1
    unit = sqrt(1 + found.beta)
    return found.mean() - float(_excess()(1 / unit)) / unit
