"""Which kernel simulates a network, and with which arguments: the methods of ``simulate`` and their workers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.assembled import Parts, assembled_samples
from vgtheory.kernels.chain import chain_samples
from vgtheory.kernels.dense import dense_samples
from vgtheory.kernels.exact import exact_samples
from vgtheory.kernels.matrices import MatrixLaw, drawn_matrices, given_matrices
from vgtheory.kernels.operators import GAUSSIAN_PAIR, HAAR_PAIR
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.setting import layers_of, obstacle_to_exact, row_pass
from vgtheory.study.variables import FIELDS

Method = Literal["auto", "chain", "exact", "dense"]


def choose_method(network: Network, method: str) -> str:
    """Return the method, "auto" resolved; raise UnsupportedError, saying why, where it does not hold."""
    if method not in get_args(Method):
        raise InputError("method", '"auto", "chain", "exact" or "dense"', 'leave it out for "auto"', got=f"{method!r}")
    law, obstacle = network.weights, obstacle_to_exact(network)
    if network.norm is not None and network.norm.kind == "batch":
        raise UnsupportedError(
            "batch norm needs a batch of inputs, and simulate runs one input through each network; use "
            "vg.simulate_batch, or norm='layer' or norm='rms'"
        )
    if law.shared and network.skip is not None and network.skip.matrices == 2:
        raise UnsupportedError(
            "recurrent weights with a second matrix per branch are not simulated; use Skip(..., matrices=1), or "
            "weights drawn anew in every layer"
        )
    if method == "exact" and obstacle:
        raise UnsupportedError(
            f'method="exact" needs rotation-invariant weights drawn anew in every layer, and normal biases, and '
            f"{obstacle} are not that; "
            f'use method="dense" (or "auto"), or Weights.gaussian of the same sigma_w'
        )
    if method == "chain" and slopes_of_chain(network) is None:
        parts = f" and {' and '.join(network.parts)}" if network.parts else ""
        raise UnsupportedError(
            f'method="chain" needs gaussian weights, no bias, a plain network and an activation with φ(th) = tφ(h) for '
            f"t > 0; {network.activation.name} with {law.text} weights, sigma_b = {law.sigma_b}{parts} is not that; "
            f'use method="auto"'
        )
    if method == "auto":
        return "chain" if slopes_of_chain(network) else "dense" if obstacle else "exact"
    return method


def simulate_chunk(payload: Mapping[str, Any], first: int, count: int) -> dict[str, NDArray[np.float64]]:
    """Return the result's arrays for samples first, ..., first + count − 1: the worker of every executor."""
    network: Network = payload["network"]
    row, linear_at_zero, linear_at_infinity = row_pass(network.activation)
    widths, sigma_w, sigma_b = layers_of(network)
    gradient, weight, q = (np.empty((count, len(sigma_w))) for _ in FIELDS)
    layers = (widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, np.uint64(payload["seed"]), first)
    if payload["method"] == "chain":
        slopes = slopes_of_chain(network)
        assert slopes is not None  # the method was chosen by it
        chain_samples(slopes, widths, sigma_w, np.uint64(payload["seed"]), first, gradient, weight, q)
    elif payload["method"] == "dense":
        dense_samples(row, matrix_law(network.weights), *layers, gradient, weight, q, parts_of(network))
    elif network.parts:
        operators = HAAR_PAIR if network.weights.family == "orthogonal" else GAUSSIAN_PAIR
        assembled_samples(row, operators, matrix_law(network.weights), parts_of(network), *layers, gradient, weight, q)
    else:
        exact_samples(row, network.weights.family == "orthogonal", *layers, gradient, weight, q)
    return {name: array for (name, _), array in zip(FIELDS, (gradient, weight, q), strict=True)}


def nanoseconds(network: Network, method: str) -> float:
    """Return about what one sample costs on one core; it only decides how samples are cut into chunks."""
    widths = layers_of(network)[0]
    inner = widths[1:].astype(float)
    if method == "chain":
        return 60.0 * len(inner)
    if method == "exact":
        return float(np.sum((20.0 if network.parts else 8.0) * inner + 300.0))
    return float(np.sum(5.0 * inner * widths[:-1] + 100.0 * inner))


@lru_cache(maxsize=4)
def matrix_law(law: Weights) -> MatrixLaw:
    """Return the weights' law as the kernels take it."""
    if law.arrays is not None:
        return given_matrices(law.arrays.weights, law.arrays.biases)
    options = {name: float(value) for name, value in law.options}
    return drawn_matrices(law.family, options, law.bias_family, law.shared)


@lru_cache(maxsize=64)
def parts_of(network: Network) -> Parts:
    """Return the network's skip connections, normalisation and dropout as the kernels take them."""
    scale, second = network.skip_scales
    norm, skip = network.norm, network.skip
    return Parts(
        skip=skip is not None,
        scale=scale,
        second=second if skip is not None and skip.matrices == 2 else None,
        before=norm.kind if norm is not None and norm.place == "before" else "",
        after=norm.kind if norm is not None and norm.place == "after" else "",
        eps=float(norm.eps) if norm is not None else 0.0,
        rate=network.drop_rate,
    )


@lru_cache(maxsize=64)
def slopes_of_chain(network: Network) -> tuple[float, float] | None:
    """Return φ's slopes right and left of 0 if the network is one that ``chain_samples`` knows, else None."""
    law = network.weights
    if law.family != "gaussian" or law.shared or law.sigma_b != 0 or law.sigma_w == 0 or network.parts:
        return None
    if network.activation.homogeneous_degree != 1:
        return None
    value, slope = np.empty(3), np.empty(3)
    row_pass(network.activation)[0](np.array([1.0, -1.0, 0.0]), value, slope)
    right, left, at_zero = map(float, slope)
    # Where a whole layer is off, h = 0 above it: the chain takes such a layer for the end of every gradient.
    return (right, left) if right != 0 and (left != 0 or at_zero == 0) else None
