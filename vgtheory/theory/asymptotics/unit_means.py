"""Means over one unit, E f(√q z) for functions f made of φ and φ', wherever the formula says that they are finite."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import Evaluator, evaluator
from vgtheory.kernels.quadrature import Array, Functions, PanelGrid, Rough, UnresolvedError, gaussian_means
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.integrability import divergences, smoothness

_WIDEST = 0.25  # distance from a breakpoint up to which φ is looked at on a logarithmic scale


class UnitMeans:
    """Gaussian means of functions of φ and φ' of one activation.

    Parameters
    ----------
    make : from an evaluator of φ(x + a) and a, the functions of x; a is 0, or a point up to which φ' is not smooth.
    """

    def __init__(self, activation: Activation, make: Callable[[Evaluator, float], Functions]) -> None:
        self.activation = activation
        self.functions = make(evaluator(activation), 0.0)
        breakpoints = [float(b) for b in activation.breakpoints]
        self.rough = tuple(
            Rough(float(at), radius(float(at), breakpoints), make(evaluator(moved_by(activation, at)), float(at)))
            for at in rough_points(activation)
        )
        self.grid = PanelGrid(self.functions, tuple(breakpoints), [point[:2] for point in self.rough])

    def at(self, q: Array, hermite: Array | None = None) -> Array:
        """Return the means of the k functions at every q, shape (k, m), as ``gaussian_means`` does.

        Raises UnsupportedError where φ oscillates too often to be integrated.
        """
        try:
            return gaussian_means(self.functions, q, self.grid, hermite, self.rough)
        except UnresolvedError as problem:
            raise UnsupportedError(
                f"Gaussian means of {self.activation.name} at q up to {np.max(q):.3g}: {problem}; use smaller sigma_w "
                "or sigma_b"
            ) from None


def radius(at: float, breakpoints: list[float]) -> float:
    """Return how far around a rough point no other breakpoint is near."""
    return min([_WIDEST, *(abs(other - at) / 2 for other in breakpoints if other != at)])


@lru_cache(maxsize=256)
def rough_points(act: Activation) -> tuple[sp.Expr, ...]:
    """Return every breakpoint up to which φ' is not smooth.

    Where φ' falls off faster than every power (e^{−1/x²}) all its derivatives are 0, and panels end there as anywhere.
    """
    return tuple(dict.fromkeys(edge.at for edge in smoothness(act).edges if edge.exponent != sp.oo))


@lru_cache(maxsize=256)
def moved_by(act: Activation, at: sp.Expr) -> Activation:
    """Return φ(x + at)."""
    return Activation(act.expr.subs(act.symbol, act.symbol + at))


@lru_cache(maxsize=256)
def product_is_infinite(act: Activation) -> bool:
    """Return whether E φ²φ'² is infinite at every q > 0."""
    slopes = act.derivative_pieces()
    parts = tuple(replace(d, expr=f.expr * d.expr) for f, d in zip(act.pieces, slopes, strict=True))
    try:
        return bool(divergences(parts, act.symbol, 2).limit == 0)
    except UnsupportedError:
        return False


@lru_cache(maxsize=256)
def slope_as_activation(act: Activation) -> Activation:
    """Return φ', bounded where φ is not smooth, as an activation of its own.

    Raises FormulaError where it is unbounded at a point.
    """
    x, t = act.symbol, sp.Dummy(positive=True)
    # SymPy writes the slope of (−x)^p with a division by x, which is 0 at the end of the piece.
    parts = tuple(replace(p, expr=p.expr.subs(x, -t).subs(t, -x)) if p.hi == 0 else p for p in act.derivative_pieces())
    return Activation(calculus.assemble(parts, x))


@lru_cache(maxsize=256)
def slope_square_at_zero(act: Activation) -> float:
    """Return (φ'(0⁺)² + φ'(0⁻)²)/2, the limit of E φ'² for q → 0; inf where the slope is unbounded there."""
    exponents = {edge.side: edge.exponent for edge in smoothness(act).edges if edge.at == 0}
    slope, total = evaluator(act).slope, 0.0
    for side in (-1, 1):
        exponent = exponents.get(side, 0)
        if exponent < 0:
            return float("inf")
        total += 0.0 if exponent > 0 else float(slope(side * 1e-290)) ** 2
    return total / 2
