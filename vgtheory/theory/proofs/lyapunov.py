"""The finite-width rate from both sides: a Foster–Lyapunov function of the variance, certified in ball arithmetic.

Given the past, the pre-activations of a layer are iid N(0, v), and the next variance is v' = σ_b² + (σ_w²/N)Σφ(h_i)².
With one neuron left out, V'(v) = σ_b² + (σ_w²/N)Σ_{j<N} φ(√v z_j)², it is independent of that neuron's gradient.  For
|φ| ≤ M, d = σ_w²M²/N, and any positive, nonincreasing w on the range of v

    λ⁺ = sup_v χ(v) E w(V'(v))/w(v),  χ = σ_w² max(E φ'(√v z)², E z²φ'(√v z)²)
    λ⁻ = inf_v σ_w²[E φ'(√v z)² E w(V'(v) + d) − (κ²/N) E w(V'(v))]/w(v)

bound the growth of E[‖T_l‖² w(v_{l+1})] per layer.  Here w(v) = a_0 + Σ a_k e^{−t_k v} with a_k ≥ 0: then E w(V') is a
finite sum of powers, Σ a_k e^{−t_k σ_b²} (E e^{−t_kσ_w²φ(√v z)²/N})^{N−1}, and a certificate is a table of (t_k, a_k).
It is found in floating point; the supremum is proved by bisection of the range of v with the mean-value form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import sympy as sp
from flint import arb

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.ball import hull, number_ball, outward, precision
from vgtheory.symbolic.kept import kept
from vgtheory.theory.proofs.gauss_table import BITS, GaussianTable, half_line, rational
from vgtheory.theory.proofs.length_chain import Model
from vgtheory.theory.proofs.mixture import Mixture, Search, best_lower, best_upper, exponents
from vgtheory.theory.proofs.near_zero import NearZero, lower_row, upper_row

SMALLEST = sp.Rational(1, 10_000)  # where v may be 0: the part of the range below this share of it is one box
ATTEMPTS = 3  # at proving a rate, each with four times the tolerance
MOST_BOXES = 4000
WIDEST_RANGE = 10**9  # of v; beyond, the search would need too many boxes
SEARCHED = (1e-280, 1e280)  # v between these: the search in doubles neither over- nor underflows


@dataclass(frozen=True)
class FiniteWidthRate:
    """A certified λ⁺ or λ⁻ with the w that proves it.

    Parameters
    ----------
    prefactor : w(v_1)/w(v_max) for λ⁺, w(v_1)/w(σ_b²) for λ⁻, with v_1 = σ_w² + σ_b².
    anywhere : the same for the worst v in place of v_1, for a start in any layer.
    boxes : how many boxes the range of v was cut into.
    """

    rate: sp.Rational
    prefactor: sp.Rational
    anywhere: sp.Rational
    mixture: Mixture
    boxes: int


@kept
def upper_rate(model: Model) -> FiniteWidthRate | None:
    """Return a certified λ⁺, or None where none was found."""
    return _certified(model, upper=True)


@kept
def lower_rate(model: Model) -> FiniteWidthRate | None:
    """Return a certified λ⁻ > 0, or None where none was found."""
    return _certified(model, upper=False)


def _certified(model: Model, upper: bool) -> FiniteWidthRate | None:
    try:
        with precision(BITS):
            return _proof(model, upper)
    except UnsupportedError:
        return None


def _proof(model: Model, upper: bool) -> FiniteWidthRate | None:
    most = number_ball(model.most)
    starts_at_zero = not number_ball(model.least) > most / WIDEST_RANGE
    low = most * rational(SMALLEST) if starts_at_zero else number_ball(model.least)
    if not (low > SEARCHED[0] and most < SEARCHED[1]):
        return None
    near = NearZero(model.activation, low, number_ball(model.kappa), number_ball(model.value_bound))
    if starts_at_zero and (model.least != 0 or (upper and not near.at_zero > 0)):
        return None  # with φ(0) = 0 the variance may fall to 0, where no bounded w gives less than χ(0)
    times = exponents(float(low), float(most))
    top_rate = times[-1] * float(number_ball(model.sigma_w) ** 2) / model.width
    line = half_line(model.activation, float(low), float(most), float(top_rate))
    search = Search.of(model, line.panels, times, float(low), float(most))
    gain = arb(0)
    if starts_at_zero:
        gain = GaussianTable(line, [], near.kappa**2, False).values(low)[0][0]
        gain = gain if model.decreasing else near.least_gain
        if not (upper or gain > 0):
            return None
        row = near_zero_row(model, near, gain, [arb(t) for t in times], upper)
        search = search.with_row([float(r.mid()) for r in row], float(low) if upper else 0.0, upper)
    found = best_upper(search) if upper else best_lower(search)
    if found is None:
        return None
    mixture, target, tolerance = found
    rates = [rational(t) * number_ball(model.sigma_w) ** 2 / model.width for t in mixture.times]
    table = GaussianTable(line, rates, number_ball(model.kappa) ** 2, upper and not model.decreasing)
    for _ in range(ATTEMPTS):
        rate = _rounded(target * (1 + tolerance) if upper else target * (1 - tolerance), upper)
        claim = Claim(model, mixture, table, rate, upper)
        boxes = claim.boxes(low, most) if not starts_at_zero or claim.holds_near_zero(near, gain) else None
        if boxes is not None:
            first, least, most_v = model.sigma_w**2 + model.sigma_b**2, model.least, model.most
            end_of_w, worst = (most_v, least) if upper else (least, most_v)
            prefactor, anywhere = (_ratio(mixture, start, end_of_w, upper) for start in (first, worst))
            return FiniteWidthRate(rate, prefactor, anywhere, mixture, boxes)
        tolerance *= 4
    return None


def _rounded(value: sp.Expr, up: bool) -> sp.Rational:
    """Return a decimal of six places on the safe side."""
    scaled = value * 10**6
    return sp.Rational(sp.ceiling(scaled) if up else sp.floor(scaled), 10**6)


def _ratio(mixture: Mixture, above: sp.Expr, below: sp.Expr, up: bool) -> sp.Rational:
    """Return w(above)/w(below), rounded to the safe side."""
    if sp.expand(above - below) == 0:
        return sp.Integer(1)
    lo, hi = outward(mixture.ball(number_ball(above)) / mixture.ball(number_ball(below)))
    return _rounded(sp.Rational(hi if up else lo), up)


class Claim:
    """The inequality N(v) ≤ λ w(v) (or ≥) for all v, N(v) = χ(v) E w(V') (or its lower twin)."""

    def __init__(self, model: Model, mixture: Mixture, table: GaussianTable, rate: sp.Rational, upper: bool) -> None:
        self.model, self.mixture, self.table, self.upper = model, mixture, table, upper
        self.rate, self.square = rational(rate), number_ball(model.sigma_w) ** 2
        least, bound = number_ball(model.least), number_ball(model.value_bound)
        self.times = [rational(t) for t in mixture.times]
        self.plain = [rational(a) * (-t * least).exp() for a, t in zip(mixture.weights, self.times, strict=True)]
        self.shift = self.square * bound**2 / model.width
        self.shifted = [a * (-t * self.shift).exp() for a, t in zip(self.plain, self.times, strict=True)]
        self.constant = rational(mixture.constant)
        self.loss = number_ball(model.kappa) ** 2 / model.width

    def boxes(self, low: arb, high: arb) -> int | None:
        """Return the number of boxes with which the claim is proved on [low, high], None where it is not."""
        cuts = np.geomspace(float(low), float(high), 65)
        ends = [arb(low.lower()), *(arb(float(c)) for c in cuts[1:-1]), arb(high.upper())]
        work, count = list(pairwise(ends)), 0
        while work:
            a, b = work.pop()
            count += 1
            if count > MOST_BOXES:
                return None
            holds = self._holds(a, b)
            if holds is None:
                return None
            if not holds:
                cut = arb(((a + b) / 2).mid())
                work += [(a, cut), (cut, b)]
        return count

    def _holds(self, a: arb, b: arb) -> bool | None:
        """Return whether the claim is proved on [a, b]; None where it is false in the middle."""
        box, middle = hull(a, b), arb(((a + b) / 2).mid())
        step = box - middle
        at = self.table.values(middle)
        by = self.table.slopes(box)
        kinds = (0,) if self.model.decreasing or not self.upper else (0, 1)
        for kind in kinds:
            gain, gain_slope = at[kind][0], by[kind][0]
            excess = self._excess(gain, at[0][1:], middle)
            if excess > 0:
                return None
            here = [m + s * step for m, s in zip(at[0][1:], by[0][1:], strict=True)]
            slope = self._excess_slope(gain + gain_slope * step, gain_slope, here, by[0][1:], box)
            if not excess + slope * step <= 0:
                return False
        return True

    def _sums(self, missing: list[arb], coefficients: list[arb]) -> arb:
        power = self.model.width - 1
        return sum((a * _remaining(m) ** power for a, m in zip(coefficients, missing, strict=True)), self.constant)

    def _sums_slope(self, missing: list[arb], slopes: list[arb], coefficients: list[arb]) -> arb:
        power = self.model.width - 1
        if power == 0:
            return arb(0)
        terms = (a * _remaining(m) ** (power - 1) * s for a, m, s in zip(coefficients, missing, slopes, strict=True))
        return sum(terms, arb(0)) * -power

    def _excess(self, gain: arb, missing: list[arb], v: arb) -> arb:
        """Return N(v) − λ w(v), or its negative for the lower twin: what must not be positive."""
        if self.upper:
            return self.square * gain * self._sums(missing, self.plain) - self.rate * self.mixture.ball(v)
        number = gain * self._sums(missing, self.shifted) - self.loss * self._sums(missing, self.plain)
        return self.rate * self.mixture.ball(v) - self.square * number

    def _excess_slope(self, gain: arb, gain_slope: arb, missing: list[arb], slopes: list[arb], v: arb) -> arb:
        change = self.rate * self.mixture.slope_ball(v)
        if self.upper:
            number = gain_slope * self._sums(missing, self.plain)
            return self.square * (number + gain * self._sums_slope(missing, slopes, self.plain)) - change
        number = gain_slope * self._sums(missing, self.shifted)
        number += gain * self._sums_slope(missing, slopes, self.shifted)
        number -= self.loss * self._sums_slope(missing, slopes, self.plain)
        return change - self.square * number

    def holds_near_zero(self, near: NearZero, gain: arb) -> bool:
        """Return whether the claim is proved for all v ≤ near.edge, σ_b = 0: one inequality, linear in w."""
        weights = [self.constant, *(rational(a) for a in self.mixture.weights)]
        row = near_zero_row(self.model, near, gain, self.times, self.upper)
        number = sum((a * r for a, r in zip(weights, row, strict=True)), arb(0))
        if self.upper:
            return bool(number <= self.rate * self.mixture.ball(near.edge))
        return bool(number >= self.rate * self.mixture.ball(arb(0)))


def near_zero_row(model: Model, near: NearZero, gain: arb, times: Sequence[arb], upper: bool) -> list[arb]:
    """Return what N(v) is compared with near v = 0, per coefficient of w; `gain` is a lower bound of E φ'² there."""
    square = number_ball(model.sigma_w) ** 2
    if upper:
        taus = [t * square / model.width for t in times]
        return upper_row(near, taus, square, number_ball(model.gamma), model.width)
    return lower_row(near, gain, times, square, near.kappa**2 / model.width, model.width)


def _remaining(missing: arb) -> arb:
    """Return E e^{−τφ²} from E[1 − e^{−τφ²}]; it is never negative."""
    return (1 - missing).max(arb(0))
