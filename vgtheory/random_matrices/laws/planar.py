"""What each law in the complex plane has: density, probability of its nested regions, draws, marginal laws."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.laws.law import Array, RandomState, RealLaw


@dataclass(frozen=True)
class PlanarLaw(ABC):
    """A probability law of a complex number that is uniform in the angle of nested ellipses (discs, if invariant).

    `pdf` takes complex numbers; `cdf`, `sf`, `ppf` and `support` speak of the radius: |z| for a law that rotations
    leave alone.
    """

    @abstractmethod
    def radial(self) -> RealLaw:
        """Return the law of the radius."""

    @abstractmethod
    def real(self) -> RealLaw:
        """Return the law of Re z."""

    @abstractmethod
    def imag(self) -> RealLaw:
        """Return the law of Im z."""

    @abstractmethod
    def pdf(self, z: ArrayLike) -> Array:
        """Return the density with respect to area at the complex number z."""

    @abstractmethod
    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent complex draws."""

    def radius(self, z: ArrayLike) -> Array:
        """Return the radius of a complex number, |z| for a law that rotations leave alone."""
        return np.abs(np.asarray(z))

    def logpdf(self, z: ArrayLike) -> Array:
        """Return the log of the density; −inf where it is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(z))

    def cdf(self, r: ArrayLike) -> Array:
        """Return P(radius ≤ r)."""
        return self.radial().cdf(r)

    def sf(self, r: ArrayLike) -> Array:
        """Return P(radius > r)."""
        return self.radial().sf(r)

    def ppf(self, q: ArrayLike) -> Array:
        """Return the radius that holds the probability q."""
        return self.radial().ppf(q)

    def support(self) -> tuple[float, float]:
        """Return the smallest and largest radius."""
        return self.radial().support()

    def moment(self, order: int) -> complex:
        """Return E z^order, 0 for a law that rotations leave alone and order ≥ 1."""
        return 1.0 if order == 0 else 0.0

    def mean(self) -> complex:
        """Return E z."""
        return self.moment(1)

    def var(self) -> float:
        """Return E|z − E z|²."""
        return self.real().var() + self.imag().var()
