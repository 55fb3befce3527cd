"""Arrays in memory that is used again: fresh pages of large arrays cost more than what is computed in them."""

import math
import sys
import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

SMALL, LARGE = 2**12, 2**19  # numbers; other arrays are allocated anew: NumPy asks for huge pages from 4 MiB on
MOST = 2**23  # numbers that a thread keeps; all are forgotten where they were more
LOOKS = 4  # at the arrays longest unseen, before a new one is made


class _Kept(threading.local):
    """Flat arrays of this thread by size, the longest unseen first, and how many numbers they hold."""

    def __init__(self) -> None:
        self.by_size: dict[int, deque[NDArray[np.float64]]] = {}
        self.numbers = 0


_KEPT = _Kept()


def empty(*shape: int) -> NDArray[np.float64]:
    """Return an array that is not set, in memory that no living array has.

    Memory is kept while its thread lives, and given again once every array in it is gone.
    """
    size = math.prod(shape)
    if not SMALL <= size < LARGE:
        return np.empty(shape)
    kept = _KEPT.by_size.setdefault(size, deque())
    for _ in range(min(LOOKS, len(kept))):
        flat = kept[0]
        kept.rotate(-1)
        if sys.getrefcount(flat) == _UNUSED:
            return flat.reshape(shape)
    flat = np.empty(size)
    if _KEPT.numbers + size > MOST:
        _KEPT.by_size.clear()
        _KEPT.numbers = 0
    else:
        kept.append(flat)
        _KEPT.numbers += size
    return flat.reshape(shape)


def _references_of_unused() -> int:
    """Return how many references an array has that only a queue and a name hold, as they are counted here."""
    queue = deque([np.empty(1)])
    flat = queue[0]
    return sys.getrefcount(flat)


_UNUSED = _references_of_unused()
