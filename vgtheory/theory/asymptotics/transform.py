"""Activations transformed so that a deep plain network propagates signals like a shallow one: DKS and TAT.

φ̂(x) = γ (φ(α x + β) + δ), with α, β, γ, δ solved for at q = 1, weights of σ_w = 1 and no bias.  In terms of the length
map Q(q) = E φ̂² and the correlation map C(c) = E φ̂(u) φ̂(v):

- deep kernel shaping (Martens et al. (2021)): Q(1) = 1, Q'(1) = 1, C(0) = 0 and C'(1) = ζ^{1/L}, so that the whole
  network's correlation map has slope ζ at 1;
- tailored activations (Zhang, Botev & Martens (2022)): Q(1) = 1, Q'(1) = 1, C'(1) = 1 and C''(1) = τ/L, so that the
  whole network's has curvature τ; for φ made of two half-lines the slope α of the left one, such that the whole network
  maps correlation 0 to η.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Any, Literal, get_args

import numpy as np
import scipy
import sympy as sp

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.codegen.evaluate import Evaluator, evaluator
from vgtheory.kernels.quadrature import CUT, Array, PanelGrid, UnresolvedError, normal_rule
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.catalogue import catalogue
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.printing import displayed, to_latex
from vgtheory.theory.asymptotics.approach import bends_infinitely, correlation_curvature
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.moments import moment_table
from vgtheory.theory.asymptotics.unit_means import slope_as_activation

Method = Literal["dks", "tat"]
SLOPE, CURVATURE, CORRELATION = 1.5, 0.3, 0.9  # ζ, τ, η as the two papers take them
_STARTS = (0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)  # of β
_SIZES = (1.0, 0.3, 0.1, 3.0, 0.03)  # of α


@dataclass(frozen=True)
class TransformedActivation:
    """A transformed activation with its parameters and the map values that it attains.

    Parameters
    ----------
    activation : φ̂, to be used with σ_w = 1 and σ_b = 0.
    parameters : "alpha", "beta", "gamma", "delta" (DKS, TAT), or "alpha" alone, the slope of the left half-line.
    maps : attained "Q(1)", "Q'(1)", "C(0)", "C'(1)", "C''(1)", computed anew from φ̂.
    target : what was asked of the whole network, by name.
    """

    activation: Activation
    parameters: dict[str, float]
    maps: dict[str, float]
    target: dict[str, float]

    def _repr_latex_(self) -> str:
        return displayed(rf"\hat\varphi(x) = {to_latex(sp.N(self.activation.expr, 6))}")


def transform_activation(
    act: Any, depth: int, method: Method = "dks", target: float | None = None
) -> TransformedActivation:
    """Return the transformed activation φ̂ for a plain network of this depth.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula.
    depth : number of layers L with an activation.
    method : "dks" or "tat".
    target : for the whole network: ζ > 1 (DKS), τ > 0 (TAT, smooth φ), η in (0, 1) (TAT, two half-lines); if None 1.5,
        0.3 and 0.9.

    Raises
    ------
    InputError : a method, depth or target that is not one of these.
    NoSolutionError : no parameters were found that attain the targets, e.g. for an odd φ.
    UnsupportedError : TAT for a φ with kinks that is not two half-lines: C''(1) is infinite.

    Examples
    --------
    >>> found = transform_activation("softplus", 50)
    >>> round(found.maps["C'(1)"] ** 50, 9), round(abs(found.maps["C(0)"]), 9), round(found.maps["Q'(1)"], 9)
    (1.5, 0.0, 1.0)
    """
    if method not in get_args(Method):
        raise InputError("method", "'dks' or 'tat'", "leave it out for 'dks'", got=f"{method!r}")
    if isinstance(depth, bool) or not isinstance(depth, (int, np.integer)) or depth < 1:
        raise InputError("depth", "a whole number of at least 1", "e.g. depth=50", got=f"{depth!r}")
    act = to_activation(act)
    moment_table(act)  # refuses symbolic parameters
    if method == "tat" and act.homogeneous_degree == 1 and act.breakpoints:
        return _half_lines(depth, _checked(target, CORRELATION, "a number between 0 and 1", lambda t: 0 < t < 1))
    if method == "tat" and bends_infinitely(act):
        raise UnsupportedError(f"tailoring {act.name}: its kinks make C''(1) infinite; use method='dks', or leaky_relu")
    if method == "dks":
        goal = _checked(target, SLOPE, "a number above 1", lambda t: 1 < t < np.inf)
        return _shaped(act, int(depth), goal)
    return _tailored(act, int(depth), _checked(target, CURVATURE, "a number above 0", lambda t: 0 < t < np.inf))


@kept
def _shaped(act: Activation, depth: int, goal: float) -> TransformedActivation:
    return _solved(act, _shaping(act, goal ** (1 / depth)), {"C'(1) of the network": goal})


@kept
def _tailored(act: Activation, depth: int, goal: float) -> TransformedActivation:
    return _solved(act, _tailoring(act, goal / depth), {"C''(1) of the network": goal})


def _checked(target: float | None, default: float, accepted: str, good: Callable[[float], bool]) -> float:
    value = default if target is None else target
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not good(float(value)):
        raise InputError("target", accepted, f"e.g. target={default:g}", got=f"{value!r}")
    return float(value)


class _Means:
    """φ(αz + β), φ' and φ'' there, on nodes z with weights of the standard normal distribution."""

    def __init__(self, act: Activation) -> None:
        self._first: Evaluator = evaluator(act)
        self._second: Evaluator = evaluator(slope_as_activation(act))
        breakpoints = tuple(float(b) for b in act.breakpoints)
        self._grid = PanelGrid(lambda h: self._functions(h) ** 2, breakpoints)

    def _functions(self, h: Array) -> Array:
        return np.stack([self._first.value(h), self._first.slope(h), self._second.slope(h)])

    def at(self, alpha: float, beta: float) -> tuple[Array, Array, Array, Array, Array]:
        """Return z, its weights, φ, φ' and φ''."""
        edges = (self._grid.edges(CUT * alpha + abs(beta)) - beta) / alpha
        z, w = normal_rule(1.0, edges)
        return z, w, *self._functions(alpha * z + beta)


_System = Callable[[float, float], tuple[float, float, float, float]]


def _shaping(act: Activation, slope: float) -> _System:
    """Return (α, β) -> (residual of Q', of C', γ, δ); Q(1) = 1 and C(0) = 0 give γ and δ."""
    means = _Means(act)

    def system(alpha: float, beta: float) -> tuple[float, float, float, float]:
        z, w, value, first, _ = means.at(alpha, beta)
        delta = -float(value @ w)
        centred = value + delta
        square = float(centred**2 @ w)
        steep, length = alpha**2 * float(first**2 @ w) / square, alpha * float((centred * first * z) @ w) / square
        return (length - 1) / (slope - 1), (steep - slope) / (slope - 1), square**-0.5, delta

    return system


def _tailoring(act: Activation, curvature: float) -> _System:
    """Return (α, β) -> (residual of Q, of C'', γ, δ); C'(1) = 1 gives γ and Q'(1) = 1 then δ."""
    means = _Means(act)

    def system(alpha: float, beta: float) -> tuple[float, float, float, float]:
        z, w, value, first, second = means.at(alpha, beta)
        gamma = (alpha**2 * float(first**2 @ w)) ** -0.5
        pull = float((first * z) @ w)
        delta = (1 / (gamma**2 * alpha) - float((value * first * z) @ w)) / pull
        square = gamma**2 * float((value + delta) ** 2 @ w)
        bend = gamma**2 * alpha**4 * float(second**2 @ w)
        return (square - 1) / curvature, bend / curvature - 1, gamma, delta

    return system


def _solved(act: Activation, system: _System, target: dict[str, float]) -> TransformedActivation:
    def residual(p: Array) -> list[float]:
        try:
            found = system(float(np.exp(np.clip(p[0], -12, 3))), float(np.clip(p[1], -30, 30)))[:2]
        except (ZeroDivisionError, UnresolvedError):  # φ̂ is constant, or not to be integrated, that far out
            return [1e6, 1e6]
        return [v if np.isfinite(v) else 1e6 for v in found]

    if act.parity == "odd" and act.homogeneous_degree is None:
        starts: tuple[float, ...] = _STARTS[1:]  # at β = 0 an odd φ̂ bends nowhere
    else:
        starts = _STARTS
    for alpha in _SIZES:
        for beta in starts:
            answer = scipy.optimize.root(residual, [np.log(alpha), beta], method="hybr", options={"xtol": 1e-14})
            if max(map(abs, residual(answer.x))) < 1e-8:
                size, shift = float(np.exp(answer.x[0])), float(answer.x[1])
                _, _, gamma, delta = system(size, shift)
                return _described(act, size, shift, gamma, delta, target)
    raise NoSolutionError(
        f"no α, β, γ, δ with the wanted maps were found for {act.name}; try another target, depth or activation"
    )


def _described(
    act: Activation, alpha: float, beta: float, gamma: float, delta: float, target: dict[str, float]
) -> TransformedActivation:
    a, b, g, d = (sp.Rational(repr(float(v))) for v in (alpha, beta, gamma, delta))
    expr = g * (act.expr.subs(act.symbol, a * act.symbol + b) + d)
    parameters = {"alpha": alpha, "beta": beta, "gamma": gamma, "delta": delta}
    made = Activation(expr, f"transformed {act.name}")
    return TransformedActivation(made, parameters, attained_maps(made), target)


def _half_lines(depth: int, correlation: float) -> TransformedActivation:
    """Return the tailored rectifier: C(c) = c + (1−α)²/(π(1+α²)) (√(1−c²) − c arccos c), applied L times to 0."""

    def reached(alpha: float) -> float:
        c, factor = 0.0, (1 - alpha) ** 2 / (pi * (1 + alpha**2))
        for _ in range(depth):
            c = min(c + factor * (np.sqrt(1 - c * c) - c * np.arccos(c)), 1.0)
        return c - correlation

    if reached(0.0) < 0:
        raise NoSolutionError(
            f"{depth} layers of ReLU map correlation 0 to {reached(0.0) + correlation:.6g} only, less than the target "
            f"{correlation:g}; use more layers or a smaller target"
        )
    alpha = float(scipy.optimize.brentq(reached, 0.0, 1.0, xtol=1e-15, rtol=1e-14))
    made = to_activation(catalogue["tailored_rectifier"](alpha=alpha))
    return TransformedActivation(made, {"alpha": alpha}, attained_maps(made), {"C(0) of the network": correlation})


def attained_maps(act: Activation) -> dict[str, float]:
    """Return Q(1), Q'(1), C(0), C'(1) and C''(1) of an activation, from its moment and Hermite tables."""
    m = moment_table(act).direct(np.zeros(1))
    square = float(np.exp(m.log_square[0]))
    mean = float(correlation_table(act).coefficients(np.zeros(1))[0, 0])
    return {
        "Q(1)": square,
        "Q'(1)": square * float(m.elasticity[0]),
        "C(0)": mean**2,
        "C'(1)": float(np.exp(m.log_slope_square[0])),
        "C''(1)": correlation_curvature(act, 1.0, 1.0),
    }
