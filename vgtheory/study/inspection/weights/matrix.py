"""One weight matrix: its scale, the law of its entries, and its singular values beside the laws of random matrices."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import VgtheoryError
from vgtheory.random_matrices.laws import MarchenkoPasturFit, fit_marchenko_pastur, marchenko_pastur
from vgtheory.study.inspection.weights.entries import EntryMoments, entry_distribution

Array = NDArray[np.float64]

EQUAL = 1e-3  # relative spread of singular values below which a matrix is called orthogonal (float16 rounds at 5e-4)
_LEVEL = 0.999  # of the fit's intervals: a tenth of what is left is the chance that a matrix has a false outlier
_HEAVY = 1.0  # excess kurtosis of entries that makes a matrix heavy-tailed (a Gaussian has 0, a logistic law 1.2)


@dataclass(frozen=True, eq=False)
class MatrixFacts:
    """What one weight matrix W of shape (fan_out, fan_in) looks like.

    Attributes
    ----------
    sigma_w : √(fan_in · mean of W_ij²), an entry has variance σ_w²/fan_in.
    moments : of the entries.
    entries : the distributions that they may come from: "uniform", "normal", "truncated normal", "normal or truncated
        normal" and so on, "constant" or "other".
    singular : all singular values, descending.
    fit : of the Marchenko–Pastur law of this shape to them, with outliers; None of fewer than 16, of equal ones, and
        where no bulk is of that law.
    distance : Kolmogorov's distance of the squared singular values below the outliers to that law.
    shape : "orthogonal", "Marchenko–Pastur", "Marchenko–Pastur with outliers", "heavy-tailed" or "structured".
    """

    sigma_w: float
    moments: EntryMoments
    entries: str
    singular: Array
    fit: MarchenkoPasturFit | None
    distance: float
    shape: str

    @property
    def outliers(self) -> int:
        """Return the number of singular values above the law's edge, by more than finite size explains."""
        return 0 if self.fit is None else len(self.fit.outliers)

    @property
    def bulk_sigma_w(self) -> float:
        """Return the σ_w of the entries without what the outliers add; NaN without a fit."""
        return nan if self.fit is None else self.sigma_w * float(self.fit.scale) / sqrt(self.moments.square)

    @property
    def goodness(self) -> float:
        """Return the p-value of the fit, which holds where entries may be normal; else NaN."""
        return self.fit.goodness.pvalue if self.fit is not None and "normal" in self.entries.split(" or ") else nan


def matrix_facts(weight: Array) -> MatrixFacts:
    """Return what the entries and singular values of a matrix of shape (fan_out, fan_in) look like.

    An iid matrix of variance σ_w²/fan_in has squared singular values of the Marchenko–Pastur law (1967), whatever the
    law of its entries; outliers stand above it where :func:`~vgtheory.laws.fit_marchenko_pastur` says so.
    """
    fan_in = weight.shape[1]
    moments = EntryMoments.of(weight.ravel())
    sigma_w, entries = sqrt(fan_in * moments.square), entry_distribution(moments)
    singular = np.linalg.svd(weight, compute_uv=False).astype(np.float64)
    if moments.square == 0:
        return MatrixFacts(sigma_w, moments, entries, singular, None, 1.0, "structured")
    small, large = min(weight.shape), max(weight.shape)
    is_orthogonal = small > 1 and np.ptp(singular) <= EQUAL * singular[0]
    scaled = singular**2 / large
    fit = None if is_orthogonal else _fit(scaled, small / large)
    variance, above = (moments.square, 0) if fit is None else (float(fit.scale) ** 2, len(fit.outliers))
    distance = _distance(scaled[above:][::-1] / variance, small / large)
    shape = "orthogonal" if is_orthogonal else _shape(small, moments.kurtosis, distance, above)
    return MatrixFacts(sigma_w, moments, entries, singular, fit, distance, shape)


def _fit(scaled: Array, ratio: float) -> MarchenkoPasturFit | None:
    try:
        return fit_marchenko_pastur(scaled, ratio=ratio, level=_LEVEL)
    except VgtheoryError:  # fewer than it takes, or zeros, or more outliers than bulk: this is no such law
        return None


def _distance(ascending: Array, ratio: float) -> float:
    """Return Kolmogorov's distance of values to the Marchenko–Pastur law of variance 1."""
    below = np.asarray(marchenko_pastur(ratio).cdf(ascending))
    ranks = np.arange(len(below) + 1) / len(below)
    return float(max(np.abs(below - ranks[1:]).max(), np.abs(below - ranks[:-1]).max()))


def _shape(size: int, kurtosis: float, distance: float, outliers: int) -> str:
    # Eigenvalues repel: their empirical law lies within a few 1/N of the limit, not 1/√N.
    if distance > 0.02 + 3 / size:
        return "heavy-tailed" if kurtosis > _HEAVY else "structured"
    return "Marchenko–Pastur with outliers" if outliers else "Marchenko–Pastur"
