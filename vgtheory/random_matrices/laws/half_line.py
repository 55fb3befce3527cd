"""Laws on the half line that are known in ln x: the linear methods from their partners in the logarithm."""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.arguments import RandomState, generator, shape_of
from vgtheory.random_matrices.laws.law import Array, Pairs, of_probability, on_line
from vgtheory.random_matrices.laws.real import RealLaw

_APART = 2.0  # in ln x, of the two places that tell by which power a density goes to 0 or to infinity
_SHALLOWEST = 10.0  # in ln x below the median: nearer to it a density says nothing of its limit
_LEVEL = 1e-3  # a power of x that counts as 0


@dataclass(frozen=True)
class HalfLineLaw(RealLaw):
    """A law of X ≥ 0 given by the density and the tails of ln X, which keep their digits where x underflows."""

    # In ln x below the median: where the density may be known next to 0, the deepest first.
    next_to_zero: ClassVar[tuple[float, ...]] = (60.0, 40.0, 25.0, 15.0)

    @property
    @abstractmethod
    def bands_log(self) -> Pairs:
        """Return the intervals of the continuous part of ln X, ascending; −inf below where it reaches 0."""

    @property
    def atoms_log(self) -> Pairs:
        """Return (ln x, mass) of every atom, ascending; −inf for one at 0."""
        return ()

    @abstractmethod
    def _pdf_log(self, log_x: np.ndarray) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at finite ln x."""

    @abstractmethod
    def _cdf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X ≤ log_x) at finite ln x, an atom at 0 included."""

    @abstractmethod
    def _ppf_log(self, q: np.ndarray) -> Array:
        """Return the quantile of ln X at 0 ≤ q ≤ 1; −inf at an atom at 0."""

    def _sf_log(self, log_x: np.ndarray) -> Array:
        return 1.0 - self._cdf_log(log_x)

    @property
    def zero_mass(self) -> float:
        """Return the mass at 0."""
        return sum(mass for place, mass in self.atoms_log if place == -np.inf)

    def pdf_log(self, log_x: ArrayLike) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at ln x; never over- or underflows as pdf(x) does."""
        return on_line("log_x", log_x, self._pdf_log, 0.0, 0.0)

    def cdf_log(self, log_x: ArrayLike) -> Array:
        """Return P(ln X ≤ log_x), an atom at 0 included."""
        return on_line("log_x", log_x, self._cdf_log, self.zero_mass, 1.0)

    def sf_log(self, log_x: ArrayLike) -> Array:
        """Return P(ln X > log_x)."""
        return on_line("log_x", log_x, self._sf_log, 1.0 - self.zero_mass, 0.0)

    def ppf_log(self, q: ArrayLike) -> Array:
        """Return the quantile of ln X; −inf at an atom at 0, NaN outside 0 ≤ q ≤ 1."""
        return of_probability(q, self._ppf_log)

    def support_log(self) -> tuple[float, float]:
        """Return the smallest interval of ln X that has all the mass but that at 0."""
        ends = [*chain(*self.bands_log), *(place for place, _ in self.atoms_log if place > -np.inf)]
        return min(ends), max(ends)

    @property
    def bands(self) -> Pairs:
        """Return the intervals of the continuous part; inf where an end leaves the range of doubles (`bands_log`)."""
        return tuple((exponential(lo), exponential(hi)) for lo, hi in self.bands_log)

    @property
    def atoms(self) -> Pairs:
        """Return the (place, mass) of every atom, ascending."""
        return tuple((exponential(place), mass) for place, mass in self.atoms_log)

    def _logpdf(self, x: np.ndarray) -> Array:
        at_zero = self._log_at_zero() if np.any(x == 0) else -np.inf
        log_x = np.log(np.where(x > 0, x, 1.0))
        value = np.log(self._pdf_log(log_x)) - log_x
        return np.where(x > 0, value, np.where(x == 0, at_zero, -np.inf))

    def _log_at_zero(self) -> float:
        """Return ln of the limit of the density at 0."""
        return -np.inf if self.support_log()[0] > -np.inf else self._looked_at_zero()

    def _looked_at_zero(self, known_from: float = -np.inf) -> float:
        """Return ln of the limit of the density at 0: a number where it has settled, ∞ or −∞ where it grows or falls.

        It is looked at down to e^−60 of the median, or as far as it is known; NaN where that is less than e^−10.
        """
        median = float(self._ppf_log(np.array([(1 + self.zero_mass) / 2]))[0])
        deepest = median - known_from - _APART
        for below in sorted({min(below, deepest) for below in self.next_to_zero}, reverse=True):
            places = median - below - np.array([0.0, _APART])
            with np.errstate(divide="ignore"):
                far, near = np.log(self._pdf_log(places)) - places
            if below >= _SHALLOWEST and np.isfinite(far + near):
                power = (far - near) / _APART
                return float(near) if abs(power) < _LEVEL else -np.inf if power > 0 else np.inf
        return np.nan

    def _pdf(self, x: np.ndarray) -> Array:
        return np.exp(self._logpdf(x))

    def _cdf(self, x: np.ndarray) -> Array:
        return np.where(x < 0, 0.0, self.cdf_log(np.log(np.maximum(x, 0.0))))

    def _sf(self, x: np.ndarray) -> Array:
        return np.where(x < 0, 1.0, self.sf_log(np.log(np.maximum(x, 0.0))))

    def _ppf(self, q: np.ndarray) -> Array:
        return np.exp(self._ppf_log(q))  # 0 where it underflows

    def rvs_log(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent draws of ln X."""
        return self._draws(generator(random_state).random(shape_of(size)))

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent draws (see `rvs_log`)."""
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(self.rvs_log(size, random_state))

    def _draws(self, p: np.ndarray) -> Array:
        return self.ppf_log(p)


def exponential(value: float) -> float:
    """Return e^value; 0 and inf beyond the range of doubles."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.exp(value))
