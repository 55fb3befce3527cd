"""Mean and variance of ln‖δ_l‖² at order 1/N in networks with skip connections, x_l = x_{l−1} + a y_l.

One matrix: y = Dφ(h); two: y = W' Dφ(h); D the masks of dropout.  The forward state is (R, M), mean square and mean of
x_l's numbers: with X = mean x_{l−1}y, Y = mean y², S = mean y,

    R_l = R_{l−1} + 2a X + a² Y,    M_l = M_{l−1} + a S,    V_l = σ_w² R_{l−1} + σ_b².

Backward, with ĝ = g_l √N/‖g_l‖, B the mean of the squares of φ'(h) D times what comes to it (ĝ, or W'ᵀĝ),
t = a² σ_w² E B, τ = t/(1 + t):

    ‖g_{l−1}‖²/‖g_l‖² = 1 + 2 C + Q,    Q = ‖W_lᵀδ_l‖²/‖g_l‖² ≈ t,    C = g_l·W_lᵀδ_l/‖g_l‖²,
    ln‖g_{l−1}‖² = ln‖g_l‖² + ln(1 + t) + τ (B − E B)/E B + noise of variance (2τ² + 4t/(1 + t)²)/N.

C is normal with variance t/N: a matrix turns δ_l into a direction that is independent of g_l.  Its mean, and that of B,
come from the alignment of g_l with x_l and with the vector of ones, P = (x_l·ĝ, 1·ĝ)/√N: P is of order one, and

    P_{l−1} √(1 + t) = A P_l + independent noise,      E P Pᵀ = G_l at layer L, the Gram matrix of x_L and ones,

because W_lᵀδ_l has the known part h_l·δ_l along x_{l−1}, and g_l·x_{l−1} = g_l·x_l − a g_l·y_l.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.architectures.layer_noise import Forward, later_sums, quadratic, responses
from vgtheory.theory.asymptotics.architectures.profile import Profile, profile
from vgtheory.theory.asymptotics.architectures.unit_moments import unit_moments
from vgtheory.theory.asymptotics.finite_width import (
    FiniteWidth,
    doubts,
    gains,
    layer_moments,
    skewness,
    skewness_on_the_sphere,
)
from vgtheory.theory.asymptotics.moments import table_of

# Share of ‖g_l‖² along the signal from which the terms of order 1/N are no guide; they warn long before.
MOST_ALIGNED = 0.5


@dataclass(frozen=True)
class Branch:
    """The branches of layers 1..L, dropout and W' included; each field an array of shape (L,).

    Parameters
    ----------
    v : V_l;  weight : σ_w²;  share : σ_w² R_{l−1}/V_l.
    square, mean : of x_{l−1}.
    mean_y, mean_response, mean_curvature : E y and V, V² times its derivatives in V.
    square_y, square_response, square_curvature : the same of E y², relative to it.
    third, fourth : E y³ − E y E y² and Var y².
    slope : E p, the squared gain of the branch from g_l to δ_l/a;  slope_response, slope_curvature : as above.
    slope_noise : N Var B/E B².
    with_square, with_value : N Cov of B/E B with Y and with S.
    along : E z φ' D y;  along_mean : E z φ' D;  along_square : E z² p.  With two matrices p and y include σ'², and
        along_mean is E p y²/(E p E y²).
    next_order : N times the relative size of the order 1/N² in Var ln B.
    """

    v: Array
    weight: Array
    share: Array
    square: Array
    mean: Array
    mean_y: Array
    mean_response: Array
    mean_curvature: Array
    square_y: Array
    square_response: Array
    square_curvature: Array
    third: Array
    fourth: Array
    slope: Array
    slope_response: Array
    slope_curvature: Array
    slope_noise: Array
    with_square: Array
    with_value: Array
    along: Array
    along_mean: Array
    along_square: Array
    next_order: Array


class Alignment(NamedTuple):
    """N times what alignment adds to the means, each of shape (L,).

    slope : to E B/E B;  branch : to E Q/t;  cross : E C;  angle : E ζ² − 1, ζ²/N the squared cosine of h_l and δ_l.
    """

    slope: Array
    branch: Array
    cross: Array
    angle: Array


def residual_finite_width(network: Network) -> FiniteWidth:
    """Return mean and variance of ln‖δ_l‖² and ln‖∂ℓ/∂W_l‖_F² to order 1/N; Gaussian weights, dropout allowed.

    Raises
    ------
    NoSolutionError : lengths diverge.
    UnsupportedError : branches of scale 0, behind which no gradient arrives; gradients that align with the signal, as
        beside long streams of ReLU branches of scale 1, whose mean outgrows their fluctuations.
    """
    scale, second = network.skip_scales
    two = network.skip is not None and network.skip.matrices == 2
    if scale == 0 or (two and second == 0):
        raise UnsupportedError("fluctuations behind branches of scale 0, which no gradient enters")
    found = profile(network)
    b = _two_matrices(network, found, second) if two else _one_matrix(network, found)
    width = float(network.widths[0])
    t = scale**2 * b.weight * b.slope
    passed = t / (1 + t)
    aligned = _aligned_two(b, scale, t) if two else _aligned_one(b, scale, t)
    forward = _forward(b, scale, width)
    covariance, bias = forward.moments()
    to_v = np.stack([b.weight / b.v, 0 * b.v], axis=-1)  # of ln V_l to s_{l−1}
    alpha = responses(forward.jacobian, (passed * b.slope_response)[:, None] * to_v)
    later = alpha[1:]
    # Of B with what the layer does to s_l, and of s_l alone.
    both = np.stack([2 * scale * b.mean * b.with_value + scale**2 * b.with_square, scale * b.with_value], axis=-1)
    coupled = np.einsum("ki,ki->k", later, both) / width
    length = quadratic(later, forward.noise)
    turned = (2 * passed**2 + 4 * passed / (1 + t)) / width
    rho = later_sums(passed**2 * b.slope_noise / width + turned + 2 * passed * coupled + length)
    v, m = quadratic(to_v, covariance), np.einsum("ki,ki->k", to_v, bias)
    a, a2 = b.slope_response, b.slope_curvature
    through = passed * (a * m + a2 * v / 2) - (passed * a) ** 2 * v / 2
    through += passed * (aligned.slope + aligned.branch) / width + 2 * aligned.cross / (1 + t) / width
    through -= (passed**2 * b.slope_noise / width + turned) / 2
    own = a * m + (a2 - a**2) * v / 2 + aligned.slope / width - b.slope_noise / (2 * width)
    mean = found.log_gradient + later_sums(through) + own
    response = np.einsum("ki,kij->kj", later, forward.jacobian) + a[:, None] * to_v
    local = rho + b.slope_noise / width + 2 * coupled + length
    # ‖∂ℓ/∂W_l‖ = ‖δ_l‖ ‖x_{l−1}‖.
    to_input = np.stack([1 / b.square, 0 * b.v], axis=-1)
    log_input = np.log(width * b.square) + bias[:, 0] / b.square - covariance[:, 0, 0] / (2 * b.square**2)
    variance = quadratic(response, covariance) + local
    if not np.isfinite(mean + variance).all():
        raise NoSolutionError("fluctuations of the length grow without bound; use fewer layers")
    weight_alignment = np.maximum(np.abs(aligned.slope), np.abs(aligned.branch)) / width
    largest = float(weight_alignment.max())
    if largest > MOST_ALIGNED:
        raise UnsupportedError(
            f"fluctuations of gradients that align with the signal: max β(1 + w)/N = {largest:.3g}, and the expansion "
            f"in 1/width fails beyond {MOST_ALIGNED:g}"
        )
    shift = np.abs(a2 + a - a**2) * v / 2
    return FiniteWidth(
        log_q=np.log(found.q),
        log_chi=gains(found.log_gradient),
        wide_mean=found.log_gradient,
        mean=mean,
        variance=variance,
        weight_mean=mean + log_input,
        weight_variance=quadratic(response + to_input, covariance) + local,
        length_bias=m,
        length_variance=v,
        alignment=aligned.angle,
        alignment_weight=weight_alignment,
        length_response=response[:, 0] * b.v / b.weight,
        noise=b.slope_noise / width,
        next_order=b.next_order / width,
        length_shift=shift,
        warnings=doubts(v, weight_alignment, shift, b.slope_noise / width, b.next_order / width),
    )


def _stream(network: Network, found: Profile) -> tuple[Array, Array, Array]:
    """Return V_l, σ_w² and mean square R_{l−1}."""
    return found.q, np.array(network.sigmas)[:, 0] ** 2, np.append(1.0, found.square[:-1])


def _one_matrix(network: Network, found: Profile) -> Branch:
    (v, weight, square), scale = _stream(network, found), network.skip_scales[0]
    keep, log_q = 1 - network.drop_rate, np.log(found.q)
    m, u = layer_moments(network, log_q), unit_moments(table_of(network.activation), log_q)
    square_y, slope = np.exp(m.log_square), np.exp(m.log_slope_square)
    return Branch(
        v, weight, weight * square / v, square, np.append(0.0, np.cumsum(scale * u.mean)[:-1]),
        u.mean, u.mean_response, u.mean_curvature, square_y, m.elasticity, m.curvature,
        u.third / keep**2 - u.mean * square_y, square_y**2 * (m.fourth - 1),
        slope, m.slope_elasticity, m.slope_curvature, 3 * (m.slope_fourth - 1),
        square_y * (m.cross - 1), u.value_slope_square / keep**2 / slope - u.mean,
        m.elasticity * square_y / np.sqrt(v), 2 * u.mean_response / np.sqrt(v),
        slope * (1 + 2 * m.slope_elasticity), skewness_on_the_sphere(m),
    )  # fmt: skip


def _two_matrices(network: Network, found: Profile, second: float) -> Branch:
    """Return the branches behind W': y is normal given the inner layer, of variance σ'² mean (Dφ)²."""
    v, weight, square = _stream(network, found)
    m, none = layer_moments(network, np.log(found.q)), np.zeros(len(found.q))
    square_y, slope = second**2 * np.exp(m.log_square), second**2 * np.exp(m.log_slope_square)
    return Branch(
        v, weight, weight * square / v, square, none, none, none, none, square_y, m.elasticity, m.curvature,
        none, square_y**2 * (m.fourth + 1), slope, m.slope_elasticity, m.slope_curvature, 3 * m.slope_fourth - 1,
        square_y * (m.cross - 1), none, m.elasticity * square_y / np.sqrt(v), m.cross,
        slope * (1 + 2 * m.slope_elasticity), skewness(m),
    )  # fmt: skip


def _forward(b: Branch, scale: float, width: float) -> Forward:
    depth, a = len(b.v), scale
    gain, bend = b.weight / b.v, (b.weight / b.v) ** 2  # d ln V/dR and its square
    square1, square2 = b.square_y * b.square_response, b.square_y * b.square_curvature
    jacobian, noise = np.empty((depth, 2, 2)), np.empty((depth, 2, 2))
    jacobian[:, 0, 0] = 1 + (2 * a * b.mean * b.mean_response + a**2 * square1) * gain
    jacobian[:, 0, 1], jacobian[:, 1, 1] = 2 * a * b.mean_y, 1
    jacobian[:, 1, 0] = a * b.mean_response * gain
    hessian = np.zeros((depth, 2, 2, 2))
    hessian[:, 0, 0, 0] = (2 * a * b.mean * b.mean_curvature + a**2 * square2) * bend
    hessian[:, 0, 0, 1] = hessian[:, 0, 1, 0] = 2 * a * b.mean_response * gain
    hessian[:, 1, 0, 0] = a * b.mean_curvature * bend
    spread = b.square_y - b.mean_y**2
    noise[:, 0, 0] = 4 * a**2 * b.square * spread + 4 * a**3 * b.mean * b.third + a**4 * b.fourth
    noise[:, 0, 1] = noise[:, 1, 0] = 2 * a**2 * b.mean * spread + a**3 * b.third
    noise[:, 1, 1] = a**2 * spread
    # x_0 is uniform on the sphere: its length is fixed, the mean of its numbers is not.
    return Forward(jacobian, noise / width, hessian, np.array([[0.0, 0.0], [0.0, 1 / width]]))


def _aligned_one(b: Branch, scale: float, t: Array) -> Alignment:
    """Follow E P Pᵀ from the last layer to the first; features of a unit: y and z φ' D, which make h·δ."""
    depth, a = len(b.v), scale
    slope, branch, cross, angle = np.empty((4, depth))
    state = None
    for k in range(depth - 1, -1, -1):
        below = np.array([[b.square[k], b.mean[k]], [b.mean[k], 1.0]])
        mean, along = b.mean_y[k], b.along[k]
        # E f (x_l, 1) for the features f.
        c = np.array(
            [
                [b.mean[k] * mean + a * b.square_y[k], mean],
                [b.mean[k] * b.along_mean[k] + a * along, b.along_mean[k]],
            ]
        )
        gram = below + a * np.array([[2 * b.mean[k] * mean + a * b.square_y[k], mean], [mean, 0.0]])
        inverse = np.linalg.inv(gram)
        state = gram if state is None else state
        known = c @ inverse
        free = np.array([[b.square_y[k], along], [along, b.along_square[k]]]) - known @ c.T
        py, pyy = b.with_value[k] + mean, b.with_square[k] + b.square_y[k]
        tilt = below + a * np.array([[2 * b.mean[k] * py + a * pyy, py], [py, 0.0]])  # E p (x_l, 1)(x_l, 1)ᵀ/E p
        excess = inverse @ (state - gram)
        slope[k] = np.trace(excess @ inverse @ tilt) - np.trace(excess)
        features = known @ state @ known.T + free  # second moments of the sums T_y, T_z
        angle[k] = features[1, 1] / b.slope[k] - 1
        branch[k] = b.share[k] * angle[k]
        reach = a * b.weight[k] / np.sqrt(b.v[k])
        left = np.array([1.0, 0.0]) - a * known[0]  # of g_l·x_{l−1}
        cross[k] = reach * (left @ state @ known[1] - a * free[0, 1])
        across = np.outer(reach * below[0], known[1])
        step = np.array([left, [0.0, 1.0]]) + across
        load = np.array([[-a, reach * below[0, 0]], [0.0, reach * below[1, 0]]])
        rest = below - np.outer(below[0], below[0]) * b.weight[k] / b.v[k]
        state = (step @ state @ step.T + load @ free @ load.T + t[k] * rest) / (1 + t[k])
    return Alignment(slope, branch, cross, angle)


def _aligned_two(b: Branch, scale: float, t: Array) -> Alignment:
    """Follow E P² of the part along x_l; W'ᵀ g has the known part y·g along Dφ, and so has h·δ."""
    depth, a = len(b.v), scale
    slope, branch, cross, angle = np.empty((4, depth))
    state = None
    for k in range(depth - 1, -1, -1):
        after = b.square[k] + a**2 * b.square_y[k]
        state = after if state is None else state
        known = a * b.square_y[k] / after
        free = b.square_y[k] - known * a * b.square_y[k]
        seen = known**2 * state + free  # E T_y²
        excess = seen / b.square_y[k] - 1
        slope[k] = excess * b.along_mean[k]  # E p (Dφ)²/(E p E (Dφ)²)
        held = b.along[k] ** 2 / b.square_y[k]  # of E z² p, what comes through y·g
        angle[k] = (b.along_square[k] + held * excess) / b.slope[k] - 1
        branch[k] = b.share[k] * angle[k]
        load = a * b.weight[k] / np.sqrt(b.v[k]) * b.along[k] / b.square_y[k]  # of C to P T_y, at x_{l−1}
        cross[k] = load * ((1 - a * known) * known * state - a * free)
        pull = load * b.square[k] - a
        rest = b.along_square[k] - held
        noise = pull**2 * free + a**2 * b.weight[k] * b.square[k] * (b.share[k] * rest + (1 - b.share[k]) * b.slope[k])
        state = ((1 + pull * known) ** 2 * state + noise) / (1 + t[k])
    return Alignment(slope, branch, cross, angle)
