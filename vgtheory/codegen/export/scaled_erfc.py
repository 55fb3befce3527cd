"""e^{x²} erfc(x) for frameworks that lack it: one Chebyshev sum for all x ≥ 0."""

from __future__ import annotations

from functools import cache

import mpmath

# (1 + 2x) erfcx(x) in y = (x − 3.75)/(x + 3.75) is smooth on [−1, 1]: Shepherd & Laframboise (1981), with their 3.75.
CENTER = 3.75
_DEGREE = 47


@cache
def chebyshev_coefficients() -> tuple[float, ...]:
    """Return the Chebyshev coefficients of (1 + 2x) erfcx(x) in y, until they fall below 2e-17.

    From values to 40 digits at Chebyshev's points: those of a double-precision erfcx leave noise in the last ones.
    """
    with mpmath.workdps(40):
        angles = [mpmath.pi * (2 * j + 1) / (2 * (_DEGREE + 1)) for j in range(_DEGREE + 1)]
        values = []
        for angle in angles:
            y = mpmath.cos(angle)
            x = mpmath.mpf(CENTER) * (1 + y) / (1 - y)
            values.append((1 + 2 * x) * mpmath.exp(x * x) * mpmath.erfc(x))
        sums = (sum(v * mpmath.cos(k * a) for v, a in zip(values, angles, strict=True)) for k in range(_DEGREE + 1))
        coefficients = [float(2 * s / (_DEGREE + 1)) for s in sums]
    coefficients[0] /= 2
    while abs(coefficients[-1]) < 2e-17:
        coefficients.pop()
    return tuple(coefficients)
