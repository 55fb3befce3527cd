"""Plain simulation with the matrices themselves: O(N²) work per layer.

For weights that are not rotation-invariant, and as an independent path for those that are.
"""

import math
from typing import Any

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, compiled, piece
from vgtheory.kernels.entries import ENTRIES
from vgtheory.kernels.matrices import GIVEN, HAAR, MatrixLaw, multiply, multiply_transposed
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs
from vgtheory.kernels.signals import BIAS, SIGNAL, accumulate, carry, dot, haar_gain, log_norm, scaled


@piece
def _gain(kind, sigma_w, fan_in, fan_out):
    if kind == GIVEN:
        return 1.0
    return haar_gain(sigma_w, fan_in, fan_out) if kind == HAAR else sigma_w / math.sqrt(float(fan_in))


@piece
def _add_bias(h, kind, draw_bias, biases, begin, scale, key, sample, layer, work):
    """Add the bias to h, in units in which one of unit variance (given: the bias itself) has this scale."""
    if kind == GIVEN:
        accumulate(h, biases[begin : begin + h.size], scale)
    else:
        draw_bias(work[: h.size], biases, key, sample, layer, BIAS)
        accumulate(h, work[: h.size], scale)


@piece
def _forward(row, law, draw_bias, biases, shared, sizes, sigma_w, sigma_b, linear, key, sample, x, slope, work, out):
    """Run one sample upwards; `out` holds its rows of the three results."""
    widths, offsets, starts = sizes
    kind = law[0]
    h, spare, padded, signal = work[0], work[1], work[2], work[3]
    fill(law[1], signal[: widths[0]], key, sample, 0, SIGNAL, 0)
    size = 0.5 * math.log(float(widths[0]))
    scaled(signal[: widths[0]], signal[: widths[0]], math.exp(size - log_norm(signal[: widths[0]])))
    t = 0.0
    for k in range(sigma_w.size):
        fan_in, width = widths[k], widths[k + 1]
        layer = 1 if shared else k + 1
        gain = _gain(kind, sigma_w[k], fan_in, width)
        spread = math.log(sigma_w[k] / math.sqrt(float(fan_in))) if kind == GIVEN else math.log(gain)
        log_size = spread + size - (0.5 * math.log(float(width)) if kind == HAAR else 0.0)
        new = carry(log_size, sigma_b[k], linear[0], linear[1])
        scaled(signal[:fan_in], signal[:fan_in], gain * math.exp(t - new))
        t = new
        multiply(law, h[:width], signal[:fan_in], key, sample, layer, starts[k], spare, padded)
        begin, end = offsets[k], offsets[k + 1]
        if sigma_b[k] > 0.0:
            unit = math.exp(-t) if kind == GIVEN else sigma_b[k] * math.exp(-t)
            _add_bias(h[:width], kind, draw_bias, biases, begin, unit, key, sample, layer, spare)
        row(h[:width], x[begin:end], slope[begin:end])
        scaled(signal[:width], x[begin:end], 1.0)
        out[1, k] = size
        out[2, k] = dot(h[:width], h[:width]) / width * math.exp(2.0 * t)
        size = t + log_norm(x[begin:end])


@piece
def _backward(law, shared, sizes, sigma_w, key, sample, slope, work, out):
    """Fill ln‖δ_l‖ and add it to ln‖x_{l−1}‖."""
    widths, offsets, starts = sizes
    depth = sigma_w.size
    g, spare, padded, delta = work[0], work[1], work[2], work[3]
    fill(law[1], g[: widths[depth]], key, sample, depth + 1, SIGNAL, 0)
    log_scale = -log_norm(g[: widths[depth]])
    for k in range(depth - 1, -1, -1):
        fan_in, width = widths[k], widths[k + 1]
        d = delta[:width]
        for i in range(width):
            d[i] = slope[offsets[k] + i] * g[i]
        size = log_norm(d)
        log_scale += size
        out[0, k] = log_scale
        out[1, k] += log_scale
        if k > 0 and size != -math.inf:
            # In two steps, as the reciprocal of a subnormal norm is not finite.
            scaled(d, d, math.exp(-0.5 * size))
            scaled(d, d, math.exp(-0.5 * size))
            log_scale += math.log(_gain(law[0], sigma_w[k], fan_in, width))
            layer = 1 if shared else k + 1
            multiply_transposed(law, g[:fan_in], d, key, sample, layer, starts[k], spare, padded)


@compiled(
    void(
        ROW_PASS, DRAW, ENTRIES, ENTRIES, int64, float64[::1], float64[::1], boolean, int64[::1], float64[::1],
        float64[::1], boolean, boolean, uint64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def _dense_samples(
    row, draw, entries, draw_bias, kind, data, biases, shared, widths, sigma_w, sigma_b, linear_at_zero,
    linear_at_infinity, seed, first, gradient, weight, q,
):  # fmt: skip
    depth = sigma_w.size
    offsets, starts = np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.int64)
    most = widths[0]
    for k in range(depth):
        offsets[k + 1] = offsets[k] + widths[k + 1]
        starts[k + 1] = starts[k] + widths[k] * widths[k + 1]
        most = max(most, widths[k + 1])
    x = np.empty(offsets[depth])
    slope = np.empty(offsets[depth])
    work = np.empty((4, most))
    out = np.empty((3, depth))
    law, sizes = (kind, draw, entries, data), (widths, offsets, starts)
    for i in range(gradient.shape[0]):
        _forward(
            row, law, draw_bias, biases, shared, sizes, sigma_w, sigma_b, (linear_at_zero, linear_at_infinity), seed,
            first + i, x, slope, work, out,
        )  # fmt: skip
        _backward(law, shared, sizes, sigma_w, seed, first + i, slope, work, out)
        scaled(gradient[i], out[0], 1.0)
        scaled(weight[i], out[1], 1.0)
        scaled(q[i], out[2], 1.0)


def dense_samples(
    row: Any,
    law: MatrixLaw,
    widths: NDArray[np.int64],
    sigma_w: NDArray[np.float64],
    sigma_b: NDArray[np.float64],
    linear_at_zero: bool,
    linear_at_infinity: bool,
    seed: np.uint64,
    first: int,
    gradient: NDArray[np.float64],
    weight: NDArray[np.float64],
    q: NDArray[np.float64],
) -> None:
    """Fill row i of the results with sample `first` + i; arguments as in ``exact_samples``.

    The input x_0 is uniform on the sphere ‖x_0‖² = N_0.  Of given matrices sigma_w and sigma_b are the root mean
    squares that their entries say, σ_w² = N_{l−1}·mean (W_l)_ij².
    """
    _dense_samples(
        row, fill_normal_pairs, law.entries, law.bias_entries, law.kind, law.data, law.biases, law.shared, widths,
        sigma_w, sigma_b, linear_at_zero, linear_at_infinity, seed, first, gradient, weight, q,
    )  # fmt: skip
