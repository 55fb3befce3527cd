"""`lyapunov`: what q_l tends to decides the law of the exponents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vgtheory._errors import InputError, NoSolutionError
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.spectra.curve import Ensemble
from vgtheory.spectra.lengths import one_variance
from vgtheory.spectra.limiting_law import limiting_law
from vgtheory.spectra.lyapunov.limit import Lyapunov
from vgtheory.spectra.slope_law import SlopeLaw, slope_law
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.fixed_points import length_limit
from vgtheory.theory.asymptotics.mean_field import log_length_profile

_SETTLED = 1e-12  # |ln q_l − ln q*| from which on a layer is stationary
_SMALL = -35.0  # ln q below which φ' is its limit at 0


def lyapunov(network: Network, q: Any = "stationary") -> Lyapunov:
    """Return the law of ln s/L, s a singular value of J, width → ∞ and then depth → ∞.

    Parameters
    ----------
    network : one width, one law of the weights in all layers; dropout is allowed.
    q : variance of the pre-activations: "stationary", what q_l tends to from ‖x_0‖² = N_0; "profile", the same limit,
        with the layers before it taken into account by ``log_singular_value``; or a number.  Where q_l tends to 0 the
        slopes at 0 decide, where it diverges those at ±∞; for positively homogeneous activations q does not matter.

    Raises
    ------
    InputError : another q.
    NoSolutionError : q_l keeps moving, or it tends to 0 or diverges where φ' has no limit, so that λ = ∓∞.
    UnsupportedError : skip connections or normalisation, unequal layers, weights that depend on each other, or a slope
        that is zero wherever it exists.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = lyapunov(Network("relu", Weights.he(), width=500, depth=10))
    >>> abs(round(law.top, 12)), law.zero_mass
    (0.0, 0.5)
    >>> law.at_width(500).value[[0, 9]].round(6)
    array([-0.002508, -0.020954])
    """
    _require_supported(network)
    act, sigma_w = network.activation, network.sigmas[0][0]
    where, said = _variance(network, q)
    limiting = where == 0 or np.isinf(where)
    law = _levels(act, where) if limiting else slope_law(act, where)
    constant = not limiting and law.zero_mass == 0 and len(law.log_nodes) == 1
    family = network.weights.family
    masked = network.weights.is_isotropic and (constant or act.homogeneous_degree == 1)
    ensemble: Ensemble = "orthogonal" if family == "orthogonal" else "gaussian"
    early = _early(network, where) if isinstance(q, str) and q == "profile" else ()
    return Lyapunov(_thinned(law, network.drop_rate), ensemble, sigma_w, family, where, said, masked, act, early)


def _require_supported(network: Network) -> None:
    require(network, "lyapunov")
    if not network.activation.is_numeric:
        raise InputError(f"activation {network.activation.name} with symbolic parameters", "numbers", "give values")


def _variance(network: Network, q: Any) -> tuple[float, tuple[str, ...]]:
    """Return what q_l tends to, 0 and inf included, and the assumptions of the law."""
    said = ["width → ∞, then depth → ∞", "pre-activations normal, independent between units"]
    if network.weights.acts_by_variance:
        said.append("the distribution of the weights' entries enters through its variance only (universality)")
    if not isinstance(q, str):
        return one_variance(q), tuple(said)
    if q not in ("stationary", "profile"):
        raise InputError("q", "'stationary', 'profile' or a positive number", "e.g. q=0.7", got=f"{q!r}")
    if network.activation.homogeneous_degree == 1:
        return 1.0, tuple(said)
    (sigma_w, sigma_b), keep = network.sigmas[0], 1 - network.drop_rate
    goal = length_limit(network.activation, sigma_w / np.sqrt(keep), sigma_b, sigma_w**2 + sigma_b**2)
    if goal == 0 or np.isinf(goal):
        where, place = ("tends to 0", "at 0") if goal == 0 else ("diverges", "far out")
        said.append(f"q_l {where} at sigma_w = {sigma_w:.6g}, sigma_b = {sigma_b:.6g}: the slopes {place} decide")
    return goal, tuple(said)


def _early(network: Network, where: float) -> tuple[float, ...]:
    """Return ln q_l of the layers before q_l has settled."""
    if network.dropout is not None or np.isinf(where) or network.activation.homogeneous_degree == 1:
        return ()
    log_q = log_length_profile(network)
    moving = np.flatnonzero(log_q > _SMALL if where == 0 else np.abs(log_q - np.log(where)) > _SETTLED)
    return tuple(log_q[: moving[-1] + 1].tolist()) if len(moving) else ()


def _levels(activation: Activation, q: float) -> SlopeLaw:
    """Return the law of d² where q_l tends to 0 or diverges."""
    law = limiting_law(activation, q)
    if law is None:
        place, where = ("0", "tends to 0") if q == 0 else ("±∞", "diverges")
        raise NoSolutionError(
            f"q_l {where} and φ' of {activation.name} has no limit at {place} but 0 or ∞, so ln s/L has no finite "
            "limit; give q as a number or change the scales"
        )
    return law


def _thinned(law: SlopeLaw, rate: float) -> SlopeLaw:
    """Return the law of d² with dropout: 0 with probability p, else divided by (1 − p)²."""
    if rate == 0:
        return law
    shift = -2 * float(np.log1p(-rate))
    return replace(
        law,
        log_nodes=law.log_nodes + shift,
        weights=law.weights * (1 - rate),
        zero_mass=rate + (1 - rate) * law.zero_mass,
        dark=(1 - rate) * law.dark,
        atoms=tuple((level + shift, mass * (1 - rate)) for level, mass in law.atoms),
        intervals=tuple((low + shift, high + shift) for low, high in law.intervals),
    )
