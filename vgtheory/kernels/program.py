"""Programs over vectors of one column: samples run forward and backward through all layers by tables of instructions.

Compiled once for all programs.  A layer's registers lie in a stretch of a tape, what it hands on lies where the next
layer reads it.  Memory is O(N√L + L): the way there keeps the streams at the start of each segment of layers, and a
segment is run again, from the same random numbers, when the gradient reaches it.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float64, int64, types, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, compiled, entry, piece
from vgtheory.kernels._numba_internals import borrowed
from vgtheory.kernels.arguments import Activation, Samples
from vgtheory.kernels.instructions import (
    ASK,
    ASK_BACK,
    COUNTED,
    ITEM,
    MEMOS,
    NOTHING,
    OPERATION,
    RESULT,
    WATCHED,
    ask_back,
    backward_step,
    forward_step,
)
from vgtheory.kernels.matrices import MatrixDistribution
from vgtheory.kernels.normals import DRAW, fill_normal_pairs, fill_uniform_pairs
from vgtheory.kernels.operators import BACKWARD, FORWARD, LAW, WORK
from vgtheory.kernels.registers import UNIT, Found, Here, Memory, Net, gradient, in_usual_unit, register, unit_at
from vgtheory.kernels.signals import aligned, dot
from vgtheory.kernels.tables import Tables
from vgtheory.kernels.vectors import log_length, moments, normal, times

# A pass of several registers of a tape: (tape, where they begin, their length).
MAP_PASS = types.FunctionType(void(float64[::1], int64[::1], int64))
FUNCTIONS = 4  # of one stream, and as many of several, that a layer may have
SEGMENT_BYTES = 2**23  # of the tape; a network that fits is run forward once
MODERATE = 100.0  # logarithms of norms of gradients that keep their unit


class Ends(NamedTuple):
    """Purpose and layer of the normals of the start and of the loss's gradient, and the mean square of the start."""

    start: Any
    start_layer: Any
    loss: Any
    loss_layer: Any
    square: Any


@piece
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


@piece
def _sizes(net, memory, here, watched, found):
    """Bring the streams that come in to their usual units, and note their mean squares."""
    for r in range(net.carried):
        in_usual_unit(net, memory, r, here)
        if watched:
            at = unit_at(net, r, here)
            size = register(net, memory, r, here).size
            found.squares[r, here.layer - 1] = memory.squares[at] / size * math.exp(2.0 * memory.units[at])


@piece
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


@piece
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


@piece
def _together(a, b):
    """Return ln √(e^2a + e^2b)."""
    larger = max(a, b)
    if larger == -math.inf or a != a or b != b:
        return a + b
    return larger + 0.5 * math.log(math.exp(2.0 * (a - larger)) + math.exp(2.0 * (b - larger)))


@piece
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


@piece
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


@piece
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


@piece
def _network(net, ends, origin, memory, starts, watched, found, stop):
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


INTS, FLOATS = int64[:, ::1], float64[:, ::1]


@entry(
    void(
        ROW_PASS, ROW_PASS, ROW_PASS, ROW_PASS, MAP_PASS, MAP_PASS, MAP_PASS, MAP_PASS, FORWARD, BACKWARD, LAW, DRAW,
        INTS, FLOATS, INTS, FLOATS, INTS, int64[::1], INTS, boolean[:, ::1],
        INTS, int64[:, :, ::1], int64[::1], FLOATS, FLOATS, int64, int64,
        float64[::1], float64[::1], float64[::1], float64[:, :, ::1], float64[::1], float64[::1], FLOATS, int64[::1],
        FLOATS, FLOATS, types.UniTuple(int64, 4), float64, boolean, uint64, int64, int64[::1],
        float64[:, :, ::1], float64[:, :, ::1], float64[:, :, ::1], FLOATS,
    )
)  # fmt: skip
def _program_samples(
    row_0, row_1, row_2, row_3, map_0, map_1, map_2, map_3, matrix, matrix_back, law, draw_uniform,
    forward, factors, back, back_factors, registers, listed, gradients, linear,
    matrices, places, widths, sigma_w, sigma_b, carried, stride,
    tape, units, squares, memo, gradient_room, gradient_units, work, offsets,
    kept, kept_units, ends, start_square, watched, seed, first, stop,
    square_found, gradient_found, share_found, weight_found,
):  # fmt: skip
    net = Net(
        (row_0, row_1, row_2, row_3), (map_0, map_1, map_2, map_3), matrix, matrix_back, law, draw_uniform,
        borrowed(forward), borrowed(factors), borrowed(back),
        borrowed(back_factors), borrowed(registers), borrowed(listed), borrowed(gradients), borrowed(linear),
        borrowed(matrices), borrowed(places), borrowed(widths), borrowed(sigma_w), borrowed(sigma_b), carried, stride,
    )  # fmt: skip
    memory = Memory(
        borrowed(tape), borrowed(units), borrowed(squares), borrowed(memo), borrowed(gradient_room),
        borrowed(gradient_units), borrowed(work), borrowed(offsets),
    )  # fmt: skip
    starts = borrowed(kept), borrowed(kept_units)
    for i in range(weight_found.shape[0]):
        found = Found(
            borrowed(square_found)[i], borrowed(gradient_found)[i], borrowed(share_found)[i], borrowed(weight_found)[i]
        )
        origin = Here(seed, first + i, 0, 0, 0)
        _network(net, Ends(*ends, start_square), origin, memory, starts, watched, found, borrowed(stop))


@compiled(ROW_PASS.signature)
def _no_row(h, value, slope):
    """Stand where a layer has no further function of one stream."""


@compiled(MAP_PASS.signature)
def _no_map(tape, places, size):
    """Stand where a layer has no further function of several streams."""


class Results(NamedTuple):
    """What is filled, (sample, watched, layer 0..L), and of weights (sample, layer 1..L).

    Of what is watched the mean square, ln of the norm of its gradient and the share (Σg²)²/(n Σg⁴) of its numbers that
    carry it; ln of the norm of the gradient at all counted matrices.
    """

    squares: NDArray[np.float64]
    gradients: NDArray[np.float64]
    shares: NDArray[np.float64]
    weights: NDArray[np.float64]


def results(samples: int, watched: int, depth: int) -> Results:
    """Return arrays to be filled, of NaN."""
    shape = (samples, watched, depth + 1)
    return Results(*(np.full(shape, np.nan) for _ in range(3)), np.full((samples, depth), np.nan))


@dataclass(frozen=True)
class Code:
    """What a program runs on besides its tables.

    Parameters
    ----------
    rows : the functions of one stream.
    maps : those of several, MAP_PASS.
    operators : a pair of ``FORWARD`` and ``BACKWARD``, for matrices that are multiplied.
    law : the distribution of these.
    """

    rows: tuple[Activation, ...]
    maps: tuple[Any, ...]
    operators: tuple[Any, Any]
    law: MatrixDistribution


class Scales(NamedTuple):
    """Widths N_0..N_L; of every matrix and layer 1..L σ_w and σ_b, and the layer whose random numbers it takes, with
    where its entries and biases begin among given ones.
    """

    widths: NDArray[np.int64]
    sigma_w: NDArray[np.float64]
    sigma_b: NDArray[np.float64]
    places: NDArray[np.int64]


def _shapes(tables: Tables, widest: int, depth: int, most_bytes: int | None = None) -> list[tuple[int, ...]]:
    """Return the shapes of a sample's Memory, of the streams kept at the start of each segment, and of their units."""
    placed, carried = tables.placed(widest), tables.carried
    segment = min(depth, max((most_bytes or SEGMENT_BYTES) // (8 * placed.stride), math.isqrt(depth) + 1))
    alive, units = carried * placed.room, segment * (len(tables.registers) - carried) + carried
    starts = (depth - 1) // segment + 1
    return [
        (segment * placed.stride + alive,), (units,), (units,), (segment, len(tables.forward[0]), MEMOS),
        (placed.gradient_room,), (len(tables.gradients),), (WORK + 1, placed.most), (len(tables.listed),),
        (starts, alive), (starts, carried),
    ]  # fmt: skip


def bytes_of_a_sample(tables: Tables, widest: int, depth: int) -> int:
    """Return the memory that a sample takes while it runs: one after the other takes the same."""
    return 8 * sum(map(math.prod, _shapes(tables, widest, depth)))


def program_samples(
    tables: Tables, code: Code, scales: Scales, ends: tuple[int, int, int, int], samples: Samples, found: Results,
    most_bytes: int | None = None, square: float = 1.0
) -> None:  # fmt: skip
    """Fill row i of the results with sample number i of these.

    `ends` are the purposes and layers of the normals of the start, whose mean square is `square`, and of the loss's
    gradient.  `most_bytes` is about what the tape may take, by default SEGMENT_BYTES; the numbers do not depend on it.
    """
    widest = int(scales.widths.max())
    placed, law = tables.placed(widest), code.law
    shapes = _shapes(tables, widest, len(scales.widths) - 1, most_bytes)
    tape, units, squares, memo, gradients, gradient_units, work, offsets, *starts = shapes
    memory = (
        aligned(1, *tape)[0], np.empty(units), np.empty(squares), np.empty(memo), aligned(1, *gradients)[0],
        np.empty(gradient_units), aligned(*work), np.empty(offsets, np.int64), *map(np.empty, starts),
    )  # fmt: skip
    linear = np.array([[row.linear_at_zero, row.linear_at_infinity] for row in code.rows] or [[False, False]])
    _program_samples(
        *_padded([row.row for row in code.rows], _no_row), *_padded(code.maps, _no_map), *code.operators,
        (law.kind, fill_normal_pairs, law.entries, law.data, law.bias_entries, law.biases), fill_uniform_pairs,
        *tables.forward, *tables.back, placed.registers, tables.listed, placed.gradients, linear,
        tables.matrices, scales.places, scales.widths, scales.sigma_w, scales.sigma_b, tables.carried,
        placed.stride, *memory, ends, square, tables.watched, *samples, *found,
    )  # fmt: skip


def _padded(functions: Any, nothing: Any) -> list[Any]:
    return [*functions, *[nothing] * (FUNCTIONS - len(functions))]
