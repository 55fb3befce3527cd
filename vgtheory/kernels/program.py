"""Programs over vectors of one column, compiled once for all of them: what Python asks, and the memory of a sample.

Memory is O(N√L + L): see ``sample_pass``, which runs one sample.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float64, int64, types, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import ROW_PASS, compiled
from vgtheory.kernels._records import by_address
from vgtheory.kernels.arguments import Activation, Samples
from vgtheory.kernels.instructions import MEMOS
from vgtheory.kernels.matrices import MatrixDistribution
from vgtheory.kernels.normals import DRAW, fill_normal_pairs, fill_uniform_pairs
from vgtheory.kernels.operators import BACKWARD, FORWARD, LAW, WORK
from vgtheory.kernels.registers import Found, Here, Memory, Net
from vgtheory.kernels.sample_pass import Ends, run_sample
from vgtheory.kernels.signals import aligned
from vgtheory.kernels.tables import Tables

# A pass of several registers of a tape: (tape, where they begin, their length).
MAP_PASS = types.FunctionType(void(float64[::1], int64[::1], int64))
FUNCTIONS = 4  # of one stream, and as many of several, that a layer may have
SEGMENT_BYTES = 2**23  # of the tape; a network that fits is run forward once


INTS, FLOATS = int64[:, ::1], float64[:, ::1]


@compiled(
    void(
        ROW_PASS, ROW_PASS, ROW_PASS, ROW_PASS, MAP_PASS, MAP_PASS, MAP_PASS, MAP_PASS, FORWARD, BACKWARD, LAW, DRAW,
        INTS, FLOATS, INTS, FLOATS, INTS, int64[::1], INTS, boolean[:, ::1],
        INTS, int64[:, :, ::1], int64[::1], FLOATS, FLOATS, int64, int64,
        float64[::1], float64[::1], float64[::1], float64[:, :, ::1], float64[::1], float64[::1], FLOATS, int64[::1],
        FLOATS, FLOATS, types.UniTuple(int64, 4), float64, boolean, uint64, int64, int64[::1],
        float64[:, :, ::1], float64[:, :, ::1], float64[:, :, ::1], FLOATS,
    ),
    counted=False,
)  # fmt: skip
def _program_samples(
    row_0, row_1, row_2, row_3, map_0, map_1, map_2, map_3, matrix, matrix_back, law, draw_uniform,
    forward, factors, back, back_factors, registers, listed, gradients, linear,
    matrices, places, widths, sigma_w, sigma_b, carried, stride,
    tape, units, squares, memo, gradient_room, gradient_units, work, offsets,
    kept, kept_units, ends, start_square, watched, seed, first, stop,
    square_found, gradient_found, share_found, weight_found,
):  # fmt: skip
    net = by_address(Net(
        (row_0, row_1, row_2, row_3), (map_0, map_1, map_2, map_3), matrix, matrix_back, law, draw_uniform,
        forward, factors, back, back_factors, registers, listed, gradients, linear,
        matrices, places, widths, sigma_w, sigma_b, carried, stride,
    ))  # fmt: skip
    memory = by_address(Memory(tape, units, squares, memo, gradient_room, gradient_units, work, offsets))
    starts = kept, kept_units
    for i in range(weight_found.shape[0]):
        found = by_address(Found(square_found[i], gradient_found[i], share_found[i], weight_found[i]))
        origin = Here(seed, first + i, 0, 0, 0)
        run_sample(net, Ends(*ends, start_square), origin, memory, starts, watched, found, stop)


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
    operators : a pair of ``FORWARD`` and ``BACKWARD`` for all matrices but asked Gaussian ones: it multiplies, or it is
        ``HAAR_PAIR``.
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
