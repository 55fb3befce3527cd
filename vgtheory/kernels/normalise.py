"""Layer and RMS normalisation of one vector, forward and backward, for vectors that are carried as e^t times numbers.

n = (v − m)/√(s² + eps): m the mean (RMS: 0), s² the mean square of v − m (Ba et al. (2016), Zhang & Sennrich (2019)).
Backward, b = ∂ℓ/∂n:  ∂ℓ/∂v = (b − mean(b) − n·mean(b∘n))/√(s² + eps), without mean(b) for RMS.
"""

import math

import numpy as np

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import lent, reduction
from vgtheory.kernels.signals import carry

LAYER, RMS = (np.int64(kind) for kind in (1, 2))
KINDS = {"layer": LAYER, "rms": RMS}
# Deviations this small beside the mean are its rounding: all numbers are equal.
EQUAL = 1e-15
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
def _mean_product(a, b):
    prefer_wide_vectors()
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total / a.size


@lent
def _centred(out, v):
    """Set out = v − m and return its mean square, 0 where all numbers are equal.

    The rounded mean of nearly equal numbers is off by as much as they differ, so what is left of it is taken out too.
    """
    mean = _mean(v)
    for i in range(v.size):
        out[i] = v[i] - mean
    left = _mean(out)
    for i in range(v.size):
        out[i] -= left
    square = _mean_product(out, out)
    return 0.0 if math.sqrt(square) <= EQUAL * abs(mean) else square


@lent
def normalise(out, v, kind, t, log_eps, linear_at_zero):
    """Set out = e^−u norm(e^t v) and return (ln d, eps d², u), d = 1/√(s² + eps).

    u is 0 unless eps makes the result so small that it takes units (``carry``); ln d is −inf for equal numbers.
    Of numbers that are not finite all is NaN.
    """
    prefer_wide_vectors()
    centred = out if kind == LAYER else v
    square = _centred(out, v) if kind == LAYER else _mean_product(v, v)
    log_square = -math.inf if square == 0.0 else 2.0 * t + math.log(square)
    if log_square == -math.inf and log_eps == -math.inf:
        out[:] = 0.0
        return -math.inf, 0.0, 0.0
    larger = max(log_square, log_eps)
    log_slope = -0.5 * (larger + math.log(math.exp(log_square - larger) + math.exp(log_eps - larger)))
    units = carry(0.5 * log_square + log_slope, 0.0, linear_at_zero, False)
    scale = math.exp(t + log_slope - units)
    for i in range(v.size):
        out[i] = centred[i] * scale
    return log_slope, math.exp(log_eps + 2.0 * log_slope), units


@lent
def normalise_back(b, v, kind, kept, n):
    """Turn b = ∂ℓ/∂n into ∂ℓ/∂v·√(s² + eps), in place; kept = eps d² as ``normalise`` returned it for v, n scratch.

    With u = (v − m)/s, what is left of b across u (and the ones) passes whole, the part along u to the share eps d².
    """
    prefer_wide_vectors()
    square = _centred(n, v) if kind == LAYER else _mean_product(v, v)
    centred = n if kind == LAYER else v
    level = _mean(b) if kind == LAYER else 0.0
    along = _mean_product(b, centred) / square if square > 0.0 else 0.0
    noise = ROUNDING * math.sqrt(_mean_product(b, b))
    size = 1.0 / math.sqrt(square) if square > 0.0 else 0.0
    for i in range(v.size):
        part = centred[i] * along
        c = b[i] - level - part
        # Rounding alone, as where one number is not 0 and u is constant: no gradient passes.
        b[i] = (c if abs(c) > noise * (1.0 + abs(centred[i]) * size) else 0.0) + kept * part
