"""Operations on streams, arrays (sample, column, component): what programs need besides matrices and maps."""

import math

import numpy as np
from numba import boolean, float64, int64, types, void

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import REDUCTION_FLAGS, called, compiled, entry
from vgtheory.kernels.normalise import normalise, normalise_back
from vgtheory.kernels.normals import fill, fill_normal_pairs, fill_uniform_pairs
from vgtheory.kernels.oracle import DRAWS
from vgtheory.kernels.rows import gram
from vgtheory.kernels.signals import accumulate, dot, log_norm, scaled

STREAM = float64[:, :, ::1]
TABLE = types.Array(int64, 2, "C", readonly=True)


@entry(void(DRAWS, STREAM))
def normals(draws, out):
    """Fill a stream with standard normals; column c takes the counters from c times its length on."""
    for s in range(out.shape[0]):
        for c in range(out.shape[1]):
            start = c * out.shape[2]
            fill(fill_normal_pairs, out[s, c], draws.key, draws.first + s, draws.layer, draws.purpose, start)


@entry(void(DRAWS, STREAM))
def uniforms(draws, out):
    """Fill a stream with numbers uniform on [0, 1), counted like ``normals``."""
    for s in range(out.shape[0]):
        for c in range(out.shape[1]):
            start = c * out.shape[2]
            fill(fill_uniform_pairs, out[s, c], draws.key, draws.first + s, draws.layer, draws.purpose, start)


@called
def _to_length(part, length):
    scaled(part, part, length / math.sqrt(dot(part, part)))


@entry(void(STREAM, float64, boolean))
def to_lengths(x, length, together):
    """Scale every column of a stream, or all columns of a sample `together`, to a length."""
    for s in range(x.shape[0]):
        if together:
            _to_length(x[s].reshape(-1), length)
        else:
            for c in range(x.shape[1]):
                _to_length(x[s, c], length)


@entry(void(TABLE, STREAM, STREAM))
def gathered(table, x, out):
    """Set each column of out to columns of x one below the other, table[tap, column]; beyond the last is a zero."""
    size = x.shape[2]
    for s in range(x.shape[0]):
        for c in range(out.shape[1]):
            for tap in range(table.shape[0]):
                part, read = out[s, c, tap * size : (tap + 1) * size], table[tap, c]
                if read < x.shape[1]:
                    scaled(part, x[s, read], 1.0)
                else:
                    part[:] = 0.0


@entry(void(TABLE, STREAM, STREAM))
def scattered(table, gradient, out):
    """Add the gradient at what was ``gathered`` to the columns of out that it was read from."""
    size = out.shape[2]
    for s in range(out.shape[0]):
        for c in range(gradient.shape[1]):
            for tap in range(table.shape[0]):
                if table[tap, c] < out.shape[1]:
                    accumulate(out[s, table[tap, c]], gradient[s, c, tap * size : (tap + 1) * size], 1.0)


@entry(void(int64, STREAM, STREAM, float64[:, ::1]))
def normalised(kind, x, out, slopes):
    """Set out = norm(x) of every column, kind LAYER or RMS with eps = 0, and slopes (sample, column) = 1/s."""
    for s in range(x.shape[0]):
        for c in range(x.shape[1]):
            log_slope, _, _ = normalise(out[s, c], x[s, c], kind, 0.0, -math.inf, False)
            slopes[s, c] = math.exp(log_slope)


@entry(void(int64, STREAM, STREAM, float64[:, ::1]))
def normalised_back(kind, gradient, x, slopes):
    """Turn the gradient at norm(x) into the gradient at x, in place."""
    work = np.empty(x.shape[2])
    for s in range(x.shape[0]):
        for c in range(x.shape[1]):
            normalise_back(gradient[s, c], x[s, c], kind, 0.0, work)
            scaled(gradient[s, c], gradient[s, c], slopes[s, c])


@entry(void(STREAM, float64[::1]))
def mean_squares(x, out):
    """Set out = the mean square of every sample's part of a stream."""
    for s in range(x.shape[0]):
        part = x[s].reshape(-1)
        out[s] = dot(part, part) / part.size


@entry(void(STREAM, float64[::1]))
def mean_cosines(x, out):
    """Set out = the mean cosine over pairs of columns, 0 of a single one; a column of zeros has cosine 0 with all."""
    columns, total = x.shape[1], np.empty(x.shape[2])
    for s in range(x.shape[0]):
        total[:] = 0.0
        own = 0.0
        for c in range(columns):
            square = dot(x[s, c], x[s, c])
            if square != 0.0:
                accumulate(total, x[s, c], 1.0 / math.sqrt(square))
                own += 1.0
        out[s] = (dot(total, total) - own) / max(columns * (columns - 1), 1)


@entry(void(STREAM, float64[::1]))
def largest_log_norms(x, out):
    """Raise out to ln of the Frobenius norm of every sample's part of a stream, where that is larger; NaN stays."""
    for s in range(x.shape[0]):
        norm = log_norm(x[s].reshape(-1))
        if out[s] == out[s] and not norm <= out[s]:
            out[s] = norm


@entry(void(STREAM, float64[::1]))
def take_unit(x, units):
    """Multiply every sample's part of a stream by e^−unit, where that is finite."""
    for s in range(x.shape[0]):
        if math.isfinite(units[s]):
            part = x[s].reshape(-1)
            scaled(part, part, math.exp(-units[s]))


@compiled(flags=REDUCTION_FLAGS, part=True)
def _moments(g, unit):
    """Return the sums of squares and of fourth powers of g/unit."""
    prefer_wide_vectors()
    second = fourth = 0.0
    for t in range(g.size):
        square = (g[t] * unit) * (g[t] * unit)
        second += square
        fourth += square * square
    return second, fourth


@entry(void(STREAM, float64[::1], float64[::1]))
def gradient_sizes(g, norms, shares):
    """Set norms = ln of the norm of every sample's part, shares = (Σg²)²/(n Σg⁴): 1 if all numbers do alike, 1/n if one
    does; NaN of zeros.
    """
    for s in range(g.shape[0]):
        part = g[s].reshape(-1)
        norms[s] = log_norm(part)
        second, fourth = _moments(part, math.exp(-norms[s]) if math.isfinite(norms[s]) else math.nan)
        shares[s] = second * second / (fourth * part.size)


@called
def _gram_product(x, delta, first, second):
    """Return Σ (x_c · x_d)(δ_c · δ_d) over pairs of columns."""
    columns = x.shape[0]
    gram(first, x)
    gram(second, delta)
    total = 0.0
    for c in range(columns):
        total += dot(first[c], second[c])
    return max(total, 0.0)


@entry(void(STREAM, STREAM, float64[::1]))
def outer_squares(x, delta, out):
    """Set out = ‖Σ_c δ_c x_cᵀ‖_F² by sample, by way of the columns' products."""
    columns = x.shape[1]
    first, second = np.empty((columns, columns)), np.empty((columns, columns))
    for s in range(x.shape[0]):
        out[s] = _gram_product(x[s], delta[s], first, second)
