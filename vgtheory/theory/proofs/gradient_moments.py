"""Beyond the mean: all moments and tails of ‖J v‖² for a fixed direction v, ReLU being the extreme case.

With g nonincreasing in |h|, κ = sup|φ'| and p̂ = A(σ_b²)/κ² a layer's factor is below (κ²σ_w²/N_{l−1}) χ²_n with
n ~ Binomial(N_l, p̂) in the increasing convex order: for convex f with f(0) = 0, f(φ'²G²) ≤ (φ'²/κ²) f(κ²G²); φ'² may
be replaced by g, and G² = (ρz + √(1 − ρ²)ζ)² increases stochastically with |z| while g falls, so that
E f(φ'²G²) ≤ p̂ E f(κ²χ²_1).  Sums of independent terms and products with independent factors keep the order.
"""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.formula import Formula, Kind
from vgtheory.symbolic.notation import (
    log_stretch,
    p,
    stretch_fourth,
    stretch_over_gains,
    stretch_persistence,
    stretch_tail,
    t,
    theta,
)
from vgtheory.theory.proofs.infimum import WIDEST, Exponential, Infimum, LogMoment
from vgtheory.theory.proofs.layered_network import Layer, LayeredNetwork
from vgtheory.theory.proofs.rates import DECREASING, GAUSSIAN

DIRECTION = "v fixed before the weights are drawn, ‖v‖ = 1"
PROBABILITY = "holds with probability at least 1 − p"


def moment_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the self-normalised bound, the fourth moment and the tails with optimal exponent."""
    if s.family != "gaussian" or not s.gaussian_bias or s.slope.largest is None:
        return []
    found = [_self_normalised(s)]
    if not comparable(s):
        return found
    found.append(_fourth(s))
    if all(not layer.outputs.is_number or layer.outputs <= WIDEST for layer in s.layers):
        found += [_tail(s), _quantile(s)]
    return [*found, _persistence(s)] if s.is_masked else found


def comparable(s: LayeredNetwork) -> bool:
    """Return whether the comparison with ReLU's law holds: Gaussian, g nonincreasing, κ finite and not 0."""
    slope = s.slope
    return (
        s.family == "gaussian"
        and s.gaussian_bias
        and slope.decreasing
        and slope.square_sup is not None
        and slope.largest is not None
        and slope.largest.value != 0
        and all(layer.sigma_w != 0 for layer in s.layers)
    )


def active_share(s: LayeredNetwork, layer: Layer) -> sp.Expr:
    """Return p̂ = A(σ_b²)/κ², with A(0) = sup g where there is no bias."""
    assert s.slope.largest is not None
    assert s.slope.square_sup is not None
    biased = s.gain is not None and (layer.sigma_b.is_zero is False or layer.sigma_b.is_positive)
    mean = s.mean_slope_square(layer.sigma_b**2) if biased else s.slope.square_sup.value
    return mean / s.slope.largest.value**2


def log_gain(s: LayeredNetwork) -> sp.Expr:
    """Return Σ ln(σ_w²κ²p̂) + ln(N_L/N_0), the logarithm of the bound in mean."""
    assert s.slope.largest is not None
    kappa = s.slope.largest.value
    gains = s.total(lambda layer: sp.log(layer.sigma_w**2 * kappa**2 * active_share(s, layer)))
    return gains + sp.log(s.layers[-1].outputs / s.layers[0].inputs)


def log_moments(s: LayeredNetwork, exponent: sp.Expr) -> sp.Expr:
    """Return Σ_l ln m_θ(N_l, p̂), m_θ the moment of a layer's factor relative to its mean."""
    return s.total(lambda layer: LogMoment(exponent, layer.outputs, active_share(s, layer)))


def _assumptions(s: LayeredNetwork) -> tuple[str, ...]:
    return (GAUSSIAN, DIRECTION) if s.is_masked else (GAUSSIAN, DECREASING, DIRECTION)


def _self_normalised(s: LayeredNetwork) -> Formula:
    """Return P(sup_L ‖T_L‖²/∏χ(v_l) ≥ (N_L/N_0)/p) ≤ p: a nonnegative supermartingale and Ville's inequality."""
    ratio = s.layers[-1].outputs / s.layers[0].inputs
    gains = "E φ'(√v z)²" if s.slope.decreasing else "max(E φ'(√v z)², E z²φ'(√v z)²)"
    return Formula(
        stretch_over_gains,
        ratio / p,
        "upper bound",
        "proved",
        "self-normalised gradient",
        f"With probability at least 1 − p, at all depths at once, ‖J v‖² is at most this times ∏ χ(v_l), "
        f"χ(v) = σ_w² {gains}, v_l = σ_w²‖x_(l−1)‖²/N_(l−1) + σ_b² the variances in the same network.",
        (GAUSSIAN, DIRECTION),
        ("ville1939",),
    )


def _fourth(s: LayeredNetwork) -> Formula:
    """Return E‖J v‖⁴ ≤ (bound in mean)² ∏(1 + (3/p̂ − 1)/N_l): θ = 2 of the comparison."""
    kind: Kind = "equality" if s.is_masked else "upper bound"
    spread = s.product(lambda layer: 1 + (3 / active_share(s, layer) - 1) / layer.outputs)
    return Formula(
        stretch_fourth,
        mean_square(s) ** 2 * spread,
        kind,
        "proved" if s.is_masked else "certified",
        "fourth moment",
        f"The mean fourth power of the stretch of a fixed direction {'equals' if s.is_masked else 'is at most'} this.",
        _assumptions(s),
        ("hanin2020",) if s.is_masked else (),
    )


def mean_square(s: LayeredNetwork) -> sp.Expr:
    """Return ∏(N_l/N_{l−1})σ_w²κ²p̂, the bound in mean on ‖J v‖²."""
    assert s.slope.largest is not None
    kappa = s.slope.largest.value
    return s.product(lambda layer: layer.outputs / layer.inputs * layer.sigma_w**2 * kappa**2 * active_share(s, layer))


def _tail(s: LayeredNetwork) -> Formula:
    """Return P(‖J v‖² ≥ t·bound in mean) ≤ inf_θ t^{−θ} ∏ m_θ."""
    least = 0 if s.is_masked else 1
    best = Infimum(log_moments(s, theta) - theta * sp.log(t), (theta, least, sp.oo))
    return Formula(
        stretch_tail,
        sp.Min(1, Exponential(best)),
        "upper bound",
        "proved" if s.is_masked else "certified",
        "tail with optimal exponent",
        "The probability that a fixed direction is stretched by t times the bound in mean is at most this.",
        _assumptions(s),
    )


def _quantile(s: LayeredNetwork) -> Formula:
    """Return the same tail solved for the stretch."""
    least = 0 if s.is_masked else 1
    best = Infimum((log_moments(s, theta) + sp.log(1 / p)) / theta, (theta, least, sp.oo))
    return Formula(
        log_stretch,
        log_gain(s) + best,
        "upper bound",
        "proved" if s.is_masked else "certified",
        "moments with optimal exponent",
        "With probability at least 1 − p a fixed direction v is stretched by no more than this.",
        (*_assumptions(s), PROBABILITY),
    )


def _persistence(s: LayeredNetwork) -> Formula:
    """Return Paley and Zygmund's inequality with the exact second and fourth moments."""
    spread = s.product(lambda layer: 1 + (3 / active_share(s, layer) - 1) / layer.outputs)
    return Formula(
        stretch_persistence,
        (1 - t) ** 2 / spread,
        "lower bound",
        "proved",
        "persistence",
        "The probability that a fixed direction keeps the share t of its mean squared stretch is at least this.",
        _assumptions(s),
        ("hanin2020",),
        conditions=(sp.Lt(t, 1),),
    )
