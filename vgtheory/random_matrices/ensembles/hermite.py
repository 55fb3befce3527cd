"""GOE, GUE, GSE and the general Gaussian β-ensemble: eigenvalues from a tridiagonal matrix, in O(N²)."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.affordable import chain_seconds, require_affordable
from vgtheory.random_matrices.arguments import RandomState, generator, positive, whole
from vgtheory.random_matrices.ensembles.ensemble import FIELD_OF_BETA, Ensemble, gaussian_entries
from vgtheory.random_matrices.laws.finite.orthogonal import FiniteGoe, FiniteGse
from vgtheory.random_matrices.laws.finite.unitary import FiniteGue
from vgtheory.random_matrices.laws.semicircle import Semicircle, semicircle


@dataclass(frozen=True)
class Hermite(Ensemble):
    """The density ∝ exp(−βN Σ λ²/4) ∏|λ_i − λ_j|^β of N = `size` eigenvalues; limit: the semicircle on [−2, 2]."""

    size: int
    beta: float

    def limit(self) -> Semicircle:
        """Return the law of the eigenvalues as N → ∞."""
        return semicircle(2.0)

    def one_point(self) -> FiniteGoe | FiniteGue | FiniteGse | None:
        """Return the exact mean density at this size for β = 1, 2 and 4, None for other β."""
        laws: dict[float, type[FiniteGoe | FiniteGue | FiniteGse]] = {1.0: FiniteGoe, 2.0: FiniteGue, 4.0: FiniteGse}
        return laws[self.beta](self.size) if self.beta in laws else None

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return a Hermitian matrix, off-diagonal entries of variance 1/N: real, complex or quaternion (β = 1, 2, 4).

        Quaternions are blocks of two rows and columns, so that every eigenvalue stands twice.

        Raises
        ------
        UnsupportedError : another β, for which only the eigenvalues are defined.
        """
        if self.beta not in FIELD_OF_BETA:
            raise UnsupportedError(f"no N × N matrix of iid entries has beta = {self.beta}; use .eigenvalues()")
        entries = gaussian_entries(generator(random_state), (self.size, self.size), FIELD_OF_BETA[self.beta])
        return (entries + entries.conj().T) / np.sqrt(2 * self.size)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (N,), of the tridiagonal model (Dumitriu & Edelman 2002)."""
        rng, n = generator(random_state), self.size
        require_affordable(f"{n} eigenvalues", 8 * n, chain_seconds(n))
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
    return Hermite(whole("size", size), positive("beta", beta))


def goe(size: int) -> Hermite:
    """Return the Gaussian orthogonal ensemble: real symmetric, variance 1/N off and 2/N on the diagonal.

    Examples
    --------
    >>> values = goe(200).spectra(1, random_state=0)
    >>> values.shape
    (1, 200)
    """
    return hermite(size, 1.0)


def gue(size: int) -> Hermite:
    """Return the Gaussian unitary ensemble: complex Hermitian, E|a_ij|² = 1/N everywhere.

    Examples
    --------
    >>> gue(200).spectra(2, random_state=0).shape
    (2, 200)
    """
    return hermite(size, 2.0)


def gse(size: int) -> Hermite:
    """Return the Gaussian symplectic ensemble of N = `size` distinct eigenvalues (quaternion self-dual matrices).

    Examples
    --------
    >>> gse(200).spectra(2, random_state=0).shape
    (2, 200)
    """
    return hermite(size, 4.0)
