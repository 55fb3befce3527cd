"""Stage 1: an activation as a program of float operations that neither overflows nor cancels.

The rules are mechanical and know no names: split the line where x or an exponent changes sign; on each interval write
the function in numbers that cannot overflow (`chart`); cancel and factor; turn factors into float operations that
keep their digits (`emission`); join the intervals by selects; where powers of x overflow, take over with numbers that
have exponents of their own (`far`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp

from vgtheory._errors import InputError
from vgtheory.codegen.cancellation import without_root_cancellation, without_wave_cancellation
from vgtheory.codegen.chart import Chart
from vgtheory.codegen.emission import Emitter, Quotient
from vgtheory.codegen.far import Interval, with_far
from vgtheory.codegen.form import StableForm, form_key, load_form, save_form
from vgtheory.codegen.interpret import run
from vgtheory.codegen.origin import RADII, is_undefined, near_point, order_at
from vgtheory.codegen.program import INPUT, Builder, Operand
from vgtheory.codegen.signs import sign_changes
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.time_limit import within

LONGEST = 60.0  # seconds of algebra for one function
LIMIT_DIGITS = 160
Pair = tuple[sp.Expr, sp.Expr]


@lru_cache(maxsize=256)
def stabilise(act: Activation, order: int = 0) -> StableForm:
    """Return the stable form of φ and φ', or of two later derivatives, derived once and kept in the user's cache.

    Parameters
    ----------
    act : the activation.
    order : of the derivative of φ that is the form's value; its slope is the next one.

    Raises
    ------
    InputError : an activation with symbolic parameters.
    UnsupportedError : functions that have no code.

    >>> from vgtheory.symbolic.catalogue import activation
    >>> stabilise(activation("softplus")).notes
    ()
    """
    if not act.is_numeric:
        names = ", ".join(sorted(s.name for s in act.expr.free_symbols - {act.symbol}))
        raise InputError(f"symbolic parameters {names}", "an activation whose parameters have values", "give values")
    key = form_key(act, order)
    kept = load_form(key)
    if kept is None:
        with within(LONGEST, f"machine code for {act.name[:40]}"):
            kept = _derive(act, order)
        save_form(key, kept)
    return kept


def _derive(act: Activation, order: int) -> StableForm:
    builder = Builder()
    notes: list[str] = []
    ends: list[sp.Expr] = []
    values: list[Quotient] = []
    slopes: list[Quotient] = []
    intervals: list[Interval] = []
    for piece, derived in zip(act.derivative_pieces(order), act.derivative_pieces(order + 1), strict=True):
        for lo, hi, exprs in _intervals(piece.lo, piece.hi, (piece.expr, derived.expr), act.symbol):
            chart = Chart(act.symbol, lo, hi)
            chart.prepare(exprs)
            fractions = [without_root_cancellation(chart, *chart.rational(e)) for e in exprs]
            usual: list[Quotient] = []
            cancelling: list[bool] = []
            names = _named(order), _named(order + 1)
            for (num, den), what in zip(fractions, names, strict=True):
                emitter = Emitter(chart, builder, what)
                usual.append(emitter.quotient(without_wave_cancellation(chart, num), den))
                cancelling.append(bool(emitter.notes))
                notes += emitter.notes
            notes += chart.notes
            intervals.append(Interval(chart, exprs, tuple(fractions)))
            for end, (value_part, slope_part) in _parts(chart, builder, exprs, usual, cancelling):
                ends.append(end)
                values.append(value_part)
                slopes.append(slope_part)
    cuts = [float(end) for end in ends[:-1]]
    value, _, _ = _joined(builder, values, cuts)
    slope, rest, exponent = _joined(builder, slopes, cuts)
    form = StableForm(tuple(builder.instructions), value, slope, rest, exponent, tuple(dict.fromkeys(notes)))
    return with_far(_with_limits(builder, form, intervals), intervals[0], intervals[-1])


def _with_limits(builder: Builder, form: StableForm, intervals: list[Interval]) -> StableForm:
    """Return the form with limits from the left where it is 0/0 at the end of an interval, as at a kink of √u²."""
    for interval in intervals[:-1]:
        cut = float(interval.chart.hi)
        for expr, outputs in zip(interval.exprs, (("value",), ("slope", "slope_rest")), strict=True):
            if not np.isnan(run(form, [cut], outputs[0])[0][0]):
                continue
            limit = _left_limit(expr, interval.chart.x, interval.chart.hi)
            changed: dict[str, Any] = {}
            for name in outputs:  # the exponent, of e^{-0}, is 0 there
                usual = getattr(form, name)
                at_most = builder.op("select_le", INPUT, math.nextafter(cut, -math.inf), usual, limit)
                changed[name] = builder.op("select_le", INPUT, cut, at_most, usual)
            form = replace(form, instructions=tuple(builder.instructions), **changed)
    return form


def _left_limit(expr: sp.Expr, x: sp.Symbol, end: sp.Expr) -> float:
    """Return the limit of a formula from the left, ±∞ where it grows without bound; NaN where neither is seen."""
    function = sp.lambdify(x, expr, "mpmath")
    with mp.workdps(LIMIT_DIGITS):
        at = mp.mpf(str(sp.N(end, LIMIT_DIGITS)))
        near, nearer = (mp.re(function(at - mp.mpf(10) ** -k)) for k in (24, 40))
        if abs(nearer - near) <= mp.mpf(10) ** -12 * (1 + abs(nearer)):
            return float(nearer)
        return float(mp.sign(nearer)) * math.inf if abs(nearer) > 100 * abs(near) else math.nan


def _named(order: int) -> str:
    return "φ" + "'" * order if order < 4 else f"the derivative of order {order}"


def _parts(
    chart: Chart, builder: Builder, exprs: Pair, usual: list[Quotient], cancelling: list[bool]
) -> list[tuple[sp.Expr, list[Quotient]]]:
    """Return (end, quotients) of consecutive parts of an interval: near an end that needs them, polynomials."""
    before, after = (
        _near(chart, builder, exprs, usual, cancelling, 1),
        _near(chart, builder, exprs, usual, cancelling, -1),
    )
    parts = [(chart.lo + before[0], before[1])] if before else []
    return [*parts, (chart.hi - after[0], usual), (chart.hi, after[1])] if after else [*parts, (chart.hi, usual)]


def _near(
    chart: Chart, builder: Builder, exprs: Pair, usual: list[Quotient], cancelling: list[bool], side: int
) -> tuple[sp.Rational, list[Quotient]] | None:
    """Return how far from its lower (side 1) or upper end polynomials hold, and the quotients there; else None.

    They stand for what is 0/0 at the end, and at 0 for zeros of an order at which the terms cancel.
    """
    at, x = (chart.lo if side > 0 else chart.hi), chart.x
    if at.is_infinite:
        return None
    orders = [
        order_at(e, x, at, side) if (at == 0 and c) or is_undefined(e, x, at) else None
        for e, c in zip(exprs, cancelling, strict=True)
    ]
    if all(order is None for order in orders):
        return None
    high = float(at)
    distance = builder.op("add", builder.op("add", INPUT, -high), -float(at - sp.Rational(high)))
    t = builder.op("abs", INPUT if at == 0 else distance)
    for radius in RADII:
        if radius > (chart.hi - chart.lo) / 2:  # the other end may need as much
            continue
        fits = [
            None if k is None else near_point(e, x, at, side, k, radius) for e, k in zip(exprs, orders, strict=True)
        ]
        if any(fits):
            return radius, [q if f is None else f.emit(builder, t) for f, q in zip(fits, usual, strict=True)]
    return None


def _intervals(lo: sp.Expr, hi: sp.Expr, exprs: Pair, x: sp.Symbol) -> list[tuple[sp.Expr, sp.Expr, Pair]]:
    """Return consecutive intervals, each with the expressions as they are best written there."""
    cuts = set().union(*(sign_changes(e, x) for e in exprs)) if any(e.has(x) for e in exprs) else set()
    inside = sorted((c for c in cuts if lo < c < hi), key=float)
    distinct = [c for i, c in enumerate(inside) if i == 0 or float(c) - float(inside[i - 1]) > 1e-12]
    parts = [(a, b, exprs) for a, b in pairwise([lo, *distinct, hi])]
    for side in (-1, 1):
        k = 0 if side < 0 else -1
        first, last, _ = parts[k]
        found = _with_small_angles(exprs, x, side) if (last == sp.oo if side > 0 else first == -sp.oo) else None
        if found is not None and first < side * found[0] < last:
            cut = side * found[0]
            inner, outer = (first, cut), (cut, last)
            if side > 0:
                parts[k:] = [(*inner, exprs), (*outer, found[1])]
            else:
                parts[: k + 1] = [(*inner, found[1]), (*outer, exprs)]
    return parts


def _with_small_angles(exprs: Pair, x: sp.Symbol, side: int) -> tuple[sp.Expr, Pair] | None:
    """Return (T, expressions for |x| ≥ T) with atan u = ±π/2 - atan(1/u), if that cancels terms of φ; else None."""
    angles = [e for e in exprs[0].atoms(sp.atan) if e.args[0].is_polynomial(x) and sp.degree(e.args[0], x) == 1]
    if not angles:
        return None
    slopes = [(e.args[0].coeff(x, 1), e.args[0].coeff(x, 0)) for e in angles]
    if not all(number.is_Rational for pair in slopes for number in pair):
        return None
    end = max((1 + abs(b)) / abs(a) for a, b in slopes)
    small = {
        e: side * sp.sign(a) * sp.pi / 2 - sp.atan(1 / e.args[0]) for e, (a, _) in zip(angles, slopes, strict=True)
    }
    rewritten = sp.expand(exprs[0].subs(small)), sp.expand(exprs[1].subs(small))
    terms = [len(sp.Add.make_args(e)) for e in (rewritten[0], sp.expand(exprs[0]))]
    return (end, rewritten) if terms[0] < terms[1] else None


def _joined(builder: Builder, rows: list[Quotient], cuts: list[float]) -> tuple[Operand, Operand, Operand]:
    """Return the registers of the whole function, of it without its exponential, and of the exponent."""

    def select(values: list[Operand]) -> Operand:
        result = values[-1]
        for cut, value in zip(reversed(cuts), reversed(values[:-1]), strict=True):
            result = builder.op("select_le", INPUT, cut, value, result)
        return result

    # Select before dividing: one division whatever the number of intervals.
    denominator = select([q.denominator for q in rows])
    whole = builder.op("div", select([q.scaled for q in rows]), denominator)
    rest = builder.op("div", select([q.numerator for q in rows]), denominator)
    exponent = select([q.exponent for q in rows])
    return builder.op("keep_nan", INPUT, whole), builder.op("keep_nan", INPUT, rest), exponent
