"""One layer of the exact simulation: its normals, h, φ(h) and φ'(h), and the sums that are its record.

In single precision normals, φ, φ' and their products are float32, twice the lanes; sums and everything that is made of
them stay float64.  Where a block of a layer leaves float32 - signals too small or too large, arguments beyond what a
row pass over float32 takes - the layer is summed again from the same normals in double arithmetic.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float32

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import compiled, lent, lent_call, reduction
from vgtheory.kernels.normals import box_muller, philox
from vgtheory.kernels.signals import (
    BIAS,
    BIAS_ACROSS,
    BIAS_SEEN,
    BLOCK,
    REST_BACKWARD,
    REST_FORWARD,
    SIGNAL,
    carry,
    dot,
    scaled,
)

# One row of numbers per layer.  Sums over its elements, with u = φ'ξ and v = φ'x:
UU, UV, VV, ZU, ZV, X_XI, XX, XI_XI, HH, ZZ = range(10)
# and scalars: h = SIZE·z in units of e^LOG_SCALE; of a Haar matrix the parts of w = V x̂ along and across ĥ = h/‖h‖
# (with w·δ = ALONG ĥ·δ + ACROSS (‖δ‖² − (ĥ·δ)²)^½), and the part of ‖Ξ‖² outside a rectangular block.
SIZE, LOG_SCALE, ALONG, ACROSS, REST_XI = range(10, 15)
RECORD = 15
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

    `single_row` is the row pass over float32, of use in single precision only, `chi_square` of use for Haar matrices
    only, and `sums` one of the two functions below; beyond `small` and `large` a signal is carried with a scale where
    φ is linear, and a square of a gradient below `underflown` has lost what its slopes were.
    """

    row: Any
    single_row: Any
    draw: Any
    chi_square: Any
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


@lent
def forward(net, place, log_input, record, scratch):
    """Draw one layer from ln‖x_{l−1}‖: its sums and its scale go to the record."""
    log_s, sigma_b = net.log_s[place.layer - 1], net.sigma_b[place.layer - 1]
    record[:] = 0.0
    log_size = log_s + log_input
    if net.haar:
        log_size = _haar_size(net, place, log_size, record, scratch)
    elif sigma_b > 0.0:
        larger = max(log_size, math.log(sigma_b))
        log_size = larger + 0.5 * math.log(
            math.exp(2.0 * (log_size - larger)) + math.exp(2.0 * (math.log(sigma_b) - larger))
        )
    t = carry(log_size, 0.0, net.linear_at_zero, net.linear_at_infinity, net.small, net.large)
    record[LOG_SCALE] = t
    record[SIZE] = math.exp(log_size - t)
    net.sums(net, place, record, scratch)


@lent
def _haar_size(net, place, log_length, record, scratch):
    """Return ln(‖h‖/‖z‖) of h = a‖x‖w + b, w = V x̂, `log_length` being ln(a‖x‖), and set what the record says of w.

    h has any direction, that of fresh normals z.  Along w the bias is a normal number, across it a χ² number in any
    direction; across ĥ so is w, of which later questions see one component, that along δ.
    """
    fan_in, width = net.widths[place.layer - 1], net.widths[place.layer]
    z, xi, sigma_b = scratch.whole[0, :width], scratch.whole[1, :width], net.sigma_b[place.layer - 1]
    net.draw(z, xi, place.key, place.sample, place.layer, SIGNAL, 0)
    record[ZZ] = dot(z, z)
    record[REST_XI] = _chi_square(net, width - fan_in, place, REST_BACKWARD)
    w = math.sqrt(record[ZZ] / (record[ZZ] + _chi_square(net, fan_in - width, place, REST_FORWARD)))
    record[ALONG], record[ACROSS] = w, 0.0
    length, larger = w, log_length
    if sigma_b > 0.0:
        larger = max(log_length, math.log(sigma_b))
        beta = math.exp(math.log(sigma_b) - larger)
        word, _ = philox(0, place.layer, place.sample, BIAS, place.key)
        b, other = box_muller(word)
        along = w * math.exp(log_length - larger) + beta * b
        across = beta * math.sqrt(_chi_square(net, width - 1, place, BIAS_ACROSS))
        length = math.hypot(along, across)
        record[ALONG] = w * along / length
        if width > 1:  # what is across ĥ has any direction there, of which δ sees one component
            rest = _chi_square(net, width - 2, place, BIAS_SEEN)
            record[ACROSS] = w * across / length * other / math.sqrt(other * other + rest)
    return larger + math.log(length) - 0.5 * math.log(record[ZZ])


@lent
def _chi_square(net, freedom, place, purpose):
    return net.chi_square(freedom, place.key, place.sample, place.layer, purpose)


@lent
def _normals(net, place, start, n, scratch):
    """Return z and ξ of elements start..start + n − 1."""
    z, xi = scratch.drawn[0, :n], scratch.drawn[1, :n]
    if net.haar:
        z, xi = scratch.whole[0, start : start + n], scratch.whole[1, start : start + n]
    else:
        net.draw(z, xi, place.key, place.sample, place.layer, SIGNAL, start)
    return z, xi


@lent
def elements(net, place, start, n, record, scratch):
    """Return z, ξ, h, φ(h), φ'(h) of elements start..start + n − 1 (h and φ in units of e^LOG_SCALE), in double."""
    z, xi = _normals(net, place, start, n, scratch)
    h, x, slope = scratch.work[2, :n], scratch.work[3, :n], scratch.work[4, :n]
    scaled(h, z, record[SIZE])
    net.row(h, x, slope)
    return z, xi, h, x, slope


@lent
def sums_in_double(net, place, record, scratch):
    """Add a layer's sums to its record."""
    width = net.widths[place.layer]
    for start in range(0, width, BLOCK):
        n = min(BLOCK, width - start)
        z, xi, h, x, slope = elements(net, place, start, n, record, scratch)
        _reduce(record, z, xi, h, x, slope)


@lent_call
def _scaled_single(out, z, alpha):
    """Set out = αz, as if the double α were not rounded to float32."""
    prefer_wide_vectors()
    a = np.float32(alpha)
    rest = np.float32(alpha - a)
    for i in range(out.size):
        out[i] = z[i] * rest + z[i] * a


@lent
def _single_block(net, place, start, n, record, scratch):
    """Add a block's sums to the record; return whether there were arguments that are too large for float32."""
    drawn = scratch.drawn
    z, xi = _normals(net, place, start, n, scratch)
    h, x, slope = drawn[2, :n], drawn[3, :n], drawn[4, :n]
    _scaled_single(h, z, record[SIZE])
    if net.single_row(h, x, slope):
        return True
    _reduce(record, z, xi, h, x, slope)
    return False


@compiled(boolean(float32[::1], float32[::1], float32[::1]))
def too_large(h, value, slope):
    """Stand for the row pass over float32 of an activation that has none: every argument is too large for it."""
    return True


@lent
def sums_in_single(net, place, record, scratch):
    """Add a layer's sums to its record: of float32 numbers where they suffice, else in double."""
    width = net.widths[place.layer]
    beyond = False
    for start in range(0, width, BLOCK):
        beyond = _single_block(net, place, start, min(BLOCK, width - start), record, scratch)
        if beyond:
            break
    if beyond or not (LEAST < record[XX] < MOST and LEAST < record[HH] < MOST and record[UU] + record[VV] < math.inf):
        record[:ZZ] = 0.0
        sums_in_double(net, place, record, scratch)
