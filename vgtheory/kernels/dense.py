"""Plain simulation with dense weights: O(N²) work per layer, each row made from its counters again where it is needed.

For weights that are not rotation-invariant, and as an independent path for those that are.  Haar matrices are products
of Householder reflections of Gaussian vectors (Stewart 1980), applied to vectors without being multiplied out.
"""

import math

import numpy as np
from numba import boolean, float64, int64, uint64, void

from vgtheory.kernels._jit import ROW_PASS, compiled, elementwise
from vgtheory.kernels._vectors import prefer_wide_vectors
from vgtheory.kernels.normals import STEP, fill_normals, fill_uniforms
from vgtheory.kernels.signals import BIAS, ROWS, SIGNAL, accumulate, carry, dot, haar_gain, scaled

GAUSSIAN, UNIFORM, HAAR = 0, 1, 2


@elementwise
def _centred(out):
    """Turn numbers uniform on [0, 1) into ones of mean 0 and variance 1, symmetric to the last bit."""
    prefer_wide_vectors()
    for i in range(out.size):
        out[i] = (2.0 * out[i] - 1.0 + STEP) * 1.7320508075688772


@elementwise
def _fill(out, uniform, key, sample, layer, purpose):
    """Fill `out` with independent numbers of mean 0 and variance 1."""
    if uniform:
        fill_uniforms(out, key, sample, layer, purpose, 0)
        _centred(out)
    else:
        fill_normals(out, key, sample, layer, purpose, 0)


@elementwise
def _reflect(vector, k, key, sample, layer, work, transposed):
    """Apply the k-th factor of a Haar matrix to the vector's entries from k on, in place."""
    tail = vector[k:]
    v = work[: tail.size]
    fill_normals(v, key, sample, layer, ROWS + k, 0)
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


@elementwise
def _multiply(out, x, family, key, sample, layer, work, padded):
    """Set out = W x for the layer's unit-variance rows (Haar: for its orthonormal frame)."""
    if family == HAAR:
        n = max(out.size, x.size)
        padded[: x.size] = x
        padded[x.size : n] = 0.0
        for k in range(n - 1, -1, -1):
            _reflect(padded[:n], k, key, sample, layer, work, False)
        out[:] = padded[: out.size]
        return
    row = work[: x.size]
    for i in range(out.size):
        _fill(row, family == UNIFORM, key, sample, layer, ROWS + i)
        out[i] = dot(row, x)


@elementwise
def _multiply_transposed(out, delta, family, key, sample, layer, work, padded):
    """Set out = Wᵀ δ for the same matrix."""
    if family == HAAR:
        n = max(out.size, delta.size)
        padded[: delta.size] = delta
        padded[delta.size : n] = 0.0
        for k in range(n):
            _reflect(padded[:n], k, key, sample, layer, work, True)
        out[:] = padded[: out.size]
        return
    row = work[: out.size]
    out[:] = 0.0
    for i in range(delta.size):
        _fill(row, family == UNIFORM, key, sample, layer, ROWS + i)
        accumulate(out, row, delta[i])


@elementwise
def _log_norm(vector):
    """Return ln‖vector‖; -inf for zeros."""
    largest = 0.0
    for value in vector:
        largest = max(largest, abs(value))
    if largest == 0.0 or largest == math.inf:
        return math.log(largest)
    total = 0.0
    for value in vector:
        total += (value / largest) ** 2
    return math.log(largest) + 0.5 * math.log(total)


@elementwise
def _gain(family, sigma_w, fan_in, fan_out):
    return haar_gain(sigma_w, fan_in, fan_out) if family == HAAR else sigma_w / math.sqrt(float(fan_in))


@elementwise
def _network(row, family, uniform_bias, widths, offsets, sigma_w, sigma_b, linear, key, sample, x, slope, work, out):
    """Run one sample; `out` holds its rows of the three results."""
    depth = sigma_w.size
    h, spare, padded, signal = work[0], work[1], work[2], work[3]
    signal[: widths[0]] = 1.0
    t = 0.0
    log_norm = 0.5 * math.log(float(widths[0]))
    for k in range(depth):
        fan_in, width = widths[k], widths[k + 1]
        gain = _gain(family, sigma_w[k], fan_in, width)
        log_size = math.log(gain) + log_norm - (0.5 * math.log(float(width)) if family == HAAR else 0.0)
        new = carry(log_size, sigma_b[k], linear[0], linear[1])
        scaled(signal[:fan_in], signal[:fan_in], gain * math.exp(t - new))
        t = new
        _multiply(h[:width], signal[:fan_in], family, key, sample, k + 1, spare, padded)
        if sigma_b[k] > 0.0:
            _fill(spare[:width], uniform_bias, key, sample, k + 1, BIAS)
            accumulate(h[:width], spare[:width], sigma_b[k] * math.exp(-t))
        begin, end = offsets[k], offsets[k + 1]
        row(h[:width], x[begin:end], slope[begin:end])
        signal[:width] = x[begin:end]
        out[1, k] = log_norm
        out[2, k] = dot(h[:width], h[:width]) / width * math.exp(2.0 * t)
        log_norm = t + _log_norm(x[begin:end])
    _backward(family, widths, offsets, sigma_w, key, sample, slope, work, out)


@elementwise
def _backward(family, widths, offsets, sigma_w, key, sample, slope, work, out):
    """Fill ln‖δ_l‖ and add it to ln‖x_{l−1}‖."""
    depth = sigma_w.size
    g, spare, padded, delta = work[0], work[1], work[2], work[3]
    fill_normals(g[: widths[depth]], key, sample, depth + 1, SIGNAL, 0)
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
        if k > 0 and size > -math.inf:
            # In two steps, as the reciprocal of a subnormal norm is not finite.
            scaled(d, d, math.exp(-0.5 * size))
            scaled(d, d, math.exp(-0.5 * size))
            log_scale += math.log(_gain(family, sigma_w[k], fan_in, width))
            _multiply_transposed(g[:fan_in], d, family, key, sample, k + 1, spare, padded)


@compiled(
    void(
        ROW_PASS, int64, boolean, int64[::1], float64[::1], float64[::1], boolean, boolean, uint64, int64,
        float64[:, ::1], float64[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def dense_samples(
    row, family, uniform_bias, widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, seed, first,
    gradient, weight, q,
):  # fmt: skip
    """Fill row i of the results with sample `first` + i; arguments as in ``exact_samples``.

    `family` is GAUSSIAN, UNIFORM or HAAR; `uniform_bias` says whether biases are uniform instead of normal.
    """
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
            row, family, uniform_bias, widths, offsets, sigma_w, sigma_b, (linear_at_zero, linear_at_infinity),
            seed, first + i, x, slope, work, out,
        )  # fmt: skip
        gradient[i] = out[0]
        weight[i] = out[1]
        q[i] = out[2]
