"""Products of many rows with many: tiles of them in registers, lengths that stay in the first-level cache.

The sums' order depends on the shapes alone, so that bits depend neither on threads nor on a BLAS library.
"""

import math

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import REDUCTION_FLAGS, called, compiled
from vgtheory.kernels.signals import accumulate, dot

LENGTH = 512  # numbers of a row at a time: eight such parts lie in the first-level cache
TILE = 4


@compiled(flags=REDUCTION_FLAGS, part=True)
def _tile(out, a, b, i, j, start, stop):
    """Add to out[i + p, j + q] the parts of a[i + p] · b[j + q] from start to stop, p, q < 4."""
    prefer_wide_vectors()
    a0, a1, a2, a3 = a[i, start:stop], a[i + 1, start:stop], a[i + 2, start:stop], a[i + 3, start:stop]
    b0, b1, b2, b3 = b[j, start:stop], b[j + 1, start:stop], b[j + 2, start:stop], b[j + 3, start:stop]
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = 0.0
    for t in range(a0.size):
        s00 += a0[t] * b0[t]
        s01 += a0[t] * b1[t]
        s02 += a0[t] * b2[t]
        s03 += a0[t] * b3[t]
        s10 += a1[t] * b0[t]
        s11 += a1[t] * b1[t]
        s12 += a1[t] * b2[t]
        s13 += a1[t] * b3[t]
        s20 += a2[t] * b0[t]
        s21 += a2[t] * b1[t]
        s22 += a2[t] * b2[t]
        s23 += a2[t] * b3[t]
        s30 += a3[t] * b0[t]
        s31 += a3[t] * b1[t]
        s32 += a3[t] * b2[t]
        s33 += a3[t] * b3[t]
    rows = ((s00, s01, s02, s03), (s10, s11, s12, s13), (s20, s21, s22, s23), (s30, s31, s32, s33))
    for p in range(4):
        for q in range(4):
            out[i + p, j + q] += rows[p][q]


@compiled(flags=REDUCTION_FLAGS, part=True)
def _line(out, a, b, i, j, start, stop):
    """Add to out[i, j + q] the parts of a[i] · b[j + q] from start to stop, q < 4."""
    prefer_wide_vectors()
    a0 = a[i, start:stop]
    b0, b1, b2, b3 = b[j, start:stop], b[j + 1, start:stop], b[j + 2, start:stop], b[j + 3, start:stop]
    s0 = s1 = s2 = s3 = 0.0
    for t in range(a0.size):
        s0 += a0[t] * b0[t]
        s1 += a0[t] * b1[t]
        s2 += a0[t] * b2[t]
        s3 += a0[t] * b3[t]
    out[i, j] += s0
    out[i, j + 1] += s1
    out[i, j + 2] += s2
    out[i, j + 3] += s3


@called
def _tiles(out, a, b, lower):
    """Set out[i, j] = a[i] · b[j]; `lower`: where the tile of i and j is not above the diagonal."""
    n, m, length = a.shape[0], b.shape[0], a.shape[1]
    out[:n, :m] = 0.0
    for start in range(0, length, LENGTH):
        stop = min(start + LENGTH, length)
        for i in range(0, n, TILE):
            for j in range(0, min(m, i + TILE) if lower else m, TILE):
                if i + TILE <= n and j + TILE <= m:
                    _tile(out, a, b, i, j, start, stop)
                    continue
                for p in range(i, min(i + TILE, n)):
                    if j + TILE <= m:
                        _line(out, a, b, p, j, start, stop)
                        continue
                    for q in range(j, m):
                        out[p, q] += dot(a[p, start:stop], b[q, start:stop])


@called
def products(out, a, b):
    """Set out[i, j] = a[i] · b[j]."""
    _tiles(out, a, b, False)


@called
def gram(out, a):
    """Set out[i, j] = a[i] · a[j]."""
    _tiles(out, a, a, True)
    for i in range(a.shape[0]):
        for j in range(i):
            out[j, i] = out[i, j]


@called
def _square(out, c, sign, b, i, j, start, stop):
    """Add to out[i + p] the sum of sign·c[i + p, j + q] b[j + q] over q, from start to stop; p, q < 4."""
    prefer_wide_vectors()
    o0, o1, o2, o3 = out[i, start:stop], out[i + 1, start:stop], out[i + 2, start:stop], out[i + 3, start:stop]
    b0, b1, b2, b3 = b[j, start:stop], b[j + 1, start:stop], b[j + 2, start:stop], b[j + 3, start:stop]
    c00, c01, c02, c03 = sign * c[i, j], sign * c[i, j + 1], sign * c[i, j + 2], sign * c[i, j + 3]
    i += 1
    c10, c11, c12, c13 = sign * c[i, j], sign * c[i, j + 1], sign * c[i, j + 2], sign * c[i, j + 3]
    i += 1
    c20, c21, c22, c23 = sign * c[i, j], sign * c[i, j + 1], sign * c[i, j + 2], sign * c[i, j + 3]
    i += 1
    c30, c31, c32, c33 = sign * c[i, j], sign * c[i, j + 1], sign * c[i, j + 2], sign * c[i, j + 3]
    for t in range(o0.size):
        v0, v1, v2, v3 = b0[t], b1[t], b2[t], b3[t]
        w0 = o0[t] + (c00 * v0 + c01 * v1 + c02 * v2 + c03 * v3)
        w1 = o1[t] + (c10 * v0 + c11 * v1 + c12 * v2 + c13 * v3)
        w2 = o2[t] + (c20 * v0 + c21 * v1 + c22 * v2 + c23 * v3)
        w3 = o3[t] + (c30 * v0 + c31 * v1 + c32 * v2 + c33 * v3)
        o0[t], o1[t], o2[t], o3[t] = w0, w1, w2, w3


@called
def _row(out, b, j, start, stop, c0, c1, c2, c3):
    """Add to `out` c0·b[j] + … + c3·b[j + 3], from start to stop."""
    prefer_wide_vectors()
    b0, b1, b2, b3 = b[j, start:stop], b[j + 1, start:stop], b[j + 2, start:stop], b[j + 3, start:stop]
    for t in range(out.size):
        out[t] += c0 * b0[t] + c1 * b1[t] + c2 * b2[t] + c3 * b3[t]


@called
def combine(out, c, sign, b, triangular):
    """Add sign·Σ_j c[i, j] b[j] to out[i]; `triangular`: c[i, j] is 0 for j > i."""
    n, m, length = out.shape[0], b.shape[0], out.shape[1]
    for start in range(0, length, LENGTH):
        stop = min(start + LENGTH, length)
        for j in range(0, m, TILE):
            for i in range(j if triangular else 0, n, TILE):
                if i + TILE <= n and j + TILE <= m:
                    _square(out, c, sign, b, i, j, start, stop)
                    continue
                for p in range(i, min(i + TILE, n)):
                    part, k = out[p, start:stop], c[p]
                    if j + TILE <= m:
                        _row(part, b, j, start, stop, sign * k[j], sign * k[j + 1], sign * k[j + 2], sign * k[j + 3])
                        continue
                    for q in range(j, min(m, p + 1) if triangular else m):
                        accumulate(part, b[q, start:stop], sign * k[q])


@called
def cholesky(gram, count, share):
    """Replace the lower half of a Gram matrix by its Cholesky factor, the upper by zeros, as far as rows go well.

    Return how many rows have a factor, and the smallest share of a squared length that is left beside the rows before:
    the factor ends before a row of which no more than `share` is left.
    """
    least = 1.0
    for j in range(count):
        whole = left = gram[j, j]
        for i in range(j):
            left -= gram[j, i] * gram[j, i]
        if not share * whole < left < math.inf:
            return j, least
        least = min(least, left / whole)
        gram[j, j] = math.sqrt(left)
        for i in range(j + 1, count):
            along = gram[i, j]
            for k in range(j):
                along -= gram[i, k] * gram[j, k]
            gram[i, j] = along / gram[j, j]
            gram[j, i] = 0.0
    return count, least


@called
def invert_lower(out, factor, count):
    """Set `out` to the inverse of a lower triangular matrix."""
    for j in range(count):
        out[j, :count] = 0.0
    for j in range(count):
        out[j, j] = 1.0 / factor[j, j]
        for i in range(j + 1, count):
            total = 0.0
            for k in range(j, i):
                total += factor[i, k] * out[k, j]
            out[i, j] = -total / factor[i, i]


@called
def times_lower(out, a, b, count):
    """Set out = a·b for lower triangular matrices."""
    for i in range(count):
        for j in range(count):
            total = 0.0
            for k in range(j, i + 1):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@called
def square_lengths(out, a):
    """Set out[i] = a[i] · a[i]."""
    for i in range(a.shape[0]):
        out[i] = dot(a[i], a[i])
