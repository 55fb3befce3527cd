"""Does a spectrum follow its ensemble?  Kolmogorov distances of rigid spectra."""

from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError, counted, shown
from vgtheory.random_matrices.arguments import (
    RandomState,
    complex_numbers,
    eigenvalues_of,
    generator,
    positive,
    whole,
)
from vgtheory.random_matrices.ensembles.ensemble import Ensemble
from vgtheory.random_matrices.laws.law import Law


def ks_distance(values: ArrayLike, law: Any) -> float:
    """Return the Kolmogorov distance between sampled real values (radii, for a law in the plane) and a law.

    Raises
    ------
    InputError : no values, or one that is NaN.

    Examples
    --------
    >>> import vgtheory as vg
    >>> ks_distance([-1.0, 0.0, 1.0], vg.laws.semicircle()) < 0.5
    True
    """
    if not isinstance(law, Law):
        raise InputError("law", "a law, e.g. one of vg.laws", "e.g. laws.semicircle()", got=f"{law!r}"[:60])
    hint = "give ensemble.measured(values), or their moduli or angles"
    points = np.sort(eigenvalues_of("values", values, hint).ravel())
    if not points.size or np.isnan(points).any():
        accepted = "at least one number, none of them NaN"
        raise InputError("values", accepted, "give vg.ensembles.goe(100).eigenvalues(), say", got=shown(values))
    # At ties (atoms) only the last of the equal values has reached the empirical function's step.
    at, below = np.asarray(law.cdf(points)), np.asarray(law.cdf(np.nextafter(points, -np.inf)))
    reached = np.searchsorted(points, points, side="right") / points.size
    before = np.searchsorted(points, points, side="left") / points.size
    return float(max(np.abs(reached - at).max(), np.abs(before - below).max()))


def independent_ks(count: int) -> float:
    """Return the mean Kolmogorov distance √(π/2) ln 2/√n of n independent values, which spectra are far below.

    Examples
    --------
    >>> round(independent_ks(100), 3)
    0.087
    """
    return sqrt(pi / 2) * log(2) / sqrt(whole("count", count))


def rigid_ks(size: int, beta: float = 2.0) -> float:
    """Return √(2/β) ln N/(πN), the leading order of the Kolmogorov distance of N eigenvalues.

    The counting function is a log-correlated field of variance ln N/(βπ²) (for β = 2 a theorem: Claeys, Fahs, Lambert &
    Webb 2021).  Finite sizes lie below it; `rigidity` gives what is expected at a given size.

    Examples
    --------
    >>> rigid_ks(1000) < independent_ks(1000)
    True
    """
    return sqrt(2 / positive("beta", beta)) * log(whole("size", size)) / (pi * size)


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
        raise InputError("ensemble", "one of vg.ensembles", "e.g. ensembles.goe(200)", got=f"{ensemble!r}"[:60])
    points, rng = ensemble.measured(complex_numbers("values", values).ravel()), generator(random_state)
    target = law or ensemble.one_point() or ensemble.limit()
    count = len(ensemble.eigenvalues(rng))
    if points.size != count:
        raise InputError(
            counted(points.size, "value"), f"{count}, one spectrum of {ensemble}", "give one spectrum at a time"
        )
    null = [ks_distance(ensemble.measured(ensemble.eigenvalues(rng)), target) for _ in range(whole("draws", draws))]
    distance = ks_distance(points, target)
    pvalue = (1 + sum(d >= distance for d in null)) / (1 + len(null))
    return Rigidity(distance, float(np.mean(null)), float(np.std(null)), pvalue, independent_ks(count))
