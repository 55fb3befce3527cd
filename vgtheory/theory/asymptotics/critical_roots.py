"""The equation q = E φ²/E φ'² + σ_b² of the critical points, as far up as its own two means can be computed.

The moment table ends where any of its ten moments, up to E φ'⁶, stops being finite: under φ = exp(c x²) that is a third
of the variance up to which E φ² and E φ'² are.  Between the two the quadrature itself is asked.
"""

from math import log
from typing import NamedTuple

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.theory.asymptotics.grid_roots import sign_changes
from vgtheory.theory.asymptotics.moments import MomentTable

_MOST_BEYOND = 2000  # places beyond the table that are looked at


class CriticalRoots(NamedTuple):
    """The roots, in ln q, and the largest ln q that the search reached."""

    roots: list[float]
    top: float


def critical_roots(table: MomentTable, sigma_b: float, lowest: float, highest: float, step: float) -> CriticalRoots:
    """Return the roots of q = E φ²/E φ'² + σ_b² with ln q from `lowest` to `highest`.

    Parameters
    ----------
    highest : the ln q up to which roots are wanted; the search ends before where a mean is no longer computed.
    step : about the spacing in ln q of the places that are looked at.
    """
    end = min(highest, table.highest(lowest) - 1e-9)
    count = int((end - lowest) / step)
    grid, end = (np.linspace(lowest, end, count + 1), end) if count > 1 else (np.empty(0), lowest - step)

    def residual(t: Array) -> Array:
        ratio = np.empty_like(t)
        inside = t <= end
        if inside.any():
            m = table.at(t[inside])
            ratio[inside] = m.log_square - m.log_slope_square
        ratio[~inside] = [_direct_ratio(table, x) for x in t[~inside].tolist()]
        return (np.logaddexp(ratio, 2 * log(sigma_b)) if sigma_b else ratio) - t

    whole = np.append(grid, _further(table, end, step, highest))
    return CriticalRoots(sign_changes(residual, whole), float(max(whole, default=lowest)))


def _further(table: MomentTable, end: float, step: float, highest: float) -> list[float]:
    """Return the places beyond the table at which both means are computed, up to the first at which one is not."""
    found: list[float] = []
    while len(found) < _MOST_BEYOND:
        at = end + step * (len(found) + 1)
        if at > highest or not np.isfinite(_direct_ratio(table, at)):
            break
        found.append(at)
    return found


def _direct_ratio(table: MomentTable, log_q: float) -> float:
    """Return ln(E φ²/E φ'²) by quadrature, nan where one of them cannot be computed."""
    try:
        m = table.direct(np.array([log_q]))
    except UnsupportedError:
        return float("nan")
    both = np.isfinite(m.log_square[0]) and np.isfinite(m.log_slope_square[0])
    return float(m.log_square[0] - m.log_slope_square[0]) if both else float("nan")
