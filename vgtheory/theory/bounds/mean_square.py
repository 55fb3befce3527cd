"""Bounds on the mean squared gradient at every finite width: symmetrised slope, bias certificate, explosion.

The gradient of the loss at x_L is uniform on the unit sphere and independent of the network.  With T_0 a fixed vector,
T_l = φ'(h_l) ∘ W_l T_{l−1} and the past fixed, h_l and W_l T_{l−1} are jointly distributed as their negatives, so
φ'(h)² may be replaced by g(h) = (φ'(h)² + φ'(−h)²)/2; the mean over all directions T_0 gives E‖∂ℓ/∂x_0‖² = E‖J‖_F²/N_L.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from vgtheory.symbolic.formula import Formula, Kind, Status
from vgtheory.symbolic.notation import gradient_square
from vgtheory.theory.bounds.setting import Layer, Setting, certainly_below

ISOTROPIC = "the loss gradient at x_L is uniform on the unit sphere and independent of the network"
SYMMETRIC = "(W_l, b_l) is distributed as (−W_l, −b_l), independent over layers"


@dataclass(frozen=True)
class Rate:
    """A bound on the factor by which one layer changes the mean squared gradient."""

    factor: Callable[[Layer], sp.Expr]
    status: Status
    name: str
    assumptions: tuple[str, ...]


def upper_rates(s: Setting) -> list[Rate]:
    """Return the valid upper bounds per layer, the certificates first."""
    if not s.has_isotropic_weights:
        return []
    rates = [bias_rate(s)] if bias_holds(s) else []
    top = s.slope.square_sup
    if top is not None:
        rates.append(
            Rate(lambda layer: layer.sigma_w**2 * top.value, top.status, "symmetrised slope", (SYMMETRIC, ISOTROPIC))
        )
    return rates


def lower_rates(s: Setting) -> list[Rate]:
    """Return the valid lower bounds per layer."""
    low = s.slope.square_inf
    if not s.has_isotropic_weights:
        return []
    rates = [explosion_rate(s)] if explosion_holds(s) else []
    if low is not None and low.value != 0 and not certainly_below(low.value, sp.Float(1e-300)):
        rates.append(
            Rate(lambda layer: layer.sigma_w**2 * low.value, low.status, "symmetrised slope", (SYMMETRIC, ISOTROPIC))
        )
    return rates


def bias_holds(s: Setting) -> bool:
    """Return whether the bias certificate's proof applies: normal biases, Gaussian or Haar weights, g nonincreasing."""
    return (
        s.slope.decreasing
        and s.gain is not None
        and s.gaussian_bias
        and s.family in ("gaussian", "orthogonal")
        and all(layer.sigma_b.is_zero is False or layer.sigma_b.is_positive for layer in s.layers)
    )


def bias_rate(s: Setting) -> Rate:
    """Return χ_max = σ_w² A(σ_b²), A(v) = E φ'(√v z)².

    Given the past, (W T)_i and h_i are jointly normal with E = s²‖T‖²[(1 − ρ²) A(v) + ρ² B(v)], B(v) = E z²φ'(√v z)².
    g nonincreasing in |h| gives B ≤ A (Chebyshev's association inequality) and A nonincreasing in v ≥ σ_b².
    For Haar weights the same follows with the sphere's law in place of the normal one and Anderson's inequality.
    """
    return Rate(
        lambda layer: layer.sigma_w**2 * s.mean_slope_square(layer.sigma_b**2),
        "certified",
        "bias certificate",
        (
            "weights Gaussian, or Haar orthogonal" if s.family == "orthogonal" else "weights and biases Gaussian",
            "g(h) = (φ'(h)² + φ'(−h)²)/2 is nonincreasing in |h| (checked in ball arithmetic)",
            ISOTROPIC,
        ),
    )


def explosion_holds(s: Setting) -> bool:
    """Return whether the lower twin applies: Gaussian, bounded φ, g nonincreasing, equal widths, a positive factor."""
    slope = s.slope
    if not (slope.decreasing and slope.value_bound and slope.largest and s.gaussian_bias and s.uniform_width):
        return False
    return (
        s.family == "gaussian"
        and s.gain is not None
        and certainly_below(-explosion_rate(s).factor(s.layers[0]), sp.Integer(0))
    )


def explosion_rate(s: Setting) -> Rate:
    """Return σ_w²(A(v_max) − κ²/N), v_max = σ_w² max(M, 1)² + σ_b² ≥ the variance of every pre-activation.

    With P the projection orthogonal to (x_l, σ_b√N/σ_w): E‖P T_l‖² ≥ s²‖P T_{l−1}‖² E(Σφ'(h_i)² − κ²).
    """
    slope = s.slope
    assert slope.value_bound is not None
    assert slope.largest is not None
    most, kappa = sp.Max(slope.value_bound.value, 1), slope.largest.value

    def factor(layer: Layer) -> sp.Expr:
        v_max = layer.sigma_w**2 * most**2 + layer.sigma_b**2
        return layer.sigma_w**2 * (s.mean_slope_square(v_max) - kappa**2 / layer.outputs)

    bounded = "|φ| is bounded, and g(h) = (φ'(h)² + φ'(−h)²)/2 is nonincreasing in |h| (both checked)"
    return Rate(factor, "certified", "explosion certificate", ("weights and biases Gaussian", bounded, ISOTROPIC))


def mean_square_bounds(s: Setting) -> list[Formula]:
    """Return upper and lower bounds on E‖∂ℓ/∂x_0‖², an equality where both are the same."""
    if s.has_isotropic_weights and s.slope.square_sup and s.slope.square_sup == s.slope.square_inf:
        rate = upper_rates(s)[-1]
        return [_formula(s, rate, "equality", "equals")]
    found = [_formula(s, rate, "upper bound", "is at most") for rate in upper_rates(s)]
    return found + [_formula(s, rate, "lower bound", "is at least") for rate in lower_rates(s)]


def _formula(s: Setting, rate: Rate, kind: Kind, relation: str) -> Formula:
    value = s.product(rate.factor)
    extra: tuple[str, ...] = ()
    if rate.name == "explosion certificate":
        value *= 1 - 1 / s.layers[0].inputs  # the directions orthogonal to the input
        extra = ("‖x_0‖² = N_0",)
    return Formula(
        gradient_square,
        value,
        kind,
        rate.status,
        f"{rate.name}, exact mean" if kind == "equality" else rate.name,
        f"At every width, depth and input the mean squared gradient at the input {relation} this.",
        (*rate.assumptions, *extra),
        ("hanin2020",) if kind == "equality" else (),
    )
