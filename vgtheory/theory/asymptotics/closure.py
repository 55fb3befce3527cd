"""Mean and variance of ln‖δ_l‖² beyond the order 1/N: the closure in the length and in the alignment.

(R_l, θ_l), with R_l = V_l − σ_b² and θ_l the cosine between x_l and a forward tangent, is a Markov chain of the finite
network, exactly, and the tangent's squared length is a product of factors that depend on it.  J v, v uniform on the
unit sphere, has the length of Jᵀ g in law, so the chain decides the gradient's length as well.  One step needs the
three means of ``layer_sums``.  Only their joint law is approximated (ln X and θ' normal, ln T to
order 1/N²); the response to R and θ is kept in full.  Fluctuating lengths (critical points, several fixed points) and
strong alignment, where the expansion in 1/N fails, are no special cases here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, log, log2
from typing import NamedTuple

import numpy as np
import scipy
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.closure_layer import (
    Grid,
    LayerKind,
    LayerOperators,
    LayerSteps,
    Operator,
    layer_operators,
    layer_steps,
    left_between,
)
from vgtheory.theory.asymptotics.finite_width import layer_coefficients
from vgtheory.theory.asymptotics.layer_sums import Cumulants, unit_cumulants
from vgtheory.theory.asymptotics.length_law import Law, laws_along, moved
from vgtheory.theory.asymptotics.length_range import Stretch, lengths_of
from vgtheory.theory.asymptotics.log_transforms import Span, Transforms
from vgtheory.theory.asymptotics.mean_field import table_of

MOST_KINDS = 160  # of layers of different width, scales or lengths: each has operators of its own
MOST_LAYERS = 20_000  # that are worked through one by one
AT_ONCE = 16  # layers whose tangents are worked out together
SETTLED = 1e-11  # change of the mean over states, relative to its size, below which every further layer adds the same
RARE_ANGLE = 32.0  # θ² in units of its mean that is left out: a chance of 1.5e-8


class Region(NamedTuple):
    """The ends of ln R in a layer, and the largest θ²."""

    stretch: Stretch
    square: float


Layer = tuple[LayerKind, Region, Region]  # with the regions of its own states and of the next ones


@dataclass(frozen=True)
class _Place:
    """Where the lengths of a layer are: their law, and rows that interpolate at its points."""

    law: Law
    rows: Array

    def averages(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Return mean and variance of what has these moments given ln R, and of the same plus ln R."""
        given, inside = self.rows @ mean, self.law.chances @ (self.rows @ variance)
        both = (self.law.moments(values) for values in (given, given + self.law.points))
        gradient, weight = (np.array([average, spread + inside]) for average, spread in both)
        return gradient, weight


@dataclass(frozen=True)
class Closure:
    """Moments over networks, each of shape (L,): of ln‖δ_l‖², of ln‖∂ℓ/∂W_l‖_F² and of R_l = V_l − σ_b².

    lost : chance, left out of them, that next to nothing (e^−30 of the mean) passes through some layer.
    unresolved : what the lengths at which layers were worked out leave of a layer's logarithms.
    left_between : what the grids' lengths leave of ln‖δ_l‖², in units of its spread.
    few_active : largest chance, in a layer, of a length from which the next one varies by more than itself.
    """

    mean: Array
    variance: Array
    weight_mean: Array
    weight_variance: Array
    length_mean: Array
    length_variance: Array
    lost: float
    unresolved: float
    left_between: float
    few_active: float


def closure(network: Network) -> Closure:
    """Return mean and variance of ln‖δ_l‖² and ln‖∂ℓ/∂W_l‖_F² for a unit loss gradient at x_L.

    Gaussian and orthogonal weights, any widths.  Layers of one width and bias share their transforms, made in 0.05 to
    0.5 s where the noise needs them, those whose lengths lie in one stretch of ln R operators as well; then each layer
    costs 1 to 5 ms, until nothing but the depth changes.

    Raises
    ------
    UnsupportedError : more than 160 kinds of layers (lengths that drift through many stretches count), more than 20 000
        layers in which nothing settles, or lengths that leave the range in which moments are known.
    """
    table, orthogonal = table_of(network.activation), network.weights.family == "orthogonal"
    reach = lengths_of(network)
    regions = [
        Region(stretch, square) for stretch, square in zip(reach.stretches, _largest_squares(network), strict=True)
    ]
    kinds = list(zip(_kinds(network), regions, regions[1:] + regions[-1:], strict=True))
    if len(set(kinds)) > MOST_KINDS:
        raise UnsupportedError(
            f"{len(set(kinds))} layers differ in width, scale or length, and the closure follows at most {MOST_KINDS}"
        )
    grids = {region: Grid(*region.stretch, region.square) for region in regions}

    @cache
    def unit(stretch: Stretch, sigma_b: float) -> Cumulants:
        return unit_cumulants(table, Grid(*stretch).log_weight, sigma_b, orthogonal)

    made: list[Transforms] = []

    @cache
    def transforms(width: int, sigma_b: float) -> Transforms:
        alike = [here for kind, here, _ in set(kinds) if (kind.width, kind.sigma_b) == (width, sigma_b)]
        low, high = min(here.stretch.low for here in alike), max(here.stretch.high for here in alike)
        made.append(Transforms(table, Span(low, high, max(here.square for here in alike)), width, sigma_b))
        return made[-1]

    @cache
    def steps(here: Region, kind: LayerKind) -> LayerSteps:
        known = transforms(kind.width, kind.sigma_b)
        return layer_steps(unit(here.stretch, kind.sigma_b), grids[here], kind, orthogonal, known)

    @cache
    def build(layer: Layer) -> LayerOperators:
        kind, here, ahead = layer
        found = steps(here, replace(kind, next_sigma_w=0.0))  # what a layer does is the same whatever follows
        return layer_operators(found, grids[here], grids[ahead], kind)

    def move(layer: Layer, law: Law) -> Law:
        rows, operators = grids[layer[1]].length_rows(law.points), build(layer)
        return moved(law, rows @ operators.centre, np.maximum(rows @ operators.noise, 0.0))

    with threadpool_limits(limits=1, user_api="blas"):  # small products: threads of BLAS would wait for each other
        laws = laws_along(Law(np.array([2 * log(network.sigmas[0][0])]), np.ones(1)), kinds[:-1], move)
        places = [_Place(law, grids[s].length_rows(law.points)) for law, s in zip(laws, regions, strict=True)]
        out, between = _through(kinds, build, places)
    inside, end = np.array(network.widths[1:]), network.widths[-1]
    # v is a unit vector in N_l dimensions, g in N_L.
    out[[0, 2]] += scipy.special.digamma(inside / 2) - scipy.special.digamma(end / 2)
    out[[1, 3]] += scipy.special.polygamma(1, inside / 2) - scipy.special.polygamma(1, end / 2)
    lengths = np.array([law.moments(np.exp(law.points)) for law in laws]).T
    passed = 1.0
    for place, kind in zip(places, kinds, strict=True):
        passed *= 1 - float(np.clip(place.law.chances @ (place.rows @ build(kind).lost), 0, 1))
    unresolved = max((known.unresolved for known in made), default=0.0)
    known = out[0], out[1], out[2], out[3], lengths[0], lengths[1]
    return Closure(*known, 1 - passed, unresolved, between, reach.few_active)


def _kinds(network: Network) -> list[LayerKind]:
    ahead = [sigma_w for sigma_w, _ in network.sigmas[1:]] + [0.0]
    rows = zip(network.widths, network.widths[1:], network.sigmas, ahead, strict=False)
    return [LayerKind(before, own, *scales, following) for before, own, scales, following in rows]


def _largest_squares(network: Network) -> list[float]:
    """Return the θ² that alignment leaves with a negligible chance, by the linear recursion of N E θ², in each layer.

    Layer by layer, because where it grows, early layers respond to what is small later on.
    """
    k = layer_coefficients(network)
    u, narrow, out = 1.0, min(network.widths), []
    for source, factor in zip((1 + k.rank_one).tolist(), k.alignment_step.tolist(), strict=True):
        out.append(min(1.0, 2.0 ** ceil(log2(RARE_ANGLE * u / narrow))))  # powers of two: few different ones
        u = min(source + factor * u, 1e9)
    return out


def _through(
    layers: list[Layer], build: Callable[[Layer], LayerOperators], places: list[_Place]
) -> tuple[Array, float]:
    """Return the four statistics of every layer, from the last one back, and the most that is left between lengths."""
    out = np.empty((4, len(layers)))
    u = v = np.zeros((1, 0))
    level, worked, k, between = 0.0, 0, len(layers) - 1, 0.0  # `level` is kept apart from u, which stays small
    waiting: list[_Waiting] = []
    while k >= 0:
        before = u, v
        u, v = build(layers[k]).inner.back(u, v)
        between = max(between, left_between(u[0], v[0]))
        middle = u.shape[1] // 2
        # Once settled, every layer of the same kind further down adds the same.
        count, growth, spread = 1, float(u[0, middle]), 0.0
        if before[0].shape == u.shape and _settled(before[0][0], before[1][0], u[0], v[0]):
            count = next((n for n in range(1, k + 1) if layers[k - n] != layers[k]), k + 1)
            spread = float((v - before[1])[0, middle])
        waiting.append(_Waiting(*before, range(k, k - count, -1), level, growth, spread))
        level, u, v = level + count * growth, u - growth, v + (count - 1) * spread
        k, worked = k - count, worked + 1
        if len(waiting) == AT_ONCE or k < 0 or layers[k] != layers[k + 1]:
            _begin(layers[k + 1][0], build(layers[k + 1]).first, waiting, places, out)
            waiting = []
        if worked > MOST_LAYERS and k >= 0:
            raise UnsupportedError(f"after {MOST_LAYERS:,} layers the moments have not settled; use a smaller depth")
    return out, between


class _Waiting(NamedTuple):
    """What follows some equal layers, from the last one down, where tangents may start that are not yet worked out."""

    u: Array
    v: Array
    layers: range
    level: float
    growth: float
    spread: float


def _begin(kind: LayerKind, first: Operator, waiting: list[_Waiting], places: list[_Place], out: Array) -> None:
    """Write the four statistics of layers of one kind, at which tangents start, all at once."""
    inputs = log(kind.fan_in) - 2 * log(kind.sigma_w)
    found = first.back(*(np.concatenate([one[n] for one in waiting]) for n in (0, 1)))
    for one, mean, variance in zip(waiting, *found, strict=True):
        for n, layer in enumerate(one.layers):
            gradient, weight = places[layer].averages(mean, variance)
            extra = np.array([one.level + n * one.growth, n * one.spread])
            out[:2, layer], out[2:, layer] = gradient + extra, weight + extra + (inputs, 0.0)


def _settled(mean: Array, variance: Array, new_mean: Array, new_variance: Array) -> bool:
    """Return whether the mean stays as it is, up to a constant, and the variance grows alike in all states."""
    growth = new_variance - variance
    return bool(
        np.abs(new_mean - new_mean[len(mean) // 2] - mean).max() <= SETTLED * (1 + np.ptp(mean))
        and np.ptp(growth) <= 1e3 * SETTLED * (abs(growth[0]) + SETTLED)
    )
