"""Laws in the complex plane: a law of the radius, a density per area, draws, marginal laws."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.arguments import RandomState, complex_numbers
from vgtheory.random_matrices.laws.law import Array, Law
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class PlanarLaw(Law):
    """A probability law of a complex number that is uniform in the angle of nested ellipses (discs, if invariant).

    `pdf` takes complex numbers; `cdf`, `sf`, `ppf`, `support` and `atoms` speak of the radius: |z| for a law that
    rotations leave alone.
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
    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent complex draws."""

    def pdf(self, z: ArrayLike) -> Array:
        """Return the density with respect to area at the complex number z."""
        return self._in_plane(z, logarithm=False)

    def logpdf(self, z: ArrayLike) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows; −inf where it is 0."""
        return self._in_plane(z, logarithm=True)

    def _in_plane(self, z: ArrayLike, logarithm: bool) -> Array:
        at = complex_numbers("z", z)
        finite = np.isfinite(at)
        with np.errstate(all="ignore"):
            found = (self._logpdf if logarithm else self._pdf)(np.where(finite, at, 1.0))
        return np.where(finite, found, np.where(np.isnan(at), np.nan, -np.inf if logarithm else 0.0))[()]

    def radius(self, z: ArrayLike) -> Array:
        """Return the radius of a complex number, |z| for a law that rotations leave alone."""
        return np.abs(complex_numbers("z", z))

    def support(self) -> tuple[float, float]:
        """Return the smallest and largest radius."""
        return self.radial().support()

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the (radius, mass) of every atom of the radius."""
        return self.radial().atoms

    def _cdf(self, r: np.ndarray) -> Array:
        return self.radial().cdf(r)

    def _sf(self, r: np.ndarray) -> Array:
        return self.radial().sf(r)

    def _ppf(self, q: np.ndarray) -> Array:
        return self.radial().ppf(q)

    def _moment(self, order: int) -> float:
        """Return E z^order: 0 for a law that rotations leave alone."""
        return 0.0

    def mean(self) -> float:
        """Return E z."""
        return self.moment(1)

    def var(self) -> float:
        """Return E|z − E z|²."""
        return self.real().var() + self.imag().var()
