"""Layer and RMS normalisation of one vector, forward and backward, for vectors that are carried as e^t times numbers.

n = (v − m)/√(s² + eps): m the mean (RMS: 0), s² the mean square of v − m (Ba et al. (2016), Zhang & Sennrich (2019)).
Backward, b = ∂ℓ/∂n:  ∂ℓ/∂v = (b − mean(b) − n·mean(b∘n))/√(s² + eps), without mean(b) for RMS.
"""

import math

import numpy as np

from vgtheory.kernels._jit import piece, reduction
from vgtheory.kernels._vectors import prefer_wide_vectors
from vgtheory.kernels.signals import carry

NONE, LAYER, RMS = (np.int64(kind) for kind in range(3))
# Deviations this small beside the mean are its rounding: all numbers are equal.
EQUAL = 1e-30
# The same for what is left of a gradient's number across n.
ROUNDING = 1e-14


@reduction
def _mean(v):
    prefer_wide_vectors()
    total = 0.0
    for i in range(v.size):
        total += v[i]
    return total / v.size


@reduction
def _mean_square(v, mean):
    prefer_wide_vectors()
    total = 0.0
    for i in range(v.size):
        total += (v[i] - mean) * (v[i] - mean)
    return total / v.size


@reduction
def _mean_product(b, v, mean):
    prefer_wide_vectors()
    total = 0.0
    for i in range(v.size):
        total += b[i] * (v[i] - mean)
    return total / v.size


@piece
def normalise(out, v, kind, t, log_eps, linear_at_zero):
    """Set out = e^−u norm(e^t v) and return (m, c, ln d, u): norm(e^t v) = c(v − m), d = 1/√(s² + eps).

    u is 0 unless eps makes the result so small that it takes units (``carry``); ln d is −inf for equal numbers.
    """
    prefer_wide_vectors()
    mean = _mean(v) if kind == LAYER else 0.0
    square = _mean_square(v, mean)
    if square <= EQUAL * mean * mean:
        square = 0.0
    log_square = 2.0 * t + math.log(square) if square > 0.0 else -math.inf
    larger = max(log_square, log_eps)
    if larger == -math.inf:
        out[:] = 0.0
        return mean, 0.0, -math.inf, 0.0
    log_slope = -0.5 * (larger + math.log(math.exp(log_square - larger) + math.exp(log_eps - larger)))
    units = carry(0.5 * log_square + log_slope, 0.0, linear_at_zero, False)
    scale = math.exp(t + log_slope - units)
    for i in range(v.size):
        out[i] = (v[i] - mean) * scale
    return mean, math.exp(t + log_slope), log_slope, units


@piece
def normalise_back(b, v, kind, mean, scale):
    """Turn b = ∂ℓ/∂n into ∂ℓ/∂v·√(s² + eps), in place; mean and scale as ``normalise`` returned them for v."""
    prefer_wide_vectors()
    level = _mean(b) if kind == LAYER else 0.0
    along = _mean_product(b, v, mean) * scale
    noise = ROUNDING * math.sqrt(_mean_square(b, 0.0))
    for i in range(v.size):
        n = (v[i] - mean) * scale
        c = b[i] - level - n * along
        # Rounding alone, as where one number is not 0 and n is constant: no gradient passes.
        b[i] = c if abs(c) > noise * (1.0 + abs(n)) else 0.0
