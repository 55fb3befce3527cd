"""Where functions change sign or are largest, by dividing intervals: many at a time, in calls of many points."""

from collections.abc import Callable

import numpy as np

from vgtheory.kernels.quadrature import Array

Function = Callable[[Array], Array]

_ROOT_BITS, _PEAK_BITS = 60, 35  # of an interval's length: doubles' digits, and those that a maximum has


def crossings(f: Function, a: Array, b: Array, points: int) -> Array:
    """Return where f changes its sign on each [a, b]: the end behind it, of two neighbouring doubles or nearly so.

    points : at which f is asked at a time, or a few for each interval where there are many.
    """
    left, parts = np.sign(f(a))[:, None], _parts(a, points)
    for _ in range(int(np.ceil(_ROOT_BITS / np.log2(parts)))):
        x = _divided(a, b, parts)
        same = np.sign(_of(f, x[:, 1:])) == left
        same[:, -1] = False
        a, b = _taken(x, same.argmin(axis=1)), _taken(x, same.argmin(axis=1) + 1)
    return b


def peaks(f: Function, a: Array, b: Array, sign: Array, points: int) -> Array:
    """Return where sign·f is largest on each [a, b], where it has one maximum.

    points : as for `crossings`.
    """
    parts = _parts(a, points)
    for _ in range(int(np.ceil(_PEAK_BITS / np.log2(parts / 2)))):
        x = _divided(a, b, parts)
        highest = (sign[:, None] * _of(f, x[:, 1:-1])).argmax(axis=1) + 1
        a, b = _taken(x, highest - 1), _taken(x, highest + 1)
    return (a + b) / 2


def _parts(intervals: Array, points: int) -> int:
    return max(4, points // max(1, len(intervals)))


def _of(f: Function, x: Array) -> Array:
    return f(x.ravel()).reshape(x.shape)


def _divided(a: Array, b: Array, parts: int) -> Array:
    x = a[:, None] + (b - a)[:, None] * (np.arange(parts + 1) / parts)
    x[:, -1] = b
    return x


def _taken(x: Array, index: Array) -> Array:
    return np.asarray(x[np.arange(len(x)), index])
