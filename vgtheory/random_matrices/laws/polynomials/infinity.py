"""Branches G ~ 1/z of one equation that only their means tell apart: G = 1/z + w/z², w → the mean.

Such are those of 1/X where G has several finite values at 0: E 1/X is a root of a polynomial, and may be irrational.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import Any, NamedTuple

import sympy as sp
from flint import arb, ctx, fmpq, fmpz_poly

from vgtheory.random_matrices.laws.polynomials.rational import BITS, integers


class Mean(NamedTuple):
    """A mean that an equation allows: a root of an irreducible polynomial, its place among the real ones, in a ball."""

    factor: fmpz_poly
    place: int
    ball: arb

    @property
    def value(self) -> fmpq | arb:
        """Return the mean, exactly where it is rational."""
        return fmpq(-int(self.factor[0]), int(self.factor[1])) if self.factor.degree() == 1 else self.ball

    @property
    def field(self) -> Any:
        """Return the field of rational functions of the mean, which is its `unit`."""
        w = sp.Symbol("w")
        poly = sp.Poly([int(c) for c in reversed(self.factor.coeffs())], w, domain="QQ")
        return sp.QQ.alg_field_from_poly(poly, root_index=self.place)

    def expr(self, element: Any) -> sp.Expr:
        """Return an element of `field` as SymPy, in radicals where the mean is a root of a quadratic."""
        root = sp.rootof(sp.Poly([int(c) for c in reversed(self.factor.coeffs())], sp.Symbol("w")), self.place)
        found = sum((sp.Rational(c) * root**k for k, c in enumerate(reversed(element.to_list()))), sp.Integer(0))
        return sp.expand(found) if self.factor.degree() < 3 else found


def beside_infinity(terms: Mapping[tuple[int, int], Any]) -> dict[tuple[int, int], Any]:
    """Return {(n, k): coefficient of tⁿ wᵏ} of Σ c_ij zⁱ Gʲ over its lowest power of t = 1/z, where G = t + w t²."""
    out: dict[tuple[int, int], Any] = {}
    for (i, j), c in terms.items():
        for k in range(j + 1):
            key = (j - i + k, k)
            out[key] = out.get(key, 0 * c) + comb(j, k) * c
    kept = {key: c for key, c in out.items() if c}
    least = min(n for n, _ in kept)
    return {(n - least, k): c for (n, k), c in kept.items()}


def means_of(terms: Mapping[tuple[int, int], fmpq]) -> list[Mean]:
    """Return the means that belong to one branch each, ascending: simple real roots of what is left at t = 0."""
    first = {k: c for (n, k), c in beside_infinity(terms).items() if n == 0}
    poly = fmpz_poly(integers([first.get(k, fmpq(0)) for k in range(max(first) + 1)]))
    found = []
    with ctx.workprec(BITS):
        for factor, power in poly.factor()[1]:
            if power == 1:
                balls = sorted((r.real for r, _ in factor.complex_roots() if r.imag == 0), key=lambda b: float(b.mid()))
                found += [Mean(factor, k, ball) for k, ball in enumerate(balls)]
    return sorted(found, key=lambda mean: float(mean.ball.mid()))


def agree(one: Any, other: Any) -> bool:
    """Return whether two numbers are equal, or may be as far as balls tell."""
    if isinstance(one, arb) or isinstance(other, arb):
        return bool(arb(one).overlaps(arb(other)))
    return bool(one == other)


def is_positive(moments: list[Any]) -> bool:
    """Return whether the Hankel matrix of m_0, …, m_2n, rationals or balls, is positive semidefinite as far as known.

    By elimination, which ends at a pivot whose ball holds 0.
    """
    size = (len(moments) + 1) // 2
    rows = [[moments[i + j] for j in range(size)] for i in range(size)]
    for k, row in enumerate(rows):
        if row[k] < 0 or (row[k] == 0 and any(value != 0 for value in row[k:])):
            return False
        if isinstance(row[k], arb) and row[k].contains(0):
            return True
        for other in rows[k + 1 :] if row[k] != 0 else ():
            factor = other[k] / row[k]
            other[:] = [a - factor * b for a, b in zip(other, row, strict=True)]
    return True
