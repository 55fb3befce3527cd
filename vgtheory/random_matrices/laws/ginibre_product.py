"""The moduli of the eigenvalues of a product of square matrices of iid entries."""

from dataclasses import dataclass

import numpy as np

from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class GinibreProduct(RealLaw):
    """The law P(|λ| ≤ r) = r^{2/L} on 0 ≤ r ≤ 1 of the modulus for L = `factors` of entry variance 1/N, N → ∞.

    The angle is uniform and independent (Burda, Janik & Waclaw 2010); L = 1 is the circular law.
    """

    factors: int

    bands = ((0.0, 1.0),)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density of the modulus (infinite at 0 for more than two factors)."""
        with np.errstate(divide="ignore"):
            value = 2 / self.factors * np.clip(x, 0, 1) ** (2 / self.factors - 1)
        return np.where((x >= 0) & (x <= 1), value, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(|λ| ≤ x)."""
        return (np.clip(x, 0, 1) ** (2 / self.factors))[()]

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile q^{L/2}; NaN outside 0 ≤ q ≤ 1."""
        return np.clip(q, 0, 1) ** (self.factors / 2)

    def _moment(self, order: int) -> float:
        """Return E|λ|^k = 2/(2 + kL)."""
        return 2 / (2 + order * self.factors)


def ginibre_product(factors: int) -> GinibreProduct:
    """Return the law of the moduli of the eigenvalues of a product of `factors` square matrices; 1: the circular law.

    Raises
    ------
    InputError : `factors` is not an integer of at least 1.

    Examples
    --------
    >>> ginibre_product(1).moment(2), ginibre_product(4).moment(2)
    (0.5, 0.2)
    """
    return GinibreProduct(whole("factors", factors))
