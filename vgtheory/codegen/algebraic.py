"""Polynomials in t = |x| and roots of such."""

from __future__ import annotations

import sympy as sp

from vgtheory.codegen.chart import Chart, Generator


def is_algebraic(chart: Chart, factor: sp.Expr) -> bool:
    """Return whether a factor is a polynomial in t and in roots of polynomials in t."""
    return all(_is_number_or_root(chart, chart.generators.get(s)) for s in factor.free_symbols - {chart.t})


def _is_number_or_root(chart: Chart, g: Generator | None) -> bool:
    if g is None or g.kind != "root":
        return g is not None and g.kind == "constant"
    others = g.argument.free_symbols - {chart.t}
    return sp.fraction(g.argument)[1] == 1 and all(chart.generators[s].kind == "constant" for s in others)


def roots_in(chart: Chart, factor: sp.Expr) -> list[Generator]:
    """Return the roots that a factor has."""
    found = [chart.generators[s] for s in factor.free_symbols if s != chart.t]
    return sorted((g for g in found if g.kind == "root"), key=lambda g: g.symbol.name)
