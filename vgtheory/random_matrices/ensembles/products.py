"""Products of Ginibre matrices: moduli of eigenvalues and singular values without drawing the matrices."""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.kernels.spectral_jacobi import graded_log_singular_values
from vgtheory.random_matrices.affordable import dense_seconds, require_affordable
from vgtheory.random_matrices.arguments import RandomState, choice, generator, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble, gaussian_entries
from vgtheory.random_matrices.ensembles.ginibre import FIELDS, Field
from vgtheory.random_matrices.laws.finite.ginibre import FiniteGinibre, finite_ginibre
from vgtheory.random_matrices.laws.ginibre_product import GinibreProduct, ginibre_product


@dataclass(frozen=True)
class Product(Ensemble):
    """A product of L = `factors` Ginibre matrices of size N = `size`, entries of E|a|² = 1/N."""

    size: int
    factors: int
    field: Field = "real"

    def limit(self) -> GinibreProduct:
        """Return the law of the moduli of the eigenvalues."""
        return ginibre_product(self.factors)

    def measured(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return the moduli."""
        return np.abs(eigenvalues)

    def one_point(self) -> FiniteGinibre | None:
        """Return the exact mean density of the eigenvalues of complex matrices, else None."""
        return finite_ginibre(self.size, self.factors) if self.field == "complex" else None

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one product, shape (N, N)."""
        n = self.size
        require_affordable(f"a product of size {n}", 3.0 * n * n, dense_seconds(n, factor=self.factors + 10.0))
        rng, shape = generator(random_state), (n, n)
        draws = (gaussian_entries(rng, shape, self.field) / np.sqrt(self.size) for _ in range(self.factors))
        return reduce(np.matmul, draws)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the complex eigenvalues, shape (N,), of a dense product; small ones lose digits in deep products."""
        return np.linalg.eigvals(self.sample(random_state)).astype(complex)

    def log_moduli(self, random_state: RandomState = None) -> np.ndarray:
        """Return ln|λ| of the eigenvalues in random order, shape (N,), in O(NL) at any depth.

        As a set, N^L|λ|² of complex products are independent products of L gamma variables of shapes 1, …, N
        (Akemann & Burda 2012).

        Raises
        ------
        UnsupportedError : the field is real, where no such theorem holds.
        """
        if self.field == "real":
            raise UnsupportedError("moduli of real products are not independent; use abs(.eigenvalues()), or complex")
        rng, total = generator(random_state), np.zeros(self.size)
        require_affordable(f"{self.size} moduli", 8 * self.size, 1e-7 * self.size * self.factors)
        for _ in range(self.factors):
            total += np.log(rng.gamma(np.arange(1, self.size + 1)) / self.size)
        return rng.permutation(total / 2)

    def log_singular_values(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending logs of the singular values, shape (N,), to full relative precision at any depth.

        The product has the law of a product of triangular factors: chi variables on the diagonal, normal ones above
        (Bartlett 1933).  It is kept as diag(e^g) T, and one-sided rotations end the work (real matrices).

        Raises
        ------
        UnsupportedError : the field is complex.
        """
        if self.field == "complex":
            raise UnsupportedError("the rotations are real; use numpy.linalg.svd(.sample()), or the real field")
        rng, n = generator(random_state), self.size
        require_affordable(f"a product of size {n}", 4.0 * n * n, dense_seconds(n) * (self.factors / 4 + 6))
        logs, rows = np.zeros(n), np.eye(n)
        for _ in range(self.factors):
            factor = np.triu(rng.standard_normal((n, n)), 1)
            diagonal = np.sqrt(rng.chisquare(np.arange(n, 0, -1)))
            # R diag(e^g) T = diag(e^{g'}) T': row i of R is scaled by its own diagonal and by e^{g_j − g_i}.
            ahead = np.log(diagonal / np.sqrt(n)) + logs
            # Above the diagonal the difference is negative but in the first layers: lower rows grow less.
            ratio = np.exp(np.triu(logs[None, :] - logs[:, None], 1))
            scaled = factor / diagonal[:, None] * ratio + np.eye(n)
            rows, logs = scaled @ rows, ahead
            size = np.log(np.abs(rows).max(axis=1))
            rows, logs = rows * np.exp(-size)[:, None], logs + size
        values, sweeps = graded_log_singular_values(rows, logs)
        if sweeps < 0:
            raise NoSolutionError("the rotations did not converge; draw another product")
        return values[::-1].copy()


def ginibre_products(size: int, factors: int, field: Field = "real") -> Product:
    """Return the ensemble of products of `factors` Ginibre matrices of this size.

    Raises
    ------
    InputError : `size` or `factors` is not an integer of at least 1, or `field` is unknown.

    Examples
    --------
    >>> ginibre_products(4, 100, "complex").log_moduli(random_state=0).shape
    (4,)
    """
    return Product(whole("size", size), whole("factors", factors), choice("field", field, FIELDS))
