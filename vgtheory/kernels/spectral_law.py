"""One law of d² and its means at a point of :mod:`vgtheory.kernels.spectral_curve`: sums over the nodes near ln r.

Nodes further than e^40 from r enter by their first terms, from sums that are made once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import exact, reduction
from vgtheory.kernels.spectral_angle import upper_angle

_FAR = 40.0  # beyond |ln d² − u| = 40 the first term of the expansion in d²/r or r/d² is exact to 2^-53
_STRIDE = 256.0  # nodes share the reference of their e^{ln d²} over so much: no exponential per node and point
_NEAR = 0.7  # closer than this in ln d² to ln r the difference 1 − d²/r would cancel
_TINY = 1e-34  # floor of |1 − d²/ζ|², reached only when ζ sits on a node


class Law(NamedTuple):
    """The law of d², its nodes ascending; entries k of the sums are those of :func:`prepare`."""

    nodes: NDArray[np.float64]  # ln d²
    weights: NDArray[np.float64]
    below: NDArray[np.float64]
    moment: NDArray[np.float64]
    above: NDArray[np.float64]
    inverse: NDArray[np.float64]
    scaled: NDArray[np.float64]  # d² = scaled · e^reference
    reference: NDArray[np.float64]
    atom: float  # mass at 0


class Window(NamedTuple):
    """The nodes within e^40 of r = e^u: where they begin, pass r and end; b = e^{−|ln d² − u|} and 1 − b of each."""

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


@exact
def prepare(nodes, weights):
    """Return (weight below, first moment below, weight above, inverse moment above, ratio, reference) of sorted nodes.

    Entry k of the first pair sums over nodes before k, the moment in units of d² of node k − 1; entry k of the second
    pair sums over nodes from k on, the inverse moment in units of 1/d² of node k; d² = ratio · e^reference.
    """
    n = nodes.size
    reference = _STRIDE * np.round(nodes / _STRIDE)
    below, moment = np.zeros(n + 1), np.zeros(n + 1)
    above, inverse = np.zeros(n + 1), np.zeros(n + 1)
    for k in range(n):
        below[k + 1] = below[k] + weights[k]
        moment[k + 1] = weights[k] + (moment[k] * np.exp(nodes[k - 1] - nodes[k]) if k else 0.0)
    for k in range(n - 1, -1, -1):
        above[k] = above[k + 1] + weights[k]
        inverse[k] = weights[k] + (inverse[k + 1] * np.exp(nodes[k] - nodes[k + 1]) if k < n - 1 else 0.0)
    return below, moment, above, inverse, np.exp(nodes - reference), reference


def law_of(nodes: NDArray[np.float64], weights: NDArray[np.float64], atom: float) -> Law:
    """Return the law of ascending nodes ln d² and of a mass at d² = 0, with the sums that its means take."""
    below, moment, above, inverse, scaled, reference = prepare(nodes, weights)
    return Law(nodes, weights, below, moment, above, inverse, scaled, reference, atom)


@exact
def window_of(u, law, ratio, gap):
    """Fill ratio = e^{−|ln d² − u|} and gap = 1 − ratio near u; return the window."""
    nodes, scaled, reference = law.nodes, law.scaled, law.reference
    first = np.searchsorted(nodes, u - _FAR)
    last = np.searchsorted(nodes, u + _FAR)
    middle = np.searchsorted(nodes, u)
    i = first
    while i < last:
        shift = reference[i]
        stop = min(np.searchsorted(nodes, shift + 0.5 * _STRIDE, side="right"), last)
        stop = max(stop, i + 1)
        while stop < last and reference[stop] == shift:
            stop += 1
        while reference[stop - 1] != shift:
            stop -= 1
        _fill(i, min(stop, middle), np.exp(shift - u), scaled, ratio, gap)
        _fill_inverse(max(i, middle), stop, np.exp(shift - u), scaled, ratio, gap)
        i = stop
    for i in range(np.searchsorted(nodes, u - _NEAR), np.searchsorted(nodes, u + _NEAR)):
        # On a node itself: as close as rounding can tell.
        gap[i] = max(-np.expm1(-abs(nodes[i] - u)), 1e-17)
    return Window(first, middle, last, ratio, gap)


@exact
def _fill(start, stop, factor, scaled, ratio, gap):
    for i in range(start, stop):
        ratio[i] = factor * scaled[i]
        gap[i] = 1.0 - ratio[i]


@exact
def _fill_inverse(start, stop, factor, scaled, ratio, gap):
    for i in range(start, stop):
        ratio[i] = 1.0 / (factor * scaled[i])
        gap[i] = 1.0 - ratio[i]


@reduction
def means(u, theta, phi, law, window):
    """Return Q = E w, Y = E y, E y w and E y² for y = (d²/r) w, at ζ = e^u e^{iθ}, φ = π − θ."""
    nodes, weights, below, moment, above, inverse, _, _, atom = law
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
    if first > 0:
        small = moment[first] * np.exp(nodes[first - 1] - u)
        y, a = y + small, a + small
    if last < nodes.size:
        turn = complex(cosine, -sine)  # e^{−iφ}
        small = inverse[last] * np.exp(u - nodes[last])
        q, y = q + small * turn, y + above[last] * turn
        a, b2 = a + small * turn * turn, b2 + above[last] * turn * turn
    return Means(q, y, a, b2)


@reduction
def variance(u, mean, law, window):
    """Return the variance of y = (d²/r) w at ζ = r = e^u, whose mean is given, without cancellation."""
    nodes, weights, below, moment, above, _, _, _, atom = law
    first, middle, last, ratio, gap = window
    total = (below[first] + atom) * mean * mean + above[last] * (1.0 + mean) * (1.0 + mean)
    for i in range(first, middle):
        away = ratio[i] / gap[i] - mean
        total += weights[i] * away * away
    for i in range(middle, last):
        away = -1.0 / gap[i] - mean
        total += weights[i] * away * away
    if first > 0:
        total -= 2.0 * mean * moment[first] * np.exp(nodes[first - 1] - u)
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
