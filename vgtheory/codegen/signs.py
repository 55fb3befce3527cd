"""Where exponents change sign, and which sums cannot cancel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy as sp

HYPERBOLIC = (sp.tanh, sp.sinh, sp.cosh, sp.sech, sp.coth, sp.csch)


def exponents(e: sp.Expr, x: sp.Symbol) -> Iterator[sp.Expr]:
    """Yield the polynomials p such that e^p, or a root of it, occurs in the expression written with exponentials."""
    for node, u in _arguments(e, x):
        yield sp.expand(u**2) if isinstance(node, (sp.erf, sp.erfc)) else u
    for node in sp.preorder_traversal(e):
        if isinstance(node, sp.Pow) and node.exp.is_Rational and not node.exp.is_Integer:
            yield from (sp.expand(u / node.exp.q) for u in exponents(node.base, x))


def _arguments(e: sp.Expr, x: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield (function, polynomial whose sign decides how it is written) for every exponential and error function."""
    for node in sp.preorder_traversal(e):
        if not isinstance(node, (sp.exp, *HYPERBOLIC, sp.erf, sp.erfc)) or not node.has(x):
            continue
        u = sp.expand(node.args[0])
        if isinstance(node, sp.exp) and u.is_Add and not u.is_polynomial(x):
            u = sp.Add(*(a for a in u.args if a.is_polynomial(x)))
        if not u.is_polynomial(x) or not u.has(x):
            continue
        yield node, 2 * u if isinstance(node, (sp.tanh, sp.coth)) else u


def sign_changes(e: sp.Expr, x: sp.Symbol) -> set[sp.Expr]:
    """Return 0 and the points where an exponent, or the argument of an error function, changes sign."""
    cuts: set[sp.Expr] = {sp.Integer(0)}
    for _, p in _arguments(e, x):
        c = sp.Poly(p, x).all_coeffs()
        while c[-1] == 0:
            c.pop()
        if len(c) == 2:
            cuts.add(-c[1] / c[0])
        elif len(c) > 2:
            roots = np.roots([float(a / c[0]) for a in c])
            cuts.update(sp.Float(float(r.real)) for r in roots if abs(r.imag) < 1e-9 * (1 + abs(r)))
    return cuts


def has_positive_terms(polynomial: sp.Expr) -> bool:
    """Return whether every term is positive, so that the sum cannot cancel."""
    return all(term.is_positive for term in sp.Add.make_args(sp.expand(polynomial)))


def is_positive(e: sp.Expr) -> bool:
    """Return whether numerator and denominator have positive terms only."""
    above, below = sp.fraction(sp.together(e))
    return has_positive_terms(above) and has_positive_terms(below)
