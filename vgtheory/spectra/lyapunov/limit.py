"""The law of Lyapunov exponents: ln s/L of the singular values s of J, width → ∞ and then depth → ∞."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import digamma, expit, xlogy

from vgtheory._errors import InputError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.weights import ROTATION_INVARIANT
from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.spectra.curve import Ensemble
from vgtheory.spectra.eigenvalues import Moduli
from vgtheory.spectra.lyapunov.finite import Field, WidthExponents, require_family, top_at_width, width_exponents
from vgtheory.spectra.lyapunov.formulas import finite_width_formulas, limit_formulas
from vgtheory.spectra.profile import factors
from vgtheory.spectra.slope_law import SlopeLaw
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import Formula

_MARGIN = 45.0  # ln r beyond the law's nodes where t has reached its limit to rounding
_AT_ONCE = 2_000_000  # numbers of a block of points times nodes
_MOST_STEPS = 4000  # of a sum over ln r


@dataclass(frozen=True, repr=False)
class Lyapunov(RealLaw):
    """The law of the exponent λ = lim ln s/L of a singular value s of J, with the dead directions at λ = −∞.

    The methods are those of a frozen distribution of scipy.stats; mean, variance and moments are of the directions
    that are not dead.

    Attributes
    ----------
    law : the law of d² = φ'(h)², h of the variance that q_l tends to; with dropout of (mask · φ'/(1 − p))².
    ensemble : "gaussian" or "orthogonal".
    sigma_w : scale of the weights.
    family : the weights' own family, which finite-width results depend on.
    q : the variance that q_l tends to; 0 or inf where only the slopes next to 0 or far out matter.
    assumptions : what the law holds under.
    masked : whether J has at every width the law of a product of independent matrices, rows set to 0 at random
        independently of them: constant slopes, and positively homogeneous activations that are flat on one side.
    activation, early_log_q : φ and ln q_l of the first layers, which `log_singular_value` takes into account; empty
        where every layer counts as stationary.

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
    q: float = 1.0
    assumptions: tuple[str, ...] = ()
    masked: bool = False
    activation: Activation | None = None
    early_log_q: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return f"Lyapunov({self.ensemble}, q={self.q:.4g}, top={self.top:.6g}, zero_mass={self.zero_mass:.4g})"

    @property
    def top(self) -> float:
        """Return the largest exponent, ln(σ_w² E d²)/2 = ln χ/2."""
        return float(np.log(self.sigma_w) + self.law.log_mean / 2)

    @property
    def zero_mass(self) -> float:
        """Return the fraction of dead directions, those with λ = −∞."""
        return self.law.zero_mass

    @property
    def atoms(self) -> Pairs:
        """Return (exponent, probability) of every atom, ascending; dead directions are the atom at −∞."""
        return self._layer.atoms_log

    @property
    def bands(self) -> Pairs:
        """Return the one band of finite exponents, from ln σ_w − ln(E d⁻²)/2 or −∞ to the top; none for a point."""
        return self._layer.bands_log

    def _moduli(self, laws: tuple[SlopeLaw, ...], counts: tuple[float, ...]) -> Moduli:
        """Return the law of Σ_l λ_l(t), which is that of ln|eigenvalue| of so many layers."""
        return Moduli(laws, counts, self.ensemble, 2 * float(np.log(self.sigma_w)))

    @cached_property
    def _layer(self) -> Moduli:
        return self._moduli((self.law,), (1.0,))

    def _pdf(self, exponent: np.ndarray) -> Array:
        return self._layer.pdf_log(exponent)

    def _cdf(self, exponent: np.ndarray) -> Array:
        return self._layer.cdf_log(exponent)

    def _ppf(self, q: np.ndarray) -> Array:
        return self._layer.ppf_log(q)

    def mean(self) -> float:
        """Return E λ over the directions that are not dead, in closed form.

        Gaussian weights without dead directions: ln σ_w + E ln|d| − 1/2; orthogonal ones: ln σ_w + E ln|d|.
        """
        dead, alive = self.zero_mass, 1 - self.zero_mass
        total = 2 * np.log(self.sigma_w) + np.log(alive) + self.law.weights @ self.law.log_nodes / alive
        total += float(xlogy(dead, dead)) / alive if self.ensemble == "orthogonal" else -1.0
        return float(total) / 2

    def var(self) -> float:
        """Return the variance of λ over the directions that are not dead."""
        center = self.mean()
        return self.expect(lambda y: (y - center) ** 2)

    def expect(self, function: Callable[[Array], Array], count: int | None = None) -> float:
        """Return E f(λ) over the directions that are not dead; `function` takes an array."""
        value, weight = self._quadrature
        return float(weight @ function(value))

    @cached_property
    def _quadrature(self) -> tuple[Array, Array]:
        if not self.bands:
            return np.array([self.top]), np.ones(1)
        # In ln r the integrand is made of Fermi functions, for which equal steps of 1/2 are exact to rounding.
        low, high = self.law.log_nodes[0] - _MARGIN, self.law.log_nodes[-1] + _MARGIN
        x = np.linspace(low, high, min(_MOST_STEPS, int(2 * (high - low)) + 2))
        block = max(1, _AT_ONCE // len(self.law.log_nodes))
        parts = [self._at(x[i : i + block]) for i in range(0, len(x), block)]
        value, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
        used = np.isfinite(value) & (weight > 0)
        return value[used], weight[used] / weight[used].sum()

    def _at(self, log_r: Array) -> tuple[Array, Array]:
        """Return λ and dt/dln r at ln r, shape (n,): E[d² r/(r + d²)] is r(1 − t)."""
        below = expit(log_r[:, None] - self.law.log_nodes)
        above = expit(self.law.log_nodes - log_r[:, None])
        level = log_r + np.log(above @ self.law.weights)
        if self.ensemble == "orthogonal":
            level -= np.log(below @ self.law.weights + self.zero_mass)
        return float(np.log(self.sigma_w)) + level / 2, (below * above) @ self.law.weights

    def log_singular_value(self, probability: Any, depth: int) -> Array:
        """Return ln s at a probability t for a network of this depth, L λ(t) + ln(t/(1 − t))/2.

        The first correction to the limit: the error is O(1/L) at every t between the mass of dead directions and 1.
        With ``lyapunov(network, q="profile")`` Σ_l λ_l(t), at every layer's own q_l, takes the place of L λ(t).
        """
        t = np.asarray(probability, dtype=float)
        if not np.all((t > 0) & (t < 1)):
            raise InputError("probability outside (0, 1)", "numbers between 0 and 1", "drop the ends")
        depth = whole("depth", depth)
        early = np.array(self.early_log_q[:depth])
        laws, counts = [self.law] * (depth > len(early)), [float(depth - len(early))] * (depth > len(early))
        if len(early) and self.activation is not None:
            for part in factors(self.activation, early, self.ensemble, 0.0):
                laws.append(part.law)
                counts.append(part.count)
        log_s = self._moduli(tuple(laws), tuple(counts)).ppf_log(t)
        return log_s + (np.log(t) - np.log1p(-t)) / 2

    def at_width(self, width: int, field: Field = "real") -> WidthExponents:
        """Return the exponents at finite width with their variances and the rate at which directions die.

        Parameters
        ----------
        width : N.
        field : "real", or "complex" for the same network with complex weights, E|W_ij|² = σ_w²/N (or unitary ones).

        Raises
        ------
        InputError : a width that is not a whole number of at least 1, or above 10⁶ (20,000 with dead units).
        UnsupportedError : slopes that take several values, or weights that are neither Gaussian nor orthogonal: no
            closed form is known for all exponents (for the largest and their mean see `top_at_width` and
            `mean_at_width`); ``vg.sample(network, of="exponents")`` measures them with their errors.

        Notes
        -----
        One layer is a matrix of n rows that are not 0, n binomial, whose QR factor has independent diagonal elements:
        chi variables (Bartlett (1933)), or square roots of beta variables for orthogonal weights; so the
        exponents are means of digamma functions (Newman (1986); Forrester (2013) for complex matrices).
        """
        return width_exponents(self.law, self.ensemble, self.family, self.sigma_w, self.masked, width, field)

    def top_at_width(self, width: int) -> float:
        """Return λ_1 at finite width for any slopes, in closed form up to one integral.

        λ_1 = E ln(σ_w² Σ d_i² z_i²/N)/2 with independent normal z (Haar weights: over Σ z_i² in place of N), given that
        not all d_i are 0.  Exact at every width for positively homogeneous activations and constant slopes (`masked`);
        else it takes units for independent and q_l for its limit, which is off by O(1/N).

        Raises InputError for a bad width, UnsupportedError for weights that are neither Gaussian nor orthogonal.

        Examples
        --------
        >>> from vgtheory import Network, Weights, lyapunov
        >>> law = lyapunov(Network("leaky_relu", Weights.gaussian(1.4), width=20, depth=100))
        >>> round(law.top, 6), round(law.top_at_width(20), 6)
        (-0.010051, -0.078623)
        """
        require_family(self.family)
        return top_at_width(self.law, self.ensemble, self.sigma_w, whole("width", width))

    def mean_at_width(self, width: int) -> float:
        """Return the mean of all exponents at finite width, E ln|det D W|/N; −inf where units can be dead.

        ln σ_w + E ln|d| for orthogonal weights, and with Gaussian ones the mean of Newman's exponents in place of
        ln σ_w.  As exact as `top_at_width`, and raises the same errors.
        """
        require_family(self.family)
        width = whole("width", width)
        if self.zero_mass > 0:
            return -np.inf
        total = 2 * np.log(self.sigma_w) + float(self.law.weights @ self.law.log_nodes)
        if self.ensemble == "gaussian":
            total += np.log(2 / width) + float(digamma(np.arange(1, width + 1) / 2).mean())
        return float(total) / 2

    def finite_width(self, width: int, field: Field = "real") -> Array:
        """Return the `width` exponents at finite width, descending, as depth → ∞ (see `at_width`).

        With dead units each is the growth of a direction while it lives: at fixed width all die in the end.
        """
        return self.at_width(width, field).value

    @cached_property
    def formulas(self) -> tuple[Formula, ...]:
        """Return the law, its largest exponent and what is known in closed form at finite width, for LaTeX."""
        closed = self.family in ROTATION_INVARIANT and len(self.law.log_nodes) == 1
        finite = finite_width_formulas(self.ensemble, self.masked, self.zero_mass > 0) if closed else ()
        return (*limit_formulas(self.ensemble), *finite)
