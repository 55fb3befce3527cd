"""How much bias proves vanishing at every width and depth: closed thresholds, derived from ∫φ'² and the gain.

A(v) = E φ'(√v z)² ≤ ∫φ'(h)² dh/√(2πv), the Gaussian density being at most 1/√(2πv); with v ≥ σ_b² the bias certificate
therefore holds for σ_b ≥ σ_w² ∫φ'²/√(2π).
"""

from __future__ import annotations

import math

import numpy as np
import scipy  # its parts load at first use
import sympy as sp
from flint import acb, arb
from sympy.integrals.rationaltools import ratint

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import number_ball, outward, precision
from vgtheory.symbolic.complex_ball import complex_function, enclose
from vgtheory.symbolic.decimals import Decimal
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.notation import q, sigma_b, sigma_w
from vgtheory.symbolic.tails import TailUndecided, coefficient_ball
from vgtheory.theory.proofs.certified_slope import Known, certainly_below
from vgtheory.theory.proofs.gauss_table import density_rows, float_values, half_line
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.rates import DECREASING, ISOTROPIC

BITS = 96
STARTS = (16, 64, 256, 1024, 10**5)
MARGINS = (2e-6, 1e-4, 1e-2)  # by which an estimate in floating point is raised before it is certified
MOST_PANELS = 4000  # of the estimate: one product in floating point, so that more is afforded than to a certificate
SMALLEST = 1e-3  # bias that is looked for, as a share of the threshold in closed form
AGREEMENT = 20  # digits to which a closed form agrees with the certified integral
CERTIFIES = "The mean squared gradient vanishes at every width, depth and input if σ_b is at least this."


def threshold_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the σ_b from which vanishing is certified, and the σ_w below which it is without any bias."""
    found = []
    layer, top = s.layers[0], s.slope.square_sup
    if top is not None and top.value != 0 and s.has_isotropic_weights:
        found.append(
            Formula(
                sigma_w,
                1 / sp.sqrt(top.value),
                "upper bound",
                top.status,
                "weights that certify vanishing",
                "The mean squared gradient vanishes at every width, depth, input and bias if σ_w is below this.",
                ("(W_l, b_l) is distributed as (−W_l, −b_l), independent over layers", ISOTROPIC),
            )
        )
    isotropic = s.network.weights.is_isotropic
    if not (s.slope.decreasing and s.gaussian_bias and isotropic and s.uniform_width):
        return found
    assumptions = (f"weights {s.family}", DECREASING, ISOTROPIC)
    total = square_integral(s.network.activation)
    if total is not None:
        found.append(
            Formula(
                sigma_b,
                layer.sigma_w**2 * total.value / sp.sqrt(2 * sp.pi),
                "lower bound",
                total.status,
                "bias that certifies vanishing",
                CERTIFIES,
                assumptions,
            )
        )
    exact = _exact(s, total)
    return found if exact is None else [*found, _sharp(exact, assumptions)]


def _sharp(value: Known, assumptions: tuple[str, ...]) -> Formula:
    name = "smallest bias of the bias certificate"
    return Formula(sigma_b, value.value, "lower bound", value.status, name, CERTIFIES, assumptions)


@kept
def square_integral(act: Activation) -> Known | None:
    """Return ∫φ'(h)² dh, in closed form where that is found and agrees with the certified integral, else a value above.

    None where it is infinite or cannot be certified.
    """
    try:
        with precision(BITS):
            ball = sum((_piece_integral(p.expr, p.lo, p.hi, act.symbol) for p in act.derivative_pieces(1)), arb(0))
    except (UnsupportedError, TailUndecided):
        return None
    if not ball.is_finite():
        return None
    closed = _closed_integral(act)
    if closed is not None:
        with precision(BITS):
            value = enclose(closed, AGREEMENT)
            if value.overlaps(ball) and (value - ball).abs_upper() < arb(10) ** -12:
                return Known(closed, "proved")
    return Known(Decimal(sp.Rational(outward(ball)[1])), "certified")


def _piece_integral(slope: sp.Expr, lo: sp.Expr, hi: sp.Expr, x: sp.Symbol) -> arb:
    if slope == 0:
        return arb(0)
    total = arb(0)
    if lo == -sp.oo and hi == sp.oo:
        return _piece_integral(slope, sp.Integer(0), hi, x) + _piece_integral(slope, lo, sp.Integer(0), x)
    if lo == -sp.oo:
        slope, lo, hi = slope.subs(x, -x), -hi, sp.oo
    end = number_ball(hi) if hi.is_finite else arb(0)
    if hi == sp.oo:
        start, rest = _tail_square(slope, x, lo)
        end, total = arb(start), rest
    f = complex_function(slope, x, BITS)
    value = acb.integral(lambda z, analytic: f(z, analytic) ** 2, acb(number_ball(lo)), acb(end))
    return total + value.real


def _tail_square(slope: sp.Expr, x: sp.Symbol, lo: sp.Expr) -> tuple[int, arb]:
    """Return R and a ball around ∫_R^∞ φ'²: each term of the tail is C x^a e^{−rx} with a decay that is integrable."""
    best: tuple[int, arb] | None = None
    for start in (r for r in STARTS if r > float(lo)):
        try:
            found = tail(slope, x, start)
        except TailUndecided:
            continue
        size, power, rate = arb(0), None, None
        for scale, coefficient in found.terms:
            exponent = scale.power + scale.logs + scale.loglogs  # log log x ≤ log x ≤ x
            fall = sum((number_ball(-r) for degree, r in scale.rates if degree >= 1), arb(0))
            if any(r > 0 for _, r in scale.rates):
                return _undecided()
            size += abs(coefficient_ball(coefficient))
            power = exponent if power is None else sp.Max(power, exponent)
            rate = fall if rate is None else rate.min(fall)
        if power is None or rate is None:
            return start, arb(0)
        bound = _integral_of_square(size, power, rate, start)
        if bound is not None:
            best = start, arb(0, 1) * bound
            if bound < arb(10) ** -14:
                return best
    return best if best is not None and best[1].rad() < 1 else _undecided()


def _undecided() -> tuple[int, arb]:
    raise TailUndecided


def _integral_of_square(size: arb, power: sp.Expr, rate: arb, start: int) -> arb | None:
    """Return a bound of ∫_R^∞ (C x^a e^{−rx})² dx, None where there is none by these rules."""
    twice = 2 * number_ball(power)
    if rate > 0:
        fall = 2 * rate - twice.max(arb(0)) / start  # x^{2a} ≤ R^{2a} e^{2a(x/R − 1)}
        return size**2 * (arb(start).log() * twice - 2 * rate * start).exp() / fall if fall > 0 else None
    return size**2 * (arb(start).log() * (twice + 1)).exp() / (-twice - 1) if twice < -1 else None


def _closed_integral(act: Activation) -> sp.Expr | None:
    """Return ∫φ'² where φ'² is rational in x or in e^x on every piece, or Gaussian; None otherwise."""
    total = sp.Integer(0)
    for piece in act.derivative_pieces(1):
        found = _closed_piece(piece.expr**2, piece.lo, piece.hi, act.symbol)
        if found is None:
            return None
        total += found
    return total if total.is_Rational else sp.simplify(total)  # whose first call loads the units of physics


def _closed_piece(f: sp.Expr, lo: sp.Expr, hi: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    u = sp.Symbol("u", positive=True)
    in_exp = sp.together(f.rewrite(sp.exp).subs(sp.exp(x), u).subs(x, sp.log(u)))
    rational = sp.cancel(in_exp)
    if not rational.is_rational_function(u):
        rational = sp.simplify(in_exp)
    if f.is_rational_function(x) or f.func is sp.exp or (f / f.subs(x, 0)).func is sp.exp:
        return _integrated(f, x, lo, hi)
    if rational.is_rational_function(u):
        ends = [sp.Integer(0) if e == -sp.oo else sp.oo if e == sp.oo else sp.exp(e) for e in (lo, hi)]
        return _integrated(sp.cancel(rational / u), u, *ends)
    return None


def _integrated(f: sp.Expr, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> sp.Expr | None:
    if f.is_rational_function(x):  # an antiderivative by algebra; definite integration would try tables first
        whole = ratint(sp.cancel(f), x)
        found = sp.limit(whole, x, hi, "-") - sp.limit(whole, x, lo, "+")
    else:
        found = sp.integrate(f, (x, lo, hi))
    return found if found.is_finite and not found.has(sp.Integral) else None


def _exact(s: LayeredNetwork, total: Known | None) -> Known | None:
    """Return the σ_b at which χ_max = σ_w²A(σ_b²) is 1: solved where the gain is algebraic, else a certified decimal.

    None where no bias is needed, or none is enough.
    """
    gain, top, scale = s.gain, s.slope.square_sup, s.layers[0].sigma_w
    if total is None or gain is None or top is None or scale.free_symbols or gain.free_symbols - {q}:
        return None
    if not certainly_below(sp.Integer(1), scale**2 * top.value):
        return None
    return _solved(s.network.activation, gain, scale, total)


@kept
def _solved(act: Activation, gain: sp.Expr, scale: sp.Expr, total: Known) -> Known | None:
    """Return the σ_b at which σ_w²A(σ_b²) = 1, given A, σ_w and ∫φ'²."""
    if gain.is_algebraic_expr(q):
        roots = [r for r in sp.solve(sp.Eq(scale**2 * gain, 1), q) if r.is_positive]
        if len(roots) == 1:
            return Known(sp.sqrt(roots[0]), "proved")
    try:
        guess = _estimate(act, float(scale), float(total.value))
    except UnsupportedError:
        return None
    for margin in MARGINS:
        bias = sp.Rational(f"{guess * (1 + margin):.7g}")
        if certainly_below(scale**2 * gain.subs(q, bias**2), sp.Integer(1)):
            return Known(Decimal(bias), "certified")
    return None


def _estimate(act: Activation, scale: float, total: float) -> float:
    """Return the σ_b with σ_w²A(σ_b²) = 1 in floating point; it lies below σ_w²∫φ'²/√(2π)."""
    largest = scale * scale * total / math.sqrt(2 * math.pi)  # a product overflows to inf, a power raises
    low = SMALLEST * largest
    with precision(BITS):
        panels = half_line(act, low * low, largest * largest, 1.0, MOST_PANELS).panels
    slopes = float_values(panels)[1].sum(1)

    def excess(bias: float) -> float:
        return scale**2 * float((density_rows(panels, np.array([bias**2]))[1] @ slopes)[0]) - 1

    return float(scipy.optimize.brentq(excess, low, largest * 1.001)) if excess(low) > 0 else low
