"""All roots of a smooth function of one variable on a grid, pairs between two grid points and double roots included."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from vgtheory.kernels.quadrature import Array

NOISE = 2e-12  # of ln F − ln q on the moment table: no sign below it means anything


def sign_changes(residual: Callable[[Array], Array], t: Array) -> list[float]:
    """Return the roots of `residual` on the grid, pairs between two grid points and double roots included."""
    r = residual(t)
    keep = np.isfinite(r)
    t, r = t[keep], r[keep]
    spacing = t[1] - t[0]

    def at(x: float) -> float:
        return float(residual(np.array([x]))[0])

    # Where |r| dips without a sign change, look at the bottom: it may touch or cross zero between grid points.
    # A smooth r falls below its lowest grid point by less than it rises next to it: shallow dips far off are left out.
    size = np.abs(r)
    before, here, after = size[:-2], size[1:-1], size[2:]
    same_sign = (r[1:-1] * r[:-2] > 0) & (r[1:-1] * r[2:] > 0)
    dips = np.flatnonzero(
        same_sign & (here <= before) & (here < after) & (here < 2 * np.maximum(before, after) - 2 * here)
    )
    extra: list[tuple[float, float]] = []
    touching: list[float] = []
    for k in dips + 1:
        bottom = _bottom(at, float(np.sign(r[k])), float(t[k - 1]), float(t[k + 1]))
        extra.append((bottom, at(bottom)))
        if abs(extra[-1][1]) <= NOISE < min(abs(r[k - 1]), abs(r[k + 1])):
            touching.append(bottom)
    if extra:
        t = np.concatenate([t, [e[0] for e in extra]])
        r = np.concatenate([r, [e[1] for e in extra]])
        order = np.argsort(t)
        t, r = t[order], r[order]
    solid = np.abs(r) > NOISE  # rounding noise around zero is not a crossing
    t, r = t[solid], r[solid]
    crossings = [float(brentq(at, t[k], t[k + 1], xtol=1e-14, rtol=1e-14)) for k in np.flatnonzero(r[1:] * r[:-1] < 0)]
    return sorted(crossings + [x for x in touching if all(abs(x - c) > spacing for c in crossings)])


def _bottom(f: Callable[[float], float], sign: float, lo: float, hi: float) -> float:
    """Return the minimiser of sign·f on [lo, hi] by golden section."""
    ratio = (5**0.5 - 1) / 2
    a, b = hi - ratio * (hi - lo), lo + ratio * (hi - lo)
    fa, fb = sign * f(a), sign * f(b)
    while hi - lo > 1e-9:
        if fa <= fb:
            hi, b, fb = b, a, fa
            a = hi - ratio * (hi - lo)
            fa = sign * f(a)
        else:
            lo, a, fa = a, b, fb
            b = lo + ratio * (hi - lo)
            fb = sign * f(b)
    return (lo + hi) / 2
