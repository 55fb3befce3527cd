"""The singular values of the input-output Jacobian J = ∂x_L/∂x_0 of an infinitely wide network, at any depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from vgtheory._errors import InputError, NoSolutionError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.random_matrices.arguments import generator, numbers, shape_of
from vgtheory.spectra.curve import Curve, Ensemble
from vgtheory.spectra.one_layer import OneLayer
from vgtheory.spectra.product import Product
from vgtheory.spectra.profile import factors, profile_product, rectangular_law
from vgtheory.spectra.residual import ResidualLimit, is_trivial, limit_strength, outlier, residual_product
from vgtheory.spectra.slope_law import WIDTH, SlopeLaw, slope_law
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.architectures.profile import profile as architecture_profile
from vgtheory.theory.asymptotics.fixed_points import length_limit
from vgtheory.theory.asymptotics.mean_field import log_length_profile

_CONSTANT = 1e-10  # spread of ln q_l below which all layers have one law
_EXACT_DRAWS = 4096  # up to here every draw is inverted; beyond, quantiles at as many points are interpolated


class Law(Protocol):
    """What a Spectrum needs of the law of x = s², an eigenvalue of J Jᵀ."""

    @property
    def log_mean(self) -> float:
        """Return ln E x."""
        ...

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)²."""
        ...

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (ln x, probability), ascending."""
        ...

    @property
    def unresolved(self) -> float:
        """Return the probability of x > 0 that is too small to be followed beside the rest."""
        ...

    @property
    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of ln x without the atom at zero."""
        ...

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x."""
        ...

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""
        ...


@dataclass(frozen=True, repr=False)
class Spectrum:
    """The law of a singular value s of J, width → ∞ at fixed depth.

    Functions of s: `pdf`, `cdf`, `ppf`, `rvs`; of ln s, which deep networks need: `pdf_log`, `cdf_log`, `ppf_log`.  The
    density belongs to the continuous part: together with the masses of `atoms` it integrates to one.

    Attributes
    ----------
    q : variance of the pre-activations, one per layer.
    status : how the law is known: "asymptotic", exact as the width grows at fixed depth.
    assumptions : what it holds under.
    outlier_log : residual networks whose stream adds up coherently (E φ'(h) h ≠ 0, as for ReLU): one singular value
        lies above the support, where the law has no mass; a lower bound of its ln s (the growth of the best vector of
        the span of x_0 and (1, ..., 1)).  None where none is known to.
    """

    law: Law
    q: tuple[float, ...]
    status: str
    assumptions: tuple[str, ...]
    outlier_log: float | None = None

    def __repr__(self) -> str:
        span = f"{min(self.q):.4g}" if len(set(self.q)) == 1 else f"{min(self.q):.4g}..{max(self.q):.4g}"
        return f"Spectrum(depth={len(self.q)}, q={span}, log_mean_square={self.log_mean_square:.6g})"

    @property
    def log_mean_square(self) -> float:
        """Return ln E s²."""
        return self.law.log_mean

    @property
    def mean_square(self) -> float:
        """Return E s² = ∏ χ_l, the mean eigenvalue of J Jᵀ; inf where it exceeds the range of doubles."""
        return _exp(self.law.log_mean)

    @property
    def var_square(self) -> float:
        """Return Var s², the variance of the eigenvalues of J Jᵀ; inf where it exceeds the range of doubles."""
        variance = self.law.relative_variance
        return _exp(2 * self.law.log_mean + float(np.log(variance))) if variance > 0 else 0.0

    @property
    def relative_var_square(self) -> float:
        """Return Var s²/(E s²)², which stays finite where `var_square` does not."""
        return self.law.relative_variance

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (location s, probability) of every atom, ascending; dead directions are the atom at 0."""
        return tuple((_exp(x / 2), mass) for x, mass in self.law.atoms)

    @property
    def atoms_log(self) -> tuple[tuple[float, float], ...]:
        """Return (ln s, probability) of every atom."""
        return tuple((x / 2, mass) for x, mass in self.law.atoms)

    def support_log(self) -> tuple[float, float]:
        """Return the smallest interval of ln s that holds all the mass but the atom at zero and what is not resolved.

        That is a probability of 1e-17 in tails of φ'², of about 1e-9 next to a zero of φ'.
        """
        low, high = self.law.support
        return (low / 2 if self.unresolved == 0 else -np.inf), high / 2

    @property
    def unresolved(self) -> float:
        """Return the probability of singular values s > 0 that are too small beside the rest to be followed.

        Their quantiles are given as s = 0, which is no atom: ln s lies thousands of decades below the others.
        """
        return self.law.unresolved

    @cached_property
    def _floor(self) -> float:
        return self._zero + self.law.unresolved

    @cached_property
    def _zero(self) -> float:
        return sum(mass for x, mass in self.law.atoms if x == -np.inf)

    def pdf_log(self, log_s: Any) -> Array:
        """Return the density of ln s at ln s, any shape."""
        return self._at(log_s)[0]

    def cdf_log(self, log_s: Any) -> Array:
        """Return Prob(ln S ≤ ln s), atoms included, any shape."""
        return self._at(log_s)[1]

    def ppf_log(self, probability: Any) -> Array:
        """Return the quantile of ln s: −inf up to the atom at zero and what is `unresolved`.

        Raises InputError for a probability outside [0, 1].
        """
        p = numbers("probability", probability)
        if not np.all((p >= 0) & (p <= 1)):
            bad = p[~((p >= 0) & (p <= 1))].flat[0]
            raise InputError(f"probability {bad}", "a number from 0 to 1", "pass one")
        out = np.full(p.shape, -np.inf)
        inside = (p > self._floor) & (p < 1)
        if inside.any():  # rounding of 1e-12 in the probability must not leave the support
            out[inside] = np.clip(self.law.at_probability(1 - p[inside]) / 2, *self.support_log())
        out[p == 1] = self.support_log()[1]
        if self._floor == 0:
            out[p == 0] = self.support_log()[0]
        return out

    def pdf(self, s: Any) -> Array:
        """Return the density of s at s > 0, any shape; 0 elsewhere."""
        s = numbers("s", s)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(s > 0, self.pdf_log(np.log(np.maximum(s, 0.0))) / s, 0.0)

    def cdf(self, s: Any) -> Array:
        """Return Prob(S ≤ s), atoms included, any shape."""
        s = numbers("s", s)
        with np.errstate(divide="ignore"):
            return np.where(s >= 0, self.cdf_log(np.log(np.maximum(s, 0.0))), 0.0)

    def ppf(self, probability: Any) -> Array:
        """Return the quantile of s; inf where it exceeds the range of doubles (see `ppf_log`)."""
        with np.errstate(over="ignore"):
            return np.exp(self.ppf_log(probability))

    def rvs_log(self, size: Any = None, random_state: int | np.random.Generator | None = None) -> Array:
        """Return independent draws of ln s; −inf where s = 0.

        More draws than 4096 interpolate as many exact quantiles between the atoms, monotonely.
        """
        rng = generator(random_state)
        p = rng.random(shape_of(size))
        flat = np.atleast_1d(p).ravel()
        if flat.size <= _EXACT_DRAWS:
            return self.ppf_log(flat).reshape(np.shape(p))
        return self._interpolated(flat).reshape(np.shape(p))

    def rvs(self, size: Any = None, random_state: int | np.random.Generator | None = None) -> Array:
        """Return independent draws of s (see `rvs_log`)."""
        with np.errstate(over="ignore"):
            return np.exp(self.rvs_log(size, random_state))

    def _interpolated(self, p: Array) -> Array:
        out = np.full(p.shape, -np.inf)
        inside = p > self._floor
        # Equal steps of a logit: tails as well resolved as the bulk.
        ends = max(1 - float(p.max()), 1e-16), float(p[inside].min()) - self._floor if inside.any() else 0.5
        width = 1 - self._floor
        t = np.linspace(np.log(max(ends[1], 1e-16) / width) - 0.1, -np.log(ends[0] / width) + 0.1, _EXACT_DRAWS)
        grid = self._floor + width / (1 + np.exp(-t))
        value = np.maximum.accumulate(self.ppf_log(np.clip(grid, np.nextafter(self._floor, 1), np.nextafter(1.0, 0))))
        u = (p[inside] - self._floor) / width
        out[inside] = PchipInterpolator(t, value)(np.log(u) - np.log1p(-u))
        return out

    def _at(self, log_s: Any) -> tuple[Array, Array]:
        y = numbers("log_s", log_s)
        if np.isnan(y).any():
            raise InputError("ln s", "numbers", "drop it", got="nan")
        density, cdf = np.zeros(y.shape), np.where(y > 0, 1.0, self._zero)
        finite = np.isfinite(y)
        if finite.any():
            f, above = self.law.at_value(2 * y[finite])
            density[finite], cdf[finite] = 2 * f, 1 - above
        return density, cdf


def spectrum(network: Network, q: ArrayLike | Literal["profile", "stationary"] = "profile") -> Spectrum:
    """Return the law of the singular values of the Jacobian J = ∂x_L/∂x_0 at this depth, width → ∞.

    Parameters
    ----------
    network : numbers everywhere; widths may differ (N_l → ∞ in these proportions) and there may be skip connections,
        then J = ∏ (I + a D_l W_l) or ∏ (I + a W'_l D_l W_l).  With weights that are not Gaussian or orthogonal the law
        is that of Gaussian ones (universality).
    q : variance of the pre-activations: "profile", q_l of every layer from ‖x_0‖² = N_0; "stationary", the value that
        q_l tends to from there; a number; or one number per layer, e.g. measured ones (`q` of ``vg.simulate`` or of
        ``vg.inspect``).

    Raises
    ------
    NoSolutionError : "stationary" where q_l tends to 0 or diverges.
    UnsupportedError : normalisation or dropout; an activation whose slope is zero wherever it exists; a spectrum that
        could not be followed to its lower end.

    Notes
    -----
    The eigenvalues of J Jᵀ have the free multiplicative convolution of the laws of the layers (Pennington et al.
    (2017)).  With one law of D² it is an explicit curve (`kernels.spectral_curve`); otherwise a path of Newton
    solutions (`kernels.spectral_path`) over at most 20 laws that stand for all layers of one shape.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = spectrum(Network("relu", Weights.he(), width=500, depth=10))
    >>> law.atoms
    ((0.0, 0.5),)
    >>> round(law.mean_square, 12), round(law.relative_var_square, 12)
    (1.0, 20.0)
    >>> residual = spectrum(Network("tanh", Weights.gaussian(1.0), width=500, depth=50, skip=0.15))
    >>> low, high = residual.support_log()
    >>> round(low, 2), round(high, 2)
    (-1.03, 1.02)
    """
    _require_supported(network)
    assumptions = ["width → ∞ at fixed depth", "pre-activations normal, independent between units"]
    if network.weights.acts_by_variance:
        assumptions.append("the law of the weights' entries enters through its variance only (universality)")
    apart = None
    if network.skip is not None:
        log_q = _residual_lengths(network, q)
        law: Law = Product(()) if is_trivial(network) else residual_product(network, log_q)
        apart = outlier(network, law) if isinstance(law, Product) and law.parts else None
    else:
        ensemble: Ensemble = "orthogonal" if network.weights.family == "orthogonal" else "gaussian"
        log_q = _log_lengths(network, q)
        if len(set(network.widths)) > 1:
            law = rectangular_law(network, log_q, ensemble)
        elif float(np.ptp(log_q)) < _CONSTANT:
            law = one_law(network.activation, float(np.exp(log_q[-1])), len(log_q), ensemble, _log_variance(network))
        else:
            law = profile_product(network.activation, log_q, ensemble, _log_variance(network))
    if isinstance(law, Product):
        _ = law.bands  # what cannot be followed is refused here, not at the first question
    return Spectrum(law, _lengths(log_q), "asymptotic", tuple(assumptions), apart)


def residual_limit(network: Network, q: ArrayLike | Literal["profile"] = "profile") -> Spectrum:
    """Return the law that `spectrum` of a residual network tends to as depth → ∞ at fixed c = a² σ_w² Σ_l E φ'(h_l)².

    A closed form, free multiplicative Brownian motion, the same for Gaussian and orthogonal weights; at depth L it is
    off by about c/L: use `spectrum` below some 50 layers.

    Raises InputError for a network without skip connections, else as `spectrum` does.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = residual_limit(Network("relu", Weights.he(), width=500, depth=1000, skip="1/sqrt(depth)"))
    >>> round(law.log_mean_square, 12), round(float(law.ppf(0.5)), 12)
    (1.0, 1.0)
    """
    _require_supported(network)
    if network.skip is None:
        raise InputError("a network without skip connections", "one with skip=", 'e.g. skip="1/sqrt(depth)"')
    log_q = _residual_lengths(network, q)
    law: Law = Product(()) if is_trivial(network) else ResidualLimit(limit_strength(network, log_q))
    assumptions = ("width → ∞, then depth → ∞ at fixed c", "pre-activations normal, independent between units")
    return Spectrum(law, _lengths(log_q), "asymptotic", assumptions)


def _residual_lengths(network: Network, q: Any) -> Array:
    depth = int(network.depth)
    if isinstance(q, str):
        if q == "stationary":
            raise NoSolutionError("q of a residual network grows from layer to layer; use q='profile' or numbers")
        if q != "profile":
            _number(q)
        if network.activation.homogeneous_degree == 1:
            return np.zeros(depth)
        return np.log(architecture_profile(network).q)
    return _measured(q, depth) if np.ndim(q) > 0 else np.full(depth, np.log(_number(q)))


def layer_laws(network: Network, q: Any) -> tuple[tuple[SlopeLaw, ...], tuple[float, ...], Ensemble, float, Array]:
    """Return (laws of φ'(h)², how many layers each stands for, ensemble, ln σ_w², ln q_l) of layers of one width.

    Raises errors as `spectrum` does.
    """
    _require_supported(network)
    ensemble: Ensemble = "orthogonal" if network.weights.family == "orthogonal" else "gaussian"
    log_q = _log_lengths(network, q)
    parts = factors(network.activation, log_q, ensemble, _log_variance(network))
    return tuple(f.law for f in parts), tuple(f.count for f in parts), ensemble, _log_variance(network), log_q


def _log_lengths(network: Network, q: Any) -> Array:
    depth = int(network.depth)
    if isinstance(q, str) and q in ("profile", "stationary") and network.activation.homogeneous_degree == 1:
        return np.zeros(depth)  # φ' does not depend on the scale of h: any q gives the same law
    if isinstance(q, str) and q == "profile":
        return log_length_profile(network)
    if np.ndim(q) > 0:
        return _measured(q, depth)
    value = _stationary(network) if isinstance(q, str) and q == "stationary" else _number(q)
    return np.full(depth, np.log(value))


def _measured(q: Any, depth: int) -> Array:
    values = np.asarray(q, dtype=float)
    if values.shape != (depth,) or not (np.isfinite(values) & (values > 0)).all():
        shown = f"q of shape {values.shape}" if values.shape != (depth,) else f"q = {values[~(values > 0)][:1]}"
        raise InputError(shown, f"{depth} positive numbers, q_1 to q_L", "e.g. study.q.mean('sample')")
    return np.log(values)


def one_law(activation: Activation, q: float, depth: int, ensemble: Ensemble, log_variance: float) -> Law:
    """Return the law of x = s² where every layer has pre-activations of variance q.

    Up to three orthogonal layers the curve comes close to the law's own axis, which takes finer panels.
    """
    if ensemble == "orthogonal" and depth == 1:
        return OneLayer(activation, q, log_variance)
    fine = ensemble == "orthogonal" and depth <= 3
    law = slope_law(activation, q, WIDTH / 2) if fine else slope_law(activation, q)
    return Curve(law, depth, ensemble, log_variance)


def _require_supported(network: Network) -> None:
    require(network, "spectrum")
    if any(sigma_w == 0 for sigma_w, _ in network.sigmas):
        raise InputError("sigma_w", "a positive number", "J is zero; give sigma_w > 0", got="0")


def _log_variance(network: Network) -> float:
    return 2 * float(np.log(network.sigmas[0][0]))


def _number(q: Any) -> float:
    try:
        value = float(q)
    except (TypeError, ValueError):
        value = np.nan
    if not (np.isfinite(value) and value > 0):
        raise InputError("q", "'profile', 'stationary' or a positive number", "e.g. q=0.7", got=f"{q!r}")
    return value


def _stationary(network: Network) -> float:
    if len(set(network.sigmas)) > 1:
        raise NoSolutionError("layers of different scales have no stationary variance; use q='profile' or numbers")
    sigma_w, sigma_b = network.sigmas[0]
    value = length_limit(network.activation, sigma_w, sigma_b)
    if value == 0 or not np.isfinite(value):
        tends = "tends to 0" if value == 0 else "diverges"
        raise NoSolutionError(
            f"q_l {tends} at sigma_w = {sigma_w:.6g}, sigma_b = {sigma_b:.6g}, so there is no stationary law; "
            "give q as a number or change the scales"
        )
    return value


def _lengths(log_q: Array) -> tuple[float, ...]:
    """Return q_l; inf where it exceeds the range of doubles."""
    with np.errstate(over="ignore", under="ignore"):
        return tuple(np.exp(log_q).tolist())


def _exp(value: float) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(np.exp(value))
