"""Free additive and multiplicative convolution by subordination, on the real axis itself."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError
from vgtheory.spectra.laws.atom import PointMass
from vgtheory.spectra.laws.free.gaps import PRODUCT, SUM, Rule, bands, components
from vgtheory.spectra.laws.free.given import GivenR, GivenS
from vgtheory.spectra.laws.free.scanned import ScannedLaw
from vgtheory.spectra.laws.law import Array, RealLaw, whole

Both = tuple[np.ndarray, np.ndarray]  # k(ω) and its derivative
_HEIGHTS = tuple(6.0**-k for k in range(11))  # Im z or arg z on the way down to the axis
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
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """Return the intervals of the continuous part, ascending, however narrow the gaps between them are."""
        for one, other in ((self.a, self.b), (self.b, self.a)):
            if isinstance(one, PointMass):  # the other law, shifted or scaled
                ends = np.array([part for part in components(other) if part[1] > part[0]]).reshape(-1, 2)
                moved = self._rule.place(ends, np.array(one.place))
                return tuple((float(lo), float(hi)) for lo, hi in moved)
        return bands(self.a, self.b, self._rule, self.bounds())

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
    def _outer(
        self,
        z: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        g: np.ndarray,
        slope: np.ndarray,
        one: Both,
        two: Both,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return G(z), G'(z) and U(z) − U_a(ω₁) − U_b(ω₂) from G_a and G_a' at ω₁ and (k, k') of both laws."""

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

    def stieltjes_and_slope(self, z: ArrayLike) -> tuple[Array, Array]:
        """Return G(z) and G'(z) from the subordinated points."""
        return self._transforms(z)[:2]

    def log_potential(self, z: ArrayLike) -> Array:
        """Return U(z) = E ln(z − X) from the log potentials at the subordinated points."""
        return self._transforms(z)[2]

    def _transforms(self, z: ArrayLike) -> tuple[Array, Array, Array]:
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
            value, slope, rest = self._outer(upper, first, second, g, slope, first_k, second_k)
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


@dataclass(frozen=True)
class FreeSum(Subordinated):
    """The law of A + B for free A, B: eigenvalues of A + U B U* for large matrices and a Haar matrix U."""

    def bounds(self) -> tuple[float, float]:
        """Return the sums of the ends."""
        (a, b), (c, d) = self.a.support(), self.b.support()
        return a + c, b + d

    @property
    def _rule(self) -> Rule:
        return SUM

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the atoms: α + β with mass μ{α} + ν{β} − 1 where positive (Bercovici & Voiculescu 1998)."""
        pairs = product(self.a.atoms, self.b.atoms)
        return tuple(sorted((x + y, m + n - 1) for (x, m), (y, n) in pairs if m + n > 1))

    def _way(self, x: np.ndarray) -> list[np.ndarray]:
        lo, hi = self.bounds()
        return [x + 1j * height * (hi - lo) for height in _HEIGHTS]

    def _step(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        return z - k

    def _rate(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        return -np.ones_like(k)

    def _at_z(self, omega: np.ndarray, g: np.ndarray, x: np.ndarray) -> np.ndarray:
        return g

    def _angle(self, first: np.ndarray, second: np.ndarray, g: np.ndarray) -> np.ndarray:
        return np.angle(g)  # U = U_a(ω₁) + U_b(ω₂) + ln G

    def _moved(self, z: np.ndarray, constant: float, law: RealLaw) -> tuple[Array, Array, Array]:
        at = z - constant
        return (*law.stieltjes_and_slope(at), law.log_potential(at))

    def _outer(
        self,
        z: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        g: np.ndarray,
        slope: np.ndarray,
        one: Both,
        two: Both,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # ω₁ = z − k_b(ω₂), ω₂ = z − k_a(ω₁)
        return g, slope * (1 - two[1]) / (1 - one[1] * two[1]), np.log(g)

    def moment(self, order: int) -> float:
        """Return E X^order: free cumulants add (Speicher 1994)."""
        k = whole("order", order, 0)
        parts = [free_cumulants([law.moment(j) for j in range(k + 1)]) for law in (self.a, self.b)]
        return moments_of([x + y for x, y in zip(*parts, strict=True)])[k]

    def var(self) -> float:
        """Return the sum of the variances."""
        return self.a.var() + self.b.var()


@dataclass(frozen=True)
class FreeProduct(Subordinated):
    """The law of √A B √A for free A, B ≥ 0: eigenvalues of A U B U* for large matrices and a Haar matrix U."""

    def bounds(self) -> tuple[float, float]:
        """Return the products of the ends."""
        (a, b), (c, d) = self.a.support(), self.b.support()
        return a * c, b * d

    @property
    def _rule(self) -> Rule:
        return PRODUCT

    @cached_property
    def _zero(self) -> float:
        return max((mass for law in (self.a, self.b) for x, mass in law.atoms if x == 0), default=0.0)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the atoms: αβ with mass μ{α} + ν{β} − 1, at 0 the larger of the two masses (Belinschi 2003)."""
        pairs = product(self.a.atoms, self.b.atoms)
        found = [(x * y, m + n - 1) for (x, m), (y, n) in pairs if m + n > 1 and x * y != 0]
        return tuple(sorted(found + ([(0.0, self._zero)] if self._zero else [])))

    def _way(self, x: np.ndarray) -> list[np.ndarray]:
        # Around the origin at one modulus, so that x may lie many decades below the top.
        return [np.abs(x) * np.exp(1j * (np.angle(x) + (2.5 - np.angle(x)) * height)) for height in _HEIGHTS]

    def _step(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        return z / k

    def _rate(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        return -z / k**2

    def _at_z(self, omega: np.ndarray, g: np.ndarray, x: np.ndarray) -> np.ndarray:
        return omega * g / x  # zG(z) = ω G_a(ω)

    def _moved(self, z: np.ndarray, constant: float, law: RealLaw) -> tuple[Array, Array, Array]:
        value, slope = law.stieltjes_and_slope(z / constant)
        return value / constant, slope / constant**2, law.log_potential(z / constant) + np.log(constant)

    def _outer(
        self,
        z: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        g: np.ndarray,
        slope: np.ndarray,
        one: Both,
        two: Both,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # ln ω₁ = ln z − ln k_b(ω₂), ln ω₂ = ln z − ln k_a(ω₁)
        rate, other = first * one[1] / one[0], second * two[1] / two[0]
        speed = first / z * (1 - other) / (1 - rate * other)
        value = first * g / z
        rest = np.log(z) - np.log(first) - np.log(second) + np.log(z * value)
        return value, ((g + first * slope) * speed - value) / z, rest

    def _angle(self, first: np.ndarray, second: np.ndarray, g: np.ndarray) -> np.ndarray:
        # E ln(1 − X/z) = that of A at ω₁ + that of B at ω₂ + ln(zG(z))
        return np.angle(g) - np.angle(first) - np.angle(second)

    def mean(self) -> float:
        """Return the product of the means."""
        return self.a.mean() * self.b.mean()

    def var(self) -> float:
        """Return Var A (E B)² + Var B (E A)²."""
        return self.a.var() * self.b.mean() ** 2 + self.b.var() * self.a.mean() ** 2


def free_cumulants(moments: list[float]) -> list[float]:
    """Return κ_0 = 0, κ_1, … from m_0 = 1, m_1, …: m_n = Σ_s κ_s [t^{n−s}] M(t)^s (Speicher 1994)."""
    count = len(moments)
    out = [0.0] * count
    powers = _powers(moments)
    for n in range(1, count):
        out[n] = moments[n] - sum(out[s] * powers[s][n - s] for s in range(1, n))
    return out


def moments_of(cumulants: list[float]) -> list[float]:
    """Return m_0 = 1, m_1, … from the free cumulants κ_0 = 0, κ_1, …"""
    out = [1.0] + [0.0] * (len(cumulants) - 1)
    for n in range(1, len(cumulants)):
        powers = _powers(out)  # the entries below n are known, and no others are used
        out[n] = sum(cumulants[s] * powers[s][n - s] for s in range(1, n + 1))
    return out


def _powers(series: list[float]) -> list[Any]:
    out = [np.eye(1, len(series))[0]]
    for _ in series:
        out.append(np.convolve(out[-1], series)[: len(series)])
    return out


def free_sum(a: RealLaw, b: RealLaw) -> RealLaw:
    """Return the free additive convolution of two laws of compact support.

    Raises
    ------
    InputError : one of them is not a law on the line, or its support is not bounded.

    Examples
    --------
    >>> from vgtheory.spectra.laws.semicircle import semicircle
    >>> law = free_sum(semicircle(3), semicircle(4))  # semicircles add as 3² + 4² = 5²
    >>> round(law.support()[1], 9), round(float(law.pdf(0)), 12) == round(2 / (5 * np.pi), 12)
    (5.0, True)
    """
    _check(a, b)
    if isinstance(a, PointMass) and isinstance(b, PointMass):
        return PointMass(a.place + b.place)
    if isinstance(a, GivenR) and isinstance(b, GivenR):
        return GivenR(a.expr + b.expr.subs(b.symbol, a.symbol), a.symbol)
    return FreeSum(a, b)


def free_product(a: RealLaw, b: RealLaw) -> RealLaw:
    """Return the free multiplicative convolution of two laws of compact support on x ≥ 0.

    Raises
    ------
    InputError : one of them is not a law on the line, its support is not bounded, or reaches below 0.

    Examples
    --------
    >>> from vgtheory.spectra.laws.marchenko_pastur import marchenko_pastur
    >>> law = free_product(marchenko_pastur(1.0), marchenko_pastur(0.5))
    >>> law.mean(), law.var()
    (1.0, 1.5)
    """
    _check(a, b)
    for law in (a, b):
        if law.support()[0] < 0:
            raise InputError(f"{law} reaches below 0", "laws on x ≥ 0", "take the law of its square, or free_sum")
    for one, other in ((a, b), (b, a)):
        if isinstance(one, PointMass) and (one.place == 0 or isinstance(other, PointMass)):
            return PointMass(one.place * (other.place if isinstance(other, PointMass) else 0.0))
    if isinstance(a, GivenS) and isinstance(b, GivenS):
        return GivenS(a.expr * b.expr.subs(b.symbol, a.symbol), a.symbol)
    return FreeProduct(a, b)


def _check(*laws: Any) -> None:
    for law in laws:
        if not isinstance(law, RealLaw):
            raise InputError(f"{law!r}", "a law on the line", "give e.g. laws.semicircle()")
        if not np.isfinite(law.support()).all():
            raise InputError(f"{law} has an unbounded support", "laws of compact support", "choose another law")
