"""Certified range of an activation's derivatives on the whole real line.

The supremum of φ^(k) is at a critical point, at a breakpoint, or in a tail.  All three are enclosed in ball arithmetic;
a closed form is reported as proved only when the certified search leaves no place but the one it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import sympy as sp
from flint import arb

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, hull, jets, number_ball, outward, precision
from vgtheory.symbolic.candidates import (
    FINAL_BITS,
    Candidate,
    SmoothPart,
    clipped,
    constant_pieces,
    critical_candidates,
    ends,
    period,
    reached_value,
    tail_candidate,
    windows,
)
from vgtheory.symbolic.search import SEARCH_BITS, CriticalBox, Jets, SearchFailed, refined
from vgtheory.symbolic.tails import TailUndecided

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
        ball = self._locate(int(3.33 * n) + 64) if self._locate else hull(*map(arb, self.enclosure))
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


def _supremum(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int, sign: int, even: bool) -> Extremum:
    try:
        functions = [SmoothPart(p, x, order, sign) for p in parts if not (even and p.hi <= 0)]
        candidates = constant_pieces(functions) + ends(functions, even)
        unbounded = next((c for c in candidates if c.exact == sp.oo), None)
        if unbounded is not None:
            return Extremum(sp.oo, (math.inf, math.inf), unbounded.at, False, status="proved")
        cycle = period(functions[0].expr, x) if len(parts) == 1 else None
        sides: tuple[int, ...] = () if cycle is not None else (1,) if even else (1, -1)
        with precision(SEARCH_BITS):
            floor = reached_value(functions, candidates)
            for side in sides:
                candidates.append(tail_candidate(functions, side, floor))
                if candidates[-1].exact == sp.oo:
                    return Extremum(sp.oo, (math.inf, math.inf), side * sp.oo, False, status="proved")
            intervals = windows(functions, candidates, even, cycle)
            candidates += critical_candidates(functions, intervals, floor)
    except (SearchFailed, TailUndecided, UnsupportedError):
        return _numeric(parts, x, order, sign)
    return _conclude(functions, candidates, floor)


def _conclude(functions: list[SmoothPart], candidates: list[Candidate], floor: arb) -> Extremum:
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


def _equation(functions: list[SmoothPart], c: Candidate) -> tuple[sp.Eq | None, sp.Expr | None]:
    if c.critical is None:
        return None, None
    f = functions[c.piece]
    return closed_form.reduced_equation(f.slope, f.x), closed_form.value_at_root(f.expr, f.slope, f.x)


def _exact_winner(top: list[Candidate]) -> Candidate | None:
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
            lo, hi = (float(v.mid()) for v in clipped(part, 64))
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
