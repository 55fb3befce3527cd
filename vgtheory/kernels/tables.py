"""Programs of one column as tables of instructions for ``program``, and where their registers lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.instructions import COLUMNS, NOTHING
from vgtheory.kernels.way_back import Back
from vgtheory.kernels.way_there import Row, Step, There

Table = tuple[NDArray[np.int64], NDArray[np.float64]]
LINE = 8  # numbers in a line of the cache


class Placed(NamedTuple):
    """Where registers and gradients of one width lie, and the room that they take."""

    registers: NDArray[np.int64]
    gradients: NDArray[np.int64]
    stride: int
    room: int
    gradient_room: int
    most: int


@dataclass(frozen=True)
class Tables:
    """A program as tables, for every width.

    Parameters
    ----------
    forward, back : rows of instructions, see ``instructions``, and their numbers.
    registers : (size in multiples of the width, register that it is a part of, which part): those that come in first,
        those that go on last.
    listed : registers, or gradients, that instructions of many take.
    gradients : their sizes: of what comes in, of what goes on, and others.
    matrices : kind, purpose, whether the gradient at it counts, and whether only norms read what it gives.
    carried : how many streams go from layer to layer.
    watched : whether their sizes and gradients are noted.
    """

    forward: Table
    back: Table
    registers: tuple[tuple[int, int, int], ...]
    listed: NDArray[np.int64]
    gradients: tuple[int, ...]
    matrices: NDArray[np.int64]
    carried: int
    watched: bool

    def placed(self, widest: int) -> Placed:
        """Return where registers and gradients lie; those of the ordinary size begin on lines of the cache."""
        room = -(-widest // LINE) * LINE
        begins: list[int] = []
        end = stride = 0
        for k, (multiple, whole, part) in enumerate(self.registers):
            if k == len(self.registers) - self.carried:
                stride = end
            begins.append(end if whole == NOTHING else begins[whole] + part * multiple * widest)
            end += multiple * room if whole == NOTHING else 0
        rows, end, ends = [], 2 * self.carried * room, 2 * self.carried
        for k, multiple in enumerate(self.gradients):
            if k < ends:  # what comes into a layer goes out of the one below: the two change places
                other = (k + self.carried) % ends
                rows.append((k * room, other * room, 1, int(k < self.carried), k, other))
            else:
                rows.append((end, end, multiple, 0, k, k))
                end += multiple * room
        sizes = [multiple for multiple, _, _ in self.registers]
        registers = np.array(list(zip(begins, sizes, strict=True)), np.int64)
        return Placed(registers, np.array(rows, np.int64), stride, room, end, room * max(sizes))


def tables(
    steps: Sequence[Step],
    streams: Sequence[tuple[str, str]],
    sizes: dict[str, int],
    matrices: Iterable[tuple[int, int, bool]],
    watched: bool,
) -> Tables:
    """Return a program as tables.

    Parameters
    ----------
    steps : in order.
    streams : those that go from layer to layer, as (name, name that the program gives to the new value).
    sizes : of streams whose size is not the width, in multiples of it.
    matrices : (kind, purpose, whether the gradient at it counts) of the items of Asks.
    watched : whether the streams' sizes and gradients are noted.
    """
    there = There(steps, streams, sizes)
    back = Back(there)
    rows = [(*row, int(there.only_normed(k))) for k, row in enumerate(matrices)]
    return Tables(
        _table(there.rows), _table(back.rows), tuple(there.registers), np.array([*there.listed, 0], np.int64),
        tuple(back.sizes), np.array(rows, np.int64), len(streams), watched,
    )  # fmt: skip


def _table(rows: Sequence[Row]) -> Table:
    found = np.full((len(rows), COLUMNS), NOTHING, np.int64)
    for row, (columns, _) in zip(found, rows, strict=True):
        row[list(columns)] = list(columns.values())
    return found, np.array([numbers for _, numbers in rows], np.float64).reshape(-1, 2)
