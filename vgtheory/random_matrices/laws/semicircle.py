"""Wigner's semicircle and the quarter-circle, the law of its absolute value."""

from dataclasses import dataclass
from math import comb

import numpy as np
import sympy as sp
from scipy.special import gammaln

from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class Semicircle(RealLaw):
    """The density 2√(R² − x²)/(πR²) on |x| ≤ R = `radius` (Wigner 1955)."""

    radius: float = 2.0

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, radius: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return radius**2 * g**2 / 4 - z * g + 1

    @property
    def bands(self) -> Pairs:
        """Return (−radius, radius), the one band."""
        return ((-self.radius, self.radius),)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density."""
        t = x / self.radius
        inside = np.clip(t, -1, 1)
        value = 2 * np.sqrt((1 - inside) * (1 + inside)) / (np.pi * self.radius)
        return np.where(np.isnan(t), np.nan, value)[()]

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x) in closed form."""
        t = np.clip(x / self.radius, -1, 1)
        angle = 2 * np.arctan2(np.sqrt(1 + t), np.sqrt(1 - t))
        return np.clip((angle + t * np.sqrt((1 - t) * (1 + t))) / np.pi, 0, 1)[()]

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G = 2/(z + √(z − R)√(z + R)) and G' = −G/(√(z − R)√(z + R))."""
        root = np.sqrt(z - self.radius) * np.sqrt(z + self.radius)
        value = 2 / (z + root)
        with np.errstate(divide="ignore", invalid="ignore"):
            return value[()], (-value / root)[()]

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return U = R²G²/8 − ln G."""
        value = self.stieltjes(z)
        return self.radius**2 * value**2 / 8 - np.log(value)

    def _moment(self, order: int) -> float:
        """Return E X^2k = Catalan(k) (radius/2)^2k, and 0 for odd orders."""
        k, odd = divmod(order, 2)
        return 0.0 if odd else comb(2 * k, k) // (k + 1) * (self.radius / 2) ** (2 * k)


@dataclass(frozen=True)
class QuarterCircle(RealLaw):
    """The density 4√(R² − x²)/(πR²) on 0 ≤ x ≤ R = `radius`: singular values of a square matrix of iid entries."""

    radius: float = 2.0

    @property
    def bands(self) -> Pairs:
        """Return (0, radius), the one band."""
        return ((0.0, self.radius),)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density."""
        return np.where(x < 0, 0.0, 2 * Semicircle(self.radius).pdf(x))[()]

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x) in closed form, to full relative precision near 0."""
        t = np.clip(x / self.radius, 0, 1)
        chord = np.sqrt((1 - t) * (1 + t))
        return np.clip(2 * (np.arctan2(t, chord) + t * chord) / np.pi, 0, 1)[()]

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G = (4/πR)[1 + πz/2 + (1 − z²)I] at z in units of R, I = ∫_0^{π/2} dθ/(z − sin θ), and G'."""
        t = np.asarray(z, dtype=complex) / self.radius
        value, slope = np.zeros(t.shape, complex), np.zeros(t.shape, complex)
        near = np.abs(t) < 3  # farther out the closed form cancels, and the rule has every digit
        value[~near], slope[~near] = RealLaw._stieltjes_and_slope(self, self.radius * t[~near])
        with np.errstate(divide="ignore", invalid="ignore"):
            t = t[near]
            root = np.sqrt(1 - t**2)
            # With u = tan(θ/2) the poles are (1 ± root)/t; u/pole meets no cut on its way from 0 to 1.
            angle = (np.log(1 - t / (1 + root)) - np.log(1 - (1 + root) / t)) / root
            value[near] = 4 / np.pi * (1 + np.pi * t / 2 + (1 - t**2) * angle) / self.radius
            slope[near] = 4 / np.pi * (np.pi / 2 - t * angle + 1 / t) / self.radius**2
        return value[()], slope[()]

    def _moment(self, order: int) -> float:
        """Return E X^k = radius^k Γ((k + 1)/2)/(√π Γ(k/2 + 2))."""
        k = order
        return float(self.radius**k * np.exp(gammaln((k + 1) / 2) - gammaln(k / 2 + 2)) / np.sqrt(np.pi))


def semicircle(radius: float = 2.0) -> Semicircle:
    """Return Wigner's semicircle law on [−radius, radius]; radius 2 has variance 1.

    Raises
    ------
    InputError : `radius` is not a finite positive number.

    Examples
    --------
    >>> semicircle().var(), semicircle(3.0).support()
    (1.0, (-3.0, 3.0))
    """
    return Semicircle(positive("radius", radius))


def quarter_circle(radius: float = 2.0) -> QuarterCircle:
    """Return the quarter-circle law on [0, radius]; radius 2 has second moment 1.

    Raises
    ------
    InputError : `radius` is not a finite positive number.

    Examples
    --------
    >>> law = quarter_circle()
    >>> law.support()
    (0.0, 2.0)
    >>> round(law.moment(2), 12)
    1.0
    """
    return QuarterCircle(positive("radius", radius))
