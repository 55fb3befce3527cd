"""Lyapunov exponents of an infinitely deep network: the law of ln s/L as depth → ∞ after width, and at finite width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, logsumexp

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network, require_independent_layers, require_plain
from vgtheory.spectra.curve import Ensemble
from vgtheory.spectra.jacobian import stationary_setting
from vgtheory.spectra.slope_law import SlopeLaw

_BISECTIONS = 80
_MARGIN = 45.0  # ln r beyond the law's nodes where t has reached its limit to rounding


@dataclass(frozen=True)
class Lyapunov:
    """The law of the exponent λ = lim ln s/L of a singular value s of J, with the dead directions at λ = −∞.

    Attributes
    ----------
    law : the law of d² = φ'(h)², h of the stationary variance.
    ensemble : "gaussian" or "orthogonal".
    sigma_w : scale of the weights.
    family : the weights' own family, which finite-width results depend on.

    Notes
    -----
    With r from 0 to ∞ the distribution function is t = E[r/(r + d²)] at e^{2λ} = σ_w² E[d² r/(r + d²)], divided by t
    for orthogonal weights (Newman (1986) for linear networks; Tucci (2010), "Limits laws for geometric means of free
    random variables").
    """

    law: SlopeLaw
    ensemble: Ensemble
    sigma_w: float
    family: str

    @property
    def top(self) -> float:
        """Return the largest exponent, ln(σ_w² E d²)/2 = ln χ/2."""
        return float(np.log(self.sigma_w) + self.law.log_mean / 2)

    @property
    def zero_mass(self) -> float:
        """Return the fraction of dead directions, those with λ = −∞."""
        return self.law.zero_mass

    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of the finite exponents; the infimum is ln σ_w − ln(E d⁻²)/2 or −∞."""
        if self.law.zero_mass > 0 or self.ensemble == "gaussian":
            return -np.inf, self.top
        inverse = logsumexp(-self.law.log_nodes, b=self.law.weights)
        return float(np.log(self.sigma_w) - inverse / 2), self.top

    def cdf(self, exponent: Any) -> Array:
        """Return Prob(λ ≤ exponent), dead directions included, any shape."""
        y = np.asarray(exponent, dtype=float)
        if np.isnan(y).any():
            raise InputError("exponent = nan", "numbers", "drop it")
        return np.where(y >= self.top, 1.0, self._solve(y, 1))

    def ppf(self, probability: Any) -> Array:
        """Return the exponent at a probability, any shape; −inf up to the fraction of dead directions.

        Raises InputError for a probability outside [0, 1].
        """
        p = np.asarray(probability, dtype=float)
        if not np.all((p >= 0) & (p <= 1)):
            raise InputError(f"probability {p[~((p >= 0) & (p <= 1))].flat[0]}", "a number from 0 to 1", "pass one")
        inside = self._solve(p, 0)
        return np.where(p >= 1, self.top, np.where(p > self.zero_mass, inside, -np.inf))

    def log_singular_value(self, probability: Any, depth: int) -> Array:
        """Return ln s at a probability for a deep network, L λ(t) + ln(t/(1 − t))/2, correct to O(1/L)."""
        t = np.asarray(probability, dtype=float)
        if not np.all((t > 0) & (t < 1)):
            raise InputError("probability outside (0, 1)", "numbers between 0 and 1", "drop the ends")
        return depth * self.ppf(t) + (np.log(t) - np.log1p(-t)) / 2

    def finite_width(self, width: int) -> Array:
        """Return the `width` exponents at finite width, descending, as depth → ∞.

        Gaussian weights and a slope that is constant: λ_k = ln d + ½[ln(2σ_w²/N) + ψ((N − k + 1)/2)] (Newman (1986)).

        Raises
        ------
        UnsupportedError : other weights, or slopes that vary from unit to unit.  Where units can be dead, all of them
            are at once in some layer, so that every exponent is −∞ as depth → ∞ at fixed width.
        """
        if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
            raise InputError(f"width = {width!r}", "a whole number of at least 1", "e.g. width=100")
        if self.family != "gaussian" or len(self.law.log_nodes) != 1 or self.law.zero_mass > 0:
            raise UnsupportedError(
                "exponents at finite width are known in closed form for Gaussian weights and a constant slope; use "
                "ppf, or sample_spectrum at a large depth"
            )
        scale = np.log(2 * self.sigma_w**2 / width) + self.law.log_nodes[0]
        return (scale + digamma(np.arange(width, 0, -1) / 2)) / 2

    def _at(self, log_r: Array) -> tuple[Array, Array]:
        """Return (λ, t) at ln r, any shape."""
        x = self.law.log_nodes - log_r[..., None]
        far = np.where(x > 0, np.exp(-np.abs(x)), 1.0) / (1 + np.exp(-np.abs(x)))  # r/(r + d²)
        t = far @ self.law.weights + self.law.zero_mass
        with np.errstate(divide="ignore", under="ignore"):
            log_far = -np.logaddexp(0.0, x) + self.law.log_nodes
            peak = log_far.max(axis=-1)
            gain = peak + np.log(np.exp(log_far - peak[..., None]) @ self.law.weights)
            both = gain - np.log(t) if self.ensemble == "orthogonal" else gain
        return np.log(self.sigma_w) + both / 2, t

    def _solve(self, target: Array, given: int) -> Array:
        """Return t at λ = target (given 1) or λ at t = target (given 0): both increase with ln r."""
        low = np.full(target.shape, self.law.log_nodes[0] - _MARGIN)
        high = np.full(target.shape, self.law.log_nodes[-1] + _MARGIN)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            value = self._at(middle)[0 if given else 1]
            low, high = np.where(value < target, middle, low), np.where(value < target, high, middle)
        return self._at((low + high) / 2)[1 if given else 0]


def lyapunov(network: Network, q: Any = "stationary") -> Lyapunov:
    """Return the law of ln s/L, s a singular value of J, width → ∞ and then depth → ∞.

    Parameters
    ----------
    q : variance of the pre-activations: "stationary", or a number.

    Raises
    ------
    NoSolutionError : "stationary" where q_l tends to 0 or diverges.
    UnsupportedError : unequal widths, or a slope that is zero wherever it exists.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = lyapunov(Network("relu", Weights.he(), width=500, depth=10))
    >>> abs(round(law.top, 12)), law.zero_mass
    (0.0, 0.5)
    """
    require_plain(network, "lyapunov")
    require_independent_layers(network, "lyapunov")
    law, ensemble, sigma_w = stationary_setting(network, q)
    return Lyapunov(law, ensemble, sigma_w, network.weights.family)
