"""Eigenvalues of a product of many matrices, those far below rounding of its norm included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.graded_step import graded_step
from vgtheory.kernels.quadrature import Array
from vgtheory.spectra.graded_product import GradedProduct

Complex = NDArray[np.complex128]

_SPLIT = 1e-26  # squared coupling between two blocks that counts as none
# Multiply-adds spent on a block so far, and the range of ln|λ| that LAPACK may then be left with: its eigenvalues are
# good to about 1e-16 times e^range.
_RANGES = ((1e9, 8.0), (4e9, 13.0), (4e11, 20.0))


def log_eigenvalues(product: GradedProduct) -> Complex:
    """Return ln λ = ln|λ| + i arg λ of a square product, ln|λ| descending; −inf where its rank ends.

    J = Q diag(e^g) T has the nonzero eigenvalues of diag(e^g) T Q.  Unshifted QR steps on that graded matrix uncouple
    large from small ones; blocks that span
    a few decades are left to LAPACK.  The plain product loses all eigenvalues below 1e-16 ‖J‖.

    Raises UnsupportedError where the QR steps do not uncouple the decades.
    """
    q, logs, triangle = product.factors()
    waiting = [(*_graded(triangle @ q, logs), 0.0)]
    found: list[Complex] = []
    while waiting:
        rows, logs, work = waiting.pop()
        n = len(logs)
        if not n:
            continue
        allowed = next((span for most, span in _RANGES if work < most), -1.0)
        if allowed < 0.0:
            raise UnsupportedError(
                "QR steps did not uncouple large from small eigenvalues; use a smaller width, or singular values"
            )
        if float(np.ptp(logs)) <= allowed:
            found.append(_of_block(rows, logs))
            continue
        if not graded_step(rows, logs):
            raise UnsupportedError(
                "the eigenvalues have a singular block and cannot be told apart; use singular values"
            )
        work += 4.0 * n**3
        waiting += [(*_graded(rows[a:b, a:b], logs[a:b]), work if b - a == n else 0.0) for a, b in _blocks(rows)]
    values = np.concatenate([*found, np.empty(0, complex)])
    out = np.full(product.order, complex(-np.inf, 0.0))
    out[: len(values)] = values[np.argsort(-values.real, kind="stable")]
    return out


def _graded(rows: Array, logs: Array) -> tuple[Array, Array]:
    """Return B of rows of norm one and g descending, diag(e^g) B similar to the given matrix; rows of zeros go."""
    norm = np.linalg.norm(rows, axis=1)
    while (norm == 0).any():  # a row of zeros and its column: an eigenvalue zero
        kept = norm > 0
        rows, logs = rows[kept][:, kept], logs[kept]
        norm = np.linalg.norm(rows, axis=1)
    logs = logs + np.log(norm)
    order = np.argsort(-logs, kind="stable")
    return np.ascontiguousarray((rows / norm[:, None])[order][:, order]), np.ascontiguousarray(logs[order])


def _blocks(rows: Array) -> list[tuple[int, int]]:
    """Return the ends of the blocks below which the matrix is zero to rounding."""
    n = len(rows)
    below = np.cumsum(np.cumsum(rows[::-1] ** 2, axis=0)[::-1], axis=1)  # sums over rows ≥ i, columns ≤ j
    cuts = np.flatnonzero(below[np.arange(1, n), np.arange(n - 1)] < _SPLIT) + 1
    return list(zip([0, *cuts], [*cuts, n], strict=True))


def _of_block(rows: Array, logs: Array) -> Complex:
    top = float(logs.max())
    with np.errstate(divide="ignore"):
        return top + np.log(np.linalg.eigvals(np.exp(logs - top)[:, None] * rows).astype(complex))
