"""Positions of a map and the ones around them."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=64)
def neighbours(shape: tuple[int, ...], kernel: int, zeros: bool) -> NDArray[np.int64]:
    """Return (tap, position) which position a tap reads, counted row by row; the number of positions means a zero.

    Taps are ordered by their offsets, so that the last ones are the first ones mirrored.

    >>> neighbours((4,), 3, True).tolist()
    [[4, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4]]
    """
    reach = range(-(kernel // 2), kernel // 2 + 1)
    places = np.indices(shape).reshape(len(shape), -1)
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
