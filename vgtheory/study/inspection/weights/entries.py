"""Which distributions the entries of a weight matrix may come from: likelihood-ratio tests at a stated level."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, inf, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, ndtr

Array = NDArray[np.float64]

LEVEL = 1e-3  # probability with which the true distribution is rejected
_CUT = 2.0  # standard deviations at which frameworks cut a truncated normal
_KEPT = erf(_CUT / sqrt(2))
_SHRINK = sqrt(1 - 2 * _CUT * exp(-(_CUT**2) / 2) / sqrt(2 * pi) / _KEPT)  # its standard deviation, uncut 1
_ROUNDING = 2**-8  # bfloat16 may round a number over the bound by this much, in relative terms
_CERTAIN = 100.0  # a log-likelihood ratio at which no level needs the rest
_STEPS = 60


@dataclass(frozen=True, eq=False)
class Family:
    """A symmetric distribution of variance 1 by its density on a quadrature of [0, bound]; bound inf for normal."""

    name: str
    bound: float
    nodes: Array
    masses: Array

    def below(self, size: float) -> float:
        """Return P(|z| ≤ size)."""
        if self.name == "uniform":
            return min(size / self.bound, 1.0)
        scale = 1.0 if self.name == "normal" else _SHRINK
        kept = 1.0 if self.name == "normal" else _KEPT
        return min(float(2 * ndtr(size * scale) - 1) / kept, 1.0)


def _family(name: str, bound: float, reach: float, scale: float) -> Family:
    points, weights = np.polynomial.legendre.leggauss(120)
    z = (points + 1) * reach / 2
    density = weights * np.exp(-((scale * z) ** 2) / 2)
    return Family(name, bound, z, density / density.sum())


FAMILIES = {
    family.name: family
    for family in (
        _family("uniform", sqrt(3), sqrt(3), 0.0),
        _family("normal", inf, 12.0, 1.0),
        _family("truncated normal", _CUT / _SHRINK, _CUT / _SHRINK, _SHRINK),
    )
}


@dataclass(frozen=True)
class EntryMoments:
    """What the tests need of n entries: mean square, mean modulus, largest modulus; and the excess kurtosis."""

    count: int
    square: float
    modulus: float
    largest: float
    kurtosis: float

    @classmethod
    def of(cls, entries: Array) -> EntryMoments:
        """Return the moments of these entries; they are taken relative to the largest, so that none underflows."""
        modulus = np.abs(entries)
        largest = float(modulus.max())
        if largest == 0:
            return cls(modulus.size, 0.0, 0.0, 0.0, 0.0)
        z = modulus / largest
        square = float(np.mean(z**2))
        kurtosis = float(np.mean(z**4)) / square**2 - 3
        return cls(modulus.size, square * largest**2, float(np.mean(z)) * largest, largest, kurtosis)


def comes_from(moments: EntryMoments, family: str, variance: float) -> bool:
    """Return whether entries of mean 0 may come from this distribution with this variance.

    The true one is rejected with probability :data:`LEVEL`, half of it by each of two tests.  One is the likelihood
    ratio of the density f against f·exp(a z² + b|z|), a family that holds every scale and the way from uniform over
    normal to Laplace: 2n sup_{a,b}(a·mean z² + b·mean|z| − ln E_f exp(a z² + b|z|)) has the law χ²₂ (Wilks 1938).  The
    other one is exact: the largest |z| of n lies within the support, and is not smaller than chance allows.
    """
    if moments.square == 0:
        return False
    scale, known = sqrt(variance), FAMILIES[family]
    ratio = likelihood_ratio(known, moments.square / variance, moments.modulus / scale)
    return exp(-moments.count * ratio) >= LEVEL / 2 and _extreme_fits(known, moments, scale, _ROUNDING)


def entry_distribution(moments: EntryMoments) -> str:
    """Return the distributions that the entries may come from whatever their variance, joined by "or"; else "other".

    Geary's ratio mean|w|/√(mean w²) is to be √n-normal about E|z| with variance Var(|z| − E|z| z²/2), and the largest
    modulus within the support; each rejects the true one with probability :data:`LEVEL`/2.  "constant" for entries of
    one modulus.
    """
    if moments.square == 0 or moments.modulus**2 >= moments.square * (1 - 1e-12):
        return "constant"
    scale = sqrt(moments.square)
    # The scale is estimated to (κ + 2)/(4n) in relative variance; four standard errors belong to the bound.
    slack = _ROUNDING + 4 * sqrt(max(moments.kurtosis + 2, 0.1) / (4 * moments.count))
    kept = [
        name
        for name, known in FAMILIES.items()
        if _ratio_fits(known, moments.count, moments.modulus / scale) and _extreme_fits(known, moments, scale, slack)
    ]
    return " or ".join(kept) or "other"


def _ratio_fits(known: Family, count: int, ratio: float) -> bool:
    mean = float(known.masses @ known.nodes)
    spread = float(known.masses @ (known.nodes - mean * known.nodes**2 / 2 - mean / 2) ** 2)
    return float(erfc(abs(ratio - mean) * sqrt(count / (2 * spread)))) >= LEVEL / 2


def _extreme_fits(known: Family, moments: EntryMoments, scale: float, slack: float) -> bool:
    largest = moments.largest / scale
    if largest > known.bound * (1 + slack):
        return False
    below = known.below(largest * (1 + slack))
    return moments.count * log(max(below, 1e-300)) >= log(LEVEL / 2)


def likelihood_ratio(known: Family, square: float, modulus: float) -> float:
    """Return sup over (a, b) of a·square + b·modulus − ln E exp(a z² + b|z|), by Newton's method on a concave function.

    Never below 0, the value at a = b = 0; infinite (in effect) for moments that no density of the family has.
    """
    features = np.stack([known.nodes**2, known.nodes])
    target = np.array([square, modulus])
    theta, value = np.zeros(2), 0.0
    for _ in range(_STEPS):
        exponent = theta @ features
        top = exponent.max()
        tilted = known.masses * np.exp(exponent - top)
        tilted /= tilted.sum()
        mean = features @ tilted
        centred = features - mean[:, None]
        gradient = target - mean
        curvature = (centred * tilted) @ centred.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        if gradient @ step < 1e-12 or value > _CERTAIN:
            break
        length = 1.0
        while length > 1e-6 and (new := _value(known, features, target, theta + length * step)) < value:
            length /= 2
        if length <= 1e-6:
            break
        theta, value = theta + length * step, new
    return value


def _value(known: Family, features: Array, target: Array, theta: Array) -> float:
    exponent = theta @ features
    top = float(exponent.max())
    return float(theta @ target) - top - log(float(known.masses @ np.exp(exponent - top)))
