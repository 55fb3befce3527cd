"""A network as the kernels take it: arrays of sizes and scales, the compiled activation, and what is known of both."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.codegen.compiled import compile_activation
from vgtheory.model.network import Network
from vgtheory.symbolic.activation import Activation


def obstacle_to_exact(network: Network) -> str:
    """Return what keeps the network from being sampled without its matrices, in words; "" if nothing does."""
    law = network.weights
    if law.family not in ("gaussian", "orthogonal") or law.shared:
        return f"{law.text} weights"
    return "uniform biases" if law.bias_family == "uniform" and law.sigma_b != 0 else ""


@lru_cache(maxsize=16)
def layers_of(network: Network) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the widths N_0..N_L, and σ_w and σ_b of layers 1..L."""
    widths, sigma_w, sigma_b = distinct_layers_of(network)
    if len(sigma_w) > 1:
        return widths, sigma_w, sigma_b
    depth = int(network.depth)
    return widths[:1].repeat(depth + 1) if len(widths) == 1 else widths, sigma_w.repeat(depth), sigma_b.repeat(depth)


def distinct_layers_of(network: Network) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return arrays as ``layers_of`` does, or of length 1, standing for any depth, where all layers are alike."""
    if isinstance(network.width, tuple) or network.weights.arrays is not None:
        sigmas = np.array(network.sigmas).T.copy()
        return np.array(network.widths, dtype=np.int64), sigmas[0], sigmas[1]
    network.require_numbers()
    width = int(network.width)
    sigma_w, sigma_b = network.sigmas_between(width, width)
    return np.array([width], dtype=np.int64), np.array([sigma_w]), np.array([sigma_b])


@lru_cache(maxsize=64)
def row_pass(activation: Activation) -> tuple[Any, bool, bool]:
    """Return the activation's row pass, and whether φ is linear, to working precision, near 0 and far out.

    Where it is, the kernels carry signals beyond 1e±120 with a scale, and their norms may leave float64's range.
    """
    row = compile_activation(activation).row
    h = np.array([1e-110, -1e-110, 1e-120, -1e-120, 1e120, -1e120, 1e110, -1e110])
    value, slope = np.empty_like(h), np.empty_like(h)
    row(h, value, slope)

    def linear(large: slice, small: slice) -> bool:
        size = np.max(np.abs(value[large]))
        if not np.isfinite(size):
            return False
        drift = np.max(np.abs(value[large] - 1e10 * value[small]))
        return bool(drift <= 1e-12 * size and np.array_equal(slope[large], slope[small]))

    return row, linear(slice(0, 2), slice(2, 4)), linear(slice(4, 6), slice(6, 8))


@lru_cache(maxsize=64)
def is_flat_at_zero(activation: Activation) -> bool:
    """Return whether small signals shrink faster than linearly, as with x³: underflow then looks like death."""
    row, linear_at_zero, _ = row_pass(activation)
    h = np.array([0.0, 1e-40, -1e-40])
    value, slope = np.empty_like(h), np.empty_like(h)
    row(h, value, slope)
    small = (value[1:] != 0.0) & (np.abs(value[1:]) < np.abs(h[1:]))  # a jump at 0 is not flat
    return not linear_at_zero and value[0] == 0.0 and bool(np.any(small))
