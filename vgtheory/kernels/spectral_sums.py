"""Sums over the laws of d² of a product of free factors, and ln z with its derivatives: the equations of the path.

Notation of :mod:`vgtheory.kernels.spectral_path`.  Nodes far from |ζ| enter by the power sums of
:mod:`vgtheory.kernels.spectral_far`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import rounded, small, summed
from vgtheory.kernels.spectral_angle import upper_angle
from vgtheory.kernels.spectral_far import FAR, first_not_below, log_sum, power_sums
from vgtheory.kernels.spectral_poles import missing

PLAIN = -1


class Laws(NamedTuple):
    """The laws of d² of all factors, one behind the other.

    Law k has the nodes offsets[k] to offsets[k + 1].  Entry i + k of `below` and `lower` is for its nodes before i, of
    `above` and `upper` for those from i on: see ``spectral_far.prepare``.
    """

    nodes: NDArray[np.float64]  # ln d², ascending
    scaled: NDArray[np.float64]  # d² = scaled · e^reference
    reference: NDArray[np.float64]
    weights: NDArray[np.float64]
    offsets: NDArray[np.int64]
    atoms: NDArray[np.float64]  # mass at 0
    tops: NDArray[np.float64]  # ln of the largest d²
    below: NDArray[np.float64]
    lower: NDArray[np.float64]
    above: NDArray[np.float64]
    upper: NDArray[np.float64]
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


class Window(NamedTuple):
    """The nodes of a law near |ζ|: the first and the one behind the last, and d²/|ζ| of the references they have."""

    first: int
    last: int
    reference: float  # of the first; the other nodes have at most one more, as references are far apart
    factor: float
    other: float


@small
def _window(u, k, laws):
    start, stop = laws.offsets[k], laws.offsets[k + 1]
    first = first_not_below(laws.nodes, start, stop, u - FAR)
    last = first_not_below(laws.nodes, first, stop, u + FAR)
    low, high = laws.reference[min(first, stop - 1)], laws.reference[max(last - 1, start)]
    return (
        Window(first, last, low, np.exp(low - u), np.exp(high - u))
        if first < last
        else Window(first, last, 0.0, 0.0, 0.0)
    )


@summed
def _near_sums(theta, window, scaled, reference, weights):
    """Return E v, E w and E v w with v = d²/(ζ − d²), w = 1 + v over the nodes of a window."""
    first, last, low, factor, other = window
    cosine, sine, lift = np.cos(theta), np.sin(theta), 2.0 * np.sin(0.5 * theta) ** 2
    vr = vi = wr = wi = ar = ai = 0.0
    for i in range(first, last):
        a = scaled[i] * (factor if reference[i] == low else other)
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
def sums_of(y, k, laws):
    """Return E v, E w and E v w with v = d²/(ζ − d²), w = 1 + v over the nodes of law k."""
    u = y.real
    window = _window(u, k, laws)
    first, last = window.first, window.last
    v, w, a = _near_sums(y.imag, window, laws.scaled, laws.reference, laws.weights)
    turn = complex(np.cos(y.imag), -np.sin(y.imag))
    if first > laws.offsets[k]:
        low, rate, _ = power_sums(laws.lower, first + k, np.exp(laws.nodes[first - 1] - u) * turn)
        v, w, a = v + low, w + laws.below[first + k] + low, a + low + rate
    if last < laws.offsets[k + 1]:
        high, rate, _ = power_sums(laws.upper, last + k, np.exp(u - laws.nodes[last]) * turn.conjugate())
        v, w, a = v - laws.above[last + k] - high, w - high, a + high + rate
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
    window = _window(u, k, laws)
    first, last = window.first, window.last
    turn = complex(np.cos(theta), abs(np.sin(theta)))
    size = _near_angle(theta, turn.imag, window, laws.scaled, laws.reference, laws.weights)
    if first > laws.offsets[k]:
        size += log_sum(laws.lower, first + k, np.exp(laws.nodes[first - 1] - u) * turn.conjugate())
    if last < laws.offsets[k + 1]:
        size += laws.above[last + k] * abs(np.pi - theta)
        size += log_sum(laws.upper, last + k, np.exp(u - laws.nodes[last]) * turn)
    _, _, rest = missing(y, k, laws.panels, True)
    size += rest
    return size if theta <= np.pi else -size


@summed
def _near_angle(theta, sine, window, scaled, reference, weights):
    """Return E |arg(1 − d²/ζ)| over the nodes of a window, |sin θ| = sine."""
    first, last, low, factor, other = window
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    total = 0.0
    for i in range(first, last):
        a = scaled[i] * (factor if reference[i] == low else other)
        total += weights[i] * upper_angle(a * sine, (1.0 - a) + a * lift)
    return total
