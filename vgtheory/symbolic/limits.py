"""Limits at infinity and towards a point, read off certified tails: no search, no series, nothing that can hang."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.tails import TAYLOR_ORDERS, Tail, TailUndecided

STARTS = (16, 256, 4096)  # terms that cannot be ordered from one start on may be from a larger one
_AWAY = sp.Dummy("r", positive=True)  # the reciprocal of the distance to a point
UNDEFINED = (sp.nan, sp.zoo, sp.oo, -sp.oo, sp.AccumBounds)


def expansions(expr: sp.Expr, x: sp.Symbol) -> Iterator[Tail]:
    """Yield what is found of a smooth formula for x → ∞, the cheapest expansion first.

    Raises UnsupportedError for a function without expansion and for a parameter without value.
    """
    for taylor, start in ((t, s) for t in TAYLOR_ORDERS for s in STARTS):
        try:
            yield tail(expr, x, start, taylor)
        except TailUndecided:
            continue


def limit_at_infinity(expr: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """Return the limit of a smooth formula for x → ∞: a number, ±oo, or None.

    None means that no limit is shown: the formula oscillates, keeps a parameter without value, or has a function
    without an expansion at infinity.

    >>> x = sp.Symbol("x", real=True)
    >>> limit_at_infinity(x / 2 * (1 + sp.tanh(-x)), x), limit_at_infinity(sp.sin(x), x)
    (0, None)
    """
    try:
        for end in expansions(expr, x):
            try:
                if end.part(1).terms:
                    return sp.oo * end.sign()
            except TailUndecided:
                continue
            if isinstance(end.limit, sp.Expr):
                return end.limit
    except UnsupportedError:
        pass
    return None


def limit_at(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> sp.Expr | None:
    """Return the limit of a smooth formula from the right (`side` 1) or from the left (−1): a number, ±oo or None.

    >>> x = sp.Symbol("x", real=True)
    >>> limit_at(sp.diff(sp.sqrt(sp.log(1 + x**2)), x), x, sp.Integer(0), -1)
    -1
    """
    value = expr.subs(x, at)
    return value if not value.has(*UNDEFINED) else limit_at_infinity(_from_point(expr, x, at, side), _AWAY)


def tail_at(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int, start: int, taylor: int = 2) -> Tail:
    """Return a smooth formula within 1/start of a point, on one side, as a tail in the reciprocal of the distance.

    Raises TailUndecided or UnsupportedError.
    """
    return tail(_from_point(expr, x, at, side), _AWAY, start, taylor)


def expansions_at(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> Iterator[Tail]:
    """Yield what is found of a smooth formula towards a point: tails in the reciprocal of the distance."""
    return expansions(_from_point(expr, x, at, side), _AWAY)


def _from_point(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> sp.Expr:
    return expr.subs(x, at + side / _AWAY)
