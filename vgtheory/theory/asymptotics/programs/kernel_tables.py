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


def kernel(function: sp.Expr, order: int, gram: Array) -> Array:
    """Return E f(u_t) f(u_s), or of derivatives (order 1), for normal u with these Gram matrices (…, t, s).

    The diagonal must be one number everywhere, unless f(th) = t f(h) for t > 0.

    Raises UnsupportedError for other diagonals, and for functions that are not resolved.
    """
    (symbol,) = function.free_symbols
    if function == symbol:
        return np.ones_like(gram) if order else gram
    squares, act = alike(np.einsum("...tt->...t", gram)), Activation(function)
    q, scale = float(squares.flat[0]), np.ones(1)
    if np.ptp(squares) > 0:
        if act.homogeneous_degree != 1:
            raise UnsupportedError(f"the kernel of {function} between columns of different lengths")
        lengths = np.sqrt(squares)
        scale = np.ones(1) if order else lengths[..., :, None] * lengths[..., None, :]
        q = 1.0
    roots = np.sqrt(squares)
    with np.errstate(invalid="ignore"):
        cosines = np.nan_to_num(gram / (roots[..., :, None] * roots[..., None, :]))
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    np.einsum("...tt->...t", angles)[...] = 0.0
    return scale * chebyshev.chebval(2 * angles / np.pi - 1, _coefficients(act, order, q))


def alike(squares: Array) -> Array:
    """Return lengths that differ by rounding alone as one number, which does not ask for tables of its own."""
    middle = float(squares.mean())
    return np.full_like(squares, float(f"{middle:.12g}")) if np.ptp(squares) <= SAME * middle else squares


@lru_cache(maxsize=64)
def _coefficients(act: Activation, order: int, q: float) -> Array:
    """Return the kernel as a Chebyshev series in the angle on [0, π]."""
    evaluate = evaluator(act)
    of: Callable[[Array], Array] = evaluate.slope if order else evaluate.value

    def function(h: Array) -> Array:
        return np.asarray(of(h))[None]

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


def _series(function: Callable[[Array], Array], q: float, cosines: Array, grid: PanelGrid) -> Array | None:
    """Return the kernel by Mehler's formula, None where terms are missing: at kinks, and of steep functions."""
    squares = hermite_coefficients(function, q, grid, TERMS)[0] ** 2
    whole = float(gaussian_means(lambda h: function(h) ** 2, np.array([q]), grid)[0, 0])
    if whole - squares.sum() > 1e-9 * whole:
        return None
    return np.asarray(np.polynomial.polynomial.polyval(cosines, squares), dtype=np.float64)
