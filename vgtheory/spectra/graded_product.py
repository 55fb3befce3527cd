"""The product of many matrices with all its singular values, however many decades they span.

J = M_L ⋯ M_1 is kept as Q diag(e^g) T: after every layer M Q is factored by QR and the triangular factor multiplies the
rows of T, so that small singular values keep their digits far beyond the range of doubles; the singular values of
diag(e^g) T come from one-sided Jacobi rotations at the end.  Q stays a product of reflections: applying it to the next
layer's matrix costs what the plain product would.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.spectral_jacobi import graded_log_singular_values

Array = NDArray[np.float64]

BLOCK = 96  # columns of a panel of reflections: measured best around 512
PANEL = 128  # columns of a panel of triangular factors
FARTHEST = 480.0  # e^±480 times rows of those sizes are normal doubles
# Rows may differ this much in size before they have to be sorted: QR then loses three of sixteen digits in the small
# ones, and their singular values as much.
UNSORTED = float(np.log(1e3))
# The sizes of T's rows are moved into the scales g when their logarithms may have left ±this; while they are inside, g
# is one number and costs nothing.
LARGEST = 200.0
HUGE = 1e150


class GradedProduct:
    """The product of matrices so far as Q diag(e^g) T; start with the identity of order n."""

    def __init__(self, n: int) -> None:
        self._height = n  # rows of the product
        self._rows: Array = np.eye(n)  # T: zero left of the diagonal
        self._logs: Array = np.zeros(n)
        self._places: NDArray[np.intp] | None = None  # the rows of M that Q's rows stand for
        self._reflections: tuple[Array, Array] | None = None
        self._range = np.zeros(2)  # bounds of ln of the norms of T's rows
        self._kept: NDArray[np.intp] | slice = slice(None)  # Q's columns that T has rows for

    def multiply(self, weights: Array, log_slopes: Array) -> None:
        """Multiply from the left by diag(±e^{log_slopes}) · weights; rows with −inf are dead."""
        alive = np.flatnonzero(np.isfinite(log_slopes))
        self._height = len(log_slopes)
        n = self._rows.shape[1]
        if not len(alive) or not len(self._logs):
            self._rows, self._logs = np.empty((0, n)), np.empty(0)
            return
        slopes = log_slopes[alive]
        if np.ptp(slopes) > UNSORTED:
            # Largest rows first: Householder QR then keeps each row's own accuracy (Cox & Higham 1998).
            order = np.argsort(-slopes, kind="stable")
            alive, slopes = alive[order], slopes[order]
        top = float(slopes.max())
        block = self._rotated(_selected(weights, alive, self._places), np.exp(slopes - top))
        factored, triangles, _ = lapack.dgeqrt(min(BLOCK, *block.shape), block, overwrite_a=1)
        count = min(block.shape)
        self._places, self._reflections = alive, (factored[:, :count], triangles)
        self._kept = slice(count)
        self._absorb(factored, top)

    def _rotated(self, columns: Array, scale: Array) -> Array:
        """Return diag(scale) · columnsᵀ · Q as an array in Fortran's order."""
        block = (columns * scale).T
        if self._reflections is None:
            return block
        return lapack.dgemqrt(*self._reflections, block, side="R", trans="N", overwrite_c=1)[0][:, self._kept]

    def _absorb(self, factored: Array, top: float) -> None:
        """Multiply T by the triangular factor, which lies in the upper part of `factored`."""
        count = min(factored.shape)
        reach = np.maximum.accumulate(self._logs[::-1])[::-1][:count]
        scales = (reach, self._logs) if np.ptp(self._logs) > 0 else None
        sizes = np.abs(np.diagonal(factored))
        self._rows, self._logs = triangular_product(factored[:count], self._rows, scales), top + reach
        with np.errstate(divide="ignore"):
            self._range += np.log([float(sizes.min()), len(sizes) * float(sizes.max())])
        if not np.abs(self._range).max() < LARGEST:
            self._scale()

    def _scale(self) -> None:
        """Bring the rows to norm one if they are not moderate; rows of zeros go."""
        largest = float(np.abs(self._rows).max(initial=0))
        if largest > HUGE:  # its square overflows
            self._rows, self._logs = self._rows / largest, self._logs + np.log(largest)
        norm = np.linalg.norm(self._rows, axis=1)
        kept = norm > 0
        if kept.all():
            self._range = np.log([float(norm.min()), float(norm.max())])
            if np.abs(self._range).max() < LARGEST / 2:
                return
        self._rows = self._rows[kept] / norm[kept, None]
        self._logs = self._logs[kept] + np.log(norm[kept])
        self._kept = np.flatnonzero(kept)
        self._range = np.zeros(2)

    @property
    def order(self) -> int:
        """Return how many rows the product has."""
        return self._height

    def factors(self) -> tuple[Array, Array, Array]:
        """Return (Q, g, T) of the product Q diag(e^g) T: Q of orthonormal columns, T zero left of the diagonal."""
        n, count = self._height, len(self._logs)
        if self._reflections is None or not count:
            return np.eye(n)[:, :count], self._logs, self._rows
        vectors = self._reflections[0]
        rows, wide = vectors.shape
        frame = np.asfortranarray(np.eye(rows, wide)[:, self._kept])
        frame = lapack.dgemqrt(*self._reflections, frame, side="L", trans="N", overwrite_c=1)[0]
        out = np.zeros((n, frame.shape[1]))
        out[self._places] = frame
        return out, self._logs, self._rows

    def log_singular_values(self, count: int) -> Array:
        """Return ln of the `count` largest singular values, descending; −inf beyond the rank.

        Raises UnsupportedError if the rotations do not converge.
        """
        out = np.full(count, -np.inf)
        if len(self._logs):
            values, sweeps = graded_log_singular_values(np.ascontiguousarray(self._rows), self._logs.copy())
            if sweeps < 0:
                raise UnsupportedError("the rotations for the singular values did not converge; use a smaller width")
            out[: min(count, len(values))] = values[:count]
        return out


def _selected(weights: Array, rows: NDArray[np.intp], columns: NDArray[np.intp] | None) -> Array:
    """Return the transpose of the matrix's part in these rows and columns, in C's order."""
    part = weights.T if columns is None or _is_all(columns, weights.shape[1]) else weights.T[columns]
    return part if _is_all(rows, weights.shape[0]) else part[:, rows]


def _is_all(places: NDArray[np.intp], count: int) -> bool:
    return len(places) == count and bool(np.all(places[1:] > places[:-1]))


def triangular_product(a: Array, b: Array, scales: tuple[Array, Array] | None = None) -> Array:
    """Return AB for A (r × k) and B (k × n), r ≤ k ≤ n, both zero left of the diagonal; A's entries there are not read.

    A panel of columns at a time, so that most zeros are not multiplied.  With scales (f, g) A stands for
    diag(e^−f) A diag(e^g), where f_i is the largest of g_j, j ≥ i: rows of B and of the product are scaled while they
    are copied, which costs nothing, unless the scales span more than doubles do.
    """
    (r, k), n = a.shape, b.shape[1]
    before = after = None
    if scales is not None:
        f, g = scales
        middle = (g.min() + g.max()) / 2
        if np.ptp(g) < 2 * FARTHEST:
            before, after = np.exp(g - middle)[:, None], np.exp(middle - f)[:, None]
        else:  # below the diagonal g_j may exceed f_i
            a = a * np.exp(np.minimum(g - f[:, None], 0.0))
    out = np.zeros((r, n), order="F")
    for start in range(0, n, PANEL):
        panel = slice(start, min(start + PANEL, n))
        height, inner = min(panel.stop, r), min(panel.stop, k)
        rows = b[:inner, panel] if before is None else b[:inner, panel] * before[:inner]
        part = blas.dtrmm(1.0, a[:height, :height], rows[:height])
        if inner > height:
            part += a[:, height:inner] @ rows[height:]
        if after is None:
            out[:height, panel] = part
        else:
            np.multiply(part, after[:height], out=out[:height, panel])
    return out
