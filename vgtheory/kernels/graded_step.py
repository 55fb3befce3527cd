"""One unshifted QR step A = QR → RQ for a matrix diag(e^g) B whose rows may span any number of decades.

Reflections act on the scaled rows B, so that nothing over- or underflows: with v_i = e^{g_i − g_j} b_ij that of column
j changes row i of B by a multiple of b_ij.
"""

import numpy as np

from vgtheory.kernels._jit import exact, reduction


@reduction
def _project(rows, v, first, last, column, out):
    """Fill out[k] = Σ_i v_i e^{g_i − g_j} b_ik for k > column; v already holds one factor of the scale."""
    out[column + 1 :] = 0.0
    for i in range(first, last):
        for k in range(column + 1, rows.shape[1]):
            out[k] += v[i] * rows[i, k]


@reduction
def _reflect(rows, v, scale, first, last):
    """Multiply the rows from the right by 1 − scale · v vᵀ, v zero outside first..last."""
    for p in range(rows.shape[0]):
        total = 0.0
        for i in range(first, last):
            total += rows[p, i] * v[i]
        total *= scale
        for i in range(first, last):
            rows[p, i] -= total * v[i]


@exact
def graded_step(rows, logs):
    """Replace B by the rows of RQ at the same g (descending); return whether all pivots were positive numbers."""
    n = rows.shape[0]
    vectors, scales = np.zeros((n, n)), np.zeros(n)
    ends = np.zeros(n, np.int64)
    weight, out = np.zeros(n), np.zeros(n)
    for j in range(n):
        last = j
        square = 0.0
        while last < n:
            ratio = np.exp(logs[last] - logs[j])
            if ratio < 1e-160:
                break
            vectors[j, last] = ratio * rows[last, j]
            weight[last] = ratio
            square += vectors[j, last] ** 2
            last += 1
        ends[j] = last
        norm = np.sqrt(square)
        if not norm > 0.0:
            return False
        pivot = -norm if vectors[j, j] > 0.0 else norm
        vectors[j, j] -= pivot
        scales[j] = -1.0 / (pivot * vectors[j, j])
        for i in range(j, last):
            weight[i] *= vectors[j, i]
        _project(rows, weight, j, last, j, out)
        head = vectors[j, j]
        for k in range(j + 1, n):
            rows[j, k] -= scales[j] * out[k] * head
        for i in range(j + 1, n):
            factor = scales[j] * rows[i, j]
            for k in range(j + 1, n):
                rows[i, k] -= factor * out[k]
            rows[i, j] = 0.0
        rows[j, j] = pivot
    for j in range(n):
        _reflect(rows, vectors[j], scales[j], j, ends[j])
    return True
