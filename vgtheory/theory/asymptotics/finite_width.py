"""Mean and variance of ln‖δ_l‖² in a network of finite width, to first order in 1/N.

Three fluctuations of one layer drive everything: f_l of the conditional variance V_{l+1} (variance v_f/N), η_l of
N⁻¹ Σ φ'(h_i)² ξ_i² (variance v_η/N), and their covariance c/N, because the same h_l enters both.  Every quantity below
is dimensionless (lengths relative to q_l), so that q may leave the range of doubles; widths may differ by layer.
"""

from dataclasses import dataclass

import numpy as np

from vgtheory._errors import NoSolutionError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.mean_field import log_length_profile, table_of
from vgtheory.theory.asymptotics.moments import Moments, thinned

# Where the expansion stops being one: deviations of several per cent from exact simulation begin at these values.
LENGTH_LIMIT = 0.1
ALIGNMENT_LIMIT = 0.02
SLOPE_LIMIT = 0.1
NEXT_ORDER_LIMIT = 0.05


@dataclass(frozen=True)
class LayerCoefficients:
    """Gaussian coefficients of layers 1..L, each an array of shape (L,); index k is layer k + 1.

    Primes are derivatives in q.  Entries that look one layer ahead (response, curvature, length_noise, covariance,
    rank_one, alignment_step) are zero in the last layer, which has no next one.

    Parameters
    ----------
    log_q : ln q_l.
    weight_share : r_l = (q_l − σ_b²)/q_l.
    log_slope_square : ln E φ'².
    log_chi : ln χ_l, χ_l = σ_w² E φ'², with the σ_w of layer l + 1, through which the gradient comes back.
    response : q_l F'/q_{l+1};  curvature : q_l² F''/q_{l+1}.
    length_noise : v_f/q_{l+1}²;  covariance : c/q_{l+1};  slope_noise : v_η.
    slope_next_order : N times the relative size of the order 1/N² in Var ln N⁻¹ Σ φ'(h_i)² ξ_i².
    slope_response : q (ln χ)';  slope_curvature : q² χ''/χ.
    rank_one : β;  alignment_step : λ;  alignment_source : ω.
    """

    log_q: Array
    weight_share: Array
    log_slope_square: Array
    log_chi: Array
    response: Array
    curvature: Array
    length_noise: Array
    covariance: Array
    slope_noise: Array
    slope_next_order: Array
    slope_response: Array
    slope_curvature: Array
    rank_one: Array
    alignment_step: Array
    alignment_source: Array


@dataclass(frozen=True)
class FiniteWidth:
    """Moments over networks, each an array of shape (L,); index k is layer k + 1.

    Parameters
    ----------
    log_q : ln q_l of the infinitely wide network.
    log_chi : ln χ_l.
    wide_mean : ln‖δ_l‖² of the infinitely wide network.
    mean, variance : of ln‖δ_l‖².
    weight_mean, weight_variance : of ln‖∂ℓ/∂W_l‖_F².
    length_bias, length_variance : (E V_l − q_l)/q_l and Var V_l/q_l².
    alignment : w_l; E(ĥ_l·δ̂_l)² = (1 + w_l)/N for the unit vectors of h_l and δ_l.
    alignment_weight : β_l (1 + w_{l+1})/N_l.
    length_response : α_l, the response of ln‖δ_l‖² to ln V_l.
    noise : v_η/N_l, the relative variance that one layer's slopes and weights give to the squared gradient.
    next_order : relative size of the order 1/N² in the variance that a layer's slopes and weights give to ln‖δ_l‖²;
        large where squared slopes are skewed.
    length_shift : by how much ln q and ln χ are moved because they bend in ln q within the fluctuations of V_l.
    warnings : what makes the expansion unreliable here; empty where nothing does.
    """

    log_q: Array
    log_chi: Array
    wide_mean: Array
    mean: Array
    variance: Array
    weight_mean: Array
    weight_variance: Array
    length_bias: Array
    length_variance: Array
    alignment: Array
    alignment_weight: Array
    length_response: Array
    noise: Array
    next_order: Array
    length_shift: Array
    warnings: tuple[str, ...]


def layer_coefficients(network: Network) -> LayerCoefficients:
    """Return the coefficients of every layer along the profile q_1..q_L, dropout included: its masks D multiply φ, φ'.

    Other parts have derivations of their own.  Raises UnsupportedError where the expansion is not known.
    """
    require(network, "predict (order 1/N)")
    assert network.skip is None and network.norm is None, "the caller knows which derivation holds"  # noqa: PT018
    log_q = log_length_profile(network)
    m = layer_moments(network, log_q)
    sigma_w, sigma_b = np.array(network.sigmas).T
    ahead = np.append(sigma_w[1:], sigma_w[-1])
    # 1/(1 + σ_b²/(σ_w² mean φ²)): without a difference, which would be 0 beside a large bias.
    log_weights = 2 * np.log(sigma_w) + np.append(0.0, m.log_square[:-1])
    with np.errstate(divide="ignore"):
        share = 1 / (1 + np.exp(2 * np.log(sigma_b) - log_weights))
    log_chi = 2 * np.log(ahead) + m.log_slope_square
    inner = np.append(np.ones(len(log_q) - 1), 0.0)
    following = np.append(share[1:], 1.0)
    step = np.append(log_q[1:] - log_q[:-1], log_chi[-1])
    response = inner * m.elasticity * following
    curvature = inner * m.curvature * following
    noise, covariance = inner * following**2 * (m.fourth - 1), inner * following * (m.cross - 1)
    alignment_step = response**2 * np.exp(step - log_chi)
    spread, next_order = 3 * m.slope_fourth - 1, skewness(m)
    a, a2 = m.slope_elasticity, m.slope_curvature
    if network.weights.family == "orthogonal":
        # A matrix fixes lengths in max(N_{l−1}, N_l) dimensions; `fixed` is the share of them that layer l has.
        own, larger = np.array(network.widths[1:], dtype=float), haar_dimensions(network)
        fixed, fixed_back = own / larger, own / np.append(larger[1:], own[-1])
        return LayerCoefficients(
            log_q, share, m.log_slope_square, log_chi, response, curvature,
            noise - 2 * share**2 * response**2 * fixed,
            covariance - 2 * share**2 * response * a * fixed,
            spread - 2 * fixed_back - 2 * share**2 * a**2 * fixed,
            next_order, a, a2,
            inner * (m.cross - fixed_back), alignment_step * share / following, 2 * share * a,
        )  # fmt: skip
    return LayerCoefficients(
        log_q, share, m.log_slope_square, log_chi, response, curvature, noise, covariance,
        spread - 2 * (1 - inner),  # the last layer's gradient is normalised
        next_order, a, a2, inner * following * m.cross, alignment_step, 2 * a,
    )  # fmt: skip


def layer_moments(network: Network, log_q: Array) -> Moments:
    """Return the moments at each layer's ln q, dropout included; layers with the same q share one set."""
    distinct, where = np.unique(log_q, return_inverse=True)
    table = thinned(table_of(network.activation).at(distinct), 1 - network.drop_rate)
    return Moments(*(field[where] for field in table))


def skewness(m: Moments) -> Array:
    """Return N times the relative size of the order 1/N² in Var ln N⁻¹ Σ φ'(h_i)² ξ_i².

    Var ln Y = κ₂ − κ₃ + (5/2)κ₂²; near linear φ the mean is compared to 2/N, what ξ² gives alone.
    """
    spread = 3 * m.slope_fourth - 1
    return np.asarray(np.abs(2.5 * spread - (15 * m.slope_sixth - 9 * m.slope_fourth + 2) / spread))


def skewness_on_the_sphere(m: Moments) -> Array:
    """Return the same of Var ln Σ φ'(h_i)² ξ_i²/Σ ξ_i², where ξ is a direction and its length does not count.

    With K = E φ'⁴/(E φ'²)² and S = E φ'⁶/(E φ'²)³ the variance is 3(K − 1)/N + c/N²,
    c = 21K − 15S − 6 + (3/2)(K − 1)(3K + 1) + 6(K − 1)(3K − 1): as φ becomes linear, 2/N of it.
    """
    k, s = m.slope_fourth, m.slope_sixth
    excess = k - 1
    c = 21 * k - 15 * s - 6 + 1.5 * excess * (3 * k + 1) + 6 * excess * (3 * k - 1)
    return np.abs(np.divide(c, 3 * excess, out=np.full_like(k, 2.0), where=excess > 1e-9))


def haar_dimensions(network: Network) -> Array:
    """Return max(N_{l−1}, N_l), the size of the Haar matrix that an orthogonal W_l is a (scaled) part of."""
    widths = np.array(network.widths, dtype=float)
    return np.maximum(widths[1:], widths[:-1])


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused at the end
def finite_width(network: Network) -> FiniteWidth:
    """Return mean and variance of ln‖δ_l‖² and ln‖∂ℓ/∂W_l‖_F² to order 1/N, for a unit loss gradient at x_L.

    Cost O(L).  With or without dropout, whose masks fluctuate too.  Valid where E φ⁴ and E φ'⁴ are finite, kinks
    allowed; gaussian and orthogonal weights, uniform ones asymptotically (the excess kurtosis of a pre-activation is
    itself of order 1/N).

    Notes
    -----
    With v, m the variance and bias of V_l, α the response of ln‖δ_l‖² to V_l, w the excess of E(z·δ̂)² over 1::

        v' = F'² v + v_f/N              m' = F' m + ½F'' v
        α = a + F' α'                   ρ = ρ' + (v_η + 2α'c + α'² v_f)/N           w = ω + λ w'
        Var ln‖δ‖² = α² v + ρ
        E ln‖δ‖²   = E' + ln χ + a m + ½(a₂ − a²) v + β w'/N − v_η/(2N)

    Raises
    ------
    NoSolutionError : q_l, or its fluctuations, leave every bound.
    UnsupportedError : see :func:`layer_coefficients`.
    """
    k = layer_coefficients(network)
    widths = np.array(network.widths, dtype=float)
    orthogonal = network.weights.family == "orthogonal"
    own, before = widths[1:], widths[:-1]
    extra = k.weight_share**2 / haar_dimensions(network) if orthogonal else np.zeros_like(own)
    v, m = _forward(k, own, extra)
    w = _backwards(k.alignment_source, k.alignment_step)
    alpha = _backwards(k.slope_response, k.response)
    w_ahead, alpha_ahead = np.append(w[1:], 0.0), np.append(alpha[1:], 0.0)
    rho = _tail_sums((k.slope_noise + 2 * alpha_ahead * k.covariance + alpha_ahead**2 * k.length_noise) / own)
    lead = np.append(k.log_chi[:-1], k.log_slope_square[-1])
    a, a2 = k.slope_response, k.slope_curvature
    drift = a * m + (a2 - a**2) * v / 2 + k.rank_one * w_ahead / own - a2 * extra - k.slope_noise / (2 * own)
    mean = _tail_sums(lead + drift)
    variance = alpha**2 * v + rho
    if not np.isfinite(mean + variance).all():
        raise NoSolutionError(
            f"fluctuations of the length grow beyond every bound within {len(own)} layers (a layer multiplies them by "
            f"up to {k.response.max():.3g}); use fewer layers or a smaller sigma_w"
        )
    shift, aligned = _length_shift(k, v), k.rank_one * (1 + w_ahead) / own
    sigma_w = np.array(network.sigmas)[:, 0]
    # ‖∂ℓ/∂W_l‖ = ‖δ_l‖ ‖x_{l−1}‖ and ‖x_{l−1}‖² = N_{l−1} (V_l − σ_b²)/σ_w².
    relative = 1 / k.weight_share
    spread = relative * np.sqrt(v)  # 1/share² alone may leave the range of doubles
    log_input = np.log(before) + k.log_q + np.log(k.weight_share) - 2 * np.log(sigma_w)
    return FiniteWidth(
        log_q=k.log_q,
        log_chi=k.log_chi,
        wide_mean=_tail_sums(lead),
        mean=mean,
        variance=variance,
        weight_mean=mean + log_input + relative * m - spread**2 / 2,
        weight_variance=(alpha * np.sqrt(v) + spread) ** 2 + rho,
        length_bias=m,
        length_variance=v,
        alignment=w,
        alignment_weight=aligned,
        length_response=alpha,
        noise=k.slope_noise / own,
        next_order=k.slope_next_order / own,
        length_shift=shift,
        warnings=doubts(v, aligned, shift, k.slope_noise / own, k.slope_next_order / own),
    )


def _forward(k: LayerCoefficients, own: Array, extra: Array) -> tuple[Array, Array]:
    variance, bias = np.zeros(len(own)), np.zeros(len(own))
    v = m = 0.0
    rows = zip(k.response.tolist(), k.curvature.tolist(), (k.length_noise / own).tolist(), extra.tolist(), strict=True)
    for layer, (response, curvature, noise, haar) in enumerate(rows):
        variance[layer], bias[layer] = v, m
        m = response * m + curvature * (v / 2 - haar)
        v = response * response * v + noise
    return variance, bias


def _forwards(source: Array, step: Array) -> Array:
    """Return y with y_{l+1} = source_l + step_l y_l, y_1 = 0."""
    out = np.empty(len(source))
    y = 0.0
    for layer, (a, b) in enumerate(zip(source.tolist(), step.tolist(), strict=True)):
        out[layer] = y
        y = a + b * y
    return out


def _backwards(source: Array, step: Array) -> Array:
    """Return y with y_l = source_l + step_l y_{l+1}, y_{L+1} = 0."""
    out = np.empty(len(source))
    y = 0.0
    for layer in range(len(source) - 1, -1, -1):
        y = float(source[layer]) + float(step[layer]) * y
        out[layer] = y
    return out


def _tail_sums(terms: Array) -> Array:
    return np.cumsum(terms[::-1])[::-1]


def _length_shift(k: LayerCoefficients, v: Array) -> Array:
    """Return by how much ln q and ln χ are moved because they bend in ln q over the spread of ln V.

    ln V may spread far without harm; the expansion fails where ln F or ln χ bends, and these shifts add up.  (v alone
    would give false alarms: homogeneous φ does not bend at all.)
    """
    bend = np.abs(k.curvature + k.response - k.response**2) * v / 2
    carried = _forwards(bend, np.abs(k.response))
    return carried + np.abs(k.slope_curvature + k.slope_response - k.slope_response**2) * v / 2


def gains(log_norms: Array) -> Array:
    """Return by how much ln‖δ_l‖² exceeds ln‖δ_{l+1}‖²; in the last layer, above which there is none, as before it."""
    out = log_norms - np.append(log_norms[1:], np.nan)
    out[-1:] = out[-2:-1] if len(out) > 1 else np.nan
    return out


def doubts(v: Array, alignment: Array, shift: Array, noise: Array, skew: Array) -> tuple[str, ...]:
    """Return why the expansion is not to be trusted: fluctuations of the length, alignment, sparse or skewed slopes.

    The arguments are those fields of :class:`FiniteWidth`: length_variance, alignment_weight, length_shift, noise,
    next_order.
    """
    out = []
    if float(shift.max()) > LENGTH_LIMIT:
        layer = int(shift.argmax())
        out.append(
            f"the length fluctuates too much to be expanded in: Var V/q² = {v[layer]:.3g} in layer {layer + 1} moves "
            f"ln q or ln χ by {shift[layer]:.3g} > {LENGTH_LIMIT}"
        )
    if float(alignment.max()) > ALIGNMENT_LIMIT:
        out.append(
            f"forward and backward vectors align: max β(1 + w)/N = {float(alignment.max()):.3g} > {ALIGNMENT_LIMIT}"
        )
    if float(noise.max()) > SLOPE_LIMIT:
        out.append(
            f"the squared slopes are too spread for this width: max v_η/N = {float(noise.max()):.3g} > {SLOPE_LIMIT}"
        )
    elif float(skew.max()) > NEXT_ORDER_LIMIT:
        out.append(
            f"the squared slopes are too skewed for this width: the order 1/N² is {float(skew.max()):.3g} > "
            f"{NEXT_ORDER_LIMIT} of their variance"
        )
    return tuple(out)
