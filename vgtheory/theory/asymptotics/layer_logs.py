"""Mean, variance and covariance of ln X and ln T for one layer, X = mean φ(h)² and T = mean φ'(h)² y², at any width.

From the Laplace transform of both, L(s, t) = E e^{−s X − t T} = (E e^{−(s φ² + t φ'² y²)/N})^N, by the trapezoid rule
in ln s and ln t, taken wider apart far from the means, which converges exponentially.  With e a unit exponential,
P(ln(e/X) > ln s) = L(s, 0), so for E X = 1

    E ln X = ∫ (e^{−s} − L) d ln s,    Var ln X = 2 ∫ ln s (L − e^{−s}) d ln s − 2γ E ln X − (E ln X)²,
    Cov(ln X, ln T) = ∫∫ (L(s, t) − L(s, 0) L(0, t)) d ln s d ln t        (Hoeffding (1940)).

Haar matrices fix ‖z‖² and z·ζ.  L is then multiplied by the ratio of the densities of these two at their values, in the
law tilted by e^{−sX − tT} and in the plain one: that of a gamma variable for ‖z‖² (exact for φ = x, and with its third
cumulant to order 1/N²), that of a normal one for z·ζ given h.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import CUT, Array, normal_rule
from vgtheory.theory.asymptotics.layer_sums import SILENT, LogMoments
from vgtheory.theory.asymptotics.moments import MomentTable

STEP = 0.4  # in ln s near the means; the error is e^{−π²/STEP}
# Far from them L bends little, below because it is nearly e^{−s} and above because little is left of it.
FAR_APART, BETWEEN, BLEND = 2.2, (-5.0, 6.0), 0.8  # how many times that, where ln s ends to be near, how soon it widens
# ln s: below, L = e^{−s} to 1e-11; above, what is left counts as X = 0.
LOWEST, USUALLY, HIGHEST = -13.0, 5.0, 30.0
_LEFT = 1e-8  # of L at the end: what lies beyond adds this times the square of ln s
_SMOOTH, _STEEP = 12, 16  # nodes per panel, 1e-12 where s stays small; beyond, e^{−sφ²} is steep where φ comes to 0
_GRADES = 4.0 ** -np.arange(9)  # distances from kinks, in units of √V, where panels end for such s
_FEW = 8  # kinks up to which all of these are taken
_LEAST_GRADES = 2  # of more, so few at least, nearer than half to the next kink
_NEAR = 3  # of these, around 0 as well, where h² and most φ vanish smoothly
_KEPT = 1e-16  # weight of a node: nothing grows here
_NOTHING = 1e-16
_LEAST = -700.0  # of an exponent
_GONE = -40.0  # of a logarithm of L
_RISES = 0.01  # of L, which falls, over one `STEP`: up to here moments are right within a twentieth of the spread


class Conditions(NamedTuple):
    """What is known of the normal vectors z and ζ, of which a layer sees a part (see also `unit_tangent`).

    length : the dimension in which ‖z‖² equals it; 0 where z is free.
    across : whether z·ζ = 0 there.
    """

    length: int = 0
    across: bool = False


class _Unit(NamedTuple):
    """Nodes h/√V of one unit: weights, φ²/E φ², φ'², and E z^{2k} given h for k = 1, 2, 3."""

    weight: Array
    square: Array
    slope: Array
    powers: tuple[Array, Array, Array]


def exact_logs(
    table: MomentTable, scales: tuple[Array, float], cosine: Array, width: int, conditions: Conditions
) -> tuple[LogMoments, Array]:
    """Return the moments, given X > 0 and T > 0, of a layer where y = θ z + √(1 − θ²) ζ, and the chance that it is not.

    What lies e^30 below the mean counts as 0.

    Relative to the logarithms of E X and E T without conditions.  Exact without conditions on z, else to order 1/N².

    Parameters
    ----------
    scales : ln R, shape (m,), and σ_b; h = √R z + σ_b β.
    cosine : θ, shape (m,); 0 with conditions.
    """
    units: dict[tuple[float, float], tuple[_Unit, Array]] = {}
    out, lost = np.empty((5, len(cosine))), np.empty(len(cosine))
    ends: tuple[float, ...] = USUALLY, HIGHEST
    for k, (t, along) in enumerate(zip(scales[0].tolist(), cosine.tolist(), strict=True)):
        for highest in ends:
            u, step = _places(highest)
            s = np.append(0.0, np.exp(u))
            if (t, highest) not in units:
                unit = _unit(table, float(np.exp(t)), scales[1], highest > USUALLY)
                units[t, highest] = unit, unit.weight * np.expm1(-s[:, None] / width * unit.square)
            both = _transform(*units[t, highest], s, along, width, conditions)
            if max(both[-1, 0], both[0, -1]) < _LEFT:
                break
        _need_transform(both, step, width)
        ends = ends[ends.index(highest) :]  # where one needs the whole range, so do its neighbours
        *out[:, k], lost[k] = _moments(u, step, both)
    return LogMoments(*out), lost


@cache
def _places(highest: float) -> tuple[Array, Array]:
    """Return ln s from `LOWEST` to `highest`, and how far apart they are: equal steps of a variable that ln s bends."""
    t = STEP * np.arange(-50, 80)
    below, above = (BETWEEN[0] - t) / BLEND, (t - BETWEEN[1]) / BLEND
    u = t + (FAR_APART - 1) * BLEND * (np.logaddexp(0, above) - np.logaddexp(0, below))
    step = STEP * (1 + (FAR_APART - 1) * (scipy.special.expit(above) + scipy.special.expit(below)))
    kept = (u > LOWEST) & (u < highest)
    return u[kept], step[kept]


def unit_tangent(logs: LogMoments, dimension: int, lost: int = 0) -> LogMoments:
    """Return the moments given ‖ζ‖² = `dimension` there, of whose directions `lost` are not free.

    The direction of ζ is independent of its length, so ln T loses the part of ln ‖ζ‖².
    """
    freedom = max(dimension - lost, 1) / 2
    shift = scipy.special.digamma(freedom) - np.log(dimension / 2)
    return logs._replace(mean_t=logs.mean_t - shift, tt=logs.tt - scipy.special.polygamma(1, freedom))


def _unit(table: MomentTable, weight: float, sigma_b: float, steep: bool) -> _Unit:
    v = weight + sigma_b**2
    edges = table.grid.edges(CUT * np.sqrt(v))
    if steep:
        near = np.append(_GRADES[:_NEAR], -_GRADES[:_NEAR])
        edges = np.concatenate([edges, np.sqrt(v) * np.append(near, _beside(table.grid.breakpoints / np.sqrt(v)))])
    h, w = normal_rule(v, edges, nodes=_STEEP if steep else _SMOOTH)
    kept = w > _KEPT
    h, w = h[kept], w[kept]
    value, slope = table.values(np.sqrt(v) * h)
    a, b = weight / v * h * h, sigma_b**2 / v  # z is normal given h, with variance b
    powers = a + b, a * a + 6 * a * b + 3 * b * b, a**3 + 15 * a * a * b + 45 * a * b * b + 15 * b**3
    if not (w @ (value * value) and w @ (slope * slope)):
        raise UnsupportedError(SILENT)
    return _Unit(w, value * value / (w @ (value * value)), slope * slope, powers)


def _beside(kinks: Array) -> Array:
    """Return where panels end beside kinks, in units of √V.

    Many kinks share the mass: each has fewer such panels, which end half the way to the next kink.  With 19 to 191 of
    them Var ln |sin|² is 0.1 to 0.6 % off, by less than half the nodes.
    """
    kinks = kinks[np.abs(kinks) < CUT]
    taken = np.ones((len(kinks), len(_GRADES)), dtype=bool)
    if len(kinks) > _FEW:
        gaps = np.diff(kinks, prepend=-np.inf, append=np.inf)
        inside = np.minimum(gaps[:-1], gaps[1:])[:, None] / 2 >= _GRADES
        taken = inside & (np.cumsum(inside, axis=1) <= max(_LEAST_GRADES, _FEW * len(_GRADES) // len(kinks)))
    return np.concatenate([(kinks[:, None] + side * _GRADES)[taken] for side in (-1, 1)])


def _transform(unit: _Unit, by_x: Array, s: Array, along: float, width: int, conditions: Conditions) -> Array:
    """Return L(s, t) on the grid, given the conditions; `by_x` is e^{−s φ²/N} − 1 at the nodes, times their weights."""
    own, turned = 1 - along * along, along * along * unit.powers[0]
    rate = s[:, None] * (unit.slope / (width * (unit.weight @ (unit.slope * (own + turned)))))
    spread = 1 / (1 + (2 * own) * rate)  # of ζ, whose mean is taken in closed form
    by_t = np.sqrt(spread)
    if along:
        rate *= spread
        rate *= -turned
        # Numbers too small for doubles take several times as long.
        by_t *= np.exp(np.maximum(rate, _LEAST, out=rate), out=rate)
    by_t -= 1
    # The parts of s and of t alone cancel in covariances, rounding included.
    alone = by_x.sum(axis=1)[:, None] + by_t @ unit.weight
    unit_log = np.log1p(np.maximum(alone + by_x @ by_t.T, _NOTHING - 1))
    log_all = width * unit_log
    if conditions.length:
        scale = np.where(log_all > _GONE, np.exp(-unit_log), 0.0)
        by_x, by_t = by_x + unit.weight, by_t + 1
        seen = by_t * spread

        def mean(power: int, by_spread: bool) -> Array:
            return np.asarray((by_x * unit.powers[power - 1]) @ (seen if by_spread else by_t).T * scale)

        log_all = np.where(log_all > _GONE, log_all + _given(mean, width, conditions), -np.inf)
    return np.asarray(np.exp(log_all))


def _need_transform(both: Array, step: Array, width: int) -> None:
    """Raise UnsupportedError where orders of 1/N that the conditions leave out make L no transform of a law."""
    most = _RISES * step / STEP
    if max(float((np.diff(part, axis=0) - most[:, None]).max()) for part in (both, both.T)) > 0:
        raise UnsupportedError(
            f"orthogonal rows fix more of a layer of width {width} than the order 1/N² knows; use vg.simulate"
        )


def _given(mean: Callable[[int, bool], Array], width: int, conditions: Conditions) -> Array:
    """Return the logarithm of the factor by which the conditions on z change L.

    Parameters
    ----------
    mean : E z^{2k} in the tilted law, and with a factor Var ζ_i there.
    """
    n, part = conditions.length, width / conditions.length
    m1, m2, m3 = mean(1, False), mean(2, False), mean(3, False)
    # Of z² on average over n units, of which the layer has a part.
    m = np.maximum(part * m1 + 1 - part, _NOTHING)
    v = part * np.maximum(m2 - m1**2, _NOTHING) + 2 * (1 - part)
    third = part * (m3 - 3 * m1 * m2 + 2 * m1**3) + 8 * (1 - part)
    shape = n * m * m / v
    out = shape * np.log(shape / m) - shape / m - scipy.special.gammaln(shape)
    out -= 0.5 * np.log1p(np.clip((third - 2 * v * v / m) * (1 - m) * (m / v) ** 2, -0.9, 9.0))
    if conditions.across:
        push = (1 - m) / v  # what the condition on ‖z‖² does to other means
        seen = mean(1, True)
        inside = part * (seen + push * (mean(2, True) - seen * m1)) + (1 - part) * (1 + 2 * push)
        out -= 0.5 * np.log(np.maximum(inside, _NOTHING))
    return np.asarray(out - out[0, 0])


def _moments(u: Array, step: Array, both: Array) -> tuple[float, ...]:
    # Without the networks in which X or T is as good as zero.
    both = both - both[-1] - both[:, -1:] + both[-1, -1]
    alive = float(both[0, 0])
    both /= alive
    x, t = both[1:, 0], both[0, 1:]
    (mean_x, xx), (mean_t, tt) = _of_logarithm(u, step, x), _of_logarithm(u, step, t)
    return mean_x, mean_t, xx, tt, float(step @ (both[1:, 1:] - x[:, None] * t) @ step), 1 - alive


def _of_logarithm(u: Array, step: Array, transform: Array) -> tuple[float, float]:
    gap = step * (transform - np.exp(-np.exp(u)))
    mean = -float(gap.sum())
    return mean, 2 * float(u @ gap) - 2 * float(np.euler_gamma) * mean - mean**2
