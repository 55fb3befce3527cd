"""A sample of a program over vectors: forward and backward through all layers by tables of instructions.

A layer's registers lie in a stretch of a tape, what it hands on lies where the next layer reads it.  The way there
keeps the streams at the start of each segment of layers, and a segment is run again, from the same random numbers, when
the gradient reaches it.
"""

import math
from typing import Any, NamedTuple

from vgtheory.kernels._jit import lent, lent_call
from vgtheory.kernels.adjoints import ask_back, backward_step
from vgtheory.kernels.instructions import (
    ASK,
    ASK_BACK,
    COUNTED,
    ITEM,
    NOTHING,
    OPERATION,
    RESULT,
    WATCHED,
    forward_step,
)
from vgtheory.kernels.registers import UNIT, Here, gradient, in_usual_unit, register, unit_at
from vgtheory.kernels.signals import dot
from vgtheory.kernels.vectors import log_length, moments, normal, times

MODERATE = 100.0  # logarithms of norms of gradients that keep their unit


class Ends(NamedTuple):
    """Purpose and layer of the normals of the start and of the loss's gradient, and the mean square of the start."""

    start: Any
    start_layer: Any
    loss: Any
    loss_layer: Any
    square: Any


@lent_call
def _start(net, ends, origin, memory):
    """Fill the streams that come in: the first uniform on a sphere, others zero."""
    for r in range(net.carried):
        here = Here(origin.key, origin.sample, 1, 0, 0)
        x = register(net, memory, r, here)
        if r > 0 or ends.square == 0.0:
            x[:] = 0.0
        else:
            normal(net.law[1], x, origin.key, origin.sample, ends.start_layer, ends.start, 0)
            times(x, x, math.sqrt(ends.square * x.size / dot(x, x)))
        memory.units[r], memory.squares[r] = 0.0, math.nan


@lent_call
def _sizes(net, memory, here, watched, found):
    """Bring the streams that come in to their usual units, and note their mean squares."""
    for r in range(net.carried):
        in_usual_unit(net, memory, r, here)
        if watched:
            at = unit_at(net, r, here)
            size = register(net, memory, r, here).size
            found.squares[r, here.layer - 1] = memory.squares[at] / size * math.exp(2.0 * memory.units[at])


@lent_call
def _run(net, origin, begin, end, memory, watched, found, stop):
    """Run layers begin + 1..end forward in the slots from 0 on."""
    for layer in range(begin + 1, end + 1):
        if stop[0] != 0:
            return
        here = Here(origin.key, origin.sample, layer, layer - 1 - begin, 0)
        _sizes(net, memory, here, watched, found)
        for k in range(net.forward.shape[0]):
            forward_step(net, memory, k, memory.memo[here.slot, k], here)
            step = net.forward[k]
            if step[OPERATION] == ASK and step[WATCHED] != NOTHING:
                h = register(net, memory, step[RESULT], here)
                unit = memory.units[unit_at(net, step[RESULT], here)]
                found.squares[step[WATCHED], layer] = dot(h, h) / h.size * math.exp(2.0 * unit)


@lent_call
def _note(net, memory, r, here, layer, found):
    """Note the norm of a gradient and its share, and take it into units where it is not moderate."""
    at = net.gradients[r, UNIT + here.parity]
    g = gradient(net, memory, r, here)
    second, fourth = moments(g)
    size = 0.5 * math.log(second) if 1e-100 < second < 1e100 else log_length(g)
    if not -MODERATE < size < MODERATE and -math.inf < size < math.inf:
        times(g, g, math.exp(-0.5 * size))
        times(g, g, math.exp(-0.5 * size))
        memory.gradient_units[at] += size
        second, fourth = moments(g)
        size = 0.5 * math.log(second)
    elif size == -math.inf:
        memory.gradient_units[at] = size
    found.gradients[r, layer] = memory.gradient_units[at] + size
    found.shares[r, layer] = second * second / (fourth * g.size)


@lent
def _together(a, b):
    """Return ln √(e^2a + e^2b)."""
    larger = max(a, b)
    if larger == -math.inf or a != a or b != b:
        return a + b
    return larger + 0.5 * math.log(math.exp(2.0 * (a - larger)) + math.exp(2.0 * (b - larger)))


@lent_call
def _back(net, memory, here, watched, found):
    """Run one layer backward."""
    total = -math.inf
    for k in range(net.back.shape[0]):
        step = net.back[k]
        if step[OPERATION] == ASK_BACK:
            size, weight = ask_back(net, memory, k, here)
            if step[WATCHED] != NOTHING:
                found.gradients[step[WATCHED], here.layer] = size
            if net.matrices[step[ITEM], COUNTED] != 0:
                total = _together(total, weight)
        else:
            backward_step(net, memory, k, here)
    found.weights[here.layer - 1] = total
    if watched:
        for r in range(net.carried):
            _note(net, memory, r, here, here.layer - 1, found)


@lent_call
def _loss(net, ends, origin, memory, depth, watched, found):
    """Fill the gradients after the last layer: of the first stream uniform on the unit sphere, of others zero."""
    here = Here(origin.key, origin.sample, depth, 0, 0)
    for j in range(net.carried):
        r = net.carried + j  # gradients at what goes on
        g = gradient(net, memory, r, here)
        memory.gradient_units[net.gradients[r, UNIT]] = 0.0 if j == 0 else -math.inf
        if j == 0:
            normal(net.law[1], g, origin.key, origin.sample, ends.loss_layer, ends.loss, 0)
            times(g, g, 1.0 / math.sqrt(dot(g, g)))
        else:
            g[:] = 0.0
        if watched:
            second, fourth = moments(g)
            found.gradients[j, depth] = 0.5 * math.log(second) if second > 0.0 else -math.inf
            found.shares[j, depth] = second * second / (fourth * g.size)


@lent_call
def _copied(net, memory, kept, kept_units, slot, into):
    """Copy the streams that come into a slot to a row of what is kept, or from there."""
    for r in range(net.carried):
        begin = slot * net.stride + net.registers[r, 0]
        size = kept.size // net.carried
        part, own = kept[r * size : (r + 1) * size], memory.tape[begin : begin + size]
        at = slot * (net.registers.shape[0] - net.carried) + r
        if into:
            times(part, own, 1.0)
            kept_units[r] = memory.units[at]
        else:
            times(own, part, 1.0)
            memory.units[at], memory.squares[at] = kept_units[r], math.nan


@lent_call
def run_sample(net, ends, origin, memory, starts, watched, found, stop):
    """Run one sample.

    Segments of layers go forward one after the other, and back in the other order; each but the last is run forward
    again for that.
    """
    kept, kept_units = starts
    depth, segment = net.widths.size - 1, memory.memo.shape[0]
    last = (depth - 1) // segment
    _start(net, ends, origin, memory)
    for step in range(2 * last + 1):
        s = step if step <= last else 2 * last - step
        begin, end = s * segment, min((s + 1) * segment, depth)
        if step <= last:
            _copied(net, memory, kept[s], kept_units[s], segment if s > 0 else 0, True)
        if step > 0:
            _copied(net, memory, kept[s], kept_units[s], 0, False)
        _run(net, origin, begin, end, memory, watched, found, stop)
        if step == last:
            if watched:
                _sizes(net, memory, Here(origin.key, origin.sample, depth + 1, end - begin, 0), watched, found)
            _loss(net, ends, origin, memory, depth, watched, found)
        if step >= last:
            for layer in range(end, begin, -1):
                if stop[0] != 0:
                    return
                here = Here(origin.key, origin.sample, layer, layer - 1 - begin, (depth - layer) % 2)
                _back(net, memory, here, watched, found)
