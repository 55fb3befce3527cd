"""Finite N, β = 1 and 4: the mean densities of GOE, GSE and of real and quaternion Wishart matrices.

With f_k orthonormal for the weight of β = 2, ψ_k = f_k (Gaussian) or f_k/√y (Wishart) and c_N ψ_{N−1} ε ψ_{N−2} the
correction of Adler, Forrester, Nagao & van Moerbeke (2000), β = 1 has  Σ_{k<N−1} f_k² + c_N ψ_{N−1} (T_{N−2}/2 −
∫_y^∞ ψ_{N−2}) for even N, for odd N the same with T_{N−2} = 0 and ψ_{N−1}/T_{N−1} added, T_k = ∫ ψ_k.  The second,
fourth, … of 2N + 1 such eigenvalues are those of β = 4 (Forrester & Rains 2001), which halves the sum and drops the
last term.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, lgamma, log, pi, sqrt

import numpy as np
from scipy.special import erfcx

from vgtheory.kernels.orthonormal import hermite_rows, laguerre_rows
from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.finite.unitary import sized_wishart
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.smooth import LogDensityLaw, RootLaw


@dataclass(frozen=True)
class _Gaussian(LogDensityLaw):
    size: int

    def _moment(self, order: int) -> float:
        """Return E X^order, 0 for odd orders."""
        return 0.0 if order % 2 else super()._moment(order)


@dataclass(frozen=True)
class FiniteGoe(_Gaussian):
    """The mean density of the N = `size` eigenvalues of a GOE matrix, off-diagonal variance 1/N."""

    def window(self) -> tuple[float, float]:
        """Return an interval that all but 1e-17 of the eigenvalues lie in."""
        end = 2 + min(22.0 / self.size ** (2 / 3), 18.0 / sqrt(self.size))
        return -end, end

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        n = self.size
        return (_hermite(x.ravel() * sqrt(n), n, True) - log(n) / 2).reshape(x.shape)[()]


@dataclass(frozen=True)
class FiniteGse(_Gaussian):
    """The mean density of the N = `size` distinct eigenvalues of a GSE matrix, E|a_ij|² = 1/N for quaternions."""

    def window(self) -> tuple[float, float]:
        """Return an interval that all but 1e-17 of the eigenvalues lie in."""
        end = 2 + min(10.0 / self.size ** (2 / 3), 8.5 / sqrt(self.size))
        return -end, end

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        n = self.size
        value = _hermite(x.ravel() * sqrt(2 * n), 2 * n + 1, False)
        return (value - log(2.0) + log(2 / n) / 2).reshape(x.shape)[()]


@dataclass(frozen=True)
class FiniteLoe(RootLaw):
    """The mean density of the `size` eigenvalues of X Xᵀ/n, X real Gaussian of shape p × n, p = `size` ≤ n."""

    size: int
    freedom: int

    def window(self) -> tuple[float, float]:
        """Return an interval of √x that all but 1e-17 of the eigenvalues lie in."""
        p, n = self.size, self.freedom
        return 0.0, 1 + sqrt(p / n) + min(20.0 / sqrt(n) / p ** (1 / 6), 14.0 / sqrt(n))

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        p, n = self.size, self.freedom
        at_zero = inf if n == p else -inf if n > p + 1 else None
        return _on_half_line(x, lambda y: _laguerre(y, p, n - p, True) + log(n / p), n, at_zero)


@dataclass(frozen=True)
class FiniteLse(RootLaw):
    """The mean density of the `size` distinct eigenvalues of X X*/n, X quaternion Gaussian of shape p × n, p ≤ n."""

    size: int
    freedom: int

    def window(self) -> tuple[float, float]:
        """Return an interval of √x that all but 1e-17 of the eigenvalues lie in."""
        p, n = self.size, self.freedom
        return 0.0, 1 + sqrt(p / n) + min(11.0 / sqrt(n) / p ** (1 / 6), 7.0 / sqrt(n))

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        p, n = self.size, self.freedom
        front = log(n / p)
        return _on_half_line(x, lambda y: _laguerre(y, 2 * p + 1, 2 * (n - p), False) + front, 2 * n, -inf)


def _hermite(y: np.ndarray, n: int, orthogonal: bool) -> np.ndarray:
    """Return the log of the sum over n eigenvalues of β = 1, or of its first two terms, at y (1-D)."""
    y = np.abs(y)
    total, last, tail, scale = hermite_rows(y, n - 1, sqrt(pi) * erfcx(y / 2)).T
    half = sqrt(n - 1) / 2  # c_n
    rest = 0.0
    if orthogonal:
        even = n % 2 == 0
        # T_0 = (2π)^{−1/4} 2√π, T_{k+1} = √(k/(k + 1)) T_{k−1}.
        k = np.arange(1, (n - 2 if even else n - 1), 2)
        whole_line = (2 * pi) ** -0.25 * 2 * sqrt(pi) * exp(0.5 * np.log(k / (k + 1)).sum())
        rest = half * whole_line / 2 if even else 1 / whole_line
    return _log_sum(total - half * last * tail, last * rest, scale)


def _laguerre(y: np.ndarray, n: int, order: int, orthogonal: bool) -> np.ndarray:
    """Return the log of the sum over n eigenvalues of β = 1, or of its first two terms, at y > 0 (1-D).

    The polynomials have the sign of Laguerre's, so that c_n and b_n enter with the opposite one.
    """
    log_norm, log_half = lgamma(order + 1), lgamma((order + 1) / 2)
    total, last, tail, scale = laguerre_rows(y, n - 1, float(order), log_norm, log_half).T
    half, side = sqrt((n - 1) * (n - 1 + order)) / 2, np.where(y > order, 1.0, -1.0)
    last = last / np.sqrt(y)
    rest: float | np.ndarray = 0.0
    if orthogonal:
        even = n % 2 == 0
        k = np.arange(1, (n - 2 if even else n - 1), 2)
        steps = 0.5 * np.log(k * (k + order) / ((k + 1) * (k + 1 + order))).sum()
        whole_line = exp((order + 1) / 2 * log(2) + log_half - log_norm / 2 + steps)
        rest = -side * half * whole_line / 2 if even else 1 / whole_line
    return _log_sum(total + side * half * last * tail, last * rest, scale)


def _log_sum(square: np.ndarray, single: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return ln(square·e^{2·scale} + single·e^{scale})."""
    with np.errstate(under="ignore", divide="ignore", invalid="ignore"):
        quadratic = np.log(np.maximum(square, 0.0)) + 2 * scale
        mixed = np.log(np.maximum(square * np.exp(scale) + single, 0.0)) + scale
        return np.where(single == 0, quadratic, mixed)


def _on_half_line(x: np.ndarray, value: Callable[[np.ndarray], np.ndarray], unit: int, at_zero: float | None) -> Array:
    """Return the log density at x from `value(unit·x)`, and what it is at and below 0."""
    tiny = 1e-200
    inside = value(unit * np.where(x > 0, x, tiny).ravel()).reshape(x.shape)
    out = np.where(x > 0, inside, np.where(x == 0, inside if at_zero is None else at_zero, -inf))
    return out


def finite_goe(size: int) -> FiniteGoe:
    """Return the law of an eigenvalue, picked at random, of a GOE matrix of this size.

    Raises
    ------
    InputError : `size` is not an integer of at least 1.

    Examples
    --------
    >>> law = finite_goe(3)
    >>> round(law.moment(2), 12), round(law.mean(), 12)  # 1 + 1/N
    (1.333333333333, 0.0)
    """
    return FiniteGoe(whole("size", size))


def finite_gse(size: int) -> FiniteGse:
    """Return the law of an eigenvalue, picked at random, of a GSE matrix of this size.

    Raises
    ------
    InputError : `size` is not an integer of at least 1.

    Examples
    --------
    >>> round(finite_gse(3).moment(2), 12)  # 1 − 1/(2N)
    0.833333333333
    """
    return FiniteGse(whole("size", size))


def finite_loe(size: int, freedom: int) -> FiniteLoe:
    """Return the law of an eigenvalue, picked at random, of X Xᵀ/n for real Gaussian X of shape size × freedom.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or `freedom` not an integer of at least `size`.

    Examples
    --------
    >>> law = finite_loe(2, 4)
    >>> round(law.mean(), 12), round(law.moment(2), 12)  # 1 + (p + 1)/n
    (1.0, 1.75)
    """
    return FiniteLoe(*sized_wishart(size, freedom))


def finite_lse(size: int, freedom: int) -> FiniteLse:
    """Return the law of an eigenvalue of X X*/n for quaternion Gaussian X of shape size × freedom.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or `freedom` not an integer of at least `size`.

    Examples
    --------
    >>> law = finite_lse(2, 4)
    >>> round(law.mean(), 12), round(law.moment(2), 12)  # 1 + (p − 1/2)/n
    (1.0, 1.375)
    """
    return FiniteLse(*sized_wishart(size, freedom))
