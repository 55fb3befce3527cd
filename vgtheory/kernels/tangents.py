"""Forward tangents, T_l = φ'(h_l) ∘ W_l T_{l−1}, of rotation-invariant networks: O(N) memory at any depth.

The matrix acts on the signal and on all tangents at once, as in ``frames``.  Tangents are made orthonormal in every
layer; the logarithms of what they had grown to, summed, give the leading Lyapunov exponents (Benettin, Galgani,
Giorgilli & Strelcyn 1980).
"""

import math
from typing import Any

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, entry, piece
from vgtheory.kernels.frames import (
    FRAME,
    combine,
    draw_frame,
    draw_rows,
    inputs,
    lengths_of_vectors,
    log_gain,
    orthonormalise,
)
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs
from vgtheory.kernels.signals import BIAS, accumulate, carry, dot, log_norm, scaled


@piece
def _start(draw, x, width, key, sample, spare):
    """Set the first row to an input uniform on the sphere ‖x_0‖² = N_0, and the others to orthonormal tangents."""
    draw_rows(draw, x, width, x.shape[0], key, sample, 0, FRAME)
    scaled(x[0, :width], x[0, :width], math.sqrt(width / dot(x[0, :width], x[0, :width])))
    orthonormalise(x[1:], width, spare[1:], x, 0)


@piece
def _layer(row, draw, haar, sigma_w, sigma_b, linear, key, sample, layer, x, q, z, slope, fan_in, width, t, factor,
           spare):  # fmt: skip
    """Replace signal and tangents by those of this layer, not normalised; return the units of the signal."""
    n, inner = lengths_of_vectors(haar, fan_in, width)
    gain = log_gain(haar, sigma_w, fan_in, width)
    log_size = gain + t + log_norm(x[0, :fan_in]) - (0.5 * math.log(float(inner)) if haar else 0.0)
    new = carry(log_size, sigma_b, linear[0], linear[1])
    real = math.exp(gain + t - new)
    bias = sigma_b * math.exp(-new) if sigma_b > 0.0 else 0.0
    inputs(q, x, haar, fan_in, n, 0.0)
    if not haar:
        q[0, fan_in] = bias / real
    orthonormalise(q, n, factor, q, 0)
    draw_frame(draw, z, haar, inner, factor, key, sample, layer, spare)
    combine(q, factor, z, width, 1.0)
    h = q[0, :width]
    scaled(h, h, real)
    if haar and bias > 0.0:
        fill(draw, slope[:width], key, sample, layer, BIAS, 0)
        accumulate(h, slope[:width], bias)
    row(h, x[0, :width], slope[:width])
    for j in range(1, x.shape[0]):
        for i in range(width):
            x[j, i] = slope[i] * q[j, i]
    return new


@entry(
    void(
        ROW_PASS, DRAW, boolean, int64[::1], float64[::1], float64[::1], int64, boolean, boolean, uint64, int64,
        int64,
        float64[:, :, ::1],
    )
)  # fmt: skip
def _tangent_samples(
    row, draw, haar, widths, sigma_w, sigma_b, depth, linear_at_zero, linear_at_infinity, seed, first, block, growth
):
    count = growth.shape[2] + 1
    most = 0
    for n in widths:
        most = max(most, n + 1)
    x, q, z = np.empty((count, most)), np.empty((count, most)), np.empty((count, most))
    slope, factor, spare = np.empty(most), np.empty((count, count)), np.empty((count, count))
    linear = (linear_at_zero, linear_at_infinity)
    for i in range(growth.shape[0]):
        growth[i] = 0.0
        _start(draw, x, widths[0], seed, first + i, spare)
        t = 0.0
        for k in range(depth):
            # Of what all layers share there is one number.
            fan_in, width = widths[min(k, widths.size - 1)], widths[min(k + 1, widths.size - 1)]
            w, b = sigma_w[min(k, sigma_w.size - 1)], sigma_b[min(k, sigma_b.size - 1)]
            t = _layer(
                row, draw, haar, w, b, linear, seed, first + i, k + 1, x, q, z, slope, fan_in, width, t, factor, spare
            )  # fmt: skip
            gain = log_gain(haar, w, fan_in, width)
            orthonormalise(x[1:], width, factor[1:], x, 0)
            for j in range(1, count):
                growth[i, k // block, j - 1] += gain + math.log(factor[j, j - 1])


def tangent_samples(
    row: Any,
    haar: bool,
    widths: NDArray[np.int64],
    sigma_w: NDArray[np.float64],
    sigma_b: NDArray[np.float64],
    depth: int,
    linear_at_zero: bool,
    linear_at_infinity: bool,
    seed: np.uint64,
    first: int,
    directions: int,
    block: int,
    count: int,
) -> NDArray[np.float64]:
    """Return the logarithms of the growth of `count` samples from `first` on, (sample, block of layers, direction).

    The sums over the blocks and the first j directions are ln of the volume that J spans of j uniform orthonormal
    tangents at x_0.  `block` is the number of layers of a block; the rest is as in ``exact_samples``, σ_w
    positive, and widths and scales may have length 1, for all layers.
    """
    growth = np.empty((count, -(-depth // block), directions))
    layers = (haar, widths, sigma_w, sigma_b, depth, linear_at_zero, linear_at_infinity)
    _tangent_samples(row, fill_normal_pairs, *layers, seed, first, block, growth)
    return growth
