"""The Tracy–Widom laws of the largest eigenvalue, β = 1, 2, 4, by Fredholm determinants."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike
from scipy.special import airy

from vgtheory._errors import InputError
from vgtheory.spectra.laws.law import Array, RealLaw, whole
from vgtheory.spectra.laws.smooth import interpolate

_FIRST, _LAST = -10.0, 16.0  # beyond them every one of the three laws has less than 1e-17 of its mass
_NODES, _DEGREE = 100, 160


@lru_cache(maxsize=1)
def _airy() -> Chebyshev:
    """Return Ai on the range of the determinants, to 1e-16 absolutely; SciPy's airy would take most of the time."""
    return interpolate(lambda x: airy(x)[0], _FIRST, _LAST)


def _determinants(s: float) -> tuple[float, float]:
    """Return det(I − V) and det(I + V), V(x, y) = Ai((x + y)/2)/2 on (s, ∞), by Gauss–Legendre quadrature."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    half = _LAST - s  # from (x + y)/2 = 16 on the kernel is 0: Ai(16) = 4e-20
    x, root = s + half * (node + 1), np.sqrt(half * weight)
    kernel = 0.5 * root[:, None] * root * _airy()(np.minimum((x[:, None] + x) / 2, _LAST))
    return float(np.linalg.det(np.eye(_NODES) - kernel)), float(np.linalg.det(np.eye(_NODES) + kernel))


@lru_cache(maxsize=3)
def _distribution(beta: int) -> Chebyshev:
    def at(points: np.ndarray) -> np.ndarray:
        minus, plus = np.array([_determinants(float(s)) for s in points]).T
        return {1: minus, 2: minus * plus, 4: (minus + plus) / 2}[beta]

    scale = np.sqrt(2) if beta == 4 else 1.0
    inner = Chebyshev.interpolate(at, _DEGREE, domain=[_FIRST, _LAST])
    return Chebyshev(inner.coef, domain=[_FIRST / scale, _LAST / scale])


@dataclass(frozen=True)
class TracyWidom(RealLaw):
    """The limit of (λ_max − 2)N^{2/3} for GOE and GUE with the semicircle on [−2, 2]; 2^{1/6} times it for the GSE.

    F₁ = det(I − V), F₂ = det(I − V)det(I + V), F₄ = (det(I − V) + det(I + V))/2 at √2 x (Ferrari & Spohn 2005;
    the scale is that of Tracy & Widom 1996 and Bornemann 2010).  The absolute error of F is about 1e-14: tails below
    that are not resolved.
    """

    beta: int

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which the mass is below 1e-17 (the law itself fills the line)."""
        lo, hi = _distribution(self.beta).domain
        return float(lo), float(hi)

    def pdf(self, x: ArrayLike) -> Array:
        """Return the density, to about 1e-12 absolutely."""
        x = np.asarray(x, dtype=float)
        lo, hi = self.support()
        value = np.maximum(_distribution(self.beta).deriv()(np.clip(x, lo, hi)), 0.0)
        return np.where(np.isnan(x), np.nan, np.where((x > lo) & (x < hi), value, 0.0))[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Return P(X ≤ x)."""
        x = np.asarray(x, dtype=float)
        lo, hi = self.support()
        value = np.clip(_distribution(self.beta)(np.clip(x, lo, hi)), 0.0, 1.0)
        return np.where(x <= lo, 0.0, np.where(x >= hi, 1.0, value))[()]

    def moment(self, order: int) -> float:
        """Return E X^order = hi^k − ∫ k x^{k−1} F(x) dx over the support."""
        k = whole("order", order, 0)
        if k == 0:
            return 1.0
        node, weight = np.polynomial.legendre.leggauss(200)
        lo, hi = self.support()
        half = (hi - lo) / 2
        x = lo + half * (node + 1)
        below = _distribution(self.beta)(x)
        return float(hi**k - half * (weight * k * x ** (k - 1) * below).sum())


def tracy_widom(beta: int) -> TracyWidom:
    """Return the Tracy–Widom law of β = 1, 2 or 4.

    Raises
    ------
    InputError : β is not 1, 2 or 4.

    Examples
    --------
    >>> round(tracy_widom(2).mean(), 9), round(tracy_widom(2).var(), 9)
    (-1.771086807, 0.813194793)
    """
    if beta not in (1, 2, 4):
        raise InputError(f"beta = {beta!r}", "1, 2 or 4", "give beta=1 for real symmetric matrices")
    return TracyWidom(int(beta))
