"""The surmises for spacings and their ratios, of any order and any β: laws of the smallest matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammainc, gammaincc, gammainccinv, gammaincinv, gammaln

from vgtheory.random_matrices.arguments import between, whole
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.scanned import coordinate, jacobian, place_at
from vgtheory.random_matrices.laws.smooth import SmoothLaw

_MOST_BETA, _MOST_ORDER = 1e4, 1000
_NOTHING = 1e-25  # of the mass, above which no rule has points


def repulsion(beta: float, order: int) -> float:
    """Return the power k(k + 1)β/2 + k − 1 with which the spacing of order k vanishes (Abul-Magd & Simbel 1999)."""
    return order * (order + 1) / 2 * beta + order - 1


@dataclass(frozen=True)
class SpacingSurmise(RealLaw):
    """The law ∝ s^α e^{−bs²} of a spacing of order k in units of the mean one, α = k(k + 1)β/2 + k − 1, mean k.

    Wigner's for k = 1 and β = 1, 2, 4, exact for matrices of size 2; β = 0 is the Gamma law of independent levels.
    """

    beta: float
    order: int = 1

    bands = ((0.0, np.inf),)

    @property
    def _shape(self) -> tuple[float, float, float]:
        """Return (a, u, p): (s/u)^p is a Gamma variable of shape a."""
        if self.beta == 0:
            return float(self.order), 1.0, 1.0
        a = (repulsion(self.beta, self.order) + 1) / 2
        return a, self.order * float(np.exp(gammaln(a) - gammaln(a + 0.5))), 2.0

    @property
    def _pieces(self) -> Pairs:
        a, unit, p = self._shape
        return ((0.0, float(unit * gammainccinv(a, _NOTHING) ** (1 / p))),)

    def _logpdf(self, x: np.ndarray) -> Array:
        a, unit, p = self._shape
        s = np.where(x > 0, x, 1.0) / unit
        value = np.log(p / unit) + (p * a - 1) * np.log(s) - s**p - gammaln(a)
        at_zero = float(np.log(p / unit) - gammaln(a)) if p * a == 1 else -np.inf
        return np.where(x > 0, value, np.where(x == 0, at_zero, -np.inf))

    def _pdf(self, x: np.ndarray) -> Array:
        return np.exp(self._logpdf(x))

    def _cdf(self, x: np.ndarray) -> Array:
        a, unit, p = self._shape
        return gammainc(a, (np.maximum(x, 0) / unit) ** p)

    def _sf(self, x: np.ndarray) -> Array:
        a, unit, p = self._shape
        return gammaincc(a, (np.maximum(x, 0) / unit) ** p)

    def _ppf(self, q: np.ndarray) -> Array:
        a, unit, p = self._shape
        return unit * gammaincinv(a, q) ** (1 / p)

    def _moment(self, order: int) -> float:
        a, unit, p = self._shape
        return float(unit**order * np.exp(gammaln(a + order / p) - gammaln(a)))


@dataclass(frozen=True)
class RatioSurmise(SmoothLaw):
    """The law of min(s, s')/max(s, s') of neighbouring spacings of order k, ∝ (r + r²)^α/(1 + r + r²)^{1 + 3α/2}.

    α = β for k = 1, exact for three eigenvalues (Atas, Bogomolny, Giraud & Roux 2013, eq. 7) and within 0.01 of the law
    of large matrices; α = k(k + 1)β/2 + k − 1 for order k (Tekur, Bhosale & Santhanam 2018).  β = 0: independent
    levels, for which r^{k−1}/(1 + r)^{2k} is exact.
    """

    beta: float
    order: int = 1

    bands = ((0.0, 1.0),)

    def window(self) -> tuple[float, float]:
        """Return the range of the coordinate, in which powers at 0 are flat."""
        return -4.2, 3.2

    def coordinate(self, x: np.ndarray) -> np.ndarray:
        """Return t at 0 < x < 1."""
        return coordinate(np.clip(x, 1e-300, np.nextafter(1.0, 0.0)), 0.0, 1.0)

    def place(self, u: np.ndarray) -> np.ndarray:
        """Return x at t."""
        return place_at(u, 0.0, 1.0)

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density of t."""
        return np.exp(self._logpdf(self.place(u))) * jacobian(u, 0.0, 1.0)

    def nodes(self, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return points and weights of the trapezoidal rule in t."""
        t = np.linspace(*self.window(), count or self._points)
        return self.place(t), self.density(t) * (t[1] - t[0])

    def _logpdf(self, x: np.ndarray) -> Array:
        r, k = np.clip(x, 0.0, 1.0), self.order
        with np.errstate(divide="ignore", invalid="ignore"):
            log_r = np.log(r)
            if self.beta == 0:
                power, rest = k - 1.0, np.log(2) - betaln(k, k) - 2 * k * np.log1p(r)
            else:
                power = repulsion(self.beta, k)
                constant = 1.5 * (1 + power) * np.log(3) + 2 * gammaln(1 + power / 2) - gammaln(1 + power)
                rest = constant - np.log(np.pi) + power * np.log1p(r) - (1 + 1.5 * power) * np.log1p(r + r * r)
            value = rest + (power * log_r if power else 0.0)
        return np.where((x >= 0) & (x <= 1), value, -np.inf)

    def _pdf(self, x: np.ndarray) -> Array:
        return np.exp(self._logpdf(x))


def spacing_surmise(beta: float, order: int = 1) -> SpacingSurmise:
    """Return the surmise for the spacing of order k between a level and the k-th one above it, of mean k.

    Parameters
    ----------
    beta : any β ≥ 0; 0 are independent levels.

    Raises
    ------
    InputError : not 0 ≤ β ≤ 10,000, or `order` is not an integer from 1 to 1000.

    Examples
    --------
    >>> goe = spacing_surmise(1)
    >>> bool(abs(goe.pdf(1.0) - np.pi / 2 * np.exp(-np.pi / 4)) < 1e-15), round(goe.var(), 6)
    (True, 0.27324)
    """
    return SpacingSurmise(between("beta", beta, 0, _MOST_BETA), whole("order", order, 1, _MOST_ORDER))


def ratio_surmise(beta: float, order: int = 1) -> RatioSurmise:
    """Return the surmise for the ratio, smaller to larger, of two neighbouring spacings of order k.

    Parameters
    ----------
    beta : any β ≥ 0; 0 are independent levels.

    Raises
    ------
    InputError : not 0 ≤ β ≤ 10,000, or `order` is not an integer from 1 to 1000.

    Examples
    --------
    >>> round(ratio_surmise(1).mean(), 6)  # 4 − 2√3
    0.535898
    """
    return RatioSurmise(between("beta", beta, 0, _MOST_BETA), whole("order", order, 1, _MOST_ORDER))
