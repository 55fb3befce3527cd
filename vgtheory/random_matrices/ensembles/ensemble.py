"""What each ensemble has: a matrix, its eigenvalues by the cheapest exact model, and the law of its spectrum."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from vgtheory.random_matrices.affordable import dense_seconds, require_affordable
from vgtheory.random_matrices.arguments import RandomState, generator, whole


@dataclass(frozen=True)
class Ensemble(ABC):
    """A random matrix, normalised so that its spectrum has a limit as the size grows."""

    @abstractmethod
    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one matrix."""

    @abstractmethod
    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the eigenvalues of one matrix, drawn by the cheapest model that has their exact joint law."""

    @abstractmethod
    def limit(self) -> Any:
        """Return the law of the eigenvalues as the size grows."""

    def measured(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return what the law speaks of: the eigenvalues themselves, or their radius, modulus or angle."""
        return np.real(eigenvalues)

    def one_point(self) -> Any:
        """Return the exact law of an eigenvalue picked at random at this size, None where none is implemented."""
        return None

    def spectra(self, samples: int, random_state: RandomState = None) -> np.ndarray:
        """Return the eigenvalues of independent matrices, shape (samples, N)."""
        rng = generator(random_state)
        return np.array([self.eigenvalues(rng) for _ in range(whole("samples", samples))])


FIELD_OF_BETA = {1.0: "real", 2.0: "complex", 4.0: "quaternion"}


def gaussian_entries(rng: np.random.Generator, shape: tuple[int, int], field: str) -> np.ndarray:
    """Return iid real, complex or quaternion Gaussian numbers with E|a|² = 1.

    Quaternions a + bj stand as blocks [[a, b], [−b̄, ā]]: a complex matrix of twice the rows and columns.
    """
    rows, columns = shape
    numbers, again = float(rows) * float(columns), {"real": 1, "complex": 4}.get(field, 16)
    require_affordable(f"a matrix of shape {shape}", numbers * again, again * dense_seconds(rows, columns))
    if field == "real":
        return rng.standard_normal(shape)
    if field == "complex":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)
    a, b = (gaussian_entries(rng, shape, "complex") / np.sqrt(2) for _ in range(2))
    return np.stack([np.stack([a, b], -1), np.stack([-b.conj(), a.conj()], -1)], 1).reshape(2 * rows, 2 * columns)
