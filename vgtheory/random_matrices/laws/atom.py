"""The law of a constant: where other laws degenerate to it, and the unit of free convolution."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.laws.law import Array, RealLaw, between, whole


@dataclass(frozen=True)
class PointMass(RealLaw):
    """All mass at `place`."""

    place: float

    def support(self) -> tuple[float, float]:
        """Return (place, place)."""
        return self.place, self.place

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the one atom."""
        return ((self.place, 1.0),)

    def pdf(self, x: ArrayLike) -> Array:
        """Return 0: there is no continuous part."""
        x = np.asarray(x, dtype=float)
        return np.where(np.isnan(x), np.nan, 0.0)[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Return 1 from `place` on."""
        x = np.asarray(x, dtype=float)
        return np.where(np.isnan(x), np.nan, np.where(x >= self.place, 1.0, 0.0))[()]

    def moment(self, order: int) -> float:
        """Return place^order."""
        return self.place ** whole("order", order, 0)

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
    return PointMass(between("place", place, -np.inf))
