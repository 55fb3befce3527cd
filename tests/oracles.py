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
    aligned: bool = False,
    skip: float | None = None,
    second: float | None = None,
    before: str = "",
    after: str = "",
    rate: float = 0.0,
) -> dict[str, Array]:
    """Return ln‖∂ℓ/∂h_l‖, ln‖∂ℓ/∂W_l‖_F and ‖h_l‖²/N_l, each samples × depth, by multiplying out.

    `fresh_backward` draws other weights for the way back, and `aligned` takes what a gradient sees of W x for what it
    sees of that along h = W x + b (orthogonal weights): wrong laws on purpose, for tests of tests.  `skip` is the
    factor of a branch, `second` the σ of a matrix at its end, `before` and `after` ("layer", "rms") the normalisation
    around the activation, `rate` that of dropout.  Every branch's Jacobian is multiplied out as a matrix, and numbers
    that are rounding errors are 0, as they are where a normalised layer has one unit on.
    """
    depth = len(widths) - 1
    x = rng.standard_normal((samples, widths[0]))
    x *= np.sqrt(widths[0]) / np.linalg.norm(x, axis=1, keepdims=True)
    inputs, weights, preactivations, jacobians = [], [], [], []
    for fan_in, fan_out in pairwise(widths):
        w = weight_matrices(family, samples, fan_out, fan_in, sigma_w, rng)
        if bias_family == "gaussian":
            b = rng.normal(0.0, sigma_b, (samples, fan_out))
        else:
            b = rng.uniform(-sigma_b * np.sqrt(3.0), sigma_b * np.sqrt(3.0), (samples, fan_out))
        h = (w @ x[:, :, None])[:, :, 0] + b
        inputs.append(x)
        weights.append(w)
        preactivations.append(h)
        u, jacobian = normalised(h, before)
        jacobian = slope(u)[:, :, None] * jacobian
        y, outer = normalised(phi(u), after)
        jacobian = outer @ jacobian
        mask = (rng.random(y.shape) >= rate) / (1.0 - rate)
        y, jacobian = mask * y, mask[:, :, None] * jacobian
        if second is not None:
            w = weight_matrices("gaussian", samples, fan_out, fan_out, second, rng)
            y, jacobian = (w @ y[:, :, None])[:, :, 0], w @ jacobian
        x = y if skip is None else x + skip * y
        jacobians.append(jacobian if skip is None else skip * jacobian)
    g = rng.standard_normal((samples, widths[-1]))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    result = {name: np.empty((samples, depth)) for name in ("gradient", "weight", "q")}
    with np.errstate(divide="ignore"):
        for k in range(depth - 1, -1, -1):
            delta = (g[:, None, :] @ jacobians[k])[:, 0]
            outer = delta[:, :, None] * inputs[k][:, None, :]
            result["gradient"][:, k] = np.log(np.linalg.norm(delta, axis=1))
            result["weight"][:, k] = np.log(np.sqrt(np.sum(outer**2, axis=(1, 2))))
            result["q"][:, k] = np.mean(preactivations[k] ** 2, axis=1)
            w = weights[k]
            if fresh_backward:
                w = weight_matrices(family, samples, widths[k + 1], widths[k], sigma_w, rng)
            size = (abs(delta)[:, None, :] @ abs(w))[:, 0]
            below = (delta[:, None, :] @ w)[:, 0]
            if aligned:
                lengths = (np.linalg.norm(v, axis=1, keepdims=True) for v in (preactivations[k], inputs[k]))
                h, x = (v / np.maximum(n, 1e-300) for v, n in zip((preactivations[k], inputs[k]), lengths, strict=True))
                image = (w @ x[:, :, None])[:, :, 0]
                seen = np.sum(image * h, axis=1) * np.sum(h * delta, axis=1)
                true = np.sum(image * delta, axis=1)
                most = np.linalg.norm(w[0], 2) ** 2 * np.sum(delta**2, axis=1)
                with np.errstate(invalid="ignore"):  # 0/0 where no gradient is left
                    across = np.nan_to_num(np.sqrt((most - seen**2) / (most - true**2)))
                below = across[:, None] * (below - true[:, None] * x) + seen[:, None] * x
            g = np.where(abs(below) > 1e-14 * size, below, 0.0) + (0.0 if skip is None else g)
    return result


def normalised(v: Array, kind: str) -> tuple[Array, Array]:
    """Return layer ("layer") or RMS ("rms") normalisation of each row, or the row (""), and the Jacobian matrices."""
    size = v.shape[1]
    one = np.eye(size)
    centre = one - 1.0 / size if kind == "layer" else one
    if not kind:
        return v, np.broadcast_to(one, (len(v), size, size))
    centred = v @ centre
    deviation = np.sqrt(np.mean(centred**2, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(deviation[:, None] > 0, centred / deviation[:, None], 0.0)
        jacobian = centre - n[:, :, None] * n[:, None, :] / size
        jacobian = np.where(abs(jacobian) < 1e-13, 0.0, jacobian) / deviation[:, None, None]
    return n, np.where(deviation[:, None, None] > 0, jacobian, 0.0)


def several_gradients(
    family: str,
    phi: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    widths: Sequence[int],
    sigma_w: float,
    sigma_b: float,
    start: Array,
    outputs: int,
    samples: int,
    rng: np.random.Generator,
    fresh_backward: bool = False,
) -> dict[str, Array]:
    """Return lengths and angles of several inputs (rows of `start`, times √N_0) and of their loss gradients.

    Arrays (sample, layer, ...): log_signal and signal_cosine of x_{l−1}, log_q and correlation of h_l, log_gradient
    and gradient_cosine of ∂f/∂h_l; `outputs` orthonormal gradients at x_L, the same for all inputs, and the output
    runs fastest.
    """
    depth, k = len(widths) - 1, len(start)
    x = np.zeros((samples, k, widths[0]))
    x[:, :, : start.shape[1]] = np.sqrt(widths[0]) * start
    inputs, weights, slopes = [], [], []
    result: dict[str, list[Array]] = {name: [] for name in ("log_signal", "signal_cosine", "log_q", "correlation")}
    for fan_in, fan_out in pairwise(widths):
        w = weight_matrices(family, samples, fan_out, fan_in, sigma_w, rng)
        h = x @ w.transpose(0, 2, 1) + rng.normal(0.0, sigma_b, (samples, 1, fan_out))
        inputs.append(x)
        weights.append(w)
        for length, angle, rows, shift in (("log_signal", "signal_cosine", x, 0.0), ("log_q", "correlation", h, 1.0)):
            norms, angles = lengths_and_angles(rows)
            result[length].append(norms * (1 + shift) - shift * np.log(fan_out))
            result[angle].append(angles)
        slopes.append(slope(h))
        x = phi(h)
    frame = np.linalg.qr(rng.standard_normal((samples, widths[-1], outputs)))[0].transpose(0, 2, 1)
    g = np.broadcast_to(frame[:, None], (samples, k, outputs, widths[-1]))
    gradients, cosines = [], []
    for layer in range(depth - 1, -1, -1):
        delta = slopes[layer][:, :, None, :] * g
        norms, angles = lengths_and_angles(delta.reshape(samples, k * outputs, -1))
        gradients.insert(0, norms)
        cosines.insert(0, angles)
        w = weights[layer]
        if fresh_backward:
            w = weight_matrices(family, samples, widths[layer + 1], widths[layer], sigma_w, rng)
        g = delta @ w[:, None]
    return {name: np.stack(values, axis=1) for name, values in result.items()} | {
        "log_gradient": np.stack(gradients, axis=1),
        "gradient_cosine": np.stack(cosines, axis=1),
    }


def lengths_and_angles(rows: Array) -> tuple[Array, Array]:
    """Return ln of the rows' lengths and the cosines of the angles between them."""
    norms = np.linalg.norm(rows, axis=2)
    return np.log(norms), rows @ rows.transpose(0, 2, 1) / (norms[:, :, None] * norms[:, None, :])


def tangent_growth(
    family: str,
    phi: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    widths: Sequence[int],
    sigma_w: float,
    sigma_b: float,
    directions: int,
    samples: int,
    rng: np.random.Generator,
) -> Array:
    """Return ln of the growth of tangents per layer, (sample, layer, direction), by QR of products with matrices."""
    x = rng.standard_normal((samples, widths[0]))
    x *= np.sqrt(widths[0]) / np.linalg.norm(x, axis=1, keepdims=True)
    t = np.linalg.qr(rng.standard_normal((samples, widths[0], directions)))[0]
    growth = []
    for fan_in, fan_out in pairwise(widths):
        w = weight_matrices(family, samples, fan_out, fan_in, sigma_w, rng)
        h = (w @ x[:, :, None])[:, :, 0] + rng.normal(0.0, sigma_b, (samples, fan_out))
        x = phi(h)
        t, triangle = np.linalg.qr(slope(h)[:, :, None] * (w @ t))
        growth.append(np.log(abs(np.diagonal(triangle, axis1=1, axis2=2))))
    return np.stack(growth, axis=1)
