"""A lower tail of ‖J v‖² for bounded activations: weak, but the only unconditional one when slopes may vanish.

Given the past ‖T_l‖² is a sum of iid nonnegative terms Y_i.  Maurer's inequality P(ΣY ≤ (1 − τ)EΣY) ≤
exp(−τ²(EY)²N/(2EY²)), EY² ≤ 3 E φ'⁴ (association), and a union over the layers.
"""

from __future__ import annotations

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.ball import outward
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.decimals import Decimal
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian import gaussian_mean
from vgtheory.symbolic.monotone import nonincreasing
from vgtheory.symbolic.notation import log_stretch, p, q
from vgtheory.theory.proofs.certified_slope import symmetrised
from vgtheory.theory.proofs.gradient_moments import DIRECTION, PROBABILITY
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.rates import BOUNDED, DECREASING, GAUSSIAN, UNIT_INPUT, explosion_holds

DIGITS = 12


def lower_tail_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the lower tail where its assumptions hold and its factors are positive numbers."""
    layer, act = s.layers[0], s.network.activation
    numbers = (layer.sigma_w, layer.sigma_b, layer.outputs)
    if not explosion_holds(s) or any(value.free_symbols for value in numbers) or layer.sigma_b == 0:
        return []
    if not nonincreasing(symmetrised(act, 4), act.symbol):
        return []
    try:
        return [_formula(s)]
    except UnsupportedError:
        return []


def _formula(s: LayeredNetwork) -> Formula:
    layer, bound = s.layers[0], s.slope.value_bound
    assert bound is not None
    low, high = layer.sigma_b**2, layer.sigma_w**2 * sp.Max(bound.value, 1) ** 2 + layer.sigma_b**2
    # σ_b²/v A(v) + (1 − σ_b²/v) B(v) falls with v, as A, B and A − B ≥ 0 say, so that its infimum is at v_max.
    aligned = 1 - low / high
    gain = layer.sigma_w**2 * ((1 - aligned) * _slope_mean(s, 2, high, 0) + aligned * _slope_mean(s, 2, high, 2))
    ratio = _bound(3 * layer.sigma_w**4 * _slope_mean(s, 4, low, 0) / gain**2, up=True)
    step = sp.sqrt(2 * ratio * sp.log(s.depth / p) / layer.outputs)
    return Formula(
        log_stretch,
        s.depth * (sp.log(_bound(gain, up=False)) + sp.log(1 - step)),
        "lower bound",
        "certified",
        "lower tail of a bounded activation",
        "With probability at least 1 − p a fixed direction v keeps at least this much of its length (a weak bound).",
        (GAUSSIAN, BOUNDED, DECREASING, UNIT_INPUT, DIRECTION, PROBABILITY),
        ("maurer2003",),
        conditions=(sp.Lt(step, 1),),
    )


def _bound(value: sp.Expr, up: bool) -> sp.Expr:
    """Return a decimal on the safe side of a number."""
    lo, hi = outward(enclose(value, DIGITS))
    return Decimal(sp.Rational(hi if up else lo))


def _slope_mean(s: LayeredNetwork, power: int, variance: sp.Expr, moment: int) -> sp.Expr:
    """Return E z^moment φ'(√v z)^power."""
    act = s.network.activation
    parts = tuple(
        calculus.Piece(piece.lo, piece.hi, act.symbol**moment * piece.expr**power) for piece in act.derivative_pieces(1)
    )
    mean = gaussian_mean(calculus.assemble(parts, act.symbol), q, act.symbol).expr
    return (mean / q ** (moment // 2)).subs(q, variance)
