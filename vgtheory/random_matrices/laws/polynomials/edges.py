"""Ends of bands as formulas: zeros in z of the discriminant of P(z, G; θ) and of its leading coefficient."""

from __future__ import annotations

import sympy as sp
from flint import ctx, fmpz_poly

from vgtheory._errors import InputError
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.polynomials.rational import BITS
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet
from vgtheory.random_matrices.laws.polynomials.terms import G, Z
from vgtheory.symbolic.formula import Formula

_X = sp.Symbol("x")


def edge_formulas(equation: Equation, sheet: Sheet | None) -> tuple[Formula, ...]:
    """Return x = … for each end of a band, ascending, where a sheet (numbers for all symbols) says which they are.

    A zero that has no square roots for a formula is given by its polynomial, D(x) = 0, and the double next to it.
    Without a sheet: all zeros that can be ends.  InputError for a symbol named x.
    """
    if _X in equation.symbols:
        raise InputError("the symbol x", "another name: x is the place of an edge", "rename it, e.g. to c")
    factors = _factors(equation)
    if sheet is None:
        return tuple(_said(root, factor, "") for factor in factors for root in _in_radicals(factor) or (None,))
    out = []
    for end in (x for band in sheet.bands for x in band):
        factor = next(f for f in factors if end in _real_roots(f))
        near = [root for root in _in_radicals(factor) if abs(complex(root.n(30)) - end) < 1e-12 * (1 + abs(end))]
        out.append(_said(near[0] if near else None, factor, f"{end:.17g}"))
    return tuple(out)


def _factors(equation: Equation) -> list[sp.Poly]:
    poly = sp.Poly(equation.expr, G)
    found = poly.discriminant() * poly.LC() if poly.degree() > 1 else poly.LC()
    parts = sp.factor_list(sp.expand(found))[1]
    return [sp.Poly(part.subs(Z, _X), _X) for part, _ in parts if part.has(Z)]


def _in_radicals(factor: sp.Poly) -> list[sp.Expr]:
    """Return the zeros of a polynomial by square roots; none where these do not give all of them."""
    found = sp.roots(factor, cubics=False, quartics=False, multiple=True)
    return [sp.simplify(root) for root in found] if len(found) == factor.degree() else []


def _real_roots(factor: sp.Poly) -> list[float]:
    """Return the real zeros as the sheet rounds them: middles of balls."""
    row = fmpz_poly([int(c) for c in reversed(factor.clear_denoms(convert=True)[1].all_coeffs())])
    with ctx.workprec(BITS):
        return [float(root.real.mid()) for root, _ in row.complex_roots() if root.imag == 0]


def _said(root: sp.Expr | None, factor: sp.Poly, near: str) -> Formula:
    here = f", next to {near}" if near else ", where it is real and on the sheet"
    if root is not None:
        return Formula(_X, root, name="edge", statement=f"an end of a band{here}")
    return Formula(factor.as_expr(), sp.Integer(0), name="edge", statement=f"an end of a band is its root{here}")
