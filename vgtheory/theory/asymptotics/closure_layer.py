"""One layer of the closure as a linear operator on functions of (ln R, θ²), tabulated on a Chebyshev grid."""

from dataclasses import dataclass
from functools import cache
from math import log
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from vgtheory.kernels.quadrature import Array
from vgtheory.theory.asymptotics.layer_logs import Conditions, unit_tangent
from vgtheory.theory.asymptotics.layer_sums import (
    Cumulants,
    LayerLaw,
    LogMoments,
    LogStep,
    expanded_logs,
    layer_law,
    log_step,
)
from vgtheory.theory.asymptotics.length_law import noise_rule
from vgtheory.theory.asymptotics.log_transforms import Transforms

ANGLES = 16  # Chebyshev nodes in θ²
MOST_LENGTHS, FEWEST_LENGTHS = 64, 12
EXPANDED = 0.02  # relative size of the order 1/N² in the variance of a logarithm, above which it is not expanded
WIDE = 500
NOISELESS = 1e-5
PER_UNIT = 8  # Chebyshev nodes per unit of ln R
_AT_NODE = 1e-290  # a distance so small that nothing else counts
SOFT = 0.015  # of half the grid's length, over which its ends hold back; well inside its margin
_NODE, _WEIGHT = noise_rule()


@dataclass(frozen=True)
class LayerKind:
    """What distinguishes a layer: its widths and scales, and the σ_w of the next (0 in the last layer)."""

    fan_in: int
    width: int
    sigma_w: float
    sigma_b: float
    next_sigma_w: float


@dataclass(frozen=True)
class Operator:
    """Mean and variance of ln T at each of S states, and what takes functions of the next state to their moments.

    A state is one of M lengths with one of A angles.  The next length does not depend on the angle.

    lengths : rows that interpolate in ln R at the places reached, shape (M · nodes, lengths).
    angles : rows that interpolate in θ² there, as columns, shape (M · nodes, angles, nodes · A).
    averaged : the same, on average over the places that one next length has, shape (M · nodes, angles, A).
    tilt : twice ln T − E ln T as far as it follows the place reached, shape (M, nodes, 1, nodes, A).

    The places are kept apart because a variance that is small against the square of the mean would be lost otherwise.
    """

    mean: Array
    variance: Array
    lengths: Array
    angles: Array
    averaged: Array
    tilt: Array

    def back(self, u: Array, v: Array) -> tuple[Array, Array]:
        """Return mean and variance of ln T plus what follows, which has mean u and variance v at the next states.

        All of shape (n, states), for n cases at once.
        """
        cases, nodes = len(u), len(_NODE)
        if not self.lengths.size:
            return np.tile(self.mean, (cases, 1)), np.tile(self.variance, (cases, 1))
        count, own = self.averaged.shape[1:]
        both = np.stack([u, v]).reshape(2 * cases, -1, count).transpose(1, 0, 2)
        reached = (self.lengths @ both.reshape(len(both), -1)).reshape(-1, 2 * cases, count)
        average = (reached @ self.averaged).reshape(-1, nodes, 2 * cases * own)
        ahead, inside = (_WEIGHT @ average).reshape(-1, 2, cases, own).transpose(1, 0, 2, 3)
        off = (reached[:, :cases] @ self.angles).reshape(-1, nodes, cases, nodes, own)
        off -= ahead[:, None, :, None]
        spread = np.multiply(off, off + self.tilt, out=off)
        inside = inside + (_WEIGHT @ (_WEIGHT @ spread).reshape(len(spread), nodes, -1)).reshape(inside.shape)
        ahead, inside = (part.transpose(1, 0, 2).reshape(cases, -1) for part in (ahead, inside))
        return self.mean + ahead, self.variance + inside


@dataclass(frozen=True)
class LayerOperators:
    """A layer between others (states: length, angle), as a tangent's first (states: length), and for the length.

    centre, noise : the next ln R is centre + noise · g, g normal, at each length.
    lost : the chance that next to nothing (e^−30 of the mean) of signal or gradient passes, which is left out.
    """

    inner: Operator
    first: Operator
    centre: Array
    noise: Array
    lost: Array


class Grid:
    """Chebyshev nodes in ln R from `low` to `high` and in θ² from 0 to `most`; beyond, functions stay as at the end."""

    def __init__(self, low: float, high: float, most: float = 1.0) -> None:
        count = int(np.clip(np.ceil(PER_UNIT * (high - low)), FEWEST_LENGTHS, MOST_LENGTHS))
        self.low, self.high, self.most = low, high, most
        nodes = self._lengths = _nodes(count)
        self.log_weight = (low + high) / 2 + (high - low) / 2 * nodes
        nodes = self._angles = _nodes(ANGLES)
        self.cosine = np.sqrt(most * (1 + nodes) / 2)

    @property
    def states(self) -> int:
        """Return the number of nodes."""
        return len(self.log_weight) * len(self.cosine)

    def length_rows(self, log_weight: Array) -> Array:
        """Return rows that give a function's value at ln R from its values at the nodes, on a new last axis."""
        x = _held((2 * log_weight - self.low - self.high) / (self.high - self.low))
        return _rows(x, self._lengths)

    def angle_rows(self, cosine: Array) -> Array:
        """Return the same for θ."""
        x = 2 * np.minimum(cosine**2 / self.most, 1) - 1
        return _rows(x, self._angles)


def _held(x: Array) -> Array:
    """Return x kept within [−1, 1], smoothly: a kink at the ends would spoil the interpolation everywhere."""
    inner = x + SOFT * np.log1p(np.exp(np.clip((-1 - x) / SOFT, None, 300)))
    return np.clip(inner - SOFT * np.log1p(np.exp(np.clip((inner - 1) / SOFT, None, 300))), -1, 1)


@cache
def _nodes(count: int) -> Array:
    return np.asarray(np.cos(np.pi * (np.arange(count) + 0.5) / count), dtype=np.float64)


def _rows(x: Array, nodes: Array) -> Array:
    """Return rows that interpolate at x from values at Chebyshev nodes, by the barycentric formula."""
    off = x[..., None] - nodes
    off[off == 0] = _AT_NODE
    off = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0) * np.sqrt(1 - nodes * nodes) / off
    return np.asarray(off / off.sum(axis=-1, keepdims=True))


@cache
def _last_coefficients(count: int) -> Array:
    return np.asarray(chebyshev.chebvander(_nodes(count), count - 1).T[-3:] * (2 / count))


def left_between(mean: Array, variance: Array) -> float:
    """Return what the lengths leave of a mean over states, its last Chebyshev coefficients, in units of its spread."""
    lengths = len(mean) // ANGLES
    left = float(np.abs(_last_coefficients(lengths) @ mean.reshape(lengths, ANGLES)).max())
    return left / max(float(np.median(np.abs(variance))) ** 0.5, NOISELESS)


class LayerSteps(NamedTuple):
    """What one layer does to tangents that start in it and to others, and the chance left out."""

    first: LogStep
    inner: LogStep
    lost: Array


def layer_steps(unit: Cumulants, grid: Grid, kind: LayerKind, orthogonal: bool, transforms: Transforms) -> LayerSteps:
    """Return the steps of one kind of layer, from the cumulants of its units at the grid's lengths."""
    # The dimension of the Haar matrix that an orthogonal one is a part of.
    total = max(kind.fan_in, kind.width) if orthogonal else 0
    begin, lost = _first(unit, grid, kind, total, transforms)
    return LayerSteps(begin, _inside(unit, grid, kind, total, transforms), lost)


def layer_operators(steps: LayerSteps, grid: Grid, ahead: Grid, kind: LayerKind) -> LayerOperators:
    """Return the operators of one kind of layer, from the states of its grid to those of the next one."""
    gain = 2 * log(kind.sigma_w) + log(kind.width / kind.fan_in)
    size = len(grid.log_weight)
    first, inner = _operator(steps.first, size, ahead, kind, 0.0), _operator(steps.inner, size, ahead, kind, gain)
    following = log(kind.next_sigma_w) if kind.next_sigma_w else 0.0
    return LayerOperators(inner, first, steps.first.log_x + 2 * following, steps.first.noise_x, steps.lost)


def _first(unit: Cumulants, grid: Grid, kind: LayerKind, total: int, transforms: Transforms) -> tuple[LogStep, Array]:
    """Return what happens to a tangent that starts here, a unit vector independent of h, and the chance left out."""
    zero = np.zeros(len(grid.log_weight))
    free, law = layer_law(unit, zero, kind.width), layer_law(unit, zero, kind.width, kind.width, ("ζ²",))
    if total == kind.width:
        law = layer_law(unit, zero, kind.width, total, ("z²", "ζ²"))
    elif total:  # two independent conditions, each of which moves the law by little
        parts = (law, layer_law(unit, zero, kind.width, total, ("z²",)), free)
        law = LayerLaw(*(a + b - base for a, b, base in zip(*parts, strict=True)))
    if _expands(law, total):
        return log_step(law, expanded_logs(law)), zero
    exact, lost = transforms.upright(grid.log_weight, Conditions(total))
    return log_step(law, _where_noisy(law, _relative(unit_tangent(exact, kind.width), free, law))), lost


def _inside(unit: Cumulants, grid: Grid, kind: LayerKind, total: int, transforms: Transforms) -> LogStep:
    size, angles = len(grid.log_weight), len(grid.cosine)
    spread = Cumulants(*(np.repeat(part, angles, axis=0) for part in unit))
    along = np.tile(grid.cosine, size)
    # Without conditions z may stand for h/√V, whose correlation with W t is that of (x, bias) with (t, 0).
    weight = np.exp(grid.log_weight)
    share = np.ones(size) if total else np.sqrt(weight / (weight + kind.sigma_b**2))
    free = law = layer_law(spread, along * np.repeat(share, angles), kind.width)
    if total:
        law = layer_law(spread, along, kind.width, total, ("z²", "zζ", "ζ²"))
    if _expands(law, total):
        return log_step(law, expanded_logs(law))
    if total:
        return log_step(law, _inclined(unit, grid, kind, total, law, transforms))
    return log_step(law, _relative(transforms.inclined(grid.log_weight, grid.cosine), free, law))


def _inclined(
    unit: Cumulants, grid: Grid, kind: LayerKind, total: int, law: LayerLaw, transforms: Transforms
) -> LogMoments:
    """Return the moments at all angles: those at θ = 0, changed as the order 1/N says."""
    upright, angles = np.zeros(len(grid.log_weight)), len(grid.cosine)
    exact, _ = transforms.upright(grid.log_weight, Conditions(total, True))
    exact = unit_tangent(exact, total, 1)
    base = layer_law(unit, upright, kind.width, total, ("z²", "zζ", "ζ²"))
    exact = _relative(exact, layer_law(unit, upright, kind.width), base)
    mean_x, mean_t, xx, tt, xt, before, along = (np.repeat(part, angles) for part in (*exact, base.tt, base.xt))
    ratio = np.where(before > NOISELESS / 100, law.tt / np.maximum(before, NOISELESS / 100), 1.0)
    return _where_noisy(law, LogMoments(mean_x, mean_t * ratio, xx, tt * ratio, xt + law.xt - along))


def _where_noisy(law: LayerLaw, logs: LogMoments) -> LogMoments:
    """Return the moments with expanded ones where next to nothing fluctuates, which no quadrature finds to be zero."""
    expanded, x, t = expanded_logs(law), law.xx > NOISELESS, law.tt > NOISELESS
    known = (x, t, x, t, x & t)
    return LogMoments(*(np.where(noisy, a, b) for noisy, a, b in zip(known, logs, expanded, strict=True)))


def _expands(law: LayerLaw, total: int) -> bool:
    """Return whether orders of the logarithms beyond 1/N² do not count, and for Haar matrices those beyond 1/N."""
    worst = 0.0
    for variance, third in ((law.xx, law.xxx), (law.tt, law.ttt)):
        skew = np.where(variance > NOISELESS / 100, third / np.maximum(variance, NOISELESS / 100), 0.0)
        worst = max(worst, float(np.max(variance + np.abs(2.5 * variance - skew))))
    return worst < (EXPANDED if total == 0 or total > WIDE else NOISELESS)


def _relative(logs: LogMoments, free: LayerLaw, law: LayerLaw) -> LogMoments:
    """Return the moments relative to the means given the conditions, from those relative to the means without."""
    mean_x, mean_t = logs.mean_x + free.log_x - law.log_x, logs.mean_t + free.log_t - law.log_t
    return logs._replace(mean_x=mean_x, mean_t=mean_t)


def _operator(step: LogStep, lengths: int, ahead: Grid, kind: LayerKind, gain: float) -> Operator:
    mean = step.log_t + gain
    if not kind.next_sigma_w:
        return Operator(mean, step.variance_t, *(np.empty(0) for _ in range(4)))
    log_x, noise = (part.reshape(lengths, -1).mean(axis=1)[:, None] for part in (step.log_x, step.noise_x))
    reached = log_x + 2 * log(kind.next_sigma_w) + noise * _NODE
    g, k = _NODE[:, None, None], _NODE[:, None]

    def by_place(constant: Array | float, with_g: Array, with_k: Array) -> Array:
        """Return a function of the angle and the two normals, shape (M, nodes, nodes, A)."""
        first, second = (part.reshape(lengths, 1, 1, -1) for part in (with_g, with_k))
        return np.asarray(constant + first * g + second * k)

    turned = by_place(step.cosine.reshape(lengths, 1, 1, -1), step.cosine_with_x, step.cosine_own)
    rows = ahead.angle_rows(turned.reshape(lengths * len(_NODE), -1))  # (M · nodes, nodes · A, angles)
    averaged = (_WEIGHT @ rows.reshape(len(rows), len(_NODE), -1)).reshape(len(rows), -1, rows.shape[-1])
    return Operator(
        mean,
        step.variance_t,
        ahead.length_rows(reached.ravel()),
        np.ascontiguousarray(rows.transpose(0, 2, 1)),
        np.ascontiguousarray(averaged.transpose(0, 2, 1)),
        2 * by_place(0.0, step.t_with_x, step.t_with_cosine)[:, :, None],
    )
