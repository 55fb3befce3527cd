"""Where φ' vanishes, touches zero or has an extremum: the places at which panels of its law meet."""

import numpy as np

from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.sections import Function, crossings, peaks

# Where φ' touches zero without a change of sign (1 + sin 2h) it cancels: closer than NEAR it is taken as a power of the
# distance.  A minimum of ln|φ'| is such a zero if it lies lower than the largest by _TOUCH.
NEAR, _TOUCH = 1e-4, 14.0
_POINTS = 512  # at which φ' is asked at a time: a call costs as much as hundreds of points


def special_points(
    log_slope: Function, slope: Function, lo: float, hi: float, scale: float
) -> tuple[Array, Array, Array]:
    """Return the zeros, the extrema and the touching zeros of φ' inside (lo, hi), by sign changes and bisection."""
    step = min(0.05, 0.02 * scale)
    count = int(min((hi - lo) / step, 60_000)) + 2
    near = np.geomspace(1e-4 * scale, hi - lo, 400)
    h = np.unique(np.concatenate([np.linspace(lo, hi, count), lo + near[near < hi - lo], hi - near[near < hi - lo]]))
    h = h[(h >= lo) & (h <= hi)]
    value = slope(h)
    change = np.flatnonzero((np.sign(value[1:]) * np.sign(value[:-1])) < 0)
    met = np.flatnonzero((value[1:-1] == 0) & (value[:-2] != 0) & (value[2:] != 0)) + 1
    zeros = np.unique(np.concatenate([crossings(slope, h[change], h[change + 1], _POINTS), h[met]]))
    with np.errstate(invalid="ignore"):
        level = log_slope(h)
        rise = np.diff(level)
        noise = 1e-12 * (1 + np.abs(level[1:]))
    rise = np.where(np.isfinite(rise) & (np.abs(rise) > noise), np.sign(rise), 0.0)
    turn = np.flatnonzero(rise[1:] * rise[:-1] < 0) + 1
    extrema = peaks(log_slope, h[turn - 1], h[turn + 1], rise[turn - 1], _POINTS)
    apart = np.array([not np.any(np.abs(zeros - e) < 1e-6 * max(1.0, abs(e))) for e in extrema], dtype=bool)
    extrema, lowest = extrema[apart], rise[turn - 1][apart] < 0
    with np.errstate(invalid="ignore"):
        touching = lowest & (log_slope(extrema) < np.nanmax(level) - _TOUCH)
    return zeros, extrema[~touching], _vertices(slope, extrema[touching], NEAR * min(1.0, scale))


def _vertices(f: Function, h: Array, step: float) -> Array:
    """Return the vertices of parabolas through f at h and at h ± step: sections lose half the digits."""
    left, middle, right = f(h - step), f(h), f(h + step)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = h + step * (left - right) / (2 * (left - 2 * middle + right))
    return np.where(np.abs(moved - h) < step, moved, h)
