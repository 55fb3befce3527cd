"""Means over one unit, E f(√q z) for functions f made of φ and φ', wherever the formula says that they are finite."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import Evaluator, evaluator
from vgtheory.kernels.quadrature import UNIFORM, Array, Functions, PanelGrid, Rough, UnresolvedError, gaussian_means
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.integrability import divergences, smoothness
from vgtheory.symbolic.period import period

_FEWEST_STEPS, _MOST_STEPS, _SETTLED = 64, 2**16, 1e-14  # of sums over a period
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

    def at(self, q: Array, hermite: Array | None = None, periodic: bool = False) -> Array:
        """Return the means of the k functions at every q, shape (k, m), as ``gaussian_means`` does.

        `periodic` says that the functions are products of φ and φ' alone.  Where φ has a period and h all phases
        equally, their means are those over a period; d/dq of these, and so every Hermite coefficient, is 0.

        Raises UnsupportedError where φ oscillates too often to be integrated.
        """
        cycle = smooth_period(self.activation) if periodic else None
        far = np.sqrt(q) >= (np.inf if cycle is None else UNIFORM * cycle)
        if cycle is not None and far.any():
            even = self._over_a_period(cycle) * (1.0 if hermite is None else hermite == 0)
            means = np.repeat(even[:, None], len(q), axis=1)
            if not far.all():
                means[:, ~far] = self.at(q[~far], hermite)
            return means
        try:
            return gaussian_means(self.functions, q, self.grid, hermite, self.rough)
        except UnresolvedError as problem:
            raise UnsupportedError(
                f"Gaussian means of {self.activation.name} at q up to {np.max(q):.3g}: {problem}; use smaller sigma_w "
                "or sigma_b"
            ) from None

    def _over_a_period(self, cycle: float) -> Array:
        """Return the means over a period, as sums over equal steps: these converge exponentially."""
        before, points = np.asarray(np.nan), _FEWEST_STEPS
        while points <= _MOST_STEPS:
            found = self.functions(cycle * np.arange(points) / points).mean(axis=1)
            if (np.abs(found - before) <= _SETTLED * np.abs(found)).all():
                return np.asarray(found)
            before, points = found, 2 * points
        raise UnsupportedError(
            f"{self.activation.name} changes too fast over its period of {cycle:.6g} for means to be computed; use "
            "vg.simulate"
        )


@lru_cache(maxsize=256)
def smooth_period(act: Activation) -> float | None:
    """Return the period of φ, where it has one and no kinks."""
    cycle = period(act.expr, act.symbol) if len(act.pieces) == 1 and not rough_points(act) else None
    return None if cycle is None else float(cycle)


def fourier(act: Activation, cycle: float) -> Array:
    """Return the Fourier coefficients f_0, f_1, … of φ over its period, from sums over equal steps."""
    value, points = evaluator(act).value, _FEWEST_STEPS
    while points <= _MOST_STEPS:
        found = np.fft.rfft(value(cycle * np.arange(points) / points)) / points
        if np.abs(found[points // 4 :]).max() <= _SETTLED * np.abs(found).max():
            return np.asarray(found[: points // 4])
        points *= 2
    raise UnsupportedError(f"{act.name} changes too fast over its period of {cycle:.6g}; use vg.simulate")


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
