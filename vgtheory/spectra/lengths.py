"""The variances q_l of the pre-activations under which a spectrum is asked for: of the theory, or as given."""

from __future__ import annotations

from typing import Any

import numpy as np

from vgtheory._errors import InputError, NoSolutionError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.architectures.profile import profile as architecture_profile
from vgtheory.theory.asymptotics.fixed_points import length_limit
from vgtheory.theory.asymptotics.mean_field import log_length_profile


def log_lengths(network: Network, q: Any) -> Array:
    """Return ln q_l of every layer of a network without skip connections; errors and `q` as of `spectrum`."""
    depth = int(network.depth)
    if isinstance(q, str) and q in ("profile", "stationary") and network.activation.homogeneous_degree == 1:
        return np.zeros(depth)  # φ' does not depend on the scale of h: any q gives the same law
    if isinstance(q, str) and q == "profile":
        return log_length_profile(network)
    if np.ndim(q) > 0:
        return _measured(q, depth)
    value = _stationary(network) if isinstance(q, str) and q == "stationary" else one_variance(q)
    return np.full(depth, np.log(value))


def _measured(q: Any, depth: int) -> Array:
    values = np.asarray(q, dtype=float)
    if values.shape != (depth,) or not (np.isfinite(values) & (values > 0)).all():
        shown = f"q of shape {values.shape}" if values.shape != (depth,) else f"q = {values[~(values > 0)][:1]}"
        raise InputError(shown, f"{depth} positive numbers, q_1 to q_L", "e.g. study.q.mean('sample')")
    return np.log(values)


def residual_lengths(network: Network, q: Any) -> Array:
    """Return ln q_l of every block of a residual network; errors and `q` as of `spectrum`."""
    depth = int(network.depth)
    if isinstance(q, str):
        if q == "stationary":
            raise NoSolutionError("q of a residual network grows from layer to layer; use q='profile' or numbers")
        if q != "profile":
            one_variance(q)
        if network.activation.homogeneous_degree == 1:
            return np.zeros(depth)
        return np.log(architecture_profile(network).q)
    return _measured(q, depth) if np.ndim(q) > 0 else np.full(depth, np.log(one_variance(q)))


def lengths_of(log_q: Array) -> tuple[float, ...]:
    """Return q_l; inf where it exceeds the range of doubles."""
    with np.errstate(over="ignore", under="ignore"):
        return tuple(np.exp(log_q).tolist())


def one_variance(q: Any) -> float:
    """Return a variance that was given as one number, finite and positive."""
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
