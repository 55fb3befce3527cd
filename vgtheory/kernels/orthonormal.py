"""Sums of squares of orthonormal functions: one-point densities of unitary ensembles at finite N.

The three-term recursion runs on the functions with their weight; a common power of two is taken out, so that neither
the weight far outside nor the polynomials overflow.
"""

import numpy as np

from vgtheory.kernels._jit import loop

_BIG = 2.0**400


@loop
def hermite_square_sums(y, count):
    """Return Σ_{k<count} h_k(y)² for the functions orthonormal to dy with weight e^{−y²/2}, shape of y (1-D)."""
    out = np.empty(y.size)
    for i in range(y.size):
        before, here, total, scale = 0.0, 1.0, 1.0, -0.25 * y[i] * y[i] - 0.25 * np.log(2.0 * np.pi)
        for k in range(count - 1):
            new = (y[i] * here - np.sqrt(k + 0.0) * before) / np.sqrt(k + 1.0)
            before, here = here, new
            total += here * here
            if abs(here) > _BIG:
                here, before, total = here / _BIG, before / _BIG, total / _BIG / _BIG
                scale += np.log(_BIG)
        out[i] = np.exp(np.log(total) + 2.0 * scale)
    return out


@loop
def laguerre_square_sums(y, count, order, log_norm):
    """Return Σ_{k<count} l_k(y)², orthonormal to dy with weight y^a e^{−y}, a = order, log_norm = ln Γ(a + 1)."""
    out = np.empty(y.size)
    for i in range(y.size):
        if y[i] <= 0.0:
            # Only a = 0 leaves something at the origin: every l_k(0)² is 1.
            out[i] = count if (y[i] == 0.0 and order == 0.0) else 0.0
            continue
        before, here, total = 0.0, 1.0, 1.0
        scale = 0.5 * (order * np.log(y[i]) - y[i] - log_norm)
        for k in range(count - 1):
            new = (2.0 * k + order + 1.0 - y[i]) * here - np.sqrt(k * (k + order)) * before
            new /= np.sqrt((k + 1.0) * (k + 1.0 + order))
            before, here = here, new
            total += here * here
            if abs(here) > _BIG:
                here, before, total = here / _BIG, before / _BIG, total / _BIG / _BIG
                scale += np.log(_BIG)
        out[i] = np.exp(np.log(total) + 2.0 * scale)
    return out
