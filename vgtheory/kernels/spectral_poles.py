"""What a Gauss–Legendre sum over a law of d² misses where ζ comes close to the law: the poles next to its nodes.

On a panel t ∈ [−1, 1] the law has λ(t) = ln d² and the mass g(t) dt.  The integrand g/(e^{y−λ} − 1) of M_D has a pole
where λ(t*) = y = ln ζ, of residue −g/λ' there, and the sum over the n nodes differs from the integral by

    (g/λ')(t*) · 2 Q_n(t*)/P_n(t*)

(Legendre's functions; Donaldson & Elliott (1972), "A unified approach to quadrature rules with asymptotic estimates of
their remainders").  With it M_D is exact up to the axis, where plain sums would show their nodes as gaps.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import rounded

ORDER = 16  # nodes per panel
LEFT, RIGHT = 1, 2  # λ has an extremum at this end
_REACH = 0.6  # farther than this from a panel, in units of its change of λ, its sum is exact to 1e-13
_STEPS, _HALVINGS = 12, 6
_NODES, _RULE = np.polynomial.legendre.leggauss(ORDER)
_AXIS = 1e-7  # closer to the axis rounding decides on which side t* lies


class Panels(NamedTuple):
    """The panels of all laws, those of law k from offsets[k] to offsets[k + 1].

    `level` and `mass` are the Legendre coefficients of λ and g, `flat` the ends at which λ is extremal.
    """

    offsets: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: NDArray[np.float64]
    mass: NDArray[np.float64]
    flat: NDArray[np.int64]


def panels_of(levels: Any, shares: Any) -> Panels:
    """Return the panels of laws from λ and the probability at their nodes, one array of shape (P, ORDER) per law."""
    project = (_RULE[:, None] * np.polynomial.legendre.legvander(_NODES, ORDER - 1)) * (np.arange(ORDER) + 0.5)
    level = np.concatenate([*levels, np.empty((0, ORDER))])
    coefficients = level @ project
    slope = np.polynomial.legendre.legder(coefficients, axis=1)
    ends = np.abs(np.polynomial.legendre.legval(np.array([-1.0, 1.0]), slope.T))
    flat = ends < 0.05 * np.ptp(level, axis=1)[:, None] if len(level) else np.zeros((0, 2), bool)
    return Panels(
        np.cumsum([0, *map(len, levels)]).astype(np.int64),
        level.min(axis=1, initial=np.inf),
        level.max(axis=1, initial=-np.inf),
        np.ascontiguousarray(coefficients),
        np.ascontiguousarray((np.concatenate([*shares, np.empty((0, ORDER))]) / _RULE) @ project),
        (LEFT * flat[:, 0] + RIGHT * flat[:, 1]).astype(np.int64),
    )


@rounded
def _series(coefficients, t):
    """Return a Legendre series and its first two derivatives at t."""
    before, here = 1.0 + 0j, t
    slope_before, slope, bend_before, bend = 0j, 1.0 + 0j, 0j, 0j
    value, first, second = coefficients[0] + coefficients[1] * t, coefficients[1] + 0j, 0j
    for k in range(1, coefficients.size - 1):
        new = ((2 * k + 1) * t * here - k * before) / (k + 1)
        new_slope = slope_before + (2 * k + 1) * here
        new_bend = bend_before + (2 * k + 1) * slope
        before, here = here, new
        slope_before, slope, bend_before, bend = slope, new_slope, bend, new_bend
        value += coefficients[k + 1] * here
        first += coefficients[k + 1] * slope
        second += coefficients[k + 1] * bend
    return value, first, second


@rounded
def _root(y, t, level):
    """Return (t*, λ', λ'', found) with λ(t*) = y, by Newton's method from t."""
    for _ in range(_STEPS):
        value, first, second = _series(level, t)
        if first == 0:
            return t, first, second, False
        step = (y - value) / first
        if abs(step) > 0.4:
            step *= 0.4 / abs(step)
        t += step
        if abs(t) > 3.0:
            return t, first, second, False
        if abs(step) < 1e-13:
            _, first, second = _series(level, t)
            return t, first, second, True
    return t, first, second, abs(step) < 1e-9


@rounded
def _starts(y, level, flat):
    """Return two values of t next to which λ = y may hold; equal where there is one."""
    lowest, _, _ = _series(level, -1.0 + 0j)
    highest, _, _ = _series(level, 1.0 + 0j)
    rising = highest.real > lowest.real
    end = 1.0 if flat & RIGHT else -1.0
    if flat:
        value, _, bend = _series(level, end + 0j)
        away = np.sqrt(2.0 * (y - value) / bend) if bend != 0 else 2.0 + 0j
        if abs(away) < 0.7:
            return end + away, end - away
    a, b = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (a + b)
        value, _, _ = _series(level, middle + 0j)
        if (value.real < y.real) == rising:
            a = middle
        else:
            b = middle
    middle = 0.5 * (a + b)
    value, slope, _ = _series(level, middle + 0j)
    start = complex(middle, 0.0)
    if slope != 0:
        step = (y - value) / slope
        start += step if abs(step) < 0.5 else 0.5 * step / abs(step)
    return start, 2.0 * end - start if flat else start


@rounded
def _first_function(t, side):
    """Return Q_0(t) = ½ ln((t + 1)/(t − 1)), for t on the axis its limit from above (side 1) or below (−1)."""
    if abs(t.real) < 1.0 and abs(t.imag) < _AXIS:
        return 0.5 * (np.log((1.0 + t) / (1.0 - t)) - 1j * np.pi * side)
    return 0.5 * (np.log(t + 1.0) - np.log(t - 1.0))


@rounded
def _pole(t, slope, bend, side, mass):
    """Return what the sum of M_D misses for a pole at t, and its derivative by y."""
    p_before, p = 1.0 + 0j, t
    q_before = _first_function(t, side)
    q = t * q_before - 1.0
    for k in range(1, ORDER):
        p_before, p = p, ((2 * k + 1) * t * p - k * p_before) / (k + 1)
        q_before, q = q, ((2 * k + 1) * t * q - k * q_before) / (k + 1)
    g, g_slope, _ = _series(mass, t)
    if p == 0 or t * t == 1.0:
        return 0j, 0j
    ratio, share = q / p, g / slope
    rate = 2.0 * ((g_slope - share * bend) / slope * ratio + share / ((1.0 - t * t) * p * p))
    return 2.0 * share * ratio, rate / slope


@rounded
def _angle(t, side, mass):
    """Return what the sum of E arg(1 − d²/ζ) misses for a pole at t: ∫ g ln(t* − t) dt against its sum."""
    lifted = t
    if abs(t.imag) < _AXIS:
        lifted = complex(t.real, side * max(side * t.imag, 1e-300))
    q_before = _first_function(t, side)
    q = t * q_before - 1.0
    total = mass[0] * ((t + 1.0) * np.log(lifted + 1.0) - (t - 1.0) * np.log(lifted - 1.0) - 2.0)
    for k in range(1, mass.size):
        q_new = ((2 * k + 1) * t * q - k * q_before) / (k + 1)
        total += mass[k] * 2.0 / (2 * k + 1) * (q_new - q_before)
        q_before, q = q, q_new
    for i in range(ORDER):
        g, _, _ = _series(mass, _NODES[i] + 0j)
        total -= _RULE[i] * g * np.log(lifted - _NODES[i])
    return total.imag


@rounded
def missing(y, k, panels, with_angle):
    """Return (of M_D, of its derivative by y, of E arg(1 − d²/ζ)): what the sums over law k miss at ln ζ = y."""
    folded = y if y.imag <= np.pi else complex(y.real, 2.0 * np.pi - y.imag)
    total, rate, angle = 0j, 0j, 0.0
    for j in range(panels.offsets[k], panels.offsets[k + 1]):
        low, high = panels.low[j], panels.high[j]
        reach = _REACH * (high - low)
        away = max(low - folded.real, folded.real - high, 0.0)
        if away > reach or folded.imag > reach or not high > low:
            continue
        level, mass = panels.level[j], panels.mass[j]
        one, two = _starts(folded, level, panels.flat[j])
        first, slope, bend, found = _root(folded, one, level)
        middle, _, _ = _series(level, 1.0 + 0j)
        start, _, _ = _series(level, -1.0 + 0j)
        side = 1.0 if middle.real > start.real else -1.0
        if found:
            value, change = _pole(first, slope, bend, side, mass)
            total, rate = total + value, rate + change
            if with_angle:
                angle += _angle(first, side, mass)
        if two == one:
            continue
        second, slope, bend, found = _root(folded, two, level)
        if found and abs(second - first) > 1e-12:
            value, change = _pole(second, slope, bend, side, mass)
            total, rate = total + value, rate + change
            if with_angle:
                angle += _angle(second, side, mass)
    if y.imag > np.pi:
        return total.conjugate(), rate.conjugate(), angle
    return total, rate, angle
