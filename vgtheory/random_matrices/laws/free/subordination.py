"""Subordination: the points ω₁, ω₂ of two laws that a place z of their free convolution comes from."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from vgtheory.random_matrices.laws.atom import PointMass
from vgtheory.random_matrices.laws.free.gaps import Rule, between_gaps
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.scanned import ScannedLaw

Both = tuple[np.ndarray, np.ndarray]  # k(ω) and its derivative


class Points(NamedTuple):
    """A place z with ω₁, ω₂, G_a and G_a' at ω₁, and (k, k') of both laws."""

    z: np.ndarray
    first: np.ndarray
    second: np.ndarray
    g: np.ndarray
    slope: np.ndarray
    one: Both
    two: Both


HEIGHTS = tuple(6.0**-k for k in range(11))  # Im z or arg z on the way down to the axis
_NEWTON, _FIXED = 3, 30
_LAST, _CLOSE = 60, 1e-15  # steps on the axis itself, where an edge is a double root, while they still move


@dataclass(frozen=True)
class Subordinated(ScannedLaw):
    """The free convolution of two laws; ω₁ and ω₂ with G_a(ω₁) = G_b(ω₂) are found at every x.

    Far above the axis by the fixed point that always converges (Belinschi & Bercovici 2007), then down to x + i0 by
    Newton's method.  With k(ω) = ω − 1/G(ω), a sum has ω₁ = z − k_b(ω₂), ω₂ = z − k_a(ω₁), a product ω₁ = z/k_b(ω₂),
    ω₂ = z/k_a(ω₁).
    """

    a: RealLaw
    b: RealLaw

    @property
    @abstractmethod
    def _rule(self) -> Rule:
        """Return what tells a sum from a product where there is no mass."""

    @cached_property
    def bands(self) -> Pairs:
        """Return the intervals of the continuous part, ascending, however narrow the gaps between them are."""
        for one, other in ((self.a, self.b), (self.b, self.a)):
            if isinstance(one, PointMass):  # the other law, shifted or scaled
                moved = self._rule.place(np.array(other.bands).reshape(-1, 2), np.array(one.place))
                return tuple((float(lo), float(hi)) for lo, hi in moved)
        return between_gaps(self.a, self.b, self._rule, self.bounds())

    @abstractmethod
    def _way(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the places z from far above the axis down to x."""

    @abstractmethod
    def _step(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return the partner's ω for k of one law."""

    @abstractmethod
    def _rate(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return the derivative of `_step` in k."""

    @abstractmethod
    def _at_z(self, omega: np.ndarray, g: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return G(z) from G of one law at its ω."""

    @abstractmethod
    def _moved(self, z: np.ndarray, constant: float, law: RealLaw) -> tuple[Array, Array, Array]:
        """Return G, G' and U at z where one of the two laws is a constant."""

    @abstractmethod
    def _outer(self, at: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return G(z), G'(z) and U(z) − U_a(ω₁) − U_b(ω₂)."""

    @abstractmethod
    def _angle(self, first: np.ndarray, second: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return what Im(U_a(ω₁) + U_b(ω₂)) lacks to Im U(z)."""

    def _map(self, z: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (the fixed-point map at ω₁, its derivative, ω₂)."""
        with np.errstate(all="ignore"):
            g, slope = self.a.stieltjes_and_slope(first)
            k, dk = first - 1 / g, 1 + slope / g**2
            second = self._step(z, k)
            h, slope = self.b.stieltjes_and_slope(second)
            j, dj = second - 1 / h, 1 + slope / h**2
            return self._step(z, j), self._rate(z, j) * dj * self._rate(z, k) * dk, second

    def subordination(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (ω₁, ω₂, the relative residual) at z in the upper half plane, or x + i0 for real z."""
        z = np.asarray(z, dtype=complex)
        way, real = self._way(z), z.imag == 0
        first = way[0]
        for _ in range(_FIXED):
            first = self._map(way[0], first)[0]
        for place in way:
            for _ in range(_NEWTON):
                first = self._newton(place, first)[0]
        moving = np.arange(z.size)
        for _ in range(_LAST):
            new, moved = self._newton(z[moving], first[moving], real[moving])
            first[moving] = new
            moving = moving[moved > _CLOSE * np.abs(new)]
            if not moving.size:
                break
        value, _, second = self._map(z, first)
        second = second.real + 1j * np.maximum(second.imag, 0.0)
        return first, second, np.abs(value - first) / np.maximum(np.abs(first) + np.abs(z), 1e-300)

    def _newton(
        self, z: np.ndarray, first: np.ndarray, real: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ω₁ after one step, and how far it moved; on the axis ω₁ and its conjugate solve the same equation."""
        value, slope, _ = self._map(z, first)
        with np.errstate(all="ignore"):
            new = first - (first - value) / (1 - slope)
        if real is not None:
            new = new.real + 1j * np.where(real, np.abs(new.imag), new.imag)
        # Newton may leave the half plane next to an edge; the fixed point never does.
        new = np.where(np.isfinite(new) & (new.imag >= 0), new, np.where(np.isfinite(value), value, first))
        return new, np.abs(new - first)

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G(z) and G'(z) from the subordinated points."""
        return self._transforms(z)[:2]

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return U(z) = E ln(z − X) from the log potentials at the subordinated points."""
        return self._transforms(z)[2]

    def _transforms(self, z: np.ndarray) -> tuple[Array, Array, Array]:
        """Return G, G' and U at z, in the lower half plane by conjugation."""
        z = np.asarray(z, dtype=complex)
        for one, other in ((self.a, self.b), (self.b, self.a)):
            if isinstance(one, PointMass):
                return self._moved(z, one.place, other)
        upper = np.ravel(z.real + 1j * np.abs(z.imag))
        first, second, _ = self.subordination(upper)
        with np.errstate(all="ignore"):
            g, slope = self.a.stieltjes_and_slope(first)
            h, other = self.b.stieltjes_and_slope(second)
            first_k, second_k = (first - 1 / g, 1 + slope / g**2), (second - 1 / h, 1 + other / h**2)
            value, slope, rest = self._outer(Points(upper, first, second, g, slope, first_k, second_k))
            potential = self.a.log_potential(first) + self.b.log_potential(second) + rest
        parts = (part.reshape(z.shape) for part in (value, slope, potential))
        value, slope, potential = (np.where(z.imag < 0, part.conj(), part)[()] for part in parts)
        return value, slope, potential

    def tails(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (density, P(X > x), error) at x."""
        first, second, residual = self.subordination(np.asarray(x, dtype=float))
        with np.errstate(all="ignore"):
            g, h = self.a.stieltjes(first), self.b.stieltjes(second)
            both = self.a.log_potential(first) + self.b.log_potential(second)
            g, h = self._at_z(first, g, x), self._at_z(second, h, x)
            above = (both.imag + self._angle(first, second, g)) / np.pi
        density = np.maximum(-g.imag, 0.0) / np.pi
        error = np.abs(g - h) / np.pi + residual * np.abs(g)
        return np.nan_to_num(density), np.clip(np.nan_to_num(above), 0, 1), error
