"""Finite N, β = 2: the mean densities of the eigenvalues of GUE and complex Wishart matrices."""

from dataclasses import dataclass
from math import inf, lgamma, log, sqrt

import numpy as np

from vgtheory._errors import InputError
from vgtheory.kernels.orthonormal import hermite_rows, laguerre_rows
from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.smooth import LogDensityLaw, RootLaw


@dataclass(frozen=True)
class FiniteGue(LogDensityLaw):
    """The mean density (1/√N) Σ_{k<N} h_k(√N x)² of the N = `size` eigenvalues of a GUE matrix, E|a_ij|² = 1/N.

    h_k are the Hermite functions of weight e^{−y²/2} (Mehta 2004, eq. 6.2.7); N → ∞ is the semicircle on [−2, 2].
    """

    size: int

    def window(self) -> tuple[float, float]:
        """Return an interval that all but 1e-17 of the eigenvalues lie in."""
        # Beyond the edge the decay is that of the Airy kernel on the scale N^{−2/3}; for small N that of the Gaussian.
        end = 2 + min(14.0 / self.size ** (2 / 3), 12.0 / sqrt(self.size))
        return -end, end

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        flat = x.ravel() * sqrt(self.size)
        total, _, _, scale = hermite_rows(flat, self.size, np.zeros(flat.size)).T
        return (np.log(total) + 2 * scale - log(self.size) / 2).reshape(x.shape)[()]

    def _moment(self, order: int) -> float:
        """Return E X^2k by the recursion (k + 2)M_{k+1} = (4k + 2)N M_k + k(4k² − 1)M_{k−1} (Harer & Zagier 1986)."""
        k, odd = divmod(order, 2)
        if odd:
            return 0.0
        n, before, here = self.size, 0.0, 1.0  # in units of N^k, per eigenvalue
        for j in range(k):
            before, here = here, ((4 * j + 2) * here + j * (4 * j * j - 1) / n**2 * before) / (j + 2)
        return here


@dataclass(frozen=True)
class FiniteLue(RootLaw):
    """The mean density of the `size` eigenvalues of X X*/n, X complex Gaussian of shape p × n, p = `size` ≤ n.

    n/p Σ_{k<p} l_k(nx)², the Laguerre functions of weight y^{n−p} e^{−y} (Haagerup & Thorbjørnsen 2003).
    """

    size: int
    freedom: int

    def window(self) -> tuple[float, float]:
        """Return an interval of √x that all but 1e-17 of the eigenvalues lie in."""
        p, n = self.size, self.freedom
        edge = 1 + sqrt(p / n)
        return 0.0, edge + min(14.0 / sqrt(n) / p ** (1 / 6), 10.0 / sqrt(n))

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        order = float(self.freedom - self.size)
        flat = np.where(x > 0, x, 1.0).ravel() * self.freedom
        total, _, _, scale = laguerre_rows(flat, self.size, order, lgamma(order + 1), lgamma((order + 1) / 2)).T
        value = (np.log(total) + 2 * scale + log(self.freedom / self.size)).reshape(x.shape)
        at_zero = log(self.freedom) if order == 0 else -inf  # every l_k(0)² is 1 for a = 0
        out = np.where(x > 0, value, np.where(x == 0, at_zero, -inf))
        return out

    def _moment(self, order: int) -> float:
        """Return E X^k: (k + 2)M_{k+1} = (2k + 1)(p + n)M_k + (k − 1)(k² − (n − p)²)M_{k−1}, in units of n^k."""
        k, p, n = order, self.size, self.freedom
        before, here = 1.0, 1.0  # M_0/p and M_1/(p n)
        for j in range(1, k):
            new = (2 * j + 1) * (1 + p / n) * here + (j - 1) * ((j / n) ** 2 - (1 - p / n) ** 2) * before
            before, here = here, new / (j + 2)
        return here if k else 1.0


def finite_gue(size: int) -> FiniteGue:
    """Return the law of an eigenvalue, picked at random, of a GUE matrix of this size.

    Raises
    ------
    InputError : `size` is not an integer of at least 1.

    Examples
    --------
    >>> law = finite_gue(3)
    >>> law.moment(2), round(law.moment(4), 6)
    (1.0, 2.111111)
    """
    return FiniteGue(whole("size", size))


def finite_lue(size: int, freedom: int) -> FiniteLue:
    """Return the law of an eigenvalue, picked at random, of X X*/n for complex Gaussian X of shape size × freedom.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or `freedom` not an integer of at least `size`.

    Examples
    --------
    >>> law = finite_lue(2, 4)
    >>> law.mean(), law.moment(2)
    (1.0, 1.5)
    """
    return FiniteLue(*sized_wishart(size, freedom))


def sized_wishart(size: int, freedom: int) -> tuple[int, int]:
    """Return p and n of a Wishart matrix, which must be integers with 1 ≤ p ≤ n."""
    p, n = whole("size", size), whole("freedom", freedom)
    if n < p:
        raise InputError("freedom", f"at least size = {p}", "the other eigenvalues are 0; exchange the two", got=f"{n}")
    return p, n
