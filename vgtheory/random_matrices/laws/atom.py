"""The law of a constant: where other laws degenerate to it, and the unit of free convolution."""

from dataclasses import dataclass

import numpy as np
import sympy as sp

from vgtheory.random_matrices.arguments import finite
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class PointMass(RealLaw):
    """All mass at `place`."""

    place: float

    bands = ()

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, place: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return (z - place) * g - 1

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the one atom."""
        return ((self.place, 1.0),)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return 0: there is no continuous part."""
        return np.zeros(x.shape)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return 1 from `place` on."""
        return np.where(x >= self.place, 1.0, 0.0)

    def _moment(self, order: int) -> float:
        """Return place^order."""
        return self.place**order

    def var(self) -> float:
        """Return 0."""
        return 0.0


def point_mass(place: float) -> PointMass:
    """Return the law of the constant `place`.

    Examples
    --------
    >>> point_mass(2.0).mean(), point_mass(2.0).var()
    (2.0, 0.0)
    """
    return PointMass(finite("place", place))
