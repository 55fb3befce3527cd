"""Where can the supremum of φ^(order) be?  At breakpoints, critical points and in tails, each value enclosed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import sympy as sp
from flint import arb

from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.ball import WHOLE_LINE, compile_jets, hull, jets, number_ball, precision
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.limits import UNDEFINED, limit_at, tail_at
from vgtheory.symbolic.search import FINEST, CriticalBox, SearchFailed, critical_boxes, refined
from vgtheory.symbolic.tails import TAYLOR_ORDERS, Tail, TailUndecided

FINAL_BITS = 256
STARTS = (4, 8, 16, 32, 64)  # where a tail may begin; the bounded part is searched box by box
EDGE_STARTS = (4, 16, 64, 2**10, 2**16)  # the same towards a breakpoint, as reciprocals of the distance


@dataclass(frozen=True)
class Candidate:
    """A place where the supremum may be: `ball` encloses the value there; `only_above` if f need not reach it."""

    ball: arb
    at: sp.Expr | None
    attained: bool
    exact: sp.Expr | None = None
    only_above: bool = False
    critical: CriticalBox | None = None
    piece: int = 0


class SmoothPart:
    """f = sign · φ^(order) on one piece: its exact expression and its jets."""

    def __init__(self, part: calculus.Piece, x: sp.Symbol, order: int, sign: int) -> None:
        self.x, self.order, self.sign, self.part = x, order, sign, part
        self.expr = sign * sp.diff(part.expr, x, order)
        self.slope = sp.diff(self.expr, x)
        if self.slope.has(x) and closed_form.vanishes_identically(self.slope, x):
            self.slope = sp.S.Zero
        if self.slope == 0 and self.expr.has(x):  # sin(x)^2 + cos(x)^2
            self.expr = closed_form.tidy(self.expr.subs(x, calculus.sample_point(part.lo, part.hi)))
        self._program = compile_jets(sign * part.expr, x)
        sides = [(end, side) for end, side in ((part.lo, 1), (part.hi, -1)) if end.is_finite and self.expr.has(x)]
        rough = (self.expr, self.slope, sp.diff(self.slope, x)) if sides else ()
        self.undefined_ends = [(end, s) for end, s in sides if any(f.subs(x, end).has(*UNDEFINED) for f in rough)]
        self.smooth_ends = [end for end, side in sides if (end, side) not in self.undefined_ends]
        self.search_ends: dict[int, arb] = {}  # by side: where the search begins instead of at an undefined end

    def jets(self, box: arb, order: int) -> list[arb]:
        """Return enclosures of f, f', ..., f^(order) on the box."""
        return jets(self._program, box, self.order + order)[self.order :]

    def exact_at(self, point: sp.Expr) -> sp.Expr:
        """Return f at an exact point."""
        return self.expr.subs(self.x, point)


def constant_pieces(functions: list[SmoothPart]) -> list[Candidate]:
    """Return the pieces on which f is constant."""
    flat = [(i, f) for i, f in enumerate(functions) if not f.expr.has(f.x)]
    with precision(FINAL_BITS):
        return [
            Candidate(number_ball(f.expr), calculus.sample_point(f.part.lo, f.part.hi), True, f.expr, piece=i)
            for i, f in flat
        ]


def ends(functions: list[SmoothPart], even: bool) -> list[Candidate]:
    """Return the one-sided values at the breakpoints; a piece owns its right end, an even function both sides of 0.

    An end at which the formula or one of its two derivatives is not defined is left to `edge_candidates`.
    """
    found = []
    with precision(FINAL_BITS):
        for i, f in enumerate(functions):
            for end in f.smooth_ends:
                exact = f.exact_at(end)
                owned = (
                    end == f.part.hi
                    or (even and end == 0)
                    or (i > 0 and closed_form.vanishes(functions[i - 1].exact_at(end) - exact))
                )
                found.append(Candidate(number_ball(exact), end, owned, exact, piece=i))
    return found


def edge_candidates(functions: list[SmoothPart], floor: arb) -> list[Candidate]:
    """Return what the neighbourhoods of undefined ends can contribute; `search_ends` of the parts move beyond them.

    They are tails in the reciprocal of the distance. Raises TailUndecided.
    """
    found = []
    for i, f in enumerate(functions):
        for end, side in f.undefined_ends:
            candidate = _edge_candidate(f, end, side, floor)
            before = limit_at(functions[i - 1].expr, f.x, end, -1) if side > 0 and i > 0 else candidate.exact
            owned = candidate.exact is not None and candidate.exact == before
            found.append(replace(candidate, at=None if candidate.at is None else end, attained=owned))
    return found


def _edge_candidate(f: SmoothPart, end: sp.Expr, side: int, floor: arb) -> Candidate:
    last: Candidate | None = None
    for taylor, start in ((t, s) for t in TAYLOR_ORDERS for s in EDGE_STARTS):
        try:
            last = _from_tail(tail_at(f.expr, f.x, end, side, start, taylor), 1, start)
        except TailUndecided:
            continue
        f.search_ends[side] = number_ball(end) + side * arb(1) / start
        if not last.only_above or last.ball.upper() < floor:
            break
    if last is None:
        raise TailUndecided
    return last


def reached_value(functions: list[SmoothPart], candidates: list[Candidate]) -> arb:
    """Return a value that the supremum certainly reaches."""
    values = [c.ball.lower() for c in candidates]
    for f in functions:
        lo, hi = clipped(f.part, 6)
        points = (arb((lo + (hi - lo) * (arb(k) + arb("0.3")) / 13).mid()) for k in range(13))
        values += [f.jets(point, 0)[0].lower() for point in points]
    return max((v for v in values if v.is_finite()), default=arb.neg_inf(), key=float)


def clipped(part: calculus.Piece, radius: int) -> tuple[arb, arb]:
    """Return the bounded part of a piece that lies within `radius` of the origin or of its finite end."""
    lo = number_ball(part.lo) if part.lo.is_finite else min(arb(-radius), number_ball(part.hi) - radius, key=float)
    hi = number_ball(part.hi) if part.hi.is_finite else max(arb(radius), number_ball(part.lo) + radius, key=float)
    if not part.lo.is_finite and not part.hi.is_finite:
        return arb(-radius), arb(radius)
    return lo, hi


def tail_candidate(functions: list[SmoothPart], side: int, floor: arb) -> Candidate:
    """Return what the half-line beyond some R can contribute; `piece` holds R. Raises TailUndecided."""
    f = functions[-1 if side > 0 else 0]
    end = f.part.hi if side > 0 else f.part.lo
    if end.is_finite:
        return Candidate(arb.neg_inf(), None, False, only_above=True)
    inner = f.part.lo if side > 0 else f.part.hi
    beyond = 0 if inner.is_infinite else abs(float(inner)) + 1
    last: Candidate | None = None
    for taylor, start in ((t, s) for t in TAYLOR_ORDERS for s in STARTS if s > beyond):
        try:
            last = _from_tail(tail(f.expr.subs(f.x, side * f.x), f.x, start, taylor), side, start)
        except TailUndecided:
            continue
        if not last.only_above or last.ball.upper() < floor:
            return last
    if last is None:
        raise TailUndecided
    return last


def _from_tail(t: Tail, side: int, start: int) -> Candidate:
    if t.part(1).terms:
        if t.sign() > 0:
            return Candidate(WHOLE_LINE, side * sp.oo, False, sp.oo, piece=start)
        return Candidate(arb.neg_inf(), None, False, only_above=True, piece=start)
    limit = t.limit
    if isinstance(limit, sp.Expr):
        difference = t + t.constant(-limit)
        try:
            if difference.sign() <= 0:  # f stays under its limit on the half-line, which is then its supremum there
                with precision(FINAL_BITS):
                    at = side * sp.oo if difference.terms else sp.Integer(side * (start + 1))
                    return Candidate(number_ball(limit), at, not difference.terms, limit, piece=start)
        except TailUndecided:
            pass
    return Candidate(t.bound(), None, False, only_above=True, piece=start)


def windows(
    functions: list[SmoothPart], candidates: list[Candidate], even: bool, cycle: sp.Expr | None
) -> list[tuple[int, arb, arb]]:
    """Return the intervals (piece, lo, hi) that are left to search."""
    margin = arb("0.0173")
    if cycle is not None:
        half = number_ball(cycle / 2) + margin
        return [(0, -half.upper(), half.upper())]
    radius = max((c.piece for c in candidates if c.only_above or c.at in (sp.oo, -sp.oo)), default=STARTS[0])
    radius = max(radius, *(c.piece for c in candidates[-1 if even else -2 :]), STARTS[0])
    found = []
    for i, f in enumerate(functions):
        if not f.expr.has(f.x):
            continue
        lo, hi = clipped(f.part, radius)
        lo, hi = f.search_ends.get(1, lo), f.search_ends.get(-1, hi)
        if even and lo < -margin:  # a little beyond 0, so that a maximum at 0 lies inside
            lo = -margin
        if lo < hi:
            found.append((i, arb(lo.mid()) if f.part.lo.is_infinite else lo, hi))
    return found


def critical_candidates(
    functions: list[SmoothPart], intervals: list[tuple[int, arb, arb]], floor: arb
) -> list[Candidate]:
    """Return the critical points of the intervals that may hold the supremum. Raises SearchFailed."""
    found = []
    for i, lo, hi in intervals:
        boxes, floor = critical_boxes(functions[i].jets, lo, hi, floor)
        found += [(i, box) for box in boxes]
    flat = _flat_maxima(functions, found)
    found = [(i, c) for i, c in found if not any(i == m.piece and _inside(c.box, m.region) for m in flat)]
    with precision(FINAL_BITS):
        refinements = [(i, box, *refined(functions[i].jets, box)) for i, box in found]
    top = max((value.lower() for _, _, _, value in refinements), default=floor, key=float)
    candidates = [m.candidate for m in flat]
    for i, critical, point, value in refinements:
        if value.upper() < top or not value.is_finite():
            if value.is_finite():
                continue
            raise SearchFailed
        exact = _exact_point(functions[i], point) if critical.isolated else None
        where = exact if exact is not None else sp.Float(point.mid().str(25, radius=False), 20)
        shown = None if exact is None else _shown(functions[i], exact)
        candidates.append(Candidate(value, where, True, shown, False, critical, i))
    return candidates


def _shown(f: SmoothPart, point: sp.Expr) -> sp.Expr:
    """Return f at an exact critical point, without the exponential that the critical equation eliminates."""
    short = closed_form.value_at_root(f.expr, f.slope, f.x) if point.has(sp.LambertW) else None
    return f.exact_at(point) if short is None else short.subs(f.x, point)


@dataclass(frozen=True)
class _FlatMaximum:
    """A maximum at which the second derivative vanishes too, proved to be the largest value of its region."""

    piece: int
    region: arb
    candidate: Candidate


def _flat_maxima(functions: list[SmoothPart], found: list[tuple[int, CriticalBox]]) -> list[_FlatMaximum]:
    """Return exact maxima of boxes that Newton cannot isolate: f', ..., f^(m−1) vanish, f^(m) < 0 around, m even."""
    out: list[_FlatMaximum] = []
    for i in {i for i, c in found if not c.isolated}:
        f, boxes = functions[i], [c.box for k, c in found if k == i and not c.isolated]
        for guess, zero in closed_form.critical_points(f.slope, f.x):
            region = reduce(hull, (b for b in boxes if abs(b - number_ball(guess)) < 64 * FINEST), number_ball(guess))
            if region.rad() == 0 or not (zero or closed_form.vanishes(f.slope.subs(f.x, guess))):
                continue
            for order in (4, 6):
                lower = (sp.diff(f.slope, f.x, k).subs(f.x, guess) for k in range(1, order - 1))
                if f.jets(region, order)[order] < 0 and all(closed_form.vanishes(v) for v in lower):
                    exact, critical = f.exact_at(guess), CriticalBox(region, False)
                    best = Candidate(number_ball(exact), guess, True, exact, False, critical, i)
                    out.append(_FlatMaximum(i, region, best))
                    break
    return out


def _inside(box: arb, region: arb) -> bool:
    return bool(region.contains(box))


def _exact_point(f: SmoothPart, point: arb) -> sp.Expr | None:
    with precision(FINAL_BITS):
        for guess, zero in closed_form.critical_points(f.slope, f.x):
            if not guess.is_real or not number_ball(guess).overlaps(point):
                continue
            if zero or closed_form.vanishes(f.slope.subs(f.x, guess)):
                return guess
    return None
