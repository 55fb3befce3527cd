"""One law of d² and its means at a point of :mod:`vgtheory.kernels.spectral_curve`: sums over the nodes near ln r.

Nodes far from r enter by the power sums of :mod:`vgtheory.kernels.spectral_far`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import reduction, rounded
from vgtheory.kernels.spectral_angle import upper_angle
from vgtheory.kernels.spectral_far import FAR, first_not_below, power_sums, prepare

_NEAR = 0.7  # closer than this in ln d² to ln r the difference 1 − d²/r would cancel
_TINY = 1e-34  # floor of |1 − d²/ζ|², reached only when ζ sits on a node
_E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12, _E13, _E14, _E15, _E16 = (
    -((-1.0) ** k) / math.factorial(k) for k in range(2, 17)
)


class Law(NamedTuple):
    """The law of d², its nodes ascending; entries k of the sums are those of ``spectral_far.prepare``."""

    nodes: NDArray[np.float64]  # ln d²
    weights: NDArray[np.float64]
    below: NDArray[np.float64]
    lower: NDArray[np.float64]
    above: NDArray[np.float64]
    upper: NDArray[np.float64]
    scaled: NDArray[np.float64]  # d² = scaled · e^reference
    reference: NDArray[np.float64]
    atom: float  # mass at 0


class Window(NamedTuple):
    """The nodes near r = e^u: where they begin, pass r and end; b = e^{−|ln d² − u|} and 1 − b of each."""

    first: int
    middle: int
    last: int
    ratio: NDArray[np.float64]
    gap: NDArray[np.float64]


class Means(NamedTuple):
    """Q = E w, Y = E y, E y w and E y² for y = (d²/r) w, w = 1/(1 − d²/ζ)."""

    q: complex
    y: complex
    yw: complex
    yy: complex


def law_of(nodes: NDArray[np.float64], weights: NDArray[np.float64], atom: float) -> Law:
    """Return the law of ascending nodes ln d² and of a mass at d² = 0, with the sums that its means take."""
    return Law(nodes, weights, *prepare(nodes, weights), atom)


@rounded
def fill_window(u, law, ratio, gap):
    """Fill ratio = e^{−|ln d² − u|} and gap = 1 − ratio near u; return where the nodes begin, pass r and end."""
    nodes, scaled, reference = law.nodes, law.scaled, law.reference
    first = first_not_below(nodes, 0, nodes.size, u - FAR)
    middle = first_not_below(nodes, first, nodes.size, u)
    last = first_not_below(nodes, middle, nodes.size, u + FAR)
    if first < last:
        low, high = reference[first], reference[last - 1]  # two at most: they are far apart
        _fill(first, middle, last, low, np.exp(low - u), np.exp(high - u), scaled, reference, ratio, gap)
    start, stop = first_not_below(nodes, first, middle, u - _NEAR), first_not_below(nodes, middle, last, u + _NEAR)
    _fill_near(start, stop, u, nodes, gap)
    return first, middle, last


@rounded
def _fill(first, middle, last, low, factor, other, scaled, reference, ratio, gap):
    for i in range(first, middle):
        ratio[i] = scaled[i] * (factor if reference[i] == low else other)
        gap[i] = 1.0 - ratio[i]
    for i in range(middle, last):
        ratio[i] = 1.0 / (scaled[i] * (factor if reference[i] == low else other))
        gap[i] = 1.0 - ratio[i]


@rounded
def _fill_near(start, stop, u, nodes, gap):
    """Fill gap = 1 − e^{−s} by its series in s = |ln d² − u| ≤ 0.7, to 2^-53."""
    for i in range(start, stop):
        s = abs(nodes[i] - u)
        high = _E9 + s * (_E10 + s * (_E11 + s * (_E12 + s * (_E13 + s * (_E14 + s * (_E15 + s * _E16))))))
        middle = _E4 + s * (_E5 + s * (_E6 + s * (_E7 + s * (_E8 + s * high))))
        # On a node itself: as close as rounding can tell.
        gap[i] = max(s * (1.0 + s * (_E2 + s * (_E3 + s * middle))), 1e-17)


@reduction
def means(u, theta, phi, law, window):
    """Return Q = E w, Y = E y, E y w and E y² for y = (d²/r) w, at ζ = e^u e^{iθ}, φ = π − θ."""
    nodes, weights, below, lower, above, upper, _, _, atom = law
    first, middle, last, ratio, gap = window
    if theta < phi:
        cosine, sine = -np.cos(theta), np.sin(theta)
    else:
        cosine, sine = np.cos(phi), np.sin(phi)
    lift = 2.0 * np.sin(0.5 * theta) ** 2  # 1 + cos φ without cancellation
    qr = qi = yr = yi = ar = ai = br = bi = 0.0
    for i in range(first, middle):
        b = ratio[i]
        scale = 1.0 / max(gap[i] * gap[i] + 2.0 * b * lift, _TINY)
        wr, wi = (gap[i] + b * lift) * scale, -b * sine * scale
        p, vr, vi = weights[i], b * wr, b * wi
        qr += p * wr
        qi += p * wi
        yr += p * vr
        yi += p * vi
        ar += p * (vr * wr - vi * wi)
        ai += p * (vr * wi + vi * wr)
        br += p * (vr * vr - vi * vi)
        bi += p * 2.0 * vr * vi
    for i in range(middle, last):
        b = ratio[i]
        scale = 1.0 / max(gap[i] * gap[i] + 2.0 * b * lift, _TINY)
        vr, vi = (lift - gap[i]) * scale, -sine * scale
        p, wr, wi = weights[i], b * vr, b * vi
        qr += p * wr
        qi += p * wi
        yr += p * vr
        yi += p * vi
        ar += p * (vr * wr - vi * wi)
        ai += p * (vr * wi + vi * wr)
        br += p * (vr * vr - vi * vi)
        bi += p * 2.0 * vr * vi
    q, y, a, b2 = complex(qr + atom + below[first], qi), complex(yr, yi), complex(ar, ai), complex(br, bi)
    back = complex(-cosine, sine)  # e^{iθ}; y = e^{iθ} v, v = w − 1
    if first > 0:
        small = np.exp(nodes[first - 1] - u)
        v, vv, rest = power_sums(lower, first, small * back.conjugate())
        # Not e^{iθ} v, whose angle would be a difference: many layers magnify it.
        q, y, a, b2 = q + v, y + small * (lower[first, 0] + rest), a + back * (v + vv), b2 + back * back * vv
    if last < nodes.size:
        w, ww, _ = power_sums(upper, last, np.exp(u - nodes[last]) * back)  # of −w and w²
        q, y, a = q - w, y - back * (above[last] + w), a + back * (w + ww)
        b2 += back * back * (above[last] + 2.0 * w + ww)
    return Means(q, y, a, b2)


@reduction
def variance(u, mean, law, window):
    """Return the variance of y = (d²/r) w at ζ = r = e^u, whose mean is given, without cancellation."""
    nodes, weights, below, lower, above, upper, _, _, atom = law
    first, middle, last, ratio, gap = window
    total = (below[first] + atom) * mean * mean + above[last] * (1.0 + mean) * (1.0 + mean)
    for i in range(first, middle):
        away = ratio[i] / gap[i] - mean
        total += weights[i] * away * away
    for i in range(middle, last):
        away = -1.0 / gap[i] - mean
        total += weights[i] * away * away
    if first > 0:
        y, yy, _ = power_sums(lower, first, complex(np.exp(nodes[first - 1] - u), 0.0))
        total += yy.real - 2.0 * mean * y.real
    if last < nodes.size:
        w, ww, _ = power_sums(upper, last, complex(np.exp(u - nodes[last]), 0.0))
        total += ww.real + 2.0 * (1.0 + mean) * w.real
    return total


@reduction
def angles(sine, lift, weights, window):
    """Return E arg(1 − d²/ζ) over the nodes of the window."""
    first, middle, last, ratio, gap = window
    total = 0.0
    for i in range(first, middle):
        total += weights[i] * upper_angle(ratio[i] * sine, gap[i] + ratio[i] * lift)
    for i in range(middle, last):
        total += weights[i] * upper_angle(sine, lift - gap[i])
    return total
