"""Sums of Chebyshev polynomials."""

import numpy as np

from vgtheory.kernels._jit import loop

_BLOCK = 64  # points at a time: both rows of the recursion stay in the first cache


@loop
def chebyshev_sum(t, coefficients):
    """Return Σ_k c_k T_k(t) at t (1-D, in [−1, 1]), by Clenshaw's recursion."""
    out = np.empty(t.size)
    one, two, twice = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for first in range(0, t.size, _BLOCK):
        count = min(_BLOCK, t.size - first)
        for j in range(count):
            one[j], two[j], twice[j] = 0.0, 0.0, 2.0 * t[first + j]
        for k in range(coefficients.size - 1, 0, -1):
            c = coefficients[k]
            for j in range(count):
                new = c + twice[j] * one[j] - two[j]
                two[j] = one[j]
                one[j] = new
        for j in range(count):
            out[first + j] = coefficients[0] + 0.5 * twice[j] * one[j] - two[j]
    return out
