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
from vgtheory.symbolic.integrability import divergences, is_flat, smoothness, why_infinite
from vgtheory.symbolic.period import fastest, period

_FEWEST_STEPS, _MOST_STEPS, _SETTLED = 64, 2**18, 1e-14  # of sums over a period
_PER_WAVE = 8  # steps in the shortest wave of the formula: φ'⁶ has six times its rate
_GOLDEN = (5**0.5 - 1) / 2  # whose multiples stay away from fractions of a step
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
        """Return the means over a period, as sums over equal steps: these converge exponentially.

        Two sums in a row share no points, whose numbers have at most the divisor 2 in common: a harmonic that one takes
        for a mean the other one does not, so that they agree only where there is none.
        """
        before, points, look = np.asarray(np.nan), _first_steps(self.activation, cycle), 1
        tolerance = _SETTLED * np.sqrt(points / _FEWEST_STEPS)  # phases round independently: a mean keeps the root
        while points <= _MOST_STEPS:
            found = self.functions(cycle * ((np.arange(points) + look * _GOLDEN % 1) / points - 0.5)).mean(axis=1)
            if (np.abs(found - before) <= tolerance * np.abs(found)).all():
                return np.asarray(found)
            before, points, look = found, 3 * points // 2 + 1, look + 1
        raise _too_fast(self.activation, cycle)


@lru_cache(maxsize=256)
def smooth_period(act: Activation) -> float | None:
    """Return the period of φ, where it has one and no kinks."""
    cycle = period(act.expr, act.symbol) if len(act.pieces) == 1 and not rough_points(act) else None
    return None if cycle is None else float(cycle)


def fourier(act: Activation, cycle: float) -> Array:
    """Return the Fourier coefficients f_0, f_1, … of φ over its period, from sums over equal steps.

    Their series is held against φ between the steps, where harmonics that the steps do not tell apart differ.
    """
    value, points = evaluator(act).value, _first_steps(act, cycle)
    tolerance = _SETTLED * points / _FEWEST_STEPS  # phases grow like the shortest wave's, and round like them
    while points <= _MOST_STEPS:
        found, shift = np.fft.rfft(value(cycle * np.arange(points) / points)) / points, _GOLDEN / points
        kept, size = found[: points // 4], np.abs(found).max()
        if np.abs(found[points // 4 :]).max() <= tolerance * size:
            between = value(cycle * (np.arange(points) / points + shift))
            series = np.fft.irfft(kept * np.exp(2j * np.pi * shift * np.arange(len(kept))) * points, points)
            if np.abs(series - between).max() <= points * tolerance * size:
                return np.asarray(kept)
        points *= 2
    raise _too_fast(act, cycle)


def _first_steps(act: Activation, cycle: float) -> int:
    """Return the steps over a period that every wave of the formula needs."""
    harmonic = round(float(fastest(act.expr, act.symbol)) * cycle / (2 * np.pi))
    return max(_FEWEST_STEPS, _PER_WAVE * harmonic)


def _too_fast(act: Activation, cycle: float) -> UnsupportedError:
    return UnsupportedError(
        f"{act.name} changes too fast over its period of {cycle:.6g} for means to be computed; use vg.simulate"
    )


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
def fixed_moments(act: Activation) -> dict[int, float]:
    """Return the fields of Moments, by index, that the formula alone decides: infinite ones, and those of slope 0."""
    infinite, unknown = float("inf"), float("nan")
    if is_flat(act):
        return {4: -infinite, 5: 0.0, 6: 0.0, 7: unknown, 8: unknown, 9: unknown}
    fixed = {3: infinite} if why_infinite(act, 0, 4) else {}
    if why_infinite(act, 1, 2):
        return fixed | {4: infinite, 5: unknown, 6: unknown, 7: unknown, 8: unknown, 9: unknown}
    if why_infinite(act, 1, 4):
        fixed |= {7: infinite, 8: infinite} | ({9: infinite} if _product_is_infinite(act) else {})
    return fixed | ({8: infinite} if why_infinite(act, 1, 6) else {})


def _product_is_infinite(act: Activation) -> bool:
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
