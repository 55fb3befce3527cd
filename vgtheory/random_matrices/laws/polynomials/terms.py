"""Polynomials over the rationals as terms {(…, i, j, …): c}, between SymPy and flint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mpoly

Z, G = sp.symbols("z G")
_FIRST_PRIME = 4  # symbols are tried at 7/11, 13/17, 19/23, …


def field_to_expr(value: Any) -> sp.Expr:
    """Return a rational, or an element of a field of formulas, as SymPy."""
    if isinstance(value, fmpq):
        return sp.Rational(int(value.p), int(value.q))
    return value.as_expr() if hasattr(value, "as_expr") else sp.sympify(value)


def rational_of(value: Any) -> fmpq:
    """Return a rational number of SymPy, or an int, as flint's."""
    value = sp.Rational(value)
    return fmpq(int(value.p), int(value.q))


def places_of(symbols: Iterable[sp.Symbol]) -> dict[sp.Symbol, sp.Rational]:
    """Return the rationals at which these symbols, in this order, are tried."""
    firsts = ((s, _FIRST_PRIME + 2 * k) for k, s in enumerate(symbols))
    return {s: sp.Rational(sp.prime(n), sp.prime(n + 1)) for s, n in firsts}


def in_y(terms: dict[tuple[int, ...], Any]) -> dict[tuple[int, ...], Any]:
    """Return the terms in z and y = zG, times the power of z that makes them a polynomial."""
    least = min(i - j for (_, i, j, *_) in terms)
    return {(0, i - j - least, j, *rest): c for (_, i, j, *rest), c in terms.items()}


def substituted(terms: dict, space: Any, image: Callable[[int, int], fmpq_mpoly]) -> fmpq_mpoly:
    """Return Σ c·image(i, top)·gʲ, g the space's third symbol: what stands for zⁱ is made once for all terms."""
    top = max(i for (_, i, *_) in terms)
    rows: dict[int, dict] = {}
    for (_, i, j, *rest), c in terms.items():
        rows.setdefault(i, {})[0, 0, j, *rest] = c
    return sum((space.from_dict(row) * image(i, top) for i, row in rows.items()), space.from_dict({}))


def symbols_of(*exprs: sp.Expr) -> list[sp.Symbol]:
    """Return the symbols of laws' equations beside z and G, by name."""
    return sorted(set().union(*(expr.free_symbols for expr in exprs)) - {Z, G}, key=str)
