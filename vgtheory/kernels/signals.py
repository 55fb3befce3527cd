"""What the simulation kernels share: vector operations, what counters mean, and the scale that carries a signal."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._intrinsics import LINE, prefer_wide_vectors
from vgtheory.kernels._jit import lent, reduction
from vgtheory.kernels.normals import fill

# What a counter's last word stands for; from ROWS on, one value per row or reflection of a dense weight matrix.
# Of NumPy's type: for Python's Numba would compile whatever takes one again for each value.
SIGNAL, BIAS, BIAS_WEIGHT, REST_FORWARD, REST_BACKWARD, BIAS_ACROSS, BIAS_SEEN = (np.int64(w) for w in range(7))
# The number after a matrix's own is that of its way back.
MATRIX, SECOND, DROPPED = (np.int64(word) for word in (8, 10, 12))
ROWS = np.int64(32)
BLOCK = 1024  # elements; a few arrays of a block stay in the first-level cache
# Signals outside these sizes are carried with a scale; squares of numbers inside are far from the ends of float64.
SMALL, LARGE = 1e-120, 1e120


@reduction
def dot(a, b):
    """Return a · b."""
    prefer_wide_vectors()
    total = 0.0
    for i in range(a.size):
        total += np.float64(a[i]) * np.float64(b[i])
    return total


@lent
def scaled(out, a, alpha):
    """Set out = αa."""
    prefer_wide_vectors()
    for i in range(out.size):
        out[i] = alpha * a[i]


@lent
def combined(out, a, alpha, b, beta):
    """Set out = αa + βb."""
    prefer_wide_vectors()
    for i in range(out.size):
        out[i] = alpha * a[i] + beta * b[i]


@lent
def accumulate(out, b, beta):
    """Add βb to out."""
    prefer_wide_vectors()
    for i in range(out.size):
        out[i] += beta * b[i]


@lent
def square_sum(draw, count, key, sample, layer, purpose, work):
    """Return the sum of `count` squared standard normals; 0 for a negative count."""
    total = 0.0
    for start in range(0, count, BLOCK):
        part = work[: min(BLOCK, count - start)]
        fill(draw, part, key, sample, layer, purpose, start)
        total += dot(part, part)
    return total


@lent
def log_norm(vector):
    """Return ln‖vector‖; −inf for zeros, NaN if an element is NaN."""
    square = dot(vector, vector)
    if 1e-250 < square < 1e250 or square != square:
        return 0.5 * math.log(square)
    largest = 0.0
    for value in vector:
        largest = max(largest, abs(value))
    if largest == 0.0 or largest == math.inf:
        return math.log(largest)
    total = 0.0
    for value in vector:
        total += (value / largest) ** 2
    return math.log(largest) + 0.5 * math.log(total)


@lent
def haar_gain(sigma_w, fan_in, fan_out):
    """Return a of W = aV, V with orthonormal rows or columns: entries have variance σ_w²/fan_in in any shape."""
    return sigma_w * math.sqrt(max(1.0, fan_out / fan_in))


@lent
def carry(log_size, bias, linear_at_zero, linear_at_infinity, small=SMALL, large=LARGE):
    """Return the log-scale t in whose units a layer of size e^log_size is evaluated.

    It is 0 unless the signal is outside [small, large] where φ is linear: t·φ(h) is then φ(t·h) to working precision.
    """
    if bias > 0.0:
        log_size = max(log_size, math.log(bias))
    if linear_at_zero and -math.inf < log_size < math.log(small):
        return log_size - math.log(small)
    if linear_at_infinity and math.inf > log_size > math.log(large):
        return log_size - math.log(large)
    return 0.0


def aligned(rows: int, length: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Return an array, not set, whose rows (of at least this length) begin on lines of the cache.

    Wide vectors across two lines cost twice; memory as it comes begins on a line one time in four.
    """
    size = np.dtype(dtype).itemsize
    line = LINE // size
    padded = -(-length // line) * line
    raw = np.empty(rows * padded + line, dtype)
    start = -(raw.ctypes.data // size) % line
    return raw[start : start + rows * padded].reshape(rows, padded)
