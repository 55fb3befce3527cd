"""Orthonormal functions in their recursion: sums of squares and the integrals that densities at finite N are made of.

The three-term recursion runs on the functions with their weight; a common factor e^s is taken out of each row, so that
neither the weight far outside nor the polynomials overflow.  A row is (Σ_{k<n} f_k², f_n, I_{n−1}, s) in units of
e^{2s}, e^s, e^s and 1: the squares are all that β = 2 needs, β = 1 and 4 add f_n and the integral I.
"""

import numpy as np

from vgtheory.kernels._jit import loop, piece

_BIG = 2.0**400
_FAR = 1e150  # the polynomials' logarithms are below rounding of that of the weight, and their squares overflow
_TERMS = 100000


@loop
def hermite_rows(y, count, start):
    """Return rows at y (1-D) for the functions orthonormal to dy with weight e^{−y²/2}; I_k = ∫_y^∞ f_k.

    `start` is I_0/f_0.  From f_k' = (√k f_{k−1} − √(k+1) f_{k+1})/2: √(k+1) I_{k+1} = √k I_{k−1} + 2 f_k, without
    cancellation beyond the zeros.
    """
    out = np.empty((y.size, 4))
    for i in range(y.size):
        before, here, total, scale = 0.0, 1.0, 0.0, -0.25 * y[i] * y[i] - 0.25 * np.log(2.0 * np.pi)
        if abs(y[i]) > _FAR:
            out[i, 0], out[i, 1], out[i, 2], out[i, 3] = 1.0, 1.0, 1.0, scale
            continue
        tail_before, tail = 0.0, start[i]
        for k in range(count):
            total += here * here
            root = np.sqrt(k + 1.0)
            new = (y[i] * here - np.sqrt(k + 0.0) * before) / root
            if k > 0:
                tail_before, tail = tail, (np.sqrt(k - 1.0) * tail_before + 2.0 * before) / np.sqrt(k + 0.0)
            before, here = here, new
            while abs(here) > _BIG:
                here, before, total = here / _BIG, before / _BIG, total / _BIG / _BIG
                tail, tail_before = tail / _BIG, tail_before / _BIG
                scale += np.log(_BIG)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = total, here, tail, scale
    return out


@piece
def _partial_gamma(s, z):
    """Return (γ(s, z), Γ(s, z)) e^z z^{1/2 − s}, whichever has the quicker expansion, −1 for the other."""
    if z < s + 1.0:
        term, total, k = 1.0 / s, 1.0 / s, 1
        while term > 1e-17 * total and k < _TERMS:
            term *= z / (s + k)
            total += term
            k += 1
        return total * np.sqrt(z), -1.0
    # The continued fraction of Γ(s, z) by Lentz's algorithm.
    tiny = 1e-300
    b = z + 1.0 - s
    d, c = 1.0 / b, 1.0 / tiny
    h = d
    for k in range(1, _TERMS):
        a = -k * (k - s)
        b += 2.0
        d, c = a * d + b, b + a / c
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1.0) < 1e-16:
            break
    return -1.0, h * np.sqrt(z)


@loop
def laguerre_rows(y, count, order, log_norm, log_half):
    """Return rows at y > 0 (1-D) for the functions orthonormal to dy with weight y^a e^{−y}, a = order.

    I_k = ∫ t^{−1/2} f_k(t) dt over (y, ∞) for y > a, over (0, y) for y ≤ a, where nothing cancels outside the zeros:
    with b_k = √(k(k + a)), b_{k+1} I_{k+1} = b_k I_{k−1} ± 2√y f_k.
    log_norm = ln Γ(a + 1), log_half = ln Γ((a + 1)/2).
    """
    out = np.empty((y.size, 4))
    for i in range(y.size):
        before, here, total = 0.0, 1.0, 0.0
        if y[i] > _FAR:
            out[i, 0], out[i, 1], out[i, 2], out[i, 3] = 1.0, 1.0, 1.0, -0.5 * y[i]
            continue
        scale = 0.5 * (order * np.log(y[i]) - y[i] - log_norm)
        side = 1.0 if y[i] > order else -1.0
        s, z = 0.5 * (order + 1.0), 0.5 * y[i]
        low, up = _partial_gamma(s, z)
        if side < 0.0:
            tail = np.sqrt(2.0) * low
        elif up < 0.0:
            tail = np.sqrt(2.0) * (np.exp(log_half + z + (0.5 - s) * np.log(z)) - low)
        else:
            tail = np.sqrt(2.0) * up
        tail_before, root = 0.0, np.sqrt(y[i])
        for k in range(count):
            total += here * here
            now, new_root = np.sqrt(k * (k + order)), np.sqrt((k + 1.0) * (k + 1.0 + order))
            new = ((2.0 * k + order + 1.0 - y[i]) * here - now * before) / new_root
            if k > 0:
                last = np.sqrt((k - 1.0) * (k - 1.0 + order))
                tail_before, tail = tail, (last * tail_before - side * 2.0 * root * before) / now
            before, here = here, new
            while abs(here) > _BIG:
                here, before, total = here / _BIG, before / _BIG, total / _BIG / _BIG
                tail, tail_before = tail / _BIG, tail_before / _BIG
                scale += np.log(_BIG)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = total, here, tail, scale
    return out
