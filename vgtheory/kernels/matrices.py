"""Matrices that are really drawn, or given, times vectors: O(N²) numbers, each row made from its counters when needed.

Every distribution has unit variance here (a Haar matrix: orthonormal rows or columns); the layer's gain multiplies the
vector.  Haar matrices are products of Householder reflections of Gaussian vectors (Stewart 1980), applied to vectors
without being multiplied out.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import piece
from vgtheory.kernels.entries import (
    gaussian_entries,
    rademacher_entries,
    sparse_entries,
    truncated_entries,
    uniform_entries,
)
from vgtheory.kernels.normals import fill
from vgtheory.kernels.signals import ROWS, accumulate, dot, scaled

INDEPENDENT, HAAR, LOW_RANK, GIVEN = (np.int64(kind) for kind in range(4))
# Purposes of the vectors v_k and u_k of a matrix of low rank, beyond those of rows: widths are at most 10^6 < 2^20.
RIGHT, LEFT = ROWS + np.int64(1 << 21), ROWS + np.int64(1 << 22)
KIND_OF = {"orthogonal": HAAR, "low_rank": LOW_RANK}
ENTRIES_OF = {
    "gaussian": gaussian_entries,
    "uniform": uniform_entries,
    "rademacher": rademacher_entries,
    "truncated_normal": truncated_entries,
    "sparse": sparse_entries,
}
NONE = np.zeros(1)


@dataclass(frozen=True)
class MatrixDistribution:
    """How a layer's matrix and bias are made.

    Parameters
    ----------
    kind : INDEPENDENT, HAAR, LOW_RANK or GIVEN.
    entries : the distribution of the entries of rows.
    data : numbers of that distribution; of given matrices their entries, row by row, layer after layer.
    bias_entries : the distribution of the biases.
    biases : given biases, layer after layer.
    tied : whether every layer has the matrix and the bias of layer 1.
    """

    kind: np.int64
    entries: Any
    data: NDArray[np.float64]
    bias_entries: Any
    biases: NDArray[np.float64]
    tied: bool


def drawn_matrices(
    family: str, options: Mapping[str, float], bias_family: str = "gaussian", tied: bool = False
) -> MatrixDistribution:
    """Return the distribution of a family by name, with its numbers: "cut", "density", or "rank" and "noise"."""
    entries = ENTRIES_OF.get(family, gaussian_entries)
    data = _NUMBERS[family](options) if family in _NUMBERS else NONE
    return MatrixDistribution(KIND_OF.get(family, INDEPENDENT), entries, data, ENTRIES_OF[bias_family], NONE, tied)


def _cut_and_scale(options: Mapping[str, float]) -> NDArray[np.float64]:
    cut = options["cut"]
    inside = math.erf(cut / math.sqrt(2.0))
    variance = 1.0 - 2.0 * cut * math.exp(-0.5 * cut * cut) / (math.sqrt(2.0 * math.pi) * inside)
    return np.array([cut, 1.0 / math.sqrt(variance)])


# From a family's options to the numbers that its entries (or outer products) take.
_NUMBERS: dict[str, Callable[[Mapping[str, float]], NDArray[np.float64]]] = {
    "truncated_normal": _cut_and_scale,
    "sparse": lambda options: np.array([options["density"], 1.0 / math.sqrt(options["density"])]),
    "low_rank": lambda options: np.array([options["rank"], options["noise"]]),
}


def given_matrices(weights: Iterable[NDArray[np.float64]], biases: Iterable[NDArray[np.float64]]) -> MatrixDistribution:
    """Return the distribution without chance of these matrices and biases of layers 1, 2, ..."""
    data = np.concatenate([matrix.ravel() for matrix in weights])
    return MatrixDistribution(GIVEN, gaussian_entries, data, gaussian_entries, np.concatenate(list(biases)), False)


@piece
def _reflect(draw, vector, k, place, work, transposed):
    """Apply the k-th factor of a Haar matrix to the vector's entries from k on, in place."""
    tail = vector[k:]
    v = work[: tail.size]
    fill(draw, v, place.key, place.sample, place.layer, ROWS + k, 0)
    sign = 1.0 if v[0] >= 0.0 else -1.0
    if tail.size == 1:
        tail[0] *= sign
        return
    if not transposed:
        tail[0] *= -sign  # of the diagonal of R: without it the matrix would not be Haar (Mezzadri 2007)
    norm = math.sqrt(dot(v, v))
    v[0] += sign * norm
    accumulate(tail, v, -dot(v, tail) / (norm * abs(v[0])))
    if transposed:
        tail[0] *= -sign


# Copies are written as ``scaled(..., 1.0)``: an assignment of array slices carries a message about shapes, whose
# formatting takes seconds to compile.
@piece
def _frame(draw, out, x, place, work, transposed):
    """Set out = Ωx, or Ωᵀx, for the leading block Ω of a Haar matrix."""
    n, padded = max(out.size, x.size), work[1]
    scaled(padded[: x.size], x, 1.0)
    padded[x.size : n] = 0.0
    for k in range(n):
        _reflect(draw, padded[:n], k if transposed else n - 1 - k, place, work[0], transposed)
    scaled(out, padded[: out.size], 1.0)


@piece
def _outer_products(law, out, x, sides, place, work):
    """Set out = (1 − noise)^½ rank^−½ Σ_k u_k (v_k·x): v_k and u_k are rows of the purposes `sides` + k."""
    _, _, entries, data = law
    right, left = sides
    key, sample, layer = place
    rank = int(data[0])
    out[:] = 0.0
    share = math.sqrt((1.0 - data[1]) / data[0])
    if share > 0.0:
        for k in range(rank):
            entries(work[: x.size], data, key, sample, layer, right + k)
            along = dot(work[: x.size], x)
            entries(work[: out.size], data, key, sample, layer, left + k)
            accumulate(out, work[: out.size], share * along)


@piece
def multiply(law, out, x, place, start, work):
    """Set out = Ωx for the place's matrix; law = (kind, draw, entries, data), `start` where given data of it begin."""
    kind, draw, entries, data = law
    if kind == HAAR:
        _frame(draw, out, x, place, work, False)
        return
    if kind == GIVEN:
        for i in range(out.size):
            begin = start + i * x.size
            out[i] = dot(data[begin : begin + x.size], x)
        return
    weight = 1.0
    if kind == LOW_RANK:
        _outer_products(law, out, x, (RIGHT, LEFT), place, work[0])
        weight = math.sqrt(data[1])
    else:
        out[:] = 0.0
    if weight > 0.0:
        row = work[0, : x.size]
        for i in range(out.size):
            entries(row, data, place.key, place.sample, place.layer, ROWS + i)
            out[i] += weight * dot(row, x)


@piece
def multiply_transposed(law, out, delta, place, start, work):
    """Set out = Ωᵀδ for the same matrix."""
    kind, draw, entries, data = law
    if kind == HAAR:
        _frame(draw, out, delta, place, work, True)
        return
    weight = 1.0
    if kind == LOW_RANK:
        _outer_products(law, out, delta, (LEFT, RIGHT), place, work[0])
        weight = math.sqrt(data[1])
    else:
        out[:] = 0.0
    if kind == GIVEN:
        for i in range(delta.size):
            begin = start + i * out.size
            accumulate(out, data[begin : begin + out.size], delta[i])
    elif weight > 0.0:
        row = work[0, : out.size]
        for i in range(delta.size):
            entries(row, data, place.key, place.sample, place.layer, ROWS + i)
            accumulate(out, row, weight * delta[i])
