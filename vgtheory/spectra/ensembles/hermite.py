"""GOE, GUE, GSE and the general Gaussian β-ensemble: eigenvalues from a tridiagonal matrix, in O(N²)."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.linalg import eigh_tridiagonal

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.spectra.laws.semicircle import Semicircle, semicircle

RandomState = int | np.random.Generator | None


@dataclass(frozen=True)
class Hermite:
    """The density ∝ exp(−βN Σ λ²/4) ∏|λ_i − λ_j|^β of N = `size` eigenvalues; limit: the semicircle on [−2, 2]."""

    size: int
    beta: float

    def limit(self) -> Semicircle:
        """Return the law of the eigenvalues as N → ∞."""
        return semicircle(2.0)

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return a matrix, off-diagonal entries of variance 1/N (β = 1 real symmetric, β = 2 complex Hermitian).

        Raises
        ------
        UnsupportedError : β is neither 1 nor 2: only the eigenvalues are defined by real or complex entries.
        """
        rng, n = np.random.default_rng(random_state), self.size
        if self.beta == 1:
            real = rng.standard_normal((n, n))
            return (real + real.T) / np.sqrt(2 * n)
        if self.beta == 2:
            entries = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
            return (entries + entries.conj().T) / (2 * np.sqrt(n))
        raise UnsupportedError(
            f"no real or complex N × N matrix of iid entries has beta = {self.beta}; use .eigenvalues()"
        )

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (N,), of the tridiagonal model (Dumitriu & Edelman 2002)."""
        rng, n = np.random.default_rng(random_state), self.size
        diagonal = rng.standard_normal(n) * np.sqrt(2 / (self.beta * n))
        beside = np.sqrt(rng.chisquare(self.beta * np.arange(n - 1, 0, -1)) / (self.beta * n))
        return eigh_tridiagonal(diagonal, beside, eigvals_only=True, lapack_driver="sterf")


def hermite(size: int, beta: float) -> Hermite:
    """Return the Gaussian β-ensemble of `size` eigenvalues, any β > 0.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or β not a finite positive number.

    Examples
    --------
    >>> hermite(5, beta=2.5).eigenvalues(random_state=0).shape
    (5,)
    """
    _check(size, beta)
    return Hermite(int(size), float(beta))


def goe(size: int) -> Hermite:
    """Return the Gaussian orthogonal ensemble: real symmetric, variance 1/N off and 2/N on the diagonal."""
    return hermite(size, 1.0)


def gue(size: int) -> Hermite:
    """Return the Gaussian unitary ensemble: complex Hermitian, E|a_ij|² = 1/N everywhere."""
    return hermite(size, 2.0)


def gse(size: int) -> Hermite:
    """Return the Gaussian symplectic ensemble of N = `size` distinct eigenvalues (quaternion self-dual matrices)."""
    return hermite(size, 4.0)


def _check(size: Any, beta: Any) -> None:
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        raise InputError(f"size = {size!r}", "an integer of at least 1", "give size=100")
    if not isinstance(beta, Real) or not np.isfinite(float(beta)) or beta <= 0:
        raise InputError(f"beta = {beta!r}", "a finite positive number", "give beta=1, 2 or 4")
