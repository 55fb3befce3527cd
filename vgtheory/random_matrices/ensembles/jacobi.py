"""The Jacobi (MANOVA) β-ensemble: eigenvalues of A(A + B)⁻¹ from a bidiagonal matrix of beta variables."""

from dataclasses import dataclass

import numpy as np

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.affordable import chain_seconds, require_affordable
from vgtheory.random_matrices.arguments import RandomState, generator, positive, whole
from vgtheory.random_matrices.ensembles.ensemble import FIELD_OF_BETA, Ensemble, gaussian_entries
from vgtheory.random_matrices.ensembles.lapack import bidiagonal_singular_values
from vgtheory.random_matrices.laws.wachter import Wachter, wachter


@dataclass(frozen=True)
class Jacobi(Ensemble):
    """A(A + B)⁻¹ for Wishart A, B of p = `size` and n₁ = `first`, n₂ = `second` degrees of freedom, any β > 0.

    Density ∝ ∏ λ^{β(n₁ − p + 1)/2 − 1}(1 − λ)^{β(n₂ − p + 1)/2 − 1} ∏|λ_i − λ_j|^β.
    """

    size: int
    first: float
    second: float
    beta: float = 1.0

    def limit(self) -> Wachter:
        """Return the Wachter law of n₁/p and n₂/p."""
        return wachter(self.first / self.size, self.second / self.size)

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return the symmetric matrix L⁻¹ A L⁻*, L L* = A + B: real, complex or quaternion (β = 1, 2, 4).

        Quaternions are blocks of two rows and columns, so that every eigenvalue stands twice.

        Raises
        ------
        UnsupportedError : another β, or a degree of freedom is not whole.
        """
        whole_numbers = self.first == int(self.first) and self.second == int(self.second)
        if self.beta not in FIELD_OF_BETA or not whole_numbers:
            raise UnsupportedError(
                f"beta = {self.beta:g} with such degrees of freedom has no matrix; use .eigenvalues()"
            )
        rng, field = generator(random_state), FIELD_OF_BETA[self.beta]
        x = gaussian_entries(rng, (self.size, int(self.first)), field)
        y = gaussian_entries(rng, (self.size, int(self.second)), field)
        lower = np.linalg.cholesky(x @ x.conj().T + y @ y.conj().T)
        half = np.linalg.solve(lower, x)
        return half @ half.conj().T

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (p,), in O(p²), by the model of Edelman & Sutton (2008)."""
        rng, n = generator(random_state), self.size
        require_affordable(f"{n} eigenvalues", 8 * n, chain_seconds(n))
        half, k = self.beta / 2, np.arange(n, 0, -1)
        a, b = self.first - n, self.second - n
        # cos² and sin² are drawn as gamma variables, so that neither loses digits when the other is near 1.
        cosine, sine = _pair(rng, half * (a + k), half * (b + k))
        inner, outer = _pair(rng, half * k[1:], half * (a + b + 1 + k[1:]))
        diagonal = cosine * np.concatenate([[1.0], outer])
        beside = -sine[:-1] * inner
        return bidiagonal_singular_values(diagonal, beside) ** 2


def _pair(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the roots of a beta variable and of one minus it."""
    x, y = rng.gamma(first), rng.gamma(second)
    return np.sqrt(x / (x + y)), np.sqrt(y / (x + y))


def jacobi(size: int, first: float, second: float, beta: float = 1.0) -> Jacobi:
    """Return the Jacobi β-ensemble of `size` eigenvalues, n₁ = `first` and n₂ = `second` degrees of freedom.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, n₁ or n₂ not a number above size − 1, or β not positive.

    Examples
    --------
    >>> jacobi(3, 5, 6.5, beta=4).eigenvalues(random_state=0).shape
    (3,)
    """
    p, one, two = whole("size", size), positive("first", first), positive("second", second)
    for name, value in (("first", one), ("second", two)):
        if value <= p - 1:
            raise InputError(f"{name}", f"a number above size − 1 = {p - 1}", f"give {name}={p}", got=f"{value:g}")
    return Jacobi(p, one, two, positive("beta", beta))
