"""Singular values of a matrix whose rows span hundreds of decades: one-sided Jacobi rotations on scaled rows.

A = diag(e^g) T with rows of T of norm one.  Plain SVD of A loses every singular value below 2^-53 of the largest;
one-sided Jacobi keeps their relative accuracy, limited by the condition of T alone (Demmel & Veselić 1992), and the
scales stay logarithms, so that they may leave the range of doubles.  A rotation of two rows of very different size is
a Gram–Schmidt step of the small one.
"""

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import compiled, rounded, summed

_TOLERANCE = 1e-14
_SWEEPS = 60


@summed
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@rounded
def _rotate(a, b, keep_a, from_b, keep_b, from_a):
    for i in range(a.size):
        x, y = a[i], b[i]
        a[i] = keep_a * x - from_b * y
        b[i] = keep_b * y + from_a * x


@rounded
def _normalise(row, log):
    """Divide by the norm and return `log` plus its logarithm; −inf for a row of zeros."""
    norm = np.sqrt(_dot(row, row))
    if not norm > 0.0:
        return -np.inf
    for i in range(row.size):
        row[i] /= norm
    return log + np.log(norm)


def graded_log_singular_values(rows: NDArray[np.float64], logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return (ln of the singular values of diag(e^logs) rows, descending; sweeps used, or −1 if not converged).

    Parameters
    ----------
    rows : shape (k, n), k ≤ n, overwritten.
    logs : shape (k,), overwritten.
    """
    sweeps = _sweeps(rows, logs)
    return -np.sort(-logs), sweeps


@compiled(counted=False)
def _sweeps(rows, logs):
    """Rotate until the rows are orthogonal: ln of their norms are in logs then; return how many sweeps, −1 if not."""
    k = rows.shape[0]
    for i in range(k):
        logs[i] = _normalise(rows[i], logs[i])
    for sweep in range(_SWEEPS):
        largest = 0.0
        for i in range(k - 1):
            best = i  # de Rijk's pivoting: the largest remaining row first
            for j in range(i + 1, k):
                if logs[j] > logs[best]:
                    best = j
            if best != i:
                for c in range(rows.shape[1]):
                    rows[i, c], rows[best, c] = rows[best, c], rows[i, c]
                logs[i], logs[best] = logs[best], logs[i]
            for j in range(i + 1, k):
                if logs[j] == -np.inf:
                    continue
                cosine = _dot(rows[i], rows[j])
                if abs(cosine) <= _TOLERANCE:
                    continue
                largest = max(largest, abs(cosine))
                big, small = (i, j) if logs[i] >= logs[j] else (j, i)
                ratio = np.exp(logs[small] - logs[big])
                # tan of the angle over the ratio: finite however small the ratio is.
                half = 0.5 * (1.0 - ratio) * (1.0 + ratio)
                tangent = cosine / (half + np.sqrt(half * half + (cosine * ratio) ** 2)) if half > 0.0 else 0.0
                if half <= 0.0:
                    tangent = 1.0 if cosine > 0.0 else -1.0
                c = 1.0 / np.sqrt(1.0 + (tangent * ratio) ** 2)
                # rows: big' = c (big + t small), small' = c (small − t big) with t = tangent · ratio
                _rotate(rows[small], rows[big], c, c * tangent, c, c * tangent * ratio * ratio)
                for row in (small, big):
                    logs[row] = _normalise(rows[row], logs[row])
        if largest <= 1e-13:
            return sweep + 1
    return -1
