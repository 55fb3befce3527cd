"""Gaussian means of maps of several independent normal quantities, by means over one of them at a time.

A map such as φ(h)·v is a polynomial in functions of one symbol each.  Its square, and the squares of its derivatives,
are sums of products of such functions, and the mean of a product over independent symbols is the product of means.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array, Functions, PanelGrid, Rough, UnresolvedError, gaussian_means
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.unit_means import moved_by, radius, rough_points

X = sp.Symbol("x", real=True)


class Factor(sp.Symbol):
    """A function of one symbol, or its derivative, as a symbol of a polynomial."""

    symbol: sp.Symbol
    function: sp.Expr
    order: int

    @classmethod
    def of(cls, expr: sp.Expr, symbol: sp.Symbol, order: int = 0) -> Factor:
        """Return the factor; equal functions of a symbol are equal factors."""
        made = cls(f"f[{sp.srepr(expr)},{order}]", real=True)
        made.symbol, made.function, made.order = symbol, expr, order
        return made


@lru_cache(maxsize=1024)
def polynomial(expr: sp.Expr) -> sp.Expr:
    """Return the expression as a polynomial in Factors.

    Raises UnsupportedError where a function takes several symbols at once.
    """
    if len(expr.free_symbols) == 1:
        (symbol,) = expr.free_symbols
        return Factor.of(expr, symbol)
    if expr.is_number:
        return expr
    if isinstance(expr, (sp.Add, sp.Mul)) or (isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0):
        return expr.func(*map(polynomial, expr.args[:1]), expr.exp) if expr.is_Pow else expr.func(
            *map(polynomial, expr.args)
        )  # fmt: skip
    raise UnsupportedError(
        f"the mean of {expr}, a function of several quantities at once, is not known; write it in steps"
    )


@lru_cache(maxsize=1024)
def derivative(form: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """Return the derivative of a polynomial in Factors by one of the symbols behind them."""
    total = sp.S.Zero
    for factor in form.atoms(Factor):
        if factor.symbol == symbol:
            total += form.diff(factor) * Factor.of(factor.function, symbol, 1)
    return total


def mean(form: sp.Expr, variances: Mapping[sp.Symbol, Array]) -> Array:
    """Return E of a polynomial in Factors over independent normal symbols of mean 0, for each of their variances.

    Raises UnsupportedError for functions that are not resolved.
    """
    total = np.zeros(np.shape(next(iter(variances.values()), 0.0)))
    for number, by_symbol in _terms(form):
        product = np.full_like(total, number)
        for symbol, parts in by_symbol:
            product = product * _mean_of_one(parts, variances[symbol])
        total = total + product
    return total


Parts = tuple[tuple[sp.Expr, int, int], ...]


@lru_cache(maxsize=1024)
def _terms(form: sp.Expr) -> list[tuple[float, list[tuple[sp.Symbol, Parts]]]]:
    """Return the terms of a polynomial: a number, and by symbol the functions, their orders and powers."""
    found = []
    for term in sp.Add.make_args(sp.expand(form)):
        number, factors = term.as_coeff_mul()
        by_symbol: dict[sp.Symbol, list[tuple[sp.Expr, int, int]]] = {}
        for part in factors:
            base, power = part.as_base_exp()
            by_symbol.setdefault(base.symbol, []).append(
                (base.function.xreplace({base.symbol: X}), base.order, int(power))
            )
        found.append((float(number), [(s, tuple(sorted(parts, key=str))) for s, parts in by_symbol.items()]))
    return found


def _mean_of_one(parts: Parts, variances: Array) -> Array:
    """Return E of a product of powers of functions of one normal quantity, for each of its variances."""
    degree = _degree(parts)
    if degree is not None:  # also where the variance underflows
        return _means_at(parts, (1.0,))[0] * variances ** (degree / 2)
    distinct, places = np.unique(variances, return_inverse=True)
    return _means_at(parts, tuple(distinct))[places].reshape(np.shape(variances))


@lru_cache(maxsize=4096)
def _degree(parts: Parts) -> int | None:
    """Return d if the product has f(th) = t^d f(h) for t > 0, else None."""
    if any(Activation(function).homogeneous_degree != 1 for function, _, _ in parts):
        return None
    return sum(0 if order else power for _, order, power in parts)


@lru_cache(maxsize=4096)
def _means_at(parts: Parts, variances: tuple[float, ...]) -> Array:
    product, grid, rough = _resolved(parts)
    q = np.array(variances)
    out = np.full(len(q), float(product(np.zeros(1))[0, 0]))
    if (q > 0).any():
        try:
            out[q > 0] = gaussian_means(product, q[q > 0], grid, rough=rough)[0]
        except UnresolvedError as problem:
            raise UnsupportedError(
                f"a Gaussian mean at variance {q.max():.3g}: {problem}; use smaller scales"
            ) from None
    return out


@lru_cache(maxsize=256)
def _resolved(parts: Parts) -> tuple[Functions, PanelGrid, tuple[Rough, ...]]:
    """Return the product, panels that resolve it, and the points up to which it is not smooth."""
    acts = [(Activation(function), order, power) for function, order, power in parts]
    product = _product(acts, sp.S.Zero)
    breakpoints = sorted({float(b) for act, _, _ in acts for b in act.breakpoints})
    places = dict.fromkeys(at for act, order, _ in acts if order for at in rough_points(act))
    rough = tuple(Rough(float(at), radius(float(at), breakpoints), _product(acts, at)) for at in places)
    return product, PanelGrid(product, tuple(breakpoints), [point[:2] for point in rough]), rough


def _product(acts: list[tuple[Activation, int, int]], at: sp.Expr) -> Functions:
    """Return the product of powers, as a function of the distance from a point."""
    moved = [(evaluator(moved_by(act, at)), order, power) for act, order, power in acts]

    def product(h: Array) -> Array:
        out = np.ones_like(np.asarray(h, dtype=float))
        for evaluate, order, power in moved:
            out = out * (evaluate.slope(h) if order else evaluate.value(h)) ** power
        return out[None]

    return product
