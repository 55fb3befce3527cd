"""Condition numbers of square Gaussian matrices: limit laws and the exact ones."""

from dataclasses import dataclass
from math import exp, inf, lgamma, pi, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.spectra.laws.law import Array, RealLaw, choice, whole

Field = Literal["real", "complex"]


@dataclass(frozen=True)
class EdelmanCondition(RealLaw):
    """The limit law of κ/N, κ = s_max/s_min of an N × N Gaussian matrix (Edelman 1988, theorems 6.1 and 6.2).

    Real: P(κ/N ≤ x) = e^{−2/x − 2/x²}; complex: e^{−4/x²}.  The tails 2/x and 4/x² leave no mean and no variance.
    """

    field: Field = "real"

    def support(self) -> tuple[float, float]:
        """Return (0, ∞)."""
        return 0.0, inf

    def _exponent(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore"):
            inverse = 1 / np.maximum(x, 0)
            return 2 * inverse + 2 * inverse**2 if self.field == "real" else 4 * inverse**2

    def pdf(self, x: ArrayLike) -> Array:
        """Return the density, (2x + 4)/x³ e^{−2/x − 2/x²} or 8/x³ e^{−4/x²}."""
        x = np.asarray(x, dtype=float)
        front = (2 * x + 4, 8.0)[self.field == "complex"]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.where(x > 1e-2, front / x**3 * np.exp(-self._exponent(x)), 0.0)  # e^{−20000} below
        return np.where(np.isnan(x), np.nan, value)[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Return P(κ/N ≤ x)."""
        return np.exp(-self._exponent(np.asarray(x, dtype=float)))[()]

    def sf(self, x: ArrayLike) -> Array:
        """Return P(κ/N > x), to full relative precision in the heavy tail."""
        return -np.expm1(-self._exponent(np.asarray(x, dtype=float)))[()]

    def ppf(self, q: ArrayLike) -> Array:
        """Return the quantile; NaN outside 0 ≤ q ≤ 1."""
        q = np.asarray(q, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.abs(np.log(q))
            # 2y + 2y² = rate for y = 1/x, without cancellation.
            inverse = rate / (1 + np.sqrt(1 + 2 * rate)) if self.field == "real" else np.sqrt(rate) / 2
            out = np.where(q == 0, 0.0, 1 / inverse)
        return np.where((q >= 0) & (q <= 1), out, np.nan)[()]

    def moment(self, order: int) -> float:
        """Return E (κ/N)^order: infinite, but √(4π) for the complex mean."""
        k = whole("order", order, 0)
        if k == 0:
            return 1.0
        return 2 * sqrt(pi) if k == 1 and self.field == "complex" else inf

    def var(self) -> float:
        """Return infinity."""
        return inf


@dataclass(frozen=True)
class DemmelCondition(RealLaw):
    """The exact law of κ_D = ‖A‖_F/s_min of an N × N complex Gaussian matrix: P(κ_D > x) = 1 − (1 − N/x²)^{N²−1}.

    Edelman (1992), corollary 3.2; x ≥ √N.
    """

    size: int

    def support(self) -> tuple[float, float]:
        """Return (√N, ∞), a point for N = 1."""
        return sqrt(self.size), inf if self.size > 1 else 1.0

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the atom at 1 of a 1 × 1 matrix."""
        return ((1.0, 1.0),) if self.size == 1 else ()

    def pdf(self, x: ArrayLike) -> Array:
        """Return the density."""
        x, n = np.asarray(x, dtype=float), self.size
        power = n * n - 1
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = power * 2 * n / x**3 * (1 - n / x**2) ** max(power - 1, 0)
        return np.where(np.isnan(x), np.nan, np.where(x >= sqrt(n), value, 0.0))[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Return P(κ_D ≤ x)."""
        x, n = np.asarray(x, dtype=float), self.size
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.exp((n * n - 1) * np.log1p(-n / np.maximum(x, sqrt(n)) ** 2)) if n > 1 else np.ones(x.shape)
        return np.where(np.isnan(x), np.nan, np.where(x >= sqrt(n), value, 0.0))[()]

    def sf(self, x: ArrayLike) -> Array:
        """Return P(κ_D > x), to full relative precision in the heavy tail."""
        x, n = np.asarray(x, dtype=float), self.size
        with np.errstate(divide="ignore", invalid="ignore"):
            value = -np.expm1((n * n - 1) * np.log1p(-n / np.maximum(x, sqrt(n)) ** 2)) if n > 1 else 0 * x
        return np.where(np.isnan(x), np.nan, np.where(x >= sqrt(n), value, 1.0))[()]

    def moment(self, order: int) -> float:
        """Return E κ_D, finite for N > 1; higher moments are infinite (the tail is x⁻²)."""
        k = whole("order", order, 0)
        if k == 0 or self.size == 1:
            return 1.0
        n = self.size
        # √N E u^{−1/2} for u = N/κ_D², of the law Beta(1, N² − 1).
        return sqrt(n * pi) * exp(lgamma(n * n) - lgamma(n * n - 0.5)) if k == 1 else inf

    def var(self) -> float:
        """Return infinity, 0 for a 1 × 1 matrix."""
        return inf if self.size > 1 else 0.0


def edelman_condition(field: Field = "real") -> EdelmanCondition:
    """Return the limit law of κ/N for N × N Gaussian matrices over the field "real" or "complex".

    Raises
    ------
    InputError : `field` is unknown.

    Examples
    --------
    >>> round(edelman_condition("real").median(), 4), round(edelman_condition("complex").mean(), 4)
    (3.6713, 3.5449)
    """
    return EdelmanCondition(choice("field", field, ("real", "complex")))


def demmel_condition(size: int) -> DemmelCondition:
    """Return the exact law of the scaled condition number ‖A‖_F ‖A⁻¹‖ of a complex Gaussian matrix.

    Raises
    ------
    InputError : `size` is not an integer of at least 1.

    Examples
    --------
    >>> demmel_condition(2).support()
    (1.4142135623730951, inf)
    """
    return DemmelCondition(whole("size", size))
