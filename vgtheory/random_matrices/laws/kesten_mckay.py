"""The Kesten–McKay law: eigenvalues of large random regular graphs."""

from dataclasses import dataclass
from math import comb

import numpy as np
import sympy as sp

from vgtheory.random_matrices.arguments import between
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class KestenMcKay(RealLaw):
    """The density d√(4(d − 1) − x²)/(2π(d² − x²)) on |x| ≤ 2√(d − 1), d = `degree` (Kesten 1959; McKay 1981).

    The spectral measure of the d-regular tree, thus the limit for adjacency matrices of random d-regular graphs; d = 2
    is the arcsine law, and the free sum of d/2 arcsine laws for any d ≥ 2.
    """

    degree: float

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, degree: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return (degree**2 - z**2) * g**2 - (degree - 2) * z * g + degree - 1

    @property
    def bands(self) -> Pairs:
        """Return (−2√(d − 1), 2√(d − 1)), the one band."""
        edge = float(2 * np.sqrt(self.degree - 1))
        return ((-edge, edge),)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density (infinite at the ends for degree 2)."""
        d, edge = self.degree, self.support()[1]
        inside = np.clip(x, -edge, edge)
        root = np.sqrt((edge - inside) * (edge + inside))
        # d² − x² = (d − 2)² + (4(d − 1) − x²) has no cancellation.
        with np.errstate(divide="ignore"):
            value = np.divide(d, 2 * np.pi * (root + (d - 2) ** 2 / np.where(root > 0, root, np.inf)))
            value = np.where(root > 0, value, np.inf if d == 2 else 0.0)
        return np.where(np.abs(x) <= edge, value, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x) = 1/2 + [d arcsin(x/R) − (d − 2) arctan((d − 2)x/(d√(R² − x²)))]/(2π)."""
        d, edge = self.degree, self.support()[1]
        inside = np.clip(x, -edge, edge)
        root = np.sqrt((edge - inside) * (edge + inside))
        value = 0.5 + (d * np.arctan2(inside, root) - (d - 2) * np.arctan2((d - 2) * inside, d * root)) / (2 * np.pi)
        return np.clip(value, 0, 1)[()]

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G = sw/(s² − w²) and G', z = s(w + 1/w), s = √(d − 1), |w| < 1."""
        w, s = self._disc(z)
        value = s * w / (s**2 - w**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = s * (s**2 + w**2) / (s**2 - w**2) ** 2 / (s * (1 - 1 / w**2))
        return value[()], slope[()]

    def _disc(self, z: np.ndarray) -> tuple[np.ndarray, float]:
        z, s = np.asarray(z, dtype=complex), float(np.sqrt(self.degree - 1))
        return 2 * s / (z + np.sqrt(z - 2 * s) * np.sqrt(z + 2 * s)), s

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return U = −ln(w/s) − (s² − 1)/2 ln(1 − w²/s²)."""
        w, s = self._disc(z)
        return (-np.log(w / s) - (s**2 - 1) / 2 * np.log(1 - w**2 / s**2))[()]

    def _moment(self, order: int) -> float:
        """Return the number of closed walks of this length from a vertex of the d-regular tree, 0 for odd orders."""
        k, odd = divmod(order, 2)
        if odd:
            return 0.0
        d = self.degree
        walks = (comb(2 * k - j, k) * j / (2 * k - j) * d**j * (d - 1) ** (k - j) for j in range(1, k + 1))
        return float(sum(walks)) if k else 1.0


def kesten_mckay(degree: float) -> KestenMcKay:
    """Return the Kesten–McKay law of a degree ≥ 2; degree 2 is the arcsine law on [−2, 2].

    Raises
    ------
    InputError : `degree` is not a finite number of at least 2.

    Examples
    --------
    >>> law = kesten_mckay(3)
    >>> law.var(), law.moment(4), round(law.support()[1], 6)
    (3.0, 15.0, 2.828427)
    """
    return KestenMcKay(between("degree", degree, 2))
