"""The equation P(z, G; θ) = 0 of a law's Stieltjes transform, exact over the rationals, and what it becomes of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm
from typing import Any

import sympy as sp
from flint import Ordering, arb, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.polynomials import series
from vgtheory.random_matrices.laws.polynomials.infinity import (
    Mean,
    agree,
    beside_infinity,
    is_positive,
    means_of,
)
from vgtheory.random_matrices.laws.polynomials.rational import BITS
from vgtheory.random_matrices.laws.polynomials.terms import (
    G,
    Z,
    field_to_expr,
    in_y,
    places_of,
    rational_of,
    substituted,
    symbols_of,
)

_PART = sp.Dummy("w")  # no symbol of a law
LARGEST = 10  # degree in G
COMPARED = 12  # moments by which the factor of a resultant is told from the others


@dataclass(frozen=True)
class Equation:
    """P(z, G; θ) = 0, irreducible, of which G(z) = 1/z + m_1/z² + … is a branch.

    Parameters
    ----------
    terms : ((i, j), coefficient) of zⁱ Gʲ, the coefficients polynomials in the symbols θ with rational numbers.
    branch : which one is meant where several branches are ~ 1/z: its place among their means, ascending.
    """

    terms: tuple[tuple[tuple[int, int], sp.Expr], ...]
    branch: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds."""
        return {"terms": self.terms, "branch": self.branch}

    @cached_property
    def expr(self) -> sp.Expr:
        """Return P, collected in G."""
        return sp.collect(sp.expand(sp.Add(*(c * Z**i * G**j for (i, j), c in self.terms))), G)

    @cached_property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Return θ, by name."""
        return tuple(sorted(set().union(*(c.free_symbols for _, c in self.terms)), key=str))

    @property
    def degree(self) -> int:
        """Return the degree in G."""
        return max(j for (_, j), _ in self.terms)

    def at(self, values: Mapping[sp.Symbol, sp.Expr]) -> Equation:
        """Return the equation with numbers or formulas for some symbols."""
        return equation_of(self.expr.subs(values), "P")

    @cached_property
    def rational(self) -> dict[tuple[int, int], fmpq]:
        """Return the coefficients as rationals, the symbols, if any, at fixed places."""
        return self._rational_among(self.symbols)

    def _rational_among(self, symbols: Iterable[sp.Symbol]) -> dict[tuple[int, int], fmpq]:
        """Return the coefficients as rationals, each symbol at the place that it has among these."""
        places = places_of(symbols)
        return {key: rational_of(c.subs(places) if places else c) for key, c in self.terms}

    @cached_property
    def mean(self) -> Mean | None:
        """Return the mean by which the branch is told from others; None where it alone is ~ 1/z."""
        return None if self.branch is None else means_of(self.rational)[self.branch]

    def branches(self) -> list[Equation]:
        """Return the equation with each of its branches G ~ 1/z."""
        if series.expansion(self.rational, 1, fmpq(1)) is not None:
            return [self]
        return [replace(self, branch=k) for k in range(len(means_of(self.rational)))] if not self.symbols else []

    def moments(self, count: int) -> tuple[sp.Expr, ...]:
        """Return m_0 = 1, …, m_count exactly, in the symbols."""
        return tuple(self._said(m) for m in self._moments(count))

    def free_cumulants(self, count: int) -> tuple[sp.Expr, ...]:
        """Return κ_1, …, κ_count exactly, in the symbols."""
        return tuple(self._said(k) for k in series.free_cumulants(self._moments(count))[1:])

    def numbers(self, count: int) -> list[Any]:
        """Return m_0 = 1, …, m_count as rationals, or as balls where the mean may be irrational; symbols at places."""
        if self.mean is None:
            return series.expansion(self.rational, count, fmpq(1)) or []
        with ctx.workprec(BITS):
            return self._from_mean(arb(1), self.mean.value, self.rational, count)

    def _from_mean(self, one: Any, mean: Any, terms: Mapping[tuple[int, int], Any], count: int) -> list[Any]:
        return [one, *(series.continued(beside_infinity(terms), max(count - 1, 0), one, one * mean) or [])][: count + 1]

    def _said(self, value: Any) -> sp.Expr:
        return field_to_expr(value) if self.mean is None else self.mean.expr(value)

    def _moments(self, count: int) -> list[Any]:
        if self.mean is not None:
            field = self.mean.field
            terms = {key: field.from_sympy(c) for key, c in self.terms}
            return self._from_mean(field.one, field.unit, terms, count)
        if not self.symbols:
            return series.expansion(self.rational, count, fmpq(1)) or []
        slope = sum(j * c for (i, j), c in self.terms if j - i == min(b - a for (a, b), _ in self.terms))
        domain = sp.QQ[self.symbols] if sp.expand(slope).is_Rational else sp.QQ.frac_field(*self.symbols)
        return series.expansion({k: domain.from_sympy(c) for k, c in self.terms}, count, domain.one) or []

    def sum(self, other: Equation) -> Equation:
        """Return the equation of the free sum: z = z_a + z_b − 1/G at one G."""
        space, one, two = _together(self, other, ("w", "z", "G"))
        w, z, g = (space.gen(k) for k in range(3))
        second = substituted(two, space, lambda i, top: (z * g - w * g + 1) ** i * g ** (top - i))
        found = substituted(one, space, lambda i, top: w**i).resultant(second, "w")
        with ctx.workprec(BITS):
            pair = _tried_both(self, other, symbols_of(self.expr, other.expr))
            wanted = [x + y for x, y in zip(*map(series.free_cumulants, pair), strict=True)]
            return _factor(found, series.moments_of(wanted, fmpq(1)))

    def product(self, other: Equation) -> Equation:
        """Return the equation of the free product: z = z_a z_b m/(1 + m) at one m = zG − 1."""
        pair = _tried_both(self, other, symbols_of(self.expr, other.expr))
        if 0 in (pair[0][1], pair[1][1]):
            raise UnsupportedError("the free product with a law of mean 0 has no S-transform; multiply laws on x ≥ 0")
        space, one, two = _together(self, other, ("w", "z", "G"))
        w, z, y = (space.gen(k) for k in range(3))  # y = 1 + m = zG stands in G's place
        first = substituted(in_y(one), space, lambda i, top: w**i)
        second = substituted(in_y(two), space, lambda i, top: (z * y) ** i * ((y - 1) * w) ** (top - i))
        found = first.resultant(second, "w")
        back: dict[tuple[int, ...], Any] = {}
        for (_, i, j, *rest), c in found.to_dict().items():
            back[0, i + j, j, *rest] = c
        with ctx.workprec(BITS):
            return _factor(space.from_dict(back), series.product_moments(*pair))

    def moved(self, scale: sp.Expr, shift: sp.Expr) -> Equation:
        """Return the equation of scale·X + shift."""
        moved = self.expr.subs({Z: (Z - shift) / scale, G: scale * G}, simultaneous=True)
        return equation_of(moved, "P", self._with_mean(scale, shift))

    def _with_mean(self, factor: sp.Expr, added: sp.Expr, *others: sp.Expr) -> list[Any] | None:
        """Return m_0 and factor·mean + added where they tell branches from each other, which no symbol may enter."""
        _refuse_symbols(self, factor, added, *others)
        if self.mean is None or not (factor.is_Rational and added.is_Rational):
            return None
        with ctx.workprec(BITS):
            return [fmpq(1), rational_of(factor) * self.mean.value + rational_of(added)]

    def inverted(self, mean: arb | None = None) -> Equation:
        """Return the equation of 1/X: G_{1/X}(z) = 1/z − G(1/z)/z²; `mean` holds E 1/X."""
        image = self.expr.subs({Z: 1 / Z, G: Z - Z**2 * G}, simultaneous=True)
        try:
            return equation_of(image, "P", None if mean is None else [fmpq(1), mean])
        except InputError:
            if mean is not None:
                raise
            raise UnsupportedError(
                "the law of 1/X with symbols: G has several finite branches at 0, and numbers decide which is its own; "
                "give numbers first, law.at(c=0.5)"
            ) from None

    def squared(self) -> Equation:
        """Return the equation of X²: G(z²) = [G_X(z) − G_X(−z)]/(2z)."""
        space, one, _ = _together(self, self, ("w", "z", "G"))
        w, z, g = (space.gen(k) for k in range(3))
        left, right = space.from_dict({}), space.from_dict({})
        for (_, i, j, *rest), c in one.items():
            left += space.from_dict({(0, i, 0, *rest): c}) * w**j
            right += space.from_dict({(0, i, 0, *rest): c}) * (-1) ** i * (w - 2 * z * g) ** j
        found = left.resultant(right, "w")
        halved: dict[tuple[int, ...], Any] = {}
        odd = min(i % 2 for (_, i, *_), _ in found.to_dict().items())
        for (_, i, j, *rest), c in found.to_dict().items():
            if (i - odd) % 2:
                raise UnsupportedError("the square of this law: its equation does not separate")
            halved[0, (i - odd) // 2, j, *rest] = c
        with ctx.workprec(BITS):
            return _factor(space.from_dict(halved), self.numbers(2 * COMPARED)[::2])

    def compressed(self, share: sp.Expr) -> Equation:
        """Return the equation of a corner that keeps this share of rows and columns, X compressed: R(share·g)."""
        scaled = {Z: Z + (1 / share - 1) / G, G: share * G}
        known = self._with_mean(sp.Integer(1), sp.Integer(0), share)
        return equation_of(self.expr.subs(scaled, simultaneous=True), "P", known)

    def transposed(self, ratio: sp.Expr) -> Equation:
        """Return the equation of cG + (1 − c)/z: of X*X, where this one is that of XX*."""
        found = self.expr.subs(G, (G - (1 - ratio) / Z) / ratio)
        return equation_of(found, "P", self._with_mean(ratio, sp.Integer(0)))

    def mixed(self, other: Equation, share: sp.Expr) -> Equation:
        """Return the equation of share·G_a + (1 − share)·G_b."""
        rest = other.expr.subs(G, (G - share * _PART) / (1 - share))
        found = sp.resultant(self.expr.subs(G, _PART), sp.numer(sp.together(rest)), _PART)
        symbols = symbols_of(self.expr, other.expr, share)
        pair = _tried_both(self, other, symbols)
        weight = rational_of(share.subs(places_of(symbols)))
        with ctx.workprec(BITS):
            moments = [weight * x + (1 - weight) * y for x, y in zip(*pair, strict=True)]
            return equation_of(found, "P", moments, symbols)

    def gram_with_noise(self, ratio: sp.Expr, sigma: sp.Expr) -> Equation:
        """Return the equation of (A + σX)(A + σX)*, where this one is that of AA* (Dozier & Silverstein 2007)."""
        y = 1 - ratio * sigma**2 * G
        image = {Z: y**2 * Z - (1 - ratio) * sigma**2 * y, G: G / y}
        return equation_of(
            self.expr.subs(image, simultaneous=True), "P", self._with_mean(sp.Integer(1), sigma**2, ratio)
        )

    @cached_property
    def _tried(self) -> list[Any]:
        return self.numbers(COMPARED)

    def _tried_among(self, symbols: Sequence[sp.Symbol]) -> list[Any]:
        """Return m_0, …, m_12, each symbol at the place that it has among these."""
        if tuple(symbols) == self.symbols or not self.symbols:
            return self._tried
        return series.expansion(self._rational_among(symbols), COMPARED, fmpq(1)) or []


def _tried_both(one: Equation, other: Equation, symbols: list[sp.Symbol]) -> list[list[Any]]:
    """Return the first moments of two laws, symbols at the same places in both."""
    for equation in (one, other):
        _refuse_symbols(equation, *symbols)
    return [equation._tried_among(symbols) for equation in (one, other)]


def _refuse_symbols(equation: Equation, *given: sp.Expr) -> None:
    """Raise UnsupportedError for symbols beside a law whose branch its mean, a number, tells from others."""
    symbols = sorted({str(s) for value in given for s in value.free_symbols})
    if symbols and equation.branch is not None:
        raise UnsupportedError(
            f"symbols ({', '.join(symbols)}) beside a law that only its mean, a number, tells from others; give numbers"
        )


def equation_of(
    expr: sp.Expr, name: str, moments: list[Any] | None = None, symbols: Iterable[sp.Symbol] = ()
) -> Equation:
    """Return the equation of a law from an expression in z and G (and symbols) that vanishes on it.

    `symbols` are those of the places at which the moments were found, where these are more than the expression has.

    Raises
    ------
    InputError : not algebraic in z and G, no branch G ~ 1/z or several, or a degree above 10.
    """
    numerator = sp.fraction(sp.together(sp.expand(expr)))[0]
    try:
        poly = sp.Poly(numerator, Z, G, *symbols_of(expr, *symbols), domain="QQ")
    except (sp.PolynomialError, sp.CoercionFailed):
        poly = None
    if poly is None or poly.degree(G) < 1:
        hint = 'e.g. "z*G**2/2 - (z - 1/2)*G + 1"'
        raise InputError(name, "a polynomial in z and G with rational coefficients", hint, got=f"{expr}"[:60])
    names = ("w", "z", "G", *(str(s) for s in poly.gens[2:]))
    space = fmpq_mpoly_ctx.get(names, Ordering.lex)
    found = space.from_dict({(0, *key): rational_of(c) for key, c in poly.rep.to_sympy_dict().items()})
    return _factor(found, moments)


def _together(one: Equation, other: Equation, first: tuple[str, ...]) -> tuple[Any, dict, dict]:
    """Return a space of polynomials with all symbols of both, and both as {(0, i, j, …): coefficient} in it."""
    symbols = symbols_of(one.expr, other.expr)
    space = fmpq_mpoly_ctx.get((*first, *(str(s) for s in symbols)), Ordering.lex)
    polys = (sp.Poly(equation.expr, Z, G, *symbols, domain="QQ") for equation in (one, other))
    both = [{(0, *key): rational_of(c) for key, c in poly.rep.to_sympy_dict().items()} for poly in polys]
    return space, both[0], both[1]


def _factor(found: fmpq_mpoly, moments: list[Any] | None) -> Equation:
    """Return the irreducible factor of which a branch has these moments, at the symbols' fixed places."""
    names = found.context().names()
    symbols = [sp.Symbol(name) for name in names[3:]]
    kept = []
    for factor, _ in found.factor()[1]:
        if factor.degrees()[2] == 0:
            continue
        for equation in _equation(factor, symbols).branches():
            seen = equation._tried_among(symbols)
            if seen and (moments is None or all(agree(x, y) for x, y in zip(seen, moments, strict=False))):
                kept.append(equation)
    if moments is None and len(kept) > 1 and all(equation.branch is not None for equation in kept):
        kept = [equation for equation in kept if is_positive(equation._tried)]
    if len(kept) != 1:
        problem = "no branch" if not kept else f"{len(kept)} factors or branches"
        raise InputError(
            "an equation", "one with exactly one branch G ~ 1/z", "give that of one law", got=f"{problem} of that kind"
        )
    if kept[0].degree > LARGEST:
        raise UnsupportedError(
            f"the equation has degree {kept[0].degree} in G, and at most {LARGEST} are followed; combine fewer laws"
        )
    return kept[0]


def _equation(factor: fmpq_mpoly, symbols: Iterable[sp.Symbol]) -> Equation:
    rows: dict[tuple[int, int], list[sp.Expr]] = {}
    content = factor.leading_coefficient()
    for (_, i, j, *rest), c in factor.to_dict().items():
        value = c / content
        term = sp.Rational(int(value.p), int(value.q))
        for symbol, n in zip(symbols, rest, strict=True):
            term *= symbol**n
        rows.setdefault((i, j), []).append(term)
    whole = lcm(*(int(term.as_coeff_Mul()[0].q) for row in rows.values() for term in row))
    if sp.Add(*rows[max(rows, key=lambda key: key[::-1])]).could_extract_minus_sign():
        whole = -whole
    return Equation(tuple(sorted(((key, sp.expand(whole * sp.Add(*row))) for key, row in rows.items()))))
