"""Wishart matrices and the general Laguerre β-ensemble: eigenvalues from a bidiagonal matrix of chi variables."""

from dataclasses import dataclass

import numpy as np

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.random_matrices.affordable import chain_seconds, require_affordable
from vgtheory.random_matrices.arguments import RandomState, generator, positive, whole
from vgtheory.random_matrices.ensembles.ensemble import FIELD_OF_BETA, Ensemble, gaussian_entries
from vgtheory.random_matrices.ensembles.lapack import bidiagonal_singular_values
from vgtheory.random_matrices.laws.finite.orthogonal import FiniteLoe, FiniteLse
from vgtheory.random_matrices.laws.finite.unitary import FiniteLue
from vgtheory.random_matrices.laws.marchenko_pastur import MarchenkoPastur, marchenko_pastur


@dataclass(frozen=True)
class Laguerre(Ensemble):
    """X X*/n for X of shape p × n, p = `size`, n = `freedom`, entries of E|a|² = 1; eigenvalues for any β > 0.

    Their joint density is ∝ ∏ λ^{β(n − p + 1)/2 − 1} e^{−βnλ/2} ∏|λ_i − λ_j|^β, for p ≤ n.
    """

    size: int
    freedom: float
    beta: float = 1.0

    def limit(self) -> MarchenkoPastur:
        """Return the Marchenko–Pastur law of ratio p/n."""
        return marchenko_pastur(self.size / self.freedom)

    def one_point(self) -> FiniteLoe | FiniteLue | FiniteLse | None:
        """Return the exact mean density at this size for β = 1, 2, 4 and whole n ≥ p, else None."""
        laws: dict[float, type[FiniteLoe | FiniteLue | FiniteLse]] = {1.0: FiniteLoe, 2.0: FiniteLue, 4.0: FiniteLse}
        exact = self.beta in laws and self.freedom == int(self.freedom) and self.freedom >= self.size
        return laws[self.beta](self.size, int(self.freedom)) if exact else None

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return a matrix X X*/n of real, complex or quaternion entries (β = 1, 2, 4).

        Quaternions are blocks of two rows and columns, so that every eigenvalue stands twice.

        Raises
        ------
        UnsupportedError : another β, or `freedom` is not whole.
        """
        if self.beta not in FIELD_OF_BETA or self.freedom != int(self.freedom):
            raise UnsupportedError(
                f"no matrix of iid entries has beta = {self.beta:g} and freedom = {self.freedom:g}; use .eigenvalues()"
            )
        entries = gaussian_entries(generator(random_state), (self.size, int(self.freedom)), FIELD_OF_BETA[self.beta])
        return entries @ entries.conj().T / self.freedom

    def singular_values(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending singular values of X/√n, shape (min(p, n),).

        A bidiagonal matrix with chi variables of β(n − i) and β(p − i) degrees of freedom (Dumitriu & Edelman 2002);
        O(p²), every value to full relative precision.
        """
        rng, rank = generator(random_state), min(self.size, int(np.ceil(self.freedom)))
        require_affordable(f"{rank} singular values", 8 * rank, chain_seconds(rank))
        more, less = max(self.size, self.freedom), min(self.size, self.freedom)
        diagonal = np.sqrt(rng.chisquare(self.beta * (more - np.arange(rank))))
        beside = np.sqrt(rng.chisquare(self.beta * (less - np.arange(1, rank)))) if rank > 1 else np.zeros(0)
        return bidiagonal_singular_values(diagonal, beside) / np.sqrt(self.beta * self.freedom)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (p,), p − n zeros among them for p > n."""
        squares = self.singular_values(random_state) ** 2
        return np.concatenate([np.zeros(self.size - len(squares)), squares])


def laguerre(size: int, freedom: float, beta: float = 1.0) -> Laguerre:
    """Return the Laguerre β-ensemble of `size` eigenvalues and `freedom` degrees of freedom.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, `freedom` or β not a finite positive number, or a `freedom`
        below `size` is not whole.

    Examples
    --------
    >>> laguerre(3, freedom=4.5, beta=2.5).eigenvalues(random_state=0).shape
    (3,)
    """
    rows, columns = whole("size", size), positive("freedom", freedom)
    if columns < rows and columns != int(columns):
        raise InputError(
            "freedom", f"an integer, or a number of at least {rows}", f"give freedom={rows}", got=shown(freedom)
        )
    return Laguerre(rows, columns, positive("beta", beta))


def wishart(size: int, freedom: float | None = None) -> Laguerre:
    """Return the real Wishart ensemble X Xᵀ/n, X of shape size × n, n = `freedom` (default: size).

    Examples
    --------
    >>> values = wishart(100, freedom=200).spectra(1, random_state=0)
    >>> bool((values > 0).all())
    True
    """
    return laguerre(size, size if freedom is None else freedom, 1.0)


def lue(size: int, freedom: float | None = None) -> Laguerre:
    """Return the complex Wishart (Laguerre unitary) ensemble X X*/n, X of shape size × n, n = `freedom`.

    Examples
    --------
    >>> lue(100).spectra(2, random_state=0).shape
    (2, 100)
    """
    return laguerre(size, size if freedom is None else freedom, 2.0)
