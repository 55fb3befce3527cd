"""All roots of a smooth function of one variable on a grid, pairs between two grid points and double roots included."""

from collections.abc import Callable

import numpy as np

from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.sections import crossings, peaks

NOISE = 2e-12  # of ln F − ln q on the moment table: no sign below it means anything
_POINTS = 32  # at which a function is asked at a time: a call on the moment table costs as much as twenty points


def sign_changes(residual: Callable[[Array], Array], t: Array) -> list[float]:
    """Return the roots of `residual` on the grid, pairs between two grid points and double roots included."""
    r = residual(t)
    keep = np.isfinite(r)
    t, r = t[keep], r[keep]
    if len(t) < 3:
        return []
    spacing = t[1] - t[0]
    dips = _dips(r)
    touching = np.empty(0)
    if len(dips):
        # It may touch or cross zero between grid points: look at the bottom.
        bottom = peaks(residual, t[dips - 1], t[dips + 1], -np.sign(r[dips]), _POINTS)
        value = residual(bottom)
        beside = np.minimum(np.abs(r[dips - 1]), np.abs(r[dips + 1]))
        touching = bottom[(np.abs(value) <= NOISE) & (beside > NOISE)]
        order = np.argsort(np.concatenate([t, bottom]))
        t, r = np.concatenate([t, bottom])[order], np.concatenate([r, value])[order]
    solid = np.abs(r) > NOISE  # rounding noise around zero is not a crossing
    t, r = t[solid], r[solid]
    k = np.flatnonzero(r[1:] * r[:-1] < 0)
    crossed = crossings(residual, t[k], t[k + 1], _POINTS) if len(k) else np.empty(0)
    alone = [x for x in touching if not len(crossed) or np.abs(crossed - x).min() > spacing]
    return sorted(float(x) for x in (*crossed, *alone))


def _dips(r: Array) -> np.ndarray:
    """Return where |r| has a low point without a change of sign that is deep enough to reach zero between grid points.

    A smooth r falls below its lowest grid point by less than it rises next to it: shallow dips far off are left out.
    """
    before, here, after = np.abs(r[:-2]), np.abs(r[1:-1]), np.abs(r[2:])
    same_sign = (r[1:-1] * r[:-2] > 0) & (r[1:-1] * r[2:] > 0)
    deep = (here <= before) & (here < after) & (here < 2 * np.maximum(before, after) - 2 * here)
    return np.flatnonzero(same_sign & deep) + 1
