"""Elliptic matrices: square Gaussian matrices whose entries a_ij and a_ji are correlated."""

from dataclasses import dataclass

import numpy as np

from vgtheory.random_matrices.arguments import RandomState, between, choice, generator, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble, gaussian_entries
from vgtheory.random_matrices.ensembles.ginibre import FIELDS, Field
from vgtheory.random_matrices.laws.elliptic import Elliptic, elliptic


@dataclass(frozen=True)
class EllipticMatrices(Ensemble):
    """√((1 + τ)/2) H + √((1 − τ)/2) A, H Hermitian and A anti-Hermitian: E|a_ij|² = 1/N, E a_ij a_ji = τ/N."""

    size: int
    tau: float
    field: Field = "real"

    def limit(self) -> Elliptic:
        """Return the elliptic law of τ."""
        return elliptic(self.tau)

    def measured(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return the radii of the ellipses through the eigenvalues, 1 at the edge of the law."""
        return self.limit().radius(eigenvalues)

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one matrix, shape (N, N)."""
        rng, n = generator(random_state), self.size
        x = gaussian_entries(rng, (n, n), self.field) / np.sqrt(n)
        mirror = x.conj().T
        return np.sqrt((1 + self.tau) / 4) * (x + mirror) + np.sqrt((1 - self.tau) / 4) * (x - mirror)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the complex eigenvalues, shape (N,): O(N³)."""
        return np.linalg.eigvals(self.sample(random_state)).astype(complex)


def elliptic_matrices(size: int, tau: float, field: Field = "real") -> EllipticMatrices:
    """Return the ensemble of square Gaussian matrices with E a_ij a_ji = τ E|a_ij|².

    Raises
    ------
    InputError : `size` is not an integer of at least 1, not −1 ≤ τ ≤ 1, or `field` is unknown.

    Examples
    --------
    >>> elliptic_matrices(3, tau=0.5).eigenvalues(random_state=0).shape
    (3,)
    """
    return EllipticMatrices(whole("size", size), between("tau", tau, -1, 1), choice("field", field, FIELDS))
