"""Wishart spectra as an exponential family, of which Σλ and Σ ln λ say everything; Chebyshev sums and their χ²."""

from __future__ import annotations

from math import sqrt

import numpy as np
import scipy
from scipy.special import chdtrc, digamma, polygamma  # not scipy.stats, which takes half a second to import

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.laws.fits.estimate import Goodness

_CLOSEST, _FARTHEST = 1e-9, 1e12  # n − p + 1 between which the freedom is looked for
_SUMS = 6  # Chebyshev sums in the χ²
_STEP = 1e-6  # of a parameter, for slopes


def log_spread(freedom: float, size: int, beta: float) -> float:
    """Return E[Σ ln λ] − p ln σ² of p eigenvalues of X X*/n: Σ ψ(β(n − i + 1)/2) + p ln(2/(βn)), i = 1..p."""
    half = beta / 2 * (freedom - np.arange(size))
    return float(digamma(half).sum() + size * np.log(2 / (beta * freedom)))


def freedom_of(total: float, logs: float, size: int, beta: float) -> float:
    """Return the most likely n of p eigenvalues with these Σλ and Σ ln λ.

    Their joint density (see `ensembles.laguerre`) is an exponential family in Σλ and Σ ln λ: the likelihood is largest
    where both have their expected values, σ² = Σλ/p and `log_spread` = Σ ln λ − p ln σ².

    Raises
    ------
    UnsupportedError : the eigenvalues are (all but) equal, as for n = ∞.
    """
    wanted = logs - size * np.log(total / size)

    def miss(log_room: float) -> float:
        return log_spread(size - 1 + np.exp(log_room), size, beta) - wanted

    ends = np.log(_CLOSEST), np.log(_FARTHEST)
    if miss(ends[1]) <= 0:
        raise UnsupportedError("these eigenvalues are nearly equal: no ratio can be told from 0; give their ratio")
    return float(size - 1 + np.exp(scipy.optimize.brentq(miss, *ends, xtol=1e-12)))


def freedom_deviation(freedom: float, size: int, beta: float) -> float:
    """Return the standard deviation of the most likely n, from the Fisher information."""
    half = beta / 2 * (freedom - np.arange(size))
    slope = beta / 2 * polygamma(1, half).sum() - size / freedom
    return sqrt(2 / (beta * slope))


def chebyshev_misfit(
    bulk: np.ndarray, ratio: float, variance: float, spikes: np.ndarray, beta: float, fitted: int
) -> Goodness:
    """Return χ² of Σ T_k((λ − σ²(1 + c))/(2σ²√c)), k = 1..6, after `fitted` parameters were chosen by the data.

    For a Wishart bulk the sums are independent normals of variance k/(2β) (Johansson 1998).  Their means are
    p E T_k = p (−√c)^{k−2}(c − 1)/2, for k = 1 −p√c/2; (2/β − 1)/2 more for even k (Bai & Silverstein 2004); and
    [(−√c)^k − a^{−k}]/2 more for a spike ℓ, a = (ℓ − 1)/√c, which pushes the bulk: with z = 1 + c + √c(w + 1/w) the
    spectral shift is ln[(1 + √c/w)(w − a)].
    """
    order = np.arange(1, _SUMS + 1)
    sd = np.sqrt(order / (2 * beta))

    def rest(c: float, v: float) -> np.ndarray:
        root = np.sqrt(c)
        x = (bulk - v * (1 + c)) / (2 * v * root)
        sums = np.array([chebyshev(x, int(k)).sum() for k in order])
        means = len(bulk) * (c - 1) / 2 * (-root) ** (order - 2.0)
        means[0] = -len(bulk) * root / 2
        means = means + (2 / beta - 1) * 0.5 * (order % 2 == 0)
        for spike in spikes:
            means = means + ((-root) ** order - (root / (spike - 1)) ** order) / 2
        return (sums - means) / sd

    here = rest(ratio, variance)
    along = [(rest(ratio, variance * (1 + _STEP)) - here) / _STEP, (rest(ratio * (1 + _STEP), variance) - here) / _STEP]
    slopes = np.array(along[:fitted]).T
    left = here - slopes @ np.linalg.lstsq(slopes, here, rcond=None)[0]
    statistic, freedom = float(left @ left), _SUMS - fitted
    return Goodness(statistic, freedom, float(chdtrc(freedom, statistic)))


def chebyshev(x: np.ndarray, order: int) -> np.ndarray:
    """Return T_k(x), also beyond [−1, 1]."""
    return np.polynomial.chebyshev.chebval(x, np.eye(order + 1)[order])
