"""What is exact of the singular values of L equal square layers whose slopes have finitely many values.

x = s² has m = zG(z) − 1 = E x/(z − x), and with M_D(ζ) = E d²/(ζ − d²) = m, P = mζ,

    Gaussian weights     z m = σ_w^{2L} (1 + m) P^L
    orthogonal weights   z m (1 + m)^{L−1} = σ_w^{2L} P^L

(Pennington et al. (2018)).  Where φ' is 0 or d, of probability 1 − p and p, P = d² (p + m): a polynomial with symbolic
L, p and σ_w.  Of several values, ζ is eliminated at the given L.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Literal

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.polynomials.edges import edge_formulas
from vgtheory.random_matrices.laws.polynomials.equation import COMPARED, Equation, equation_of
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet, sheet_of
from vgtheory.random_matrices.laws.polynomials.terms import G, Z, rational_of
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import active, depth, largest_square, sigma_w, singular_square, smallest_square

_M = Z * G - 1
_SOURCE = ("pennington2017",)
_SHEET = "G = G(z) is the branch with zG → 1 as z → ∞, for x = s²"


@dataclass(frozen=True)
class EqualLayers:
    """`count` equal square layers: σ_w and the values of d² = φ'(h)² > 0 with their probabilities, all exact."""

    ensemble: Literal["gaussian", "orthogonal"]
    count: int
    scale: sp.Expr
    levels: tuple[tuple[sp.Expr, sp.Expr], ...]

    @property
    def _is_mask(self) -> bool:
        return len(self.levels) == 1

    @property
    def _assumptions(self) -> tuple[str, ...]:
        here = f"; p = {self.levels[0][1]} here" if self._is_mask else ""
        return ("width → ∞ at fixed depth", f"every layer has these slopes{here}")

    def _says(self, lhs: sp.Expr, value: sp.Expr, name: str, statement: str) -> Formula:
        return Formula(
            lhs, value, "equality", "asymptotic", name, statement, assumptions=self._assumptions, reference=_SOURCE
        )

    @cached_property
    def polynomial(self) -> Formula | None:
        """Return what vanishes at G(z) of x = s²: with symbols L, p and σ_w where φ' has one value but 0.

        Else at the given depth; None where that has a degree above 10 or an irrational coefficient.
        """
        if not self._is_mask:
            found = self.equation
            return None if found is None else self._says(found.expr, sp.Integer(0), "equation of G", _SHEET)
        square, share = self._mask
        gains = (sigma_w**2 * square) ** depth * (share + _M) ** depth
        lost = (1 + _M) if self.ensemble == "gaussian" else (1 + _M) ** (1 - depth)
        return self._says(Z * _M - gains * lost, sp.Integer(0), "equation of G", _SHEET)

    @property
    def _mask(self) -> tuple[sp.Expr, sp.Expr]:
        """Return d² and the symbol p of its probability, 1 where φ' is nowhere 0."""
        square, share = self.levels[0]
        return square, sp.Integer(1) if share == 1 else active

    @cached_property
    def equation(self) -> Equation | None:
        """Return the equation at the given depth and scale; None where there is none of degree up to 10."""
        scale = self.scale**2
        if not all(value.is_Rational for value in (scale, *(v for level in self.levels for v in level))):
            return None
        v = sp.Dummy("v")  # 1/ζ
        low = self.count - 1 if self.ensemble == "orthogonal" else 0
        one = 1 + _M if self.ensemble == "gaussian" else sp.Integer(1)
        if self._is_mask:
            square, share = self.levels[0]
            found = Z * _M * (1 + _M) ** low - (scale * square * (share + _M)) ** self.count * one
        else:
            if len(self.levels) * self.count > _DEGREES:
                return None
            own = sp.numer(sp.together(_M - sum(mass * a * v / (1 - a * v) for a, mass in self.levels)))
            joint = Z * _M * (1 + _M) ** low * v**self.count - (scale * _M) ** self.count * one
            found = sp.resultant(sp.expand(own), sp.expand(joint), v)
        try:
            return equation_of(sp.expand(found), "the spectrum", [rational_of(m) for m in self.numbers(COMPARED)])
        except UnsupportedError:
            return None

    @cached_property
    def sheet(self) -> Sheet:
        """Return the sheet of the law of x; UnsupportedError where `equation` is None."""
        if self.equation is None:
            raise UnsupportedError(
                "no polynomial of degree up to 10 with rational coefficients is known for this spectrum, so its "
                "density has no proved bounds; fewer layers have one if slopes have two values and σ_w² is rational"
            )
        return sheet_of(self.equation)

    @cached_property
    def largest(self) -> Formula | None:
        """Return the upper end of the continuous part of x = s² in L, p and σ_w; None where slopes have several values.

        d ln z/dm = 0 is L m² + (L − 1) m = p with Gaussian weights, and m = p/(L(1 − p) − 1) with orthogonal ones,
        where L(1 − p) > 1 is needed: else an atom lies on top.
        """
        if not self._is_mask or (self.ensemble == "orthogonal" and self.count * (1 - self.levels[0][1]) <= 1):
            return None
        square, share = self._mask
        if self.ensemble == "gaussian":
            m = (1 - depth + sp.sqrt((depth - 1) ** 2 + 4 * depth * share)) / (2 * depth)
            value = (1 + m) * (share + m) ** depth / m
        else:
            m = share / (depth * (1 - share) - 1)
            value = (share + m) ** depth / (m * (1 + m) ** (depth - 1))
        value = (sigma_w**2 * square) ** depth * value
        return self._says(largest_square, value, "largest eigenvalue", "the upper end of the law of x = s²")

    @cached_property
    def edges(self) -> tuple[Formula, ...]:
        """Return the ends of the bands of x = s², ascending, inner ones too; () where no formula is known.

        In L, p and σ_w where φ' has one value but 0: the lower one is 0 but with one Gaussian layer.  Of several values
        at the given depth and scale: by square roots, or as the polynomial that they are roots of.
        """
        if self._is_mask and self.largest is not None:
            square, share = self._mask
            reaches_zero = self.ensemble == "orthogonal" or self.count > 1
            value = sp.Integer(0) if reaches_zero else sigma_w**2 * square * (1 - sp.sqrt(share)) ** 2
            low = self._says(smallest_square, value, "smallest eigenvalue", "the lower end of the law of x = s²")
            return low, self.largest
        return () if self.equation is None else edge_formulas(self.equation, self.sheet)

    def moments(self, count: int) -> tuple[Formula, ...]:
        """Return E x, …, E x^count in L and σ_w, and in p where φ' has one value but 0.

        Lagrange: E x^k = [m^{k−1}] (z m)^k/k.
        """
        most = whole("count", count)
        levels = (self._mask,) if self._is_mask else self.levels
        terms = self._moments(levels, depth, most, lambda e: sp.factor(sp.expand(e)))
        return tuple(
            self._says(
                sp.Function("E")(singular_square**k), sigma_w ** (2 * k * depth) * term, f"moment {k}", f"E s^{2 * k}"
            )
            for k, term in enumerate(terms, start=1)
        )

    def numbers(self, count: int) -> list[sp.Expr]:
        """Return 1, E x, …, E x^count at the given depth and scale, exact."""
        found = self._moments(self.levels, sp.Integer(self.count), count, sp.expand)
        return [sp.Integer(1), *(self.scale ** (2 * k * self.count) * m for k, m in enumerate(found, start=1))]

    def _moments(
        self, levels: tuple[tuple[sp.Expr, sp.Expr], ...], layers: sp.Expr, most: int, tidy: Callable
    ) -> list[sp.Expr]:
        """Return E x^k at σ_w = 1, by power series in m of (1 + m)^e (P/E d²)^L."""
        mean = sum(a * mass for a, mass in levels)
        shape = _slopes_series(levels, most)
        out = []
        for k in range(1, most + 1):
            lost = k if self.ensemble == "gaussian" else k * (1 - layers)
            one = _power([sp.Integer(1), sp.Integer(1), *([sp.Integer(0)] * most)], lost, k)
            other = _power(shape, k * layers, k)
            value = sum(a * b for a, b in zip(one, reversed(other[:k]), strict=True))
            out.append(mean ** (k * layers) * tidy(value / k))
        return out


_DEGREES = 12  # of the resultants that are tried


def _slopes_series(levels: tuple[tuple[sp.Expr, sp.Expr], ...], most: int) -> list[sp.Expr]:
    """Return the series of P/E d² in m, P = mζ, where m = Σ_j E d^{2j} ζ^{−j}: 1 + (E d⁴/(E d²)² )m + …"""
    moments = [sum(mass * a**j for a, mass in levels) for j in range(1, most + 2)]
    ratio = [sp.cancel(value / moments[0]) for value in moments]  # m/(μ v) as a series in v
    # Lagrange: v/(m/μ) = Σ_n [vⁿ] (m/(μ v))^{−n−1} (m/μ)ⁿ/(n + 1), and P/μ is its inverse.
    mean = moments[0]
    inverse = [sp.cancel(_power(ratio, -sp.Integer(n + 1), n + 1)[n] / (n + 1) / mean**n) for n in range(most + 1)]
    return [sp.cancel(value) for value in _power(inverse, sp.Integer(-1), most + 1)]


def _power(series: list[sp.Expr], exponent: sp.Expr, count: int) -> list[sp.Expr]:
    """Return the first coefficients of series^exponent, series[0] = 1, the exponent symbolic or not."""
    out = [sp.Integer(1)]
    for n in range(1, count):
        terms = (((exponent + 1) * j - n) * series[j] * out[n - j] for j in range(1, n + 1))
        out.append(sp.expand(reduce(lambda a, b: a + b, terms) / n))
    return out
