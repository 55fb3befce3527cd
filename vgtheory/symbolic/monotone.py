"""Certified monotonicity: is a function nonincreasing on the half-line x > 0?"""

from __future__ import annotations

from itertools import pairwise

import sympy as sp
from flint import arb

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import closed_form
from vgtheory.symbolic.ball import compile_jets, hull, jets, number_ball, precision
from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.search import FINEST, MAX_BOXES, SEARCH_BITS, unit_boxes
from vgtheory.symbolic.tails import TailUndecided

STARTS = (4, 8, 16, 32, 64)


@kept
def nonincreasing(parts: tuple[Piece, ...], x: sp.Symbol) -> bool:
    """Return whether the function made of `parts` is proved to be nonincreasing on (0, ∞).

    On every box either f′ ≤ 0, or f″ has one sign and f′ ≤ 0 at the end where f′ is largest (which decides the box at
    0, where an even smooth function has f′ = 0); the tail of f′ is negative; jumps go down.  False also where the proof
    does not come through.
    """
    right = [Piece(p.lo if p.lo > 0 else sp.Integer(0), p.hi, p.expr) for p in parts if p.hi > 0]
    try:
        with precision(SEARCH_BITS):
            jumps = all(_falls(a.expr.subs(x, a.hi), b.expr.subs(x, b.lo)) for a, b in pairwise(right))
            return jumps and all(_piece_falls(p, x) for p in right)
    except (TailUndecided, UnsupportedError):
        return False


def _falls(left: sp.Expr, right: sp.Expr) -> bool:
    a, b = number_ball(left), number_ball(right)
    return bool(b < a) or (a.overlaps(b) and closed_form.vanishes(left - right))


def _piece_falls(part: Piece, x: sp.Symbol) -> bool:
    slope = sp.diff(part.expr, x)
    if not slope.has(x):
        return bool(number_ball(slope) <= 0)
    end = number_ball(part.hi) if part.hi.is_finite else _negative_from(slope, part.lo, x)
    flat_start = closed_form.vanishes(slope.subs(x, part.lo))
    program = compile_jets(part.expr, x)
    work, count = unit_boxes(number_ball(part.lo), end), 0
    while work:
        a, b = work.pop()
        count += 1
        _, d1, d2 = jets(program, hull(a, b), 2)
        if d1 <= 0:
            continue
        if d1 > 0 or count > MAX_BOXES:
            return False
        starts_flat = flat_start and a == number_ball(part.lo)
        if d2 <= 0 and (starts_flat or jets(program, a, 1)[1] <= 0):
            continue
        if d2 >= 0 and jets(program, b, 1)[1] <= 0:
            continue
        if (b - a) < FINEST:
            return False
        cut = arb(((a + b) / 2).mid())
        work += [(a, cut), (cut, b)]
    return True


def _negative_from(slope: sp.Expr, lo: sp.Expr, x: sp.Symbol) -> arb:
    for start in (s for s in STARTS if s > float(lo)):
        try:
            sign = tail(slope, x, start).sign()
        except TailUndecided:
            continue
        if sign <= 0:
            return arb(start)
        break
    raise TailUndecided
