"""Gradients from any loss: what a bound rate^L on E‖J e_i‖² says about worst, fixed and many directions, and weights.

Summed over the coordinate directions, E‖J‖_F² ≤ N_L·C·rate^L.  A loss gradient chosen after seeing the network can make
use of the whole norm, which costs the factor N_L and nothing in the rate.
"""

from __future__ import annotations

import sympy as sp

from vgtheory.model.weights import INDEPENDENT
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import (
    fixed_gradient_fourth,
    fixed_gradient_square,
    jacobian_least_square,
    jacobian_mean_square,
    jacobian_norm,
    layer,
    p,
    singular_count,
    t,
    weight_gradient_square,
)
from vgtheory.theory.proofs.gradient_moments import active_share, comparable
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.mean_square import layer_value
from vgtheory.theory.proofs.rates import BOUNDED, ISOTROPIC, UNIT_INPUT, Rate, smallest_rate

PROBABILITY = "holds with probability at least 1 − p"


def backward_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the bounds for any loss that follow from the best rate."""
    best = smallest_rate(s)
    if best is None:
        return []
    found = [_worst(s, best), _norm(s, best), _count(s, best), _least(s, best)]
    if s.network.activation.parity == "odd" and s.family in INDEPENDENT:
        found.append(_fixed(s, best))
    if comparable(s):
        found.append(_fourth(s))
    if s.uniform_width and s.slope.value_bound is not None:
        found.append(_weights(s, best))
    return found


def _total(s: LayeredNetwork, best: Rate) -> sp.Expr:
    """Return the bound on E‖J‖_F²."""
    return s.layers[-1].outputs * best.prefactor * s.product(best.factor)


def _plain(best: Rate) -> tuple[str, ...]:
    return tuple(a for a in best.assumptions if a != ISOTROPIC)


def _worst(s: LayeredNetwork, best: Rate) -> Formula:
    return Formula(
        jacobian_mean_square,
        _total(s, best),
        "upper bound",
        best.status,
        "worst loss gradient",
        "The mean squared gradient at the input is at most this even if ∂ℓ/∂x_L, of length at most 1, is chosen after "
        "seeing the network.",
        _plain(best),
    )


def _norm(s: LayeredNetwork, best: Rate) -> Formula:
    return Formula(
        jacobian_norm,
        sp.sqrt(_total(s, best) / p),
        "upper bound",
        best.status,
        "Jacobian norm by Markov's inequality",
        "With probability at least 1 − p no direction is stretched by more than this.",
        (*_plain(best), PROBABILITY),
    )


def _count(s: LayeredNetwork, best: Rate) -> Formula:
    return Formula(
        singular_count,
        _total(s, best) / t,
        "upper bound",
        best.status,
        "number of large singular values",
        "The mean number of singular values of J whose square is at least t is at most this.",
        _plain(best),
    )


def _least(s: LayeredNetwork, best: Rate) -> Formula:
    fewest = sp.Min(s.layers[0].inputs, s.layers[-1].outputs)
    return Formula(
        jacobian_least_square,
        _total(s, best) / fewest,
        "upper bound",
        best.status,
        "smallest singular value in mean",
        "The mean square of the smallest of the min(N_0, N_L) singular values of J is at most this.",
        _plain(best),
    )


def _fixed(s: LayeredNetwork, best: Rate) -> Formula:
    """Return E‖Jᵀg‖² ≤ C·rate^L for a fixed g: rows of J are uncorrelated, as E φ'(h)w = 0 when φ' is even."""
    return Formula(
        fixed_gradient_square,
        best.prefactor * s.product(best.factor),
        "upper bound",
        best.status,
        "fixed loss gradient",
        "For any unit vector g = ∂ℓ/∂x_L that is fixed before the weights are drawn the mean squared gradient at the "
        "input is at most this.",
        (*_plain(best), "φ is odd", "neurons independent"),
    )


def _fourth(s: LayeredNetwork) -> Formula:
    """Return E‖Jᵀg‖⁴ ≤ 3(N_0/N_L)² max_i E‖J e_i‖⁴ for g ~ N(0, I/N_L), by Jensen over the coordinates."""
    kappa = s.slope.largest
    assert kappa is not None
    mean = s.product(lambda one: one.sigma_w**2 * kappa.value**2 * active_share(s, one))
    spread = s.product(lambda one: 1 + (3 / active_share(s, one) - 1) / one.outputs)
    return Formula(
        fixed_gradient_fourth,
        3 * mean**2 * spread,
        "upper bound",
        "certified",
        "fourth moment of the gradient",
        "The mean fourth power of the gradient's length at the input is at most this.",
        ("weights and biases Gaussian", "∂ℓ/∂x_L is normal with mean square 1, independent of the network"),
    )


def _weights(s: LayeredNetwork, best: Rate) -> Formula:
    """Return E‖∂ℓ/∂W_l‖_F² ≤ N max(M, 1)² E‖∂ℓ/∂h_l‖²: ∂ℓ/∂W_l is the outer product of ∂ℓ/∂h_l and x_{l−1}."""
    bound = s.slope.value_bound
    assert bound is not None
    return Formula(
        weight_gradient_square,
        s.layers[0].inputs * sp.Max(bound.value, 1) ** 2 * layer_value(s, best),
        "upper bound",
        best.status,
        "weight gradient at layer l",
        "The mean squared gradient with respect to the weights of any layer is at most this.",
        tuple(dict.fromkeys((*best.assumptions, BOUNDED, UNIT_INPUT))),
        conditions=(sp.Le(layer, s.depth),),
    )
