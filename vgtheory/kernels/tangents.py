"""Forward tangents, T_l = φ'(h_l) ∘ W_l T_{l−1}, of rotation-invariant networks: O(N) memory at any depth.

The matrix acts on the signal and on all tangents at once, as in ``frames``.  Tangents are made orthonormal in every
layer; the logarithms of what they had grown to, summed, give the leading Lyapunov exponents (Benettin, Galgani,
Giorgilli & Strelcyn 1980).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, entry, piece
from vgtheory.kernels.arguments import Activation, Layers, Place, Samples
from vgtheory.kernels.frames import (
    FRAME,
    combine,
    draw_frame,
    draw_rows,
    inputs,
    log_gain,
    matrix_of,
    orthonormalise,
)
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs
from vgtheory.kernels.signals import BIAS, accumulate, carry, dot, log_norm, scaled


class Net(NamedTuple):
    """What all layers share."""

    row: Any
    draw: Any
    haar: bool
    linear_at_zero: bool
    linear_at_infinity: bool


class Layer(NamedTuple):
    """One layer's shape and scales."""

    fan_in: int
    width: int
    sigma_w: float
    sigma_b: float


class Rows(NamedTuple):
    """The signal and the tangents, row by row, before and after the matrix; scratch."""

    x: Any
    q: Any
    z: Any
    slope: Any
    factor: Any
    spare: Any


@piece
def _start(net, origin, rows, width):
    """Set the first row to an input uniform on the sphere ‖x_0‖² = N_0, and the others to orthonormal tangents."""
    x = rows.x
    draw_rows(net.draw, x, width, x.shape[0], origin, FRAME)
    scaled(x[0, :width], x[0, :width], math.sqrt(width / dot(x[0, :width], x[0, :width])))
    orthonormalise(x[1:], width, rows.spare[1:], x, 0)


@piece
def _layer(net, place, layer, rows, t):
    """Replace signal and tangents by those of this layer, not normalised; return the units of the signal."""
    x, q, z, slope, factor = rows.x, rows.q, rows.z, rows.slope, rows.factor
    haar, fan_in, width, sigma_b = net.haar, layer.fan_in, layer.width, layer.sigma_b
    matrix = matrix_of(net.draw, haar, fan_in, width)
    gain = log_gain(haar, layer.sigma_w, fan_in, width)
    log_size = gain + t + log_norm(x[0, :fan_in]) - (0.5 * math.log(float(matrix.inner)) if haar else 0.0)
    new = carry(log_size, sigma_b, net.linear_at_zero, net.linear_at_infinity)
    real = math.exp(gain + t - new)
    bias = sigma_b * math.exp(-new) if sigma_b > 0.0 else 0.0
    inputs(q, x, haar, fan_in, matrix.n, 0.0)
    if not haar:
        q[0, fan_in] = bias / real
    orthonormalise(q, matrix.n, factor, q, 0)
    draw_frame(matrix, z, factor, place, rows.spare)
    combine(q, factor, z, width, 1.0)
    h = q[0, :width]
    scaled(h, h, real)
    if haar and bias > 0.0:
        fill(net.draw, slope[:width], place.key, place.sample, place.layer, BIAS, 0)
        accumulate(h, slope[:width], bias)
    net.row(h, x[0, :width], slope[:width])
    for j in range(1, x.shape[0]):
        for i in range(width):
            x[j, i] = slope[i] * q[j, i]
    return new


@entry(
    void(
        ROW_PASS, DRAW, boolean, int64[::1], float64[::1], float64[::1], int64, boolean, boolean, uint64, int64,
        int64[::1], int64, float64[:, :, ::1],
    )
)  # fmt: skip
def _tangent_samples(
    row, draw, haar, widths, sigma_w, sigma_b, depth, linear_at_zero, linear_at_infinity, seed, first, stop, block,
    growth,
):  # fmt: skip
    count = growth.shape[2] + 1
    most = 0
    for n in widths:
        most = max(most, n + 1)
    net = Net(row, draw, haar, linear_at_zero, linear_at_infinity)
    rows = Rows(
        np.empty((count, most)), np.empty((count, most)), np.empty((count, most)), np.empty(most),
        np.empty((count, count)), np.empty((count, count)),
    )  # fmt: skip
    x, factor = rows.x, rows.factor
    for i in range(growth.shape[0]):
        growth[i] = 0.0
        _start(net, Place(seed, first + i, np.int64(0)), rows, widths[0])
        t = 0.0
        for k in range(depth):
            if stop[0] != 0:
                return
            # Of what all layers share there is one number.
            fan_in, width = widths[min(k, widths.size - 1)], widths[min(k + 1, widths.size - 1)]
            w, b = sigma_w[min(k, sigma_w.size - 1)], sigma_b[min(k, sigma_b.size - 1)]
            t = _layer(net, Place(seed, first + i, k + 1), Layer(fan_in, width, w, b), rows, t)
            gain = log_gain(haar, w, fan_in, width)
            orthonormalise(x[1:], width, factor[1:], x, 0)
            for j in range(1, count):
                growth[i, k // block, j - 1] += gain + math.log(factor[j, j - 1])


def tangent_samples(
    activation: Activation,
    haar: bool,
    layers: Layers,
    depth: int,
    samples: Samples,
    block: int,
    growth: NDArray[np.float64],
) -> None:
    """Fill the logarithms of the growth of samples, (sample, block of layers, direction).

    The sums over the blocks and the first j directions are ln of the volume that J spans of j uniform orthonormal
    tangents at x_0.  `block` is the number of layers of a block; σ_w are positive, and widths and scales may have
    length 1, for all layers.
    """
    row, *linear = activation
    _tangent_samples(row, fill_normal_pairs, haar, *layers, depth, *linear, *samples, block, growth)
