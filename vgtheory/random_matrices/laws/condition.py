"""Condition numbers of square Gaussian matrices: limit laws and the exact ones."""

from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, lgamma, pi, sqrt
from typing import Literal

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.arguments import choice, whole
from vgtheory.random_matrices.laws.atom import PointMass
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.smooth import evaluate, interpolate

Field = Literal["real", "complex"]
LARGEST = 200  # of complex matrices: the limit law is good to 1e-3 there


@dataclass(frozen=True)
class EdelmanCondition(RealLaw):
    """The limit law of κ/N, κ = s_max/s_min of an N × N Gaussian matrix (Edelman 1988, theorems 6.1 and 6.2).

    Real: P(κ/N ≤ x) = e^{−2/x − 2/x²}; complex: e^{−4/x²}.  The tails 2/x and 4/x² leave no mean and no variance.
    """

    field: Field = "real"

    bands = ((0.0, inf),)

    def _exponent(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore"):
            inverse = 1 / np.maximum(x, 0)
            return 2 * inverse + 2 * inverse**2 if self.field == "real" else 4 * inverse**2

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density, (2x + 4)/x³ e^{−2/x − 2/x²} or 8/x³ e^{−4/x²}."""
        front = (2 + 4 / x, 8 / x)[self.field == "complex"]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.where(x > 1e-2, front / x / x * np.exp(-self._exponent(x)), 0.0)  # e^{−20000} below
        return value

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(κ/N ≤ x)."""
        return np.exp(-self._exponent(x))[()]

    def _sf(self, x: np.ndarray) -> Array:
        """Return P(κ/N > x), to full relative precision in the heavy tail."""
        return -np.expm1(-self._exponent(x))[()]

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile; NaN outside 0 ≤ q ≤ 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.abs(np.log(q))
            # 2y + 2y² = rate for y = 1/x, without cancellation.
            inverse = rate / (1 + np.sqrt(1 + 2 * rate)) if self.field == "real" else np.sqrt(rate) / 2
            out = np.where(q == 0, 0.0, 1 / inverse)
        return out

    def _moment(self, order: int) -> float:
        """Return E (κ/N)^order: infinite, but √(4π) for the complex mean."""
        k = order
        return 2 * sqrt(pi) if k == 1 and self.field == "complex" else inf

    def var(self) -> float:
        """Return infinity."""
        return inf


@dataclass(frozen=True)
class DemmelCondition(RealLaw):
    """The exact law of κ_D = ‖A‖_F/s_min of an N × N complex Gaussian matrix: P(κ_D > x) = 1 − (1 − N/x²)^{N²−1}.

    Edelman (1992), corollary 3.2; x ≥ √N.
    """

    size: int

    @property
    def bands(self) -> Pairs:
        """Return (√N, ∞), nothing for N = 1."""
        return ((sqrt(self.size), inf),) if self.size > 1 else ()

    @property
    def atoms(self) -> Pairs:
        """Return the atom at 1 of a 1 × 1 matrix."""
        return ((1.0, 1.0),) if self.size == 1 else ()

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density."""
        n = self.size
        power = n * n - 1
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = power * 2 * n / x**3 * (1 - n / x**2) ** max(power - 1, 0)
        return np.where(x >= sqrt(n), value, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(κ_D ≤ x)."""
        n = self.size
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.exp((n * n - 1) * np.log1p(-n / np.maximum(x, sqrt(n)) ** 2)) if n > 1 else np.ones(x.shape)
        return np.where(x >= sqrt(n), value, 0.0)

    def _sf(self, x: np.ndarray) -> Array:
        """Return P(κ_D > x), to full relative precision in the heavy tail."""
        n = self.size
        with np.errstate(divide="ignore", invalid="ignore"):
            value = -np.expm1((n * n - 1) * np.log1p(-n / np.maximum(x, sqrt(n)) ** 2)) if n > 1 else 0 * x
        return np.where(x >= sqrt(n), value, 1.0)

    def _moment(self, order: int) -> float:
        """Return E κ_D, finite for N > 1; higher moments are infinite (the tail is x⁻²)."""
        k = order
        if k == 0 or self.size == 1:
            return 1.0
        n = self.size
        # √N E u^{−1/2} for u = N/κ_D², of the law Beta(1, N² − 1).
        return sqrt(n * pi) * exp(lgamma(n * n) - lgamma(n * n - 0.5)) if k == 1 else inf

    def var(self) -> float:
        """Return infinity, 0 for a 1 × 1 matrix."""
        return inf if self.size > 1 else 0.0


def _laguerre_functions(y: np.ndarray, count: int) -> np.ndarray:
    """Return rows of the functions orthonormal to dy with weight y²e^{−y}, k < count."""
    out = np.zeros((count + 1, y.size))
    with np.errstate(under="ignore"):
        out[0] = y * np.exp(-y / 2) / sqrt(2)
        for k in range(count):
            below = sqrt(k * (k + 2)) * out[k - 1] if k else 0.0
            out[k + 1] = ((2 * k + 3 - y) * out[k] - below) / sqrt((k + 1) * (k + 3))
    return out[:count]


@dataclass(frozen=True)
class GaussianCondition(RealLaw):
    """The exact law of κ = s_max/s_min of an N × N Gaussian matrix: complex for any N = `size`, real for N = 2.

    Complex: the smallest eigenvalue a of A*A is exponential of rate N, and what the others exceed it by are eigenvalues
    of a Laguerre ensemble of size N − 1 and weight y²e^{−y}; so P(κ ≤ k) = E e^{−NB/(k² − 1)}, B the largest of those.
    Real, N = 2: P(κ ≤ k) = (k − 1)²/(k² + 1) (both from the joint density of Edelman 1988).

    Examples
    --------
    >>> isinstance(gaussian_condition(5, "complex"), GaussianCondition)
    True
    """

    size: int
    field: Field = "complex"

    bands = ((1.0, inf),)

    @cached_property
    def _largest(self) -> tuple[np.ndarray, np.ndarray]:
        """Return points and weights of the law of B."""
        n = self.size - 1
        middle, reach = 2 * sqrt(n + 2), 14 / n ** (1 / 6)
        lo, hi = max(0.0, middle - reach), middle + reach
        node, weight = np.polynomial.legendre.leggauss(2 * n + 60)

        def below(roots: np.ndarray) -> np.ndarray:
            out = []
            for root in roots:
                u = root * (1 + node) / 2
                functions = _laguerre_functions(u**2, n) * np.sqrt(root * weight * u)
                out.append(np.linalg.det(functions @ functions.T))
            return np.array(out)

        series = interpolate(below, lo, hi, most=1024).deriv()
        node, weight = np.polynomial.legendre.leggauss(160)
        u = lo + (hi - lo) * (1 + node) / 2
        weight = weight * evaluate(series, u) * (hi - lo) / 2
        return u**2, weight / weight.sum()

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(κ ≤ x)."""
        k = np.maximum(x, 1.0)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self.field == "real":
                value = (1 - 1 / k) ** 2 / (1 + k**-2.0)
            else:
                place, weight = self._largest
                value = np.exp(-self.size * place / ((k - 1) * (k + 1))[..., None]) @ weight
        return np.where(x <= 1, 0.0, np.where(x == inf, 1.0, value))

    def _sf(self, x: np.ndarray) -> Array:
        """Return P(κ > x), to full relative precision in the heavy tail."""
        k = np.maximum(x, 1.0)
        with np.errstate(divide="ignore", over="ignore"):
            if self.field == "real":
                value = 2 / (k + 1 / k)
            else:
                place, weight = self._largest
                value = -np.expm1(-self.size * place / ((k - 1) * (k + 1))[..., None]) @ weight
        return np.where(x <= 1, 1.0, value)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density."""
        k = np.where(x > 1, x, 2.0)
        with np.errstate(over="ignore", under="ignore"):
            if self.field == "real":
                value = 2 * (1 - k**-2.0) / (k + 1 / k) ** 2
            else:
                place, weight = self._largest
                rate = self.size * place / ((k - 1) * (k + 1))[..., None]
                value = (rate * np.exp(-rate)) @ weight * 2 / (k - 1 / k)
        return np.where((x > 1) & (x < inf), value, 0.0)

    def _moment(self, order: int) -> float:
        """Return E κ^order: infinite, but for the complex mean."""
        k = order
        if k > 1 or self.field == "real":
            return inf
        # E κ = 1 + ∫_1^∞ P(κ > x) dx, with x = √(1 + NB/v): ∫_0^∞ (1 − e^{−v}) NB/(2v²√(1 + NB/v)) dv, v = e^t.
        place, weight = self._largest
        t = np.linspace(-80.0, 80.0, 4001)
        v = np.exp(t)
        scaled = self.size * place[:, None]
        inner = (-np.expm1(-v) * scaled / (2 * np.sqrt(v) * np.sqrt(v + scaled))).sum(1) * (t[1] - t[0])
        return float(1 + inner @ weight)

    def var(self) -> float:
        """Return infinity."""
        return inf


def edelman_condition(field: Field = "real") -> EdelmanCondition:
    """Return the limit law of κ/N for N × N Gaussian matrices over the field "real" or "complex".

    Raises
    ------
    InputError : `field` is unknown.

    Examples
    --------
    >>> round(edelman_condition("real").median(), 4), round(edelman_condition("complex").mean(), 4)
    (3.6713, 3.5449)
    """
    return EdelmanCondition(choice("field", field, ("real", "complex")))


def demmel_condition(size: int) -> DemmelCondition:
    """Return the exact law of the scaled condition number ‖A‖_F ‖A⁻¹‖ of a complex Gaussian matrix.

    Raises
    ------
    InputError : `size` is not an integer of at least 1.

    Examples
    --------
    >>> demmel_condition(2).support()
    (1.4142135623730951, inf)
    """
    return DemmelCondition(whole("size", size))


def gaussian_condition(size: int, field: Field = "complex") -> RealLaw:
    """Return the exact law of κ = s_max/s_min of an N × N Gaussian matrix at N = `size`; N = 1 is the constant 1.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or `field` is unknown.
    UnsupportedError : real matrices of N > 2, or complex ones of N > 200; use `edelman_condition`, the law of κ/N.

    Examples
    --------
    >>> law = gaussian_condition(2, "real")
    >>> round(law.median(), 9)  # 2 + √3
    3.732050808
    >>> round(float(gaussian_condition(2).cdf(3.0)), 12)  # ((κ² − 1)/(κ² + 1))³
    0.512
    """
    n, over = whole("size", size), choice("field", field, ("real", "complex"))
    if n == 1:
        return PointMass(1.0)
    if n > (2 if over == "real" else LARGEST):
        raise UnsupportedError(
            f"size = {n}: the exact law is known here for real matrices of size 2 and complex ones up to {LARGEST}; "
            f'use edelman_condition("{over}"), the limit of κ/N'
        )
    return GaussianCondition(n, over)
