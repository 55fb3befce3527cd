"""A forward and a backward pass through given weights: lengths, slopes and gradient norms of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgtheory._errors import InputError
from vgtheory.codegen.compiled import compile_activation
from vgtheory.study.inspection.weights.chain import Layer
from vgtheory.symbolic.activation import Activation

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signals:
    """Arrays of shape (inputs, layers), `dead` of shape (layers,): what one pass per input gives.

    Attributes
    ----------
    q : ‖h_l‖²/N_l.
    log_gradient_norm : ln‖∂ℓ/∂h_l‖₂; −inf where nothing comes through.
    log_weight_gradient_norm : ln‖∂ℓ/∂W_l‖_F.
    saturated : fraction of the layer's neurons with |φ'(h)| at most a threshold.
    dead : fraction of the layer's neurons with φ'(h) = 0 on every input.
    """

    q: Array
    log_gradient_norm: Array
    log_weight_gradient_norm: Array
    saturated: Array
    dead: Array


def run_signals(
    layers: Sequence[Layer],
    act: Activation,
    inputs: Array,
    *,
    flat: float,
    skip: float | None,
    output_activation: bool,
    generator: np.random.Generator,
) -> Signals:
    """Return lengths and gradients of the network with these weights, for each row of `inputs`, shape (n, N_0).

    ∂ℓ/∂x_L is a random direction of length 1, one per input.  With `skip`, square layers are
    x_l = x_{l−1} + skip·φ(h_l).  The last layer is h_L itself unless `output_activation`.  Norms are carried as
    logarithms and vectors at length 1, so that no depth underflows.
    """
    phi = compile_activation(act)
    n, depth = len(inputs), len(layers)
    q, flat_share, log_before = (np.empty((n, depth)) for _ in range(3))
    dead = np.empty(depth)
    slopes: list[Array] = []
    x = inputs
    for k, layer in enumerate(layers):
        log_before[:, k] = _log_norm(x)
        with np.errstate(over="ignore", invalid="ignore"):
            h = x @ layer.weight.T + (0.0 if layer.bias is None else layer.bias)
            q[:, k] = np.mean(h**2, axis=1)
        if not np.isfinite(q[:, k]).all():
            raise InputError(f"signals that overflow at layer {k + 1}", "weights of usable size", "scale the inputs")
        value, slope = phi.both(h) if k < depth - 1 or output_activation else (h, np.ones_like(h))
        flat_share[:, k] = np.mean(np.abs(slope) <= flat, axis=1)
        dead[k] = np.mean((slope == 0).all(axis=0))
        branch = skip if skip and _is_square(layer) else None
        slopes.append(slope if branch is None else branch * slope)
        x = value if branch is None else x + branch * value
    log_delta = _backward(layers, slopes, skip, generator)
    return Signals(q, log_delta, log_delta + log_before, flat_share, dead)


def _backward(
    layers: Sequence[Layer], slopes: list[Array], skip: float | None, generator: np.random.Generator
) -> Array:
    n, depth = len(slopes[0]), len(layers)
    g = generator.standard_normal(slopes[-1].shape)
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    log_scale = np.zeros(n)  # the true gradient is e^{log_scale} g
    out = np.empty((n, depth))
    for k in range(depth - 1, -1, -1):
        delta = slopes[k] * g
        out[:, k] = log_scale + _log_norm(delta)
        g = delta @ layers[k].weight + (g if skip and _is_square(layers[k]) else 0.0)
        size = np.linalg.norm(g, axis=1, keepdims=True)
        g = np.divide(g, size, out=np.zeros_like(g), where=size > 0)
        with np.errstate(divide="ignore"):
            log_scale = log_scale + np.log(size[:, 0])
    return out


def input_vectors(data: ArrayLike | None, width: int, count: int, generator: np.random.Generator) -> Array:
    """Return the given inputs as floats of shape (n, width), or `count` uniform ones on the sphere ‖x_0‖² = width."""
    if data is None:
        x = generator.standard_normal((count, width))
        return x * (np.sqrt(width) / np.linalg.norm(x, axis=1, keepdims=True))
    x = np.asarray(data, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != width or len(x) == 0:
        raise InputError(f"inputs of shape {x.shape}", f"(n, {width})", "one row per input; flatten images")
    if not np.isfinite(x).all():
        raise InputError("inputs with NaN or infinities", "finite numbers", "clean the data")
    return x


def _is_square(layer: Layer) -> bool:
    return layer.weight.shape[0] == layer.weight.shape[1]


def _log_norm(rows: Array) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(np.linalg.norm(rows, axis=1))
