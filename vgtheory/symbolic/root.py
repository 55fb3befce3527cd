"""`Root`: a real zero without a closed form, isolated by interval Newton; all zeros of a smooth function."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb, fmpq

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import closed_form
from vgtheory.symbolic.ball import Instruction, compile_jets, hull, jets, number_ball, precision
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.search import FINEST, SEARCH_BITS, STALLED, unit_boxes
from vgtheory.symbolic.tails import TAYLOR_ORDERS, TailUndecided

STARTS = (4, 8, 16, 32, 64, 256, 4096)
MAX_BOXES = 4000
FINE_BITS = 1024  # where terms cancel far out, as in 1 − tanh(3x)²
MARGIN = arb(1) / 128
HIGHEST_ORDER = 6  # of a multiple zero that is recognised


class Root(sp.AtomicExpr, Enclosed):
    """The only zero of `function` in [lo, hi], where its derivative has one sign.

    It is an atom, so that no rule of SymPy's looks inside.

    >>> x = sp.Symbol("x", real=True)
    >>> Root(sp.cos(x) - x, x, 0, 1).evalf(20)
    0.73908513321516064166
    """

    is_commutative = True
    is_extended_real = True
    is_real = True
    is_finite = True
    is_number = True
    is_zero = False  # a zero at the origin is recognised and never becomes a Root
    __slots__ = ("function", "hi", "lo", "variable")

    def __new__(cls, function: Any, x: sp.Symbol, lo: Any, hi: Any) -> Root:
        """Return the root, not evaluated."""
        obj: Root = sp.AtomicExpr.__new__(cls)
        obj.function, obj.variable, obj.lo, obj.hi = sp.sympify(function), x, sp.sympify(lo), sp.sympify(hi)
        return obj

    def __getnewargs__(self) -> tuple[sp.Expr, sp.Symbol, sp.Expr, sp.Expr]:
        return self.function, self.variable, self.lo, self.hi

    def _hashable_content(self) -> tuple[sp.Expr, ...]:
        return self.__getnewargs__()

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        """Return no symbol: a root is a number."""
        return set()

    def _eval_evalf(self, prec: int) -> sp.Expr:
        ball = self.enclosure(prec + 10)
        return sp.Float(ball.mid().str(int(prec / 3.3) + 5, radius=False), precision=prec)

    def _sympystr(self, printer: Any) -> str:
        return f"Root({printer._print(self.function)}, {float(self):.6g})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = printer._print(self.evalf(10))
        return rf"\left({text}\right)^{{{exp}}}" if exp else str(text)

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the root, by interval Newton from the isolating interval."""
        return _refined(*self.__getnewargs__(), bits)


@lru_cache(maxsize=1024)
def _refined(function: sp.Expr, x: sp.Symbol, lo: sp.Rational, hi: sp.Rational, bits: int) -> arb:
    with precision(bits + 32):
        program = compile_jets(function, x)
        box = hull(arb(fmpq(int(lo.p), int(lo.q))), arb(fmpq(int(hi.p), int(hi.q))))
        while box.rad() > arb(2) ** -bits * (1 + abs(box.mid())):
            middle = arb(box.mid())
            newton = middle - jets(program, middle, 0)[0] / jets(program, box, 1)[1]
            if not newton.is_finite() or not newton.overlaps(box):
                break
            newton, old = newton.intersection(box), box.rad()
            box = newton
            if box.rad() >= old * STALLED:
                break
        return box


def vanishes_at(expr: sp.Expr, x: sp.Symbol, at: sp.Expr) -> bool:
    """Return whether an expression in x is shown to vanish at a point, which may be a :class:`Root`."""
    if isinstance(-at, Root):
        return vanishes_at(expr.subs(x, -x), x, -at)
    if not isinstance(at, Root):
        return closed_form.vanishes(expr.subs(x, at))
    ratio = sp.cancel(sp.together(expr / at.function.xreplace({at.variable: x})))
    return expr == 0 or not ratio.has(x)


def all_zeros(u: sp.Expr, x: sp.Symbol, lower: sp.Expr = -sp.oo, upper: sp.Expr = sp.oo) -> tuple[sp.Expr, ...]:
    """Return every zero of a smooth function in (lower, upper) in increasing order.

    A zero is exact where it is recognised, else a `Root`.
    Raises UnsupportedError where they are not all found: too many, not isolated, or undecided far out.
    """
    for bits in (SEARCH_BITS, FINE_BITS):
        with precision(bits):
            found = _found(u, x, lower, upper)
        if found is not None:
            break
    else:
        raise UnsupportedError(f"cannot isolate the points where {u} = 0; write it with simpler pieces")
    found = sorted((z for z in found if lower < z < upper), key=float)
    mirrored = u.subs(x, -x)
    if mirrored in (u, -u) and lower == -upper:  # written as ±r, so that symmetric breakpoints are seen as symmetric
        ends = zip(found, reversed(found), strict=True)
        found = [-b if isinstance(a, Root) and a.is_negative else a for a, b in ends]
    return tuple(found)


def _found(u: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> list[sp.Expr] | None:
    try:
        # A little beyond a finite end: a zero exactly there is isolated too, and then left out.
        lo = number_ball(lower) - MARGIN if lower.is_finite else -_settled(u.subs(x, -x), x)
        hi = number_ball(upper) + MARGIN if upper.is_finite else _settled(u, x)
    except TailUndecided:
        raise UnsupportedError(
            f"cannot find all points where {u} = 0: it has no certified sign far out; write it with simpler pieces"
        ) from None
    return _isolated(compile_jets(u, x), u, x, arb(lo.mid()), arb(hi.mid()))


def _settled(u: sp.Expr, x: sp.Symbol) -> arb:
    for taylor, start in ((t, s) for t in TAYLOR_ORDERS for s in STARTS):
        try:
            if tail(u, x, start, taylor).sign() != 0:
                return arb(start)
        except TailUndecided:
            continue
    raise TailUndecided


def _isolated(program: tuple[Instruction, ...], u: sp.Expr, x: sp.Symbol, lo: arb, hi: arb) -> list[sp.Expr] | None:
    """Return the zeros in [lo, hi], None where they cannot be told apart at this precision."""
    work, found, count = unit_boxes(lo, hi), [], 0
    order = _order_at_zero(u, x)
    while work:
        a, b = work.pop()
        count += 1
        box, middle = hull(a, b), arb(hull(a, b).mid())
        value, slope = jets(program, box, 1)
        if not value.contains(0):
            continue
        if order and box.contains(0) and not jets(program, box, order)[order].contains(0):
            found.append(sp.Integer(0))
            continue
        if not slope.contains(0):
            newton = middle - jets(program, middle, 0)[0] / slope
            if not newton.overlaps(box):
                continue
            if box.contains_interior(newton):
                found.append(_named(u, x, newton))
                continue
        if box.rad() < FINEST or count > MAX_BOXES:
            return None
        cut = arb((a + (b - a) * arb("0.4873")).mid())
        work += [(a, cut), (cut, b)]
    return found


def _order_at_zero(u: sp.Expr, x: sp.Symbol) -> int:
    """Return the order of the zero at the origin, where formulas like to have a multiple one; 0 for none."""
    value = u
    for order in range(HIGHEST_ORDER + 1):
        if not closed_form.vanishes(value.subs(x, 0)):
            return order
        value = sp.diff(value, x)
    return 0


def _named(u: sp.Expr, x: sp.Symbol, newton: arb) -> sp.Expr:
    for guess, zero in closed_form.critical_points(u, x):
        if guess.is_real and number_ball(guess).overlaps(newton) and (zero or closed_form.vanishes(u.subs(x, guess))):
            return closed_form.tidy(guess)
    return isolated_root(u, x, newton)


def isolated_root(u: sp.Expr, x: sp.Symbol, newton: arb) -> Root:
    """Return the root that a step of interval Newton has isolated in the ball."""
    return Root(u, x, *_ends(u, x, newton))


def _ends(u: sp.Expr, x: sp.Symbol, newton: arb) -> tuple[sp.Rational, sp.Rational]:
    """Return rational ends around the root between which u' keeps its sign, short ones where they do."""
    exact = (newton.lower().fmpq(), newton.upper().fmpq())
    lo, hi = (sp.Rational(int(end.p), int(end.q)) for end in exact)
    for bits in (10, 20):
        short = sp.floor(lo * 2**bits) / 2**bits, sp.ceiling(hi * 2**bits) / 2**bits
        wide = hull(number_ball(short[0]), number_ball(short[1]))
        if not jets(compile_jets(u, x), wide, 1)[1].contains(0):
            return short
    return lo, hi
