"""Where a free convolution has no mass: real pairs of subordinated points at which the fixed point attracts.

Outside the support ω₁ and ω₂ are real and lie in gaps of the two laws, and G is the same at both.  Of all such pairs
those with k_a'(ω₁) k_b'(ω₂) < 1 (logarithmic derivatives for products) are the fixed points that attract, which by the
uniqueness of the Denjoy–Wolff point are the values of the subordination functions (Belinschi & Bercovici 2007).  There
the inverse z of G falls; its edges are the zeros of dz/dG, where z is stationary and thus known to rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy

from vgtheory.random_matrices.laws.real import RealLaw

_REACH, _PLACES = 18.0, 401  # of the coordinate of a gap: its ends are approached to e^{−36}
_STEPS, _HALVINGS = 50, 40
_FAR = 1e-5  # 1/ω in units of the law's half width, from where on k has its expansion at infinity
_ROUNDED = 1e-6  # of the shared quantity around such a place
_NEAR_ONE = 4.0  # minima of the product of the rates below this are looked at closely
_BESIDE, _FLAT = 3, 1e-6  # places on either side of a minimum, and what they must rise
_ATTRACTS = 1 - 1e-9  # the product of the rates is rounded; z moves by the square of this
_RESOLVED = 12.0  # coordinate beyond which ω is rounded to the end of its gap
_TOUCHING = 1e-13  # of the width: narrower gaps and bands are rounding


@dataclass(frozen=True)
class Gap:
    """An interval without mass, run through by a coordinate t along which G falls; the outer one passes infinity."""

    law: RealLaw
    middle: float
    half: float
    outer: bool

    def omega(self, t: np.ndarray) -> np.ndarray:
        """Return ω at the coordinate t."""
        if not self.outer:
            return self.middle + self.half * np.tanh(t)
        u = np.tanh(-t)
        return self.middle + self.half / np.where(u == 0, 1e-200, u)

    def speed(self, t: np.ndarray) -> np.ndarray:
        """Return dω/dt."""
        rate = self.half / np.cosh(t) ** 2
        return rate / np.maximum(np.tanh(t) ** 2, 1e-200) if self.outer else rate


@dataclass(frozen=True)
class Rule:
    """What a sum or a product makes of G and k(ω) = ω − 1/G(ω): the shared quantity, its slope, the rate, and z."""

    shared: Callable[[np.ndarray, np.ndarray], np.ndarray]
    fall: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    rate: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    place: Callable[[np.ndarray, np.ndarray], np.ndarray]
    poles: tuple[float, ...]  # values of the shared quantity at which one ω is infinite, or one is 0
    positive: bool


SUM = Rule(
    shared=lambda omega, g: g,
    fall=lambda omega, g, slope: slope,
    rate=lambda omega, k, slope: slope,
    place=lambda omega, k: omega + k,
    poles=(0.0,),
    positive=False,
)
PRODUCT = Rule(
    shared=lambda omega, g: omega * g,
    fall=lambda omega, g, slope: g + omega * slope,
    rate=lambda omega, k, slope: omega * slope / k,
    place=lambda omega, k: omega * k,
    poles=(0.0, 1.0),
    positive=True,
)


def components(law: RealLaw) -> list[tuple[float, float]]:
    """Return the intervals and points that have mass, ascending."""
    found = [*law.bands, *((x, x) for x, _ in law.atoms)]
    out: list[tuple[float, float]] = []
    for lo, hi in sorted(found):
        if out and lo <= out[-1][1]:
            out[-1] = (out[-1][0], max(hi, out[-1][1]))
        else:
            out.append((lo, hi))
    return out


def gaps(law: RealLaw, rule: Rule) -> list[Gap]:
    """Return the gaps of a law; for products mass at 0 counts for nothing."""
    parts = [part for part in components(law) if not (rule.positive and part == (0.0, 0.0))]
    lo, hi = parts[0][0], parts[-1][1]
    inner = [Gap(law, (a + b) / 2, (b - a) / 2, False) for (_, a), (b, _) in pairwise(parts) if b > a]
    return [Gap(law, (lo + hi) / 2, (hi - lo) / 2, True), *inner]


_TABLE = np.linspace(-_REACH, _REACH, _PLACES)


def _values(gap: Gap, rule: Rule, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return ω, the shared quantity, k and its rate at t."""
    omega = gap.omega(t)
    with np.errstate(all="ignore"):
        g, slope = (np.asarray(part).real for part in gap.law.stieltjes_and_slope(omega + 0j))
        k, dk = omega - 1 / g, 1 + slope / g**2
        if gap.outer:
            first, second, third = (gap.law.moment(j) for j in (1, 2, 3))
            variance, skew = second - first**2, third - 2 * first * second + first**3
            far = np.abs(np.tanh(t)) < _FAR
            k = np.where(far, first + variance / omega + skew / omega**2, k)
            dk = np.where(far, -variance / omega**2 - 2 * skew / omega**3, dk)
        return omega, rule.shared(omega, g), k, rule.rate(omega, k, dk)


@dataclass(frozen=True)
class _Pair:
    """Two gaps along the quantity w that both points share."""

    a: Gap
    b: Gap
    rule: Rule

    @cached_property
    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Return w at the places of the table of either gap."""
        return _values(self.a, self.rule, _TABLE)[1], _values(self.b, self.rule, _TABLE)[1]

    def grid(self) -> np.ndarray:
        """Return descending values of w that both gaps have, dense where either point nears an end."""
        tables = [table[np.isfinite(table)] for table in self.tables]
        low, high = max(table.min() for table in tables), min(table.max() for table in tables)
        merged = np.concatenate([*tables, [low, high]])
        kept = (merged >= low) & (merged <= high)
        for pole in self.rule.poles:  # where a product of 0 and ∞ is finite, but rounded
            kept &= np.abs(merged - pole) > _ROUNDED * self._unit
        return np.unique(merged[kept])[::-1] if low < high else np.zeros(0)

    @property
    def _unit(self) -> float:
        return 1.0 if self.rule.positive else 1 / max(self.a.half, self.b.half)

    def at(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the product of the two rates, z, and how far out in its gap either point lies, at w."""
        w = np.atleast_1d(w)
        both = zip((self.a, self.b), self.tables, strict=True)
        places = [_solve(gap, self.rule, table, w) for gap, table in both]
        found = [_values(gap, self.rule, t) for gap, t in zip((self.a, self.b), places, strict=True)]
        (omega, _, k, rate), (other, _, j, partner) = found
        with np.errstate(all="ignore"):
            # The larger ω loses digits in k, so that z takes the smaller one.
            z = np.where(np.abs(omega) < np.abs(other), self.rule.place(omega, j), self.rule.place(other, k))
            return rate * partner, z, np.maximum(*np.abs(places))

    def empty(self) -> list[tuple[float, float]]:
        """Return the ranges (w_high, w_low) of z without mass."""
        w = self.grid()
        if w.size < 3:
            return []

        def excess(v: float) -> float:
            return float(self.at(np.array([v]))[0][0]) - _ATTRACTS

        product, _, reach = self.at(w)
        known = np.isfinite(product)
        w, product, reach = w[known], product[known], reach[known]
        extra = []
        for i, last in _dips(product, reach):
            scale = w[i] - w[last]
            found = scipy.optimize.minimize_scalar(
                lambda v, last=last: excess(w[last] + v),
                bounds=(0, scale),
                method="bounded",
                options={"xatol": 1e-9 * scale},
            )
            if found.fun < 0:
                extra.append((w[last] + float(found.x), found.fun + _ATTRACTS))
        if extra:
            w, product = np.append(w, [v for v, _ in extra]), np.append(product, [p for _, p in extra])
            order = np.argsort(-w)
            w, product = w[order], product[order]
        inside = product < _ATTRACTS
        change = np.flatnonzero(inside[1:] != inside[:-1])
        full, bare = w[change + inside[change]], w[change + ~inside[change]]
        for _ in range(_HALVINGS if change.size else 0):
            middle = (full + bare) / 2
            attracts = self.at(middle)[0] < _ATTRACTS
            full, bare = np.where(attracts, full, middle), np.where(attracts, middle, bare)
        turns = [float(v) for v in bare]
        ends = ([float(w[0])] if inside[0] else []) + turns + ([float(w[-1])] if inside[-1] else [])
        return list(zip(ends[::2], ends[1::2], strict=True))


def _dips(product: np.ndarray, reach: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last index around each local minimum above 1 that is no rounding."""
    far = 2 * _BESIDE + 1
    if product.size < far:
        return []
    window = np.lib.stride_tricks.sliding_window_view(product, far)
    middle = window[:, _BESIDE]
    lowest = (middle == window.min(axis=1)) & (middle >= _ATTRACTS) & (middle < _NEAR_ONE)
    deep = np.minimum(window[:, 0], window[:, -1]) > (1 + _FLAT) * middle
    resolved = reach[_BESIDE : reach.size - _BESIDE] < _RESOLVED
    return [(int(i), int(i) + far - 1) for i in np.flatnonzero(lowest & deep & resolved)]


def _solve(gap: Gap, rule: Rule, known: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return t with the shared quantity w, which falls along the gap, by Newton's method inside the table."""
    place = np.clip(np.searchsorted(-known, -w), 1, _PLACES - 1)
    lo, hi = _TABLE[place - 1], _TABLE[place]
    t = (lo + hi) / 2
    for _ in range(_STEPS):
        omega = gap.omega(t)
        with np.errstate(all="ignore"):
            g, slope = (np.asarray(part).real for part in gap.law.stieltjes_and_slope(omega + 0j))
            excess = rule.shared(omega, g) - w
            lo, hi = np.where(excess > 0, t, lo), np.where(excess > 0, hi, t)
            new = t - excess / (rule.fall(omega, g, slope) * gap.speed(t))
        new = np.where((new >= lo) & (new <= hi), new, (lo + hi) / 2)
        still = np.abs(new - t) > 1e-14 * (1 + np.abs(t))
        t = new
        if not still.any():
            break
    return t


def between_gaps(a: RealLaw, b: RealLaw, rule: Rule, bounds: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Return the intervals between the places without mass, ascending."""
    lo, hi = bounds
    empty: list[tuple[float, float]] = []
    for left in gaps(a, rule):
        for right in gaps(b, rule):
            pair = _Pair(left, right, rule)
            for top, bottom in pair.empty():
                low, high = (float(v) for v in pair.at(np.array([top, bottom]))[1])
                if left.outer and right.outer and bottom < (1 if rule.positive else 0) < top:
                    # Through infinity: from the upper edge `low` up, and from the lower edge `high` down.
                    empty += [(low, np.inf), (-np.inf, high)]
                else:
                    empty.append((low, high))
    return _between(empty, lo, hi)


def _between(empty: Sequence[tuple[float, float]], lo: float, hi: float) -> tuple[tuple[float, float], ...]:
    width, out, at = hi - lo, [], lo
    for low, high in sorted(e for e in empty if e[1] - e[0] > _TOUCHING * width):
        if low - at > _TOUCHING * width:
            out.append((at, min(low, hi)))
        at = max(at, high)
    if hi - at > _TOUCHING * width:
        out.append((at, hi))
    return tuple(out)
