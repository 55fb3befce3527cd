"""The factors of a formula, each function of x taken for a symbol, within bounds of what SymPy factors in no time."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

MAX_OPERATIONS = 120  # above it factoring may take seconds
HIGHEST_DEGREE = 24
MOST_TERMS = 60


def factors(slope: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Return the factors of the numerator, each function of x taken for a symbol of its own.

    SymPy factors e^{1.702 x} as the 851st power of e^{x/500}, which takes minutes: exponentials become powers of one
    only where these are low.
    """
    if sp.count_ops(slope) > MAX_OPERATIONS:
        return []
    slope = sp.powsimp(slope)
    symbols = _functions_as_symbols(slope, x)
    numerator = sp.fraction(sp.together(slope.xreplace(symbols.forth)))[0]
    polynomial = sp.expand(numerator) if sp.count_ops(numerator) <= MAX_OPERATIONS else numerator
    if len(sp.Add.make_args(polynomial)) <= MOST_TERMS and _total_degree(polynomial) <= HIGHEST_DEGREE:
        numerator = sp.factor(numerator)
    bases = [f.as_base_exp()[0] if f.is_Pow and f.base != sp.E else f for f in sp.Mul.make_args(numerator)]
    return [b.xreplace(symbols.back) for b in bases]


@dataclass(frozen=True)
class _Symbols:
    """Functions of x and the symbols, or powers of symbols, that stand for them."""

    forth: dict[sp.Expr, sp.Expr]
    back: dict[sp.Expr, sp.Expr]


def _functions_as_symbols(expr: sp.Expr, x: sp.Symbol) -> _Symbols:
    forth: dict[sp.Expr, sp.Expr] = {}
    back: dict[sp.Expr, sp.Expr] = {}
    alike: dict[sp.Expr, list[tuple[sp.Rational, sp.Expr, sp.Expr]]] = {}
    for node in sorted(_outermost(expr, x), key=sp.default_sort_key):
        if isinstance(node, sp.exp):
            constant, varying = sp.expand(node.args[0]).as_independent(x, as_Add=True)
            content, inner = varying.as_content_primitive()
            sign = -1 if inner.could_extract_minus_sign() else 1
            alike.setdefault(sign * inner, []).append((sign * content, node, sp.exp(constant)))
        else:
            t = sp.Dummy("t", real=True)
            forth[node], back[t] = t, node
    for inner, rates in alike.items():
        common = _common_rate([rate for rate, _, _ in rates])
        low = all(abs(rate / common) <= HIGHEST_DEGREE for rate, _, _ in rates)
        for group in [rates] if low else [[rate] for rate in rates]:
            unit, u = common if low else group[0][0], sp.Dummy("u", positive=True)
            forth |= {node: factor * u ** (rate / unit) for rate, node, factor in group}
            back[u] = sp.exp(unit * inner)
    return _Symbols(forth, back)


def _outermost(expr: sp.Expr, x: sp.Symbol) -> set[sp.Expr]:
    """Return the largest parts of `expr` that are functions of x and no sums, products or whole powers."""
    if expr == x or not expr.has(x):
        return set()
    whole = isinstance(expr, sp.Pow) and not isinstance(expr, sp.exp) and expr.exp.is_Integer
    if isinstance(expr, (sp.Add, sp.Mul)) or whole:
        return set().union(*(_outermost(a, x) for a in expr.args))
    return {expr}


def _total_degree(expr: sp.Expr) -> int:
    """Return the highest degree of a term, of the parts that are symbols."""
    return max(
        sum(int(k) for _, k in (f.as_base_exp() for f in sp.Mul.make_args(term)) if k.is_Integer and k > 0)
        for term in sp.Add.make_args(expr)
    )


def _common_rate(rates: list[sp.Rational]) -> sp.Rational:
    """Return the largest number of which all rates are whole multiples."""
    return sp.Rational(sp.gcd_list([r.p for r in rates]), sp.lcm_list([r.q for r in rates]))
