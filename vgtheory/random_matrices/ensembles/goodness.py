"""Does a spectrum follow its ensemble?  Kolmogorov distances of rigid spectra, and ratios of neighbouring spacings."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import RandomState, between, choice, complex_numbers, generator, numbers, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble
from vgtheory.random_matrices.laws.law import Array, Law
from vgtheory.random_matrices.laws.smooth import SmoothLaw

# Mean of min(s, s')/max(s, s') over neighbouring spacings, N → ∞ (Atas et al. 2013, table I; 0: independent values).
MEAN_RATIO = {0: 2 * log(2) - 1, 1: 0.5307, 2: 0.5996, 4: 0.6744}
_RATIO_ERROR = 1e-4  # of the three numerical values


def ks_distance(values: ArrayLike, law: Any) -> float:
    """Return the Kolmogorov distance between sampled real values (radii, for a law in the plane) and a law.

    Raises
    ------
    InputError : no values, or one that is NaN.
    """
    if not isinstance(law, Law):
        raise InputError("law", "a law, e.g. one of vg.laws", "give e.g. laws.semicircle()", got=f"{law!r}"[:60])
    if np.iscomplexobj(values):
        raise InputError("complex values", "real ones", "give ensemble.measured(values), or their moduli or angles")
    points = np.sort(numbers("values", values).ravel())
    if not points.size or np.isnan(points).any():
        raise InputError(f"{points.size} values", "at least one, none of them NaN", "give eigenvalues")
    # At ties (atoms) only the last of the equal values has reached the empirical function's step.
    at, below = np.asarray(law.cdf(points)), np.asarray(law.cdf(np.nextafter(points, -np.inf)))
    reached = np.searchsorted(points, points, side="right") / points.size
    before = np.searchsorted(points, points, side="left") / points.size
    return float(max(np.abs(reached - at).max(), np.abs(before - below).max()))


def independent_ks(count: int) -> float:
    """Return the mean Kolmogorov distance √(π/2) ln 2/√n of n independent values, which spectra are far below."""
    return sqrt(pi / 2) * log(2) / sqrt(whole("count", count))


def rigid_ks(size: int, beta: float = 2.0) -> float:
    """Return √(2/β) ln N/(πN), the leading order of the Kolmogorov distance of N eigenvalues.

    The counting function is a log-correlated field of variance ln N/(βπ²) (for β = 2 a theorem: Claeys, Fahs, Lambert &
    Webb 2021).  Finite sizes lie below it; `rigidity` gives what is expected at a given size.
    """
    return sqrt(2 / between("beta", beta, 1e-300)) * log(whole("size", size)) / (pi * size)


@dataclass(frozen=True)
class Rigidity:
    """A Kolmogorov distance beside the one expected of the ensemble at this size.

    `pvalue` is exact: the share of distances as large among the drawn ones and the observed one.
    """

    distance: float
    expected: float
    spread: float
    pvalue: float
    independent: float


def rigidity(
    values: ArrayLike, ensemble: Ensemble, draws: int = 199, law: Any = None, random_state: RandomState = 0
) -> Rigidity:
    """Return the Kolmogorov distance of a spectrum to a law beside its distribution over the ensemble.

    Parameters
    ----------
    values : one spectrum, as many eigenvalues as the ensemble has.
    draws : spectra drawn from the ensemble by its cheapest model; the smallest p-value is 1/(draws + 1).
    law : by default the exact mean density at this size where it is known, else the limit.

    Raises
    ------
    InputError : the number of values is not that of the ensemble.

    Examples
    --------
    >>> from vgtheory.random_matrices.ensembles.hermite import goe
    >>> found = rigidity(goe(200).eigenvalues(random_state=1), goe(200), draws=19)
    >>> found.pvalue > 0.05, found.expected < found.independent / 4
    (True, True)
    """
    if not isinstance(ensemble, Ensemble):
        raise InputError("ensemble", "one of vg.ensembles", "give e.g. ensembles.goe(200)", got=f"{ensemble!r}"[:60])
    points, rng = ensemble.measured(complex_numbers("values", values).ravel()), generator(random_state)
    target = law or ensemble.one_point() or ensemble.limit()
    count = len(ensemble.eigenvalues(rng))
    if points.size != count:
        raise InputError(f"{points.size} values", f"{count}, one spectrum of {ensemble}", "give one spectrum at a time")
    null = [ks_distance(ensemble.measured(ensemble.eigenvalues(rng)), target) for _ in range(whole("draws", draws))]
    distance = ks_distance(points, target)
    pvalue = (1 + sum(d >= distance for d in null)) / (1 + len(null))
    return Rigidity(distance, float(np.mean(null)), float(np.std(null)), pvalue, independent_ks(count))


def spacing_ratios(values: ArrayLike, period: float | None = None) -> np.ndarray:
    """Return min(s, s')/max(s, s') of neighbouring spacings of one spectrum, sorted here; no unfolding is needed.

    Parameters
    ----------
    period : of values on a circle (2π for angles), so that the last spacing is the one across the cut.

    Raises
    ------
    InputError : fewer than three values.
    """
    points = np.sort(numbers("values", values).ravel())
    if points.size < 3:
        raise InputError(f"{points.size} values", "at least three", "give one whole spectrum")
    gaps = np.diff(points)
    if period is not None:
        gaps = np.append(gaps, points[0] + period - points[-1])
        gaps = np.append(gaps, gaps[0])
    small, large = np.minimum(gaps[1:], gaps[:-1]), np.maximum(gaps[1:], gaps[:-1])
    return np.divide(small, large, out=np.zeros_like(small), where=large > 0)


@dataclass(frozen=True)
class RatioTest:
    """The mean spacing ratio and its standard error, what is expected for β, the deviation in standard errors."""

    mean: float
    error: float
    expected: float
    z: float


def ratio_test(spectra: Iterable[ArrayLike], beta: int, period: float | None = None) -> RatioTest:
    """Return the mean spacing ratio of independent spectra against that of β = 0, 1, 2 or 4.

    Raises
    ------
    InputError : fewer than two spectra (ratios within one are correlated), or another β.

    Examples
    --------
    >>> from vgtheory.random_matrices.ensembles.hermite import goe
    >>> found = ratio_test(goe(100).spectra(50, random_state=0), beta=1)
    >>> abs(found.z) < 4
    True
    """
    beta = choice("beta", beta, tuple(MEAN_RATIO))
    if not isinstance(spectra, Iterable) or isinstance(spectra, (str, bytes)):
        raise InputError(
            "spectra", "an array or a sequence of spectra", "give ensemble.spectra(20)", got=f"{spectra!r}"[:60]
        )
    means = np.array([spacing_ratios(s, period).mean() for s in spectra])
    if len(means) < 2:
        raise InputError(f"{len(means)} spectra", "at least two", "draw more, e.g. ensemble.spectra(20)")
    error = float(np.hypot(means.std(ddof=1) / np.sqrt(len(means)), _RATIO_ERROR if beta else 0.0))
    mean = float(means.mean())
    return RatioTest(mean, error, MEAN_RATIO[beta], (mean - MEAN_RATIO[beta]) / error)


@dataclass(frozen=True)
class SpacingRatio(SmoothLaw):
    """The law of min(s, s')/max(s, s') of three eigenvalues, ∝ (r + r²)^β/(1 + r + r²)^{1 + 3β/2} on [0, 1].

    Atas, Bogomolny, Giraud & Roux (2013), eq. 7; within 0.01 of the law of large matrices.  β = 0: independent values.
    """

    beta: int

    bands = ((0.0, 1.0),)

    def window(self) -> tuple[float, float]:
        """Return (0, 1)."""
        return 0.0, 1.0

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density."""
        if self.beta == 0:
            return 2 / (1 + u) ** 2
        # The constants of the paper's table I, times 2 for the fold of r to 1/r.
        scale = {1: 27 / 4, 2: 81 * sqrt(3) / (2 * pi), 4: 729 * sqrt(3) / (2 * pi)}[self.beta]
        return scale * (u + u**2) ** self.beta / (1 + u + u**2) ** (1 + 1.5 * self.beta)

    def _pdf(self, x: np.ndarray) -> Array:
        return np.where((x >= 0) & (x <= 1), self.density(np.clip(x, 0, 1)), 0.0)


def spacing_ratio(beta: int) -> SpacingRatio:
    """Return the surmise for the law of the spacing ratio, β = 0, 1, 2 or 4.

    Raises
    ------
    InputError : another β.

    Examples
    --------
    >>> round(spacing_ratio(1).mean(), 6)  # 4 − 2√3
    0.535898
    """
    beta = choice("beta", beta, tuple(MEAN_RATIO))
    return SpacingRatio(int(beta))
