"""Programs of one column as tables of instructions for ``program``: registers, and how gradients come back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.instructions import (
    ADD,
    ASK,
    ASK_BACK,
    COLUMNS,
    COMBINE,
    COPY,
    DROP,
    DROP_BACK,
    FIRST,
    ITEM,
    JOIN,
    MAP,
    MEMO,
    NORM,
    NORM_BACK,
    NOTHING,
    OPERATION,
    PASS,
    RESULT,
    SECOND,
    TIMES,
    WATCHED,
    H,
    X,
)

Table = tuple[NDArray[np.int64], NDArray[np.float64]]
LINE = 8  # numbers in a line of the cache


class Step(NamedTuple):
    """An instruction of the way there, by the names of streams.

    Parameters
    ----------
    operation : ASK, PASS, MAP, NORM, DROP (in place), ADD or COPY.
    out, reads : what is written, a slope or partial derivatives last, and what is read.
    item : number of the matrix or function, or the kind of the norm.
    watched : of an Ask the row of results where its sizes are noted.
    numbers : keep and scale; ln eps; the rate of dropout.
    partials : of a map (value, stream, name of the partial derivative or number).
    """

    operation: int
    out: tuple[str, ...]
    reads: tuple[str, ...]
    item: int = 0
    watched: int = NOTHING
    numbers: tuple[float, float] = (0.0, 0.0)
    partials: tuple[tuple[str, str, str | float], ...] = ()


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
    there = _There(steps, streams, sizes)
    back = _Back(there)
    rows = [(*row, int(there.only_normed(k))) for k, row in enumerate(matrices)]
    return Tables(
        _table(there.rows), _table(back.rows), tuple(there.registers), np.array([*there.listed, 0], np.int64),
        tuple(back.sizes), np.array(rows, np.int64), len(streams), watched,
    )  # fmt: skip


Row = tuple[dict[int, int], tuple[float, float]]


def _table(rows: Sequence[Row]) -> Table:
    found = np.full((len(rows), COLUMNS), NOTHING, np.int64)
    for row, (columns, _) in zip(found, rows, strict=True):
        row[list(columns)] = list(columns.values())
    return found, np.array([numbers for _, numbers in rows], np.float64).reshape(-1, 2)


class _There:
    """Registers by the names of streams, and the rows of the way there."""

    def __init__(self, steps: Sequence[Step], streams: Sequence[tuple[str, str]], sizes: dict[str, int]) -> None:
        self.steps, self.streams, self.sizes = list(steps), list(streams), sizes
        self.rows: list[Row] = []
        self.listed: list[int] = []
        self._copy_what_cannot_go_on()
        self.registers: list[tuple[int, int, int]] = [(1, NOTHING, 0) for _ in streams]
        self.number = {name: k for k, (name, _) in enumerate(streams)}
        dropped = {step.out[0]: step.reads[0] for step in self.steps if step.operation == DROP}
        going = [dropped.get(new, new) for _, new in self.streams]
        for step in self.steps:
            self._place(step, going)
        for name in going:
            self._new(name, 1)
        self.number |= {out: self.number[name] for out, name in dropped.items()}
        self.rows = [self._row(step, k) for k, step in enumerate(self.steps)]

    def only_normed(self, item: int) -> bool:
        """Return whether nothing but norms reads what a matrix gives."""
        asked = next(step for step in self.steps if step.operation == ASK and step.item == item)
        readers = {step.operation for step in self.steps if set(step.reads) & set(asked.out)}
        return readers == {NORM}

    def size(self, name: str) -> int:
        """Return the size of a stream in multiples of the width."""
        return self.sizes.get(name, 1)

    def _copy_what_cannot_go_on(self) -> None:
        """Add copies of new values that another register holds, or that are needed as they are.

        What goes on is written in the unit that its size asks for; a slope has none.
        """
        own_slope = {value for step in self.steps for value, _, partial in step.partials if value == partial}
        alone = {step.out[0] for step in self.steps if len(step.out) == 1 or step.operation == PASS} - own_slope
        for k, (name, new) in enumerate(self.streams):
            if new not in alone or new in (other for _, other in self.streams[:k]):
                self.steps.append(Step(COPY, (f"{new} {k}",), (new,)))
                self.streams[k] = name, f"{new} {k}"

    def _new(self, name: str, multiple: int, whole: int = NOTHING, part: int = 0) -> None:
        self.number[name] = len(self.registers)
        self.registers.append((multiple, whole, part))

    def _place(self, step: Step, going: Sequence[str]) -> None:
        """Give a step's results registers; those of a matrix lie side by side."""
        if step.operation == ASK and len(step.out) > 1:
            self._new(whole_of(step), sum(map(self.size, step.out)))
            for part, name in enumerate(step.out):
                self._new(name, self.size(name), self.number[whole_of(step)], part)
        elif step.operation != DROP:
            size = self.size(step.out[0] if step.operation == ASK else step.reads[0])
            for name in step.out:
                if name not in going:
                    self._new(name, size)

    def _row(self, step: Step, at: int) -> Row:
        columns = {OPERATION: step.operation, ITEM: step.item, WATCHED: step.watched, MEMO: at}
        if step.operation == MAP:
            names = (*step.reads, *step.out)
            columns |= {
                RESULT: self.number[step.out[0]],
                FIRST: len(self.listed),
                SECOND: len(names),
                H: len(step.reads),
            }
            self.listed += [self.number[name] for name in names]
            return columns, step.numbers
        out = whole_of(step) if step.operation == ASK and len(step.out) > 1 else step.out[0]
        columns |= {RESULT: self.number[out], FIRST: self.number[step.reads[0]]}
        if step.operation == PASS:
            columns[SECOND] = self.number[step.out[1]]
        elif step.operation == ADD:
            columns[SECOND] = self.number[step.reads[1]]
        elif step.operation == ASK and len(step.out) > 1:
            columns[SECOND] = len(step.out)
        return columns, step.numbers


def whole_of(step: Step) -> str:
    """Return the name of a matrix's results side by side."""
    return "|".join(step.out)


class _Term(NamedTuple):
    """A part of a gradient: a factor times another gradient, number by number times a register (a slope)."""

    gradient: int
    factor: float
    slope: int = NOTHING


class _Back:
    """The rows of the way back: steps in reverse, each adding to the gradients at what it read."""

    def __init__(self, there: _There) -> None:
        self.there = there
        carried = len(there.streams)
        self.sizes = [1] * (2 * carried)
        self.rows: list[Row] = []
        self.terms: dict[str, list[_Term]] = {}
        for k, (_, new) in enumerate(there.streams):
            self._give(new, _Term(carried + k, 1.0))
        self.slots = {name: k for k, (name, _) in enumerate(there.streams)}
        for at in reversed(range(len(there.steps))):
            self._reverse(there.steps[at], at)
        for k, (name, _) in enumerate(there.streams):
            self._into(k, self.terms.pop(name, []))

    def _give(self, name: str, term: _Term) -> None:
        self.terms.setdefault(name, []).append(term)

    def _new(self, multiple: int) -> int:
        self.sizes.append(multiple)
        return len(self.sizes) - 1

    def _for(self, name: str) -> int:
        """Return where the gradient at a stream goes: the slot of one that comes in, once, or a new register."""
        slot = self.slots.pop(name, None)
        return self._new(self.there.size(name)) if slot is None else slot

    def _add(self, columns: dict[int, int], numbers: tuple[float, float] = (0.0, 0.0)) -> None:
        self.rows.append((columns, numbers))

    def _plain(self, term: _Term, size: int) -> _Term:
        """Return a term without slope, computed where it has one."""
        if term.slope == NOTHING:
            return term
        out = self._new(size)
        self._add({OPERATION: TIMES, RESULT: out, FIRST: term.gradient, SECOND: term.slope}, (term.factor, 0.0))
        return _Term(out, 1.0)

    def _one(self, name: str) -> _Term | None:
        """Return the gradient at a stream as one term, None where it has none."""
        terms = self.terms.pop(name, [])
        if len(terms) < 2:
            return terms[0] if terms else None
        out = self._new(self.there.size(name))
        self._into(out, terms)
        return _Term(out, 1.0)

    def _into(self, out: int, terms: list[_Term]) -> None:
        """Write the sum of terms into a gradient's register, which may hold one of them."""
        if not terms:
            self._add({OPERATION: COMBINE, RESULT: out})
            return
        terms = sorted(terms, key=lambda term: term.gradient != out)
        if terms == [_Term(out, 1.0)]:
            return
        size = self.sizes[out]
        first, *others = [self._plain(term, size) for term in terms]
        if not others:
            self._add({OPERATION: COMBINE, RESULT: out, FIRST: first.gradient}, (first.factor, 0.0))
        for other in others:
            columns = {OPERATION: COMBINE, RESULT: out, FIRST: first.gradient, SECOND: other.gradient}
            self._add(columns, (first.factor, other.factor))
            first = _Term(out, 1.0)

    def _reverse(self, step: Step, at: int) -> None:
        number = self.there.number
        if step.operation == ASK:
            self._ask(step, at)
        elif step.operation == MAP:
            self._map(step)
        elif step.operation in (NORM, DROP):
            term = self._one(step.out[0])
            if term is not None:
                given = self._plain(term, self.there.size(step.reads[0]))
                out = self._for(step.reads[0])
                operation = NORM_BACK if step.operation == NORM else DROP_BACK
                columns = {OPERATION: operation, RESULT: out, FIRST: given.gradient, ITEM: step.item, MEMO: at}
                self._add(columns | {X: number[step.reads[0]]}, (given.factor, step.numbers[0]))
                self._give(step.reads[0], _Term(out, 1.0))
        else:
            self._pointwise(step)

    def _pointwise(self, step: Step) -> None:
        """Give on what a function of one stream, a sum or a copy receives; nothing is computed yet."""
        term = self._one(step.out[0])
        if term is None:
            return
        if step.operation == PASS:
            given = self._plain(term, self.there.size(step.reads[0]))
            self._give(step.reads[0], given._replace(slope=self.there.number[step.out[1]]))
            return
        factors = step.numbers if step.operation == ADD else (1.0,)
        for name, factor in zip(step.reads, factors, strict=True):
            self._give(name, term._replace(factor=term.factor * factor))

    def _map(self, step: Step) -> None:
        found = {value: self._one(value) for value in dict.fromkeys(value for value, _, _ in step.partials)}
        for value, name, partial in step.partials:
            term = found[value]
            if term is None:
                continue
            if isinstance(partial, float):
                self._give(name, term._replace(factor=term.factor * partial))
            else:
                given = found[value] = self._plain(term, self.there.size(name))
                self._give(name, given._replace(slope=self.there.number[partial]))

    def _ask(self, step: Step, at: int) -> None:
        number, name = self.there.number, step.out[0]
        term = self._one(name) if len(step.out) == 1 else self._joined(step)
        if term is None:
            return
        if len(step.out) > 1:
            name = whole_of(step)
        out = self._for(step.reads[0])
        columns = {OPERATION: ASK_BACK, RESULT: out, FIRST: term.gradient, SECOND: term.slope, ITEM: step.item}
        columns |= {WATCHED: step.watched, X: number[step.reads[0]], H: number[name], MEMO: at}
        self._add(columns, (term.factor, 0.0))
        self._give(step.reads[0], _Term(out, 1.0))

    def _joined(self, step: Step) -> _Term | None:
        """Return the gradients at a matrix's results side by side."""
        found = [self._one(name) for name in step.out]
        if all(term is None for term in found):
            return None
        listed = []
        for name, term in zip(step.out, found, strict=True):
            if term is not None and (term.slope != NOTHING or term.factor != 1.0):
                out = self._new(self.there.size(name))
                self._into(out, [term])
                term = _Term(out, 1.0)
            listed.append(NOTHING if term is None else term.gradient)
        whole = self._new(sum(map(self.there.size, step.out)))
        self._add({OPERATION: JOIN, RESULT: whole, FIRST: len(self.there.listed), SECOND: len(listed)})
        self.there.listed += listed
        return _Term(whole, 1.0)
