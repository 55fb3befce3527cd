"""Exact simulation of rotation-invariant networks: O(N) work per layer, memory for one block, no matrix drawn.

Gaussian weights, the bias folded in as one more input, x̃ = (x, σ_b/s), s = σ_w/√N_{l−1}: given h_l = W̃_l x̃_{l−1} and
everything from later layers, W_lᵀδ_l = s‖δ_l‖ξ + κx_{l−1} in law, with fresh normals ξ (one more for the bias) and
κ = (h_l·δ_l − s‖δ_l‖ x̃·ξ)/‖x̃‖².  Haar weights W = aV, with w = V x̂: Vᵀδ = (w·δ) x̂ + (‖δ‖² − (w·δ)²)^½ v, where v is
uniform on the unit sphere orthogonal to x̂; a bias has any direction as well, so that with it h has, and no more than a
few numbers say how w lies to it.  Either way the gradient one layer down is

    g = a‖δ‖ (μξ + κx),    δ' = φ'(h) ∘ g,

and the next step asks only for ‖δ'‖ and z·δ', z being the normals that made h: a quadratic and a linear form in
(μ, κ).  Their coefficients are sums that the forward pass can form.  So one pass draws both normals of each neuron
(a word of Philox), applies the row pass, and reduces the layer to ten numbers; the way back is a recursion on scalars.
Where the quadratic form cancels or underflows, that layer is drawn again and summed directly.

Signals are carried as e^t times numbers of moderate size where φ is linear at that scale; norms as logarithms.
"""

import math
from typing import Any

import numpy as np
from numba import boolean, float32, float64, int64, uint64, void

from vgtheory.kernels._jit import ROW_PASS, SINGLE_ROW_PASS, compiled, lent
from vgtheory.kernels.arguments import Activation, Layers, Norms, Place, Samples, SingleActivation
from vgtheory.kernels.chi_square import CHI_SQUARE, chi_square, no_chi_square
from vgtheory.kernels.layer_sums import (
    ACROSS,
    ALONG,
    HH,
    LOG_SCALE,
    RECORD,
    REST_XI,
    SINGLE_LARGE,
    SINGLE_SMALL,
    SINGLE_UNDERFLOWN,
    SIZE,
    UNDERFLOWN,
    UU,
    UV,
    VV,
    X_XI,
    XI_XI,
    XX,
    ZU,
    ZV,
    ZZ,
    Net,
    Scratch,
    elements,
    forward,
    sums_in_double,
    sums_in_single,
)
from vgtheory.kernels.normals import DRAW, box_muller, fill_normal_pairs, philox
from vgtheory.kernels.normals_single import SINGLE_DRAW, fill_single_normal_pairs
from vgtheory.kernels.signals import BIAS_WEIGHT, BLOCK, LARGE, SIGNAL, SMALL, aligned, scaled

# A quadratic form this much smaller than its terms has lost four digits: the layer is then summed directly.
CANCELLED = 1e-4

SEGMENT = 2**14  # layers whose records are kept, 2 MB


@lent
def _gaussian_step(net, place, upper, lower, along):
    """Return (μ, κ) of g_l = s‖δ_{l+1}‖(μξ + κx_l); `along` = z_{l+1}·δ_{l+1}/‖δ_{l+1}‖, the place is layer l."""
    size, above = upper[SIZE], place.layer
    if size == 0.0:  # nothing came up: h_{l+1} = 0 says nothing about W, which is fresh
        return 1.0, 0.0
    s = net.sigma_w[above] / math.sqrt(float(net.widths[above]))
    units = math.exp(lower[LOG_SCALE] - upper[LOG_SCALE])
    known = size * along - s * units * lower[X_XI]
    if net.sigma_b[above] > 0.0:
        word, _ = philox(0, place.layer, place.sample, BIAS_WEIGHT, place.key)
        noise, _ = box_muller(word)
        known -= net.sigma_b[above] * math.exp(-upper[LOG_SCALE]) * noise
    return 1.0, units * s / size * (known / size)


@lent
def _haar_step(upper, lower, fan_in, along):
    """Return (μ, κ) of g_l = a‖δ_{l+1}‖(μξ + κx_l); `along` = z_{l+1}·δ_{l+1}/‖δ_{l+1}‖."""
    part = along / math.sqrt(upper[ZZ])
    cosine = upper[ALONG] * part + upper[ACROSS] * math.sqrt(max(1.0 - part * part, 0.0))
    if lower[XX] == 0.0:  # nothing went up: Wᵀδ has any direction
        return 1.0 / math.sqrt(lower[XI_XI] + upper[REST_XI]), 0.0
    if fan_in == 1:  # no direction is orthogonal to x
        return 0.0, cosine / math.sqrt(lower[XX])
    overlap = lower[X_XI] / lower[XX]
    across = max(lower[XI_XI] - overlap * lower[X_XI], 1e-16 * lower[XI_XI]) + upper[REST_XI]
    mu = math.sqrt(max(1.0 - cosine * cosine, 0.0) / across)
    return mu, cosine / math.sqrt(lower[XX]) - mu * overlap


@lent
def _direct(net, place, mu, kappa, record, scratch):
    """Return (ln‖δ'‖, z·δ'/‖δ'‖) for δ' = φ'(h) ∘ (μξ + κx) from the elements, drawn again."""
    width = net.widths[place.layer]
    if net.haar:
        whole = scratch.whole
        net.draw(whole[0, :width], whole[1, :width], place.key, place.sample, place.layer, SIGNAL, 0)
    largest = total = 0.0
    for turn in range(2):
        squares = along = 0.0
        for start in range(0, width, BLOCK):
            n = min(BLOCK, width - start)
            z, xi, _, x, slope = elements(net, place, start, n, record, scratch)
            for i in range(n):
                delta = slope[i] * (mu * xi[i] + kappa * x[i])
                if turn == 0:
                    largest = max(largest, abs(delta))
                    total += delta
                else:
                    delta /= largest
                    squares += delta * delta
                    along += z[i] * delta
        if total != total:
            return math.nan, math.nan
        if largest == 0.0:
            return -math.inf, 0.0
    return math.log(largest) + 0.5 * math.log(squares), along / math.sqrt(squares)


@lent
def _backward(net, place, mu, kappa, record, scratch):
    """Return (ln‖δ'‖, z·δ'/‖δ'‖) for δ' = φ'(h) ∘ (μξ + κx) from the layer's record."""
    terms = mu * mu * record[UU] + kappa * kappa * record[VV]
    square = terms + 2.0 * mu * kappa * record[UV]
    if square > CANCELLED * terms and square > net.underflown:
        return 0.5 * math.log(square), (mu * record[ZU] + kappa * record[ZV]) / math.sqrt(square)
    return _direct(net, place, mu, kappa, record, scratch)


@lent
def _run(net, start, begin, end, log_norm, scratch, norms):
    """Run layers begin + 1..end forward from ln‖x_begin‖, which is returned for the last; records from row 0 on."""
    for k in range(begin, end):  # layer l = k + 1
        if scratch.stop[0] != 0:
            break
        record = scratch.records[k - begin]
        forward(net, Place(start.key, start.sample, k + 1), log_norm, record, scratch)
        norms.weight[k] = log_norm
        norms.q[k] = record[HH] / net.widths[k + 1] * math.exp(2.0 * record[LOG_SCALE])
        log_norm = record[LOG_SCALE] + 0.5 * math.log(record[XX])
    return log_norm


@lent
def _return(net, start, begin, end, carried, scratch, norms):
    """Take (ln‖δ‖, z·δ/‖δ‖) from layer end to begin + 1; the last record is that of layer end + 1."""
    log_delta, along = carried
    records, above = scratch.records, scratch.records[scratch.records.shape[0] - 1]
    for k in range(end - 1, begin - 1, -1):
        if scratch.stop[0] != 0:
            break
        record = records[k - begin]
        upper = records[k + 1 - begin] if k + 1 < end else above
        place = Place(start.key, start.sample, k + 1)
        if k == net.sigma_w.size - 1:
            mu, kappa = 1.0 / math.sqrt(record[XI_XI]), 0.0  # the loss gradient ξ/‖ξ‖ is uniform on the unit sphere
        elif net.haar:
            mu, kappa = _haar_step(upper, record, net.widths[k + 1], along)
            log_delta += net.log_s[k + 1]
        else:
            mu, kappa = _gaussian_step(net, place, upper, record, along)
            log_delta += net.log_s[k + 1]
        step, along = _backward(net, place, mu, kappa, record, scratch)
        log_delta += step
        norms.gradient[k] = log_delta
        norms.weight[k] += log_delta
    return log_delta, along


@lent
def _network(net, start, scratch, norms):
    """Run one sample, whose rows of the results are `norms`.

    Segments of layers go forward one after the other, and back in the other order; each but the last is run forward
    again for that, from ln‖x‖ at its start, which the weights' norms hold until their own gradients are there.
    """
    depth, segment = net.sigma_w.size, scratch.records.shape[0] - 1
    last = (depth - 1) // segment
    log_norm, carried = 0.5 * math.log(float(net.widths[0])), (0.0, 0.0)
    for step in range(2 * last + 1):
        s = step if step <= last else 2 * last - step
        begin, end = s * segment, min((s + 1) * segment, depth)
        if step > last:
            scaled(scratch.records[segment], scratch.records[0], 1.0)
            log_norm = norms.weight[begin]
        log_norm = _run(net, start, begin, end, log_norm, scratch, norms)
        if step >= last:
            carried = _return(net, start, begin, end, carried, scratch, norms)


@lent
def _samples(net, scratch, seed, first, gradient, weight, q):
    for i in range(gradient.shape[0]):
        norms = Norms(gradient[i], weight[i], q[i])
        _network(net, Place(seed, first + i, i), scratch, norms)


# What both kernels are given behind the row passes and the source of normals, and last.
_NET = (CHI_SQUARE, boolean, int64[::1], float64[::1], float64[::1], float64[::1], boolean, boolean)
_WORK = (uint64, int64, int64[::1], float64[:, ::1], float64[:, ::1])
_FILLED = (float64[:, ::1],) * 3


@compiled(void(ROW_PASS, DRAW, *_NET, *_WORK, float64[:, ::1], *_FILLED), counted=False)
def _in_double(
    row, draw, chi_square, haar, widths, sigma_w, log_s, sigma_b, linear_at_zero, linear_at_infinity, seed, first, stop,
    records, work, whole, gradient, weight, q,
):  # fmt: skip
    net = Net(
        row, row, draw, chi_square, sums_in_double, SMALL, LARGE, UNDERFLOWN, haar, widths, sigma_w,
        log_s, sigma_b, linear_at_zero, linear_at_infinity,
    )  # fmt: skip
    scratch = Scratch(records, work, work, whole, stop)
    _samples(net, scratch, seed, first, gradient, weight, q)


@compiled(
    void(ROW_PASS, SINGLE_ROW_PASS, SINGLE_DRAW, *_NET, *_WORK, float32[:, ::1], float32[:, ::1], *_FILLED),
    counted=False,
)
def _in_single(
    row, single_row, draw, chi_square, haar, widths, sigma_w, log_s, sigma_b, linear_at_zero, linear_at_infinity, seed,
    first, stop, records, work, drawn, whole, gradient, weight, q,
):  # fmt: skip
    net = Net(
        row, single_row, draw, chi_square, sums_in_single, SINGLE_SMALL, SINGLE_LARGE, SINGLE_UNDERFLOWN, haar, widths,
        sigma_w, log_s, sigma_b, linear_at_zero, linear_at_infinity,
    )  # fmt: skip
    scratch = Scratch(records, work, drawn, whole, stop)
    _samples(net, scratch, seed, first, gradient, weight, q)


def exact_samples(
    activation: Activation | SingleActivation,
    haar: bool,
    layers: Layers,
    samples: Samples,
    norms: Norms,
    segment: int = SEGMENT,
    draw: Any = fill_normal_pairs,
) -> None:
    """Fill row i of the norms with sample number i of these; of a SingleActivation in single precision.

    Deeper networks than `segment` are run forward twice to save memory; the numbers do not depend on it.  `draw` is
    the source of normals in double precision.
    """
    widths, sigma_w, sigma_b = layers
    fan_in, fan_out = widths[:-1], widths[1:]
    with np.errstate(divide="ignore"):  # of the weights' standard deviation, or of the gain of a Haar matrix
        log_s = np.log(sigma_w) + 0.5 * np.log(np.maximum(1.0, fan_out / fan_in) if haar else 1.0 / fan_in)
    records, work = np.empty((min(segment, len(sigma_w)) + 1, RECORD)), aligned(5, BLOCK)
    longest = int(fan_out.max()) if haar else 0
    net = (chi_square if haar else no_chi_square, haar, widths, sigma_w, log_s, sigma_b)
    if isinstance(activation, SingleActivation):
        row, single_row, *linear = activation
        drawn, whole = aligned(5, BLOCK, np.float32), aligned(2, longest, np.float32)
        rows = row, single_row, fill_single_normal_pairs
        _in_single(*rows, *net, *linear, *samples, records, work, drawn, whole, *norms)
    else:
        row, *linear = activation
        _in_double(row, draw, *net, *linear, *samples, records, work, aligned(2, longest), *norms)
