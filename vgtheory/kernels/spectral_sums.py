"""Sums over the laws of d² of a product of free factors, and ln z with its derivatives: the equations of the path.

Notation of :mod:`vgtheory.kernels.spectral_path`.  Nodes further than e^40 from |ζ| enter by their first terms, from
sums that are made once; only those between are visited: a law over thousands of decades costs what a short one does.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import rounded, small, summed
from vgtheory.kernels.spectral_angle import upper_angle
from vgtheory.kernels.spectral_poles import missing

PLAIN = -1
_RANGE = 230.0  # |ln d² − ln|ζ|| up to which squares stay inside the range of doubles
_FAR = 40.0  # beyond |ln d² − ln|ζ|| = 40 the first term of the expansion in d²/ζ or ζ/d² is exact to 2^-53


class Laws(NamedTuple):
    """The laws of d² of all factors, one behind the other.

    Law k has the nodes offsets[k] to offsets[k + 1].  Entry i + k of `below`, `moment`, `above`, `inverse` are for its
    nodes before i and from i on: weight, E d² in units of the last d², weight, E d⁻² in units of the first d⁻².
    """

    nodes: NDArray[np.float64]  # ln d², ascending
    ratios: NDArray[np.float64]  # d² in units of the law's largest
    weights: NDArray[np.float64]
    offsets: NDArray[np.int64]
    atoms: NDArray[np.float64]  # mass at 0
    tops: NDArray[np.float64]  # ln of the largest d²
    below: NDArray[np.float64]
    moment: NDArray[np.float64]
    above: NDArray[np.float64]
    inverse: NDArray[np.float64]
    panels: Any  # where the nodes come from: `spectral_poles.Panels`


class Factors(NamedTuple):
    """Per factor: how many layers it stands for, N_L/N_l, the power f of a residual block or PLAIN, ln of its scale."""

    counts: NDArray[np.float64]
    ratios: NDArray[np.float64]
    powers: NDArray[np.int64]
    log_s2: NDArray[np.float64]


class Rest(NamedTuple):
    """ln z but for the factors: (γ_j p − 1, e_j, e, p, constant)."""

    limits: NDArray[np.float64]
    shares: NDArray[np.float64]
    log_power: float
    p: float
    constant: float


class System(NamedTuple):
    """The equations of a product."""

    laws: Any
    factors: Any
    rest: Any


@summed
def _near_sums(scale, theta, ratios, weights, start, stop):
    """Return E v, E w and E v w with v = d²/(ζ − d²), w = 1 + v over the nodes of one law, d²/|ζ| = scale · ratios."""
    cosine, sine, lift = np.cos(theta), np.sin(theta), 2.0 * np.sin(0.5 * theta) ** 2
    vr = vi = wr = wi = ar = ai = 0.0
    for i in range(start, stop):
        a = scale * ratios[i]
        gap = 1.0 - a
        norm = 1.0 / max(gap * gap + 2.0 * a * lift, 1e-34)
        p = weights[i]
        x, y = (gap + a * lift) * norm, -a * sine * norm
        s, t = a * (cosine - a) * norm, y
        vr += p * s
        vi += p * t
        wr += p * x
        wi += p * y
        ar += p * (s * x - t * y)
        ai += p * (s * y + t * x)
    return complex(vr, vi), complex(wr, wi), complex(ar, ai)


@rounded
def _far_sums(u, theta, nodes, weights, start, stop):
    """Return the same where d²/|ζ| leaves the range in which its square is a double."""
    turn = complex(np.cos(theta), -np.sin(theta))
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    v, w, a = 0j, 0j, 0j
    for i in range(start, stop):
        distance = nodes[i] - u
        b = np.exp(-abs(distance))
        gap = -np.expm1(-abs(distance))
        if distance < 0.0:
            x = complex(gap + b * lift, b * np.sin(theta))  # 1 − a e^{−iθ}
            one = weights[i] / x
            v, w, a = v + b * turn * one, w + one, a + b * turn * one / x
        else:
            x = complex(gap + b * lift, -b * np.sin(theta))  # 1 − e^{iθ}/a
            one = weights[i] / x
            back = b * turn.conjugate()
            v, w, a = v - one, w - back * one, a + back * one / x
    return v, w, a


@small
def first_not_below(values, start, stop, least):
    """Return the first of the indices from start to stop whose value, ascending, is at least this; else stop."""
    while start < stop:
        middle = (start + stop) // 2
        if values[middle] < least:
            start = middle + 1
        else:
            stop = middle
    return start


@rounded
def _window(u, k, laws):
    """Return the first and the last node of law k within e^40 of e^u."""
    start, stop = laws.offsets[k], laws.offsets[k + 1]
    return first_not_below(laws.nodes, start, stop, u - _FAR), first_not_below(laws.nodes, start, stop, u + _FAR)


@rounded
def sums_of(y, k, laws):
    """Return E v, E w and E v w with v = d²/(ζ − d²), w = 1 + v over the nodes of law k."""
    u = y.real
    first, last = _window(u, k, laws)
    reach = laws.tops[k] - u
    if reach < _RANGE:
        v, w, a = _near_sums(np.exp(reach), y.imag, laws.ratios, laws.weights, first, last)
    else:
        v, w, a = _far_sums(u, y.imag, laws.nodes, laws.weights, first, last)
    turn = complex(np.cos(y.imag), -np.sin(y.imag))
    if first > laws.offsets[k]:
        small = laws.moment[first + k] * np.exp(laws.nodes[first - 1] - u) * turn
        v, w, a = v + small, w + laws.below[first + k] + small, a + small
    if last < laws.offsets[k + 1]:
        small = laws.inverse[last + k] * np.exp(u - laws.nodes[last]) * turn.conjugate()
        v, w, a = v - laws.above[last + k] - small, w - small, a + small
    value, rate, _ = missing(y, k, laws.panels, False)
    return v + value, w + value, a - rate


@small
def over(x, y):
    """Return x/y, NaN for y = 0: Numba raises for a complex division by zero."""
    if y == 0:
        return complex(np.nan, np.nan)
    return x / y


@small
def lower_log(m):
    """Return ln m with its argument in [−π, 0]."""
    if m == 0:
        return complex(np.nan, np.nan)
    return complex(np.log(abs(m)), np.arctan2(min(m.imag, -0.0), m.real))


@small
def upper_log(m):
    """Return ln m with its argument in [0, π]."""
    if m == 0:
        return complex(np.nan, np.nan)
    return complex(np.log(abs(m)), np.arctan2(max(m.imag, 0.0), m.real))


@small
def first_of(y, one, power, log_s2):
    """Return m₁ of a residual block, the root of m₁(1 + m₁) = (1 + M_D)^f/(s² ζ) in the lower half plane."""
    log_g2 = -log_s2 - y
    if power > 0:
        log_g2 += power * np.log(one)
    g2 = np.exp(log_g2)
    root = np.sqrt(1.0 + 4.0 * g2)
    if root.imag > 0.0:
        root = -root
    # (root − 1)/2 without cancellation where g² is small.
    first = over(2.0 * g2, 1.0 + root) if root.real > 0.0 else 0.5 * (root - 1.0)
    return first, g2, root


@rounded
def log_z(v, ys, system, errors, slopes):
    """Return (ln z, its first-order correction, d ln z/dv, longest step of y, m); fill errors and slopes.

    The correction is what ln z changes by when every y moves to its root at this v.
    """
    laws = system.laws
    counts, ratios, powers, log_s2 = system.factors
    limits, shares, log_power, p, constant = system.rest
    atoms = laws.atoms
    e = np.exp(v)
    below = e - 1.0
    x = upper_log(below)
    turn = -over(e, below)  # d ln m/dv
    log_m = np.log(p) - x
    m = over(p + 0j, below)
    value = constant + log_power * log_m
    rate = log_power * turn
    for j in range(limits.size):
        value += shares[j] * (upper_log(e + limits[j]) - x)
        rate += shares[j] * (over(e, e + limits[j]) + turn)
    correction, worst = 0j, 0.0
    for k in range(counts.size):
        moment, w, a = sums_of(ys[k], k, laws)
        c = ratios[k]
        if powers[k] == PLAIN:
            alive = 1.0 - atoms[k]
            slope = -over(a, moment)
            # c m + alive is small in the lower tail: its logarithms give the same residual to first order.
            rest_of = -c * p * turn + (alive - c * p)
            if abs(rest_of) < abs(c * m):
                error = (lower_log(w) - lower_log(rest_of)) * over(w, moment)
            else:
                error = lower_log(moment) - np.log(c) - log_m
            term, term_rate = ys[k], 1.0 + 0j
        else:
            one = w + atoms[k]
            root_of, g2, root = first_of(ys[k], one, powers[k], log_s2[k])
            term_rate = 1.0 + powers[k] * over(a, one)  # −d ln g²/dy
            total = root_of + moment
            slope = over(-over(g2 * term_rate, root) - a, total)
            error = lower_log(total) - log_m
            term = -lower_log(root_of) - lower_log(1.0 + root_of)
        errors[k], slopes[k] = error, slope
        worst = max(worst, abs(over(error, slope)))
        value += counts[k] * term
        share = counts[k] * term_rate
        correction -= share * over(error, slope)
        rate += share * over(turn, slope)
    return value, correction, rate, worst, m


@rounded
def angle_of(y, k, laws):
    """Return E arg(1 − d²/ζ) over the nodes of law k."""
    u, theta = y.real, y.imag
    first, last = _window(u, k, laws)
    sine, reach = abs(np.sin(theta)), laws.tops[k] - u
    if reach < _RANGE:
        size = _near_angle(np.exp(reach), sine, theta, laws.ratios, laws.weights, first, last)
    else:
        size = _far_angle(u, theta, laws.nodes, laws.weights, first, last)
    if first > laws.offsets[k]:
        size += laws.moment[first + k] * np.exp(laws.nodes[first - 1] - u) * sine
    if last < laws.offsets[k + 1]:
        size += laws.above[last + k] * abs(np.pi - theta)
        size -= laws.inverse[last + k] * np.exp(u - laws.nodes[last]) * sine
    _, _, rest = missing(y, k, laws.panels, True)
    size += rest
    return size if theta <= np.pi else -size


@summed
def _near_angle(scale, sine, theta, ratios, weights, start, stop):
    """Return E |arg(1 − d²/ζ)| where d²/|ζ| = scale · ratios, |sin θ| = sine."""
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    total = 0.0
    for i in range(start, stop):
        a = scale * ratios[i]
        total += weights[i] * upper_angle(a * sine, (1.0 - a) + a * lift)
    return total


@rounded
def _far_angle(u, theta, nodes, weights, start, stop):
    """Return the same where d²/|ζ| leaves the range of :func:`_near_sums`."""
    sine, lift = abs(np.sin(theta)), 2.0 * np.sin(0.5 * theta) ** 2
    total = 0.0
    for i in range(start, stop):
        distance = nodes[i] - u
        b, gap = np.exp(-abs(distance)), -np.expm1(-abs(distance))
        if distance < 0.0:
            total += weights[i] * upper_angle(b * sine, gap + b * lift)
        else:
            total += weights[i] * upper_angle(sine, lift - gap)
    return total
