"""Where φ' vanishes, touches zero or has an extremum: the places at which panels of its law meet."""

from collections.abc import Callable

import numpy as np

from vgtheory.kernels.quadrature import Array

Function = Callable[[Array], Array]

# Where φ' touches zero without a change of sign (1 + sin 2h) it cancels: closer than NEAR it is taken as a power of the
# distance.  A minimum of ln|φ'| is such a zero if it lies lower than the largest by _TOUCH.
NEAR, _TOUCH = 1e-4, 14.0
_MANY = 256


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
    zeros = np.unique(np.concatenate([_bisect(slope, h[change], h[change + 1]), h[met]]))
    with np.errstate(invalid="ignore"):
        level = log_slope(h)
        rise = np.diff(level)
        noise = 1e-12 * (1 + np.abs(level[1:]))
    rise = np.where(np.isfinite(rise) & (np.abs(rise) > noise), np.sign(rise), 0.0)
    turn = np.flatnonzero(rise[1:] * rise[:-1] < 0) + 1
    extrema = _peak(log_slope, h[turn - 1], h[turn + 1], rise[turn - 1])
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


def _bisect(f: Function, a: Array, b: Array) -> Array:
    """Return where f changes its sign on each [a, b]: the end behind it, of two neighbouring doubles or nearly so."""
    left, parts = np.sign(f(a))[:, None], _parts(len(a), 2)
    for _ in range(int(np.ceil(60 / np.log2(parts)))):
        points = _divided(a, b, parts)
        same = np.sign(f(points[:, 1:])) == left
        same[:, -1] = False
        a, b = _taken(points, same.argmin(axis=1)), _taken(points, same.argmin(axis=1) + 1)
    return b


def _peak(f: Function, a: Array, b: Array, sign: Array) -> Array:
    """Return where sign·f is largest on each [a, b]."""
    parts = _parts(len(a), 4)
    for _ in range(int(np.ceil(35 / np.log2(parts / 2)))):
        points = _divided(a, b, parts)
        highest = (sign[:, None] * f(points[:, 1:-1])).argmax(axis=1) + 1
        a, b = _taken(points, highest - 1), _taken(points, highest + 1)
    return (a + b) / 2


def _parts(count: int, least: int) -> int:
    """Return into how many parts intervals are divided at a time: a call of f costs more than a few points."""
    return _MANY if count <= _MANY else least


def _divided(a: Array, b: Array, parts: int) -> Array:
    points = a[:, None] + (b - a)[:, None] * (np.arange(parts + 1) / parts)
    points[:, -1] = b
    return points


def _taken(points: Array, index: Array) -> Array:
    return np.asarray(points[np.arange(len(points)), index])
