"""Exact simulation of several inputs and several loss gradients at once: angles, lengths, tangent kernels.

Gaussian weights fold the bias in as one more coordinate of every input, x̃ = (x, σ_b/s); Haar weights add it.  The
forward pass keeps k × k numbers per layer (how the inputs combine out of orthonormal ones); the way back makes the
signals of a layer again from those and from the random numbers.  With M gradients, one for each input and each output,
the cost is O(N (k + M)²) per layer and the memory O(N (k + M) + L k²).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, entry, piece
from vgtheory.kernels.arguments import Activation, Layers, Place, Samples
from vgtheory.kernels.frames import (
    FRESH,
    Gradients,
    combine,
    draw_frame,
    draw_rows,
    frame_back,
    inputs,
    log_gain,
    matrix_of,
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


class Net(NamedTuple):
    """The network."""

    row: Any
    draw: Any
    haar: bool
    widths: Any
    sigma_w: Any
    sigma_b: Any
    linear_at_zero: bool
    linear_at_infinity: bool
    stop: Any


class Rows(NamedTuple):
    """Vectors of one layer, a row per input; factors and scales of every layer."""

    q: Any
    z: Any
    below: Any
    h: Any
    x: Any
    slope: Any
    factors: Any
    scales: Any
    spare: Any


class Found(NamedTuple):
    """What is filled: ln‖x_{l−1}‖ and cosines of signals, ln q_l and cosines of h_l, the same of gradients."""

    size: Any
    angle: Any
    length: Any
    correlation: Any
    log_gradient: Any
    cosine: Any


@piece
def _matrix(net, k):
    return matrix_of(net.draw, net.haar, net.widths[k], net.widths[k + 1])


@piece
def _signals(net, place, rows, z):
    """Fill z, h, x = φ(h) and φ' of a layer from the factor of its inputs."""
    h, x, slope, scales = rows.h, rows.x, rows.slope, rows.scales[place.layer - 1]
    factor, width = rows.factors[place.layer - 1], net.widths[place.layer]
    draw_frame(_matrix(net, place.layer - 1), z, factor, place, rows.spare)
    combine(h, factor, z, width, scales[GAIN])
    if net.haar and scales[ADDED] > 0.0:
        fill(net.draw, slope[0, :width], place.key, place.sample, place.layer, BIAS, 0)
        for a in range(h.shape[0]):
            accumulate(h[a, :width], slope[0, :width], scales[ADDED])
    for a in range(h.shape[0]):
        net.row(h[a, :width], x[a, :width], slope[a, :width])


@piece
def _upwards(net, origin, rows, found):
    """Run one sample forward and fill its lengths and angles of signals and of pre-activations."""
    x, scales = rows.x, rows.scales
    t = 0.0
    for k in range(net.sigma_w.size):
        if net.stop[0] != 0:
            return
        fan_in, width, sigma_b = net.widths[k], net.widths[k + 1], net.sigma_b[k]
        matrix = _matrix(net, k)
        largest = -math.inf
        for a in range(x.shape[0]):
            found.size[k, a] = t + log_norm(x[a, :fan_in])
            largest = max(largest, found.size[k, a])
        cosines(found.angle[k], x, fan_in)
        gain = log_gain(net.haar, net.sigma_w[k], fan_in, width)
        spread = gain + largest - (0.5 * math.log(float(matrix.inner)) if net.haar else 0.0)
        new = carry(spread, sigma_b, net.linear_at_zero, net.linear_at_infinity)
        scales[k, GAIN], scales[k, UNITS] = math.exp(gain + t - new), new
        scales[k, ADDED] = sigma_b * math.exp(-new) if sigma_b > 0.0 else 0.0
        inputs(rows.q, x, net.haar, fan_in, matrix.n, scales[k, ADDED] / scales[k, GAIN])
        orthonormalise(rows.q, matrix.n, rows.factors[k], rows.q, 0)
        _signals(net, Place(origin.key, origin.sample, k + 1), rows, rows.z)
        t = new
        cosines(found.correlation[k], rows.h, width)
        for a in range(x.shape[0]):
            found.length[k, a] = 2.0 * (t + log_norm(rows.h[a, :width])) - math.log(float(width))


@piece
def _downwards(net, origin, outputs, rows, gradients, logs, found):
    """Fill the lengths and angles of the gradients; x, slope and z are those of the last layer."""
    g, delta, fresh, mixing = gradients.g, gradients.delta, gradients.fresh, gradients.mixing
    x, slope, q, z, below = rows.x, rows.slope, rows.q, rows.z, rows.below
    depth, many = net.sigma_w.size, g.shape[0]
    last = net.widths[depth]
    draw_rows(net.draw, fresh, last, outputs, Place(origin.key, origin.sample, depth + 1), FRESH)
    orthonormalise(fresh[:outputs], last, mixing[:outputs], fresh, 0)
    for j in range(many):
        scaled(g[j, :last], fresh[j % outputs, :last], 1.0)
        logs[j] = 0.0
    for k in range(depth - 1, -1, -1):
        if net.stop[0] != 0:
            return
        fan_in, width = net.widths[k], net.widths[k + 1]
        matrix = _matrix(net, k)
        for j in range(many):
            a = j // outputs
            for i in range(width):
                delta[j, i] = slope[a, i] * g[j, i]
            for i in range(width, matrix.inner):
                delta[j, i] = 0.0
            size = log_norm(delta[j, :width])
            logs[j] += size
            found.log_gradient[k, j] = logs[j]
            if size > -math.inf:
                scaled(delta[j, :width], delta[j, :width], math.exp(-0.5 * size))
                scaled(delta[j, :width], delta[j, :width], math.exp(-0.5 * size))
        cosines(found.cosine[k], delta, width)
        if k == 0:
            return
        _signals(net, Place(origin.key, origin.sample, k), rows, below)
        inputs(q, x, net.haar, fan_in, matrix.n, rows.scales[k, ADDED] / rows.scales[k, GAIN])
        orthonormalise(q, matrix.n, rows.spare, q, 0)
        frame_back(matrix, gradients, q, z, Place(origin.key, origin.sample, k + 1))
        z, below = below, z
        for j in range(many):
            logs[j] += log_gain(net.haar, net.sigma_w[k], fan_in, width)


@entry(
    void(
        ROW_PASS, DRAW, boolean, int64[::1], float64[::1], float64[::1], boolean, boolean, uint64, int64, int64[::1],
        float64[:, ::1], int64, float64[:, :, ::1], float64[:, :, :, ::1], float64[:, :, ::1],
        float64[:, :, :, ::1], float64[:, :, ::1], float64[:, :, :, ::1],
    )
)  # fmt: skip
def _angle_samples(
    row, draw, haar, widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, seed, first, stop, start, outputs,
    size, angle, length, correlation, log_gradient, cosine,
):  # fmt: skip
    depth, k = sigma_w.size, start.shape[0]
    many = k * outputs
    most = 0
    for n in widths:
        most = max(most, n + 1)
    net = Net(row, draw, haar, widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, stop)
    of_input, wide = np.empty((6, k, most)), np.empty((3, many, most))
    x = of_input[4]
    rows = Rows(
        of_input[0], of_input[1], of_input[2], of_input[3], x, of_input[5], np.zeros((depth, k, k)),
        np.empty((depth, 3)), np.empty((k, k)),
    )  # fmt: skip
    gradients = Gradients(
        wide[0], wide[1], wide[2], np.empty((many, many)), np.empty((many, k)), np.empty((many, many))
    )
    logs = np.empty(many)
    for i in range(size.shape[0]):
        for a in range(k):
            x[a, : widths[0]] = 0.0
            scaled(x[a, : start.shape[1]], start[a], math.sqrt(float(widths[0])))
        found = Found(size[i], angle[i], length[i], correlation[i], log_gradient[i], cosine[i])
        origin = Place(seed, first + i, i)
        _upwards(net, origin, rows, found)
        _downwards(net, origin, outputs, rows, gradients, logs, found)


def angle_samples(
    activation: Activation,
    haar: bool,
    layers: Layers,
    samples: Samples,
    start: NDArray[np.float64],
    outputs: int,
    count: int,
) -> dict[str, NDArray[np.float64]]:
    """Return lengths and angles of `count` samples.

    `start` has a row of at most N_0 numbers for each of k inputs, x_0/√N_0 up to a rotation.  The loss gradients at x_L
    are `outputs` orthonormal directions, uniform, for every input; gradient j is of input j // outputs.  Arrays are
    (sample, layer, ...): "log_signal" ln‖x_{l−1}‖ and "signal_cosine" (a, b); "log_q" ln(‖h_l‖²/N_l) and "correlation"
    (a, b) of h_l; "log_gradient" ln‖∂f/∂h_l‖ (j) and "gradient_cosine" (i, j).  Scales σ_w are positive.
    """
    depth, k = len(layers.sigma_w), len(start)
    many = k * outputs
    result = {
        "log_signal": np.empty((count, depth, k)),
        "signal_cosine": np.empty((count, depth, k, k)),
        "log_q": np.empty((count, depth, k)),
        "correlation": np.empty((count, depth, k, k)),
        "log_gradient": np.empty((count, depth, many)),
        "gradient_cosine": np.empty((count, depth, many, many)),
    }
    row, *linear = activation
    _angle_samples(row, fill_normal_pairs, haar, *layers, *linear, *samples, start, outputs, *result.values())
    return result
