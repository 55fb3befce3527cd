"""Laws with a smooth density: the distribution function by integrating its Chebyshev interpolant."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np
import scipy  # its parts load at first use
from numpy.polynomial import Chebyshev
from scipy.special import roots_legendre

from vgtheory.kernels.series import chebyshev_sum
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.real import RealLaw

_FIRST, _MOST = 64, 1 << 14  # degrees of the interpolant
_ROUNDED = 1e-10  # from where on coefficients that do not fall are taken for rounding
_SMALL = 3e-14  # last coefficients, relative to the largest: rounding leaves a few 1e-15


def interpolate(function: Callable[[np.ndarray], np.ndarray], lo: float, hi: float, most: int = _MOST) -> Chebyshev:
    """Return the Chebyshev interpolant on [lo, hi], its degree doubled until the last coefficients vanish."""
    degree, before = _FIRST, np.inf
    while True:
        angles = (np.arange(degree) + 0.5) * np.pi / degree
        values = function((lo + hi) / 2 + (hi - lo) / 2 * np.cos(angles))
        coefficients = scipy.fft.dct(values, type=2) / degree
        coefficients[0] /= 2
        size = np.abs(coefficients).max()
        last = np.abs(coefficients[-max(8, degree // 16) :]).max()
        # Where the function itself is rounded to less, more points change nothing.
        rounded = last <= _ROUNDED * size and last > before / 4
        before = last
        if last <= _SMALL * size or rounded or degree >= most:
            kept = np.flatnonzero(np.abs(coefficients) > _SMALL / 10 * size)
            return Chebyshev(coefficients[: (kept[-1] + 1) if len(kept) else 1], domain=[lo, hi])
        degree *= 2


def evaluate(series: Chebyshev, x: np.ndarray) -> np.ndarray:
    """Return a series at x inside its domain, many times faster than the series' own call."""
    lo, hi = series.domain
    t = np.clip((2 * np.asarray(x, dtype=float) - (lo + hi)) / (hi - lo), -1, 1)
    return chebyshev_sum(np.ravel(t), series.coef).reshape(np.shape(x))


@dataclass(frozen=True)
class SmoothLaw(RealLaw):
    """A law whose density, as a function of `coordinate(x)`, is analytic on an interval that holds all but 1e-17."""

    @abstractmethod
    def window(self) -> tuple[float, float]:
        """Return the interval in the coordinate outside of which the mass is below 1e-17."""

    @abstractmethod
    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density of the coordinate at u."""

    def coordinate(self, x: np.ndarray) -> np.ndarray:
        """Return the increasing coordinate in which the density is smooth: x itself unless a law says otherwise."""
        return x

    def place(self, u: np.ndarray) -> np.ndarray:
        """Return x at a coordinate."""
        return u

    @cached_property
    def _below(self) -> Chebyshev:
        lo, hi = self.window()
        return interpolate(self.density, lo, hi).integ(lbnd=lo)

    @cached_property
    def _total(self) -> float:
        return float(self._below(self.window()[1]))

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x), to about 1e-14 absolutely."""
        lo, hi = self.window()
        u = self.coordinate(np.clip(x, *self.support()))
        value = np.clip(evaluate(self._below, u) / self._total, 0.0, 1.0)
        return np.where(u <= lo, 0.0, np.where(u >= hi, 1.0, value))

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile, by bisection in the coordinate; NaN outside 0 ≤ q ≤ 1."""
        first, last = self.window()
        table, total = np.linspace(first, last, 4097), self._total
        reached = np.maximum.accumulate(evaluate(self._below, table) / total)
        place = np.clip(np.searchsorted(reached, q), 1, len(table) - 1)
        lo, hi = table[place - 1], table[place]
        for _ in range(45):
            middle = (lo + hi) / 2
            enough = evaluate(self._below, middle) >= q * total
            lo, hi = np.where(enough, lo, middle), np.where(enough, middle, hi)
        out = np.where(q == 0, self.support()[0], np.where(q == 1, self.support()[1], self.place(hi)))
        return out

    def nodes(self, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return points and weights of the Gauss–Legendre rule on the window, as many as the density has degrees."""
        lo, hi = self.window()
        node, weight = roots_legendre(max(count or self._points, len(self._below.coef)))
        u = lo + (hi - lo) * (1 + node) / 2
        return self.place(u), (hi - lo) / 2 * weight * self.density(u) / self._total


@dataclass(frozen=True)
class LogDensityLaw(SmoothLaw):
    """A law on the line whose log density is known everywhere."""

    bands = ((-inf, inf),)

    @abstractmethod
    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density at u."""
        return np.exp(np.asarray(self.logpdf(u)))

    def _pdf(self, x: np.ndarray) -> Array:
        return np.exp(self._logpdf(x))


@dataclass(frozen=True)
class RootLaw(LogDensityLaw):
    """A law on x > 0 in the coordinate √x, in which its density is an even or odd entire function."""

    bands = ((0.0, inf),)

    def coordinate(self, x: np.ndarray) -> np.ndarray:
        """Return √x."""
        return np.sqrt(np.maximum(x, 0.0))

    def place(self, u: np.ndarray) -> np.ndarray:
        """Return u²."""
        return u**2

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density of √x at u, 2u·pdf(u²)."""
        u = np.maximum(np.asarray(u, dtype=float), 1e-100)
        return 2 * u * np.exp(np.asarray(self.logpdf(u**2)))


@dataclass(frozen=True)
class LogLaw(SmoothLaw):
    """A law on x > 0 in the coordinate ln x."""

    bands = ((0.0, inf),)

    def coordinate(self, x: np.ndarray) -> np.ndarray:
        """Return ln x."""
        with np.errstate(divide="ignore"):
            return np.log(x)

    def place(self, u: np.ndarray) -> np.ndarray:
        """Return e^u."""
        return np.exp(u)
