"""How lengths and correlations approach their limits over the layers: exponentially, by a power law, or not at all."""

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, log
from typing import Any, Literal

import numpy as np
import sympy as sp

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.integrability import why_infinite
from vgtheory.symbolic.notation import layer
from vgtheory.symbolic.printing import displayed, to_latex
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.divergence import half_lines
from vgtheory.theory.asymptotics.fixed_points import MARGINAL, length_limit
from vgtheory.theory.asymptotics.moments import LOW, MomentTable, table_of
from vgtheory.theory.asymptotics.unit_means import UnitMeans, slope_as_activation, slope_square_at_zero

Law = Literal["constant", "exponential", "power", "growth", "linear growth", "superexponential growth", "frozen"]


@dataclass(frozen=True)
class Approach:
    """The limit of a quantity over the layers and how it is approached.

    Parameters
    ----------
    limit : where it goes; inf if it diverges, nan where the limit depends on the start ("frozen").
    law : "exponential": the distance to the limit shrinks like e^{rate·l}; "power": like coefficient·l^{−power};
        "constant": at the limit from the first layer; "growth": it grows like e^{rate·l}; "linear growth": like
        coefficient·l; "superexponential growth": ln of it is multiplied by e^rate in every layer; "frozen": it stops
        at a value that depends on the start.
    rate, power, coefficient : as above; 0 where they say nothing.
    expr : the leading term in the symbol ``layer``, exact where coefficients are; without its factor where the law is
        exponential.
    """

    limit: float
    law: Law
    rate: float = 0.0
    power: float = 0.0
    coefficient: float = 0.0
    expr: sp.Expr = sp.S.Zero

    @property
    def depth(self) -> float:
        """Return ξ = −1/rate for exponential laws, else inf."""
        return -1 / self.rate if self.law == "exponential" and self.rate else float("inf")

    def _repr_latex_(self) -> str:
        return displayed(rf"\text{{{self.law}}}: \quad {to_latex(self.expr)}")


def correlation_curvature(act: Any, q: float, sigma_w: float) -> float:
    """Return C''(1) = q σ_w² E φ''(√q z)² of the correlation map at a fixed point q; inf where φ has a kink or a jump.

    Examples
    --------
    >>> correlation_curvature("relu", 1.0, 2**0.5)
    inf
    >>> round(2 / correlation_curvature("tanh", 0.5120785042339012, 1.304145840056511), 8)  # Hayou et al. (2019)
    7.08373782
    """
    act = to_activation(act)
    if bends_infinitely(act):
        return float("inf")
    squares = correlation_table(act).coefficients(np.array([log(q)]))[0] ** 2
    orders = np.arange(float(len(squares)))
    terms = orders * (orders - 1) * squares
    if terms[-16:].sum() <= 1e-15 * terms.sum():  # Mehler's series has converged: C''(1) = σ_w² Σ n(n − 1) a_n²/q
        return float(sigma_w**2 * terms.sum() / q)
    return float(q * sigma_w**2 * _second_slopes(act).at(np.array([q]))[0, 0])


def bends_infinitely(act: Activation) -> bool:
    """Return whether E φ''² is infinite: where φ or φ' jumps, or φ'' is not square integrable."""
    return bool(act.jumps(0) or act.jumps(1) or why_infinite(act, 2, 2))


@lru_cache(maxsize=64)
def _second_slopes(act: Activation) -> UnitMeans:
    return UnitMeans(slope_as_activation(act), lambda slope, _: lambda h: slope.slope(h)[None] ** 2)


def approach(
    act: Any, sigma_w: float, sigma_b: float = 0.0, of: Literal["length", "correlation"] = "length"
) -> Approach:
    """Return how q_l, or with ``of="correlation"`` the correlation c_l of two inputs, approaches its limit.

    Raises
    ------
    InputError : another `of`.
    NoSolutionError, UnsupportedError : as :func:`length_approach` and :func:`correlation_approach`.

    Examples
    --------
    >>> approach("tanh", 1.0).expr
    1/(2*layer)
    >>> approach("relu", 2**0.5, of="correlation").expr
    9*pi**2/(2*layer**2)
    """
    if not isinstance(of, str) or of not in ("length", "correlation"):
        raise InputError("of", '"length" or "correlation"', 'leave it out for "length"', got=f"{of!r}")
    return (length_approach if of == "length" else correlation_approach)(act, sigma_w, sigma_b)


def correlation_approach(act: Any, sigma_w: float, sigma_b: float = 0.0) -> Approach:
    """Return how the correlation of two inputs approaches c*, where q_l settles from q_1 = σ_w² + σ_b².

    At χ = 1 a smooth φ gives 1 − c_l ~ 2/(C''(1) l), one with kinks 1 − c_l ~ 4/(s² l²) with
    s = σ_w² Σ J² e^{−b²/(2q)} √2/(3π) over its kinks b with jumps J of φ' (ReLU: 9π²/(2 l²)).

    Raises
    ------
    NoSolutionError : q_l diverges or does not settle.
    UnsupportedError : q_l → 0 at χ = 1 for an activation that is not odd.

    Notes
    -----
    Hayou, Doucet & Rousseau (2019), propositions 2 and 3.

    Examples
    --------
    >>> correlation_approach("relu", 2**0.5).expr
    9*pi**2/(2*layer**2)
    """
    table = table_of(act)
    q = length_limit(act, sigma_w, sigma_b)
    if not isfinite(q):
        raise NoSolutionError(
            f"q_l of {table.activation.name} diverges at sigma_w = {sigma_w:g}, sigma_b = {sigma_b:g}, and the "
            "correlation map changes with every layer; use a smaller sigma_w"
        )
    t = np.array([log(q) if q > 0 else LOW])
    slope = np.exp(table.at(t).log_slope_square) if q > 0 else np.array([slope_square_at_zero(table.activation)])
    chi = sigma_w**2 * slope
    if abs(chi[0] - 1) > MARGINAL or table.activation.jumps(0):
        c, log_slope = (
            correlation_table(table.activation).fixed(t, chi, np.array([sigma_w]))
            if q > 0
            else (
                np.ones(1),
                np.log(chi),
            )
        )
        return _exponential(float(c[0]), float(log_slope[0]))
    if q == 0:
        if table.activation.parity == "odd":
            return Approach(float("nan"), "frozen")
        raise UnsupportedError(
            f"correlations of {table.activation.name} at chi = 1 where q_l tends to 0; use sigma_b > 0"
        )
    return _critical_correlation(table.activation, q, sigma_w)


def _critical_correlation(act: Activation, q: float, sigma_w: float) -> Approach:
    kinks = act.jumps(1)
    if kinks:
        if act.homogeneous_degree == 1:  # every kink is at 0, and σ_w² = 1/E φ'²: exact
            right, left = (act.derivative().subs(act.symbol, side) for side in (1, -1))
            exact = sp.simplify(18 * sp.pi**2 * ((right**2 + left**2) / 2) ** 2 / (right - left) ** 4)
        else:
            weight = sum(float(gap) ** 2 * np.exp(-(float(at) ** 2) / (2 * q)) for at, gap in kinks)
            exact = sp.Float(18 * np.pi**2 / (sigma_w**4 * weight**2))
        return Approach(1.0, "power", power=2.0, coefficient=float(exact), expr=exact / layer**2)
    curvature = correlation_curvature(act, q, sigma_w)
    if curvature == 0:  # φ is affine: C(c) = c
        return Approach(float("nan"), "frozen")
    return Approach(1.0, "power", power=1.0, coefficient=2 / curvature, expr=sp.Float(2 / curvature) / layer)


def length_approach(act: Any, sigma_w: float, sigma_b: float = 0.0) -> Approach:
    """Return where q_l goes from q_1 = σ_w² + σ_b², and how.

    At χ_q = 1 it is a power law: q_l ~ −1/(a₁ l) where F(q) = q + a₁ q² + … (tanh at (1, 0): 1/(2 l)), 4/(b² l²) where
    F(q) = q − b q^{3/2} + …, and 2/(|F''| l) around a half-stable q*.

    Raises
    ------
    InputError : scales that are negative or not finite.
    NoSolutionError : q_l keeps moving, because the length map turns back too steeply.
    UnsupportedError : the expansion around the limit has no term that decides.

    Notes
    -----
    Roberts, Yaida & Hanin (2022), section 5.3.

    Examples
    --------
    >>> length_approach("tanh", 1.0).expr, length_approach("relu", 2.0).rate == log(2)
    (1/(2*layer), True)
    """
    table = table_of(act)
    q = length_limit(act, sigma_w, sigma_b)
    start = sigma_w**2 + sigma_b**2
    if q == float("inf"):
        return _divergence(table, sigma_w, sigma_b)
    if q == 0:
        return _vanishing(table, sigma_w)
    m = table.at(np.array([log(q)]))
    share = sigma_w**2 * float(np.exp(m.log_square[0])) if sigma_w else 0.0
    slope = share * float(m.elasticity[0]) / q
    if abs(slope - 1) > 1e-6:
        settled = sigma_w == 0 or abs(start / q - 1) < 1e-13
        return Approach(q, "constant") if settled else _exponential(q, log(abs(slope)) if slope else -np.inf)
    if table.activation.homogeneous_degree == 1:
        return Approach(q, "constant")
    bend = share * float(m.curvature[0]) / q**2  # F''
    return Approach(q, "power", power=1.0, coefficient=2 / abs(bend), expr=sp.Float(2 / abs(bend)) / layer)


def _exponential(limit: float, rate: float) -> Approach:
    return Approach(limit, "exponential", rate=rate, expr=sp.exp(sp.Float(rate) * layer) if isfinite(rate) else sp.S(0))


def _vanishing(table: MomentTable, sigma_w: float) -> Approach:
    if sigma_w == 0:
        return Approach(0.0, "constant")
    slope = slope_square_at_zero(table.activation)
    rate = 2 * log(sigma_w) + log(slope) if slope else -float("inf")
    if abs(rate) > MARGINAL:
        return _exponential(0.0, rate)
    half, whole = _small_signal(table.activation)
    if half != 0:
        return _power(2.0, 4 / half**2)
    if whole == 0:
        raise UnsupportedError(f"the decay of q_l for {table.activation.name}: its first two corrections are 0")
    return _power(1.0, 1 / abs(whole))


def _power(power: float, coefficient: sp.Expr) -> Approach:
    coefficient = sp.nsimplify(coefficient) if coefficient.is_number else coefficient
    expr = coefficient / layer ** sp.Integer(int(power))
    return Approach(0.0, "power", power=power, coefficient=float(coefficient), expr=expr)


def _small_signal(act: Activation) -> tuple[sp.Expr, sp.Expr]:
    """Return b and a₁ of E φ²/(slope²) = q + b q^{3/2} + a₁ q² + …, from the derivatives of φ on both sides of 0."""
    x = act.symbol
    sides = []
    for side in (1, -1):
        inside = [
            p for p in act.pieces if (p.lo < 0 if side < 0 else p.lo <= 0) and (p.hi > 0 if side > 0 else p.hi >= 0)
        ]
        sides.append([sp.limit(sp.diff(inside[0].expr, x, k), x, 0) for k in (1, 2, 3)])
    (a, a2, a3), (b, b2, b3) = sides
    slope = (a**2 + b**2) / 2
    # h₊: φ² = a²h² + a a₂|h|³ + (a a₃/3 + a₂²/4) h⁴; h₋ with the sign of the odd power turned.
    half = (a * a2 - b * b2) / 2 * 2 * sp.sqrt(2 / sp.pi) / slope  # E|z|³ = 2√(2/π)
    whole = (a * a3 + b * b3 + sp.Rational(3, 4) * (a2**2 + b2**2)) / 2 / slope
    return sp.simplify(half), sp.simplify(whole)


def _divergence(table: MomentTable, sigma_w: float, sigma_b: float) -> Approach:
    act, infinite = table.activation, float("inf")
    degree = act.homogeneous_degree
    if degree is not None and degree > 1:
        return Approach(infinite, "superexponential growth", rate=log(float(degree)))
    lines = half_lines(act)
    if lines is None or lines.mean_square == 0:
        raise UnsupportedError(f"the growth of q_l of {act.name}: known for asymptotically linear activations only")
    rate = log(sigma_w**2 * float(lines.mean_square))
    if rate > 1e-12:
        return Approach(infinite, "growth", rate=rate, expr=sp.exp(sp.Float(rate) * layer))
    if degree == 1 and sigma_b > 0:
        return Approach(infinite, "linear growth", coefficient=sigma_b**2, expr=sp.Float(sigma_b**2) * layer)
    raise UnsupportedError(f"how fast q_l of {act.name} grows at exactly sigma_w = {sigma_w:g}; change it a little")
