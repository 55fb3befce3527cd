"""Low-rank perturbations of Wigner and Wishart matrices: outliers and where they must lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import RandomState, generator, positive, whole
from vgtheory.random_matrices.ensembles.ensemble import Ensemble, gaussian_entries
from vgtheory.random_matrices.laws.marchenko_pastur import MarchenkoPastur, marchenko_pastur
from vgtheory.random_matrices.laws.semicircle import Semicircle, semicircle


@dataclass(frozen=True)
class SpikedWigner(Ensemble):
    """A GOE matrix plus a diagonal matrix of rank k with eigenvalues θ = `spikes`; N = `size`."""

    size: int
    spikes: tuple[float, ...]

    def limit(self) -> Semicircle:
        """Return the law of the bulk, the semicircle on [−2, 2]."""
        return semicircle()

    def outliers(self) -> tuple[float, ...]:
        """Return where eigenvalues leave the bulk, ascending: θ + 1/θ for |θ| > 1 (Péché 2006)."""
        return tuple(sorted(t + 1 / t for t in self.spikes if abs(t) > 1))

    def overlaps(self) -> tuple[float, ...]:
        """Return the squared overlap 1 − 1/θ² of the eigenvector of each outlier with its spike."""
        return tuple(1 - 1 / t**2 for t in sorted((t for t in self.spikes if abs(t) > 1), key=lambda t: t + 1 / t))

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one matrix; the spikes stand first on the diagonal, which loses nothing: GOE is rotation invariant."""
        rng, n = generator(random_state), self.size
        x = gaussian_entries(rng, (n, n), "real")
        out = (x + x.T) / np.sqrt(2 * n)
        k = np.arange(len(self.spikes))
        out[k, k] += self.spikes
        return out

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (N,): O(N³)."""
        return np.linalg.eigvalsh(self.sample(random_state))


@dataclass(frozen=True)
class SpikedWishart(Ensemble):
    """X Xᵀ/n for p × n Gaussian X whose first rows have variance ℓ = `spikes` instead of 1; p = `size`."""

    size: int
    freedom: int
    spikes: tuple[float, ...]

    def limit(self) -> MarchenkoPastur:
        """Return the law of the bulk, Marchenko–Pastur of ratio c = p/n."""
        return marchenko_pastur(self.size / self.freedom)

    def outliers(self) -> tuple[float, ...]:
        """Return where eigenvalues leave the bulk, ascending: ℓ(1 + c/(ℓ − 1)) for |ℓ − 1| > √c.

        Baik & Silverstein (2006); below the bulk only for c < 1.
        """
        c = self.size / self.freedom
        return tuple(sorted(v * (1 + c / (v - 1)) for v in self._seen(c)))

    def overlaps(self) -> tuple[float, ...]:
        """Return the squared overlap (1 − c/(ℓ − 1)²)/(1 + c/(ℓ − 1)) of each outlier's eigenvector (Paul 2007)."""
        c = self.size / self.freedom
        ordered = sorted(self._seen(c), key=lambda v: v * (1 + c / (v - 1)))
        return tuple((1 - c / (v - 1) ** 2) / (1 + c / (v - 1)) for v in ordered)

    def _seen(self, c: float) -> list[float]:
        return [v for v in self.spikes if v > 1 + np.sqrt(c) or v < 1 - np.sqrt(c)]

    def sample(self, random_state: RandomState = None) -> np.ndarray:
        """Return one matrix X Xᵀ/n."""
        x = gaussian_entries(generator(random_state), (self.size, self.freedom), "real")
        x[: len(self.spikes)] *= np.sqrt(self.spikes)[:, None]
        return x @ x.T / self.freedom

    def eigenvalues(self, random_state: RandomState = None) -> np.ndarray:
        """Return the ascending eigenvalues, shape (p,): O(N³)."""
        return np.linalg.eigvalsh(self.sample(random_state))


def spiked_wigner(size: int, spikes: Sequence[float]) -> SpikedWigner:
    """Return GOE matrices with a perturbation of low rank; |spike| > 1 makes an outlier (the BBP transition).

    Raises
    ------
    InputError : `size` is not an integer of at least 1, or there are more than `size` spikes, or one is not finite.

    Examples
    --------
    >>> spiked_wigner(100, [2.0, 0.5]).outliers()
    (2.5,)
    """
    n = whole("size", size)
    found = _numbers(spikes, n)
    return SpikedWigner(n, found)


def spiked_wishart(size: int, freedom: int, spikes: Sequence[float]) -> SpikedWishart:
    """Return sample covariance matrices of population 1 but for a few variances (Baik, Ben Arous & Péché 2005).

    Raises
    ------
    InputError : `size` or `freedom` is not an integer of at least 1, or a spike is not positive.

    Examples
    --------
    >>> spiked_wishart(100, 400, [3.0, 1.2]).outliers()
    (3.375,)
    """
    p, n = whole("size", size), whole("freedom", freedom)
    return SpikedWishart(p, n, tuple(positive("spike", v) for v in _numbers(spikes, p)))


def _numbers(spikes: Sequence[float], most: int) -> tuple[float, ...]:
    values = np.atleast_1d(np.asarray(spikes, dtype=float)) if not isinstance(spikes, str) else np.array([np.nan])
    if values.ndim != 1 or not 1 <= values.size <= most or not np.isfinite(values).all():
        raise InputError("spikes", f"1 to {most} finite numbers", "give spikes=[2.0]", got=f"{spikes!r}")
    return tuple(float(v) for v in values)
