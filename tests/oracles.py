"""Slow, independent answers: random networks with dense matrices in plain NumPy, nothing shared with the package."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def weight_matrices(
    family: str, samples: int, fan_out: int, fan_in: int, sigma_w: float, rng: np.random.Generator
) -> Array:
    """Return `samples` weight matrices whose entries have variance σ_w²/fan_in."""
    if family == "gaussian":
        return rng.normal(0.0, sigma_w / np.sqrt(fan_in), (samples, fan_out, fan_in))
    if family == "uniform":
        half_width = sigma_w * np.sqrt(3.0 / fan_in)
        return rng.uniform(-half_width, half_width, (samples, fan_out, fan_in))
    large, small = max(fan_in, fan_out), min(fan_in, fan_out)
    factor, triangle = np.linalg.qr(rng.standard_normal((samples, large, small)))
    signs = np.sign(np.diagonal(triangle, axis1=1, axis2=2))
    frame = factor * signs[:, None, :]  # orthonormal columns, Haar (Mezzadri 2007)
    gain = sigma_w * np.sqrt(large / fan_in)
    return gain * (frame if fan_out >= fan_in else frame.transpose(0, 2, 1))


def network_gradients(
    family: str,
    phi: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    widths: Sequence[int],
    sigma_w: float,
    sigma_b: float,
    samples: int,
    rng: np.random.Generator,
    bias_family: str = "gaussian",
    fresh_backward: bool = False,
) -> dict[str, Array]:
    """Return ln‖∂ℓ/∂h_l‖, ln‖∂ℓ/∂W_l‖_F and ‖h_l‖²/N_l, each samples × depth, by multiplying out.

    `fresh_backward` draws other weights for the way back: a wrong law on purpose, for tests of tests.
    """
    depth = len(widths) - 1
    x = np.ones((samples, widths[0]))
    inputs, weights, preactivations = [], [], []
    for fan_in, fan_out in pairwise(widths):
        w = weight_matrices(family, samples, fan_out, fan_in, sigma_w, rng)
        if bias_family == "gaussian":
            b = rng.normal(0.0, sigma_b, (samples, fan_out))
        else:
            b = rng.uniform(-sigma_b * np.sqrt(3.0), sigma_b * np.sqrt(3.0), (samples, fan_out))
        h = np.einsum("sij,sj->si", w, x) + b
        inputs.append(x)
        weights.append(w)
        preactivations.append(h)
        x = phi(h)
    g = rng.standard_normal((samples, widths[-1]))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    result = {name: np.empty((samples, depth)) for name in ("gradient", "weight", "q")}
    with np.errstate(divide="ignore"):
        for k in range(depth - 1, -1, -1):
            delta = slope(preactivations[k]) * g
            outer = delta[:, :, None] * inputs[k][:, None, :]
            result["gradient"][:, k] = np.log(np.linalg.norm(delta, axis=1))
            result["weight"][:, k] = np.log(np.sqrt(np.sum(outer**2, axis=(1, 2))))
            result["q"][:, k] = np.mean(preactivations[k] ** 2, axis=1)
            w = weights[k]
            if fresh_backward:
                w = weight_matrices(family, samples, widths[k + 1], widths[k], sigma_w, rng)
            g = np.einsum("sij,si->sj", w, delta)
    return result
