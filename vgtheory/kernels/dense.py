"""Plain simulation with dense weights: O(N²) work per layer, each row made from its counters again where it is needed.

For weights that are not rotation-invariant, and as an independent path for those that are.  Haar matrices are products
of Householder reflections of Gaussian vectors (Stewart 1980), applied to vectors without being multiplied out.
"""

import math
from typing import Any

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, compiled, piece
from vgtheory.kernels.normals import DRAW, fill, fill_centred_pairs, fill_normal_pairs
from vgtheory.kernels.signals import BIAS, ROWS, SIGNAL, accumulate, carry, dot, haar_gain, scaled

# What entries are made of, at mean 0 and variance 1; Haar matrices from the normals that make their reflections.
LAWS = {"gaussian": fill_normal_pairs, "uniform": fill_centred_pairs, "orthogonal": fill_normal_pairs}


@piece
def _reflect(draw, vector, k, key, sample, layer, work, transposed):
    """Apply the k-th factor of a Haar matrix to the vector's entries from k on, in place."""
    tail = vector[k:]
    v = work[: tail.size]
    fill(draw, v, key, sample, layer, ROWS + k, 0)
    sign = 1.0 if v[0] >= 0.0 else -1.0
    if tail.size == 1:
        tail[0] *= sign
        return
    if not transposed:
        tail[0] *= -sign  # of the diagonal of R: without it the matrix would not be Haar (Mezzadri 2007)
    norm = math.sqrt(dot(v, v))
    v[0] += sign * norm
    accumulate(tail, v, -dot(v, tail) / (norm * abs(v[0])))
    if transposed:
        tail[0] *= -sign


# Copies are written as ``scaled(..., 1.0)``: an assignment of array slices carries a message about shapes, whose
# formatting takes seconds to compile.
@piece
def _multiply(draw, out, x, haar, key, sample, layer, work, padded):
    """Set out = W x for the layer's unit-variance rows (Haar: for its orthonormal frame)."""
    if haar:
        n = max(out.size, x.size)
        scaled(padded[: x.size], x, 1.0)
        padded[x.size : n] = 0.0
        for k in range(n - 1, -1, -1):
            _reflect(draw, padded[:n], k, key, sample, layer, work, False)
        scaled(out, padded[: out.size], 1.0)
        return
    row = work[: x.size]
    for i in range(out.size):
        fill(draw, row, key, sample, layer, ROWS + i, 0)
        out[i] = dot(row, x)


@piece
def _multiply_transposed(draw, out, delta, haar, key, sample, layer, work, padded):
    """Set out = Wᵀ δ for the same matrix."""
    if haar:
        n = max(out.size, delta.size)
        scaled(padded[: delta.size], delta, 1.0)
        padded[delta.size : n] = 0.0
        for k in range(n):
            _reflect(draw, padded[:n], k, key, sample, layer, work, True)
        scaled(out, padded[: out.size], 1.0)
        return
    row = work[: out.size]
    out[:] = 0.0
    for i in range(delta.size):
        fill(draw, row, key, sample, layer, ROWS + i, 0)
        accumulate(out, row, delta[i])


@piece
def _log_norm(vector):
    """Return ln‖vector‖; -inf for zeros, NaN if an element is NaN."""
    largest = total = 0.0
    for value in vector:
        largest = max(largest, abs(value))
        total += value
    if total != total:
        return math.nan
    if largest == 0.0 or largest == math.inf:
        return math.log(largest)
    total = 0.0
    for value in vector:
        total += (value / largest) ** 2
    return math.log(largest) + 0.5 * math.log(total)


@piece
def _gain(haar, sigma_w, fan_in, fan_out):
    return haar_gain(sigma_w, fan_in, fan_out) if haar else sigma_w / math.sqrt(float(fan_in))


@piece
def _network(
    row,
    draw,
    draw_bias,
    draw_normals,
    haar,
    widths,
    offsets,
    sigma_w,
    sigma_b,
    linear,
    key,
    sample,
    x,
    slope,
    work,
    out,
):
    """Run one sample; `out` holds its rows of the three results."""
    depth = sigma_w.size
    h, spare, padded, signal = work[0], work[1], work[2], work[3]
    signal[: widths[0]] = 1.0
    t = 0.0
    log_norm = 0.5 * math.log(float(widths[0]))
    for k in range(depth):
        fan_in, width = widths[k], widths[k + 1]
        gain = _gain(haar, sigma_w[k], fan_in, width)
        log_size = math.log(gain) + log_norm - (0.5 * math.log(float(width)) if haar else 0.0)
        new = carry(log_size, sigma_b[k], linear[0], linear[1])
        scaled(signal[:fan_in], signal[:fan_in], gain * math.exp(t - new))
        t = new
        _multiply(draw, h[:width], signal[:fan_in], haar, key, sample, k + 1, spare, padded)
        if sigma_b[k] > 0.0:
            fill(draw_bias, spare[:width], key, sample, k + 1, BIAS, 0)
            accumulate(h[:width], spare[:width], sigma_b[k] * math.exp(-t))
        begin, end = offsets[k], offsets[k + 1]
        row(h[:width], x[begin:end], slope[begin:end])
        scaled(signal[:width], x[begin:end], 1.0)
        out[1, k] = log_norm
        out[2, k] = dot(h[:width], h[:width]) / width * math.exp(2.0 * t)
        log_norm = t + _log_norm(x[begin:end])
    _backward(draw, draw_normals, haar, widths, offsets, sigma_w, key, sample, slope, work, out)


@piece
def _backward(draw, draw_normals, haar, widths, offsets, sigma_w, key, sample, slope, work, out):
    """Fill ln‖δ_l‖ and add it to ln‖x_{l−1}‖."""
    depth = sigma_w.size
    g, spare, padded, delta = work[0], work[1], work[2], work[3]
    fill(draw_normals, g[: widths[depth]], key, sample, depth + 1, SIGNAL, 0)
    log_scale = -_log_norm(g[: widths[depth]])
    for k in range(depth - 1, -1, -1):
        fan_in, width = widths[k], widths[k + 1]
        d = delta[:width]
        for i in range(width):
            d[i] = slope[offsets[k] + i] * g[i]
        size = _log_norm(d)
        log_scale += size
        out[0, k] = log_scale
        out[1, k] += log_scale
        if k > 0 and size != -math.inf:
            # In two steps, as the reciprocal of a subnormal norm is not finite.
            scaled(d, d, math.exp(-0.5 * size))
            scaled(d, d, math.exp(-0.5 * size))
            log_scale += math.log(_gain(haar, sigma_w[k], fan_in, width))
            _multiply_transposed(draw, g[:fan_in], d, haar, key, sample, k + 1, spare, padded)


@compiled(
    void(
        ROW_PASS, DRAW, DRAW, DRAW, boolean, int64[::1], float64[::1], float64[::1], boolean, boolean, uint64, int64,
        float64[:, ::1], float64[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def _dense_samples(
    row, draw, draw_bias, draw_normals, haar, widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, seed,
    first, gradient, weight, q,
):  # fmt: skip
    depth = sigma_w.size
    offsets = np.zeros(depth + 1, np.int64)
    most = widths[0]
    for k in range(depth):
        offsets[k + 1] = offsets[k] + widths[k + 1]
        most = max(most, widths[k + 1])
    x = np.empty(offsets[depth])
    slope = np.empty(offsets[depth])
    work = np.empty((4, most))
    out = np.empty((3, depth))
    for i in range(gradient.shape[0]):
        _network(
            row, draw, draw_bias, draw_normals, haar, widths, offsets, sigma_w, sigma_b,
            (linear_at_zero, linear_at_infinity), seed, first + i, x, slope, work, out,
        )  # fmt: skip
        scaled(gradient[i], out[0], 1.0)
        scaled(weight[i], out[1], 1.0)
        scaled(q[i], out[2], 1.0)


def dense_samples(
    row: Any,
    family: str,
    bias_family: str,
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

    `family` is "gaussian", "uniform" or "orthogonal", `bias_family` "gaussian" or "uniform".
    """
    layers = (widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity)
    laws = (LAWS[family], LAWS[bias_family], fill_normal_pairs)
    _dense_samples(row, *laws, family == "orthogonal", *layers, seed, first, gradient, weight, q)
