"""Laws on the half line that are known in ln x: the linear methods from their partners in the logarithm."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.laws.law import Array, RandomState, RealLaw


@dataclass(frozen=True)
class HalfLineLaw(RealLaw):
    """A law of X ≥ 0 given by the density and the tails of ln X, which keep their digits where x underflows."""

    @abstractmethod
    def log_support(self) -> tuple[float, float]:
        """Return the support of ln X; −inf below where it reaches 0."""

    @abstractmethod
    def pdf_of_log(self, log_x: ArrayLike) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at ln x; never over- or underflows as pdf(x) does."""

    @abstractmethod
    def cdf_log(self, log_x: ArrayLike) -> Array:
        """Return P(ln X ≤ log_x), an atom at 0 included."""

    @abstractmethod
    def sf_log(self, log_x: ArrayLike) -> Array:
        """Return P(ln X > log_x)."""

    @abstractmethod
    def ppf_log(self, q: ArrayLike) -> Array:
        """Return the quantile of ln X; −inf at an atom at 0, NaN outside 0 ≤ q ≤ 1."""

    def support(self) -> tuple[float, float]:
        """Return the support of X."""
        lo, hi = self.log_support()
        return (0.0 if self.atoms else float(np.exp(lo))), float(np.exp(hi))

    def edges(self) -> tuple[float, float]:
        """Return the ends of the continuous part."""
        lo, hi = np.exp(self.log_support())
        return float(lo), float(hi)

    def logpdf(self, x: ArrayLike) -> Array:
        """Return the log of the density at x; inf at 0 where the support starts there."""
        x = np.asarray(x, dtype=float)
        at_zero = np.inf if self.log_support()[0] == -np.inf else -np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            log_x = np.log(x)
            value = np.where(x > 0, np.log(self.pdf_of_log(log_x)) - log_x, np.where(x == 0, at_zero, -np.inf))
        return np.where(np.isnan(x), np.nan, value)[()]

    def pdf(self, x: ArrayLike) -> Array:
        """Return the density of the continuous part at x."""
        with np.errstate(over="ignore"):
            return np.exp(self.logpdf(x))

    def cdf(self, x: ArrayLike) -> Array:
        """Return P(X ≤ x)."""
        x = np.asarray(x, dtype=float)
        return np.where(x < 0, 0.0, self.cdf_log(_log(x)))[()]

    def sf(self, x: ArrayLike) -> Array:
        """Return P(X > x)."""
        x = np.asarray(x, dtype=float)
        return np.where(x < 0, 1.0, self.sf_log(_log(x)))[()]

    def ppf(self, q: ArrayLike) -> Array:
        """Return the quantile of X; 0 where it underflows (see `ppf_log`)."""
        return np.exp(self.ppf_log(q))

    def rvs_log(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent draws of ln X."""
        return self.ppf_log(np.random.default_rng(random_state).random(size))


def _log(x: ArrayLike) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    with np.errstate(divide="ignore"):
        return np.where(np.isnan(x), np.nan, np.log(np.maximum(x, 0)))
