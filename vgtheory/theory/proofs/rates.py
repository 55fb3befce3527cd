"""Bounds on the factor by which one layer changes the mean squared gradient, at every finite width.

With T_0 a fixed vector and T_l = φ'(h_l) ∘ W_l T_{l−1} the tangents, a mean over all directions T_0 gives
E‖∂ℓ/∂x_0‖² = E‖J‖_F²/N_L for a loss gradient at x_L that is uniform on the unit sphere and independent of the network.
Given the past, h_l and W_l T_{l−1} are jointly distributed as their negatives, so φ'(h)² may be replaced by
g(h) = (φ'(h)² + φ'(−h)²)/2; normal weights make them jointly normal with iid coordinates, h_l ~ N(0, v_l I) exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.decimals import Decimal
from vgtheory.symbolic.formula import Status
from vgtheory.theory.methods import UNIFORM_LOSS
from vgtheory.theory.proofs import lyapunov
from vgtheory.theory.proofs.certified_slope import certainly_below
from vgtheory.theory.proofs.layered_network import Layer, LayeredNetwork

ISOTROPIC = f"{UNIFORM_LOSS} and independent of the network"
SYMMETRIC = "(W_l, b_l) is distributed as (−W_l, −b_l), independent over layers"
GAUSSIAN = "weights and biases Gaussian"
DECREASING = "g(h) = (φ'(h)² + φ'(−h)²)/2 is nonincreasing in |h| (checked in ball arithmetic)"
BOUNDED = "|φ| is bounded (checked)"
UNIT_INPUT = "‖x_0‖² = N_0"

Proof = Literal["symmetry", "bias", "explosion", "finite width"]


@dataclass(frozen=True)
class Rate:
    """A bound on the mean squared gradient, prefactor·∏ factor(layer).

    Parameters
    ----------
    factor : the factor of a layer.
    proof : the theorem behind it.
    prefactor : for the gradient at the input.
    anywhere : for the gradient at the pre-activations of any layer, a prefactor that serves all of them.
    """

    factor: Callable[[Layer], sp.Expr]
    status: Status
    name: str
    assumptions: tuple[str, ...]
    proof: Proof
    prefactor: sp.Expr = sp.S.One
    anywhere: sp.Expr = sp.S.One

    def factors(self, s: LayeredNetwork) -> list[sp.Expr]:
        """Return the factor of every distinct layer."""
        return [self.factor(layer) for layer in s.layers]


def upper_rates(s: LayeredNetwork) -> list[Rate]:
    """Return the valid upper bounds per layer, the certificates first."""
    if not s.has_isotropic_weights:
        return []
    rates = [bias_rate(s)] if bias_holds(s) else []
    top = s.slope.square_sup
    if top is not None:
        rates.append(
            Rate(
                lambda layer: layer.sigma_w**2 * top.value,
                top.status,
                "symmetrised slope",
                (SYMMETRIC, ISOTROPIC),
                "symmetry",
            )
        )
    sharp = finite_width_rate(s, upper=True)
    return [sharp, *rates] if sharp is not None and _sharpest(s, sharp, rates, 1) else rates


def lower_rates(s: LayeredNetwork) -> list[Rate]:
    """Return the valid lower bounds per layer, the certificates first."""
    low = s.slope.square_inf
    if not s.has_isotropic_weights:
        return []
    rates = [explosion_rate(s)] if explosion_holds(s) else []
    if low is not None and low.value != 0 and not certainly_below(low.value, sp.Float(1e-300)):
        rates.append(
            Rate(
                lambda layer: layer.sigma_w**2 * low.value,
                low.status,
                "symmetrised slope from below",
                (SYMMETRIC, ISOTROPIC),
                "symmetry",
            )
        )
    sharp = finite_width_rate(s, upper=False)
    return [sharp, *rates] if sharp is not None and _sharpest(s, sharp, rates, -1) else rates


def _sharpest(s: LayeredNetwork, sharp: Rate, others: list[Rate], sign: int) -> bool:
    """Return whether the finite-width rate improves on the others; where it does not, it only adds a prefactor."""
    value = sharp.factor(s.layers[0])
    return all(certainly_below(sp.Integer(0), sign * (other.factor(s.layers[0]) - value)) for other in others)


def largest_factor(s: LayeredNetwork, rate: Rate) -> float | None:
    """Return the largest factor of a layer as a float, None while it is symbolic."""
    found = rate.factors(s)
    return None if any(f.free_symbols for f in found) else max(float(enclose(f, 15)) for f in found)


def smallest_rate(s: LayeredNetwork) -> Rate | None:
    """Return the upper bound with the smallest factor, or None where there is none or it is symbolic."""
    sizes = [(size, rate) for rate in upper_rates(s) if (size := largest_factor(s, rate)) is not None]
    # Where two agree (ReLU), the closed form is the better one.
    return min(sizes, key=lambda pair: (pair[0], pair[1].status != "proved"))[1] if sizes else None


# ------------------------------------------------------------------ bias certificate


def bias_holds(s: LayeredNetwork) -> bool:
    """Return whether the bias certificate's proof applies: normal biases, Gaussian or Haar weights, g nonincreasing."""
    return (
        s.slope.decreasing
        and s.gain is not None
        and s.gaussian_bias
        and s.network.weights.is_isotropic
        and all(layer.sigma_b.is_zero is False or layer.sigma_b.is_positive for layer in s.layers)
    )


def bias_rate(s: LayeredNetwork) -> Rate:
    """Return χ_max = σ_w² A(σ_b²), A(v) = E φ'(√v z)².

    Given the past, (W T)_i and h_i are jointly normal with E = s²‖T‖²[(1 − ρ²) A(v) + ρ² B(v)], B(v) = E z²φ'(√v z)².
    g nonincreasing in |h| gives B ≤ A (Chebyshev's association inequality) and A nonincreasing in v ≥ σ_b².
    For Haar weights the same follows with the sphere's law in place of the normal one and Anderson's inequality.
    """
    law = "weights Gaussian, or Haar orthogonal" if s.family == "orthogonal" else GAUSSIAN
    return Rate(
        lambda layer: layer.sigma_w**2 * s.mean_slope_square(layer.sigma_b**2),
        "certified",
        "bias certificate",
        (law, DECREASING, ISOTROPIC),
        "bias",
    )


# ------------------------------------------------------------------ its lower twin


def explosion_holds(s: LayeredNetwork) -> bool:
    """Return whether the lower twin applies: Gaussian, bounded φ, g nonincreasing, equal widths, a positive factor."""
    slope = s.slope
    if not (slope.decreasing and slope.value_bound and slope.largest and s.gaussian_bias and s.uniform_width):
        return False
    return (
        s.family == "gaussian"
        and s.gain is not None
        and certainly_below(-explosion_rate(s).factor(s.layers[0]), sp.Integer(0))
    )


def explosion_rate(s: LayeredNetwork) -> Rate:
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

    assumptions = (GAUSSIAN, BOUNDED, DECREASING, UNIT_INPUT, ISOTROPIC)
    return Rate(factor, "certified", "explosion certificate", assumptions, "explosion", _orthogonal_share(s))


def _orthogonal_share(s: LayeredNetwork) -> sp.Expr:
    """Return the share of directions T_0 that is orthogonal to the input, at least 1 − 1/N."""
    return 1 - 1 / s.layers[0].inputs


# ------------------------------------------------------------------ finite width


def model_of(s: LayeredNetwork) -> lyapunov.Model | None:
    """Return what the finite-width certificate needs, None where an assumption of its proof fails.

    Gaussian weights and biases, equal widths, bounded φ and φ', all numbers.
    """
    slope, layer = s.slope, s.layers[0]
    if not (s.family == "gaussian" and s.gaussian_bias and s.uniform_width and s.network.activation.is_numeric):
        return None
    if not (slope.value_bound and slope.largest and slope.square_sup):
        return None
    numbers = (layer.sigma_w, layer.sigma_b, layer.outputs, slope.value_bound.value, slope.largest.value)
    if any(value.free_symbols for value in numbers) or not certainly_below(sp.Integer(0), layer.sigma_w):
        return None
    return lyapunov.Model(
        s.network.activation,
        layer.sigma_w,
        layer.sigma_b,
        int(layer.outputs),
        slope.value_bound.value,
        slope.largest.value,
        slope.square_sup.value,
        slope.decreasing,
    )


def _shown(number: sp.Rational) -> sp.Expr:
    return sp.S.One if number == 1 else Decimal(number)


def finite_width_rate(s: LayeredNetwork, upper: bool) -> Rate | None:
    """Return λ⁺ or λ⁻ of :mod:`vgtheory.theory.proofs.lyapunov`, None where it is not to be had."""
    model = model_of(s)
    found = None if model is None else (lyapunov.upper_rate if upper else lyapunov.lower_rate)(model)
    if found is None:
        return None
    rate = Decimal(found.rate)
    name = "finite-width rate" if upper else "finite-width rate from below"
    share = sp.S.One if upper else _orthogonal_share(s)
    assumptions = (GAUSSIAN, "|φ| and |φ'| are bounded (checked)", "equal widths", UNIT_INPUT, ISOTROPIC)
    return Rate(
        lambda _: rate,
        "certified",
        name,
        assumptions,
        "finite width",
        share * _shown(found.prefactor),
        share * _shown(found.anywhere),
    )
