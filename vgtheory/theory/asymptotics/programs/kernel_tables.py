"""Kernels E f(u) f(v) of functions of normal quantities, as functions of the correlation of u and v."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import sympy as sp
from numpy.polynomial import chebyshev

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import (
    Array,
    PanelGrid,
    UnresolvedError,
    bivariate_means,
    gaussian_means,
    hermite_coefficients,
)
from vgtheory.symbolic.activation import Activation

DEGREE = 28  # kernels are analytic in the angle, or nearly so: of ReLU, tanh and GELU within 1e-7 of the largest value
TERMS = 200
SAME = 1e-9
RESOLVED = 1e-9  # share of E f² that a series may leave out
MOST_LENGTHS = 400


def kernel(function: sp.Expr, order: int, gram: Array) -> Array:
    """Return E f(u_t) f(u_s), or of derivatives (order 1), for normal u with these Gram matrices (…, t, s).

    Where the diagonal is not one number everywhere, f(th) = t f(h) for t > 0, or f has a short series in Hermite
    polynomials.

    Raises UnsupportedError for functions that are not resolved.
    """
    (symbol,) = function.free_symbols
    if function == symbol:
        return np.ones_like(gram) if order else gram
    squares, act = alike(np.einsum("...tt->...t", gram)), _activation(function)
    q, scale = float(squares.flat[0]), np.ones(1)
    if act.homogeneous_degree == 1:
        lengths = np.sqrt(squares)
        scale = np.ones(1) if order else lengths[..., :, None] * lengths[..., None, :]
        q = 1.0
    elif np.ptp(squares) > 0:
        return _between_lengths(act, order, gram, squares)
    roots = np.sqrt(squares)
    with np.errstate(invalid="ignore"):
        cosines = np.nan_to_num(gram / (roots[..., :, None] * roots[..., None, :]))
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    np.einsum("...tt->...t", angles)[...] = 0.0
    return scale * chebyshev.chebval(2 * angles / np.pi - 1, _coefficients(act, order, q))


@lru_cache(maxsize=64)
def _activation(function: sp.Expr) -> Activation:
    """Return the function as an activation, which keeps what it learns of itself."""
    return Activation(function)


def _between_lengths(act: Activation, order: int, gram: Array, squares: Array) -> Array:
    """Return the kernel by Mehler's formula, Σ a_n(q_t) a_n(q_s) cⁿ, each length with coefficients of its own."""
    lengths, where = np.unique([float(f"{q:.12g}") for q in squares.flat], return_inverse=True)
    if len(lengths) > MOST_LENGTHS:
        raise UnsupportedError(f"columns of {len(lengths)} different lengths under {act.name}: at most {MOST_LENGTHS}")
    series = np.array([_hermite(act, order, float(q)) for q in lengths])[where].reshape(*squares.shape, TERMS)
    roots = np.sqrt(squares)
    scales = roots[..., :, None] * roots[..., None, :]
    cosines = np.clip(np.divide(gram, scales, out=np.zeros_like(gram), where=scales > 0), -1.0, 1.0)
    total = np.zeros_like(cosines)
    for n in reversed(range(TERMS)):
        total = total * cosines + series[..., :, None, n] * series[..., None, :, n]
    return total


@lru_cache(maxsize=4096)
def _hermite(act: Activation, order: int, q: float) -> Array:
    """Return the coefficients of f(√q z) in Hermite polynomials; raise UnsupportedError where they do not end."""
    function = _function(act, order)
    grid = PanelGrid(function, tuple(float(b) for b in act.breakpoints))
    found = hermite_coefficients(function, q, grid, TERMS)[0]
    whole = float(gaussian_means(lambda h: function(h) ** 2, np.array([q]), grid)[0, 0])
    if whole - float((found**2).sum()) > RESOLVED * whole:
        raise UnsupportedError(
            f"the kernel of {act.name} between columns of different lengths, whose series does not end; use vg.simulate"
        )
    return found


def alike(squares: Array) -> Array:
    """Return lengths that differ by rounding alone as one number, which does not ask for tables of its own."""
    middle = float(squares.mean())
    return np.full_like(squares, float(f"{middle:.12g}")) if np.ptp(squares) <= SAME * middle else squares


@lru_cache(maxsize=64)
def _coefficients(act: Activation, order: int, q: float) -> Array:
    """Return the kernel as a Chebyshev series in the angle on [0, π]."""
    function = _function(act, order)
    grid = PanelGrid(function, tuple(float(b) for b in act.breakpoints))
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    cosines = np.cos(np.pi * (nodes + 1) / 2)
    try:
        values = _series(function, q, cosines, grid)
        if values is None:
            values = np.array([bivariate_means(function, (q, q), float(c), grid)[0] for c in cosines])
    except UnresolvedError as problem:
        raise UnsupportedError(f"the kernel of {act.name} at variance {q:.3g}: {problem}; use smaller scales") from None
    return np.asarray(chebyshev.chebfit(nodes, values, DEGREE), dtype=np.float64)


def _function(act: Activation, order: int) -> Callable[[Array], Array]:
    evaluate = evaluator(act)
    of: Callable[[Array], Array] = evaluate.slope if order else evaluate.value
    return lambda h: np.asarray(of(h))[None]


def _series(function: Callable[[Array], Array], q: float, cosines: Array, grid: PanelGrid) -> Array | None:
    """Return the kernel by Mehler's formula, None where terms are missing: at kinks, and of steep functions."""
    squares = hermite_coefficients(function, q, grid, TERMS)[0] ** 2
    whole = float(gaussian_means(lambda h: function(h) ** 2, np.array([q]), grid)[0, 0])
    if whole - squares.sum() > RESOLVED * whole:
        return None
    return np.asarray(np.polynomial.polynomial.polyval(cosines, squares), dtype=np.float64)
