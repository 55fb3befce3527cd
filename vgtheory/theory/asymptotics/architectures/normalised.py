"""Mean and variance of ln‖δ_l‖² at order 1/N in networks with layer or RMS normalisation and no skip connections.

Before the activation, u = norm(h_l) is uniform on the sphere ‖u‖² = N (layer norm: orthogonal to the ones), whatever
the length of h_l; means over neurons are those of normal variables conditioned on z² (and z) averaging to 1 (and 0),
as with orthogonal weights.  Backward, b = φ'(u) ∘ g_l loses its part along u (and the ones) and is divided by ‖h_l‖/√N:

    ln‖δ_l‖² = ln‖δ_{l+1}‖² + ln σ_w² E φ'² + η_l − ln V_l − ln Z_l,    Z = mean z².

So ln‖δ_l‖² answers to ln V_l with −1, V_l is known from layer l − 1 alone, and δ_l is orthogonal to h_l: g_{l−1} has no
part along x_{l−1} at all.  After the activation, n = norm(φ(h_l)) has ‖n‖² = N: every V_l is what it is at infinite
width, and the gradient loses its part along n (and the ones):

    ln‖δ_l‖² = ln‖δ_{l+1}‖² + ln σ_w² E φ'² + η_l − ln mean φ²            (layer norm: of φ less its mean).

eps is in the infinitely wide part only; in the terms of order 1/N it is neglected.
"""

from typing import NamedTuple

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.architectures.profile import profile
from vgtheory.theory.asymptotics.architectures.unit_moments import unit_moments
from vgtheory.theory.asymptotics.finite_width import FiniteWidth, doubts, gains, layer_moments, skewness
from vgtheory.theory.asymptotics.moments import table_of

EPS_LIMIT = 0.01  # eps over the variance that is normalised: beyond, the neglected part is no smaller than other errors


class _Terms(NamedTuple):
    """Terms of layers 1..L, each of shape (L,): per layer mean and variance in ln‖δ_l‖², length, and alignment.

    drift, noise : N times what a layer adds to mean and variance, the answer to V_l apart.
    answer : of ln‖δ_l‖² to ln V_l.
    with_length, length_noise, length_bias : N times covariance, variance and bias that a layer gives to ln V_{l+1}.
    slope_noise : N times the variance of η alone.
    alignment : w_l.
    """

    drift: Array
    noise: Array
    answer: Array
    with_length: Array
    length_noise: Array
    length_bias: Array
    slope_noise: Array
    alignment: Array


def normalised_finite_width(network: Network) -> FiniteWidth:
    """Return mean and variance of ln‖δ_l‖² and ln‖∂ℓ/∂W_l‖_F² to order 1/N; Gaussian weights.

    Raises UnsupportedError for an eps that matters.
    """
    norm = network.norm
    assert norm is not None
    found = profile(network)
    sigma_w, sigma_b = np.array(network.sigmas).T
    weights = sigma_w**2 * np.append(1.0, found.square[:-1])
    share = weights / (weights + sigma_b**2)  # no difference, which would be 0 beside a large bias
    before = norm.place == "before"
    log_v = np.log(found.q)
    terms = (_before if before else _after)(network, log_v, share, norm.kind == "layer")
    own, below = (np.array(part, dtype=float) for part in (network.widths[1:], network.widths[:-1]))
    _require_small_eps(float(norm.eps), found.q if before else np.exp(layer_moments(network, log_v).log_square))
    v = np.append(0.0, terms.length_noise[:-1] / own[:-1])
    m = np.append(0.0, terms.length_bias[:-1] / own[:-1])
    ahead = np.append(terms.answer[1:], 0.0)
    noise = (terms.noise + 2 * ahead * terms.with_length + ahead**2 * terms.length_noise) / own
    rho = np.cumsum(noise[::-1])[::-1]
    drift = terms.drift / own + terms.answer * (m - v / 2)
    mean = found.log_gradient + np.cumsum(drift[::-1])[::-1]
    relative, root = 1 / share, np.sqrt(v)  # of ln‖x_{l−1}‖² to ln V_l
    log_input = np.log(below * np.append(1.0, found.square[:-1])) + relative * m - (relative * root) ** 2 / 2
    zero = np.zeros_like(v)
    spread, skew = terms.slope_noise / own, skewness(layer_moments(network, zero if before else log_v)) / own
    return FiniteWidth(
        log_q=log_v,
        log_chi=gains(found.log_gradient),
        wide_mean=found.log_gradient,
        mean=mean,
        variance=terms.answer**2 * v + rho,
        weight_mean=mean + log_input,
        weight_variance=((terms.answer + relative) * root) ** 2 + rho,
        length_bias=m,
        length_variance=v,
        alignment=terms.alignment,
        alignment_weight=zero,
        length_response=terms.answer,
        noise=spread,
        next_order=skew,
        length_shift=zero,
        warnings=doubts(v, zero, zero, spread, skew),
    )


def _require_small_eps(eps: float, variance: Array) -> None:
    if eps > EPS_LIMIT * float(variance.min()):
        raise UnsupportedError(
            f"fluctuations with eps = {eps:g} where the normalised variance is {float(variance.min()):.3g}; "
            f"known for eps up to {EPS_LIMIT:g} of it"
        )


def _before(network: Network, log_v: Array, share: Array, centred: bool) -> _Terms:
    """φ(norm(h)): moments at q = 1, conditioned on the mean of z², of layer norm on that of z too."""
    one = np.zeros_like(log_v)
    m, u = layer_moments(network, one), unit_moments(table_of(network.activation), one)
    keep = 1 - network.drop_rate
    square, slope = np.exp(m.log_square), np.exp(m.log_slope_square)
    inner = np.append(np.ones(len(one) - 1), 0.0)  # whose gradient comes through a matrix
    following = inner * np.append(share[1:], 0.0)
    e1, a = m.elasticity, m.slope_elasticity
    length = m.fourth - 1 - 2 * e1**2
    both = m.cross - 1 - 2 * e1 * a
    eta = 3 * m.slope_fourth - 1 - 2 * (1 - inner) - 2 * a**2
    lost = 1 + 2 * a - following * e1**2 * square / slope  # N E cos² of the angle between u and b
    if centred:
        by_square, by_slope = u.square_tilt / keep / square, u.slope_tilt / keep / slope
        length, both, eta = length - by_square**2, both - by_square * by_slope, eta - by_slope**2
        lost = lost + 1 - following * (u.value_slope / keep) ** 2 / (square * slope)
    drift = -m.slope_curvature - following * m.cross - eta / 2 + 1 + centred - lost
    return _Terms(
        drift, eta + 2, -np.ones_like(one), following * both, following**2 * length, -following * m.curvature, eta,
        -np.ones_like(one),
    )  # fmt: skip


def _after(network: Network, log_v: Array, share: Array, centred: bool) -> _Terms:
    """norm(φ(h)) at V_l, which does not fluctuate."""
    del share
    m, u = layer_moments(network, log_v), unit_moments(table_of(network.activation), log_v)
    square, slope = np.exp(m.log_square), np.exp(m.log_slope_square)
    inner = np.append(np.ones(len(log_v) - 1), 0.0)
    fourth, cross, along = m.fourth, m.cross, m.elasticity * square
    tilt = np.zeros_like(square)
    if centred:
        mean = u.mean
        variance = square - mean**2
        fourth = (fourth * square**2 - 4 * mean * u.third + 6 * mean**2 * square - 3 * mean**4) / variance**2
        cross = (cross * square - 2 * mean * u.value_slope_square / slope + mean**2) / variance
        along, tilt = along - 2 * mean * u.mean_response, 2 * u.mean_response
        square = variance
    eta = 3 * m.slope_fourth - 1 - 2 * (1 - inner)
    drift = -eta / 2 - cross + (fourth - 1) / 2  # of layer norm, −1 for the ones and +1 for the variance cancel
    alignment = 2 * m.slope_elasticity - (along**2 / square + tilt**2) / (slope * np.exp(log_v))
    none = np.zeros_like(log_v)
    return _Terms(drift, eta + fourth - 1 - 2 * (cross - 1), none, none, none, none, eta, alignment)
