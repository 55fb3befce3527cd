"""Singular values of the Jacobian of real, sampled networks: a forward pass with dense weights and a graded product.

J = D_L W_L ⋯ D_1 W_1 is kept as Q diag(e^g) T: after every layer D W Q is factored by QR and the triangular factor
multiplies the rows of T, so that small singular values keep their digits far beyond the range of doubles; the
singular values of diag(e^g) T come from one-sided Jacobi rotations at the end.  Dead units are removed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.spectral_jacobi import graded_log_singular_values
from vgtheory.model.network import Network, require_plain

# Multiply-adds per second of one thread, on the slow side of what current machines do (measured: 4–12·10⁹ in BLAS,
# 1–2·10⁹ in the rotations).
_BLAS_RATE, _ROTATION_RATE = 4e9, 1e9
_SWEEPS = 9  # rotations to convergence, in sweeps: 5–9 were seen
MAX_SECONDS = 3600.0  # per sample
MAX_WIDTH = 4096


@dataclass(frozen=True)
class SamplingCost:
    """One sample on one thread: seconds (estimated within a factor of three), bytes, whether it is feasible."""

    seconds: float
    bytes: int
    feasible: bool


def sampling_cost(network: Network) -> SamplingCost:
    """Return the estimated cost of one sample of `sample_spectrum`.

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
    seconds = work / _BLAS_RATE + _SWEEPS * 2.5 * rank**2 * widths[0] / _ROTATION_RATE
    memory = 8 * 6 * max(widths) ** 2
    return SamplingCost(seconds, memory, seconds <= MAX_SECONDS and max(widths) <= MAX_WIDTH)


def sample_spectrum(network: Network, samples: int = 1, seed: int = 0) -> xr.Dataset:
    """Return the singular values of J = ∂x_L/∂x_0 of sampled networks, as natural logarithms.

    Every sample draws all weights and biases, an input uniform on the sphere ‖x_0‖² = N_0, runs the forward pass and
    multiplies the layers' Jacobians without losing small singular values (relative accuracy about 1e-10 at any
    depth).

    Parameters
    ----------
    samples : number of networks, at least 1.
    seed : non-negative integer; sample i depends on (seed, i) only, so that more samples extend fewer.

    Returns
    -------
    Dataset with `log_singular_value` (sample, index), descending, −inf where the rank of J ends, index < min(N_0, N_L);
    and `q` (sample, layer) = ‖h_l‖²/N_l.

    Raises
    ------
    InputError : a bad number of samples or seed.
    UnsupportedError : a network too wide or too deep for dense sampling (see `sampling_cost`), or an overflow.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> sample_spectrum(Network("relu", Weights.he(), width=8, depth=3), samples=2).log_singular_value.shape
    (2, 8)
    """
    _check("samples", samples, 1)
    _check("seed", seed, 0)
    require_plain(network, "sample_spectrum")
    cost = sampling_cost(network)
    if not cost.feasible:
        raise UnsupportedError(
            f"sampling widths up to {max(network.widths)} at depth {network.depth} (about {cost.seconds:.3g} s per "
            f"sample): dense sampling takes widths up to {MAX_WIDTH} and an hour per sample; use spectrum(network)"
        )
    with threadpool_limits(limits=1, user_api="blas"):
        drawn = [_sample(network, np.random.Generator(np.random.Philox(key=[seed, i]))) for i in range(samples)]
    return xr.Dataset(
        {
            "log_singular_value": (("sample", "index"), np.stack([s for s, _ in drawn])),
            "q": (("sample", "layer"), np.stack([q for _, q in drawn])),
        },
        coords={"layer": np.arange(1, len(network.widths))},
        attrs={"method": "dense", "seed": seed, "spec": network.spec_json},
    )


def draw_weights(family: str, sigma_w: float, fan_out: int, fan_in: int, generator: np.random.Generator) -> Array:
    """Return one weight matrix, shape (fan_out, fan_in): entries of variance σ_w²/fan_in, or σ_w times a Haar matrix.

    A rectangular orthogonal matrix is the leading block of columns or rows of a Haar matrix, scaled so that the mean
    of squared entries is σ_w²/fan_in.
    """
    shape = (fan_out, fan_in)
    if family == "uniform":
        return generator.uniform(-1.0, 1.0, shape) * (sigma_w * np.sqrt(3 / fan_in))
    g = generator.standard_normal(shape)
    if family == "gaussian":
        return g * (sigma_w / np.sqrt(fan_in))
    # QR of a Gaussian matrix with positive diagonal is Haar distributed (Mezzadri 2007).
    q, r = np.linalg.qr(g if fan_out >= fan_in else g.T)
    q *= np.sign(np.diag(r))
    scale = sigma_w * np.sqrt(max(fan_out, fan_in) / fan_in)
    return scale * (q if fan_out >= fan_in else q.T)


class GradedProduct:
    """The product of matrices so far as Q diag(e^g) T, rows of T of norm one; start with the identity of order n."""

    def __init__(self, n: int) -> None:
        self._frame = np.eye(n)
        self._rows = np.eye(n)
        self._logs = np.zeros(n)

    def multiply(self, weights: Array, log_slopes: Array) -> None:
        """Multiply from the left by diag(±e^{log_slopes}) · weights; rows with −inf are dead."""
        alive = np.flatnonzero(np.isfinite(log_slopes))
        n = self._rows.shape[1]
        if not len(alive) or not len(self._logs):
            self._frame, self._rows, self._logs = np.empty((len(weights), 0)), np.empty((0, n)), np.empty(0)
            return
        # Largest rows first: Householder QR then keeps each row's own accuracy (Cox & Higham 1998).
        order = alive[np.argsort(-log_slopes[alive], kind="stable")]
        top = float(log_slopes[order[0]])
        block = np.exp(log_slopes[order] - top)[:, None] * (weights[order] @ self._frame)
        q, r = np.linalg.qr(block)
        reach = np.maximum.accumulate(self._logs[::-1])[::-1][: len(r)]
        logs = top + reach
        gain = np.triu(r) * np.exp(np.minimum(self._logs[None, :] - reach[:, None], 0.0))
        rows = gain @ self._rows
        norm = np.linalg.norm(rows, axis=1)
        kept = norm > 0
        self._rows = rows[kept] / norm[kept, None]
        self._logs = logs[kept] + np.log(norm[kept])
        self._frame = np.zeros((len(weights), int(kept.sum())))
        self._frame[order] = q[:, kept]

    def log_singular_values(self, count: int) -> Array:
        """Return ln of the `count` largest singular values, descending; −inf beyond the rank."""
        out = np.full(count, -np.inf)
        if len(self._logs):
            values, sweeps = graded_log_singular_values(self._rows.copy(), self._logs.copy())
            if sweeps < 0:
                raise UnsupportedError("the rotations for the singular values did not converge; use a smaller width")
            out[: len(values)] = values[:count]
        return out


def _sample(network: Network, generator: np.random.Generator) -> tuple[Array, Array]:
    act = evaluator(network.activation)
    widths = network.widths
    x = generator.standard_normal(widths[0])
    x *= np.sqrt(widths[0]) / np.linalg.norm(x)
    product = GradedProduct(widths[0])
    q = np.empty(len(widths) - 1)
    for layer, (sigma_w, sigma_b) in enumerate(network.sigmas):
        w = draw_weights(network.weights.family, sigma_w, widths[layer + 1], widths[layer], generator)
        h = w @ x + _biases(network.weights.bias_family, sigma_b, widths[layer + 1], generator)
        q[layer] = float(h @ h) / len(h)
        if not np.isfinite(q[layer]):
            raise UnsupportedError(f"the pre-activations overflow at layer {layer + 1}; use a smaller sigma_w")
        product.multiply(w, act.log_slope(h))
        x = act.value(h)
    return product.log_singular_values(min(widths[0], widths[-1])), q


def _biases(family: str, sigma_b: float, n: int, generator: np.random.Generator) -> Any:
    if sigma_b == 0:
        return 0.0
    if family == "uniform":
        return generator.uniform(-1.0, 1.0, n) * (sigma_b * np.sqrt(3))
    return generator.standard_normal(n) * sigma_b


def _check(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"{name} = {value!r}", f"a whole number of at least {least}", f"e.g. {name}={max(least, 1)}")
