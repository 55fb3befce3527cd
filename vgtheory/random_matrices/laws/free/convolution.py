"""Free additive and multiplicative convolution by subordination, on the real axis itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.atom import PointMass
from vgtheory.random_matrices.laws.free.explicit_transforms import GivenR, GivenS
from vgtheory.random_matrices.laws.free.gaps import PRODUCT, SUM, Rule
from vgtheory.random_matrices.laws.free.subordination import HEIGHTS, Points, Subordinated
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.polynomials.law import law_of
from vgtheory.random_matrices.laws.polynomials.series import free_cumulants, moments_of
from vgtheory.random_matrices.laws.real import RealLaw

_MOST_DEGREES = 24  # product of two degrees in G from where on an equation of both takes long


@dataclass(frozen=True)
class FreeSum(Subordinated):
    """The law of A + B for free A, B: eigenvalues of A + U B U* for large matrices and a Haar matrix U.

    Examples
    --------
    >>> from vgtheory.random_matrices.laws.semicircle import semicircle
    >>> round(FreeSum(semicircle(3), semicircle(4)).support()[1], 9)
    5.0
    """

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
        return [x + 1j * height * (hi - lo) for height in HEIGHTS]

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

    def _outer(self, at: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # ω₁ = z − k_b(ω₂), ω₂ = z − k_a(ω₁)
        return at.g, at.slope * (1 - at.two[1]) / (1 - at.one[1] * at.two[1]), np.log(at.g)

    def _moment(self, order: int) -> float:
        """Return E X^order: free cumulants add (Speicher 1994)."""
        k = order
        parts = [free_cumulants([law.moment(j) for j in range(k + 1)]) for law in (self.a, self.b)]
        return moments_of([x + y for x, y in zip(*parts, strict=True)])[k]

    def var(self) -> float:
        """Return the sum of the variances."""
        return self.a.var() + self.b.var()


@dataclass(frozen=True)
class FreeProduct(Subordinated):
    """The law of √A B √A for free A, B ≥ 0: eigenvalues of A U B U* for large matrices and a Haar matrix U.

    Examples
    --------
    >>> from vgtheory.random_matrices.laws.marchenko_pastur import marchenko_pastur
    >>> law = FreeProduct(marchenko_pastur(1.0), marchenko_pastur(0.5))
    >>> law.mean()
    1.0
    """

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
        return [np.abs(x) * np.exp(1j * (np.angle(x) + (2.5 - np.angle(x)) * height)) for height in HEIGHTS]

    def _step(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        return z / k

    def _rate(self, z: np.ndarray, k: np.ndarray) -> np.ndarray:
        return -z / k**2

    def _at_z(self, omega: np.ndarray, g: np.ndarray, x: np.ndarray) -> np.ndarray:
        return omega * g / x  # zG(z) = ω G_a(ω)

    def _moved(self, z: np.ndarray, constant: float, law: RealLaw) -> tuple[Array, Array, Array]:
        value, slope = law.stieltjes_and_slope(z / constant)
        return value / constant, slope / constant**2, law.log_potential(z / constant) + np.log(constant)

    def _outer(self, at: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, first, second, g, slope, one, two = at
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


def free_sum(a: RealLaw, b: RealLaw) -> RealLaw:
    """Return the free additive convolution of two laws of compact support.

    Raises
    ------
    InputError : one of them is not a law on the line, or its support is not bounded.

    Examples
    --------
    >>> from vgtheory.random_matrices.laws.semicircle import semicircle
    >>> law = free_sum(semicircle(3), semicircle(4))  # semicircles add as 3² + 4² = 5²
    >>> round(law.support()[1], 9), round(float(law.pdf(0)), 12) == round(2 / (5 * np.pi), 12)
    (5.0, True)
    """
    _check(a, b)
    if isinstance(a, PointMass) and isinstance(b, PointMass):
        return PointMass(a.place + b.place)
    if isinstance(a, GivenR) and isinstance(b, GivenR):
        return GivenR(a.expr + b.expr.subs(b.symbol, a.symbol), a.symbol)
    return _by_equations(a, b, Equation.sum) or FreeSum(a, b)


def free_product(a: RealLaw, b: RealLaw) -> RealLaw:
    """Return the free multiplicative convolution of two laws of compact support on x ≥ 0.

    Raises
    ------
    InputError : one of them is not a law on the line, its support is not bounded, or reaches below 0.

    Examples
    --------
    >>> from vgtheory.random_matrices.laws.marchenko_pastur import marchenko_pastur
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
    return _by_equations(a, b, Equation.product) or FreeProduct(a, b)


def _by_equations(a: RealLaw, b: RealLaw, join: Callable[[Equation, Equation], Equation]) -> RealLaw | None:
    """Return the convolution by the equations of two algebraic laws; None where its degree is too large for that."""
    one, other = a.algebraic_equation, b.algebraic_equation
    if one is None or other is None or one.degree * other.degree > _MOST_DEGREES:
        return None
    try:
        return law_of(join(one, other))
    except UnsupportedError:
        return None


def _check(*laws: Any) -> None:
    for law in laws:
        if not isinstance(law, RealLaw):
            raise InputError(f"{law!r}", "a law on the line", "e.g. laws.semicircle()")
        if not np.isfinite(law.support()).all():
            raise InputError(f"{law} has an unbounded support", "laws of compact support", "choose another law")
