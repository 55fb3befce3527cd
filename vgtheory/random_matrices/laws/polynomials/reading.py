"""Algebraic laws from what a person gives: an equation, a law, or a formula of an R- or S-transform."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any

import sympy as sp

from vgtheory._errors import FormulaError, InputError, UnsupportedError, shown
from vgtheory.random_matrices.laws.polynomials.equation import COMPARED, Equation, equation_of
from vgtheory.random_matrices.laws.polynomials.law import AlgebraicLaw, law_of
from vgtheory.random_matrices.laws.polynomials.operations import NAME, equation_of_law, value_of
from vgtheory.random_matrices.laws.polynomials.series import moments_of, power
from vgtheory.random_matrices.laws.polynomials.terms import G, Z, rational_of
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.functions import FUNCTIONS
from vgtheory.symbolic.parser import read

_SHORT = 10_000  # denominators of masses that a double is taken for


def algebraic(equation: str | sp.Expr | Formula | RealLaw) -> AlgebraicLaw:
    """Return the law whose Stieltjes transform G(z) = E 1/(z − X) solves a polynomial equation.

    Parameters
    ----------
    equation : P(z, G) that vanishes, as text or SymPy, other symbols allowed; a formula of that kind; or a law that
        has such an equation.

    Raises
    ------
    InputError : no polynomial in z and G with rational coefficients; no branch G ~ 1/z, or several; or, with numbers
        for all symbols, moments that belong to no positive measure.
    UnsupportedError : a degree in G above 10.

    Examples
    --------
    >>> marchenko_pastur = algebraic("c*z*G**2 - (z - 1 + c)*G + 1")
    >>> noisy = marchenko_pastur + algebraic("G**2 - z*G + 1")  # a semicircle added, free of it
    >>> noisy.moments(3)
    (1, c + 2, c**2 + 3*c + 4)
    >>> law = noisy.at(c="1/2")
    >>> len(law.bands), [round(end, 9) for end in law.support()]
    (1, [-1.321453902, 3.665726227])
    """
    if isinstance(equation, RealLaw):
        return law_of(equation_of_law(equation))
    if isinstance(equation, Formula):
        equation = equation.lhs - equation.expr
    if isinstance(equation, str):
        _refuse_sides(equation)
        found = set(NAME.findall(equation)) - set(FUNCTIONS)
        names = {name: sp.Symbol(name) for name in found} | {"z": Z, "G": G}
        equation = read(equation, names)
    if not isinstance(equation, sp.Expr):
        hint = 'e.g. "G**2 - z*G + 1", the semicircle'
        raise InputError("equation", "a polynomial in z and G, or a law", hint, got=f"{equation!r}"[:60])
    return law_of(equation_of(equation.xreplace({s: _plain(s) for s in equation.free_symbols}), "equation"))


def _refuse_sides(equation: str) -> None:
    """Raise FormulaError for an equation with both of its sides."""
    left, sign, right = equation.partition("=")
    if sign:
        one, other = left.strip(), right.strip(" =")
        hint = f'give "{one}"' if other in ("0", "") else f'give "{one} - ({other})"'
        raise FormulaError("equation", "the side that vanishes, without = 0", hint, got=shown(equation))


def discrete(places: Sequence[Any], masses: Sequence[Any]) -> AlgebraicLaw:
    """Return the law of a variable with finitely many values, exact at the decimals given (a mass of 1/3 is a third).

    Numbers may be texts: ``discrete([0, 1], ["1/3", "2/3"])``.

    Raises
    ------
    InputError : no values, equal ones, not as many masses, or masses that are not positive or do not add to 1.

    Examples
    --------
    >>> coin = discrete([-1, 1], [0.5, 0.5])
    >>> coin.atoms, (coin + coin).bands  # the free sum of two coins is the arcsine law
    (((-1.0, 0.5), (1.0, 0.5)), ((-2.0, 2.0),))
    """
    at, share = (
        [read_as(v) for v in given] if isinstance(given, Iterable) and not isinstance(given, str) else []
        for given, read_as in ((places, value_of), (masses, _fraction))
    )
    wrong = not at or len(at) != len(share) or len(set(at)) < len(at) or not all(x.is_Rational for x in (*at, *share))
    if wrong or min(share) <= 0 or sum(share) != 1:
        accepted = "different rational numbers, with as many positive masses that add to 1"
        raise InputError("places", accepted, "give laws.discrete([0, 1], [0.25, 0.75])", got=shown(places))
    return law_of(equation_of(sum(m / (Z - x) for x, m in zip(at, share, strict=True)) - G, "places"))


def _fraction(mass: Any) -> sp.Expr:
    """Return a mass exactly, as the short fraction that a double stands for where it is one."""
    if isinstance(mass, float) and isfinite(mass):
        short = Fraction(mass).limit_denominator(_SHORT)
        if float(short) == mass:
            return sp.Rational(short.numerator, short.denominator)
    return value_of(mass)


def _plain(symbol: sp.Symbol) -> sp.Symbol:
    return {"z": Z, "G": G}.get(str(symbol), symbol)


def from_r(expr: sp.Expr, symbol: sp.Symbol) -> Equation | None:
    """Return the equation z = R(G) + 1/G; None where none is found."""
    cumulants = _taylor(expr, symbol)
    if cumulants is None:
        return None
    return _eliminated(expr.subs(symbol, G) + 1 / G - Z, moments_of([0 * cumulants[0], *cumulants], rational_of(1)))


def from_s(expr: sp.Expr, symbol: sp.Symbol) -> Equation | None:
    """Return the equation z = (1 + m)/(m S(m)), m = zG − 1; None where none is found."""
    m = Z * G - 1
    inverse = _taylor((1 + symbol) / expr, symbol)  # m z as a series in m
    if inverse is None:
        return None
    lead = inverse[0]
    shape = [value / lead for value in inverse]
    moments = [power(shape, n, n)[n - 1] * lead**n / n for n in range(1, COMPARED + 1)]  # [u^{n−1}] ((1 + u)/S(u))ⁿ/n
    return _eliminated(Z * m * expr.subs(symbol, m) - (1 + m), [rational_of(1), *moments])


def _taylor(expr: sp.Expr, symbol: sp.Symbol) -> list[Any] | None:
    """Return the first coefficients at 0 as rationals; None where one is irrational or the formula is not algebraic."""
    if any(not _is_algebraic(part) for part in sp.preorder_traversal(expr)):
        return None
    out, here = [], sp.nsimplify(expr, rational=True)
    value = sp.series(here, symbol, 0, COMPARED + 1).removeO()
    for n in range(COMPARED + 1):
        c = value.coeff(symbol, n)
        if not c.is_Rational:
            return None
        out.append(rational_of(c))
    return out


def _is_algebraic(part: sp.Expr) -> bool:
    if part.is_Pow:
        return bool(part.exp.is_Rational)
    return bool(part.is_Atom or part.is_Add or part.is_Mul) and not part.is_NumberSymbol


def _eliminated(expr: sp.Expr, moments: list[Any]) -> Equation | None:
    """Return the equation of an expression with radicals that vanishes: each is a symbol that its power determines.

    None where its degree is above 10, or conjugate radicals have branches G ~ 1/z as well.
    """
    roots: dict[sp.Expr, sp.Symbol] = {}

    def named(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        root = roots.setdefault(base ** sp.Rational(1, exponent.q), sp.Dummy(f"r{len(roots)}"))
        return root**exponent.p

    def is_radical(part: sp.Expr) -> bool:
        return bool(part.is_Pow and part.exp.is_Rational and not part.exp.is_Integer)

    flat = expr.replace(is_radical, lambda part: named(part.base, part.exp))
    found = sp.numer(sp.together(flat))
    for radical, root in reversed(roots.items()):
        order = radical.exp.q
        base = sp.together(radical.base.subs(roots))
        found = sp.resultant(found, sp.numer(sp.together(root**order - base)), root)
    try:
        return equation_of(sp.expand(found), "the transform", moments)
    except (InputError, UnsupportedError):
        return None
