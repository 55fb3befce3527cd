"""The infinitely wide network: how length, gradient and correlation pass from layer to layer (numbers, not formulas).

Every function takes an activation (an Activation, a catalogue name or a formula) and plain numbers.
"""

from math import exp, isfinite, log, log1p
from typing import Any

import numpy as np

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError, shown
from vgtheory.kernels.close_pairs import close_means
from vgtheory.kernels.quadrature import Array, UnresolvedError, bivariate_means
from vgtheory.model.network import Network
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian import gradient_gain, length_map
from vgtheory.theory.asymptotics.moments import table_of

_LENGTHS = np.geomspace(1e-6, 1e6, 97)


def next_length(act: Any, q: Any, sigma_w: float, sigma_b: float = 0.0) -> Array:
    """Return F(q) = σ_w² E φ(√q z)² + σ_b², the variance one layer on.

    Parameters
    ----------
    q : variances, any shape, positive.

    Notes
    -----
    Poole et al. (2016), eq. 3; relative error about 1e-14.

    Examples
    --------
    >>> float(next_length("relu", 3.0, 2**0.5).round(12))
    3.0
    """
    q = np.asarray(q, dtype=float)
    try:
        square = np.exp(table_of(act).direct(np.log(q.ravel())).log_square)
    except UnsupportedError as problem:
        square = _closed(length_map(act), q, problem)
    return (sigma_w**2 * square + sigma_b**2).reshape(q.shape)


def gradient_gain_at(act: Any, q: Any, sigma_w: float) -> Array:
    """Return χ(q) = σ_w² E φ'(√q z)², by which a layer multiplies the squared gradient norm, for q of any shape.

    Schoenholz et al. (2017), eq. 10.
    """
    q = np.asarray(q, dtype=float)
    try:
        square = np.exp(table_of(act).direct(np.log(q.ravel())).log_slope_square)
    except UnsupportedError as problem:
        square = _closed(gradient_gain(act), q, problem)
    return (sigma_w**2 * square).reshape(q.shape)


def best_gain(act: Any) -> tuple[float, float]:
    """Return the largest E φ'(√q z)² among 97 variances q from 1e-6 to 1e6, and the q that has it."""
    possible = gradient_gain_at(act, _LENGTHS, 1.0)
    return float(possible.max()), float(_LENGTHS[possible.argmax()])


def _closed(mean: Formula, q: Array, problem: UnsupportedError) -> Array:
    """Return a Gaussian mean from its closed form where quadrature has a problem; raise that without a closed form."""
    if mean.status != "proved":
        raise problem
    return np.array([float(mean.at(q=float(v)).value()) for v in q.ravel()])


def relaxation_depth(slope: float) -> float:
    """Return ξ = −1/ln|slope|: deviations shrink like e^{−l/ξ}; inf at slope 1, negative where they grow."""
    return inverse_rate(float(np.log(abs(slope)))) if slope else 0.0


def inverse_rate(log_slope: float) -> float:
    """Return −1/log_slope, the depth over which what a layer multiplies by e^log_slope shrinks e-fold; inf at 0."""
    return float(np.inf) if abs(log_slope) <= 1e-12 else -1 / log_slope


def correlation_step(act: Any, q: float, c: float, sigma_w: float, sigma_b: float = 0.0) -> tuple[float, float]:
    """Return C(c) = (σ_w² E[φ(u)φ(v)] + σ_b²)/F(q) and C'(c) = q σ_w² E[φ'(u)φ'(v)]/F(q), u, v of variance q.

    At a fixed point of q the slope is χ_c = σ_w² E[φ'(u)φ'(v)] (Poole et al. (2016), eqs. 5 and 8).

    Parameters
    ----------
    c : correlation of two inputs' pre-activations, −1 ≤ c ≤ 1; c → ±1 costs no accuracy.
    """
    if not -1 <= c <= 1:
        raise InputError("c", "a correlation from -1 to 1", "give one", got=shown(c))
    table = table_of(act)
    try:
        if 0 <= c < 1:
            value, slope = close_means(table.values, q, float(np.arccos(c)), table.grid)[1]
        else:
            value, slope = bivariate_means(table.values, (q, q), c, table.grid)
    except UnresolvedError as problem:
        raise UnsupportedError(f"correlation map at q = {q:.6g}: {problem}; use smaller sigma_w or sigma_b") from None
    ahead = float(next_length(act, q, sigma_w, sigma_b))
    return (sigma_w**2 * value + sigma_b**2) / ahead, sigma_w**2 * slope * q / ahead


def log_length_profile(network: Network) -> Array:
    """Return ln q_1..ln q_L of the infinitely wide network, shape (L,), for an input with ‖x_0‖² = N_0.

    q_1 = σ_w² + σ_b², q_{l+1} = σ_w² E φ(√q_l z)²/(1 − p) + σ_b² with layer l + 1's scales and the rate p of dropout.
    In logarithms, so that q may leave the range of doubles.  Raises NoSolutionError where q_l diverges.
    """
    assert network.skip is None and network.norm is None, "other parts have a profile of their own"  # noqa: PT018
    table = table_of(network.activation)
    sigmas, lost = network.sigmas, log1p(-network.drop_rate)
    changes = [k for k in range(1, len(sigmas)) if sigmas[k] != sigmas[k - 1]]
    settled = changes[-1] if changes else 0  # from here on every layer has the same scales
    out = np.empty(len(sigmas))
    now = 0.0
    for k, (sigma_w, sigma_b) in enumerate(sigmas):
        if sigma_w == 0:
            raise InputError(
                "sigma_w", "a positive number", "no gradient passes such a layer", got=f"0 in layer {k + 1}"
            )
        before, weights = now, 2 * log(sigma_w) + (table.log_square(now) - lost if k else 0.0)
        now = weights if sigma_b == 0 else _log_sum(weights, 2 * log(sigma_b))
        if not isfinite(now):
            raise NoSolutionError(f"the variance of pre-activations diverges at layer {k + 1}; use a smaller sigma_w")
        out[k] = now
        if k > settled and now == before:
            out[k:] = now
            break
    return out


def _log_sum(a: float, b: float) -> float:
    return max(a, b) + log1p(exp(-abs(a - b)))
