"""Simulation of networks with skip connections, normalisation and dropout, O(N) per layer beside the matrices' work.

x_l = x_{l−1} + a W'_l D_l norm(φ(norm(h_l))), h_l = W_l x_{l−1} + b_l, each part where the network has it.  Forward and
backward use W_l on one vector each, so the matrices are operators (``operators``: nothing drawn; or drawn ones).

Vectors are carried as e^t times numbers of moderate size, each with its own t; where φ is not linear its argument has
t = 0.  Memory is O(N√L + L): the forward pass keeps the signal at the start of each segment of layers, and a segment is
run again, from the same random numbers, when the gradient reaches it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import boolean, float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, entry, piece
from vgtheory.kernels.matrices import GIVEN, HAAR, MatrixLaw
from vgtheory.kernels.normalise import LAYER, NONE, RMS, ROUNDING, normalise, normalise_back
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs, fill_uniform_pairs
from vgtheory.kernels.operators import BACKWARD, FORWARD, LAW, WORK, gaussian_backward, gaussian_forward
from vgtheory.kernels.signals import (
    DROPPED,
    MATRIX,
    MATRIX_BACK,
    SECOND,
    SECOND_BACK,
    SIGNAL,
    carry,
    combined,
    dot,
    haar_gain,
    log_norm,
    scaled,
)

# Vectors of a layer that the way back needs: x_{l−1}, h_l, φ'; of networks with two matrices or a normalisation after
# the activation φ, what goes into W' and what comes out.
X, H, SLOPE, VALUE, INNER, OUTER = range(6)
# Numbers of a layer: ln of the units of x_{l−1} and of h_l; of either normalisation ln d and eps d², d = 1/√(s² + eps).
LOG_X, LOG_H, LOG_SLOPE, KEPT, LOG_SLOPE_AFTER, KEPT_AFTER, NUMBERS = range(7)
SEGMENT_BYTES = 2**23  # kept vectors of one segment; a network that fits is run forward once
MODERATE = 100.0  # logarithms of sizes that need no units

KINDS = {"": NONE, "layer": LAYER, "rms": RMS}


@piece
def _log_gain(kind, sigma_w, fan_in, width):
    """Return ln of what multiplies the matrix of this kind."""
    if kind == GIVEN:
        return 0.0
    return math.log(haar_gain(sigma_w, fan_in, width) if kind == HAAR else sigma_w / math.sqrt(float(fan_in)))


@piece
def _bias_scale(kind, sigma_b, units):
    """Return what multiplies biases (of variance 1, or given) in units of e^units, which may be beyond float64."""
    if sigma_b == 0.0:
        return 0.0
    return math.exp(-units) if kind == GIVEN else sigma_b * math.exp(-units)


@piece
def _drop(vector, rate, work, draw_uniform, key, sample, layer):
    """Multiply by a mask that is 0 with probability `rate` and else 1/(1 − rate)."""
    if rate > 0.0:
        chance = work[: vector.size]
        fill(draw_uniform, chance, key, sample, layer, DROPPED, 0)
        kept = 1.0 / (1.0 - rate)
        for i in range(vector.size):
            vector[i] *= kept if chance[i] >= rate else 0.0


@piece
def _forward(
    row, matrix, laws, place, sigma_w, sigma_b, parts, linear, key, sample, layer, signal, fan_in, width, t, kept,
    numbers, work,
):  # fmt: skip
    """Run one layer: the signal (in units of e^t) becomes x_l; return its units, ln‖x_{l−1}‖ and q_l."""
    law, draw_uniform = laws
    skip, two, scale, second, before, after, log_eps, rate = parts
    x = signal[:fan_in]
    h, slope, value = kept[H, :width], kept[SLOPE, :width], kept[VALUE, :width]
    scaled(kept[X, :fan_in], x, 1.0)
    log_x = t + log_norm(x)
    log_gain = _log_gain(law[0], sigma_w, fan_in, width)
    spread = log_gain if law[0] != GIVEN else math.log(sigma_w) - 0.5 * math.log(float(fan_in))
    log_h = spread + log_x - (0.5 * math.log(float(width)) if law[0] == HAAR else 0.0)
    if sigma_b > 0.0:
        log_h = max(log_h, math.log(sigma_b))
    units = carry(log_h, 0.0, linear[0], linear[1])
    if before != NONE and log_h > -math.inf:
        units = log_h  # the normalisation takes any size
    matrix(
        h, kept[X, :fan_in], math.exp(log_gain + t - units), _bias_scale(law[0], sigma_b, units), law,
        place[1], place[2], key, sample, place[0], MATRIX, work,
    )  # fmt: skip
    numbers[LOG_X], numbers[LOG_H] = t, units
    q = dot(h, h) / width * math.exp(2.0 * units)
    if before != NONE:
        normal = work[0, :width]
        numbers[LOG_SLOPE], numbers[KEPT], units = normalise(normal, h, before, units, log_eps, linear[0])
        row(normal, value, slope)
    else:
        row(h, value, slope)
    y = work[1, :width]
    if after != NONE:
        numbers[LOG_SLOPE_AFTER], numbers[KEPT_AFTER], units = normalise(y, value, after, units, log_eps, True)
    else:
        scaled(y, value, 1.0)
    _drop(y, rate, work[0], draw_uniform, key, sample, layer)
    if two:
        inner = kept[INNER, :width]
        scaled(inner, y, 1.0)
        y = kept[OUTER, :width]
        gaussian_forward(
            y, inner, second / math.sqrt(float(width)), 0.0, law, 0, 0, key, sample, layer, SECOND,
            work,
        )  # fmt: skip
    if skip:
        return _add(x, t, y, units, scale), log_x, q
    scaled(signal[:width], y, 1.0)
    return units, log_x, q


@piece
def _add(x, t, y, units, scale):
    """Set x = e^t x + scale·e^units y in new units, which are returned; 0 while sizes are moderate."""
    branch = -math.inf if scale == 0.0 else units + math.log(abs(scale)) + log_norm(y)
    stem = t + log_norm(x)
    larger = max(stem, branch)
    new = 0.0 if -MODERATE < larger < MODERATE or larger == -math.inf else larger
    along = 0.0 if branch == -math.inf else scale * math.exp(units - new)
    combined(x, x, math.exp(t - new) if stem > -math.inf else 0.0, y, along)
    return new


@piece
def _branch_back(b, parts, laws, key, sample, layer, kept, numbers, work):
    """Turn b = ∂ℓ/∂x_l into δ_l = ∂ℓ/∂h_l over its units, in place; return ln of what multiplies it."""
    law, draw_uniform = laws
    skip, two, scale, second, before, after, _, rate = parts
    width = b.size
    size = math.log(abs(scale)) if skip else 0.0
    if two:
        gain = second / math.sqrt(float(width))
        norm = math.sqrt(dot(b, b))
        scaled(b, b, 1.0 / norm)
        inner = work[1, :width]
        gaussian_backward(
            inner, b, kept[OUTER, :width], kept[INNER, :width], gain, 0.0, law, 0, 0, key, sample,
            layer, SECOND_BACK, work,
        )  # fmt: skip
        scaled(b, inner, norm * gain)
    _drop(b, rate, work[0], draw_uniform, key, sample, layer)
    if after != NONE:
        normalise_back(b, kept[VALUE, :width], after, numbers[KEPT_AFTER], work[0, :width])
        size += numbers[LOG_SLOPE_AFTER]
    slope = kept[SLOPE, :width]
    for i in range(width):
        b[i] *= slope[i]
    if before != NONE:
        normalise_back(b, kept[H, :width], before, numbers[KEPT], work[0, :width])
        size += numbers[LOG_SLOPE]
    return size


@piece
def _backward(
    matrix_back, laws, place, sigma_w, sigma_b, parts, key, sample, layer, g, below, t, kept, numbers, work, b
):
    """Fill `below` with g_{l−1} and return its units and ln‖δ_l‖; g and t are those of layer l, b is scratch."""
    law = laws[0]
    skip, _, scale, _, before, _, _, _ = parts
    width, fan_in = g.size, below.size
    scaled(b, g, 1.0)
    size = t + _branch_back(b, parts, laws, key, sample, layer, kept, numbers, work)
    own = log_norm(b)
    size += own
    if size == -math.inf or size != size:  # nothing comes through the branch
        if skip:
            scaled(below, g, 1.0)
        else:
            below[:] = 0.0
        return t, size
    scaled(b, b, math.exp(-0.5 * own))  # in two steps, as the reciprocal of a subnormal norm is not finite
    scaled(b, b, math.exp(-0.5 * own))
    log_gain = _log_gain(law[0], sigma_w, fan_in, width)
    gain = math.exp(log_gain + numbers[LOG_X] - numbers[LOG_H])
    matrix_back(
        below, b, kept[H, :width], kept[X, :fan_in], gain, _bias_scale(law[0], sigma_b, numbers[LOG_H]), law,
        place[1], place[2], key, sample, place[0], MATRIX_BACK, work,
    )  # fmt: skip
    if before != NONE:
        # norm(h_l) does not depend on the size of x_{l−1}: where one unit is on, its gradient is 0 up to rounding.
        for i in range(fan_in):
            below[i] = below[i] if abs(below[i]) > ROUNDING else 0.0
    units = size + log_gain
    if skip:
        stem = t + log_norm(g)  # a norm, not its units: sums over many layers must not outgrow float64
        new = max(stem, units)
        combined(below, below, math.copysign(math.exp(units - new), scale), g, math.exp(t - new))
        units = new
    return units, size


@piece
def _run(
    row, matrix, laws, places, widths, sigma_w, sigma_b, parts, linear, key, sample, begin, end, signal, t, kept,
    numbers, work, weight, q,
):  # fmt: skip
    """Run layers begin + 1..end forward, keeping their vectors in the slots from 0 on; return the units of x_end."""
    for k in range(begin, end):
        t, weight[k], q[k] = _forward(
            row, matrix, laws, places[k], sigma_w[k], sigma_b[k], parts, linear, key, sample, k + 1, signal, widths[k],
            widths[k + 1], t, kept[k - begin], numbers[k - begin], work,
        )  # fmt: skip
    return t


@piece
def _network(
    row, matrix, matrix_back, laws, places, widths, sigma_w, sigma_b, parts, linear, key, sample, starts, units, kept,
    numbers, work, gradient, weight, q,
):  # fmt: skip
    """Run one sample; its rows of the results are `gradient`, `weight` and `q`."""
    depth, segment = sigma_w.size, kept.shape[0]
    signal, b, pair = work[WORK], work[WORK + 1], work[WORK + 2 :]
    x = signal[: widths[0]]
    fill(laws[0][1], x, key, sample, 0, SIGNAL, 0)
    scaled(x, x, math.sqrt(widths[0] / dot(x, x)))
    t = 0.0
    last = (depth - 1) // segment
    for s in range(last + 1):
        begin = s * segment
        scaled(starts[s, : widths[begin]], signal[: widths[begin]], 1.0)
        units[s] = t
        t = _run(
            row, matrix, laws, places, widths, sigma_w, sigma_b, parts, linear, key, sample, begin,
            min(begin + segment, depth), signal, t, kept, numbers, work, weight, q,
        )  # fmt: skip
    g = pair[0, : widths[depth]]
    fill(laws[0][1], g, key, sample, depth + 1, SIGNAL, 0)
    scaled(g, g, 1.0 / math.sqrt(dot(g, g)))
    t = 0.0
    for s in range(last, -1, -1):
        begin, end = s * segment, min((s + 1) * segment, depth)
        if s < last:
            scaled(signal[: widths[begin]], starts[s, : widths[begin]], 1.0)
            _run(
                row, matrix, laws, places, widths, sigma_w, sigma_b, parts, linear, key, sample, begin, end, signal,
                units[s], kept, numbers, work, weight, q,
            )  # fmt: skip
        for k in range(end - 1, begin - 1, -1):
            side = (depth - 1 - k) % 2
            t, gradient[k] = _backward(
                matrix_back, laws, places[k], sigma_w[k], sigma_b[k], parts, key, sample, k + 1,
                pair[side, : widths[k + 1]], pair[1 - side, : widths[k]], t, kept[k - begin], numbers[k - begin], work,
                b[: widths[k + 1]],
            )  # fmt: skip
            weight[k] += gradient[k]


@entry(
    void(
        ROW_PASS, FORWARD, BACKWARD, LAW, DRAW, int64[:, ::1], int64[::1], float64[::1], float64[::1],
        boolean, boolean, float64, float64, int64, int64, float64, float64, boolean, boolean, int64, uint64, int64,
        float64[:, ::1], float64[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def _assembled_samples(
    row, matrix, matrix_back, law, draw_uniform, places, widths, sigma_w, sigma_b,
    skip, two, scale, second, before, after, log_eps, rate, linear_at_zero, linear_at_infinity, segment, seed, first,
    gradient, weight, q,
):  # fmt: skip
    depth = sigma_w.size
    most = 0
    for n in widths:
        most = max(most, n)
    parts = (skip, two, scale, second, before, after, log_eps, rate)
    laws = (law, draw_uniform)
    starts = np.empty(((depth - 1) // segment + 1, most))
    units = np.empty(starts.shape[0])
    kept = np.empty((segment, 6 if two else 4, most))
    numbers = np.empty((segment, NUMBERS))
    work = np.empty((WORK + 4, most))
    for i in range(gradient.shape[0]):
        _network(
            row, matrix, matrix_back, laws, places, widths, sigma_w, sigma_b, parts,
            (linear_at_zero, linear_at_infinity), seed, first + i, starts, units, kept, numbers, work, gradient[i],
            weight[i], q[i],
        )  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What a network has besides matrices and activation.

    Parameters
    ----------
    skip : whether x_{l−1} is added to the branch.
    scale : a, the branch's factor; used with `skip`.
    second : σ_w of W'_l, None without it.
    before, after : "layer", "rms" or "", normalisation before and after the activation.
    eps : of the normalisation.
    rate : of dropout.
    """

    skip: bool = False
    scale: float = 1.0
    second: float | None = None
    before: str = ""
    after: str = ""
    eps: float = 0.0
    rate: float = 0.0


PLAIN = Parts()


def assembled_samples(
    row: Any,
    operators: tuple[Any, Any],
    law: MatrixLaw,
    parts: Parts,
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
    memory: int = SEGMENT_BYTES,
) -> None:
    """Fill row i of the results with sample `first` + i; the rest and the results as in ``exact_samples``.

    The input x_0 is uniform on the sphere ‖x_0‖² = N_0.  `operators` are a pair of ``FORWARD`` and ``BACKWARD`` for
    this law: ``GAUSSIAN_PAIR`` and ``HAAR_PAIR`` draw no matrix.  `memory` is about what kept vectors may take, in
    bytes; the numbers do not depend on it.
    """
    depth, most = len(sigma_w), int(widths.max())
    fitting = memory // (8 * most * (4 if parts.second is None else 6))
    segment = min(depth, max(fitting, math.isqrt(depth) + 1))
    places = np.zeros((depth, 3), np.int64)  # the matrix's layer, and where its entries and its bias begin
    places[:, 0] = 1 if law.shared else np.arange(1, depth + 1)
    places[1:, 1], places[1:, 2] = np.cumsum(widths[:-2] * widths[1:-1]), np.cumsum(widths[1:-1])
    log_eps = math.log(parts.eps) if parts.eps > 0 else -math.inf
    _assembled_samples(
        row, *operators, (law.kind, fill_normal_pairs, law.entries, law.data, law.bias_entries, law.biases),
        fill_uniform_pairs, places, widths, sigma_w, sigma_b, parts.skip, parts.second is not None, parts.scale,
        parts.second or 0.0, KINDS[parts.before], KINDS[parts.after], log_eps, parts.rate, linear_at_zero,
        linear_at_infinity, segment, seed, first, gradient, weight, q,
    )  # fmt: skip
