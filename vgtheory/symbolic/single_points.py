"""Values given at single points, as in Piecewise((sin(x)/x, Ne(x, 0)), (1, True)).

One point has probability 0 under every Gaussian and no slope, so such a value must be the one that the formula around
it tends to; any other would be dropped without a word by all that integrates or differentiates.  sin(x)/x alone is
taken for that.
"""

from __future__ import annotations

import sympy as sp

from vgtheory._errors import FormulaError
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.limits import UNDEFINED, limit_at
from vgtheory.symbolic.touching import singular_points


def need_continuous(expr: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """Return `expr` without the values at single points that the formula around them has anyway.

    Raises FormulaError where another value is given at a single point.
    """
    nodes = {n for n in expr.atoms(sp.Piecewise) if any(c.has(sp.Eq, sp.Ne) and c.has(x) for _, c in n.args)}
    return expr.xreplace({node: _filled(node, x) for node in nodes})


def _filled(node: sp.Piecewise, x: sp.Symbol) -> sp.Expr:
    points = {r for _, c in node.args for r in c.atoms(sp.Eq, sp.Ne) if r.has(x)}
    around = sp.Piecewise(*((e, c.xreplace({r: sp.S(isinstance(r, sp.Ne)) for r in points})) for e, c in node.args))
    needed = False
    for at in {at for r in points for at in sp.Poly(r.lhs - r.rhs, x).all_roots()}:
        value = node.subs(x, at)
        for side in (-1, 1):
            limit = _limit(around, x, at, side)
            if limit is None or not closed_form.vanishes(limit - value):
                raise FormulaError(
                    f"the value {value} at the single point {x} = {at}",
                    "branches on intervals" if limit is None else f"the limit {limit} there",
                    "drop the branch: one point changes neither a mean nor a slope",
                )
        needed = needed or around.subs(x, at).has(*UNDEFINED)
    return node if needed else around


def with_limits(expr: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """Return a formula that is 0/0 at some points with its limits there; as it is where not all of them have one.

    >>> x = sp.Symbol("x", real=True)
    >>> with_limits(sp.sin(x) / x, x)
    Piecewise((1, Eq(x, 0)), (sin(x)/x, True))
    """
    if expr.free_symbols != {x} or expr.has(*calculus.KINKED):
        return expr
    branches = []
    for at in sorted(singular_points(expr, x, -sp.oo, sp.oo), key=float):
        if not expr.subs(x, at).has(*UNDEFINED):
            continue
        left, right = (limit_at(expr, x, at, side) for side in (-1, 1))
        if left is None or right is None or not right.is_finite or not closed_form.vanishes(right - left):
            return expr
        branches.append((right, sp.Eq(x, at)))
    return sp.Piecewise(*branches, (expr, True)) if branches else expr


def _limit(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> sp.Expr | None:
    parts = calculus.pieces(expr, x)
    beside = (p for p in parts if (p.lo < at <= p.hi if side < 0 else p.lo <= at < p.hi))
    return limit_at(next(beside).expr, x, at, side)
