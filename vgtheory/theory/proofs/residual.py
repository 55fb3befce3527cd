"""Residual networks x_l = x_{l−1} + a φ(W_l x_{l−1} + b_l), with one or two matrices per branch; batch norm with ReLU.

Given the past E‖T_l‖² = ‖T‖²[1 + a²σ_w²((1 − ρ²)A + ρ²B)] + 2ac ΣT_i E[φ'(h)h], |c| = |ρ|‖T‖/‖x̃‖, |ΣT_i| ≤ √N‖T‖.
The last term vanishes for odd φ (φ'(h)h is odd) and with an independent second matrix.
"""

from __future__ import annotations

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.model.network import Network
from vgtheory.symbolic import calculus
from vgtheory.symbolic.extrema import piecewise_range
from vgtheory.symbolic.formula import Formula, Status
from vgtheory.symbolic.notation import depth, gradient_norm, gradient_square, jacobian_norm, p, weight_norm
from vgtheory.theory.proofs.certified_slope import Known
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.rates import ISOTROPIC, SYMMETRIC, Rate, bias_holds

BATCH_NORM = sp.pi / (sp.pi - 1)  # growth of the squared gradient per layer, width and then batch → ∞


def residual_bounds(network: Network) -> list[Formula]:
    """Return the bounds of a network with skip connections and nothing else besides."""
    assert network.skip is not None
    s = LayeredNetwork(network)
    found = []
    kappa = s.slope.largest
    scale = network.skip.at(network.depth) if network.depth.is_number else network.skip.scale
    if kappa is not None and network.skip.matrices == 1:
        found.append(_surely(s, kappa, scale))
    return [*_mean_square(s, scale), *found]


def _surely(s: LayeredNetwork, kappa: Known, scale: sp.Expr) -> Formula:
    return Formula(
        jacobian_norm,
        (1 + sp.Abs(scale) * kappa.value * weight_norm) ** s.depth,
        "upper bound",
        kappa.status,
        "product of norms, residual",
        "Whatever the weights and the input, no gradient grows faster than this.",
        ("every layer is x + a φ(W x + b)",),
    )


def _mean_square(s: LayeredNetwork, scale: sp.Expr) -> list[Formula]:
    rates = residual_rates(s, scale)
    exact = s.slope.square_sup is not None and s.slope.square_sup == s.slope.square_inf
    found = []
    for rate, is_exact in rates:
        equality = is_exact and exact
        found.append(
            Formula(
                gradient_square,
                s.product(rate.factor),
                "equality" if equality else "upper bound",
                rate.status,
                rate.name,
                f"At every width, depth and input the mean squared gradient at the input "
                f"{'equals' if equality else 'is at most'} this.",
                rate.assumptions,
            )
        )
    if found:
        found.append(
            Formula(
                gradient_norm,
                sp.sqrt(found[-1].expr / p),
                "upper bound",
                found[-1].status,
                "gradient norm with probability 1 − p",
                "With probability at least 1 − p the gradient at the input is at most this long (Markov's inequality).",
                found[-1].assumptions,
            )
        )
    return found


def residual_rates(s: LayeredNetwork, scale: sp.Expr) -> list[tuple[Rate, bool]]:
    """Return the factors per layer, each with whether it is exact where g is constant; the sharper ones last."""
    skip, top, layer = s.network.skip, s.slope.square_sup, s.layers[0]
    assert skip is not None
    if top is None or not s.has_isotropic_weights:
        return []
    second = scale**2 * skip.sigma_w**2
    assumptions: tuple[str, ...] = (SYMMETRIC, ISOTROPIC)
    if skip.matrices == 2:
        assumptions = (*assumptions, "the second matrix of a branch is independent, Gaussian")
        return [
            (_rate(1 + second * layer.sigma_w**2 * top.value, top.status, "residual, two matrices", assumptions), True)
        ]
    if s.network.activation.parity == "odd":
        odd = (*assumptions, "φ is odd")
        found = [(_rate(1 + second * layer.sigma_w**2 * top.value, top.status, "residual, odd activation", odd), True)]
        if bias_holds(s) and s.family == "gaussian":
            sharp = 1 + second * layer.sigma_w**2 * s.mean_slope_square(layer.sigma_b**2)
            name = "residual, bias certificate"
            found.append((_rate(sharp, "certified", name, (*odd, "g nonincreasing in |h|", "weights Gaussian")), False))
        return found
    mixed = mixed_mean(s)
    if mixed is None or s.family != "gaussian" or not s.gaussian_bias:
        return []
    general = 1 + 2 * sp.Abs(scale) * layer.sigma_w * mixed.value + second * layer.sigma_w**2 * top.value
    status: Status = "proved" if mixed.status == top.status == "proved" else "certified"
    return [(_rate(general, status, "residual, any activation", ("weights and biases Gaussian", ISOTROPIC)), False)]


def _rate(value: sp.Expr, status: Status, name: str, assumptions: tuple[str, ...]) -> Rate:
    return Rate(lambda _: value, status, name, assumptions, "symmetry")


def mixed_mean(s: LayeredNetwork) -> Known | None:
    """Return a bound of sup_v |E φ'(√v z) z|: of the odd part of φ', at most its supremum times E|z| = √(2/π).

    E φ'(h) z = E o(h) z with o(h) = (φ'(h) − φ'(−h))/2.  ReLU: o = ½ sign h, and 1/√(2π) is exact.
    """
    act = s.network.activation
    x, parts = act.symbol, act.derivative_pieces(1)
    if not act.is_numeric:
        return None
    cuts = sorted({abs(piece.hi) for piece in parts[:-1]} | {sp.Integer(0)}, key=float)
    pieces = []
    for lo, hi in zip(cuts, [*cuts[1:], sp.oo], strict=True):
        at = calculus.sample_point(lo, hi)
        here = next(piece.expr for piece in parts if at <= piece.hi)
        there = next(piece.expr for piece in parts if -at <= piece.hi).subs(x, -x)
        pieces.append(calculus.Piece(lo, hi, sp.simplify((here - there) / 2)))
    try:
        span = piecewise_range(tuple(pieces), x)
    except UnsupportedError:
        return None
    above, below = Known.upper(span.sup), Known.lower(span.inf)
    if above is None or below is None:
        return None
    largest = sp.Max(sp.Abs(above.value), sp.Abs(below.value))
    status: Status = "proved" if above.status == below.status == "proved" else "certified"
    return Known(largest * sp.sqrt(2 / sp.pi), status)


def batch_norm_bounds(network: Network) -> list[Formula]:
    """Return the asymptotic growth of the squared gradient with batch normalisation before ReLU (Yang et al. 2019)."""
    return [
        Formula(
            gradient_square,
            BATCH_NORM ** (depth if network.depth.is_number else network.depth),
            "asymptotic",
            "asymptotic",
            "batch norm with ReLU",
            "The squared gradient grows by π/(π − 1) per layer as the width, and then the batch, grows, whatever σ_w; "
            "finite sizes differ by up to 10 %, so this is no bound.",
            ("width much larger than the batch, batch large",),
            ("yang2019",),
        )
    ]
