"""Confidence intervals for columns of samples: mean, variance, quantiles, proportions, moments of rarely large numbers.

Samples are logarithms of norms, shape (samples, columns); −inf is a dead network, which means and variances leave out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts load at first use: not scipy.stats, which takes a second
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Skewness over √n times Student's quantile, in the correction of an interval for skewness: beyond this the upper end
# runs away without more intervals covering.  Below the other number a skewness is none.
MOST_BENT, STRAIGHT = 0.55, 1e-6


@dataclass(frozen=True)
class Estimate:
    """Estimates of columns and their confidence intervals; NaN where there are too few samples for one."""

    value: Array
    low: Array
    high: Array

    @property
    def half_width(self) -> Array:
        """Return half the length of the intervals."""
        return (self.high - self.low) / 2


def alive(values: Array) -> NDArray[np.bool_]:
    """Return which samples are not those of a dead network."""
    return ~np.isneginf(values)


def living(values: Array) -> NDArray[np.bool_]:
    """Return which networks, one per row of layers, have a gradient in every layer."""
    return np.all(alive(values), axis=1)


def moments(values: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return mean, variance (n − 1) and number n of the living samples of each column; NaN where there are too few."""
    living = alive(values)
    count = living.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(living, values, 0.0).sum(axis=0) / count
        squares = np.where(living, values - mean, 0.0) ** 2
        return mean, squares.sum(axis=0) / np.where(count > 1, count - 1, np.nan), count


def half_width(error: Any, count: Any, level: float = 0.99) -> Array:
    """Return half the length of Student's interval of a mean of `count` samples with this standard error.

    0 where the error is, else NaN below two samples.

    >>> half_width(1.0, [64, 8]).round(3).tolist()
    [2.656, 3.499]
    """
    n, error = np.asarray(count, dtype=float), np.asarray(error, dtype=float)
    return np.where(error == 0, 0.0, scipy.special.stdtrit(np.where(n > 1, n - 1, np.nan), (1 + level) / 2) * error)


def mean_interval(values: Array, level: float = 0.99) -> Estimate:
    """Return the means and their Student intervals."""
    mean, variance, count = moments(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = half_width(np.sqrt(variance / count), count, level)
    return Estimate(mean, mean - reach, mean + reach)


def variance_interval(values: Array, level: float) -> Estimate:
    """Return the variances and intervals for any distribution: the jackknife of ln s², corrected for skewness.

    Miller's (1968) pseudo-values of ln s² are skewed themselves where samples are few and far from normal, and the
    interval of their mean would be too short and too low: it takes Student's quantile with the degrees of freedom that
    their kurtosis leaves (Satterthwaite 1946), and Hall's (1992, section 2) cubic transformation for their skewness.
    Of 95 % intervals 93 to 97 % cover for 32 samples or more of normal, exponential, Student (5), log-χ² (1 degree of
    freedom or more) and log-normal distributions (σ = ½).  Where a rare draw carries the variance no sample shows it:
    log-normal with σ = 1 is covered by 88 % of the intervals of 32 samples, 92 % of those of 256.  Without
    the correction as few as 87 % cover, and of the χ² intervals of normal samples 68 %: ``benchmarks/coverage.py``.
    """
    mean, variance, count = moments(values)
    living = alive(values)
    n = np.where(count > 3, count, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(living, values - mean, 0.0) ** 2
        without = ((n - 1) * variance - n / (n - 1) * squares) / (n - 2)  # the variance without one sample
        pseudo = n * np.log(variance) - (n - 1) * np.log(np.maximum(without, np.finfo(float).tiny))
        low, high = _skewed_mean_interval(np.where(living, pseudo, np.nan), n, level)
    constant = (variance == 0) & (count > 3)
    with np.errstate(over="ignore"):  # a handful of samples may bound a variance by no double
        return Estimate(variance, np.where(constant, 0.0, np.exp(low)), np.where(constant, 0.0, np.exp(high)))


def _skewed_mean_interval(values: Array, n: Array, level: float) -> tuple[Array, Array]:
    """Return the ends of an interval for the means of n numbers, skewed to the right if at all; NaN is left out."""
    centre = np.nansum(values, axis=0) / n
    from_centre = values - centre
    second, third, fourth = (np.nansum(from_centre**k, axis=0) / n for k in (2, 3, 4))
    freedom = np.clip(2 * n / np.maximum(fourth / second**2 - 1, 1e-9), 1, n - 1)
    t = scipy.special.stdtrit(freedom, (1 + level) / 2)
    bend = np.clip(third / second**1.5 / np.sqrt(n), STRAIGHT, MOST_BENT / t)
    error = np.sqrt(second / (n - 1))
    low, high = (3 / bend * (np.cbrt(1 + bend * (end - bend / 6)) - 1) for end in (t, -t))
    return centre - error * low, centre - error * high


def quantile_interval(values: Array, p: float, level: float) -> Estimate:
    """Return p-quantiles over all samples, dead ones too, and intervals without assumptions about the law.

    The quantile is the least sample that a fraction p of all does not exceed.  The ends are order statistics, chosen
    by the binomial law of the number of samples below the quantile and interpolated to the level (Nyblom 1992, eq. 1);
    ±inf where the samples are too few for an end.
    """
    n = len(values)
    ordered = np.sort(values, axis=0)
    value = ordered[min(max(math.ceil(p * n), 1), n) - 1] if n else np.full(values.shape[1], np.nan)
    tail = (1 - level) / 2
    low = _order_statistic(ordered, p, tail)
    high = -_order_statistic(-ordered[::-1], 1 - p, tail)
    return Estimate(value, low, high)


def _order_statistic(ordered: Array, p: float, tail: float) -> Array:
    """Return a number that exceeds the p-quantile with probability `tail`, by interpolation; −inf if there is none."""
    n = len(ordered)
    below = scipy.special.bdtr(np.arange(n + 1), n, p)  # P(B ≤ r), B the number of samples below the quantile ξ
    r = int(np.argmax(below >= tail))
    if r < 1:
        return np.full(ordered.shape[1], -np.inf)
    before, after = below[r - 1], below[r]  # P(X_(r) > ξ) and P(X_(r+1) > ξ)
    if r >= n or after == tail:
        return ordered[min(r, n - 1)]
    weight = 1.0 / (1.0 + r * (1 - p) * (after - tail) / ((n - r) * p * (tail - before))) if tail > before else 0.0
    with np.errstate(invalid="ignore"):
        between = (1 - weight) * ordered[r - 1] + weight * ordered[r]
    return np.where(np.isneginf(ordered[r - 1]) | np.isposinf(ordered[r]), ordered[r - 1], between)


def proportion_interval(count: NDArray[np.int64], n: int, level: float) -> Estimate:
    """Return the proportions count/n and their exact intervals (Clopper & Pearson 1934)."""
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(count > 0, scipy.special.betaincinv(np.maximum(count, 1), n - count + 1, tail), 0.0)
        high = np.where(count < n, scipy.special.betaincinv(count + 1, np.maximum(n - count, 1), 1 - tail), 1.0)
    return Estimate(count / n, low, high)


def log_raw_moment(values: Array, order: float) -> tuple[Array, Array]:
    """Return ln mean e^{order·v} of each column (dead networks count as 0), and its effective sample size.

    That is the smaller of (Σw)²/Σw², w = e^{order·v} (Kish 1965), and of n/e^{order²·s²}, what it would be for
    normal v of the same variance s²: a sample that has not met the rare draws does not show that it lacks them.
    """
    n = len(values)
    scaled = order * values
    top = np.max(scaled, axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        weights = np.exp(scaled - np.where(np.isfinite(top), top, 0.0))
        total = weights.sum(axis=0)
        size = total**2 / np.sum(weights**2, axis=0)
        _, variance, count = moments(values)
        expected = count * np.exp(-(order**2) * variance)
        return top + np.log(total / n), np.fmin(size, expected)
