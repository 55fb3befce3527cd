"""The law of the eigenvalues of the Jacobian J = ∂x_L/∂x_0 of an infinitely wide network, at any depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.kernels import spectral_moduli as kernel
from vgtheory.kernels.quadrature import Array, log_sum
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.random_matrices.laws.half_line import HalfLineLaw
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.random_matrices.laws.planar import PlanarLaw
from vgtheory.spectra.jacobian import Ensemble, layer_laws
from vgtheory.spectra.slope_law import SlopeLaw
from vgtheory.spectra.spectrum import lengths_text

_RARE = 1e-8  # where slopes rarer than this make up half of E d⁻², it is infinite or beyond what the nodes resolve


@dataclass(frozen=True)
class Moduli(HalfLineLaw):
    """The law of R with P(|λ| ≤ R) = t at ln R² = Σ_l ln σ_w² r_l (1 − t), less ln t with orthogonal weights.

    E[r_l/(r_l + d²)] = t under each layer's law of d².
    """

    laws: tuple[SlopeLaw, ...]
    counts: tuple[float, ...]
    ensemble: Ensemble
    log_variance: float
    next_to_zero: ClassVar[tuple[float, ...]] = (15.0,)

    @property
    def _depth(self) -> int:
        return round(sum(self.counts))

    @property
    def top(self) -> float:
        """Return ln of the largest modulus, Σ_l ln χ_l/2."""
        total = sum(n * law.log_mean for n, law in zip(self.counts, self.laws, strict=True))
        return float(self._depth * self.log_variance + total) / 2

    @cached_property
    def _is_circle(self) -> bool:
        """Return whether all eigenvalues have one modulus: linear layers with orthogonal weights."""
        return self.ensemble == "orthogonal" and all(
            len(law.log_nodes) == 1 and law.zero_mass == 0 for law in self.laws
        )

    @cached_property
    def atoms_log(self) -> Pairs:
        """Return the atom at −inf, that of dead units in the layer with most of them, or the one modulus."""
        if self._is_circle:
            return ((self.top, 1.0),)
        dead = max(law.zero_mass for law in self.laws)
        return ((-np.inf, dead),) if dead > 0 else ()

    @cached_property
    def bands_log(self) -> Pairs:
        """Return the one band of ln|λ|: an annulus where σ_w d > 0 is bounded below on average.

        Its lower end is Σ_l (ln σ_w² − ln E d⁻²)/2 with orthogonal weights, −∞ with Gaussian ones.
        """
        if self._is_circle:
            return ()
        if self.zero_mass > 0 or self.ensemble == "gaussian":
            return ((-np.inf, self.top),)
        inverse = sum(n * _log_inverse(law) for n, law in zip(self.counts, self.laws, strict=True))
        return ((min((self._depth * self.log_variance - inverse) / 2, self.top), self.top),)

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

    def _ppf_log(self, q: Array) -> Array:
        """Return ln|λ| at a probability; −inf up to the fraction of zeros."""
        low, high = self.support_log()
        out = np.where(q > self.zero_mass, high, low if self.zero_mass == 0 else -np.inf)
        inside = (q > self.zero_mass) & (q < 1)
        if inside.any() and not self._is_circle:
            v = np.log(q[inside] - self.zero_mass) - np.log1p(-q[inside])
            out[inside] = kernel.moduli(v, *self._arguments)[:, kernel.LOG_SQUARE] / 2
        return out

    def _pdf_log(self, log_modulus: Array) -> Array:
        return self._at(log_modulus)[0]

    def _cdf_log(self, log_modulus: Array) -> Array:
        return self._at(log_modulus)[1]

    def _at(self, y: Array) -> tuple[Array, Array]:
        """Return (density of ln|λ|, Prob(ln|λ| ≤ y)), zeros included."""
        low, high = self.support_log()
        density, below = np.zeros(y.shape), np.where(y >= high, 1.0, self.zero_mass)
        inside = (y > low) & (y < high)
        if inside.any() and not self._is_circle:
            rows = kernel.at_modulus(2 * y[inside], *self._arguments)
            t = rows[:, kernel.PROBABILITY]
            below[inside] = t
            slope = rows[:, kernel.SLOPE]  # 0 to rounding where all but 1e-16 of the mass is at one modulus
            change = 2 * (t - self.zero_mass) * (1 - t) / (1 - self.zero_mass)
            density[inside] = np.divide(change, slope, out=np.zeros_like(change), where=slope > 0)
        return density, below


def _log_inverse(law: SlopeLaw) -> float:
    """Return ln E d⁻²; inf where slopes rarer than the nodes resolve make up half of it."""
    terms = np.log(law.weights) - law.log_nodes
    total, rare = log_sum(terms), np.cumsum(law.weights) < _RARE
    return np.inf if rare.any() and log_sum(terms[rare]) > total + np.log(0.5) else total


@dataclass(frozen=True, repr=False)
class EigenvalueLaw(PlanarLaw):
    """The law of an eigenvalue λ of J, width → ∞ at fixed depth: arg λ uniform, |λ| as the functions here say.

    J is R-diagonal, so that P(|λ| ≤ R) = t at R² = ∏_l 1/S_l(t − 1) (Haagerup & Larsen (2000)): with
    E[r_l/(r_l + d²)] = t under each layer's law of d² = φ'(h)²

        ln R² = Σ_l ln σ_w² r_l (1 − t),   less ln t with orthogonal weights.

    With one law in all layers |λ|^{1/L} has the same law at every depth.

    Attributes
    ----------
    moduli : the law of |λ|.
    q : variance of the pre-activations, one per layer.
    status, assumptions : as for ``vg.spectrum``.
    """

    moduli: Moduli
    q: tuple[float, ...]
    status: str
    assumptions: tuple[str, ...]

    def __repr__(self) -> str:
        return f"EigenvalueLaw({lengths_text(self.q)}, log_radius={self.log_radius:.6g})"

    def radial(self) -> Moduli:
        """Return the law of |λ|."""
        return self.moduli

    def _pdf(self, z: np.ndarray) -> Array:
        """Return the density of λ per area."""
        return np.exp(self._logpdf(z))

    def _logpdf(self, z: np.ndarray) -> Array:
        size = np.abs(z)
        return np.asarray(self.moduli.logpdf(size)) - np.log(2 * np.pi * size)

    @property
    def depth(self) -> int:
        """Return the number of layers."""
        return len(self.q)

    @property
    def zero_mass(self) -> float:
        """Return the fraction of eigenvalues that are zero: that of dead units in the layer with most of them."""
        return self.moduli.zero_mass

    @property
    def log_radius(self) -> float:
        """Return ln of the spectral radius, Σ_l ln χ_l/2."""
        return self.moduli.top

    def support_log(self) -> tuple[float, float]:
        """Return (inf, sup) of ln|λ| without the zeros."""
        return self.moduli.support_log()

    def ppf_log(self, probability: ArrayLike) -> Array:
        """Return ln|λ| at a probability, any shape; −inf up to the fraction of zeros, NaN outside [0, 1]."""
        return self.moduli.ppf_log(probability)

    def cdf_log(self, log_modulus: ArrayLike) -> Array:
        """Return Prob(ln|λ| ≤ y), zeros included, any shape."""
        return self.moduli.cdf_log(log_modulus)

    def pdf_log(self, log_modulus: ArrayLike) -> Array:
        """Return the density of ln|λ| at y, any shape; with respect to area that of λ is this by 2π |λ|²."""
        return self.moduli.pdf_log(log_modulus)


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
        assumptions.append("the distribution of the weights' entries enters through its variance only (universality)")
    lengths = tuple(np.exp(log_q).tolist())
    moduli = Moduli(laws, counts, ensemble, log_variance)
    return EigenvalueLaw(moduli, lengths, "asymptotic", tuple(assumptions))
