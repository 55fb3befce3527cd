"""Spacings of levels, their ratios, which need no unfolding, and β from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtrit

from vgtheory._errors import InputError, counted, shown
from vgtheory.random_matrices.arguments import confidence, eigenvalues_of, positive, whole
from vgtheory.random_matrices.spacings.mean_ratios import ERROR, mean_ratio

_LARGEST = 64.0  # β that are told from larger ones
_FEWEST = 3  # levels of a spectrum
_BLOCKS = 20  # of a single spectrum, whose means are nearly independent


def spacings(levels: ArrayLike, order: int = 1, period: float | None = None) -> np.ndarray:
    """Return x_{i+k} − x_i of sorted levels, k = `order`; `period` closes levels on a circle (2π for angles).

    Raises
    ------
    InputError : fewer than three or than k + 1 levels, complex ones, NaN or infinite ones, or a period shorter than the
        levels reach.

    Examples
    --------
    >>> spacings([0.0, 1.0, 3.0, 7.0], order=2)
    array([3., 6.])
    """
    k = whole("order", order)
    points = _sorted(levels, max(k + 1, _FEWEST))
    if period is None:
        return points[k:] - points[:-k]
    turns = np.concatenate([points, points + _period(points, period)])
    return turns[k : k + points.size] - points


def spacing_ratio(eigenvalues: ArrayLike, order: int = 1, period: float | None = None) -> np.ndarray:
    """Return min(s, s')/max(s, s') of neighbouring spacings of order k; no unfolding is needed.

    s = λ_{i+k} − λ_i and s' = λ_{i+2k} − λ_{i+k}, for every i: the two share no spacing.

    Parameters
    ----------
    eigenvalues : one spectrum of real values, or of angles.
    order : k.
    period : of values on a circle (2π for angles), so that ratios across the cut count.

    Raises
    ------
    InputError : fewer than 2k + 1 values, complex ones, NaN or infinite ones; 2k + 1 equal ones, whose spacings 0 and 0
        have no ratio; or a period shorter than the values reach.

    Examples
    --------
    >>> spacing_ratio([0.0, 1.0, 3.0, 4.0])
    array([0.5, 0.5])
    """
    k = whole("order", order)
    gaps = spacings(_sorted(eigenvalues, 2 * k + 1), k, period)
    before, after = (gaps[:-k], gaps[k:]) if period is None else (gaps, np.roll(gaps, -k))
    small, large = np.minimum(before, after), np.maximum(before, after)
    if (large == 0).any():
        found = f"{2 * k + 1} equal values, whose spacings 0 and 0 have no ratio"
        raise InputError(found, "fewer equal ones", "leave out all but one of them, as of zero eigenvalues")
    return small / large


def _period(points: np.ndarray, period: float) -> float:
    """Return the length of a circle, on which sorted points go round once at most."""
    turn, reach = positive("period", period), float(points[-1] - points[0])
    if reach > turn:
        accepted = f"at least {reach:.6g}, as far as the values reach"
        raise InputError("period", accepted, "give values % period, or period=2*numpy.pi for angles", got=f"{turn:g}")
    return turn


def _sorted(values: ArrayLike, least: int) -> np.ndarray:
    found = eigenvalues_of("values", values, "give their angles, or ensemble.measured(eigenvalues)")
    if found.ndim > 1:
        hint = "give [spacing_ratio(s) for s in spectra], or the eigenvalues of a matrix"
        raise InputError("values", "one spectrum, an array of shape (N,)", hint, got=f"shape {found.shape}")
    points = np.sort(found.ravel())
    if points.size < least or not np.isfinite(points).all():
        wrong = counted(points.size, "value") if points.size < least else "NaN or infinite values"
        raise InputError(wrong, f"at least {least} finite ones", "give one whole spectrum")
    return points


def _beta_of(mean: float) -> float:
    """Return the β of a mean ratio: 0 below that of independent levels, ∞ above that of β = 64."""
    if mean <= mean_ratio(0):
        return 0.0
    if mean >= mean_ratio(_LARGEST):
        return inf
    share = brentq(lambda v: mean_ratio(v / (1 - v)) - mean, 0.0, _LARGEST / (1 + _LARGEST), xtol=1e-9)
    return float(share / (1 - share))


def _means(spectra: Iterable[ArrayLike], period: float | None) -> np.ndarray:
    """Return nearly independent means of ratios: of spectra, or of stretches of a single one."""
    if not isinstance(spectra, Iterable) or isinstance(spectra, (str, bytes)):
        hint = "give ensemble.spectra(20)"
        raise InputError("spectra", "an array or a sequence of spectra", hint, got=shown(spectra))
    rows = list(spectra)
    if len(rows) > 1 and np.ndim(rows[0]) > 0:
        return np.array([spacing_ratio(row, period=period).mean() for row in rows])
    alone = spacing_ratio(rows[0] if len(rows) == 1 else np.asarray(rows), period=period)
    if alone.size < 2 * _BLOCKS:
        accepted = f"several spectra, or one of at least {2 * _BLOCKS + 2} values"
        raise InputError("spectra", accepted, "draw more, e.g. ensemble.spectra(20)", got=counted(alone.size, "ratio"))
    return np.array([part.mean() for part in np.array_split(alone, _BLOCKS)])


@dataclass(frozen=True)
class BetaFit:
    """β of spectra, by their mean spacing ratio, with an interval of the stated level."""

    beta: float
    interval: tuple[float, float]
    level: float
    mean_ratio: float
    error: float


def fit_beta(spectra: Iterable[ArrayLike], level: float = 0.95, period: float | None = None) -> BetaFit:
    """Return the β at which large matrices have the mean spacing ratio of these spectra, no unfolding needed.

    Parameters
    ----------
    spectra : several spectra, whose means make the error, or one, whose stretches do.
    level : of the interval, by Student's t of those means; the uncertainty 2e-5 of the curve is in it.
    period : of values on a circle (2π for angles).

    Raises
    ------
    InputError : too few values, complex ones or NaN, or not 0 < level < 1.

    Examples
    --------
    >>> from vgtheory.random_matrices.ensembles import hermite
    >>> found = fit_beta(hermite(100, beta=2).spectra(20, random_state=0))
    >>> found.interval[0] < 2 < found.interval[1]
    True
    """
    share = confidence("level", level)
    means = _means(spectra, period)
    mean, error = float(means.mean()), float(means.std(ddof=1) / sqrt(len(means)))
    reach = float(np.hypot(stdtrit(len(means) - 1, (1 + share) / 2) * error, ERROR))
    return BetaFit(_beta_of(mean), (_beta_of(mean - reach), _beta_of(mean + reach)), share, mean, error)


@dataclass(frozen=True)
class RatioTest:
    """The mean spacing ratio and its standard error, what is expected for β, the deviation in standard errors."""

    mean: float
    error: float
    expected: float
    z: float


def ratio_test(spectra: Iterable[ArrayLike], beta: float, period: float | None = None) -> RatioTest:
    """Return the mean spacing ratio of spectra against that of large matrices of β.

    Raises
    ------
    InputError : too few values, complex ones or NaN, or not 0 ≤ β ≤ 10,000.

    Examples
    --------
    >>> from vgtheory.random_matrices.ensembles import goe
    >>> found = ratio_test(goe(100).spectra(50, random_state=0), beta=1)
    >>> abs(found.z) < 4
    True
    """
    expected, means = mean_ratio(beta), _means(spectra, period)
    error = float(np.hypot(means.std(ddof=1) / sqrt(len(means)), ERROR if beta else 0.0))
    mean = float(means.mean())
    return RatioTest(mean, error, expected, (mean - expected) / error)
