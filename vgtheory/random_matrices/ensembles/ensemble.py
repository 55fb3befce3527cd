"""What each ensemble has: a matrix, its eigenvalues by the cheapest exact model, and the law of its spectrum."""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from vgtheory._errors import InputError
from vgtheory.random_matrices.laws.law import RandomState

_LEFT_FREE = 0.5  # the share of the machine's memory that a matrix may take


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
        rng = np.random.default_rng(random_state)
        return np.array([self.eigenvalues(rng) for _ in range(samples)])


def require_room(numbers: float, what: str, bytes_each: int = 8) -> None:
    """Raise InputError if so many numbers would not fit into memory."""
    try:
        memory = float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not POSIX
        memory = 8e9
    needed = float(numbers) * bytes_each
    if needed > _LEFT_FREE * memory:
        raise InputError(
            f"{what} takes {needed / 1e9:.3g} GB",
            f"at most {_LEFT_FREE * memory / 1e9:.3g} GB on this machine",
            "choose a smaller size",
        )


def gaussian_entries(rng: np.random.Generator, shape: tuple[int, ...], field: str) -> np.ndarray:
    """Return iid real or complex Gaussian numbers with E|a|² = 1."""
    bytes_each = 8 if field == "real" else 32
    require_room(float(np.prod([float(s) for s in shape])), f"a matrix of shape {shape}", bytes_each)
    if field == "real":
        return rng.standard_normal(shape)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)
