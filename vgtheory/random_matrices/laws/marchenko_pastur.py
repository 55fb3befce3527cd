"""The Marchenko–Pastur law: eigenvalues of a sample covariance matrix."""

from dataclasses import dataclass
from math import comb

import numpy as np
import sympy as sp

from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.integrals import integral_over_x
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class MarchenkoPastur(RealLaw):
    """The limit of the eigenvalues of X Xᵀ/n, X of shape p × n with iid entries of variance `variance`, p/n → `ratio`.

    Density √((b − x)(x − a))/(2π variance·ratio·x) on a, b = variance·(1 ∓ √ratio)²; for ratio > 1 an atom
    1 − 1/ratio at 0 (Marchenko & Pastur 1967).
    """

    ratio: float
    variance: float = 1.0

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, ratio: sp.Expr, variance: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return ratio * variance * z * g**2 - (z - variance * (1 - ratio)) * g + 1

    @property
    def bands(self) -> Pairs:
        """Return variance·(1 ∓ √ratio)², the one band."""
        root = np.sqrt(self.ratio)
        return ((float(self.variance * (1 - root) ** 2), float(self.variance * (1 + root) ** 2)),)

    @property
    def atoms(self) -> Pairs:
        """Return the atom at 0 if ratio > 1."""
        return ((0.0, 1 - 1 / self.ratio),) if self.ratio > 1 else ()

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density of the continuous part (infinite at 0 for ratio = 1)."""
        a, b = self.edges()
        inside = np.clip(x, a, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.sqrt(b - inside) * (np.sqrt(inside - a) / inside if a else 1 / np.sqrt(inside))
        value = value / (2 * np.pi * self.variance * self.ratio)
        return np.where((x >= a) & (x <= b), value, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x) in closed form."""
        a, b = self.edges()
        part = integral_over_x(np.clip(x, a, b), a, b) / (2 * np.pi * self.variance * self.ratio)
        atom = max(0.0, 1 - 1 / self.ratio)
        return np.where(x >= b, 1.0, np.where(x < 0, 0.0, np.minimum(part + atom, 1.0)))[()]

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G and G' from 1/G + v/(1 − cvG) = z, c = ratio, v = variance."""
        a, b = self.edges()
        c, v = self.ratio, self.variance
        root = np.sqrt(z - a) * np.sqrt(z - b)
        # The root of c v z G² − (z − v(1 − c))G + 1 = 0 that decays, in the form without cancellation.
        value = 2 / (z - v * (1 - c) + root)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = 1 / (-1 / value**2 + c * v**2 / (1 - c * v * value) ** 2)
        return value[()], slope[()]

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return U = [u/(1 − u) + ln(1 − u)]/c − ln G, u = cvG."""
        value = self.stieltjes(z)
        u = self.ratio * self.variance * value
        return (u / (1 - u) + np.log(1 - u)) / self.ratio - np.log(value)

    def _moment(self, order: int) -> float:
        """Return E X^order = variance^k Σ_r ratio^r C(k, r) C(k − 1, r)/(r + 1)."""
        k = order
        terms = (self.ratio**r * comb(k, r) * comb(k - 1, r) / (r + 1) for r in range(k))
        return self.variance**k * sum(terms) if k else 1.0

    def var(self) -> float:
        """Return ratio·variance²."""
        return self.ratio * self.variance**2


def marchenko_pastur(ratio: float, variance: float = 1.0) -> MarchenkoPastur:
    """Return the Marchenko–Pastur law of X Xᵀ/n for X of shape p × n, p/n → `ratio`, entries of variance `variance`.

    Raises
    ------
    InputError : `ratio` or `variance` is not a finite positive number.

    Examples
    --------
    >>> law = marchenko_pastur(0.25)
    >>> law.support(), law.mean(), law.var()
    ((0.25, 2.25), 1.0, 0.25)
    """
    return MarchenkoPastur(positive("ratio", ratio), positive("variance", variance))
