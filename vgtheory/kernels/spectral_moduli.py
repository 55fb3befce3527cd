"""Moduli of the eigenvalues of J = ∏ D_l W_l: P(|λ| ≤ R) = t at R² = ∏_l 1/S_l(t − 1) (Haagerup & Larsen (2000)).

With E[r_l/(r_l + d²)] = t under each layer's law, ln R² = Σ_l ln σ_w² r_l (1 − t), less ln t with orthogonal weights.
Everything is a function of v = ln((t − A)/(1 − t)), A the probability of λ = 0, so that both tails keep their digits.
"""

import numpy as np

from vgtheory.kernels._jit import exact

_MARGIN = 45.0  # ln r beyond the law's nodes where t has reached its limit to rounding
_LOWEST, _HIGHEST = -80.0, 40.0  # v
_ITERATIONS = 200
# Columns of a row.
LOG_SQUARE, SLOPE, PROBABILITY = 0, 1, 2
COLUMNS = 3


@exact
def _shares(u, k, laws):
    """Return E[r/(r + d²)] without d² = 0, E[d²/(r + d²)] and d/du of the first at r = e^u."""
    nodes, weights, offsets, _ = laws
    below, above, slope = 0.0, 0.0, 0.0
    for i in range(offsets[k], offsets[k + 1]):
        e = np.exp(-abs(nodes[i] - u))
        large, small = weights[i] / (1.0 + e), weights[i] * e / (1.0 + e)
        if nodes[i] < u:
            below += large
            above += small
        else:
            below += small
            above += large
        slope += small / (1.0 + e)
    return below, above, slope


@exact
def _place(target, k, laws, guess):
    """Return u at which ln(E[r/(r + d²)]/E[d²/(r + d²)]), d² = 0 left out, has this value, and its slope."""
    nodes, _, offsets, _ = laws
    low, high = nodes[offsets[k]] - _MARGIN - 40.0, nodes[offsets[k + 1] - 1] + _MARGIN
    u = min(max(guess, low), high)
    rate = 1.0
    for _ in range(_ITERATIONS):
        below, above, slope = _shares(u, k, laws)
        if below <= 0.0:
            low, u = u, 0.5 * (u + high)
            continue
        if above <= 0.0:
            high, u = u, 0.5 * (low + u)
            continue
        gap = target - np.log(below / above)
        rate = slope / below + slope / above
        if gap > 0.0:
            low = u
        else:
            high = u
        new = u + gap / rate
        if not (low <= new <= high):
            new = 0.5 * (low + high)
        done = abs(new - u) <= 1e-15 * max(1.0, abs(u)) or high - low <= 1e-15 * max(1.0, abs(u))
        u = new
        if done:
            break
    return u, rate


@exact
def _point(v, zero, counts, log_variance, power, laws, us):
    """Return (ln R², d ln R²/dv, t) at v; us holds the ln r_k, a guess before."""
    atoms = laws[3]
    below, above = (1.0 - zero) / (1.0 + np.exp(-v)), (1.0 - zero) / (1.0 + np.exp(v))
    t = zero + below
    change = below * above / (1.0 - zero)  # dt/dv
    total, slope = 0.0, 0.0
    for k in range(counts.size):
        mine = below + (zero - atoms[k])
        us[k], rate = _place(np.log(mine / above), k, laws, us[k])
        total += counts[k] * (log_variance + us[k] + np.log(above) - power * np.log(t))
        slope += counts[k] * ((change / mine + change / above) / rate - change / above - power * change / t)
    return total, slope, t


@exact
def moduli(vs, zero, counts, log_variance, power, laws):
    """Return rows (ln R², d ln R²/dv, t) at the given v.

    Parameters
    ----------
    zero : A, the probability of λ = 0.
    counts, log_variance, power : how many layers each law stands for; ln σ_w²; 0 Gaussian, 1 orthogonal weights.
    laws : (ln d², weights, offsets, probabilities of d² = 0) of all laws in a row.
    """
    out, us = np.empty((vs.size, COLUMNS)), np.zeros(counts.size)
    for n in range(vs.size):
        out[n] = _point(vs[n], zero, counts, log_variance, power, laws, us)
    return out


@exact
def at_modulus(targets, zero, counts, log_variance, power, laws):
    """Return the rows of :func:`moduli` at prescribed ln R²; t = A far below the law."""
    out, us = np.empty((targets.size, COLUMNS)), np.zeros(counts.size)
    for n in range(targets.size):
        low, high, v = _LOWEST, _HIGHEST, 0.0
        for _ in range(_ITERATIONS):
            value, slope, _ = _point(v, zero, counts, log_variance, power, laws, us)
            if value < targets[n]:
                low = v
            else:
                high = v
            new = v + (targets[n] - value) / slope if slope > 0.0 else high + 1.0
            if not (low < new < high):
                new = 0.5 * (low + high)
            done = abs(new - v) <= 1e-14 * max(1.0, abs(v)) or high - low <= 1e-13
            v = new
            if done:
                break
        out[n] = _point(v, zero, counts, log_variance, power, laws, us)
    return out
