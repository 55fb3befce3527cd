"""Exact simulation of several inputs and several loss gradients at once: angles, lengths, tangent kernels.

Gaussian weights fold the bias in as one more coordinate of every input, x̃ = (x, σ_b/s); Haar weights add it.  The
forward pass keeps k × k numbers per layer (how the inputs combine out of orthonormal ones); the way back makes the
signals of a layer again from those and from the random numbers.  With M gradients, one for each input and each output,
the cost is O(N (k + M)²) per layer and the memory O(N (k + M) + L k²).
"""

import math
from typing import Any

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, entry, piece
from vgtheory.kernels.frames import (
    FRESH,
    combine,
    draw_frame,
    draw_rows,
    frame_back,
    inputs,
    lengths_of_vectors,
    log_gain,
    orthonormalise,
)
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs
from vgtheory.kernels.signals import BIAS, accumulate, carry, dot, log_norm, scaled

GAIN, ADDED, UNITS = range(3)  # numbers of a layer: of the matrix and of the bias, in units of e^UNITS


@piece
def cosines(out, rows, n):
    """Fill out with the cosines of the angles between the rows' first n numbers; NaN for a row of zeros."""
    for a in range(rows.shape[0]):
        out[a, a] = 1.0 / math.exp(log_norm(rows[a, :n]))
        for b in range(a):
            out[a, b] = dot(rows[a, :n], rows[b, :n]) * out[a, a] * out[b, b]
            out[b, a] = out[a, b]
    for a in range(rows.shape[0]):
        out[a, a] = 1.0 if out[a, a] < math.inf else math.nan


@piece
def _signals(row, draw, haar, fan_in, width, scales, factor, key, sample, layer, z, h, x, slope, spare):
    """Fill z, h, x = φ(h) and φ' of a layer from the factor of its inputs."""
    _, inner = lengths_of_vectors(haar, fan_in, width)
    draw_frame(draw, z, haar, inner, factor, key, sample, layer, spare)
    combine(h, factor, z, width, scales[GAIN])
    if haar and scales[ADDED] > 0.0:
        fill(draw, slope[0, :width], key, sample, layer, BIAS, 0)
        for a in range(h.shape[0]):
            accumulate(h[a, :width], slope[0, :width], scales[ADDED])
    for a in range(h.shape[0]):
        row(h[a, :width], x[a, :width], slope[a, :width])


@piece
def _upwards(row, draw, haar, widths, sigma_w, sigma_b, linear, key, sample, q, z, h, x, slope, factors, scales, spare,
             out):  # fmt: skip
    """Run one sample forward and fill its lengths and angles of signals and of pre-activations."""
    size, angle, length, correlation = out
    t = 0.0
    for k in range(sigma_w.size):
        fan_in, width = widths[k], widths[k + 1]
        n, inner = lengths_of_vectors(haar, fan_in, width)
        largest = -math.inf
        for a in range(x.shape[0]):
            size[k, a] = t + log_norm(x[a, :fan_in])
            largest = max(largest, size[k, a])
        cosines(angle[k], x, fan_in)
        gain = log_gain(haar, sigma_w[k], fan_in, width)
        new = carry(gain + largest - (0.5 * math.log(float(inner)) if haar else 0.0), sigma_b[k], linear[0], linear[1])
        scales[k, GAIN], scales[k, UNITS] = math.exp(gain + t - new), new
        scales[k, ADDED] = sigma_b[k] * math.exp(-new) if sigma_b[k] > 0.0 else 0.0
        inputs(q, x, haar, fan_in, n, scales[k, ADDED] / scales[k, GAIN])
        orthonormalise(q, n, factors[k], q, 0)
        _signals(
            row, draw, haar, fan_in, width, scales[k], factors[k], key, sample, k + 1, z, h, x, slope, spare
        )  # fmt: skip
        t = new
        cosines(correlation[k], h, width)
        for a in range(x.shape[0]):
            length[k, a] = 2.0 * (t + log_norm(h[a, :width])) - math.log(float(width))


@piece
def _downwards(row, draw, haar, widths, sigma_w, key, sample, outputs, q, z, below, h, x, slope, factors, scales, spare,
               gradients, out):  # fmt: skip
    """Fill the lengths and angles of the gradients; x, slope and z are those of the last layer."""
    log_gradient, cosine = out
    g, delta, fresh, mixing, along, square, logs = gradients
    depth, many = sigma_w.size, g.shape[0]
    last = widths[depth]
    draw_rows(draw, fresh, last, outputs, key, sample, depth + 1, FRESH)
    orthonormalise(fresh[:outputs], last, mixing[:outputs], fresh, 0)
    for j in range(many):
        scaled(g[j, :last], fresh[j % outputs, :last], 1.0)
        logs[j] = 0.0
    for k in range(depth - 1, -1, -1):
        fan_in, width = widths[k], widths[k + 1]
        n, inner = lengths_of_vectors(haar, fan_in, width)
        for j in range(many):
            a = j // outputs
            for i in range(width):
                delta[j, i] = slope[a, i] * g[j, i]
            for i in range(width, inner):
                delta[j, i] = 0.0
            size = log_norm(delta[j, :width])
            logs[j] += size
            log_gradient[k, j] = logs[j]
            if size > -math.inf:
                scaled(delta[j, :width], delta[j, :width], math.exp(-0.5 * size))
                scaled(delta[j, :width], delta[j, :width], math.exp(-0.5 * size))
        cosines(cosine[k], delta, width)
        if k == 0:
            return
        _signals(
            row, draw, haar, widths[k - 1], fan_in, scales[k - 1], factors[k - 1], key, sample, k, below, h, x, slope,
            spare,
        )  # fmt: skip
        inputs(q, x, haar, fan_in, n, scales[k, ADDED] / scales[k, GAIN])
        orthonormalise(q, n, spare, q, 0)
        frame_back(draw, g, delta, q, z, haar, inner, n, key, sample, k + 1, fresh, mixing, along, square)
        z, below = below, z
        for j in range(many):
            logs[j] += log_gain(haar, sigma_w[k], fan_in, width)


@entry(
    void(
        ROW_PASS, DRAW, boolean, int64[::1], float64[::1], float64[::1], boolean, boolean, uint64, int64,
        float64[:, ::1], int64, float64[:, :, ::1], float64[:, :, :, ::1], float64[:, :, ::1],
        float64[:, :, :, ::1], float64[:, :, ::1], float64[:, :, :, ::1],
    )
)  # fmt: skip
def _several_samples(
    row, draw, haar, widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, seed, first, start, outputs, size,
    angle, length, correlation, log_gradient, cosine,
):  # fmt: skip
    depth, k = sigma_w.size, start.shape[0]
    many = k * outputs
    most = 0
    for n in widths:
        most = max(most, n + 1)
    rows, wide = np.empty((6, k, most)), np.empty((3, many, most))
    q, z, below, h, x, slope = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    factors, scales = np.zeros((depth, k, k)), np.empty((depth, 3))
    spare = np.empty((k, k))
    gradients = (
        wide[0], wide[1], wide[2], np.empty((many, many)), np.empty((many, k)), np.empty((many, many)), np.empty(many)
    )  # fmt: skip
    linear = (linear_at_zero, linear_at_infinity)
    for i in range(size.shape[0]):
        for a in range(k):
            x[a, : widths[0]] = 0.0
            scaled(x[a, : start.shape[1]], start[a], math.sqrt(float(widths[0])))
        _upwards(
            row, draw, haar, widths, sigma_w, sigma_b, linear, seed, first + i, q, z, h, x, slope, factors, scales,
            spare, (size[i], angle[i], length[i], correlation[i]),
        )  # fmt: skip
        _downwards(
            row, draw, haar, widths, sigma_w, seed, first + i, outputs, q, z, below, h, x, slope, factors, scales,
            spare, gradients, (log_gradient[i], cosine[i]),
        )  # fmt: skip


def several_samples(
    row: Any,
    haar: bool,
    widths: NDArray[np.int64],
    sigma_w: NDArray[np.float64],
    sigma_b: NDArray[np.float64],
    linear_at_zero: bool,
    linear_at_infinity: bool,
    seed: np.uint64,
    first: int,
    start: NDArray[np.float64],
    outputs: int,
    count: int,
) -> dict[str, NDArray[np.float64]]:
    """Return lengths and angles of `count` samples from `first` on; the rest as in ``exact_samples``.

    `start` has a row of at most N_0 numbers for each of k inputs, x_0/√N_0 up to a rotation.  The loss gradients at x_L
    are `outputs` orthonormal directions, uniform, for every input; gradient j is of input j // outputs.  Arrays are
    (sample, layer, ...): "log_signal" ln‖x_{l−1}‖ and "signal_cosine" (a, b); "log_q" ln(‖h_l‖²/N_l) and "correlation"
    (a, b) of h_l; "log_gradient" ln‖∂f/∂h_l‖ (j) and "gradient_cosine" (i, j).  Scales σ_w are positive.
    """
    depth, k = len(sigma_w), len(start)
    many = k * outputs
    result = {
        "log_signal": np.empty((count, depth, k)),
        "signal_cosine": np.empty((count, depth, k, k)),
        "log_q": np.empty((count, depth, k)),
        "correlation": np.empty((count, depth, k, k)),
        "log_gradient": np.empty((count, depth, many)),
        "gradient_cosine": np.empty((count, depth, many, many)),
    }
    layers = (haar, widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity)
    _several_samples(row, fill_normal_pairs, *layers, seed, first, start, outputs, *result.values())
    return result
