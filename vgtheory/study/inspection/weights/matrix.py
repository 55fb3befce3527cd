"""One weight matrix: its scale, the law of its entries, and its singular values beside the laws of random matrices."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from vgtheory.random_matrices.laws import marchenko_pastur
from vgtheory.study.inspection.weights.entries import EntryMoments, entry_distribution

Array = NDArray[np.float64]

EQUAL = 1e-3  # relative spread of singular values below which a matrix is called orthogonal (float16 rounds at 5e-4)
_EDGES = 6.0  # fluctuations of the largest eigenvalue beyond the Marchenko–Pastur edge: an outlier
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
    bulk_sigma : σ_w of the Marchenko–Pastur law whose median is that of the singular values: outliers do not move it.
    distance : Kolmogorov's distance of the squared singular values to that law.
    outliers : number of singular values above its edge, by more than finite size explains.
    shape : "orthogonal", "Marchenko–Pastur", "Marchenko–Pastur with outliers", "heavy-tailed" or "structured".
    """

    sigma_w: float
    moments: EntryMoments
    entries: str
    singular: Array
    bulk_sigma: float
    distance: float
    outliers: int
    shape: str


def matrix_facts(weight: Array) -> MatrixFacts:
    """Return what the entries and singular values of a matrix of shape (fan_out, fan_in) look like.

    An iid matrix of variance σ_w²/fan_in has squared singular values of the Marchenko–Pastur law (1967), whatever the
    law of its entries; an edge fluctuates by (√n + √p)(1/√n + 1/√p)^{1/3} (Johnstone 2001) in units of the variance.
    """
    fan_in = weight.shape[1]
    moments = EntryMoments.of(weight.ravel())
    square, entries = moments.square, entry_distribution(moments)
    singular = np.linalg.svd(weight, compute_uv=False).astype(np.float64)
    small, large = min(weight.shape), max(weight.shape)
    law = marchenko_pastur(small / large)
    scaled = np.sort(singular**2) / large
    variance = float(np.median(scaled) / law.ppf(0.5)) if square else 0.0
    if variance == 0:
        return MatrixFacts(sqrt(fan_in * square), moments, entries, singular, 0.0, 1.0, 0, "structured")
    ranks = np.arange(small + 1) / small
    below = np.asarray(law.cdf(scaled / variance))
    distance = float(max(np.abs(below - ranks[1:]).max(), np.abs(below - ranks[:-1]).max()))
    step = (sqrt(large) + sqrt(small)) * (large**-0.5 + small**-0.5) ** (1 / 3) / large
    edge = variance * ((1 + sqrt(small / large)) ** 2 + _EDGES * step)
    outliers = int((scaled > edge).sum())
    shape = _shape(singular, moments.kurtosis, distance, outliers)
    return MatrixFacts(
        sqrt(fan_in * square), moments, entries, singular, sqrt(fan_in * variance), distance, outliers, shape
    )


def _shape(singular: Array, kurtosis: float, distance: float, outliers: int) -> str:
    if len(singular) > 1 and np.ptp(singular) <= EQUAL * singular[0]:
        return "orthogonal"
    # Eigenvalues repel: their empirical law lies within a few 1/N of the limit, not 1/√N.
    if distance > 0.02 + 3 / len(singular):
        return "heavy-tailed" if kurtosis > _HEAVY else "structured"
    return "Marchenko–Pastur with outliers" if outliers else "Marchenko–Pastur"
