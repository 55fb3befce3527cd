"""Marchenko–Pastur fitted to eigenvalues: the ratio, the scale, and the outliers with what they say of the population.

Outliers change the bulk by as much as it fluctuates.  With z = 1 + c + √c(w + 1/w) a spike of population variance ℓ
multiplies det(z − S) by (1 + √c/w)(√c w + 1 − ℓ), which vanishes at the outlier ℓ + cℓ/(ℓ − 1) (Baik, Ben Arous &
Péché 2005); what is left of Σλ and Σ ln λ is put right by that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.special import ndtri

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.random_matrices.arguments import choice, confidence, eigenvalues_of, positive
from vgtheory.random_matrices.laws.fits.estimate import Estimate, Goodness
from vgtheory.random_matrices.laws.fits.wishart import chebyshev_misfit, freedom_deviation, freedom_of
from vgtheory.random_matrices.laws.marchenko_pastur import MarchenkoPastur, marchenko_pastur
from vgtheory.random_matrices.laws.tracy_widom import tracy_widom

_FEWEST = 16  # eigenvalues of the bulk
_ZERO = 1e-10  # of the largest: what counts as 0
_ROUNDS, _FREE, _SETTLED = 40, 6, 1e-10  # of fit and outliers in turn
_APART = 1e-3  # of √c: how far above the transition a spike is put whose eigenvalue stands out by chance
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Outlier:
    """An eigenvalue above the bulk.

    Parameters
    ----------
    value : the eigenvalue.
    interval : where an outlier of this population variance lies, (low, high): the BBP position and its fluctuation.
    spike : the variance of the population along it, σ²ℓ, with an interval.
    overlap : squared, of its eigenvector with the population's, (1 − c/(ℓ − 1)²)/(1 + c/(ℓ − 1)) (Paul 2007).

    Examples
    --------
    >>> found = Outlier(5.3, (5.0, 5.6), Estimate(4.0, (3.7, 4.3)), overlap=0.83)
    >>> found.spike
    4 in [3.7, 4.3]
    """

    value: float
    interval: tuple[float, float]
    spike: Estimate
    overlap: float


@dataclass(frozen=True)
class MarchenkoPasturFit:
    """A Marchenko–Pastur law with outliers, fitted to eigenvalues of X X*/n.

    `ratio` = p/n and `scale` = σ, the standard deviation of the entries of X, are floats with an `.interval`;
    `goodness` is a χ² of the bulk; `level` is that of all intervals.
    """

    ratio: Estimate
    scale: Estimate
    outliers: tuple[Outlier, ...]
    goodness: Goodness
    level: float

    @property
    def law(self) -> MarchenkoPastur:
        """Return the law of the bulk."""
        return marchenko_pastur(float(self.ratio), float(self.scale) ** 2)


@dataclass(frozen=True)
class _Bulk:
    """Eigenvalues of p × n Wishart form, descending, the `count` largest of them outliers; n = `freedom`."""

    values: np.ndarray
    beta: float
    count: int
    freedom: float
    variance: float

    @property
    def ratio(self) -> float:
        """Return c of the bulk."""
        return (len(self.values) - self.count) / self.freedom

    @property
    def spikes(self) -> np.ndarray:
        """Return ℓ of the outliers: λ/σ² = ℓ + cℓ/(ℓ − 1), above the transition 1 + √c."""
        c = self.ratio
        half = self.values[: self.count] / self.variance - c + 1
        root = np.sqrt(np.maximum(half**2 - 4 * self.values[: self.count] / self.variance, 0))
        return np.maximum((half + root) / 2, 1 + sqrt(c) * (1 + _APART))

    def fitted(self, known: float | None) -> _Bulk:
        """Return the bulk with the most likely σ² and n, n kept where the ratio is known."""
        c, spikes, rest = self.ratio, self.spikes, self.values[self.count :]
        total = rest.sum() + self.variance * (c * spikes / (spikes - 1)).sum()
        if known is not None:
            return replace(self, variance=float(total / len(rest)))
        pushed = np.log(np.maximum(1 - c, 1 / self.freedom) * (spikes - 1) / (spikes - 1 + c)).sum()
        freedom = freedom_of(float(total), float(np.log(rest).sum() - pushed), len(rest), self.beta)
        return replace(self, freedom=freedom, variance=float(total / len(rest)))

    def above(self, quantile: float) -> int:
        """Return how many eigenvalues lie above this Tracy–Widom quantile of the largest (Johnstone 2001)."""
        low, high = sqrt(len(self.values) - self.count - 0.5), sqrt(max(self.freedom - 0.5, 0.5))
        width = (low + high) * (1 / low + 1 / high) ** (1 / 3)
        return int((self.values > ((low + high) ** 2 + width * quantile) * self.variance / self.freedom).sum())


def fit_marchenko_pastur(
    eigenvalues: ArrayLike, ratio: float | None = None, beta: int = 1, level: float = 0.95
) -> MarchenkoPasturFit:
    """Return the Marchenko–Pastur law, and the outliers above it, of the eigenvalues of one matrix X X*/n.

    The most likely ratio and scale of a Gaussian X at this size, not of a limit: to about 1/p.  An eigenvalue is an
    outlier where the largest one of a bulk lies beyond it with a chance below (1 − level)/10.

    Parameters
    ----------
    eigenvalues : all p of them, shape (p,), p ≥ 16; zeros among them say that p > n: 1 − n/p of all are 0.
    ratio : p/n where it is known (then its interval is a point); by default it is fitted.
    beta : 1 for real, 2 for complex entries.
    level : of the intervals, which hold for Gaussian entries.

    Raises
    ------
    InputError : fewer than 16 eigenvalues in the bulk, a negative one, NaN, or a ratio that the zeros contradict.
    UnsupportedError : the eigenvalues are all but equal.

    Examples
    --------
    >>> from vgtheory.random_matrices.ensembles import spiked_wishart
    >>> fit = fit_marchenko_pastur(spiked_wishart(200, 400, [4.0]).eigenvalues(random_state=0))
    >>> fit.ratio.interval[0] < 0.5 < fit.ratio.interval[1], len(fit.outliers)
    (True, 1)
    >>> low, high = fit.outliers[0].spike.interval
    >>> low < 4 < high
    True
    """
    values = _spectrum(eigenvalues)
    field, share = int(choice("beta", beta, (1, 2))), confidence("level", level)
    size, full = len(values), values[values > _ZERO * values[0]]
    known = None if ratio is None else positive("ratio", ratio)
    if known == 1 and len(full) == size - 1:  # the least eigenvalue of a large square matrix may be all but 0
        full = values
    if len(full) < size or (known is not None and known > 1):
        known = _of_zeros(size, len(full), known)
    # Of p > n the n eigenvalues of X*X/p, which are n/p times as large, are those of a Wishart bulk.
    turned = known is not None and known > 1
    unit = known if turned and known is not None else 1.0
    inner = 1 / known if turned and known is not None else known
    quantile = float(tracy_widom(field).isf((1 - share) / 10))
    bulk = _settled(_start(full / unit, inner, field), inner, quantile)

    reach = float(ndtri((1 + share) / 2))
    found, sigma = _ratio(bulk, size, known, reach), sqrt(bulk.variance)
    factor = exp(reach * sqrt(2 / (field * (len(bulk.values) - bulk.count) * bulk.freedom)) / 2)
    spikes = 1 + unit * (bulk.spikes - 1)
    outliers = [
        _outlier(float(unit * value), float(spike), float(found), size, bulk, reach)
        for value, spike in zip(bulk.values, spikes, strict=False)
    ]
    parameters = 2 if known is None else 1
    goodness = chebyshev_misfit(bulk.values[bulk.count :], bulk.ratio, bulk.variance, bulk.spikes, field, parameters)
    scale = Estimate(sigma, (sigma / factor, sigma * factor))
    return MarchenkoPasturFit(found, scale, tuple(outliers), goodness, share)


def _spectrum(eigenvalues: ArrayLike) -> np.ndarray:
    read = eigenvalues_of("eigenvalues", eigenvalues, "give numpy.linalg.eigvalsh(x @ x.conj().T / n)")
    if read.ndim != 1:
        hint = "give numpy.linalg.eigvalsh(x @ x.conj().T / n)"
        raise InputError("eigenvalues", "those of one matrix, an array of shape (p,)", hint, got=f"shape {read.shape}")
    found = np.sort(read)[::-1]
    if found.size < _FEWEST or not np.isfinite(found).all() or found[0] <= 0 or found[-1] < -_ZERO * found[0]:
        accepted = f"at least {_FEWEST} finite values that are not negative, and not all 0"
        raise InputError("eigenvalues", accepted, "give those of X X*/n", got=shown(eigenvalues))
    return found


def _of_zeros(size: int, rank: int, known: float | None) -> float:
    """Return p/n, which zero eigenvalues tell: n of them are left."""
    if known is not None and abs(known * rank / size - 1) > 1e-6:
        accepted = f"p/n = {size / rank:.6g} of {size} eigenvalues, {size - rank} of which are 0"
        if rank == size:
            accepted = f"at most 1, since none of the {size} eigenvalues is 0"
        raise InputError("ratio", accepted, "leave it out", got=f"{known:g}")
    if rank < _FEWEST:
        raise InputError("eigenvalues", f"at least {_FEWEST} that are not 0", "give a larger matrix", got=f"{rank}")
    return size / rank


def _start(values: np.ndarray, ratio: float | None, beta: int) -> _Bulk:
    """Return a first bulk by quartiles, which outliers do not move."""
    low, middle, high = np.quantile(values, _QUARTILES)

    def spread(c: float) -> float:
        first, _, last = marchenko_pastur(c).ppf(np.array(_QUARTILES))
        return float(last / first)

    if ratio is None:
        if high / low <= spread(1e-4):
            ratio = 1e-4
        elif high / low >= spread(1.0):
            ratio = 1.0
        else:
            ratio = float(scipy.optimize.brentq(lambda c: spread(c) - high / low, 1e-4, 1.0, xtol=1e-4))
    return _Bulk(values, beta, 0, len(values) / ratio, float(middle / marchenko_pastur(ratio).median()))


def _settled(bulk: _Bulk, known: float | None, quantile: float) -> _Bulk:
    """Return the bulk at which fit and outliers agree."""
    for turn in range(_ROUNDS):
        count = bulk.above(quantile)
        if turn >= _FREE:  # from here on only more of them, so that two counts cannot follow each other for ever
            count = max(count, bulk.count)
        if len(bulk.values) - count < _FEWEST:
            raise UnsupportedError(f"{count} of {len(bulk.values)} eigenvalues lie above any bulk: this is no such law")
        new = replace(bulk, count=count).fitted(known)
        moved = abs(new.variance / bulk.variance - 1) + abs(new.freedom / bulk.freedom - 1)
        if count == bulk.count and moved < _SETTLED:
            return new
        bulk = new
    return bulk


def _ratio(bulk: _Bulk, size: int, known: float | None, reach: float) -> Estimate:
    if known is not None:
        return Estimate(known, (known, known))
    p, n = len(bulk.values) - bulk.count, bulk.freedom
    room = n - p + 1
    factor = exp(reach * freedom_deviation(n, p, bulk.beta) / room)
    return Estimate(size / n, (size / (p - 1 + room * factor), size / (p - 1 + room / factor)))


def _outlier(value: float, spike: float, ratio: float, size: int, bulk: _Bulk, reach: float) -> Outlier:
    """Return what is said of an outlier at a spike ℓ; its eigenvalue has variance 2σ⁴ℓ²(1 − c/(ℓ − 1)²)/(βn)."""
    slope = 1 - ratio / (spike - 1) ** 2  # of the BBP position in ℓ
    half = reach * spike * sqrt(2 * ratio / (bulk.beta * size) * slope)
    v, far = bulk.variance, half / slope
    position = v * spike * (1 + ratio / (spike - 1))
    found = Estimate(v * spike, (v * max(spike - far, 1.0), v * (spike + far)))
    overlap = slope / (1 + ratio / (spike - 1))
    return Outlier(value, (position - v * half, position + v * half), found, overlap)
