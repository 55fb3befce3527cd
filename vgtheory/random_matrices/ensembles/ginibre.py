"""Square matrices of iid Gaussian entries: eigenvalues, moduli by Kostlan's theorem, singular values."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.affordable import require_affordable
from vgtheory.random_matrices.arguments import RandomState, choice, generator, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble, gaussian_entries
from vgtheory.random_matrices.ensembles.laguerre import laguerre
from vgtheory.random_matrices.ensembles.lapack import hessenberg_eigenvalues
from vgtheory.random_matrices.laws.elliptic import Elliptic, circular
from vgtheory.random_matrices.laws.finite.ginibre import FiniteGinibre, finite_ginibre

Field = Literal["real", "complex"]
FIELDS: tuple[Field, ...] = ("real", "complex")


@dataclass(frozen=True)
class Ginibre(Ensemble):
    """An N × N matrix of iid Gaussian entries, E|a|² = 1/N, N = `size`; its eigenvalues fill the unit disc."""

    size: int
    field: Field = "real"

    def limit(self) -> Elliptic:
        """Return the circular law."""
        return circular()

    def measured(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return the moduli."""
        return np.abs(eigenvalues)

    def one_point(self) -> FiniteGinibre | None:
        """Return the exact mean density at this size for complex matrices, else None."""
        return finite_ginibre(self.size) if self.field == "complex" else None

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one matrix, shape (N, N)."""
        rng = generator(random_state)
        return gaussian_entries(rng, (self.size, self.size), self.field) / np.sqrt(self.size)

    def hessenberg(self, random_state: RandomState = None) -> np.ndarray:
        """Return the Hessenberg form of a matrix: iid entries above chi variables of N − 1, …, 1 degrees of freedom.

        Householder's reduction of a Gaussian matrix has exactly this law: a reflection that depends on one column
        leaves the other ones Gaussian.  So the cost of the reduction is saved.
        """
        rng, n = generator(random_state), self.size
        out = np.triu(gaussian_entries(rng, (n, n), self.field))
        beta = 1 if self.field == "real" else 2
        if n > 1:
            below = np.sqrt(rng.chisquare(beta * np.arange(n - 1, 0, -1)) / beta)
            out[np.arange(1, n), np.arange(n - 1)] = below
        return out / np.sqrt(n)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the complex eigenvalues, shape (N,), of the Hessenberg form: O(N³)."""
        return hessenberg_eigenvalues(self.hessenberg(random_state))

    def moduli(self, random_state: RandomState = None) -> np.ndarray:
        """Return the moduli of the eigenvalues in random order, shape (N,), in O(N).

        As a set, N|λ|² of complex matrices are independent gamma variables of shapes 1, …, N (Kostlan 1992).

        Raises
        ------
        UnsupportedError : the field is real, where no such theorem holds.
        """
        if self.field == "real":
            raise UnsupportedError("moduli of real matrices are not independent; use abs(.eigenvalues()), or complex")
        require_affordable(f"{self.size} moduli", 8 * self.size, 1e-7 * self.size)
        rng = generator(random_state)
        return rng.permutation(np.sqrt(rng.gamma(np.arange(1, self.size + 1)) / self.size))

    def singular_values(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending singular values, shape (N,), of the bidiagonal model: O(N²)."""
        return laguerre(self.size, self.size, 1.0 if self.field == "real" else 2.0).singular_values(random_state)


def ginibre(size: int, field: Field = "real") -> Ginibre:
    """Return the Ginibre ensemble of N × N matrices, N = `size`, over the field "real" or "complex".

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or `field` is unknown.

    Examples
    --------
    >>> ginibre(3, "complex").eigenvalues(random_state=0).shape
    (3,)
    """
    return Ginibre(whole("size", size), choice("field", field, FIELDS))
