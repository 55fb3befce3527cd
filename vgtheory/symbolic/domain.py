"""Is a formula real and finite on the whole line?  Proved by assumptions or ball arithmetic, refuted by a point.

Only powers, logarithms and tangents can fail; each leaves a sign condition on its argument, checked on each piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import sympy as sp
from flint import arb

from vgtheory._errors import FormulaError, UnsupportedError
from vgtheory.symbolic.ball import compile_jets, jets, number_ball, precision
from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.closed_form import vanishes
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.limits import limit_at, tail_at
from vgtheory.symbolic.tails import TailUndecided

Condition = Literal["nonzero", "positive", "nonnegative"]
REACH = 64  # the boxes go this far, tails take over from there
SAMPLES = 128
MAX_BOXES = 4000
SMALLEST = 2.0**-40
STRIPS = (4, 64, 4096)  # reciprocal widths
FINE_BITS = 8192


def conditions(expr: sp.Expr, x: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Expr, Condition]]:
    """Yield (node, u, condition on u) for each node of `expr` that is not defined everywhere, innermost first.

    What SymPy's assumptions already prove is left out.
    """
    for node in sp.postorder_traversal(expr):
        if not node.has(x):
            continue
        if isinstance(node, sp.Pow) and not isinstance(node, sp.exp):
            base, exponent = node.args
            if exponent.is_Integer and exponent < 0:
                if not base.is_nonzero:
                    yield node, base, "nonzero"
            elif not exponent.is_Integer:
                if exponent.is_number and exponent > 0:
                    if not base.is_nonnegative:
                        yield node, base, "nonnegative"
                elif not base.is_positive:
                    yield node, base, "positive"
        elif isinstance(node, sp.log) and not node.args[0].is_positive:
            yield node, node.args[0], "positive"
        elif isinstance(node, (sp.tan, sp.sec)):
            yield node, sp.cos(node.args[0]), "nonzero"


def need_real(parts: tuple[Piece, ...], x: sp.Symbol) -> None:
    """Raise FormulaError, naming a point, unless the function is real and finite on the whole line.

    Raises UnsupportedError where neither a proof nor a counterexample is found.
    """
    for piece in parts:
        for node, u, condition in conditions(piece.expr, x):
            if u.has(x):
                _check(node, sp.expand(u) if u.is_polynomial(x) else u, condition, piece, x)


def _check(node: sp.Expr, u: sp.Expr, condition: Condition, piece: Piece, x: sp.Symbol) -> None:
    try:
        program = compile_jets(u, x)
        lo, hi = _inner(u, piece, x)
        signs = set()
        for at in _samples(lo, hi):
            value = jets(program, at, 0)[0]
            signs.add(1 if value > 0 else -1 if value < 0 else 0)
            if condition != "nonzero" and value < 0:
                raise _refusal(node, "real", at)
            if condition != "nonnegative" and value == 0:
                raise _refusal(node, "finite", at)
        if u.is_polynomial(x) and condition != "nonnegative" and sp.Poly(u, x).domain in (sp.ZZ, sp.QQ):
            _check_roots(node, u, lo, hi, x)
        _check_boxes(node, program, lo, hi, condition, -1 if condition == "nonzero" and 1 not in signs else 1)
        for side, end in ((-1, piece.lo), (1, piece.hi)):
            if abs(end) == sp.oo and condition != "nonnegative":
                tail(u.subs(x, side * x), x, REACH).sign()
    except (UnsupportedError, TailUndecided):
        return  # a function without ball arithmetic, or no dominant term: whoever computes with it says so


def _inner(u: sp.Expr, piece: Piece, x: sp.Symbol) -> tuple[arb, arb]:
    """Return the interval to check: beyond the strips beside ends at which u vanishes but the piece has a limit."""
    ends = {1: _clipped(piece.lo), -1: _clipped(piece.hi)}
    for end, side in ((piece.lo, 1), (piece.hi, -1)):
        if end.is_infinite or not vanishes(u.subs(x, end)):
            continue
        limit = limit_at(piece.expr, x, end, side)
        strip = next((s for s in STRIPS if tail_at(u, x, end, side, s).sign()), None)
        if limit is not None and limit.is_finite and strip is not None:
            ends[side] += side * arb(1) / strip
    return ends[1], ends[-1]


def _check_roots(node: sp.Expr, u: sp.Expr, lo: arb, hi: arb, x: sp.Symbol) -> None:
    for root in sp.real_roots(u):
        if number_ball(root).overlaps(lo.union(hi)):
            raise _refusal(node, "finite", sp.N(root, 6))


def _check_boxes(node: sp.Expr, program: tuple, lo: arb, hi: arb, condition: Condition, sign: int) -> None:
    doubtful = _undecided_box(program, lo, hi, condition, sign)
    if doubtful is not None and condition != "nonnegative":
        with precision(FINE_BITS):  # 1 - erf(x) is positive at 48 too, by 1e-1003
            doubtful = _undecided_box(program, lo, hi, condition, sign)
    if doubtful is None:
        return
    ends = [jets(program, end, 0)[0] for end in (doubtful.lower(), doubtful.upper())]
    proved = condition == "nonnegative" or ends[0] * ends[1] < 0
    what = "real" if condition == "nonnegative" else "finite"
    raise _refusal(node, what if proved else f"shown to be {what}", doubtful)


def _samples(lo: arb, hi: arb) -> list[arb]:
    """Return points between the ends, those near ±1 first so that a refusal names a plain point."""
    points = [lo + (hi - lo) * k / SAMPLES for k in range(1, SAMPLES)]
    return sorted(points, key=lambda at: (abs(abs(float(at.mid())) - 1), float(at.mid())))


def _undecided_box(program: tuple, lo: arb, hi: arb, condition: Condition, sign: int) -> arb | None:
    """Return a tiny box on which u may break the condition, or None where the boxes prove it.

    A square root may touch 0, so that for it only a box where u is certainly negative counts.
    """
    boxes, examined = [(lo, hi)], 0
    while boxes:
        a, b = boxes.pop()
        examined += 1
        value = jets(program, a.union(b), 0)[0]
        if (value > 0 and sign > 0) or (value < 0 and sign < 0):
            continue
        if condition == "nonnegative":
            if value < 0:
                return a.union(b)
            if examined > MAX_BOXES or float((b - a).mid()) < SMALLEST:
                continue
        elif examined > MAX_BOXES or float((b - a).mid()) < SMALLEST:
            return a.union(b)
        middle = ((a + b) / 2).mid()
        boxes += [(a, middle), (middle, b)]
    return None


def _clipped(end: sp.Expr) -> arb:
    if abs(end) == sp.oo or abs(end) > REACH:
        return arb(REACH if end > 0 else -REACH)
    return number_ball(end)


def _refusal(node: sp.Expr, what: str, at: arb | sp.Expr) -> FormulaError:
    shown = f"{float(at.mid()) if isinstance(at, arb) else float(at):.6g}"
    return FormulaError(
        f"{node} is not {what} at {node.free_symbols.pop()} = {shown}",
        "a function that is real and finite on the whole line",
        "change the formula there, e.g. log(1+x**2) or abs(x)**0.5",
    )
