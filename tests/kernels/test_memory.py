"""Memory that is used again: never while anything still lies in it, and never more than is said."""

import threading

import numpy as np

from vgtheory.kernels import memory
from vgtheory.kernels.memory import empty


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_given_again_once_every_view_is_gone():
    size = memory.SMALL + 17
    array = empty(size)
    first, view = address(array), array[3:9].reshape(2, 3)
    view[:] = 7.0
    del array
    others = [empty(size) for _ in range(2 * memory.LOOKS)]
    assert len({first, *map(address, others)}) == 1 + len(others)
    for other in others:
        other[:] = 0.0
    assert (view == 7.0).all()
    del view
    assert first in {address(other) for other in [empty(size) for _ in range(3 * memory.LOOKS)]}


def test_shapes_share_memory_and_threads_do_not():
    size = 4 * (memory.SMALL + 3)
    first = address(empty(size))
    again = empty(2, size // 2)
    assert address(again) == first
    assert again.shape == (2, size // 2)
    assert again.flags.carray
    del again
    seen = []
    thread = threading.Thread(target=lambda: seen.append(empty(size)))
    thread.start()
    thread.join()
    assert address(seen[0]) != first


def test_what_is_kept_has_a_limit(monkeypatch):
    monkeypatch.setattr(memory, "MOST", 5 * memory.SMALL)
    arrays = [empty(memory.SMALL + k) for k in range(20)]
    assert memory._KEPT.numbers <= memory.MOST
    assert len({address(array) for array in arrays}) == 20
    assert sum(len(kept) * size for size, kept in memory._KEPT.by_size.items()) == memory._KEPT.numbers
    assert np.shape(empty(3, 2)) == (3, 2)
