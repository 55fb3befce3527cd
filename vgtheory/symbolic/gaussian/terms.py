"""Expressions as sums of c·xⁿ·exp(βx − αx²)·∏ erf(sx + t): the terms whose Gaussian integrals have rules."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, prod

import sympy as sp

KNOWN = (sp.exp, sp.erf, sp.erfc, sp.sin, sp.cos, sp.sinh, sp.cosh)
MOST_TERMS = 1000  # of the expanded sum


@dataclass(frozen=True)
class Term:
    """The function c·x^power·exp(linear·x − square·x²)·∏ erf(s·x + t) over (s, t) in `erfs`."""

    coefficient: sp.Expr
    power: int | sp.Rational = 0
    linear: sp.Expr = sp.S.Zero
    square: sp.Expr = sp.S.Zero
    erfs: tuple[tuple[sp.Expr, sp.Expr], ...] = ()


def terms(expr: sp.Expr, x: sp.Symbol, positive: bool = False) -> tuple[Term, ...] | None:
    """Return the terms of `expr`, or None where it is not such a sum; sines become complex exponentials.

    Where x is known to be `positive`, any power of it is a term.
    """
    if _expanded_length(expr, x) > MOST_TERMS or not _representable(expr, x, positive):
        return None
    expr = expr.replace(sp.erfc, lambda u: 1 - sp.erf(u))
    for function in (sp.sin, sp.cos, sp.sinh, sp.cosh):
        expr = expr.replace(lambda e, f=function: isinstance(e, f) and e.has(x), lambda e: e.rewrite(sp.exp))
    found = [_term(t, x, positive) for t in sp.Add.make_args(sp.expand(expr))]
    return None if None in found else tuple(t for t in found if t is not None and t.coefficient != 0)


def _expanded_length(expr: sp.Expr, x: sp.Symbol) -> int:
    """Return a bound of the number of terms after expansion, waves written as two exponentials."""
    if not expr.has(x):
        return 1
    if isinstance(expr, sp.Add):
        return sum(_expanded_length(a, x) for a in expr.args)
    if isinstance(expr, sp.Mul):
        return prod(_expanded_length(a, x) for a in expr.args)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        length = _expanded_length(expr.base, x)
        return comb(length + int(expr.exp) - 1, length - 1) if length <= MOST_TERMS else length
    return 2 if isinstance(expr, (sp.sin, sp.cos, sp.sinh, sp.cosh)) else 1


def _representable(expr: sp.Expr, x: sp.Symbol, positive: bool) -> bool:
    for node in sp.preorder_traversal(expr):
        if not isinstance(node, sp.Expr) or not node.has(x) or node == x or isinstance(node, (sp.Add, sp.Mul, *KNOWN)):
            continue
        if isinstance(node, sp.Pow) and (node.exp.is_Integer or not node.base.has(x)):
            continue
        if positive and isinstance(node, sp.Pow) and node.base == x and node.exp.is_Rational:
            continue
        return False
    return True


def _term(product: sp.Expr, x: sp.Symbol, positive: bool) -> Term | None:
    power: int | sp.Rational
    coefficient, power, exponent, erfs = sp.S.One, 0, sp.S.Zero, []
    for factor in sp.Mul.make_args(product):
        base, k = factor.as_base_exp()
        if not factor.has(x):
            coefficient *= factor
        elif isinstance(factor, sp.exp) or not base.has(x):
            exponent += factor.exp if isinstance(factor, sp.exp) else k * sp.log(base)
        elif base == x and k.is_Integer and k > 0:
            power += int(k)
        elif base == x and k.is_Rational and positive:
            power += k
        elif isinstance(base, sp.erf) and k.is_Integer and k > 0:
            erfs += [_affine(base.args[0], x)] * int(k)
        else:
            return None
    polynomial = sp.Poly(exponent, x) if exponent.is_polynomial(x) else None
    if polynomial is None or polynomial.degree() > 2 or None in erfs:
        return None
    square, linear, constant = (polynomial.coeff_monomial(x**n) for n in (2, 1, 0))
    known = [e for e in erfs if e is not None]
    return _signed(Term(coefficient * sp.exp(constant), power, linear, -square, tuple(known)))


def _affine(u: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr] | None:
    if not u.is_polynomial(x) or sp.degree(u, x) != 1:
        return None
    p = sp.Poly(u, x)
    return p.coeff_monomial(x), p.coeff_monomial(1)


def _signed(term: Term) -> Term:
    """Return the term with erf(−u) = −erf(u) drawn out, so that equal factors look equal."""
    sign = sp.S.One
    erfs: list[tuple[sp.Expr, sp.Expr]] = []
    for s, t in term.erfs:
        flip = s.could_extract_minus_sign()
        sign, erfs = (-sign, [*erfs, (-s, -t)]) if flip else (sign, [*erfs, (s, t)])
    return Term(term.coefficient * sign, term.power, term.linear, term.square, tuple(erfs))
