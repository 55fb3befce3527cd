"""Where an activation is saturated: {x : |φ'(x)| ≤ ε}, in closed form or with certified endpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import sympy as sp
from flint import arb

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, hull, jets, number_ball, precision
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.extrema import derivative_range, slope_bound
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.monotone import nonincreasing
from vgtheory.symbolic.search import FINEST, MAX_BOXES, SEARCH_BITS, CriticalBox, Jets, refined, unit_boxes
from vgtheory.symbolic.tails import TAYLOR_ORDERS, TailUndecided

FINAL_BITS = 256
STARTS = (4, 8, 16, 32, 64, 128, 512, 4096)


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
    """

    activation: Activation
    eps: sp.Expr
    expr: sp.Set | None
    intervals: tuple[tuple[float, float], ...]
    status: Literal["proved", "certified"]

    def probability(self, q: Any) -> sp.Expr:
        """Return P(|φ'(√q z)| ≤ eps) for z ~ N(0, 1): closed form in q where the set has one, else a number.

        Given the past, the pre-activations of a layer are independent N(0, q), so this is the law of one neuron.

        >>> from vgtheory.symbolic.catalogue import activation
        >>> saturation(activation("relu"), 0.1).probability(2)
        1/2
        """
        variance = exact(q)
        if variance.is_number and not variance > 0:
            raise InputError(f"q = {q}", "a positive variance", "e.g. q = 0.7")
        ends = self.intervals if self.expr is None else _interval_ends(self.expr)
        parts = [_probability(sp.sympify(lo), sp.sympify(hi), variance) for lo, hi in ends]
        return sum(parts, sp.Integer(0))


def saturation(act: Activation, eps: Any) -> Saturation:
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
    """
    level = exact(eps)
    if level.is_number and not level > 0:
        raise InputError(f"eps = {eps}", "a positive number", "e.g. eps = 0.01")
    if not act.is_numeric:
        raise UnsupportedError(f"the saturated set of {act.name} with symbolic parameters; give the parameters values")
    if not level.is_number:
        return _symbolic(act, level)
    with precision(SEARCH_BITS):
        kappa = slope_bound(act)
        if kappa.enclosure[1] <= level or (kappa.expr is not None and kappa.expr <= level):
            return Saturation(act, level, sp.S.Reals, ((-math.inf, math.inf),), "proved")
        merged = _merged([i for part in act.pieces for i in _piece_levels(part, act.symbol, level)])
    floats = tuple((lo.double, hi.double) for lo, hi in merged)
    ends = [(lo.exact, hi.exact) for lo, hi in merged]
    if any(end is None for pair in ends for end in pair):
        return Saturation(act, level, None, floats, "certified")
    whole = sp.Union(*(sp.Interval(lo, hi) for lo, hi in ends))
    # SymPy orders the ends by its own numerics; a set that it has merged wrongly is not passed on.
    faithful = sorted(_interval_ends(whole), key=str) == sorted(ends, key=str)
    return Saturation(act, level, whole if faithful else None, floats, "proved" if faithful else "certified")


@dataclass(frozen=True)
class _End:
    """An end of an interval: a ball around it, and its exact value where known."""

    ball: arb
    exact: sp.Expr | None

    @property
    def double(self) -> float:
        return float(self.ball.mid()) if self.ball.is_finite() else float(self.ball)


def _piece_levels(part: calculus.Piece, x: sp.Symbol, level: sp.Expr) -> list[tuple[_End, _End]]:
    """Return the intervals of one piece on which |φ'| ≤ level."""
    slope = sp.diff(part.expr, x)
    if slope.is_rational_function(x):
        slope = sp.factor(slope)  # without the cancellation that the quotient rule leaves
    ends = [_End(number_ball(part.lo), part.lo), _End(number_ball(part.hi), part.hi)]
    bound = number_ball(level)
    if not slope.has(x):
        return [(ends[0], ends[1])] if sp.Abs(slope) <= level else []
    window = _window(slope, part, x, level)
    program = compile_jets(slope, x)
    for sign in (1, -1):
        ends += _roots(_tilted(program, sign * bound), *window, slope - sign * level, x)
    ends.sort(key=lambda e: float(e.ball) if not e.ball.is_finite() else float(e.ball.mid()))
    inside = []
    for a, b in pairwise(ends):
        left = (
            a.ball if a.ball.is_finite() else min(window[0], b.ball - 1 if b.ball.is_finite() else window[0], key=float)
        )
        right = b.ball if b.ball.is_finite() else max(window[1], left + 1, key=float)
        if abs(jets(program, arb(((left + right) / 2).mid()), 0)[0]) <= bound:
            inside.append((a, b))
    return inside


def _tilted(slope: tuple, level: arb) -> Jets:
    """Return the jets of φ(x) − level·x up to a constant, whose critical points are the solutions of φ'(x) = level."""

    def run(box: arb, order: int) -> list[arb]:
        first, *higher = jets(slope, box, max(order - 1, 0))
        return [arb(0), first - level, *higher][: order + 1]

    return run


def _window(slope: sp.Expr, part: calculus.Piece, x: sp.Symbol, level: sp.Expr) -> tuple[arb, arb]:
    """Return the interval outside of which |φ'| stays on one side of the level (or where the piece ends)."""
    ends = []
    for end, side in ((part.lo, -1), (part.hi, 1)):
        other = part.hi if side < 0 else part.lo
        beyond = abs(float(other)) + 1 if other.is_finite else 0
        ends.append(number_ball(end) if end.is_finite else side * _beyond(slope.subs(x, side * x), x, level, beyond))
    return ends[0], ends[1]


def _beyond(slope: sp.Expr, x: sp.Symbol, level: sp.Expr, beyond: float) -> arb:
    for taylor, start in ((t, s) for t in TAYLOR_ORDERS for s in STARTS if s > beyond):
        try:
            end = tail(slope, x, start, taylor)
            for target in (level, -level):
                (end + end.constant(-target)).sign()
        except TailUndecided:
            continue
        return arb(start)
    raise UnsupportedError(f"cannot tell on which side of {level} the tail of {slope} stays; choose another eps")


def _roots(f: Jets, lo: arb, hi: arb, equation: sp.Expr, x: sp.Symbol) -> list[_End]:
    """Return every zero of f' in (lo, hi), each isolated by the interval Newton operator."""
    work, found, count = unit_boxes(lo, hi), [], 0
    while work:
        a, b = work.pop()
        count += 1
        if count > MAX_BOXES:
            raise UnsupportedError(f"too many solutions of {equation} = 0 to isolate; choose another eps")
        box, middle = hull(a, b), arb(hull(a, b).mid())
        _, value, slope = f(box, 2)
        if not value.contains(0):
            continue
        if not slope.contains(0):
            newton = middle - f(middle, 1)[1] / slope
            if not newton.overlaps(box):
                continue
            if box.contains_interior(newton):
                found.append(CriticalBox(newton, True))
                continue
        if box.rad() < FINEST:
            if box.overlaps(lo) or box.overlaps(hi):  # the level is met exactly at a breakpoint, an end already
                continue
            raise UnsupportedError(f"{equation} = 0 has a double solution near {box.str(6)}; choose another eps")
        cut = arb((a + (b - a) * arb("0.4873")).mid())
        work += [(a, cut), (cut, b)]
    return [_end(f, box, equation, x) for box in found]


def _end(f: Jets, root: CriticalBox, equation: sp.Expr, x: sp.Symbol) -> _End:
    with precision(FINAL_BITS):
        ball = refined(f, root)[0]
        for guess, zero in closed_form.critical_points(equation, x):
            if zero and guess.is_real and number_ball(guess).overlaps(ball):
                return _End(ball, closed_form.tidy(guess))
    return _End(ball, None)


def _merged(intervals: list[tuple[_End, _End]]) -> list[tuple[_End, _End]]:
    """Join neighbouring intervals that share an end."""
    out: list[tuple[_End, _End]] = []
    for lo, hi in intervals:
        if out and out[-1][1].ball.overlaps(lo.ball):
            lo = out.pop()[0]
        out.append((lo, hi))
    return out


def _symbolic(act: Activation, eps: sp.Symbol) -> Saturation:
    """Return {|x| ≥ t(eps)} for an even slope that falls from its maximum to 0; valid for eps below that maximum."""
    falls = act.parity == "odd" or calculus.parity(act.derivative_pieces(1), act.symbol) == "even"
    bound, least = slope_bound(act), derivative_range(act, 1).inf
    to_zero = least.expr == 0 and not least.attained
    if not (falls and to_zero and nonincreasing(act.derivative_pieces(1), act.symbol) and bound.expr is not None):
        raise UnsupportedError(f"the saturated set of {act.name} for a symbolic eps; give eps a value")
    slope = act.derivative_pieces(1)[-1].expr
    sample = sp.nsimplify(bound.enclosure[0], rational=True) / 7
    want = saturation(act, sample).intervals[-1][0]
    for guess, zero in closed_form.critical_points(slope - eps, act.symbol):
        value = sp.N(guess.subs(eps, sample))
        if zero and value.is_real and abs(value - want) < 1e-9:
            t = closed_form.tidy(guess)
            whole = sp.Union(sp.Interval(-sp.oo, -t), sp.Interval(t, sp.oo))
            return Saturation(act, eps, whole, (), "proved")
    raise UnsupportedError(f"no closed form for the saturated set of {act.name}; give eps a value")


def _interval_ends(whole: sp.Set) -> list[tuple[sp.Expr, sp.Expr]]:
    parts = whole.args if isinstance(whole, sp.Union) else (whole,)
    return [(part.inf, part.sup) for part in parts if part is not sp.S.EmptySet]


def _normal_cdf(end: sp.Expr, variance: sp.Expr) -> sp.Expr:
    if end in (sp.oo, -sp.oo):
        return sp.Integer(1 if end == sp.oo else 0)
    # erfc, and not 1 - erf: far ends keep their digits.
    return sp.erfc(-end / sp.sqrt(2 * variance)) / 2


def _probability(lo: sp.Expr, hi: sp.Expr, variance: sp.Expr) -> sp.Expr:
    if hi == sp.oo:
        return _normal_cdf(-lo, variance)
    return _normal_cdf(hi, variance) - _normal_cdf(lo, variance)
