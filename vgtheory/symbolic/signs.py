"""Which sign an expression has wherever it stands: widths and depths from 1 on, probabilities below 1."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import prod

import sympy as sp
from sympy.core.function import AppliedUndef

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.complex_ball import enclose

BALL_DIGITS = 16
# What the symbols range over, in terms of symbols of one sign: 1 ≤ ℓ ≤ L, N ≥ 1, probabilities and thresholds below 1.
_ABOVE = {s: sp.Symbol(f"{s.name}_more", nonnegative=True) for s in (n.depth, n.width, n.layer)}
_BELOW = {s: 1 / (1 + sp.Symbol(f"{s.name}_less", positive=True)) for s in (n.eps, n.p, n.fraction, n.fineness)}
_RANGES = {n.depth: 1 + _ABOVE[n.layer] + _ABOVE[n.depth], n.layer: 1 + _ABOVE[n.layer], n.width: 1 + _ABOVE[n.width]}
_RANGES |= _BELOW


def is_number(expr: sp.Basic) -> bool:
    """Return whether nothing is left to fix."""
    return isinstance(expr, sp.Expr) and not expr.free_symbols and not expr.has(AppliedUndef)


def sign_of_all(factors: Iterable[sp.Expr]) -> int | None:
    """Return the sign of a product, None where one factor's is not known."""
    signs = [sign(a) for a in factors]
    return None if None in signs else prod(s for s in signs if s is not None)


def nonnegative(expr: sp.Expr) -> bool:
    """Return whether `expr` is known to be nowhere negative."""
    return sign(expr) == 1


@lru_cache(maxsize=4096)
def sign(expr: sp.Expr) -> int | None:
    """Return 1 where `expr` is nowhere negative, −1 where it is nowhere positive, None where neither is known."""
    if is_number(expr):
        return _sign_of_number(expr)
    if isinstance(expr, sp.Mul):
        return sign_of_all(expr.args)
    if isinstance(expr, sp.log):
        return side_of_one(expr.args[0])
    if isinstance(expr, sp.Pow) and sign(expr.base) == 1:
        return 1
    if isinstance(expr, sp.Add):
        signs = {sign(a) for a in expr.args}
        if len(signs) == 1 and None not in signs:
            return signs.pop()
    general = expr.xreplace(_RANGES)
    general = sp.expand(general) if isinstance(general, sp.Add) else general
    return 1 if general.is_nonnegative else -1 if general.is_nonpositive else None


def _sign_of_number(expr: sp.Expr) -> int | None:
    if expr.is_nonnegative is not None:
        return 1 if expr.is_nonnegative else -1
    try:
        ball = enclose(expr, BALL_DIGITS)
    except (UnsupportedError, InputError):
        return None
    return 1 if ball >= 0 else -1 if ball <= 0 else None


def side_of_one(expr: sp.Expr) -> int | None:
    """Return 1 where `expr` is nowhere below 1, −1 where it is positive and nowhere above, None where neither."""
    if isinstance(expr, sp.Mul):
        sides = {side_of_one(a) for a in expr.args}
        if len(sides) == 1 and None not in sides:
            return sides.pop()
    if isinstance(expr, sp.Pow):
        base, power = side_of_one(expr.base), sign(expr.exp)
        if base is not None and power is not None:
            return base * power
    above = sign(expr - 1)
    return above if above == 1 or (above == -1 and sign(expr) == 1) else None
