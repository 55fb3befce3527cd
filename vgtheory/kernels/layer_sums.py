"""One layer of the exact simulation: its normals, h, φ(h) and φ'(h), and the sums that are its record.

In single precision normals, φ, φ' and their products are float32, twice the lanes; sums and everything that is made of
them stay float64.  Where a block of a layer leaves float32 - signals too small or too large, arguments beyond what a
row pass over float32 takes - the layer is summed again from the same normals in double arithmetic.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float32

from vgtheory.kernels._jit import called, compiled, piece, reduction
from vgtheory.kernels._numba_internals import prefer_wide_vectors
from vgtheory.kernels.normals import fill
from vgtheory.kernels.signals import (
    BIAS,
    BLOCK,
    REST_BACKWARD,
    REST_FORWARD,
    SIGNAL,
    carry,
    combined,
    dot,
    scaled,
    square_sum,
)

# One row of numbers per layer.  Sums over its elements, with u = φ'ξ and v = φ'x:
UU, UV, VV, ZU, ZV, X_XI, XX, XI_XI, HH, ZZ = range(10)
# and scalars: h = SIZE·z (+ b) in units of e^LOG_SCALE; the parts of ‖Z‖² and ‖Ξ‖² outside a rectangular Haar block.
SIZE, LOG_SCALE, REST_Z, REST_XI = range(10, 14)
RECORD = 14
# Sums of squares of a layer between which float32 has room on both sides for all its elements but negligible ones.
LEAST, MOST = 1e-40, 1e40
# Sizes of signals beyond which they are carried with a scale, in single precision.
SINGLE_SMALL, SINGLE_LARGE = 1e-15, 1e15
# A square of a gradient below which slopes have underflown.
UNDERFLOWN, SINGLE_UNDERFLOWN = 1e-250, 1e-60


@reduction
def _reduce(record, z, xi, h, x, slope):
    """Add a block's sums to the record."""
    prefer_wide_vectors()
    uu = uv = vv = zu = zv = x_xi = xx = xi_xi = hh = 0.0
    for i in range(z.size):
        a, b, c, d = np.float64(z[i]), np.float64(xi[i]), np.float64(h[i]), np.float64(x[i])
        u, v = np.float64(slope[i] * xi[i]), np.float64(slope[i] * x[i])
        uu += u * u
        uv += u * v
        vv += v * v
        zu += a * u
        zv += a * v
        x_xi += d * b
        xx += d * d
        xi_xi += b * b
        hh += c * c
    record[UU] += uu
    record[UV] += uv
    record[VV] += vv
    record[ZU] += zu
    record[ZV] += zv
    record[X_XI] += x_xi
    record[XX] += xx
    record[XI_XI] += xi_xi
    record[HH] += hh


class Net(NamedTuple):
    """The network; `log_s` is ln of the weights' standard deviations, or of the gains of Haar matrices.

    `single_row` is the row pass over float32, of use in single precision only, and `sums` one of the two functions
    below; beyond `small` and `large` a signal is carried with a scale where φ is linear, and a square of a gradient
    below `underflown` has lost what its slopes were.
    """

    row: Any
    single_row: Any
    draw: Any
    sums: Any
    small: float
    large: float
    underflown: float
    haar: bool
    widths: Any
    sigma_w: Any
    log_s: Any
    sigma_b: Any
    linear_at_zero: bool
    linear_at_infinity: bool


class Scratch(NamedTuple):
    """Records of a segment's layers and one more, blocks, whole layers (Haar); the flag that ends the work.

    Normals are drawn to `drawn` and `whole`; in double precision `drawn` is `work`.
    """

    records: Any
    work: Any
    drawn: Any
    whole: Any
    stop: Any


@piece
def forward(net, place, log_input, record, scratch):
    """Draw one layer from ln‖x_{l−1}‖: its sums and its scale go to the record."""
    fan_in, width = net.widths[place.layer - 1], net.widths[place.layer]
    log_s, sigma_b = net.log_s[place.layer - 1], net.sigma_b[place.layer - 1]
    record[:] = 0.0
    z, xi = scratch.whole[0, :width], scratch.whole[1, :width]
    if net.haar:
        net.draw(z, xi, place.key, place.sample, place.layer, SIGNAL, 0)
        record[ZZ] = dot(z, z)
        record[REST_Z] = _rest(net, place, fan_in - width, REST_FORWARD, scratch)
        record[REST_XI] = _rest(net, place, width - fan_in, REST_BACKWARD, scratch)
        norm = math.sqrt(record[ZZ] + record[REST_Z])
        log_size = log_s + log_input - math.log(norm)
        bias = sigma_b
    else:
        log_size = log_s + log_input
        if sigma_b > 0.0:
            larger = max(log_size, math.log(sigma_b))
            log_size = larger + 0.5 * math.log(
                math.exp(2.0 * (log_size - larger)) + math.exp(2.0 * (math.log(sigma_b) - larger))
            )
        bias = 0.0
    t = carry(log_size, bias, net.linear_at_zero, net.linear_at_infinity, net.small, net.large)
    record[LOG_SCALE] = t
    record[SIZE] = math.exp(log_size - t)
    net.sums(net, place, bias, record, scratch)


@piece
def _rest(net, place, count, purpose, scratch):
    """Return the sum of `count` squared normals, the part of a rectangular Haar block that is not seen."""
    return square_sum(net.draw, count, place.key, place.sample, place.layer, purpose, scratch.drawn[0])


@piece
def _normals(net, place, start, n, scratch):
    """Return z and ξ of elements start..start + n − 1."""
    z, xi = scratch.drawn[0, :n], scratch.drawn[1, :n]
    if net.haar:
        z, xi = scratch.whole[0, start : start + n], scratch.whole[1, start : start + n]
    else:
        net.draw(z, xi, place.key, place.sample, place.layer, SIGNAL, start)
    return z, xi


@piece
def elements(net, place, start, n, bias, record, scratch):
    """Return z, ξ, h, φ(h), φ'(h) of elements start..start + n − 1 (h and φ in units of e^LOG_SCALE), in double."""
    z, xi = _normals(net, place, start, n, scratch)
    h, x, slope = scratch.work[2, :n], scratch.work[3, :n], scratch.work[4, :n]
    if bias > 0.0:
        biases = scratch.drawn[4, :n]
        fill(net.draw, biases, place.key, place.sample, place.layer, BIAS, start)
        combined(h, z, record[SIZE], biases, bias * math.exp(-record[LOG_SCALE]))
    else:
        scaled(h, z, record[SIZE])
    net.row(h, x, slope)
    return z, xi, h, x, slope


@piece
def sums_in_double(net, place, bias, record, scratch):
    """Add a layer's sums to its record."""
    width = net.widths[place.layer]
    for start in range(0, width, BLOCK):
        n = min(BLOCK, width - start)
        z, xi, h, x, slope = elements(net, place, start, n, bias, record, scratch)
        _reduce(record, z, xi, h, x, slope)


@called
def _scaled_single(out, z, alpha, biases, beta):
    """Set out = αz (+ β·bias where β is not 0), as if the doubles α and β were not rounded to float32."""
    prefer_wide_vectors()
    a, b = np.float32(alpha), np.float32(beta)
    rest_a, rest_b = np.float32(alpha - a), np.float32(beta - b)
    if beta > 0.0:
        for i in range(out.size):
            out[i] = (z[i] * rest_a + biases[i] * rest_b) + biases[i] * b + z[i] * a
    else:
        for i in range(out.size):
            out[i] = z[i] * rest_a + z[i] * a


@piece
def _single_block(net, place, start, n, bias, record, scratch):
    """Add a block's sums to the record; return whether there were arguments that are too large for float32."""
    drawn = scratch.drawn
    z, xi = _normals(net, place, start, n, scratch)
    h, x, slope = drawn[2, :n], drawn[3, :n], drawn[4, :n]
    if bias > 0.0:
        fill(net.draw, slope, place.key, place.sample, place.layer, BIAS, start)
    _scaled_single(h, z, record[SIZE], slope, bias * math.exp(-record[LOG_SCALE]))
    if net.single_row(h, x, slope):
        return True
    _reduce(record, z, xi, h, x, slope)
    return False


@compiled(boolean(float32[::1], float32[::1], float32[::1]))
def too_large(h, value, slope):
    """Stand for the row pass over float32 of an activation that has none: every argument is too large for it."""
    return True


@piece
def sums_in_single(net, place, bias, record, scratch):
    """Add a layer's sums to its record: of float32 numbers where they suffice, else in double."""
    width = net.widths[place.layer]
    beyond = False
    for start in range(0, width, BLOCK):
        beyond = _single_block(net, place, start, min(BLOCK, width - start), bias, record, scratch)
        if beyond:
            break
    if beyond or not (LEAST < record[XX] < MOST and LEAST < record[HH] < MOST and record[UU] + record[VV] < math.inf):
        record[:ZZ] = 0.0
        sums_in_double(net, place, bias, record, scratch)
