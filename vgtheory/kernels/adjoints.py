"""The instructions of a program over vectors backward: gradients at what each instruction of the way there has read."""

import math

from vgtheory.kernels._jit import lent, lent_call
from vgtheory.kernels.instructions import (
    ASKED,
    COMBINE,
    FIRST,
    FORGOTTEN,
    ITEM,
    JOIN,
    KEPT,
    KIND,
    LOG_GAIN,
    LOG_H,
    LOG_SLOPE,
    LOG_X,
    MEMO,
    NORM_BACK,
    NOTHING,
    OPERATION,
    PURPOSE,
    RESULT,
    SECOND,
    TIMES,
    H,
    X,
    bias_factor,
    in_units,
    log_factor,
)
from vgtheory.kernels.normalise import ROUNDING, normalise_back
from vgtheory.kernels.registers import UNIT, gradient, register, unit_at
from vgtheory.kernels.signals import BIAS_WEIGHT, dot
from vgtheory.kernels.vectors import (
    added,
    dropped,
    log_length,
    multiplied,
    normal,
    products,
    summed,
    times,
    two_products,
)


@lent_call
def _ask_back(net, memory, step, factor, memo, here):
    """Set g = Wᵀδ, δ the gradient at h; return ln‖δ‖."""
    source = gradient(net, memory, step[FIRST], here)
    h = register(net, memory, step[H], here)
    g, delta = gradient(net, memory, step[RESULT], here), memory.work[memory.work.shape[0] - 1, : source.size]
    unit = memory.gradient_units[net.gradients[step[FIRST], UNIT + here.parity]]
    if step[SECOND] != NOTHING:
        slope = register(net, memory, step[SECOND], here)
        square, along = products(source, slope, h)
    else:
        slope = source
        square, along = two_products(source, h)
    asked = net.matrices[step[ITEM], KIND] == ASKED
    own, sign = 0.5 * math.log(square), math.copysign(1.0, factor)
    written_out = not (asked and 1e-250 < square < 1e250)
    if written_out:
        if step[SECOND] != NOTHING:
            multiplied(delta, source, slope, 1.0)
        else:
            times(delta, source, 1.0)
        own = log_length(delta)
    size = unit + log_factor(factor) + own
    at = net.gradients[step[RESULT], UNIT + here.parity]
    if not -math.inf < size < math.inf:
        g[:] = 0.0 if size == -math.inf else math.nan
        memory.gradient_units[at] = -math.inf if size == -math.inf else 0.0
        return size
    along *= sign * math.exp(-own)
    if written_out:
        times(delta, delta, sign * math.exp(-0.5 * own))  # in two steps: the reciprocal of a subnormal is not finite
        times(delta, delta, math.exp(-0.5 * own))
        along = dot(h, delta)
    if asked:
        _asked_back(net, memory, step, memo, here, along)
    else:
        _multiplied_back(net, memory, step, memo, here, delta)
    if net.matrices[step[ITEM], FORGOTTEN]:
        # norm(h) does not depend on the size of x: where one unit is on, its gradient is 0 up to rounding.
        for i in range(g.size):
            g[i] = g[i] if abs(g[i]) > ROUNDING else 0.0
    memory.gradient_units[at] = size + memo[LOG_GAIN]
    return size


@lent
def _gain_back(net, memory, step, memo, here):
    """Return the gain, and what multiplies biases, in units of x and of h."""
    m, units = step[ITEM], memory.units[unit_at(net, step[H], here)]
    gain = math.exp(memo[LOG_GAIN] + memory.units[unit_at(net, step[X], here)] - units)
    return gain, bias_factor(net, net.matrices[m, KIND], net.sigma_b[m, here.layer - 1], units)


@lent_call
def _asked_back(net, memory, step, memo, here, along):
    """Set g = Wᵀδ/gain of an asked Gaussian matrix; `along` is h·δ of ‖δ‖ = 1, in units of h."""
    g, x = gradient(net, memory, step[RESULT], here), register(net, memory, step[X], here)
    matrix, place = net.matrices[step[ITEM]], net.places[step[ITEM], here.layer - 1]
    normal(net.law[1], g, here.key, here.sample, place[0], matrix[PURPOSE] + 1, 0)
    gain, bias = _gain_back(net, memory, step, memo, here)
    deviation = math.exp(memo[LOG_H] - memory.units[unit_at(net, step[H], here)])
    if deviation == 0.0 or gain == 0.0:  # h = 0 or h = b says nothing about W
        return
    known = along - gain * dot(x, g)
    if bias > 0.0:
        first, second = memory.work[0, :1], memory.work[1, :1]
        net.law[1](first, second, here.key, here.sample, place[0], BIAS_WEIGHT, 0)
        known -= bias * first[0]
    added(g, x, gain / deviation * (known / deviation))


@lent_call
def _multiplied_back(net, memory, step, memo, here, delta):
    """Set g = Wᵀδ/gain of another matrix."""
    g, x = gradient(net, memory, step[RESULT], here), register(net, memory, step[X], here)
    h, m = register(net, memory, step[H], here), step[ITEM]
    matrix, place = net.matrices[m], net.places[m, here.layer - 1]
    gain, bias = _gain_back(net, memory, step, memo, here)
    net.matrix_back(
        g, delta, h, x, gain, bias, net.law, place[1], place[2], here.key, here.sample, place[0], matrix[PURPOSE] + 1,
        memory.work,
    )  # fmt: skip


@lent_call
def _combine(net, memory, step, numbers, here):
    """Set out = a·first + b·second, as many of these as there are."""
    out, at = gradient(net, memory, step[RESULT], here), net.gradients[step[RESULT], UNIT + here.parity]
    if step[FIRST] == NOTHING:
        out[:], memory.gradient_units[at] = 0.0, -math.inf
        return
    first = gradient(net, memory, step[FIRST], here)
    p = memory.gradient_units[net.gradients[step[FIRST], UNIT + here.parity]]
    new = p + log_factor(numbers[0])
    if step[SECOND] == NOTHING:
        times(out, first, in_units(numbers[0], p, new))
        memory.gradient_units[at] = new
        return
    q = memory.gradient_units[net.gradients[step[SECOND], UNIT + here.parity]]
    new = max(new, q + log_factor(numbers[1]))
    second = gradient(net, memory, step[SECOND], here)
    summed(out, first, in_units(numbers[0], p, new), second, in_units(numbers[1], q, new))
    memory.gradient_units[at] = new


@lent_call
def _join(net, memory, step, here):
    """Set out = gradients side by side: of `SECOND` listed from `FIRST` on, those that are nothing are 0."""
    out, new = gradient(net, memory, step[RESULT], here), -math.inf
    size = out.size // step[SECOND]
    for k in range(step[SECOND]):
        r = net.listed[step[FIRST] + k]
        if r != NOTHING:
            new = max(new, memory.gradient_units[net.gradients[r, UNIT + here.parity]])
    for k in range(step[SECOND]):
        r, part = net.listed[step[FIRST] + k], out[k * size : (k + 1) * size]
        if r == NOTHING:
            part[:] = 0.0
        else:
            unit = memory.gradient_units[net.gradients[r, UNIT + here.parity]]
            times(part, gradient(net, memory, r, here), in_units(1.0, unit, new))
    memory.gradient_units[net.gradients[step[RESULT], UNIT + here.parity]] = new


@lent_call
def backward_step(net, memory, k, here):
    """Run instruction k of the way back but an Ask."""
    step, numbers = net.back[k], net.back_factors[k]
    operation = step[OPERATION]
    if operation == COMBINE:
        _combine(net, memory, step, numbers, here)
        return
    if operation == JOIN:
        _join(net, memory, step, here)
        return
    out, first = gradient(net, memory, step[RESULT], here), gradient(net, memory, step[FIRST], here)
    unit = memory.gradient_units[net.gradients[step[FIRST], UNIT + here.parity]] + log_factor(numbers[0])
    factor = math.copysign(1.0, numbers[0])
    if operation == TIMES:
        multiplied(out, first, register(net, memory, step[SECOND], here), factor)
    else:
        times(out, first, factor)
        if operation == NORM_BACK:
            memo = memory.memo[here.slot, step[MEMO]]
            v = register(net, memory, step[X], here)
            normalise_back(out, v, step[ITEM], memo[KEPT], memory.work[0, : v.size])
            unit += memo[LOG_SLOPE]
        else:
            dropped(net.draw_uniform, here.key, here.sample, here.layer, out, numbers[1], memory.work[0])
    memory.gradient_units[net.gradients[step[RESULT], UNIT + here.parity]] = unit


@lent
def ask_back(net, memory, k, here):
    """Run instruction k of the way back, an Ask; return (ln‖δ‖, ln of the norm of the matrix's gradient)."""
    step = net.back[k]
    memo = memory.memo[here.slot, step[MEMO]]
    size = _ask_back(net, memory, step, net.back_factors[k, 0], memo, here)
    return size, size + memo[LOG_X]
