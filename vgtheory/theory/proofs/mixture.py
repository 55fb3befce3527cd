"""Search, in floating point, for the function w(v) = a_0 + Σ a_k e^{−t_k v} that gives the best finite-width rate.

First the two-parameter family w(v) ≈ (v + c)^{−s} = ∫ t^{s−1}e^{−t(v + c)} dt/Γ(s), the integral replaced by a sum over
t = e^u; then all a_k ≥ 0 are free: for a given λ the inequalities are linear in a, so a linear programme says whether
λ can be reached.  Nothing here needs to be exact: what is found is rounded to short decimals and then certified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from vgtheory.theory.proofs.gauss_table import Panel, density_rows, float_values, rational
from vgtheory.theory.proofs.length_chain import Model

Array = NDArray[np.float64]

GRID = 300  # variances at which the search looks
STEP = 0.5  # of u = ln t
STARTS = ((0.0, -3.0), (-1.0, -6.0), (1.0, 0.0))  # (ln s, ln c/v_max), from the mean-field hint and either side of it
NEGLIGIBLE = 1e-9  # share of w below which a term is dropped
GAIN_STEPS = 10  # bisections of λ by linear programmes
TOLERANCE = 2e-4  # relative, between the maximum on the grid and the rate to be proved
WORTH = 2e-3  # relative gain for which the free mixture is worth its flatter certificate


@dataclass(frozen=True)
class Mixture:
    """w(v) = constant + Σ weights·e^{−times·v} with exact short decimals."""

    constant: sp.Rational
    weights: tuple[sp.Rational, ...]
    times: tuple[sp.Rational, ...]

    def ball(self, v: arb) -> arb:
        """Return w(v)."""
        return sum(self._terms(v), rational(self.constant))

    def slope_ball(self, v: arb) -> arb:
        """Return w'(v)."""
        return -sum((rational(t) * term for t, term in zip(self.times, self._terms(v), strict=True)), arb(0))

    def _terms(self, v: arb) -> list[arb]:
        # w falls, so that its ends enclose it on a ball.
        return [rational(a) * (-rational(t) * v).exp() for a, t in zip(self.weights, self.times, strict=True)]

    def expr(self, v: sp.Symbol) -> sp.Expr:
        """Return w as SymPy."""
        return self.constant + sp.Add(*(a * sp.exp(-t * v) for a, t in zip(self.weights, self.times, strict=True)))


def exponents(low: float, high: float) -> Array:
    """Return the t_k of the search: a geometric grid of short decimals from 1/50v_max to 40/v_min."""
    grid = np.exp(np.arange(np.log(0.02 / high), np.log(40 / low), STEP))
    return np.array([float(f"{t:.2e}") for t in grid])


Found = tuple[Mixture, sp.Rational, sp.Rational]


@dataclass(frozen=True)
class Search:
    """The inequalities on a grid of variances: numerator·a against λ·weights·a, column 0 for the constant."""

    times: Array
    high: float
    values: Array  # w's columns at the grid, 1 and e^{−tv}
    upper: Array  # χ(v) E w(V'): columns
    lower: Array  # the numerator of λ⁻: columns

    @classmethod
    def of(cls, model: Model, panels: tuple[Panel, ...], times: Array, low: float, high: float) -> Search:
        """Return the search for a model on variances between `low` and `high`."""
        grid = np.geomspace(low, high, GRID)
        h, density = density_rows(panels, grid)
        squares, slopes = float_values(panels)
        sigma, n = float(model.sigma_w), model.width
        gain = density @ slopes.sum(1)
        square_gain = (density * h**2 / grid[:, None]) @ slopes.sum(1)
        missing = density @ -np.expm1(-squares[:, :, None] * (times * sigma**2 / n)).sum(1)
        with np.errstate(divide="ignore"):
            powers = np.exp((n - 1) * np.log1p(-np.minimum(missing, 1.0))) if n > 1 else np.ones_like(missing)
        start = np.exp(-times * float(model.least))
        shift = np.exp(-times * sigma**2 * float(model.value_bound) ** 2 / n)
        ones = np.ones((GRID, 1))
        plain, shifted = np.hstack([ones, powers * start]), np.hstack([ones, powers * start * shift])
        loss = float(model.kappa) ** 2 / n
        return cls(
            times,
            high,
            np.hstack([ones, np.exp(-np.outer(grid, times))]),
            sigma**2 * np.maximum(gain, square_gain)[:, None] * plain,
            sigma**2 * (gain[:, None] * shifted - loss * plain),
        )

    def with_row(self, row: list[float], v: float, upper: bool) -> Search:
        """Return the search with one more inequality, for the numerator `row` against w(v)."""
        values = np.vstack([self.values, np.exp(-np.concatenate([[0.0], self.times]) * v)])
        if upper:
            return replace(self, values=values, upper=np.vstack([self.upper, row]), lower=np.empty(0))
        return replace(self, values=values, lower=np.vstack([self.lower, row]), upper=np.empty(0))


def best_upper(search: Search) -> Found | None:
    """Return the mixture with the smallest max_v N(v)/w(v), that maximum on the grid, and a tolerance to prove it."""
    return _best(search, search.upper, 1)


def best_lower(search: Search) -> Found | None:
    """Return the mixture with the largest min_v N(v)/w(v), likewise; None where it is not positive."""
    found = _best(search, search.lower, -1)
    return found if found is not None and found[1] > 0 else None


def _best(search: Search, numerator: Array, sign: int) -> Found | None:
    def worst(a: Array) -> float:
        return float(np.max(sign * (numerator @ a) / (search.values @ a)))

    fits = [
        scipy.optimize.minimize(
            lambda p: worst(_power(search, p)), start, method="Nelder-Mead", options={"maxiter": 120}
        )
        for start in STARTS
    ]
    best = min(fits, key=lambda r: r.fun)
    mixture, rate, gain = _power(search, best.x), sign * best.fun, 0.0
    if rate <= 0:
        return None
    better = _feasible(search, numerator, sign, rate * (1 - sign * WORTH))
    if better is not None:
        mixture = _bisected(search, numerator, sign, rate, better)
        gain = abs(worst(mixture) / rate / sign - 1)
    rounded = _rounded(search, mixture)
    reached = sign * worst(_coefficients(search, rounded))
    # A free mixture makes N/w nearly constant, so that many boxes are needed: part of the gain pays for fewer.
    return rounded, sp.Rational(reached), sp.Rational(max(TOLERANCE, float(gain) / 10))


def _coefficients(search: Search, mixture: Mixture) -> Array:
    place = {t: k for k, t in enumerate(search.times, 1)}
    a = np.zeros(len(search.times) + 1)
    a[0] = float(mixture.constant)
    for t, weight in zip(mixture.times, mixture.weights, strict=True):
        a[place[float(t)]] = float(weight)
    return a


def _power(search: Search, parameters: Array) -> Array:
    """Return the coefficients of (v + c)^{−s}, the constant standing for all t below the grid."""
    s, c = np.exp(np.clip(parameters[0], -9, 3)), np.exp(np.clip(parameters[1], -40, 20)) * search.high
    u = np.log(search.times)
    logs = s * u - c * search.times + np.log(STEP)
    first = s * (u[0] - STEP / 2) - np.log(s)
    top = max(first, float(np.max(logs)))
    return np.exp(np.concatenate([[first], logs]) - top)


def _feasible(search: Search, numerator: Array, sign: int, rate: float) -> Array | None:
    """Return a ≥ 0 with sign·(N − rate·w)·a < 0 at every variance of the grid, or None: a linear programme."""
    scale = search.values.max(axis=0)
    matrix = sign * (numerator - rate * search.values) / scale
    size = (search.values / scale).max(axis=1, keepdims=True)
    count = matrix.shape[1]
    found = scipy.optimize.linprog(
        np.concatenate([np.zeros(count), [-1.0]]),
        A_ub=np.hstack([matrix / size, np.ones((len(matrix), 1))]),
        b_ub=np.zeros(len(matrix)),
        A_eq=np.concatenate([np.ones(count), [0.0]])[None],
        b_eq=[1.0],
        bounds=[(0, None)] * count + [(None, None)],
    )
    return found.x[:-1] / scale if found.status == 0 and -found.fun > 1e-9 else None


def _bisected(search: Search, numerator: Array, sign: int, reached: float, best: Array) -> Array:
    good, bad = reached * (1 - sign * WORTH), reached * (1 - sign * 0.5)
    for _ in range(GAIN_STEPS):
        middle = (good + bad) / 2
        found = _feasible(search, numerator, sign, middle)
        if found is None:
            bad = middle
        else:
            good, best = middle, found
    return best


def _rounded(search: Search, a: Array) -> Mixture:
    """Return the mixture in short decimals without the terms that nowhere matter, scaled to largest coefficient 1."""
    share = (search.values * a / (search.values @ a)[:, None]).max(axis=0)
    a = np.where(share > NEGLIGIBLE, a, 0.0)
    a = a / a.max()
    weights = [sp.Rational(f"{x:.5e}") for x in a]
    kept = [(sp.Rational(repr(float(t))), w) for t, w in zip(search.times, weights[1:], strict=True) if w]
    return Mixture(weights[0], tuple(w for _, w in kept), tuple(t for t, _ in kept))
