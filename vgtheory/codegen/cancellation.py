"""When a sum of terms of both signs may lose digits, and when it does not (checked on a grid, no proof)."""

from __future__ import annotations

import numpy as np
import sympy as sp

from vgtheory.codegen.chart import Chart, Generator
from vgtheory.codegen.signs import has_positive_terms

MILD = 4.0  # terms of both signs may be this much larger in all before a root is moved
MAX_CANCELLATION = 8.0  # the largest term may exceed the sum by this factor: three bits
BOUNDED = ("exponential", "erfcx", "error function", "decay")  # kinds of generators with values in [0, 1]


def cancels(chart: Chart, e: sp.Expr) -> bool:
    """Return whether the sum of the terms may be much smaller than the largest of them."""
    e = sp.expand(e)
    return e.is_Add and not (has_positive_terms(e) or has_positive_terms(-e) or _is_dominated(chart, e))


def _is_dominated(chart: Chart, e: sp.Expr) -> bool:
    """Return whether the coefficient of each monomial in unbounded quantities has one sign, clearly so.

    Coefficients are polynomials in quantities between 0 and 1 (exponentials and erfcx), tried on a grid.
    """
    limits = {g.symbol: g.largest for kind in BOUNDED for g in chart.of_kind(kind) if e.has(g.symbol)}
    bounded = list(limits)
    values = {g.symbol: number(g.argument) for g in chart.of_kind("constant")}
    others = sorted(e.free_symbols - set(bounded) - set(values), key=lambda s: s.name)
    if len(bounded) > 3 or any(not s.is_positive for s in others):
        return False
    axes = np.meshgrid(*(np.linspace(0.0, limit, 21) for limit in limits.values()), indexing="ij")
    signs = set()
    for c in sp.Poly(e, *others).coeffs() if others else [e]:
        terms = sp.Poly(c.subs(values), *bounded).terms() if bounded else [((), c.subs(values))]
        common = [min(m[i] for m, _ in terms) for i in range(len(bounded))]  # a common factor does not cancel
        total: np.ndarray | float = 0.0
        for m, a in terms:
            powers = (axis ** (k - j) for axis, k, j in zip(axes, m, common, strict=True))
            total = total + float(a) * np.prod([np.ones(1), *powers] if not bounded else list(powers), axis=0)
        low, high = float(np.min(total)), float(np.max(total))
        largest = sum(abs(float(a)) for _, a in terms)
        if low * high <= 0 or largest > MAX_CANCELLATION * min(abs(low), abs(high)):
            return False
        signs.add(low > 0)
    return len(signs) == 1


def without_root_cancellation(chart: Chart, num: sp.Expr, den: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return num/den with a numerator A + B·g, g = √P(t), that cancels written as one that does not, if that is found.

    Two identities: A + B·g = (B²P − A²)/(B·g − A), and g = √P(0) + (P − P(0))/(g + √P(0)), whose second part is small
    where t is: √(t² + b) − t in a left tail, √(t² + 1) − 1 + 2t near 0.
    """
    for root in chart.of_kind("root"):
        g, under = root.symbol, sp.expand(sp.fraction(sp.together(root.argument))[1])
        under = sp.S.One if under.is_number else under
        inside = sp.expand(sp.cancel(root.argument * under)) if under != 1 else sp.expand(root.argument)
        if root.index != 2 or not (num.has(g) and cancels(chart, num)) or _is_mild(chart, root, num):
            continue
        polynomial = sp.Poly(num, g)
        if polynomial.degree() != 1:
            continue
        b, a = polynomial.all_coeffs()
        ways = [(b**2 * inside - a**2 * under, under * (b * g - a))]
        start = root.argument.subs({chart.t: 0, **{n.symbol: 1 for n in chart.of_kind("exponential")}})
        if start.is_Rational and start > 0:
            end = chart.convert(sp.sqrt(start))
            ways.insert(0, ((a + b * end) * (g + end) * under + b * (inside - start * under), under * (g + end)))
        for above, below in ways:
            above = _without_squares(chart, sp.expand(above))
            if all(_keeps_digits(chart, part) or _is_mild(chart, root, part) for part in (above, below)):
                return sp.fraction(sp.cancel(above / (below * den)))
    return num, den


def _without_squares(chart: Chart, e: sp.Expr) -> sp.Expr:
    """Return a polynomial with squares of square roots of numbers written as numbers."""
    for c in chart.of_kind("constant"):
        square = c.argument**2
        if square.is_Rational and e.has(c.symbol):
            e = sp.expand(sp.rem(e, c.symbol**2 - square, c.symbol))
    return e


def _keeps_digits(chart: Chart, e: sp.Expr) -> bool:
    """Return whether no factor cancels, but for n - 1, which is computed to full precision."""
    return not cancels(chart, e) or all(
        not cancels(chart, f)
        or any(
            f.subs(n.symbol, 1) == 0 and not cancels(chart, sp.cancel(f / (n.symbol - 1)))
            for n in chart.of_kind("exponential")
            if f.has(n.symbol)
        )
        for f, _ in sp.factor_list(e)[1]
    )


def _is_mild(chart: Chart, root: Generator, num: sp.Expr) -> bool:
    """Return whether no term of a polynomial in t and a root of one is much larger than the sum, tried for many t."""
    symbols = (chart.t, root.symbol)
    values = {g.symbol: number(g.argument) for g in chart.of_kind("constant")}
    if (num.free_symbols | root.argument.free_symbols) - {*symbols, *values}:
        return False
    t = np.concatenate([[0.0], np.geomspace(1e-12, 1e12, 241)])
    under = sp.lambdify(chart.t, root.argument.subs(values), "numpy")(t)
    monomials = sp.Poly(num.subs(values), *symbols).terms()
    terms = [float(c) * t ** m[0] * np.sqrt(under) ** m[1] for m, c in monomials]
    return bool(np.all(sum(map(abs, terms)) <= MILD * abs(sum(terms))))


def without_wave_cancellation(chart: Chart, num: sp.Expr) -> sp.Expr:
    """Return a numerator with 1 ± 2 sin u cos u written as (sin u ± cos u)², which keeps its digits near its zeros."""
    for sine in chart.of_kind("sin"):
        for cosine in chart.of_kind("cos"):
            pair = (sine.symbol, cosine.symbol)
            if sine.argument != cosine.argument or not (num.has(pair[0]) and num.has(pair[1])):
                continue
            poly = sp.Poly(num, *pair)
            constant = poly.coeff_monomial((0, 0))
            square = sp.factor_list(num - constant + constant * (pair[0] ** 2 + pair[1] ** 2))
            if len(square[1]) == 1 and square[1][0][1] == 2:
                return square[0] * square[1][0][0] ** 2
    return num


def number(c: sp.Expr) -> float:
    """Return the double nearest to a SymPy number."""
    return float(sp.N(c, 40)) if not c.is_Rational else float(sp.Rational(c))
