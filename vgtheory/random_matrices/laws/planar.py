"""Laws in the complex plane: a law of the radius, a density per area, draws, marginal laws."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.arguments import RandomState, complex_numbers, generator, shape_of
from vgtheory.random_matrices.laws.law import Array, Law, Pairs
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class PlanarLaw(Law):
    """A probability law of a complex number that is uniform in the angle of nested ellipses (discs, if invariant).

    `pdf` takes complex numbers; `cdf`, `sf`, `ppf`, `support` and `atoms` speak of the radius: |z| for a law that
    rotations leave alone.
    """

    is_planar = True
    semi_axes = (1.0, 1.0)  # of the ellipse of radius 1

    @abstractmethod
    def radial(self) -> RealLaw:
        """Return the law of the radius."""

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent complex draws (the eigenvalues of one matrix repel each other)."""
        rng, size = generator(random_state), shape_of(size)
        radius, angle = self.radial().ppf(rng.random(size)), 2 * np.pi * rng.random(size)
        return radius * (self.semi_axes[0] * np.cos(angle) + 1j * self.semi_axes[1] * np.sin(angle))

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
        """Return the radius of the ellipse through z, |z| for a law that rotations leave alone; 1 at the semi-axes."""
        z = complex_numbers("z", z)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [
                np.where(p == 0, 0.0, np.abs(p) / a) for p, a in zip((z.real, z.imag), self.semi_axes, strict=True)
            ]
        return np.where(np.isnan(z), np.nan, np.hypot(*parts))[()]

    @property
    def bands(self) -> Pairs:
        """Return the intervals of the radius."""
        return self.radial().bands

    @property
    def atoms(self) -> Pairs:
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
        return self.radial().moment(2) * sum(axis**2 for axis in self.semi_axes) / 2
