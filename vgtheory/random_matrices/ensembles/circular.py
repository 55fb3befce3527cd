"""Haar matrices and the circular β-ensembles: eigenvalues on the unit circle from Verblunsky coefficients, in O(N²)."""

from dataclasses import dataclass

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.phases import unitary_angles
from vgtheory.random_matrices.affordable import require_affordable
from vgtheory.random_matrices.arguments import RandomState, choice, generator, positive, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble, gaussian_entries
from vgtheory.random_matrices.ensembles.ginibre import FIELDS, Field
from vgtheory.random_matrices.laws.angle import Angle

_TOLERANCE = 1e-14
_PER_PAIR = 1.5e-6  # seconds per pair of angles


@dataclass(frozen=True)
class Circular(Ensemble):
    """N = `size` angles of density ∝ ∏|e^{iθ_i} − e^{iθ_j}|^β; β = 2 are the eigenvalues of Haar unitary matrices."""

    size: int
    beta: float

    def limit(self) -> Angle:
        """Return the uniform law of the angle on [0, 2π)."""
        return Angle()

    def measured(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return the angles in [0, 2π)."""
        return np.angle(eigenvalues) % (2 * np.pi)

    def angles(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending angles in [0, 2π), shape (N,).

        |α_k|² is Beta(1, β(N − k − 1)/2) with uniform phase (Killip & Nenciu 2004).
        """
        rng, n = generator(random_state), self.size
        require_affordable(f"{n} eigenvalues", 8 * n, _PER_PAIR * n * n)
        radius = np.sqrt(rng.beta(1.0, self.beta / 2 * np.arange(n - 1, 0, -1))) if n > 1 else np.zeros(0)
        phase = 2 * np.pi * rng.random(n)
        return unitary_angles(radius * np.cos(phase[:-1]), radius * np.sin(phase[:-1]), phase[-1], _TOLERANCE)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the eigenvalues e^{iθ}, shape (N,), by ascending angle."""
        return np.exp(1j * self.angles(random_state))

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return a matrix: Haar unitary U for β = 2, UᵀU for β = 1; for β = 4 the self-dual −J Uᵀ J U of size 2N.

        J is made of N blocks [[0, 1], [−1, 0]], and every eigenvalue of the last one stands twice (Dyson 1962).

        Raises
        ------
        UnsupportedError : another β.
        """
        if self.beta not in (1.0, 2.0, 4.0):
            raise UnsupportedError(f"beta = {self.beta:g} has no matrix of Haar factors; use .eigenvalues()")
        unitary = haar(self.size * (2 if self.beta == 4.0 else 1), "complex").sample(random_state)
        if self.beta == 2.0:
            return unitary
        if self.beta == 1.0:
            return unitary.T @ unitary
        turn = np.kron(np.eye(self.size), [[0.0, 1.0], [-1.0, 0.0]])
        return -turn @ unitary.T @ turn @ unitary


@dataclass(frozen=True)
class Haar(Ensemble):
    """A uniformly distributed orthogonal (field "real") or unitary ("complex") N × N matrix, N = `size`."""

    size: int
    field: Field = "real"

    def limit(self) -> Angle:
        """Return the uniform law of the angle on [0, 2π)."""
        return Angle()

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one matrix: Q of a Gaussian matrix, with the signs that make diag R positive (Mezzadri 2007)."""
        rng = generator(random_state)
        q, r = np.linalg.qr(gaussian_entries(rng, (self.size, self.size), self.field))
        diagonal = np.diagonal(r)
        return q * (diagonal / np.abs(diagonal))

    def measured(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return the angles in [0, 2π)."""
        return np.angle(eigenvalues) % (2 * np.pi)

    def angles(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending angles of the eigenvalues in [0, 2π), shape (N,), in O(N²).

        α_k is the first coordinate of a uniform unit vector in N − k dimensions (Killip & Nenciu 2004): complex for
        unitary matrices, where this is the circular ensemble of β = 2, real for orthogonal ones.
        """
        if self.field == "complex":
            return Circular(self.size, 2.0).angles(random_state)
        rng, n = generator(random_state), self.size
        require_affordable(f"{n} eigenvalues", 8 * n, _PER_PAIR * n * n)
        left = np.arange(n - 1, 0, -1) / 2
        square = rng.beta(0.5, left) if n > 1 else np.zeros(0)
        sign = rng.choice([-1.0, 1.0], size=n)
        found = unitary_angles(sign[:-1] * np.sqrt(square), np.zeros(n - 1), 0.0 if sign[-1] > 0 else np.pi, _TOLERANCE)
        return _conjugate(found)

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the eigenvalues e^{iθ}, shape (N,), by ascending angle."""
        return np.exp(1j * self.angles(random_state))


def _conjugate(angles: np.ndarray) -> np.ndarray:
    """Return angles of a real matrix made exactly symmetric: pairs ±θ, and 0 or π exactly."""
    signed = np.sort((angles + np.pi) % (2 * np.pi) - np.pi)
    near_zero, near_half = np.abs(signed) < 1e-9, np.pi - np.abs(signed) < 1e-9
    upper = np.sort(signed[(signed > 0) & ~near_zero & ~near_half])
    zeros, halves = np.zeros(int(near_zero.sum())), np.full(int(near_half.sum()), np.pi)
    return np.concatenate([zeros, upper, halves, 2 * np.pi - upper[::-1]])


def circular_beta(size: int, beta: float) -> Circular:
    """Return the circular β-ensemble of N = `size` eigenvalues, any β > 0 (1: COE, 2: CUE, 4: CSE).

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or β not a finite positive number.

    Examples
    --------
    >>> circular_beta(4, beta=1).eigenvalues(random_state=0).shape
    (4,)
    """
    return Circular(whole("size", size), positive("beta", beta))


def haar(size: int, field: Field = "real") -> Haar:
    """Return the Haar measure on orthogonal (field "real") or unitary ("complex") matrices of this size.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or `field` is unknown.

    Examples
    --------
    >>> q = haar(3).sample(random_state=0)
    >>> bool(abs(q.T @ q - np.eye(3)).max() < 1e-14)
    True
    """
    return Haar(whole("size", size), choice("field", field, FIELDS))
