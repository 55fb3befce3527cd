"""Certified range of an activation's derivatives on the whole real line.

The supremum of φ^(k) is at a critical point, at a breakpoint, or in a tail.  All three are enclosed in ball arithmetic;
a closed form is reported as proved only when the certified search leaves no place but the one it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from typing import Literal

import sympy as sp
from flint import arb

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import WHOLE_LINE, compile_jets, hull, jets, number_ball, outward, precision
from vgtheory.symbolic.search import FINEST, SEARCH_BITS, CriticalBox, Jets, SearchFailed, critical_boxes, refined
from vgtheory.symbolic.tails import Tail, TailUndecided, tail

FINAL_BITS = 256
STARTS = (4, 8, 16, 32, 64)  # where a tail may begin; the bounded part is searched box by box
TAYLOR_ORDERS = (2, 5)  # more terms cost more and are needed only where leading terms cancel
ExtremumStatus = Literal["proved", "certified", "numeric"]


@dataclass(frozen=True)
class Extremum:
    """A supremum or infimum over the real line.

    Parameters
    ----------
    expr : the value in closed form (±oo where unbounded), or None.
    enclosure : doubles (lo, hi) between which the value certainly lies (status "numeric": the outer one may be ±inf).
    at : where it is attained or approached (SymPy; ±oo for a limit).
    attained : whether the function takes the value.
    equation : what an interior maximiser solves, or None.
    at_root : the value as a function of the maximiser, simplified by `equation`, or None.
    status : "proved" closed form, "certified" enclosure, or "numeric".
    """

    expr: sp.Expr | None
    enclosure: tuple[float, float]
    at: sp.Expr
    attained: bool
    equation: sp.Eq | None = None
    at_root: sp.Expr | None = None
    status: ExtremumStatus = "certified"
    _locate: Callable[[int], arb] | None = field(default=None, repr=False, compare=False)

    def digits(self, n: int) -> sp.Expr:
        """Return the value to `n` significant digits as a SymPy Float (±oo where unbounded).

        Raises UnsupportedError where fewer digits are known.
        """
        if not isinstance(n, int) or not 1 <= n <= 10_000:
            raise InputError(f"n = {n!r}", "a whole number from 1 to 10000", "e.g. digits(30)")
        if self.expr is not None:
            return self.expr if self.expr.is_infinite else sp.N(self.expr, n)
        ball = self._locate(int(3.33 * n) + 64) if self._locate else number_ball(sp.Float(self.enclosure[0]))
        if not ball.rel_accuracy_bits() >= 3.33 * n:
            raise UnsupportedError(f"{n} digits of a value known as {ball.str(17)}; ask for fewer digits")
        return sp.Float(ball.str(n + 2, radius=False), n)

    def _negated(self) -> Extremum:
        lo, hi = self.enclosure
        locate = self._locate
        return replace(
            self,
            expr=None if self.expr is None else -self.expr,
            enclosure=(0.0 - hi, 0.0 - lo),
            at_root=None if self.at_root is None else -self.at_root,
            _locate=None if locate is None else lambda bits: -locate(bits),
        )


@dataclass(frozen=True)
class Range:
    """The range of a function on the real line: its supremum and infimum."""

    sup: Extremum
    inf: Extremum


def derivative_range(act: Activation, order: int = 1) -> Range:
    """Return the certified supremum and infimum of the `order`-th derivative φ^(order) on the real line.

    Values at a breakpoint count as those of the piece on its left, as in :class:`~vgtheory.symbolic.calculus.Piece`.
    An activation with symbolic parameters is supported where its derivative is monotone on every piece.

    Raises
    ------
    InputError : an order other than 0 to 4.
    UnsupportedError : symbolic parameters in a formula that is not piecewise monotone.

    Examples
    --------
    >>> from vgtheory.symbolic.catalogue import activation
    >>> derivative_range(activation("sigmoid")).sup.expr
    1/4
    >>> derivative_range(activation("mish")).sup.digits(20)
    1.0884981612517278612
    """
    if not isinstance(order, int) or isinstance(order, bool) or not 0 <= order <= 4:
        raise InputError(f"order = {order!r}", "an integer from 0 to 4", "ask for order=1")
    return _derivative_range(act, order)


@lru_cache(maxsize=256)
def _derivative_range(act: Activation, order: int) -> Range:
    even = act.parity in ("even", "odd") and (act.parity == "even") == (order % 2 == 0)
    return piecewise_range(act.pieces, act.symbol, order, even=even)


def slope_bound(act: Activation) -> Extremum:
    """Return κ = sup |φ'|, the Lipschitz constant of φ (∞ where the slope is unbounded)."""
    both = derivative_range(act, 1)
    above, below = both.sup, both.inf._negated()
    if above.expr is not None and below.expr is not None:
        expr = sp.Max(above.expr, below.expr)
        if expr.free_symbols:
            return replace(above, expr=expr)
        return above if sp.N(above.expr - expr) == 0 or expr == above.expr else below
    return above if above.enclosure[0] >= below.enclosure[1] else below


def piecewise_range(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int = 0, even: bool = False) -> Range:
    """Return the range of the `order`-th derivative of the function made of `parts` on (parts[0].lo, parts[-1].hi).

    `even` says that this derivative is an even function, of which half is enough.
    """
    if any(p.expr.free_symbols - {x} or not (p.lo.is_number and p.hi.is_number) for p in parts):
        return Range(_symbolic_supremum(parts, x, order, 1), _symbolic_supremum(parts, x, order, -1)._negated())
    return Range(_supremum(parts, x, order, 1, even), _supremum(parts, x, order, -1, even)._negated())


# ------------------------------------------------------------------ candidates


@dataclass(frozen=True)
class _Candidate:
    """A place where the supremum may be: `ball` encloses the value there; `only_above` if f need not reach it."""

    ball: arb
    at: sp.Expr | None
    attained: bool
    exact: sp.Expr | None = None
    only_above: bool = False
    critical: CriticalBox | None = None
    piece: int = 0


class _Function:
    """f = sign · φ^(order) on one piece: its exact expression and its jets."""

    def __init__(self, part: calculus.Piece, x: sp.Symbol, order: int, sign: int) -> None:
        self.x, self.order, self.sign, self.part = x, order, sign, part
        self.expr = sign * sp.diff(part.expr, x, order)
        self.slope = sp.diff(self.expr, x)
        self._program = compile_jets(sign * part.expr, x)

    def jets(self, box: arb, order: int) -> list[arb]:
        return jets(self._program, box, self.order + order)[self.order :]

    def exact_at(self, point: sp.Expr) -> sp.Expr:
        return self.expr.subs(self.x, point)


def _supremum(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int, sign: int, even: bool) -> Extremum:
    try:
        functions = [_Function(p, x, order, sign) for p in parts if not (even and p.hi <= 0)]
        candidates = _constant_pieces(functions) + _ends(functions, even)
        period = _period(functions[0].expr, x) if len(parts) == 1 else None
        sides: tuple[int, ...] = () if period is not None else (1,) if even else (1, -1)
        with precision(SEARCH_BITS):
            floor = _floor(functions, candidates)
            for side in sides:
                candidates.append(_tail_candidate(functions, side, floor))
                if candidates[-1].exact == sp.oo:
                    return Extremum(sp.oo, (math.inf, math.inf), side * sp.oo, False, status="proved")
            windows = _windows(functions, candidates, even, period)
            candidates += _critical(functions, windows, floor)
    except (SearchFailed, TailUndecided, UnsupportedError):
        return _numeric(parts, x, order, sign)
    return _conclude(functions, candidates, floor)


def _constant_pieces(functions: list[_Function]) -> list[_Candidate]:
    flat = [(i, f) for i, f in enumerate(functions) if not f.expr.has(f.x)]
    with precision(FINAL_BITS):
        return [
            _Candidate(number_ball(f.expr), calculus.sample_point(f.part.lo, f.part.hi), True, f.expr, piece=i)
            for i, f in flat
        ]


def _ends(functions: list[_Function], even: bool) -> list[_Candidate]:
    """Return the one-sided values at the breakpoints; a piece owns its right end, an even function both sides of 0."""
    found = []
    with precision(FINAL_BITS):
        for i, f in enumerate(functions):
            for end in (f.part.lo, f.part.hi):
                if end.is_infinite or not f.expr.has(f.x):
                    continue
                exact = f.exact_at(end)
                if exact.has(sp.nan, sp.zoo, sp.oo):
                    raise TailUndecided
                owned = (
                    end == f.part.hi
                    or (even and end == 0)
                    or (i > 0 and closed_form.vanishes(functions[i - 1].exact_at(end) - exact))
                )
                found.append(_Candidate(number_ball(exact), end, owned, exact, piece=i))
    return found


def _floor(functions: list[_Function], candidates: list[_Candidate]) -> arb:
    """Return a value that the supremum certainly reaches."""
    values = [c.ball.lower() for c in candidates]
    for f in functions:
        lo, hi = _clipped(f.part, 6)
        points = (arb((lo + (hi - lo) * (arb(k) + arb("0.3")) / 13).mid()) for k in range(13))
        values += [f.jets(point, 0)[0].lower() for point in points]
    return max((v for v in values if v.is_finite()), default=arb.neg_inf(), key=float)


def _clipped(part: calculus.Piece, radius: int) -> tuple[arb, arb]:
    lo = number_ball(part.lo) if part.lo.is_finite else min(arb(-radius), number_ball(part.hi) - radius, key=float)
    hi = number_ball(part.hi) if part.hi.is_finite else max(arb(radius), number_ball(part.lo) + radius, key=float)
    if not part.lo.is_finite and not part.hi.is_finite:
        return arb(-radius), arb(radius)
    return lo, hi


def _tail_candidate(functions: list[_Function], side: int, floor: arb) -> _Candidate:
    """Return what the half-line beyond some R can contribute; `piece` holds R. Raises TailUndecided."""
    f = functions[-1 if side > 0 else 0]
    end = f.part.hi if side > 0 else f.part.lo
    if end.is_finite:
        return _Candidate(arb.neg_inf(), None, False, only_above=True)
    inner = f.part.lo if side > 0 else f.part.hi
    beyond = 0 if inner.is_infinite else abs(float(inner)) + 1
    last: _Candidate | None = None
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


def _from_tail(t: Tail, side: int, start: int) -> _Candidate:
    if t.part(1).terms:
        if t.sign() > 0:
            return _Candidate(WHOLE_LINE, side * sp.oo, False, sp.oo, piece=start)
        return _Candidate(arb.neg_inf(), None, False, only_above=True, piece=start)
    limit = t.limit
    if isinstance(limit, sp.Expr):
        difference = t + t.constant(-limit)
        try:
            if difference.sign() <= 0:  # f stays under its limit on the half-line, which is then its supremum there
                with precision(FINAL_BITS):
                    at = side * sp.oo if difference.terms else sp.Integer(side * (start + 1))
                    return _Candidate(number_ball(limit), at, not difference.terms, limit, piece=start)
        except TailUndecided:
            pass
    return _Candidate(t.bound(), None, False, only_above=True, piece=start)


def _windows(
    functions: list[_Function], candidates: list[_Candidate], even: bool, period: sp.Expr | None
) -> list[tuple[int, arb, arb]]:
    """Return the intervals (piece, lo, hi) that are left to search."""
    margin = arb("0.0173")
    if period is not None:
        half = number_ball(period / 2) + margin
        return [(0, -half.upper(), half.upper())]
    radius = max((c.piece for c in candidates if c.only_above or c.at in (sp.oo, -sp.oo)), default=STARTS[0])
    radius = max(radius, *(c.piece for c in candidates[-1 if even else -2 :]), STARTS[0])
    windows = []
    for i, f in enumerate(functions):
        if not f.expr.has(f.x):
            continue
        lo, hi = _clipped(f.part, radius)
        if even and lo < -margin:  # a little beyond 0, so that a maximum at 0 lies inside
            lo = -margin
        if lo < hi:
            windows.append((i, arb(lo.mid()) if f.part.lo.is_infinite else lo, hi))
    return windows


def _critical(functions: list[_Function], windows: list[tuple[int, arb, arb]], floor: arb) -> list[_Candidate]:
    found = []
    for i, lo, hi in windows:
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
        shown = None if exact is None else functions[i].exact_at(exact)
        candidates.append(_Candidate(value, where, True, shown, False, critical, i))
    return candidates


@dataclass(frozen=True)
class _FlatMaximum:
    """A maximum at which the second derivative vanishes too, proved to be the largest value of its region."""

    piece: int
    region: arb
    candidate: _Candidate


def _flat_maxima(functions: list[_Function], found: list[tuple[int, CriticalBox]]) -> list[_FlatMaximum]:
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
                    best = _Candidate(number_ball(exact), guess, True, exact, False, critical, i)
                    out.append(_FlatMaximum(i, region, best))
                    break
    return out


def _inside(box: arb, region: arb) -> bool:
    return bool(region.contains(box))


def _exact_point(f: _Function, point: arb) -> sp.Expr | None:
    with precision(FINAL_BITS):
        for guess, zero in closed_form.critical_points(f.slope, f.x):
            if not guess.is_real or not number_ball(guess).overlaps(point):
                continue
            if zero or closed_form.vanishes(f.slope.subs(f.x, guess)):
                return guess
    return None


def _period(expr: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """Return a period if x occurs only in sines and cosines of commensurable multiples of x."""
    waves = [w for w in expr.atoms(sp.sin, sp.cos) if w.has(x)]
    if not waves or expr.xreplace({w: sp.Dummy() for w in waves}).has(x):
        return None
    rates = [sp.diff(w.args[0], x) for w in waves]
    if any(r.has(x) or not (r / rates[0]).is_Rational for r in rates):
        return None
    ratios = [sp.Rational(r / rates[0]) for r in rates]
    common = sp.Rational(sp.gcd_list([r.p for r in ratios]), sp.lcm_list([r.q for r in ratios]))
    return abs(2 * sp.pi / (rates[0] * common))


# ------------------------------------------------------------------ the conclusion


def _conclude(functions: list[_Function], candidates: list[_Candidate], floor: arb) -> Extremum:
    lo = max([floor, *(c.ball.lower() for c in candidates if not c.only_above)], key=_size)
    top = [c for c in candidates if not c.ball.upper() < lo]
    hi = max((c.ball.upper() for c in top), key=_size)
    winner = _exact_winner(top)
    if winner is not None:
        value = closed_form.tidy(winner.exact)
        equation = _equation(functions, winner)
        with precision(FINAL_BITS):
            enclosure = outward(number_ball(value))
        return Extremum(value, enclosure, winner.at, winner.attained, *equation, status="proved")
    enclosure = (outward(lo)[0], outward(hi)[1])
    best = max(top, key=lambda c: (not c.only_above, _size(c.ball.lower()), c.attained))
    certified = enclosure[1] - enclosure[0] <= 1e-9 * max(1.0, abs(enclosure[0]))
    locate = None
    if len(top) == 1 and best.critical is not None and best.critical.isolated:
        critical, f = best.critical, functions[best.piece]
        locate = lambda bits: _located(f.jets, critical, bits)  # noqa: E731
    equation = _equation(functions, best)
    return Extremum(
        None,
        enclosure,
        best.at,
        best.attained,
        *equation,
        status="certified" if certified else "numeric",
        _locate=locate,
    )


def _size(value: arb) -> float:
    return float(value)


def _located(f: Jets, critical: CriticalBox, bits: int) -> arb:
    with precision(bits):
        return refined(f, critical)[1]


def _equation(functions: list[_Function], c: _Candidate) -> tuple[sp.Eq | None, sp.Expr | None]:
    if c.critical is None:
        return None, None
    f = functions[c.piece]
    return closed_form.reduced_equation(f.slope, f.x), closed_form.value_at_root(f.expr, f.slope, f.x)


def _exact_winner(top: list[_Candidate]) -> _Candidate | None:
    """Return the one candidate that all others in question cannot exceed, or None where that is not proved."""
    exact = [c for c in top if c.exact is not None]
    if not exact:
        return None
    winner = max(exact, key=lambda c: (_size(c.ball.mid()), c.attained))
    for other in top:
        if other is winner or other.ball.upper() <= winner.ball.lower():
            continue
        if other.exact is None or not closed_form.vanishes(other.exact - winner.exact):
            return None
        if other.attained and not winner.attained:
            winner = other
    return winner


def _numeric(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int, sign: int) -> Extremum:
    """Return the largest value on a grid; only the lower side is certain."""
    best, at = -math.inf, sp.Integer(0)
    for part in parts:
        with precision(SEARCH_BITS):
            try:
                program = compile_jets(sign * part.expr, x)
            except UnsupportedError:
                raise UnsupportedError(f"the range of {part.expr}: it has a function without ball arithmetic") from None
            lo, hi = (float(v.mid()) for v in _clipped(part, 64))
            for k in range(2000):
                point = lo + (hi - lo) * (k + 0.5) / 2000
                value = outward(jets(program, arb(point), order)[order])[0]
                if value > best:
                    best, at = value, sp.Float(point)
    return Extremum(None, (best, math.inf), at, True, status="numeric")


def _symbolic_supremum(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int, sign: int) -> Extremum:
    """Return the supremum when SymPy's assumptions show that every piece is monotone."""
    values: list[tuple[sp.Expr, sp.Expr]] = []
    for part in parts:
        expr = sign * sp.diff(part.expr, x, order)
        slope = sp.diff(expr, x)
        if slope.is_nonnegative or slope == 0:
            end, direction = part.hi, "-"
        elif slope.is_nonpositive:
            end, direction = part.lo, "+"
        else:
            raise UnsupportedError(
                f"cannot tell where {expr} is largest with symbolic parameters; give the parameters values"
            )
        values.append((sp.limit(expr, x, end, direction), end))
    expr = sp.Max(*(v for v, _ in values))
    at = next((end for v, end in values if v == expr), values[-1][1])
    bounds = (-math.inf, math.inf)
    return Extremum(expr, bounds, at, at.is_finite is True, status="proved")
