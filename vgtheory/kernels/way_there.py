"""The way there of a program of one column: its streams' registers, and its rows of the table of instructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vgtheory.kernels.instructions import (
    ADD,
    ASK,
    COPY,
    DROP,
    FIRST,
    ITEM,
    MAP,
    MEMO,
    NORM,
    NOTHING,
    OPERATION,
    PASS,
    RESULT,
    SECOND,
    WATCHED,
    H,
)

Row = tuple[dict[int, int], tuple[float, float]]  # columns of the table, and numbers


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


class There:
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
