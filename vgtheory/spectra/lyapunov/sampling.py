"""Lyapunov exponents of sampled networks: by triangular factors without matrices where that is exact, else by QR."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import works
from vgtheory.model.network import Network
from vgtheory.random_matrices.arguments import between, choice, whole
from vgtheory.spectra.lyapunov.frame import Frame
from vgtheory.spectra.lyapunov.of_network import lyapunov
from vgtheory.spectra.sampling import MAX_SECONDS, MAX_WIDTH

METHODS = ("auto", "triangular", "dense")
_DRAW_SECONDS = 6e-8  # of one chi variable with its logarithm
_CHUNK = 1_000_000  # chi variables drawn at once
_BLAS_RATE = 4e9


class DirectionsPlan(NamedTuple):
    """How the directions of sampled networks are followed.

    Attributes
    ----------
    directions : how many, the leading ones.
    triangular : from the diagonals of the layers' triangular factors, without matrices; else by QR of the network.
    tolerance : how far off rounding may bring ln of the growth between two QR steps.
    qr_every : layers between QR steps; None to choose them.
    """

    directions: int
    triangular: bool
    tolerance: float
    qr_every: int | None


def plan_directions(
    network: Network, directions: Any, method: Any, tolerance: Any, qr_every: Any
) -> tuple[DirectionsPlan, float]:
    """Return how the directions of a network are followed, and about how many seconds that takes per sample.

    Raises
    ------
    InputError : a value outside what is accepted.
    UnsupportedError : "triangular" where it is not exact; a network too large (widths above 4096, or more than an hour
        per sample).
    """
    method = choice("method", method, METHODS)
    least = min(network.widths)
    count = least if directions is None else whole("directions", directions, 1, least)
    tolerance = between("tolerance", tolerance, 1e-14, 1.0)
    step = None if qr_every is None else whole("qr_every", qr_every)
    obstacle = _obstacle(network)
    if method == "triangular" and obstacle:
        raise UnsupportedError(f"triangular factors are not exact for {obstacle}; use method='dense'")
    triangular = method != "dense" and not obstacle
    return DirectionsPlan(count, triangular, tolerance, step), _feasible_seconds(network, count, triangular)


def draw_directions(
    network: Network, plan: DirectionsPlan, ends: NDArray[np.int64], seed: int, index: int
) -> tuple[Array, int, float]:
    """Return the growth of one sampled network, (block, direction), layers between QR steps, and what rounding lost.

    The sample depends on (seed, index) only; triangular factors need no QR steps and lose nothing.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, index]))
    if plan.triangular:
        return _triangular(network, ends, plan.directions, rng), 0, 0.0
    frame = Frame(network, ends, plan.directions, plan.tolerance, plan.qr_every, rng)
    growth = frame.run()
    return growth, frame.step, frame.rounding


def _obstacle(network: Network) -> str:
    """Return what keeps the factors of the layers from being independent of each other, in words; "" if nothing."""
    if not network.weights.is_isotropic or network.weights.tied:
        return f"{network.weights.text} weights"
    if len(set(network.widths)) > 1 or len(set(network.sigmas)) > 1:
        return "layers of different widths or scales"
    law = lyapunov(network, 1.0) if works(network, "lyapunov") else None
    if law is None or not law.masked or len(law.law.log_nodes) != 1:  # at q = 1, as constant slopes do not depend on q
        return f"the slopes of {network.activation.name}, which are not 0 or one constant whatever the weights"
    return ""


def _feasible_seconds(network: Network, count: int, exact: bool) -> float:
    width, depth = max(network.widths), int(network.depth)
    if exact:
        seconds = _DRAW_SECONDS * count * depth
    else:
        draw = 3.0 * width**3 if network.weights.family == "orthogonal" else 20.0 * width**2
        seconds = depth * (draw + width**2 * count + 4.0 * width * count**2) / _BLAS_RATE
    if seconds > MAX_SECONDS or (not exact and width > MAX_WIDTH):
        raise UnsupportedError(
            f"sampling exponents at width {width} and depth {depth} (about {seconds:.3g} s per network): at most an "
            f"hour{'' if exact else f' and width {MAX_WIDTH}'}; use fewer directions or vg.lyapunov(network)"
        )
    return seconds


def _triangular(network: Network, ends: NDArray[np.int64], count: int, rng: np.random.Generator) -> Array:
    """Return the growth of one network, (block, direction), from draws of the diagonals of triangular factors.

    A layer with n active rows has (R)_kk² = σ_w² d²/N times a chi-square variable of n − k + 1 degrees of freedom, or,
    for orthogonal weights, σ_w² d² times a beta variable of parameters (n − k + 1)/2 and (N − n)/2.
    """
    law = lyapunov(network, 1.0)
    width, haar = network.widths[0], law.ensemble == "orthogonal"
    scale = np.log(law.sigma_w) + law.law.log_nodes[0] / 2 - (0.0 if haar else np.log(width / 2) / 2)
    out = np.empty((len(ends), count))
    step = max(1, _CHUNK // count)
    start, dead = 0, np.zeros(count, dtype=bool)
    for b, end in enumerate(ends):
        total = np.zeros(count)
        for first in range(start, int(end), step):
            total += _drawn_growth(width, count, 1 - law.zero_mass, haar, min(step, int(end) - first), rng)
        dead |= np.isneginf(total)
        out[b] = np.where(dead, -np.inf, total + (int(end) - start) * scale)
        start = int(end)
    return out


def _drawn_growth(width: int, count: int, active: float, haar: bool, layers: int, rng: np.random.Generator) -> Array:
    """Return Σ ln (R_l)_kk over independent layers, k = 1..count, for a scale of one: −inf where a direction dies.

    (R_l)_kk² is a gamma variable of shape (n_l − k + 1)/2, n_l rows of N = `width` being active; with `haar` a beta
    variable of parameters (n_l − k + 1)/2 and (N − n_l)/2.
    """
    if haar and active == 1:
        return np.zeros(count)
    rows = np.full(layers, width) if active == 1 else rng.binomial(width, active, layers)
    shape = (rows[:, None] - np.arange(count)) / 2
    alive = shape > 0
    drawn = rng.standard_gamma(np.where(alive, shape, 1.0))
    logs = np.log(drawn)
    if haar:
        rest = rng.standard_gamma(np.broadcast_to((width - rows[:, None]) / 2, shape.shape))
        logs -= np.log(drawn + rest)
    total = logs.sum(axis=0) / 2
    return np.where(alive.all(axis=0), total, -np.inf)
