"""Joint statistics over layers, to order 1/N: covariances of log gradient norms and of lengths; forward tangents."""

from dataclasses import dataclass

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.finite_width import (
    FiniteWidth,
    LayerCoefficients,
    finite_width,
    haar_dimensions,
    layer_coefficients,
)

MOST_LAYERS = 4000  # L² numbers
QUANTITIES = ("log_gradient_norm", "log_weight_gradient_norm", "q")


@dataclass(frozen=True)
class TangentNorms:
    """Mean and variance, shape (L,), of ln‖t_l‖² for t_l = φ'(h_l)∘W_l t_{l−1}, t_0 uniform on the unit sphere.

    alignment : u_l; E(x̂_l·t̂_l)² = u_l/N_l for the unit vectors of x_l and t_l, l = 0..L−1.
    """

    mean: Array
    variance: Array
    alignment: Array


def layer_covariance(network: Network) -> dict[str, Array]:
    """Return the covariance between layers, over random networks, of what ``vg.simulate`` samples, to order 1/N.

    By name, each of shape (L, L): "log_gradient_norm" (ln‖∂ℓ/∂h_l‖), "log_weight_gradient_norm" (ln‖∂ℓ/∂W_l‖_F) and
    "q" (‖h_l‖²/N_l).

    Notes
    -----
    With v_l = Var V_l, α_l the response of ln‖δ_l‖² to V_l and π_k = Cov(ln‖δ_l‖² − ln‖δ_k‖², V_k), for l ≤ k::

        Cov(V_l, V_k) = v_l ∏_{j=l}^{k−1} F'_j
        Cov(ln‖δ_l‖², ln‖δ_k‖²) = Var ln‖δ_k‖² + α_k π_k,   π_l = 0,   π_{j+1} = F'_j (π_j + a_j v_j) + c_j/N

    Examples
    --------
    >>> import vgtheory as vg
    >>> c = layer_covariance(vg.Network("tanh", vg.Weights.gaussian(1.5), width=100, depth=5))["log_gradient_norm"]
    >>> bool(c[0, 0] > c[0, 4] > 0)
    True
    """
    require(network, "predict (layer covariance)")
    coefficients, terms = layer_coefficients(network), finite_width(network)
    upper = (part(network, coefficients, terms) for part in (_gradient, _weight_gradient, _length))
    return {name: np.triu(u) + np.triu(u, 1).T for name, u in zip(QUANTITIES, upper, strict=True)}


def _onwards(start: Array, step: Array, source: Array) -> Array:
    """Return y[l, k], k ≥ l, with y[l, l] = start_l and y[l, k + 1] = step_k y[l, k] + source_k."""
    depth = len(start)
    out = np.zeros((depth, depth))
    out[0, 0] = start[0]
    for k in range(1, depth):
        out[:k, k] = step[k - 1] * out[:k, k - 1] + source[k - 1]
        out[k, k] = start[k]
    return out


def _shared(network: Network, k: LayerCoefficients, terms: FiniteWidth) -> tuple[Array, Array, Array]:
    """Return α, π and Cov(V_l, V_k), lengths in units of q."""
    own, zero = np.array(network.widths[1:], dtype=float), np.zeros(len(k.log_q))
    source = k.response * k.slope_response * terms.length_variance + k.covariance / own
    pi = _onwards(zero, k.response, source)
    return terms.length_response, pi, _onwards(terms.length_variance, k.response, zero)


def _gradient(network: Network, k: LayerCoefficients, terms: FiniteWidth) -> Array:
    alpha, pi, _ = _shared(network, k, terms)
    return (terms.variance + alpha * pi) / 4


def _weight_gradient(network: Network, k: LayerCoefficients, terms: FiniteWidth) -> Array:
    alpha, pi, length = _shared(network, k, terms)
    own = 1 / k.weight_share  # response of ln ‖x_{l−1}‖² to ln V_l
    gradient = terms.variance + alpha * pi
    across = own * (pi + alpha * terms.length_variance) + own[:, None] * (alpha * length)
    return (gradient + across + own[:, None] * (own * length)) / 4


def _length(network: Network, k: LayerCoefficients, terms: FiniteWidth) -> Array:
    own = np.array(network.widths[1:], dtype=float)
    fixed = k.weight_share**2 / haar_dimensions(network) if network.weights.family == "orthogonal" else 0.0
    noise = 2 * (1 / own - fixed)  # of ‖h_l‖²/(N V_l)
    out = _onwards(terms.length_variance + noise, k.response, np.zeros(len(own)))
    if 2 * np.max(k.log_q) > np.log(np.finfo(float).max):
        raise UnsupportedError("the squared lengths of h leave the range of float64; reduce the scales or the depth")
    q = np.exp(k.log_q)
    return out * q[:, None] * q


def tangent_norms(network: Network) -> TangentNorms:
    """Return mean and variance of ln‖t_l‖² for forward tangents t_l = φ'(h_l)∘W_l t_{l−1}, to order 1/N.

    ‖t_L‖² and ‖W_1ᵀδ_1‖² have the same law where all widths are equal.  Cost O(L).

    Notes
    -----
    With E(x̂_l·t̂_l)² = u_l/N, u_0 = σ_w²/q_1 and u_l = λ_l u_{l−1} + β_l (gaussian)::

        E ln‖t_l‖² = E ln‖t_{l−1}‖² + ln χ_l + a m + ½(a₂ − a²) v + ω u_{l−1}/N − v_η/(2N)
        Var ln‖t_l‖² = Var ln‖t_{l−1}‖² + 2aπ + a²v + v_η/N,   π_{l+1} = F'(π_l + a v_l) + c/N
    """
    require(network, "predict (tangents)")
    k, terms = layer_coefficients(network), finite_width(network)
    widths = np.array(network.widths, dtype=float)
    own, before = widths[1:], widths[:-1]
    orthogonal = network.weights.family == "orthogonal"
    inverse = 1 / haar_dimensions(network) if orthogonal else np.zeros(len(own))
    noise, spread = k.slope_noise / own, k.rank_one / own
    noise[-1] += 2 / own[-1]  # a tangent is not normalised in the last layer
    if orthogonal:  # the matrix that t_l meets is W_l, the one that δ_l meets W_{l+1}
        behind = np.append(inverse[1:], 1 / own[-1])
        noise += 2 * (behind - inverse)
        noise[-1] -= 2 / own[-1]
        spread += behind
    start = 1.0 if orthogonal else k.weight_share[0]
    square = _recursion(start / before[0], spread - k.alignment_step * inverse, k.alignment_step)
    a, a2, v = k.slope_response, k.slope_curvature, terms.length_variance
    lead = 2 * np.log(np.array(network.sigmas)[:, 0]) + k.log_slope_square + np.log(own / before)
    drift = a * terms.length_bias + (a2 - a * a) * v / 2 + k.alignment_source * (square - inverse)
    drift -= k.weight_share**2 * a2 * inverse + noise / 2
    pi = _recursion(0.0, k.response * a * v + k.covariance / own, k.response)
    return TangentNorms(np.cumsum(lead + drift), np.cumsum(2 * a * pi + a * a * v + noise), square * before)


def _recursion(start: float, source: Array, step: Array) -> Array:
    """Return y with y_1 = start and y_{l+1} = source_l + step_l y_l."""
    out, now = np.empty(len(source)), start
    for layer in range(len(source)):
        out[layer] = now
        now = source[layer] + step[layer] * now
    return out
