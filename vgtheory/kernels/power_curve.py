"""Laws on the half line with z = ∏_j (m + c_j)^{e_j}/m, m = M(z) = zG(z) − 1: the boundary curve in one angle.

Let κ be the smallest of the c_j > 0, e its exponent ≥ 1, and m = −κ + σ e^{iψ}.  For every 0 < ψ < π/e exactly one
σ > 0 makes z real, as Σ e_j arg(m + c_j) − arg m grows with σ; x, the density and both tails are explicit there:

    ln x = Σ e_j ln|m + c_j| − ln|m|,   x·density = Im m/π,
    P(X > x) = [Σ e_j c_j arg(m + c_j) − (Σ e_j − 1) Im m]/π,   from ∫ m d ln z.

The angle is carried as t = ln(ψ/(π/e − ψ)), so that both ends keep their digits.
"""

import numpy as np

from vgtheory.kernels._jit import exact

_HALF = 700.0  # of the range of ln σ, and the end of t where σ → 0
_EDGE = 40.0  # the end of t where x tends to an edge: both ψ and 1 − e^{−40} are exact there


@exact
def _sine(psi, complement, power):
    return np.sin(complement) if power == 1.0 and complement < psi else np.sin(psi)


@exact
def _condition(log_sigma, psi, complement, offsets, powers):
    """Return (Σ e_j arg(m + c_j) − arg m, its derivative in ln σ); offsets ascending."""
    sigma = np.exp(log_sigma)
    low = offsets[0]
    c, s = np.cos(psi), _sine(psi, complement, powers[0])
    if psi < complement:
        total = powers[0] * psi - np.arctan2(sigma * s, sigma * c - low)
    else:  # arg m = π − arg(κ − σ e^{−iψ}) and e ψ − π = −e (π/e − ψ): no cancellation as the angle tends to π/e
        total = -powers[0] * complement + np.arctan2(sigma * s, low - sigma * c)
    gap = (low - sigma * c) * (low - sigma * c) + sigma * s * sigma * s
    slope = sigma * s * low / gap
    for j in range(1, offsets.size):
        d = offsets[j] - low
        total += powers[j] * np.arctan2(sigma * s, d + sigma * c)
        slope += powers[j] * sigma * s * d / ((d + sigma * c) * (d + sigma * c) + sigma * s * sigma * s)
    return total, slope


@exact
def _radius(psi, complement, offsets, powers, guess):
    """Return ln σ at the angle ψ."""
    low, high = -_HALF, _HALF
    u = guess
    for _ in range(200):
        value, slope = _condition(u, psi, complement, offsets, powers)
        if value > 0.0:
            high = u
        else:
            low = u
        new = u - value / slope if slope > 0.0 else np.nan
        small = 4e-16 * max(1.0, abs(u))
        if high - low <= small or (abs(new - u) <= small and abs(value) <= 1e-12 * min(psi, complement)):
            return new if new == new else u
        # Next to m = 0 and m = −κ the arguments jump, and Newton's step is too small or too large.
        if not (low < new < high and abs(new - u) > small):
            new = max(low + 0.5 * (high - low), u - 8.0) if value > 0.0 else min(low + 0.5 * (high - low), u + 8.0)
        u = new
    return u


@exact
def point(t, offsets, powers, guess):
    """Return (ln x, x·density, P(0 < X ≤ x), P(X > x), ln σ) at t = ln(ψ/(π/e − ψ))."""
    span = np.pi / powers[0]
    psi, complement = span / (1.0 + np.exp(-t)), span / (1.0 + np.exp(t))
    u = _radius(psi, complement, offsets, powers, guess)
    sigma, low = np.exp(u), offsets[0]
    c, s = np.cos(psi), _sine(psi, complement, powers[0])
    im = sigma * s
    log_x = powers[0] * u - np.log(np.hypot(low - sigma * c, im))
    over, under = powers[0] * low * psi, powers[0] * low * complement
    total = powers[0]
    for j in range(1, offsets.size):
        d = offsets[j] - low
        log_x += powers[j] * np.log(np.hypot(d + sigma * c, im))
        part = powers[j] * offsets[j] * np.arctan2(im, d + sigma * c)
        over += part
        under -= part
        total += powers[j]
    over -= (total - 1.0) * im
    under += (total - 1.0) * im
    return log_x, im / np.pi, max(under, 0.0) / np.pi, max(over, 0.0) / np.pi, u


@exact
def solve(targets, column, rising, offsets, powers):
    """Return rows (ln x, x·density, P(0 < X ≤ x), P(X > x)) where `column` reaches each target, shape (n, 4).

    `rising` tells whether the column grows with t: column 3 does, 0 and 2 fall.
    """
    out = np.empty((targets.size, 4))
    sign = 1.0 if rising else -1.0
    last = _EDGE if powers[0] == 1.0 else _HALF
    for i in range(targets.size):
        target = targets[i]
        low, high = -_EDGE, last
        t, guess = 0.0, 0.0
        before, kept = 0.0, np.nan
        wide = last + _EDGE  # of the bracket two steps ago
        for step in range(200):
            row = point(t, offsets, powers, guess)
            guess = row[4]
            value = sign * (row[column] - target)
            if value > 0.0:
                high = t
            else:
                low = t
            if value == 0.0:
                break
            # A secant step inside the bracket; outwards by doubling while it is open, else halving when it lingers.
            new = t - value * (t - before) / (value - kept) if value != kept else np.nan
            before, kept = t, value
            if low == -_EDGE or high == last:
                room = max(2.0, abs(t))
                new = max(t - room, -_EDGE) if value > 0.0 else min(t + room, last)
            elif step % 2 == 0:
                if not low < new < high or high - low > 0.5 * wide:
                    new = 0.5 * (low + high)
                wide = high - low
            if not low < new < high:
                new = 0.5 * (low + high)
            if abs(new - t) <= 2e-16 * max(1.0, abs(t)) or high - low <= 4e-16 * max(1.0, abs(t)):
                break
            t = new
        for k in range(4):
            out[i, k] = row[k]
    return out
