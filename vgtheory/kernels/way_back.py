"""The way back of a program of one column: how gradients come back, as rows of the table of instructions."""

from __future__ import annotations

from typing import NamedTuple

from vgtheory.kernels.instructions import (
    ADD,
    ASK,
    ASK_BACK,
    COMBINE,
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
from vgtheory.kernels.way_there import Row, Step, There, whole_of


class _Term(NamedTuple):
    """A part of a gradient: a factor times another gradient, number by number times a register (a slope)."""

    gradient: int
    factor: float
    slope: int = NOTHING


class Back:
    """The rows of the way back: steps in reverse, each adding to the gradients at what it read."""

    def __init__(self, there: There) -> None:
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
