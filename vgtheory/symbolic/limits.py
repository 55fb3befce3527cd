"""Limits at infinity, read off certified tails: no search and no series, so that no formula can make it hang."""

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.tails import TailUndecided

STARTS = (16, 256, 4096)  # terms that cannot be ordered from one start on may be from a larger one


def limit_at_infinity(expr: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """Return the limit of a smooth formula for x → ∞: a number, ±oo, or None.

    None means that no limit is shown: the formula oscillates, keeps a parameter without value, or has a function
    without an expansion at infinity.

    >>> x = sp.Symbol("x", real=True)
    >>> limit_at_infinity(x / 2 * (1 + sp.tanh(-x)), x), limit_at_infinity(sp.sin(x), x)
    (0, None)
    """
    for start in STARTS:
        try:
            end = tail(expr, x, start)
            if end.part(1).terms:
                return sp.oo * end.sign()
        except UnsupportedError:
            return None
        except TailUndecided:
            continue
        constant = end.limit
        return constant if isinstance(constant, sp.Expr) else None
    return None
