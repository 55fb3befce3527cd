"""Top edge of the spectrum of J Jᵀ for a product of free factors: where ln z is smallest over real m beyond the law.

Notation of :mod:`vgtheory.kernels.spectral_path`.  On the real axis m falls from +∞ (an atom of x) to 0 (x = ∞) as v
rises from 0 to ∞; below a surviving atom m < −p and v < 0.
"""

import numpy as np

from vgtheory.kernels._jit import exact, reduction
from vgtheory.kernels.spectral_sums import PLAIN

_BISECTIONS = 100
_LEAST, _MOST = -34.0, 7.0  # ln of the distance of ln ζ from the law's top
_DEEPEST, _HIGHEST = -30.0, 4.1  # ln |v|
_SCAN = 700
_CANCELS = 0.1  # closer than this in ln d² to ln ζ the difference 1 − d²/ζ would cancel


@reduction
def _below(scale, ratios, weights, start, stop):
    """Return Σ p/(a⁻¹ − 1), Σ p/(1 − a) and Σ p a/(1 − a)² over nodes d²/ζ = a = scale · ratios well below 1."""
    v, w, total = 0.0, 0.0, 0.0
    for i in range(start, stop):
        a = scale * ratios[i]
        one = weights[i] / (1.0 - a)
        v += a * one
        w += one
        total += a * one / (1.0 - a)
    return v, w, total


@exact
def _real_sums(y, k, laws):
    """Return M_D, 1 + M_D and −dM_D/d ln ζ at real ζ off the law."""
    nodes, weights, offsets, atoms = laws.nodes, laws.weights, laws.offsets, laws.atoms
    start, stop = offsets[k], offsets[k + 1]
    far = start + np.searchsorted(nodes[start:stop], y - _CANCELS)
    v, w, a = 0.0, 0.0, 0.0
    if far > start:
        v, w, a = _below(np.exp(min(laws.tops[k] - y, 700.0)), laws.ratios, weights, start, far)
    w += atoms[k]
    for i in range(far, stop):
        x = np.expm1(y - nodes[i])  # ζ/d² − 1
        v += weights[i] / x
        w += weights[i] * (1.0 + x) / x
        a += weights[i] * (1.0 + x) / (x * x)
    return v, w, a


@exact
def _real_factor(y, k, laws, factors):
    """Return (m of the factor, d ln |m|/dy, dT/dy) at real y."""
    moment, one, a = _real_sums(y, k, laws)
    power = factors.powers[k]
    if power == PLAIN:
        return moment, -a / moment, 1.0
    g2 = np.exp(-factors.log_s2[k] - y) * (one**power if power > 0 else 1.0)
    root = np.sqrt(1.0 + 4.0 * g2)
    rate = 1.0 + power * a / one
    total = 2.0 * g2 / (1.0 + root) + moment
    return total, -(g2 * rate / root + a) / total, rate


@exact
def _solve_above(log_m, k, laws, factors, guess):
    """Return ln of the distance of y above the law's top at which the factor has this m > 0."""
    top = laws.tops[k]
    log_target = log_m + (np.log(factors.ratios[k]) if factors.powers[k] == PLAIN else 0.0)
    low, high, t = _LEAST, _MOST, guess
    for _ in range(_BISECTIONS):
        m, slope, _ = _real_factor(top + np.exp(t), k, laws, factors)
        gap = np.log(m) - log_target if m > 0.0 else -1.0
        if gap > 0.0:
            low = t
        else:
            high = t
        new = t - gap / (slope * np.exp(t)) if m > 0.0 else low - 1.0
        if not (low < new < high):
            new = 0.5 * (low + high)
        done = abs(new - t) < 1e-15 * max(1.0, abs(t)) or high - low < 1e-15
        t = new
        if done:
            break
    return t


@exact
def _solve_below(m, k, laws, factors, second):
    """Return y between the law's top atom and the rest (or 0), where M_D = c m < 0."""
    top = laws.tops[k]
    target = factors.ratios[k] * m
    low, high = -36.0, 40.0 if second == -np.inf else np.log(max(top - second, 1e-12))
    for _ in range(_BISECTIONS):
        t = 0.5 * (low + high)
        value, _, _ = _real_sums(top - np.exp(t), k, laws)
        if value < target:
            low = t
        else:
            high = t
    return top - np.exp(0.5 * (low + high))


@exact
def _rate(v, ys, seconds, system, guesses):
    """Return d ln z/dv at real v; fill ys."""
    laws, factors = system.laws, system.factors
    limits, shares, log_power, p, _ = system.rest
    e, below = np.exp(v), np.expm1(v)
    turn = -e / below
    m = p / below
    rate = log_power * turn
    for j in range(limits.size):
        rate += shares[j] * (e / (e + limits[j]) + turn)
    for k in range(ys.size):
        if m > 0.0:
            guesses[k] = _solve_above(np.log(m), k, laws, factors, guesses[k])
            ys[k] = laws.tops[k] + np.exp(guesses[k])
        else:
            ys[k] = _solve_below(m, k, laws, factors, seconds[k])
        _, slope, term_rate = _real_factor(ys[k], k, laws, factors)
        rate += factors.counts[k] * term_rate * turn / slope
    return rate


@exact
def top_edge(below_atom, seconds, system):
    """Return (v, real y, found): the largest v at which d ln z/dv vanishes.

    Parameters
    ----------
    below_atom : whether the largest x is an atom; the edge of the continuous part is then at v < 0.
    seconds : ln d² of the largest part of each law but its top atom, −∞ for none.
    """
    ys, guesses = np.zeros(system.factors.counts.size), np.zeros(system.factors.counts.size)
    low, high = _DEEPEST, _HIGHEST
    v = 0.0
    if below_atom:  # the nearest zero: the lower edge is another one
        for i in range(_SCAN):
            high = _DEEPEST + (i + 1.0) / _SCAN * (_HIGHEST - _DEEPEST)
            if _rate(-np.exp(high), ys, seconds, system, guesses) < 0.0:
                break
            low = high
        if low == high:
            return v, ys, False
    for _ in range(70):
        t = 0.5 * (low + high)
        v = -np.exp(t) if below_atom else np.exp(t)
        rate = _rate(v, ys, seconds, system, guesses)
        # Above the spectrum ln z rises with v: towards the edge is up from an atom, down from infinity.
        if (rate > 0.0) == below_atom:
            low = t
        else:
            high = t
    return v, ys, _DEEPEST + 1.0 < t < _HIGHEST - 0.1
