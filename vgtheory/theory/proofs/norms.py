"""Pathwise and high-probability bounds on the Jacobian J = ∂x_L/∂x_0: products of norms and chi-square domination."""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import jacobian_least, jacobian_norm, log_stretch, p, reach, weight_norm
from vgtheory.theory.proofs.layered_network import LayeredNetwork

PROBABILITY = "holds with probability at least 1 − p"


def norm_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the bounds that need only κ = sup |φ'| and the weights' norms."""
    kappa = s.slope.largest
    if kappa is None:
        return []
    square = s.has_isotropic_weights
    found = _orthogonal(s) if s.family == "orthogonal" and square else [_any_weights(s)]
    if s.family == "gaussian" and all(layer.sigma_w != 0 for layer in s.layers):
        found += [_gaussian_norms(s), *_chi_square(s)]
    return found


def _any_weights(s: LayeredNetwork) -> Formula:
    """‖J‖ ≤ ∏ κ‖W_l‖: submultiplicativity (Pascanu et al. 2013, eq. 7, for recurrent networks)."""
    kappa = s.slope.largest
    assert kappa is not None
    return Formula(
        jacobian_norm,
        (kappa.value * weight_norm) ** s.depth,
        "upper bound",
        kappa.status,
        "product of norms",
        "Whatever the weights and the input, no gradient grows faster than by κ·max‖W_l‖ per layer.",
        (),
        ("pascanu2013",),
    )


def _orthogonal(s: LayeredNetwork) -> list[Formula]:
    """Return (κ₋σ_w)^L ≤ every singular value of J ≤ (κσ_w)^L, surely: ‖W_l‖ = s_min(W_l) = σ_w."""
    kappa, least = s.slope.largest, s.slope.smallest
    assert kappa is not None
    found = [
        Formula(
            jacobian_norm,
            s.product(lambda layer: kappa.value * layer.sigma_w),
            "upper bound",
            kappa.status,
            "orthogonal weights, largest singular value",
            "For every draw of the weights and every input the largest singular value of J is at most this.",
            ("square orthogonal weight matrices",),
            ("pennington2017",),
        )
    ]
    if least is not None and least.value != 0:
        found.append(
            Formula(
                jacobian_least,
                s.product(lambda layer: least.value * layer.sigma_w),
                "lower bound",
                least.status,
                "orthogonal weights, smallest singular value",
                "For every draw of the weights and every input the smallest singular value of J is at least this.",
                ("square orthogonal weight matrices",),
                ("pennington2017",),
            )
        )
    return [*found, *_confined(s)]


def _confined(s: LayeredNetwork) -> list[Formula]:
    """Return (|φ'(H)|σ_w)^L ≤ every singular value where all |h_l| ≤ H: |φ'| is even and falls with |h|."""
    act = s.network.activation
    if act.parity != "odd" or not s.slope.decreasing or len(act.pieces) != 1:
        return []
    slope = act.derivative(1).subs(act.symbol, reach)
    return [
        Formula(
            jacobian_least,
            s.product(lambda layer: sp.Abs(slope) * layer.sigma_w),
            "lower bound",
            "proved",
            "orthogonal weights, confined pre-activations",
            "If no pre-activation exceeds H in magnitude, every singular value of J is at least this.",
            ("square orthogonal weight matrices", "all |h_l| ≤ H", "|φ'| is nonincreasing in |h| (checked)"),
            ("pennington2017",),
        )
    ]


def _gaussian_norms(s: LayeredNetwork) -> Formula:
    """Return ‖J‖ ≤ ∏ κσ_w(1 + √(N_l/N_{l−1}))·exp √(2 ln(1/p) Σ (√N_l + √N_{l−1})⁻²).

    E‖G‖ ≤ √N + √n (Gordon 1985; Davidson & Szarek 2001, theorem II.13), ‖·‖ is 1-Lipschitz, ln is below its tangent:
    the sum of ln‖W_l‖ is sub-Gaussian with proxy Σ(√N_l + √N_{l−1})⁻², and Chernoff's bound ends the proof.
    """
    kappa = s.slope.largest
    assert kappa is not None
    mean = s.product(lambda layer: kappa.value * layer.sigma_w * (1 + sp.sqrt(layer.outputs / layer.inputs)))
    spread = s.total(lambda layer: (sp.sqrt(layer.outputs) + sp.sqrt(layer.inputs)) ** -2)
    return Formula(
        jacobian_norm,
        mean * sp.exp(sp.sqrt(2 * sp.log(1 / p) * spread)),
        "upper bound",
        kappa.status,
        "product of Gaussian norms",
        "With probability at least 1 − p no gradient at any input of this network is amplified by more than this.",
        ("weights Gaussian", PROBABILITY),
        ("gordon1985", "davidson2001"),
    )


def _chi_square(s: LayeredNetwork) -> list[Formula]:
    """Return both tails of ln‖J v‖² by domination: ‖T_l‖² ≤ ‖T_{l−1}‖² (κ²σ_w²/N_{l−1}) χ²_{N_l}, and ≥ with inf |φ'|.

    Upper: ψ(x) ≤ ln x − 1/(2x) makes the logarithmic moments of χ²_N/N at most −θ/N + θ²(1/N + 1/N²).
    Lower: ψ(x) ≥ ln(x − ½) makes ln χ²_N sub-gamma below (Boucheron, Lugosi & Massart 2013, section 2.4).
    """
    kappa, least = s.slope.largest, s.slope.smallest
    assert kappa is not None
    if any(kappa.value * layer.sigma_w == 0 for layer in s.layers):
        return []  # J = 0 has no logarithm
    logs = sp.log(1 / p)
    ratio = sp.log(s.layers[-1].outputs / s.layers[0].inputs)
    centre = s.total(lambda layer: sp.log(kappa.value**2 * layer.sigma_w**2) - 1 / layer.outputs)
    width = s.total(lambda layer: 1 / layer.outputs + 1 / layer.outputs**2)
    found = [
        Formula(
            log_stretch,
            centre + ratio + 2 * sp.sqrt(width * logs),
            "upper bound",
            kappa.status,
            "chi-square domination",
            "With probability at least 1 − p a fixed direction v is stretched by no more than this.",
            ("weights Gaussian", "v fixed before the weights are drawn, ‖v‖ = 1", PROBABILITY),
            ("boucheron2013",),
        )
    ]
    narrow = any(layer.outputs.is_number and layer.outputs < 2 for layer in s.layers)
    if least is None or least.value == 0 or narrow:
        return found
    centre = s.total(lambda layer: sp.log(least.value**2 * layer.sigma_w**2) + sp.log(1 - 1 / layer.outputs))
    spread = s.total(lambda layer: 2 / (layer.outputs - 1))
    scale = sp.Max(*(2 / (layer.outputs - 1) for layer in s.layers))
    found.append(
        Formula(
            log_stretch,
            centre + ratio - sp.sqrt(2 * spread * logs) - scale * logs,
            "lower bound",
            least.status,
            "chi-square domination from below",
            "With probability at least 1 − p a fixed direction v keeps at least this much of its length.",
            ("weights Gaussian", "v fixed before the weights are drawn, ‖v‖ = 1", "width at least 2", PROBABILITY),
            ("boucheron2013",),
        )
    )
    return found
