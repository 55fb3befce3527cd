"""The largest singular value of J: a net over all directions, and the edge of the spectrum at infinite width."""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import fineness, jacobian_norm, p, theta
from vgtheory.theory.proofs.gradient_moments import comparable, log_moments, mean_square
from vgtheory.theory.proofs.infimum import WIDEST, Exponential, Infimum
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.rates import DECREASING, GAUSSIAN

PROBABILITY = "holds with probability at least 1 − p"


def operator_norm_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the bounds on ‖J‖ whose rate is κσ_w per layer or better, and the asymptotic edge."""
    kappa = s.slope.largest
    found = []
    nonzero = all(layer.sigma_w != 0 for layer in s.layers) and kappa is not None and kappa.value != 0
    if s.family == "gaussian" and nonzero:
        found.append(_net(s))
        if comparable(s) and all(layer.outputs.is_Integer and layer.outputs <= WIDEST for layer in s.layers):
            found.append(_net_of_moments(s))
    if s.is_masked and nonzero and s.uniform_width and s.network.weights.is_isotropic:
        found.append(_edge(s))
    return found


def _covering(s: LayeredNetwork) -> sp.Expr:
    """Return N_0 ln(1 + 2/δ) + ln(1/p): the logarithm of the number of points of an δ-net of the sphere, over p."""
    return s.layers[0].inputs * sp.log(1 + 2 / fineness) + sp.log(1 / p)


def _net(s: LayeredNetwork) -> Formula:
    """Return the chi-square domination at every point of an δ-net; ‖J‖ ≤ max over the net/(1 − δ)."""
    kappa = s.slope.largest
    assert kappa is not None
    beta = s.total(lambda layer: 1 / layer.outputs)
    spread = s.total(lambda layer: 1 / layer.outputs + 1 / layer.outputs**2)
    excess = Infimum(-beta - 2 * sp.log(1 - fineness) + 2 * sp.sqrt(spread * _covering(s)), (fineness, 0, 1))
    scale = s.product(lambda layer: kappa.value * layer.sigma_w) * sp.sqrt(s.layers[-1].outputs / s.layers[0].inputs)
    return Formula(
        jacobian_norm,
        scale * Exponential(excess / 2),
        "upper bound",
        kappa.status,
        "net of directions",
        "With probability at least 1 − p no direction is stretched by more than this; the rate is κσ_w per layer.",
        ("weights Gaussian", PROBABILITY),
        ("boucheron2013",),
    )


def _net_of_moments(s: LayeredNetwork) -> Formula:
    """Return the same with the moments of the comparison law in place of chi-square domination."""
    best = Infimum(
        -2 * sp.log(1 - fineness) + (log_moments(s, theta) + _covering(s)) / theta, (theta, 1, sp.oo), (fineness, 0, 1)
    )
    return Formula(
        jacobian_norm,
        sp.sqrt(mean_square(s)) * Exponential(best / 2),
        "upper bound",
        "certified",
        "net of directions with moments",
        "With probability at least 1 − p no direction is stretched by more than this.",
        (GAUSSIAN, DECREASING, PROBABILITY),
    )


def _edge(s: LayeredNetwork) -> Formula:
    """Return the edge of the spectrum of JᵀJ, width → ∞ at fixed depth, by the S-transform of the slopes' law.

    λ(z) = (κσ_w)^{2L}(1 + z)(p̂ + z)^L/z at its minimum for Gaussian weights, p̂ the share of active neurons; with Haar
    weights ((1 + z)/z)((p̂ + z)/(1 + z))^L.
    """
    kappa, slopes = s.slope.largest, s.two_slopes
    assert kappa is not None
    assert slopes is not None
    share = sp.Rational(1, 2) if slopes[0] * slopes[1] == 0 else sp.Integer(1)
    depth, scale = s.depth, (kappa.value * s.layers[0].sigma_w) ** s.depth
    if s.family == "gaussian":
        z = (1 - depth + sp.sqrt((depth - 1) ** 2 + 4 * depth * share)) / (2 * depth)
        edge = (1 + z) * (share + z) ** depth / z
    elif share == 1:
        edge = sp.Integer(1)
    else:
        z = share / (depth * (1 - share) - 1)
        edge = sp.Piecewise(
            ((1 + z) / z * ((share + z) / (1 + z)) ** depth, depth * (1 - share) > 1), (sp.Integer(1), True)
        )
    return Formula(
        jacobian_norm,
        scale * sp.sqrt(edge),
        "asymptotic",
        "asymptotic",
        "edge of the spectrum",
        "As the width grows at fixed depth the largest singular value of J tends to this.",
        ("the slopes are free of the weights as the width grows",),
        ("pastur2020", "pennington2017"),
    )
