"""The real eigenvalues of a real Gaussian matrix at finite N."""

from dataclasses import dataclass
from math import lgamma, log, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, gammainc, gammaincc, hyp2f1

from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.smooth import LogDensityLaw


@dataclass(frozen=True)
class RealEigenvalues(LogDensityLaw):
    """The law of a real eigenvalue of a real N × N Gaussian matrix, E a² = 1/N, N = `size`; limit: uniform on [−1, 1].

    With y = √N x, density ∝ Q(N − 1, y²) + 2^{(N−3)/2} |y|^{N−1} e^{−y²/2} Γ((N − 1)/2) P((N − 1)/2, y²/2)/Γ(N − 1)
    over √(2π) (Edelman, Kostlan & Shub 1994); P, Q are the regularised incomplete gamma functions.
    """

    size: int

    def expected_count(self) -> float:
        """Return the mean number of real eigenvalues, 1/2 + √2 ₂F₁(1, −1/2; N; 1/2)/B(N, 1/2), about √(2N/π)."""
        n = self.size
        beta = np.exp(lgamma(n) + lgamma(0.5) - lgamma(n + 0.5))
        return float(0.5 + sqrt(2) * hyp2f1(1, -0.5, n, 0.5) / beta)

    def window(self) -> tuple[float, float]:
        """Return an interval that all but 1e-17 of the real eigenvalues lie in."""
        end = 1 + 9.0 / sqrt(self.size)
        return -end, end

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        n, y = self.size, np.abs(x) * sqrt(self.size)
        if n == 1:
            return (-(y**2) / 2 - log(2 * np.pi) / 2)[()]
        front = (n - 3) / 2 * log(2) + lgamma((n - 1) / 2) - lgamma(n - 1)
        with np.errstate(divide="ignore", under="ignore", invalid="ignore"):
            bulk = np.log(gammaincc(n - 1, y**2))
            edge = front + (n - 1) * np.log(y) - y**2 / 2 + np.log(gammainc((n - 1) / 2, y**2 / 2))
            total = np.logaddexp(bulk, edge)
        return (total + log(n / (2 * np.pi)) / 2 - log(self.expected_count()))[()]

    def complex_density(self, z: ArrayLike) -> Array:
        """Return the mean number of non-real eigenvalues per area at z, over N: it integrates to 1 − E(real)/N.

        √(2/π) N |v| e^{2v²} erfc(√2 |v|) Q(N − 1, |√N z|²)/√N, v = √N Im z (Edelman 1997, theorem 6.2).
        """
        z = np.asarray(z, dtype=complex)
        n = self.size
        if n == 1:
            return np.zeros(z.shape)[()]
        v = np.abs(z.imag) * sqrt(n)
        return (sqrt(2 / np.pi) * v * erfcx(sqrt(2) * v) * gammaincc(n - 1, n * np.abs(z) ** 2))[()]

    def _moment(self, order: int) -> float:
        """Return E X^order by quadrature, 0 for odd orders."""
        return 0.0 if order % 2 else super()._moment(order)


def finite_real_ginibre(size: int) -> RealEigenvalues:
    """Return the law of a real eigenvalue of a real Gaussian matrix of this size.

    Raises
    ------
    InputError : `size` is not an integer of at least 1.

    Examples
    --------
    >>> round(finite_real_ginibre(2).expected_count(), 9)  # √2
    1.414213562
    >>> round(float(finite_real_ginibre(100).complex_density(0.5 + 0.5j)), 6)  # of the others, per area; 1/π as N → ∞
    0.315218
    """
    return RealEigenvalues(whole("size", size))
