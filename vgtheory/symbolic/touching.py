"""Kinks that no absolute value shows: a power u^p, p no whole number, whose u ≥ 0 touches 0 inside an interval.

√(x² − 2x + 1) is |x − 1|, and √(ln(1 + x²)) turns at 0 like |x|.  Squares are drawn out of the root first; where u has
no such factor its zeros are found among the certified zeros of u'.
"""

from __future__ import annotations

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import closed_form
from vgtheory.symbolic.ball import number_ball, precision
from vgtheory.symbolic.period import period
from vgtheory.symbolic.root import all_zeros

MAX_OPERATIONS = 120  # above it factoring may take seconds
BITS = 256


def squares_out(expr: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """Return `expr` with |v|^{2p} w^p in place of (v² w)^p: every perfect square is out of its root."""
    return expr.replace(lambda e: _is_root(e, x) and not e.base.is_positive, _drawn)


def _is_root(node: sp.Expr, x: sp.Symbol) -> bool:
    return isinstance(node, sp.Pow) and node.base.has(x) and node.exp.is_number and not node.exp.is_Integer


def _drawn(root: sp.Pow) -> sp.Expr:
    if sp.count_ops(root.base) > MAX_OPERATIONS:
        return root
    outside, inside = sp.S.One, sp.S.One
    for factor in sp.Mul.make_args(sp.factor(root.base)):
        v, k = factor.as_base_exp()
        if k.is_Integer and k % 2 == 0 and not isinstance(factor, sp.exp):
            outside *= sp.Abs(v) ** (k * root.exp)
        else:
            inside *= factor
    return root if outside == 1 else outside * inside**root.exp


def touching_points(expr: sp.Expr, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    """Return the points inside (lo, hi) at which the base of a power in a smooth piece touches 0.

    Raises UnsupportedError where there are infinitely many, or where it is not decided whether a minimum is 0.
    """
    bases = {node.base for node in expr.atoms(sp.Pow) if _is_root(node, x) and not node.base.is_positive}
    return set().union(*(_zeros_of(u, x, lo, hi) for u in bases))


def singular_points(expr: sp.Expr, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    """Return the points inside (lo, hi) at which the base of a root or of a denominator vanishes, as far as found."""
    found = touching_points(expr, x, lo, hi)
    bases = {p.base for p in expr.atoms(sp.Pow) if p.base.has(x) and p.exp.is_negative and not p.base.is_positive}
    for u in bases:
        try:
            found |= {at for at in _minima(u, x, lo, hi) if _touches(u, x, at)} or set(all_zeros(u, x, lo, hi))
        except UnsupportedError:
            continue
    return found


def _zeros_of(u: sp.Expr, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    if u.free_symbols - {x} or (u.is_polynomial(x) and sp.degree(u, x) == 1):
        return set()
    cycle = period(u, x)
    if cycle is not None and (lo.is_infinite or hi.is_infinite):
        if any(closed_form.vanishes(u.subs(x, at)) for at in _minima(u, x, -cycle, cycle)):
            raise UnsupportedError(
                f"{u} touches 0 at infinitely many points, where its root has kinks; use a function with finitely many"
            )
        return set()
    return {at for at in _minima(u, x, lo, hi) if _touches(u, x, at)}


def _minima(u: sp.Expr, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> tuple[sp.Expr, ...]:
    slope = sp.expand(sp.diff(u, x))
    try:
        return all_zeros(slope, x, lo, hi)
    except UnsupportedError:  # without a sign far out: what algebra finds
        guesses = (at for at, _ in closed_form.critical_points(slope, x) if at.is_real)
        return tuple(at for at in guesses if lo < at < hi and closed_form.vanishes(slope.subs(x, at)))


def _touches(u: sp.Expr, x: sp.Symbol, at: sp.Expr) -> bool:
    with precision(BITS):
        return number_ball(u.subs(x, at)).contains(0) and closed_form.vanishes(u.subs(x, at))
