"""The period of a formula in which x occurs in waves only."""

from __future__ import annotations

import sympy as sp


def period(expr: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
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


def fastest(expr: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """Return the largest rate of the sines and cosines of a formula that has a period."""
    return sp.Max(*(abs(sp.diff(w.args[0], x)) for w in expr.atoms(sp.sin, sp.cos) if w.has(x)))
