"""Positions of a map and the ones around them."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def strided(shape: tuple[int, ...], stride: int) -> tuple[int, ...]:
    """Return the shape of a map of which every stride-th position is kept, from the first on.

    >>> strided((7, 8), 2)
    (4, 4)
    """
    return tuple(-(-side // stride) for side in shape)


@lru_cache(maxsize=64)
def neighbours(shape: tuple[int, ...], kernel: int, zeros: bool, stride: int = 1) -> NDArray[np.int64]:
    """Return (tap, result) which position a tap reads, counted row by row; the number of positions means a zero.

    >>> neighbours((4,), 3, True).tolist()
    [[4, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4]]
    >>> neighbours((4,), 3, False, 2).tolist()
    [[3, 1], [0, 2], [1, 3]]
    """
    reach = range(-(kernel // 2), kernel // 2 + 1)
    places = stride * np.indices(strided(shape, stride)).reshape(len(shape), -1)
    found = []
    for offset in itertools.product(reach, repeat=len(shape)):
        moved = places + np.array(offset)[:, None]
        sides = np.array(shape)[:, None]
        flat = np.ravel_multi_index(tuple(moved % sides), shape)
        outside = ((moved < 0) | (moved >= sides)).any(axis=0) & zeros
        found.append(np.where(outside, math.prod(shape), flat))
    table = np.array(found, dtype=np.int64)
    table.flags.writeable = False
    return table
