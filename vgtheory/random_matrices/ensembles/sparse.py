"""Sparse symmetric matrices: few entries per row, and random regular graphs."""

from dataclasses import dataclass

import numpy as np

from vgtheory._errors import InputError, NoSolutionError
from vgtheory.random_matrices.affordable import dense_seconds, require_affordable
from vgtheory.random_matrices.arguments import RandomState, between, generator, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble
from vgtheory.random_matrices.laws.kesten_mckay import KestenMcKay, kesten_mckay
from vgtheory.random_matrices.laws.semicircle import Semicircle, semicircle

_TRIES = 1000  # of a pairing of half-edges; and of switchings per bad edge


@dataclass(frozen=True)
class SparseWigner(Ensemble):
    """Symmetric, an entry normal of variance 1/d with probability d/N and else 0; N = `size`, d = `degree` on average.

    E Tr A²/N → 1 and E Tr A⁴/N → 2 + 3/d (Rodgers & Bray 1988 for the law at finite d, which has no closed form).
    """

    size: int
    degree: float

    def limit(self) -> Semicircle:
        """Return the semicircle law on [−2, 2], the limit as d → ∞."""
        return semicircle()

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one dense array of the matrix."""
        rng, n = generator(random_state), self.size
        require_affordable(f"a matrix of size {n}", 3.0 * n * n, dense_seconds(n))
        out = np.zeros((n, n))
        row, column = np.triu_indices(n)
        kept = rng.random(len(row)) < self.degree / n
        out[row[kept], column[kept]] = rng.standard_normal(int(kept.sum())) / np.sqrt(self.degree)
        return out + np.triu(out, 1).T

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (N,): O(N³)."""
        return np.linalg.eigvalsh(self.sample(random_state))


@dataclass(frozen=True)
class RegularGraphs(Ensemble):
    """Adjacency matrices of random d-regular graphs, N = `size`, d = `degree`; the largest eigenvalue is d."""

    size: int
    degree: int

    def limit(self) -> KestenMcKay:
        """Return the Kesten–McKay law of this degree."""
        return kesten_mckay(self.degree)

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one adjacency matrix.

        Half-edges are paired at random; loops and double edges are switched away with random other edges (McKay &
        Wormald 1990), which is uniform up to O(d²/N).
        """
        rng, n, d = generator(random_state), self.size, self.degree
        require_affordable(f"a matrix of size {n}", 2.0 * n * n + 8.0 * n * d, dense_seconds(n))
        ends = rng.permutation(np.repeat(np.arange(n), d)).reshape(-1, 2)
        for _ in range(_TRIES):
            low, high = ends.min(axis=1), ends.max(axis=1)
            _, first = np.unique(low * n + high, return_index=True)
            bad = np.setdiff1d(np.arange(len(ends)), first)
            bad = np.union1d(bad, np.flatnonzero(low == high))
            if not len(bad):
                out = np.zeros((n, n))
                out[ends[:, 0], ends[:, 1]] = out[ends[:, 1], ends[:, 0]] = 1.0
                return out
            for i in bad:
                j = int(rng.integers(len(ends)))
                ends[i, 1], ends[j, 1] = ends[j, 1], ends[i, 1]
        raise NoSolutionError(f"no simple graph of degree {d} on {n} vertices was found; lower the degree")

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (N,): O(N³)."""
        return np.linalg.eigvalsh(self.sample(random_state))


def sparse(size: int, degree: float) -> SparseWigner:
    """Return the ensemble of sparse symmetric matrices with `degree` entries per row on average.

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or not 0 < degree ≤ size.

    Examples
    --------
    >>> sparse(100, degree=5).spectra(1, random_state=0).shape
    (1, 100)
    """
    n = whole("size", size)
    return SparseWigner(n, between("degree", degree, 0, n, without=(0,)))


def regular_graphs(size: int, degree: int) -> RegularGraphs:
    """Return the ensemble of adjacency matrices of random regular graphs.

    Raises
    ------
    InputError : `degree` is below 2 or not below `size`, or size·degree is odd.

    Examples
    --------
    >>> a = regular_graphs(10, 3).sample(random_state=0)
    >>> a.sum(axis=0).min(), a.sum(axis=0).max(), np.trace(a)
    (np.float64(3.0), np.float64(3.0), np.float64(0.0))
    """
    n, d = whole("size", size), whole("degree", degree, 2)
    if d >= n or n * d % 2:
        raise InputError(
            "size", "degree < size and an even product", "give size=100, degree=3", got=f"{n}, degree = {d}"
        )
    return RegularGraphs(n, d)
