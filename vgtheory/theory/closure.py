"""Mean and variance of ln‖δ_l‖² beyond the order 1/N: the closure in the length and in the alignment.

(R_l, θ_l), with R_l = V_l − σ_b² and θ_l the cosine between x_l and a forward tangent, is a Markov chain of the finite
network, exactly, and the tangent's squared length is a product of factors that depend on it.  J v, v uniform on the
unit sphere, has the length of Jᵀ g in law, so the chain decides the gradient's length as well.  One step needs the
three means of :mod:`vgtheory.theory.layer_sums`.  Only their joint law is approximated (ln X and θ' normal, ln T to
order 1/N²); the response to R and θ is kept in full.  Fluctuating lengths (critical points, several fixed points) and
strong alignment, where the expansion in 1/N fails, are no special cases here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import exp, log

import numpy as np
from scipy.special import digamma, polygamma
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.closure_layer import MOST_LENGTHS, Grid, LayerKind, LayerOperators, layer_operators
from vgtheory.theory.finite_width import layer_coefficients
from vgtheory.theory.layer_sums import Cumulants, unit_cumulants
from vgtheory.theory.length_range import length_range
from vgtheory.theory.mean_field import table_of

MOST_KINDS = 48  # of layers of different width or scales: each has operators of its own
MOST_LAYERS = 20_000  # that are worked through one by one
SETTLED = 1e-11  # change of the mean over states, relative to its size, below which every further layer adds the same
OUTWARD = 0.5  # in ln R: a map that leaves a coarse grid faster than this is not resolved by it
RARE_ANGLE = 32.0  # θ² in units of its mean that is left out: a chance of 1.5e-8


@dataclass(frozen=True)
class Closure:
    """Moments over networks, each of shape (L,): of ln‖δ_l‖², of ln‖∂ℓ/∂W_l‖_F² and of R_l = V_l − σ_b²."""

    mean: Array
    variance: Array
    weight_mean: Array
    weight_variance: Array
    length_mean: Array
    length_variance: Array


def closure(network: Network) -> Closure:
    """Return mean and variance of ln‖δ_l‖² and ln‖∂ℓ/∂W_l‖_F² for a unit loss gradient at x_L.

    Gaussian and orthogonal weights, any widths.  A few operators are made once (within seconds); then each layer costs
    four products with a matrix of at most 1024 rows, until nothing but the depth changes.

    Raises
    ------
    UnsupportedError : more than 48 kinds of layers, more than 20 000 layers in which nothing settles, or lengths that
        leave the range in which moments are known.
    """
    kinds = _kinds(network)
    if len(set(kinds)) > MOST_KINDS:
        raise UnsupportedError(
            f"{len(set(kinds))} layers of different widths or scales; the closure takes at most {MOST_KINDS} kinds"
        )
    grid = Grid(*length_range(network), _largest_square(network))
    table, orthogonal = table_of(network.activation), network.weights.family == "orthogonal"
    if len(grid.log_weight) == MOST_LENGTHS and _push(network, grid) > OUTWARD:
        raise UnsupportedError("the lengths grow or shrink over too many orders of magnitude for its grid")

    @cache
    def unit(sigma_b: float) -> Cumulants:
        return unit_cumulants(table, grid.log_weight, sigma_b, orthogonal)

    @cache
    def build(kind: LayerKind) -> LayerOperators:
        return layer_operators(unit(kind.sigma_b), grid, kind, orthogonal)

    chances = _chances(grid, network, [build(kind).length for kind in kinds[:-1]])
    with threadpool_limits(limits=1, user_api="blas"):  # small products: threads of BLAS would wait for each other
        out = _through(grid, kinds, build, chances)
    inside, end = np.array(network.widths[1:]), network.widths[-1]
    # v is a unit vector in N_l dimensions, g in N_L.
    out[[0, 2]] += digamma(inside / 2) - digamma(end / 2)
    out[[1, 3]] += polygamma(1, inside / 2) - polygamma(1, end / 2)
    lengths = np.exp(grid.log_weight)
    average = chances @ lengths
    return Closure(out[0], out[1], out[2], out[3], average, np.maximum(chances @ lengths**2 - average**2, 0.0))


def _kinds(network: Network) -> list[LayerKind]:
    ahead = [sigma_w for sigma_w, _ in network.sigmas[1:]] + [0.0]
    rows = zip(network.widths, network.widths[1:], network.sigmas, ahead, strict=False)
    return [LayerKind(before, own, *scales, following) for before, own, scales, following in rows]


def _push(network: Network, grid: Grid) -> float:
    """Return by how much a layer moves ln R outwards at either end of the grid, which holds it back there."""
    sigma_w, sigma_b = network.sigmas[-1]
    table, ends = table_of(network.activation), ((grid.low, -1), (grid.high, 1))
    moved = (2 * log(sigma_w) + table.log_square(log(exp(end) + sigma_b**2)) - end for end, _ in ends)
    return max(sign * step for step, (_, sign) in zip(moved, ends, strict=True))


def _largest_square(network: Network) -> float:
    """Return the θ² that alignment leaves with a negligible chance, by the linear recursion of N E θ²; 1 at most."""
    k = layer_coefficients(network)
    u = largest = 1.0
    for source, factor in zip((1 + k.rank_one).tolist(), k.alignment_step.tolist(), strict=True):
        u = min(source + factor * u, 1e9)
        largest = max(largest, u)
    return min(1.0, RARE_ANGLE * largest / min(network.widths))


def _chances(grid: Grid, network: Network, moves: list[Array]) -> Array:
    """Return the law of ln R_l as weights on the nodes, shape (L, nodes)."""
    out = np.empty((len(moves) + 1, len(grid.log_weight)))
    out[0] = grid.length_rows(np.array([2 * log(network.sigmas[0][0])]))[0]
    for k, move in enumerate(moves):
        out[k + 1] = out[k] @ move
    return out


def _through(grid: Grid, kinds: list[LayerKind], build: Callable[[LayerKind], LayerOperators], chances: Array) -> Array:
    """Return the four statistics of every layer, from the last one back."""
    out, middle = np.empty((4, len(kinds))), grid.states // 2
    u, v, level = np.zeros(grid.states), np.zeros(grid.states), 0.0  # `level` is kept apart from u, whose square counts
    alike = next((k for k, kind in enumerate(kinds) if kind != kinds[0]), len(kinds))  # layers below this one
    for k in range(len(kinds) - 1, -1, -1):
        kind, layer = kinds[k], build(kinds[k])
        mean, variance = layer.first.back(u, v)
        inputs = log(kind.fan_in) - 2 * log(kind.sigma_w)
        before = u, v
        u, v = layer.inner.back(u, v)
        settled = k < alike - 1 and _settled(before[0] + u[middle], before[1], u, v)
        # Once settled, every layer further down adds the same.
        first, steps = (0, np.arange(k, -1, -1)) if settled else (k, np.zeros(1))
        levels = level + u[middle] * steps
        rows = _averages(chances[first : k + 1], mean, variance, grid.log_weight)
        spread = (v - before[1])[middle] * steps
        out[:, first : k + 1] = rows + np.stack([levels, spread, levels + inputs, spread])
        if settled:
            break
        level, u = level + float(u[middle]), u - u[middle]
        if len(kinds) - k > MOST_LAYERS:
            raise UnsupportedError(f"after {MOST_LAYERS:,} layers the moments have not settled; use a smaller depth")
    return out


def _settled(mean: Array, variance: Array, new_mean: Array, new_variance: Array) -> bool:
    """Return whether the mean stays as it is, up to a constant, and the variance grows alike in all states."""
    growth = new_variance - variance
    return bool(
        np.abs(new_mean - mean).max() <= SETTLED * (1 + np.ptp(mean))
        and np.ptp(growth) <= 1e3 * SETTLED * (abs(growth[0]) + SETTLED)
    )


def _averages(chances: Array, mean: Array, variance: Array, log_weight: Array) -> Array:
    """Return mean and variance of what has these moments given ln R, then of the same plus ln R: shape (4, layers)."""
    out = []
    for given in (mean, mean + log_weight):
        average = chances @ given
        out += [average, chances @ variance + chances @ (given - given.mean()) ** 2 - (average - given.mean()) ** 2]
    return np.stack(out)
