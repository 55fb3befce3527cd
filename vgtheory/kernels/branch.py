"""One layer of a network with skip connections, normalisation and dropout, forward and backward.

x_l = x_{l−1} + a W'_l D_l norm(φ(norm(h_l))), h_l = W_l x_{l−1} + b_l, each part where the network has it.  Forward and
backward use W_l on one vector each, so the matrices are operators (``operators``: nothing drawn; or drawn ones).

Vectors are carried as e^t times numbers of moderate size, each with its own t; where φ is not linear its argument has
t = 0.
"""

import math
from typing import Any, NamedTuple

from vgtheory.kernels._jit import called, piece
from vgtheory.kernels.matrices import GIVEN, HAAR
from vgtheory.kernels.normalise import NONE, ROUNDING, normalise, normalise_back
from vgtheory.kernels.normals import fill
from vgtheory.kernels.operators import WORK, gaussian_backward, gaussian_forward
from vgtheory.kernels.signals import (
    DROPPED,
    MATRIX,
    MATRIX_BACK,
    SECOND,
    SECOND_BACK,
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
MODERATE = 100.0  # logarithms of sizes that need no units
# Rows of scratch beyond the operators': δ of the layer.
DELTA = WORK + 1


class Branch(NamedTuple):
    """What a network has besides matrices and activation, as numbers: see ``assembled.Parts``."""

    skip: bool
    two: bool
    scale: float
    second: float
    before: int
    after: int
    log_eps: float
    rate: float


class Net(NamedTuple):
    """The network; `places` has a row per layer: the layer of its matrix, and where its entries and bias begin."""

    row: Any
    matrix: Any
    matrix_back: Any
    law: Any
    draw_uniform: Any
    places: Any
    widths: Any
    sigma_w: Any
    sigma_b: Any
    branch: Any
    linear_at_zero: bool
    linear_at_infinity: bool


class Slot(NamedTuple):
    """What is kept of a layer, and scratch."""

    kept: Any
    numbers: Any
    work: Any


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
def _drop(net, place, vector, work):
    """Multiply by a mask that is 0 with the probability of dropout, p, and else 1/(1 − p)."""
    rate = net.branch.rate
    if rate > 0.0:
        chance = work[: vector.size]
        fill(net.draw_uniform, chance, place.key, place.sample, place.layer, DROPPED, 0)
        kept = 1.0 / (1.0 - rate)
        for i in range(vector.size):
            vector[i] *= kept if chance[i] >= rate else 0.0


@called
def forward_layer(net, place, signal, t, slot):
    """Run one layer: the signal (in units of e^t) becomes x_l; return its units, ln‖x_{l−1}‖ and q_l."""
    branch, law, kept, numbers, work = net.branch, net.law, slot.kept, slot.numbers, slot.work
    at = net.places[place.layer - 1]
    fan_in, width = net.widths[place.layer - 1], net.widths[place.layer]
    sigma_w, sigma_b = net.sigma_w[place.layer - 1], net.sigma_b[place.layer - 1]
    x = signal[:fan_in]
    h, slope, value = kept[H, :width], kept[SLOPE, :width], kept[VALUE, :width]
    scaled(kept[X, :fan_in], x, 1.0)
    log_x = t + log_norm(x)
    log_gain = _log_gain(law[0], sigma_w, fan_in, width)
    spread = log_gain if law[0] != GIVEN else math.log(sigma_w) - 0.5 * math.log(float(fan_in))
    log_h = spread + log_x - (0.5 * math.log(float(width)) if law[0] == HAAR else 0.0)
    if sigma_b > 0.0:
        log_h = max(log_h, math.log(sigma_b))
    units = carry(log_h, 0.0, net.linear_at_zero, net.linear_at_infinity)
    if branch.before != NONE and log_h > -math.inf:
        units = log_h  # the normalisation takes any size
    net.matrix(
        h, kept[X, :fan_in], math.exp(log_gain + t - units), _bias_scale(law[0], sigma_b, units), law,
        at[1], at[2], place.key, place.sample, at[0], MATRIX, work,
    )  # fmt: skip
    numbers[LOG_X], numbers[LOG_H] = t, units
    q = dot(h, h) / width * math.exp(2.0 * units)
    if branch.before != NONE:
        normal = work[0, :width]
        numbers[LOG_SLOPE], numbers[KEPT], units = normalise(
            normal, h, branch.before, units, branch.log_eps, net.linear_at_zero
        )
        net.row(normal, value, slope)
    else:
        net.row(h, value, slope)
    y = work[1, :width]
    if branch.after != NONE:
        numbers[LOG_SLOPE_AFTER], numbers[KEPT_AFTER], units = normalise(
            y, value, branch.after, units, branch.log_eps, True
        )
    else:
        scaled(y, value, 1.0)
    _drop(net, place, y, work[0])
    if branch.two:
        inner = kept[INNER, :width]
        scaled(inner, y, 1.0)
        y = kept[OUTER, :width]
        gaussian_forward(
            y, inner, branch.second / math.sqrt(float(width)), 0.0, law, 0, 0, place.key, place.sample, place.layer,
            SECOND, work,
        )  # fmt: skip
    if branch.skip:
        return _add(x, t, y, units, branch.scale), log_x, q
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
def _branch_back(net, place, b, slot):
    """Turn b = ∂ℓ/∂x_l into δ_l = ∂ℓ/∂h_l over its units, in place; return ln of what multiplies it."""
    branch, kept, numbers, work = net.branch, slot.kept, slot.numbers, slot.work
    width = b.size
    size = math.log(abs(branch.scale)) if branch.skip else 0.0
    if branch.two:
        gain = branch.second / math.sqrt(float(width))
        norm = math.sqrt(dot(b, b))
        scaled(b, b, 1.0 / norm)
        inner = work[1, :width]
        gaussian_backward(
            inner, b, kept[OUTER, :width], kept[INNER, :width], gain, 0.0, net.law, 0, 0, place.key, place.sample,
            place.layer, SECOND_BACK, work,
        )  # fmt: skip
        scaled(b, inner, norm * gain)
    _drop(net, place, b, work[0])
    if branch.after != NONE:
        normalise_back(b, kept[VALUE, :width], branch.after, numbers[KEPT_AFTER], work[0, :width])
        size += numbers[LOG_SLOPE_AFTER]
    slope = kept[SLOPE, :width]
    for i in range(width):
        b[i] *= slope[i]
    if branch.before != NONE:
        normalise_back(b, kept[H, :width], branch.before, numbers[KEPT], work[0, :width])
        size += numbers[LOG_SLOPE]
    return size


@called
def backward_layer(net, place, g, below, t, slot):
    """Fill `below` with g_{l−1} and return its units and ln‖δ_l‖; g and t are those of layer l."""
    branch, law, kept, numbers, work = net.branch, net.law, slot.kept, slot.numbers, slot.work
    at = net.places[place.layer - 1]
    width, fan_in = g.size, below.size
    b = work[DELTA, :width]
    scaled(b, g, 1.0)
    size = t + _branch_back(net, place, b, slot)
    own = log_norm(b)
    size += own
    if size == -math.inf or size != size:  # nothing comes through the branch
        if branch.skip:
            scaled(below, g, 1.0)
        else:
            below[:] = 0.0
        return t, size
    scaled(b, b, math.exp(-0.5 * own))  # in two steps, as the reciprocal of a subnormal norm is not finite
    scaled(b, b, math.exp(-0.5 * own))
    log_gain = _log_gain(law[0], net.sigma_w[place.layer - 1], fan_in, width)
    gain = math.exp(log_gain + numbers[LOG_X] - numbers[LOG_H])
    bias = _bias_scale(law[0], net.sigma_b[place.layer - 1], numbers[LOG_H])
    net.matrix_back(
        below, b, kept[H, :width], kept[X, :fan_in], gain, bias, law, at[1], at[2], place.key, place.sample, at[0],
        MATRIX_BACK, work,
    )  # fmt: skip
    if branch.before != NONE:
        # norm(h_l) does not depend on the size of x_{l−1}: where one unit is on, its gradient is 0 up to rounding.
        for i in range(fan_in):
            below[i] = below[i] if abs(below[i]) > ROUNDING else 0.0
    units = size + log_gain
    if branch.skip:
        stem = t + log_norm(g)  # a norm, not its units: sums over many layers must not outgrow float64
        new = max(stem, units)
        combined(below, below, math.copysign(math.exp(units - new), branch.scale), g, math.exp(t - new))
        units = new
    return units, size
