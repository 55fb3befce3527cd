"""The law of the eigenvalues of the Jacobian J = ∂x_L/∂x_0 of an infinitely wide network, at any depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from vgtheory._errors import InputError
from vgtheory.kernels import spectral_moduli as kernel
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.random_matrices.arguments import generator, numbers, shape_of
from vgtheory.spectra.jacobian import Ensemble, layer_laws
from vgtheory.spectra.slope_law import SlopeLaw


@dataclass(frozen=True, repr=False)
class EigenvalueLaw:
    """The law of an eigenvalue λ of J, width → ∞ at fixed depth: arg λ uniform, |λ| as the functions here say.

    J is R-diagonal, so that P(|λ| ≤ R) = t at R² = ∏_l 1/S_l(t − 1) (Haagerup & Larsen (2000)): with
    E[r_l/(r_l + d²)] = t under each layer's law of d² = φ'(h)²

        ln R² = Σ_l ln σ_w² r_l (1 − t),   less ln t with orthogonal weights.

    With one law in all layers |λ|^{1/L} has the same law at every depth.

    Attributes
    ----------
    laws, counts : laws of d² and how many layers each stands for.
    log_variance : ln σ_w².
    q : variance of the pre-activations, one per layer.
    status, assumptions : as for ``vg.spectrum``.
    """

    laws: tuple[SlopeLaw, ...]
    counts: tuple[float, ...]
    ensemble: Ensemble
    log_variance: float
    q: tuple[float, ...]
    status: str
    assumptions: tuple[str, ...]

    def __repr__(self) -> str:
        span = f"{min(self.q):.4g}" if len(set(self.q)) == 1 else f"{min(self.q):.4g}..{max(self.q):.4g}"
        return f"EigenvalueLaw(depth={self.depth}, q={span}, log_radius={self.log_radius:.6g})"

    @property
    def depth(self) -> int:
        """Return the number of layers."""
        return len(self.q)

    @property
    def zero_mass(self) -> float:
        """Return the fraction of eigenvalues that are zero: that of dead units in the layer with most of them."""
        return max(law.zero_mass for law in self.laws)

    @property
    def log_radius(self) -> float:
        """Return ln of the spectral radius, Σ_l ln χ_l/2."""
        top = sum(n * law.log_mean for n, law in zip(self.counts, self.laws, strict=True))
        return float(self.depth * self.log_variance + top) / 2

    def support_log(self) -> tuple[float, float]:
        """Return (inf, sup) of ln|λ| without the zeros: an annulus where σ_w d > 0 is bounded below on average.

        The infimum is Σ_l (ln σ_w² − ln E d⁻²)/2 with orthogonal weights, −∞ with Gaussian ones.
        """
        if self.zero_mass > 0 or self.ensemble == "gaussian":
            return -np.inf, self.log_radius
        inverse = sum(
            n * float(logsumexp(-law.log_nodes, b=law.weights)) for n, law in zip(self.counts, self.laws, strict=True)
        )
        return min((self.depth * self.log_variance - inverse) / 2, self.log_radius), self.log_radius

    @cached_property
    def _is_circle(self) -> bool:
        """Return whether all eigenvalues have one modulus: linear layers with orthogonal weights."""
        return self.ensemble == "orthogonal" and all(
            len(law.log_nodes) == 1 and law.zero_mass == 0 for law in self.laws
        )

    @cached_property
    def _arguments(self) -> tuple:
        sizes = np.cumsum([0, *(len(law.log_nodes) for law in self.laws)]).astype(np.int64)
        arrays = (
            np.concatenate([law.log_nodes for law in self.laws]),
            np.concatenate([law.weights for law in self.laws]),
            sizes,
            np.array([law.zero_mass for law in self.laws]),
        )
        shares = tuple(np.ascontiguousarray(a) for a in arrays)
        power = 1.0 if self.ensemble == "orthogonal" else 0.0
        return self.zero_mass, np.array(self.counts), self.log_variance, power, shares

    def ppf_log(self, probability: ArrayLike) -> Array:
        """Return ln|λ| at a probability, any shape; −inf up to the fraction of zeros.

        Raises InputError for a probability outside [0, 1].
        """
        p = numbers("probability", probability)
        if not np.all((p >= 0) & (p <= 1)):
            raise InputError(f"probability {p[~((p >= 0) & (p <= 1))].flat[0]}", "a number from 0 to 1", "pass one")
        low, high = self.support_log()
        out = np.where(p > self.zero_mass, high, low if self.zero_mass == 0 else -np.inf)
        inside = (p > self.zero_mass) & (p < 1)
        if inside.any() and not self._is_circle:
            v = np.log(p[inside] - self.zero_mass) - np.log1p(-p[inside])
            out[inside] = kernel.moduli(v, *self._arguments)[:, kernel.LOG_SQUARE] / 2
        return out

    def cdf_log(self, log_modulus: ArrayLike) -> Array:
        """Return Prob(ln|λ| ≤ y), zeros included, any shape."""
        return self._at(log_modulus)[1]

    def pdf_log(self, log_modulus: ArrayLike) -> Array:
        """Return the density of ln|λ| at y, any shape; with respect to area that of λ is this by 2π |λ|²."""
        return self._at(log_modulus)[0]

    def _at(self, log_modulus: ArrayLike) -> tuple[Array, Array]:
        y = numbers("log_modulus", log_modulus)
        if np.isnan(y).any():
            raise InputError("ln|λ|", "numbers", "drop it", got="nan")
        low, high = self.support_log()
        density, below = np.zeros(y.shape), np.where(y >= high, 1.0, self.zero_mass)
        inside = (y > low) & (y < high) & np.isfinite(y)
        if inside.any() and not self._is_circle:
            rows = kernel.at_modulus(2 * y[inside], *self._arguments)
            t = rows[:, kernel.PROBABILITY]
            below[inside] = t
            slope = rows[:, kernel.SLOPE]  # 0 to rounding where all but 1e-16 of the mass is at one modulus
            change = 2 * (t - self.zero_mass) * (1 - t) / (1 - self.zero_mass)
            density[inside] = np.divide(change, slope, out=np.zeros_like(change), where=slope > 0)
        return density, below

    def cdf(self, modulus: ArrayLike) -> Array:
        """Return Prob(|λ| ≤ R), zeros included, any shape."""
        r = numbers("modulus", modulus)
        with np.errstate(divide="ignore"):
            return np.where(r >= 0, self.cdf_log(np.log(np.maximum(r, 0.0))), 0.0)

    def ppf(self, probability: ArrayLike) -> Array:
        """Return |λ| at a probability; inf where it exceeds the range of doubles (see `ppf_log`)."""
        with np.errstate(over="ignore"):
            return np.exp(self.ppf_log(probability))

    def rvs(self, size: Any = None, random_state: int | np.random.Generator | None = None) -> NDArray[np.complex128]:
        """Return independent draws of λ (the eigenvalues of one matrix repel each other)."""
        rng = generator(random_state)
        modulus = self.ppf(rng.random(shape_of(size)))
        return modulus * np.exp(2j * np.pi * rng.random(shape_of(size)))


def eigenvalues(network: Network, q: ArrayLike | Literal["profile", "stationary"] = "profile") -> EigenvalueLaw:
    """Return the law of the eigenvalues of the Jacobian J = ∂x_L/∂x_0, width → ∞ at this depth.

    Parameters
    ----------
    network : one width, no skip connections (J is then not R-diagonal), normalisation or dropout; an ``"identity"``
        network of depth 1 has J = W.
    q : as for ``vg.spectrum``.

    Raises UnsupportedError for other networks, else as ``vg.spectrum`` does.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = eigenvalues(Network("identity", Weights.gaussian(1.0), width=500, depth=3))
    >>> [round(float(r), 6) for r in law.ppf([0.25, 1.0])]  # |λ|^(2/3) is uniform
    [0.125, 1.0]
    """
    require(network, "eigenvalues")
    laws, counts, ensemble, log_variance, log_q = layer_laws(network, q)
    assumptions = ["width → ∞ at fixed depth", "pre-activations normal, independent between units"]
    if network.weights.acts_by_variance:
        assumptions.append("the law of the weights' entries enters through its variance only (universality)")
    lengths = tuple(np.exp(log_q).tolist())
    return EigenvalueLaw(laws, counts, ensemble, log_variance, lengths, "asymptotic", tuple(assumptions))
