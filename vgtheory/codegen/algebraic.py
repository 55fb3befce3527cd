"""Polynomials in t = |x| and roots of such: degrees, sizes and bounds, by which no quotient of them becomes ∞/∞."""

from __future__ import annotations

import sympy as sp

from vgtheory.codegen.chart import Chart, Generator
from vgtheory.codegen.signs import has_positive_terms

# Beyond 2^BIG a polynomial in t is its highest term; one number for most, so that what is shared is computed once.
BIG, LARGEST = 100, 900  # its powers stay below 2^LARGEST
TAME = (1e-100, 1e280)

Factors = list[tuple[sp.Expr, int]]


def end_of_terms(chart: Chart, factors: Factors) -> float:
    """Return a power of two whose powers, as they occur on either side of the quotient, do not overflow."""
    sides = [0, 0]
    for factor, k in factors:
        sides[k < 0] += 2 * degree(chart, factor) * abs(k)  # what is under a root is of twice its degree
    return 2.0 ** min(BIG, LARGEST // max(*sides, 1))


def is_tame(chart: Chart, factors: Factors) -> bool:
    """Return whether the factors below the line have bounds: from below at t = 0, from above at BIG."""
    below = [factor for factor, k in factors if k < 0]
    end = end_of_terms(chart, factors)
    return all(
        has_positive_terms(f) and TAME[0] < value(chart, f, 0.0) and value(chart, f, end) < TAME[1] for f in below
    )


def value(chart: Chart, factor: sp.Expr, t: float) -> sp.Expr:
    """Return the value of an algebraic factor."""
    generators = {s: chart.generators[s] for s in factor.free_symbols - {chart.t}}
    values = {s: g.argument for s, g in generators.items() if g.kind == "constant"}
    roots = {s: g for s, g in generators.items() if g.kind == "root"}
    values |= {s: value(chart, sp.expand(g.argument), t) ** sp.Rational(1, g.index) for s, g in roots.items()}
    return sp.N(factor.subs(values | {chart.t: sp.Float(t)}), 15)


def root_degree(chart: Chart, g: Generator) -> int | None:
    """Return the degree in t of a root of a polynomial in t, None where it is no such thing."""
    if sp.fraction(g.argument)[1] != 1 or not _has_only_constants(chart, g.argument):
        return None
    degree = sp.degree(g.argument, chart.t)
    return int(degree) // g.index if degree % g.index == 0 else None


def _has_only_constants(chart: Chart, e: sp.Expr) -> bool:
    others = e.free_symbols - {chart.t}
    return all(chart.generators[s].kind == "constant" for s in others)


def degree(chart: Chart, factor: sp.Expr) -> int:
    """Return the degree in t of a polynomial in t and roots of such."""
    roots = roots_in(chart, factor)
    poly = sp.Poly(factor, chart.t, *(g.symbol for g in roots))
    degrees = [1, *(root_degree(chart, g) or 0 for g in roots)]
    return max(sum(e * d for e, d in zip(m, degrees, strict=True)) for m in poly.monoms())


def roots_in(chart: Chart, factor: sp.Expr) -> list[Generator]:
    """Return the roots that a factor has."""
    found = [chart.generators[s] for s in factor.free_symbols if s != chart.t]
    return sorted((g for g in found if g.kind == "root"), key=lambda g: g.symbol.name)


def total_degree(chart: Chart, factors: Factors) -> int:
    """Return the degree in t of a product of powers."""
    return sum(degree(chart, factor) * k for factor, k in factors)
