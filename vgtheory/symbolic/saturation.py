"""Where an activation is saturated: {x : |φ'(x)| ≤ ε}, in closed form or with certified endpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import sympy as sp

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, jets, number_ball, precision
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.extrema import derivative_range, slope_bound
from vgtheory.symbolic.extremum import Extremum
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.level_set import merged, piece_levels
from vgtheory.symbolic.monotone import nonincreasing
from vgtheory.symbolic.periodic_mass import PeriodicMass
from vgtheory.symbolic.printing import displayed, to_latex
from vgtheory.symbolic.search import SEARCH_BITS
from vgtheory.symbolic.shape import slope_period

GRID = np.linspace(-12.0, 12.0, 2401)  # where the largest slope of a function is looked for that is only evaluated
FLAT = 0.01  # of the largest slope: at or below it a unit counts as saturated


@dataclass(frozen=True)
class Saturation:
    """The set of pre-activations with a slope of at most eps in magnitude.

    Parameters
    ----------
    activation, eps : what it is about.
    expr : the set in closed form (SymPy), or None.
    intervals : its intervals as doubles (lo, hi), ±inf where unbounded, within 1e-15 of the certified ends;
        empty while eps is a symbol.
    status : "proved" (closed form) or "certified" (ends isolated in ball arithmetic).
    period : the set repeats with this period and `intervals` are those of one period; None where it does not.
    condition : for which eps the set is this one: eps < sup |φ'| where eps is a symbol and the slope is bounded.
    """

    activation: Activation
    eps: sp.Expr
    expr: sp.Set | None
    intervals: tuple[tuple[float, float], ...]
    status: Literal["proved", "certified"]
    period: sp.Expr | None = None
    condition: sp.Basic = sp.true

    def _repr_latex_(self) -> str:
        x = to_latex(self.activation.symbol)
        left = rf"\left\{{{x} : |\varphi'({x})| \le {to_latex(self.eps)}\right\}}"
        if self.expr is not None:
            return displayed(f"{left} = {to_latex(self.expr)}")
        whole = sp.Union(*(sp.Interval(sp.Float(lo), sp.Float(hi)) for lo, hi in self.intervals))
        shift = "" if self.period is None else rf" + {to_latex(self.period)} \mathbb{{Z}}"
        return displayed(rf"{left} \approx {to_latex(whole)}{shift}")

    def probability(self, q: Any) -> sp.Expr:
        """Return P(|φ'(√q z)| ≤ eps) for z ~ N(0, 1): closed form in q where the set has one, else a number.

        Given the past, the pre-activations of a layer are independent N(0, q), so this is the law of one neuron.

        >>> from vgtheory.symbolic.catalogue import activation
        >>> saturation(activation("relu"), 0.1).probability(2)
        1/2
        """
        variance = exact(q)
        if variance.is_number and not variance > 0:
            raise InputError("q", "a positive variance", "e.g. q=0.7", got=shown(q))
        if self.period is not None:
            base = None if self.expr is None else self.expr.args[2]
            return PeriodicMass(self.intervals if base is None else _interval_ends(base), self.period, variance)
        ends = self.intervals if self.expr is None else _interval_ends(self.expr)
        parts = [_probability(sp.sympify(lo), sp.sympify(hi), variance) for lo, hi in ends]
        return sum(parts, sp.Integer(0))


def flat_slope(largest: float) -> float:
    """Return the slope up to which a unit counts as saturated, to three digits, from the largest slope of all.

    >>> flat_slope(0.25), flat_slope(math.inf)
    (0.0025, 0.01)
    """
    return float(f"{FLAT * (largest if 0 < largest < math.inf else 1.0):.3g}")


def saturation(act: Activation | str, eps: Any) -> Saturation:
    """Return the set {x : |φ'(x)| ≤ eps}.

    Parameters
    ----------
    eps : a positive number, or a SymPy symbol where φ' can be inverted in closed form.

    Raises
    ------
    InputError : an eps that is not positive.
    UnsupportedError : a symbolic eps without closed form, symbolic parameters, or undecided tails.

    Examples
    --------
    >>> from vgtheory.symbolic.catalogue import activation
    >>> saturation(activation("tanh"), 0.01).intervals
    ((-inf, -2.99322284...), (2.99322284..., inf))
    >>> saturation(activation("sin"), sp.Symbol("eps", positive=True)).expr.args[2]
    Interval(acos(eps), acos(-eps))
    """
    act, level = activation(act), exact(eps)
    if level.is_number and not level > 0:
        raise InputError("eps", "a positive number", "e.g. eps=0.01", got=shown(eps))
    if not act.is_numeric:
        raise UnsupportedError(f"the saturated set of {act.name} is found for numbers only; give its parameters values")
    if not level.is_number:
        return _symbolic(act, level)
    with precision(SEARCH_BITS):
        kappa = slope_bound(act)
        if kappa.enclosure[1] <= level or (kappa.expr is not None and kappa.expr <= level):
            return Saturation(act, level, sp.S.Reals, ((-math.inf, math.inf),), "proved")
        cycle = slope_period(act)
        if cycle is not None:
            return _periodic(act, level, cycle, kappa)
        found = merged([i for part in act.pieces for i in piece_levels(part, act.symbol, level)])
    floats = tuple((lo.double, hi.double) for lo, hi in found)
    ends = [(lo.exact, hi.exact) for lo, hi in found]
    if any(end is None for pair in ends for end in pair):
        return Saturation(act, level, None, floats, "certified")
    whole = sp.Union(*(sp.Interval(lo, hi) for lo, hi in ends))
    # SymPy orders the ends by its own numerics; a set that it has merged wrongly is not passed on.
    faithful = sorted(_interval_ends(whole), key=str) == sorted(ends, key=str)
    return Saturation(act, level, whole if faithful else None, floats, "proved" if faithful else "certified")


def _periodic(act: Activation, level: sp.Expr, cycle: sp.Expr, kappa: Extremum) -> Saturation:
    """Return the set of a periodic slope, from one period that begins where |φ'| is largest."""
    start = kappa.at if not kappa.at.has(sp.Float) else sp.Rational(str(sp.N(kappa.at, 12)))
    expr = act.pieces[0].expr
    if not abs(jets(compile_jets(expr, act.symbol), number_ball(start), 1)[1]) > number_ball(level):
        raise UnsupportedError(f"eps = {level} is too close to sup |φ'| of {act.name}; choose another eps")
    parts = merged(piece_levels(calculus.Piece(start, start + cycle, expr), act.symbol, level))
    floats = tuple((lo.double, hi.double) for lo, hi in parts)
    pairs = [(lo.exact, hi.exact) for lo, hi in parts]
    if any(end is None for pair in pairs for end in pair):
        return Saturation(act, level, None, floats, "certified", cycle)
    return Saturation(act, level, _repeated(pairs, cycle), floats, "proved", cycle)


def _repeated(pairs: list[tuple[sp.Expr, sp.Expr]], cycle: sp.Expr) -> sp.Set:
    """Return {t + kT : k an integer, t in one of the intervals}."""
    k, t = sp.Symbol("k", integer=True), n.x
    return sp.ImageSet(sp.Lambda((k, t), t + k * cycle), sp.S.Integers, sp.Union(*(sp.Interval(*p) for p in pairs)))


@kept
def _symbolic(act: Activation, eps: sp.Symbol) -> Saturation:
    """Return the set for an eps below sup |φ'|, for slopes whose level sets look the same at every such level."""
    cycle, kappa = slope_period(act), slope_bound(act)
    if kappa.expr == 0:
        return Saturation(act, eps, sp.S.Reals, ((-math.inf, math.inf),), "proved")
    if kappa.expr is None or not (_single_wave(act) if cycle is not None else _settled_shape(act)):
        raise UnsupportedError(
            f"the saturated set of {act.name} has no closed form for a symbolic eps; give eps a value"
        )
    bound = kappa.enclosure[0] if kappa.expr.is_finite else 1.0
    sample = sp.nsimplify(bound, rational=True) / 7
    found = saturation(act, sample).intervals
    pairs = [tuple(_formula(act, eps, sample, end) for end in pair) for pair in found]
    if any(end is None for pair in pairs for end in pair):
        raise UnsupportedError(f"no closed form for the saturated set of {act.name}; give eps a value")
    whole = sp.Union(*(sp.Interval(*p) for p in pairs)) if cycle is None else _repeated(pairs, cycle)  # type: ignore[arg-type]
    condition = sp.Lt(eps, kappa.expr) if kappa.expr.is_finite else sp.true
    return Saturation(act, eps, whole, (), "proved", cycle, condition)


def _formula(act: Activation, eps: sp.Symbol, sample: sp.Expr, end: float) -> sp.Expr | None:
    """Return the solution of φ' = ±eps that is at `end` for eps = sample."""
    if math.isinf(end):
        return sp.oo if end > 0 else -sp.oo
    slopes = [sp.diff(p.expr, act.symbol) for p in act.pieces if float(p.lo) <= end <= float(p.hi)]
    for slope, level in ((slope, level) for slope in slopes for level in (eps, -eps)):
        for guess, zero in closed_form.critical_points(slope - level, act.symbol):
            value = sp.N(guess.subs(eps, sample))
            if zero and value.is_real and abs(value - end) < 1e-9:
                return closed_form.tidy(guess)
    return None


def _settled_shape(act: Activation) -> bool:
    """Return whether |φ'| falls to 0 on both sides alike, rises from 0 on both sides alike, or is monotone from 0."""
    parts, x = act.derivative_pieces(1), act.symbol
    if len(parts) > 1 and act.parity != "odd":
        return False
    values = derivative_range(act, 1)
    if values.inf.expr != 0 and values.sup.expr != 0:
        return False
    if calculus.parity(parts, x) == "even":
        upside = tuple(calculus.Piece(p.lo, p.hi, -p.expr) for p in parts)
        at_zero = values.inf.attained and values.inf.at == 0
        return nonincreasing(upside, x) if at_zero else not values.inf.attained and nonincreasing(parts, x)
    if len(parts) > 1 or (values.inf if values.inf.expr == 0 else values.sup).attained:
        return False
    curvature = derivative_range(act, 2)
    return 0 in (curvature.inf.expr, curvature.sup.expr)


def _single_wave(act: Activation) -> bool:
    """Return whether φ' = A + B·sin(ωx + s) with A = 0 or |A| = |B|: each level is met in the same way."""
    constant, wave = closed_form.single_waves(act.pieces[0].expr.diff(act.symbol)).as_independent(
        act.symbol, as_Add=True
    )
    factor, function = wave.as_independent(act.symbol, as_Add=False)
    return isinstance(function, (sp.sin, sp.cos)) and (constant == 0 or abs(constant) == abs(factor))


def _interval_ends(whole: sp.Set) -> list[tuple[sp.Expr, sp.Expr]]:
    parts = whole.args if isinstance(whole, sp.Union) else (whole,)
    return [(part.inf, part.sup) for part in parts if part is not sp.S.EmptySet]


def _normal_cdf(end: sp.Expr, variance: sp.Expr) -> sp.Expr:
    if end in (sp.oo, -sp.oo):
        return sp.Integer(1 if end == sp.oo else 0)
    # erfc of a positive number, and not 1 - erf or 2 - erfc: far ends keep their digits.
    beyond = sp.log(sp.expand(1 / end.args[0])) if isinstance(end, sp.log) else -end
    return sp.erfc(beyond / sp.sqrt(2 * variance)) / 2


def _probability(lo: sp.Expr, hi: sp.Expr, variance: sp.Expr) -> sp.Expr:
    if hi == sp.oo:
        return _normal_cdf(-lo, variance)
    return _normal_cdf(hi, variance) - _normal_cdf(lo, variance)
