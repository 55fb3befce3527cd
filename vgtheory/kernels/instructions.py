"""The instructions of a program over vectors and the way there; ``adjoints`` has the way back, ``program`` runs them.

Matrices are asked once from the right and once from the left, so that nothing of them is drawn (``operators``), or a
pair of operators multiplies them.
"""

import math

from vgtheory.kernels._jit import lent, lent_call
from vgtheory.kernels.matrices import GIVEN, HAAR
from vgtheory.kernels.normalise import normalise
from vgtheory.kernels.registers import in_unit, log_size, register, unit_at, written
from vgtheory.kernels.signals import carry, haar_gain
from vgtheory.kernels.vectors import (
    dropped,
    log_length,
    normal,
    summed,
    times,
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


@lent
def log_factor(factor):
    """Return ln|factor|."""
    return math.log(abs(factor)) if factor != 0.0 else -math.inf


@lent
def in_units(factor, unit, new):
    """Return factor·e^(unit − new), 0 of what is 0."""
    size = unit + log_factor(factor)
    return 0.0 if size == -math.inf else math.copysign(math.exp(size - new), factor)


@lent
def _is_haar(net, kind):
    return kind == ASKED_HAAR or (kind == MULTIPLIED and net.law[0] == HAAR)


@lent
def _is_given(net, kind):
    return kind == MULTIPLIED and net.law[0] == GIVEN


@lent
def _log_gain(net, kind, sigma_w, fan_in, width):
    """Return ln of what multiplies the matrix of this kind."""
    if _is_given(net, kind):
        return 0.0
    return math.log(haar_gain(sigma_w, fan_in, width) if _is_haar(net, kind) else sigma_w / math.sqrt(float(fan_in)))


@lent
def bias_factor(net, kind, sigma_b, units):
    """Return what multiplies biases (of variance 1, or given) in units of e^units, which may be beyond float64."""
    if sigma_b == 0.0:
        return 0.0
    return math.exp(-units) if _is_given(net, kind) else sigma_b * math.exp(-units)


@lent_call
def _units_of(net, kind, log_x, log_gain, sizes):
    """Return the unit of W x + b, by the size that a number of it has."""
    sigma_w, sigma_b, fan_in, width = sizes
    log_h = log_gain + log_x
    if _is_given(net, kind):
        log_h = math.log(sigma_w) - 0.5 * math.log(float(fan_in)) + log_x
    elif _is_haar(net, kind):
        log_h -= 0.5 * math.log(float(width))
    return carry(log_h, sigma_b, True, True)


@lent_call
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
    bias = bias_factor(net, kind, sigma_b, units)
    memo[LOG_X], memo[LOG_GAIN] = log_x, log_gain
    gain = math.exp(log_gain + memory.units[unit_at(net, step[FIRST], here)] - units)
    if not log_x < math.inf:
        units = 0.0
        h[:] = math.nan
    elif kind == ASKED:
        along = math.exp(log_gain + log_x - units)
        deviation = math.sqrt(along * along + bias * bias)
        memo[LOG_H] = units + log_factor(deviation)
        normal(net.law[1], h, here.key, here.sample, place[0], purpose, 0)
        times(h, h, deviation)
    else:
        net.matrix(h, x, gain, bias, net.law, place[1], place[2], here.key, here.sample, place[0], purpose, memory.work)
    for k in range(max(parts, 0) + 1):
        written(net, memory, step[RESULT] + k, here, units)


@lent_call
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


@lent_call
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


@lent_call
def _add(net, memory, step, numbers, here):
    """Set out = keep·x + scale·y; sizes that leave the moderate ones get new units."""
    p, q = memory.units[unit_at(net, step[FIRST], here)], memory.units[unit_at(net, step[SECOND], here)]
    x, y = register(net, memory, step[FIRST], here), register(net, memory, step[SECOND], here)
    keep, scale = numbers[0], numbers[1]
    new = 0.0
    if p != 0.0 or q != 0.0 or not abs(keep) + abs(scale) < PLAIN:
        stem, branch = p + log_factor(keep) + log_length(x), q + log_factor(scale) + log_length(y)
        new = carry(max(stem, branch), 0.0, True, True)
        keep = in_units(keep, p, new) if stem > -math.inf else 0.0
        scale = in_units(scale, q, new) if branch > -math.inf else 0.0
    summed(register(net, memory, step[RESULT], here), x, keep, y, scale)
    written(net, memory, step[RESULT], here, new)


@lent
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
