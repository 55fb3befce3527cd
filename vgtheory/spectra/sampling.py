"""Singular values and eigenvalues of the Jacobian of sampled networks: a forward pass and a graded product.

J = D_L W_L ⋯ D_1 W_1, dead units removed exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy import special

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.spectra.graded_eigenvalues import log_eigenvalues
from vgtheory.spectra.graded_product import GradedProduct

# Multiply-adds per second of one thread, on the slow side of what current machines do (measured: 4–12·10⁹ in BLAS,
# 1–2·10⁹ in the rotations).
_BLAS_RATE, _ROTATION_RATE = 4e9, 1e9
_STEPS = 60  # QR steps on the whole matrix before it falls apart: 15–60 were seen at depth 20
_SWEEPS = 9  # rotations to convergence, in sweeps: 5–9 were seen
MAX_SECONDS = 3600.0  # per sample
MAX_WIDTH = 4096


@dataclass(frozen=True)
class SamplingCost:
    """One sample on one thread: seconds (estimated within a factor of three), bytes, whether it is feasible."""

    seconds: float
    bytes: int
    feasible: bool


Kind = Literal["singular values", "eigenvalues"]


def sampling_cost(network: Network, kind: Kind = "singular values") -> SamplingCost:
    """Return the estimated cost of one sample of the singular values or eigenvalues of J.

    Feasible means widths up to 4096 and less than an hour per sample.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> sampling_cost(Network("tanh", Weights.gaussian(1.5), width=200, depth=100)).feasible
    True
    """
    widths = network.widths
    draw = 3 if network.weights.family == "orthogonal" else 0
    work, rank = 0.0, widths[0]
    for fan_in, fan_out in pairwise(widths):
        rank_out = min(rank, fan_out)
        work += fan_in * fan_out * (rank + draw * min(fan_in, fan_out))  # W Q, and a Haar matrix
        work += 2 * fan_out * rank**2 + rank_out * rank * widths[0]  # QR with Q, triangular product
        rank = rank_out
    final = _SWEEPS * 2.5 * rank**2 * widths[0] if kind == "singular values" else _STEPS * 4 * rank**3
    seconds = work / _BLAS_RATE + final / _ROTATION_RATE
    memory = 8 * 6 * max(widths) ** 2
    return SamplingCost(seconds, memory, seconds <= MAX_SECONDS and max(widths) <= MAX_WIDTH)


def require_feasible(network: Network, kind: Kind) -> float:
    """Return about how many seconds a sample takes; raise UnsupportedError where dense sampling is out of reach."""
    cost = sampling_cost(network, kind)
    if not cost.feasible:
        raise UnsupportedError(
            f"sampling widths up to {max(network.widths)} at depth {network.depth} (about {cost.seconds:.3g} s per "
            f"sample): dense sampling takes widths up to {MAX_WIDTH} and an hour per sample; use vg.spectrum(network)"
        )
    return cost.seconds


def draw_weights(law: Weights, sigma_w: float, fan_out: int, fan_in: int, generator: np.random.Generator) -> Array:
    """Return one weight matrix of a law, shape (fan_out, fan_in): entries of variance σ_w²/fan_in.

    A rectangular orthogonal matrix is the leading block of columns or rows of a Haar matrix, scaled so that the mean
    of squared entries is σ_w²/fan_in.
    """
    unit = _DRAWN[law.family](generator, (fan_out, fan_in), law)
    return unit * (sigma_w / np.sqrt(fan_in))


def _haar(generator: np.random.Generator, shape: tuple[int, int], law: Weights) -> Array:
    # QR of a Gaussian matrix with positive diagonal is Haar distributed (Mezzadri 2007).
    tall = shape[0] >= shape[1]
    g = generator.standard_normal(shape)
    q, r = np.linalg.qr(g if tall else g.T)
    q *= np.sign(np.diag(r)) * np.sqrt(max(shape))
    return q if tall else q.T


def _truncated(generator: np.random.Generator, shape: tuple[int, int], law: Weights) -> Array:
    cut = law.option("cut")
    inside = special.erf(cut / np.sqrt(2))
    variance = 1 - 2 * cut * np.exp(-(cut**2) / 2) / (np.sqrt(2 * np.pi) * inside)
    return special.ndtri(special.ndtr(-cut) + inside * generator.random(shape)) / np.sqrt(variance)


def _sparse(generator: np.random.Generator, shape: tuple[int, int], law: Weights) -> Array:
    kept = generator.random(shape) < law.option("density")
    return generator.standard_normal(shape) * kept / np.sqrt(law.option("density"))


def _low_rank(generator: np.random.Generator, shape: tuple[int, int], law: Weights) -> Array:
    rank, noise = int(law.option("rank")), law.option("noise")
    outer = generator.standard_normal((shape[0], rank)) @ generator.standard_normal((rank, shape[1]))
    return np.sqrt((1 - noise) / rank) * outer + np.sqrt(noise) * generator.standard_normal(shape)


# Matrices whose entries have variance 1.
_DRAWN: dict[str, Callable[[np.random.Generator, tuple[int, int], Weights], Array]] = {
    "gaussian": lambda generator, shape, law: generator.standard_normal(shape),
    "uniform": lambda generator, shape, law: generator.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "rademacher": lambda generator, shape, law: generator.choice([-1.0, 1.0], shape),
    "orthogonal": _haar,
    "truncated_normal": _truncated,
    "sparse": _sparse,
    "low_rank": _low_rank,
}


def drawn_layers(network: Network, generator: np.random.Generator) -> Iterator[tuple[Array, Any]]:
    """Yield the matrix and the bias (0.0 without) of every layer."""
    law, widths = network.weights, network.widths
    if law.arrays is not None:
        yield from zip(law.arrays.weights, law.arrays.biases, strict=True)
        return
    made: tuple[Array, Any] | None = None
    for (fan_in, fan_out), (sigma_w, sigma_b) in zip(pairwise(widths), network.sigmas, strict=True):
        if made is None or not law.tied:
            w = draw_weights(law, sigma_w, fan_out, fan_in, generator)
            made = w, _biases(law.bias_family, sigma_b, fan_out, generator)
        yield made


def draw_values(network: Network, kind: Kind, seed: int, index: int) -> tuple[tuple[Array, ...], Array]:
    """Return ln s descending, or (ln|λ|, arg λ), of J of one sampled network, and q = ‖h_l‖²/N_l of its layers.

    The sample depends on (seed, index) only: weights and biases, and an input uniform on the sphere ‖x_0‖² = N_0.

    Raises UnsupportedError for an overflow.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, index]))
    act = evaluator(network.activation)
    widths = network.widths
    x = generator.standard_normal(widths[0])
    x *= np.sqrt(widths[0]) / np.linalg.norm(x)
    product = GradedProduct(widths[0])
    q = np.empty(len(widths) - 1)
    for layer, (w, b) in enumerate(drawn_layers(network, generator)):
        with np.errstate(over="ignore", invalid="ignore"):  # said below
            h = w @ x + b
            q[layer] = float(h @ h) / len(h)
        if not np.isfinite(q[layer]):
            raise UnsupportedError(f"the pre-activations overflow at layer {layer + 1}; use a smaller sigma_w")
        if network.skip is None:
            product.multiply(w, act.log_slope(h))
            x = act.value(h)
        else:
            branch, forward = _branch(network, generator, act.slope(h)[:, None] * w, act.value(h))
            product.multiply(np.eye(len(x)) + branch, np.zeros(len(x)))
            x = x + forward
    if kind == "eigenvalues":
        values = log_eigenvalues(product)
        return (values.real, values.imag), q
    return (product.log_singular_values(min(widths[0], widths[-1])),), q


def _branch(network: Network, generator: np.random.Generator, jacobian: Array, value: Array) -> tuple[Array, Array]:
    """Return a W' D W and a W' φ(h), without W' for branches of one matrix."""
    scale, second = network.skip_scales
    if network.skip is None or network.skip.matrices == 1:
        return scale * jacobian, scale * value
    n = len(value)
    outer = generator.standard_normal((n, n)) * (scale * second / np.sqrt(n))
    return outer @ jacobian, outer @ value


def _biases(family: str, sigma_b: float, n: int, generator: np.random.Generator) -> Any:
    if sigma_b == 0:
        return 0.0
    if family == "uniform":
        return generator.uniform(-1.0, 1.0, n) * (sigma_b * np.sqrt(3))
    return generator.standard_normal(n) * sigma_b
