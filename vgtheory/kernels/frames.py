"""Random matrices as operators on several vectors at once: forward on the rows of X, backward on the rows of Δ.

Rows are vectors.  With X = RQ (Q orthonormal rows, R lower triangular), normal matrices W = sΩ act as WX = sRZ with Z
independent normals, and, given that, ΩᵀΔ = (ΔZᵀ)Q + U Ξ(1 − QᵀQ), where Δ = U·(orthonormal rows) and Ξ are independent
normals.  Haar matrices: Z = Y uniform orthonormal rows; ΩᵀΔ = (ΔYᵀ)Q + U V with Δ − (ΔYᵀ)Y = U·(orthonormal rows) and V
uniform orthonormal rows across Q (Stiefel blocks).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from vgtheory.kernels._jit import piece
from vgtheory.kernels.normals import fill
from vgtheory.kernels.signals import accumulate, dot, haar_gain, scaled

# Purposes of the vectors that are drawn: forward one for each row of Q, backward one for each row of U.
FRAME, FRESH = np.int64(64), np.int64(1024)
# What is left of a vector beside the others, over its length, below which it is one of their combinations.
DEPENDENT = 1e-13


class Matrix(NamedTuple):
    """A random matrix: lengths n of its orthonormal inputs (zeros or a bias added), and `inner` of what comes out."""

    draw: Any
    haar: bool
    n: int
    inner: int


class Gradients(NamedTuple):
    """Rows of gradients; scratch: `fresh` as large, `mixing` and `spare` square, `along` with a column per input."""

    g: Any
    delta: Any
    fresh: Any
    mixing: Any
    along: Any
    spare: Any


@piece
def log_gain(haar, sigma_w, fan_in, width):
    """Return ln of what multiplies the matrix."""
    return math.log(haar_gain(sigma_w, fan_in, width) if haar else sigma_w / math.sqrt(float(fan_in)))


@piece
def matrix_of(draw, haar, fan_in, width):
    """Return the matrix of a layer of this shape."""
    n, inner = (max(fan_in, width), max(fan_in, width)) if haar else (fan_in + 1, width)
    return Matrix(draw, haar, n, inner)


@piece
def inputs(q, x, haar, fan_in, n, extra):
    """Copy signals to q, with one more coordinate, or (Haar) filled up with zeros."""
    for a in range(q.shape[0]):
        scaled(q[a, :fan_in], x[a, :fan_in], 1.0)
        for i in range(fan_in, n):
            q[a, i] = 0.0 if haar else extra


@piece
def orthonormalise(rows, n, factor, across, count):
    """Replace the rows' first n numbers by orthonormal ones (or zeros) with rows = factor·new rows; return the rank.

    Rows are made orthogonal to the first `count` rows of `across` too, whose share is dropped.  Twice, as once leaves
    the rounding errors of vectors that are nearly dependent (Giraud, Langou, Rozložník & van den Eshof 2005).
    """
    rank = 0
    for j in range(factor.shape[0]):
        v = rows[j, :n]
        size = math.sqrt(dot(v, v))
        for i in range(factor.shape[1]):
            factor[j, i] = 0.0
        for _ in range(2):
            for i in range(count):
                accumulate(v, across[i, :n], -dot(across[i, :n], v))
            for i in range(j):
                along = dot(rows[i, :n], v)
                factor[j, i] += along
                accumulate(v, rows[i, :n], -along)
        left = math.sqrt(dot(v, v))
        if left <= DEPENDENT * size:
            v[:] = 0.0
        else:  # NaN too, which must not pass for nothing
            scaled(v, v, 1.0 / left)
            factor[j, j] = left
            rank += 1
    return rank


@piece
def draw_rows(draw, rows, n, count, place, purpose):
    """Fill the rows' first n numbers with independent normals."""
    for j in range(count):
        fill(draw, rows[j, :n], place.key, place.sample, place.layer, purpose + j, 0)


@piece
def draw_frame(matrix, z, factor, place, spare):
    """Fill z with what the matrix makes of the rows of Q: independent normals, or (Haar) orthonormal rows.

    Inputs that are combinations of others (0 on the factor's diagonal) have a row of zeros in Q and here.
    """
    n = matrix.inner
    draw_rows(matrix.draw, z, n, z.shape[0], place, FRAME)
    if matrix.haar:
        for b in range(z.shape[0]):
            if factor[b, b] == 0.0:
                z[b, :n] = 0.0
        orthonormalise(z, n, spare, z, 0)


@piece
def combine(out, factor, rows, n, gain):
    """Set row j of out to gain·Σ_i factor_ji row_i for the lower triangular factor, first n numbers."""
    for j in range(factor.shape[0]):
        out[j, :n] = 0.0
        for i in range(j + 1):
            accumulate(out[j, :n], rows[i, :n], gain * factor[j, i])


@piece
def frame_back(matrix, gradients, q, z, place):
    """Set the rows of the gradients g to ΩᵀΔ; delta is used up.

    `q` and `z` are the orthonormal rows that went in, and what came out.
    """
    out, delta, fresh, mixing, along, spare = (
        gradients.g, gradients.delta, gradients.fresh, gradients.mixing, gradients.along, gradients.spare
    )  # fmt: skip
    haar, n, inner = matrix.haar, matrix.n, matrix.inner
    count, k = along.shape
    for j in range(count):
        for b in range(k):
            along[j, b] = dot(z[b, :inner], delta[j, :inner])
            if haar:
                accumulate(delta[j, :inner], z[b, :inner], -along[j, b])
    orthonormalise(delta, inner, mixing, delta, 0)
    draw_rows(matrix.draw, fresh, n, count, place, FRESH)
    if haar:
        for i in range(count):
            if mixing[i, i] == 0.0:  # takes no direction, of which there may be few
                fresh[i, :n] = 0.0
        orthonormalise(fresh, n, spare, q, k)
    else:
        for i in range(count):
            for b in range(k):
                accumulate(fresh[i, :n], q[b, :n], -dot(q[b, :n], fresh[i, :n]))
    for j in range(count):
        row = out[j, :n]
        row[:] = 0.0
        for b in range(k):
            accumulate(row, q[b, :n], along[j, b])
        for i in range(j + 1):
            accumulate(row, fresh[i, :n], mixing[j, i])
