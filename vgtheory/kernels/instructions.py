"""The instructions of a program over vectors, forward and backward; ``program`` runs them by its tables.

Matrices are asked once from the right and once from the left, so that nothing of them is drawn (``operators``), or a
pair of operators multiplies them.
"""

import math

from vgtheory.kernels._jit import piece
from vgtheory.kernels.matrices import GIVEN, HAAR
from vgtheory.kernels.normalise import ROUNDING, normalise, normalise_back
from vgtheory.kernels.operators import haar_backward, haar_forward
from vgtheory.kernels.registers import UNIT, gradient, in_unit, log_size, register, unit_at, written
from vgtheory.kernels.signals import BIAS_WEIGHT, carry, dot, haar_gain
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

# Rows of the tables: (operation, result, argument, argument, item, watched, x, h, memo).
ASK, PASS, MAP, NORM, DROP, ADD, COPY = range(7)
ASK_BACK, TIMES, COMBINE, JOIN, NORM_BACK, DROP_BACK = range(6)
OPERATION, RESULT, FIRST, SECOND, ITEM, WATCHED, X, H, MEMO, COLUMNS = range(10)
NOTHING = -1  # in the place of a register
# Matrices are asked, Gaussian or Haar, or multiplied by the pair of operators; the columns of their table.
ASKED, ASKED_HAAR, MULTIPLIED = range(3)
KIND, PURPOSE, COUNTED, FORGOTTEN = range(4)
# Numbers that an instruction leaves for the way back: an Ask, and a norm.
LOG_X, LOG_GAIN, LOG_H, MEMOS = range(4)
LOG_SLOPE, KEPT = range(2)
PLAIN = 1e100  # factors up to this need no units


@piece
def _log(factor):
    """Return ln|factor|."""
    return math.log(abs(factor)) if factor != 0.0 else -math.inf


@piece
def _in_units(factor, unit, new):
    """Return factor·e^(unit − new), 0 of what is 0."""
    size = unit + _log(factor)
    return 0.0 if size == -math.inf else math.copysign(math.exp(size - new), factor)


# ------------------------------------------------------------------ forward


@piece
def _is_haar(net, kind):
    return kind == ASKED_HAAR or (kind == MULTIPLIED and net.law[0] == HAAR)


@piece
def _is_given(net, kind):
    return kind == MULTIPLIED and net.law[0] == GIVEN


@piece
def _log_gain(net, kind, sigma_w, fan_in, width):
    """Return ln of what multiplies the matrix of this kind."""
    if _is_given(net, kind):
        return 0.0
    return math.log(haar_gain(sigma_w, fan_in, width) if _is_haar(net, kind) else sigma_w / math.sqrt(float(fan_in)))


@piece
def _bias(net, kind, sigma_b, units):
    """Return what multiplies biases (of variance 1, or given) in units of e^units, which may be beyond float64."""
    if sigma_b == 0.0:
        return 0.0
    return math.exp(-units) if _is_given(net, kind) else sigma_b * math.exp(-units)


@piece
def _units_of(net, kind, log_x, log_gain, sizes):
    """Return the unit of W x + b, by the size that a number of it has."""
    sigma_w, sigma_b, fan_in, width = sizes
    log_h = log_gain + log_x
    if _is_given(net, kind):
        log_h = math.log(sigma_w) - 0.5 * math.log(float(fan_in)) + log_x
    elif _is_haar(net, kind):
        log_h -= 0.5 * math.log(float(width))
    return carry(log_h, sigma_b, True, True)


@piece
def _ask(net, memory, step, memo, here):
    """Set h = W x + b, and leave ln‖x‖, ln of the gain and of the standard deviation of h's numbers."""
    m = step[ITEM]
    kind, purpose, place = net.matrices[m, KIND], net.matrices[m, PURPOSE], net.places[m, here.layer - 1]
    h, x = register(net, memory, step[RESULT], here), register(net, memory, step[FIRST], here)
    sigma_w, sigma_b = net.sigma_w[m, here.layer - 1], net.sigma_b[m, here.layer - 1]
    log_x = log_size(net, memory, step[FIRST], here)
    log_gain = _log_gain(net, kind, sigma_w, x.size, h.size)
    parts = step[SECOND]  # results side by side, whose registers follow: these have no units
    units = 0.0 if parts > 0 else _units_of(net, kind, log_x, log_gain, (sigma_w, sigma_b, x.size, h.size))
    bias = _bias(net, kind, sigma_b, units)
    memo[LOG_X], memo[LOG_GAIN] = log_x, log_gain
    gain = math.exp(log_gain + memory.units[unit_at(net, step[FIRST], here)] - units)
    if not log_x < math.inf:
        units = 0.0
        h[:] = math.nan
    elif kind == ASKED:
        along = math.exp(log_gain + log_x - units)
        deviation = math.sqrt(along * along + bias * bias)
        memo[LOG_H] = units + _log(deviation)
        normal(net.law[1], h, here.key, here.sample, place[0], purpose, 0)
        times(h, h, deviation)
    elif kind == ASKED_HAAR:
        haar_forward(
            h, x, gain, bias, net.law, 0, 0, here.key, here.sample, place[0], purpose, memory.work
        )  # fmt: skip
    else:
        net.matrix(h, x, gain, bias, net.law, place[1], place[2], here.key, here.sample, place[0], purpose, memory.work)
    for k in range(max(parts, 0) + 1):
        written(net, memory, step[RESULT] + k, here, units)


@piece
def _pass(net, memory, step, here):
    """Set the value and the slope of a function of one stream, in units where it is linear."""
    at, item = unit_at(net, step[FIRST], here), step[ITEM]
    if memory.units[at] != 0.0:
        size = log_size(net, memory, step[FIRST], here)
        new = carry(size, 0.0, net.linear[item, 0], net.linear[item, 1])
        if new != memory.units[at]:
            in_unit(net, memory, step[FIRST], here, new)
    h, value = register(net, memory, step[FIRST], here), register(net, memory, step[RESULT], here)
    net.rows[item](h, value, register(net, memory, step[SECOND], here))
    written(net, memory, step[RESULT], here, memory.units[at])


@piece
def _map(net, memory, step, here):
    """Set values and partial derivatives of a map: of `SECOND` registers listed from `FIRST` on, `H` are arguments."""
    for k in range(step[SECOND]):
        r = net.listed[step[FIRST] + k]
        if k >= step[H]:
            written(net, memory, r, here, 0.0)
        elif memory.units[unit_at(net, r, here)] != 0.0:
            in_unit(net, memory, r, here, 0.0)
        memory.offsets[k] = here.slot * net.stride + net.registers[r, 0]
    size = register(net, memory, step[RESULT], here).size
    net.maps[step[ITEM]](memory.tape, memory.offsets, size)


@piece
def _add(net, memory, step, numbers, here):
    """Set out = keep·x + scale·y; sizes that leave the moderate ones get new units."""
    p, q = memory.units[unit_at(net, step[FIRST], here)], memory.units[unit_at(net, step[SECOND], here)]
    x, y = register(net, memory, step[FIRST], here), register(net, memory, step[SECOND], here)
    keep, scale = numbers[0], numbers[1]
    new = 0.0
    if p != 0.0 or q != 0.0 or not abs(keep) + abs(scale) < PLAIN:
        stem, branch = p + _log(keep) + log_length(x), q + _log(scale) + log_length(y)
        new = carry(max(stem, branch), 0.0, True, True)
        keep = _in_units(keep, p, new) if stem > -math.inf else 0.0
        scale = _in_units(scale, q, new) if branch > -math.inf else 0.0
    summed(register(net, memory, step[RESULT], here), x, keep, y, scale)
    written(net, memory, step[RESULT], here, new)


@piece
def forward_step(net, memory, k, memo, here):
    """Run instruction k of the way there."""
    step, numbers = net.forward[k], net.factors[k]
    operation = step[OPERATION]
    if operation == ASK:
        _ask(net, memory, step, memo, here)
    elif operation == PASS:
        _pass(net, memory, step, here)
    elif operation == MAP:
        _map(net, memory, step, here)
    elif operation == ADD:
        _add(net, memory, step, numbers, here)
    else:
        unit = memory.units[unit_at(net, step[FIRST], here)]
        given, out = register(net, memory, step[FIRST], here), register(net, memory, step[RESULT], here)
        if operation == NORM:
            memo[LOG_SLOPE], memo[KEPT], unit = normalise(out, given, step[ITEM], unit, numbers[0], True)
        elif operation == DROP:
            dropped(net.draw_uniform, here.key, here.sample, here.layer, out, numbers[0], memory.work[0])
        else:
            times(out, given, 1.0)
        written(net, memory, step[RESULT], here, unit)


# ------------------------------------------------------------------ backward


@piece
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
    size = unit + _log(factor) + own
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


@piece
def _gain_back(net, memory, step, memo, here):
    """Return the gain, and what multiplies biases, in units of x and of h."""
    m, units = step[ITEM], memory.units[unit_at(net, step[H], here)]
    gain = math.exp(memo[LOG_GAIN] + memory.units[unit_at(net, step[X], here)] - units)
    return gain, _bias(net, net.matrices[m, KIND], net.sigma_b[m, here.layer - 1], units)


@piece
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


@piece
def _multiplied_back(net, memory, step, memo, here, delta):
    """Set g = Wᵀδ/gain of another matrix."""
    g, x = gradient(net, memory, step[RESULT], here), register(net, memory, step[X], here)
    h, m = register(net, memory, step[H], here), step[ITEM]
    matrix, place = net.matrices[m], net.places[m, here.layer - 1]
    gain, bias = _gain_back(net, memory, step, memo, here)
    if matrix[KIND] == MULTIPLIED:
        net.matrix_back(
            g, delta, h, x, gain, bias, net.law, place[1], place[2], here.key, here.sample, place[0],
            matrix[PURPOSE] + 1, memory.work,
        )  # fmt: skip
    else:
        haar_backward(
            g, delta, h, x, gain, bias, net.law, 0, 0, here.key, here.sample, place[0], matrix[PURPOSE] + 1,
            memory.work,
        )  # fmt: skip


@piece
def _combine(net, memory, step, numbers, here):
    """Set out = a·first + b·second, as many of these as there are."""
    out, at = gradient(net, memory, step[RESULT], here), net.gradients[step[RESULT], UNIT + here.parity]
    if step[FIRST] == NOTHING:
        out[:], memory.gradient_units[at] = 0.0, -math.inf
        return
    first = gradient(net, memory, step[FIRST], here)
    p = memory.gradient_units[net.gradients[step[FIRST], UNIT + here.parity]]
    new = p + _log(numbers[0])
    if step[SECOND] == NOTHING:
        times(out, first, _in_units(numbers[0], p, new))
        memory.gradient_units[at] = new
        return
    q = memory.gradient_units[net.gradients[step[SECOND], UNIT + here.parity]]
    new = max(new, q + _log(numbers[1]))
    second = gradient(net, memory, step[SECOND], here)
    summed(out, first, _in_units(numbers[0], p, new), second, _in_units(numbers[1], q, new))
    memory.gradient_units[at] = new


@piece
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
            times(part, gradient(net, memory, r, here), _in_units(1.0, unit, new))
    memory.gradient_units[net.gradients[step[RESULT], UNIT + here.parity]] = new


@piece
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
    unit = memory.gradient_units[net.gradients[step[FIRST], UNIT + here.parity]] + _log(numbers[0])
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


@piece
def ask_back(net, memory, k, here):
    """Run instruction k of the way back, an Ask; return (ln‖δ‖, ln of the norm of the matrix's gradient)."""
    step = net.back[k]
    memo = memory.memo[here.slot, step[MEMO]]
    size = _ask_back(net, memory, step, net.back_factors[k, 0], memo, here)
    return size, size + memo[LOG_X]
