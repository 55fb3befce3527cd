"""The circular law and the elliptic law: eigenvalues of square matrices of iid or pairwise correlated entries."""

from dataclasses import dataclass
from math import comb

import numpy as np

from vgtheory.random_matrices.arguments import between
from vgtheory.random_matrices.laws.atom import PointMass
from vgtheory.random_matrices.laws.ginibre_product import GinibreProduct
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.planar import PlanarLaw
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.semicircle import Semicircle


@dataclass(frozen=True)
class Elliptic(PlanarLaw):
    """The uniform law on the ellipse (Re z/(1 + τ))² + (Im z/(1 − τ))² ≤ 1 (Girko 1986; Sommers et al. 1988).

    Eigenvalues of an N × N matrix of variance 1/N with E a_ij a_ji = τ/N; τ = 0 is the circular law, τ = ±1 lies on
    the real or imaginary axis and is the semicircle law there.  The radius is that of the nested ellipses:
    P(radius ≤ r) = r².
    """

    tau: float = 0.0

    def radial(self) -> GinibreProduct:
        """Return the law of the radius, P(radius ≤ r) = r²; at τ = ±1 that of the law's limit."""
        return GinibreProduct(1)

    def real(self) -> RealLaw:
        """Return the semicircle law of Re z on [−1 − τ, 1 + τ]."""
        return Semicircle(1 + self.tau) if self.tau > -1 else PointMass(0.0)

    def imag(self) -> RealLaw:
        """Return the semicircle law of Im z on [−1 + τ, 1 − τ]."""
        return Semicircle(1 - self.tau) if self.tau < 1 else PointMass(0.0)

    @property
    def semi_axes(self) -> tuple[float, float]:  # type: ignore[override]
        """Return 1 + τ and 1 − τ."""
        return 1 + self.tau, 1 - self.tau

    def _pdf(self, z: np.ndarray) -> Array:
        """Return the density 1/(π(1 − τ²)) with respect to area; at τ = ±1, infinite on its segment."""
        radius = np.asarray(self.radius(z))
        with np.errstate(divide="ignore"):
            height = np.divide(1.0, np.pi * (1 - self.tau) * (1 + self.tau))
        return np.where(np.isnan(radius), np.nan, np.where(radius <= 1, height, 0.0))[()]

    def _moment(self, order: int) -> float:
        """Return E z^order: Catalan(k) τ^k for order 2k, else 0."""
        k, odd = divmod(order, 2)
        return 0.0 if odd else comb(2 * k, k) // (k + 1) * self.tau**k


def elliptic(tau: float) -> Elliptic:
    """Return the elliptic law of correlation τ = N E a_ij a_ji; 0: the circular law, ±1: a semicircle on an axis.

    Raises
    ------
    InputError : not −1 ≤ τ ≤ 1.

    Examples
    --------
    >>> law = elliptic(0.5)
    >>> law.real().support(), law.var(), law.moment(2)
    ((-1.5, 1.5), 0.625, 0.5)
    """
    return Elliptic(between("tau", tau, -1, 1))


def circular() -> Elliptic:
    """Return the circular law, uniform on the unit disc (Ginibre 1965).

    Examples
    --------
    >>> law = circular()
    >>> float(law.cdf(0.5)), float(law.ppf(0.25)), law.support()
    (0.25, 0.5, (0.0, 1.0))
    """
    return Elliptic(0.0)
