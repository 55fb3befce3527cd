"""Bounds on the mean squared gradient at every finite width: symmetrised slope, certificates, finite-width rate."""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.formula import Formula, Kind
from vgtheory.symbolic.notation import gradient_square, layer, layer_gradient_square
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.rates import Rate, lower_rates, smallest_rate, upper_rates


def mean_square_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return upper and lower bounds on E‖∂ℓ/∂x_0‖² and the best upper one on E‖∂ℓ/∂h_l‖²; an equality if they agree."""
    if s.has_isotropic_weights and s.slope.square_sup and s.slope.square_sup == s.slope.square_inf:
        found = [_formula(s, upper_rates(s)[-1], "equality", "equals")]
    else:
        found = [_formula(s, rate, "upper bound", "is at most") for rate in upper_rates(s)]
        found += [_formula(s, rate, "lower bound", "is at least") for rate in lower_rates(s)]
    best = smallest_rate(s)
    return [*found, _per_layer(s, best)] if best is not None and s.uniform_width else found


def _formula(s: LayeredNetwork, rate: Rate, kind: Kind, relation: str) -> Formula:
    where = {"finite width": "At this width and every depth", "explosion": "At every depth"}.get(
        rate.proof, "At every width, depth and input"
    )
    return Formula(
        gradient_square,
        rate.prefactor * s.product(rate.factor),
        kind,
        rate.status,
        f"{rate.name}, exact mean" if kind == "equality" else rate.name,
        f"{where} the mean squared gradient at the input {relation} this.",
        rate.assumptions,
        ("hanin2020",) if kind == "equality" else (),
    )


def layer_value(s: LayeredNetwork, best: Rate) -> sp.Expr:
    """Return χ^{L−l+1}/σ_w² ≥ E‖∂ℓ/∂h_l‖²: start from φ'(h_i)e_i at layer l, whose mean square is at most χ/σ_w²."""
    chi, sigma_w = best.factor(s.layers[0]), s.layers[0].sigma_w
    if sigma_w == 0:
        return sp.Integer(0)
    return best.anywhere * chi ** (s.depth - layer) * sp.expand(chi / sigma_w**2)


def _per_layer(s: LayeredNetwork, best: Rate) -> Formula:
    return Formula(
        layer_gradient_square,
        layer_value(s, best),
        "upper bound",
        best.status,
        "gradient at layer l",
        "The mean squared gradient with respect to the pre-activations of any layer is at most this.",
        best.assumptions,
        conditions=(sp.Le(layer, s.depth),),
    )
