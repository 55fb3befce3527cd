"""Where a form holds, and the form for beyond: found by comparing the two on numbers of every size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from flint import arb

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.chart import Chart
from vgtheory.codegen.form import StableForm
from vgtheory.codegen.interpret import Array, run
from vgtheory.codegen.program import INPUT, LARGEST, Builder, Operand
from vgtheory.codegen.wide import Wide, WideEmitter
from vgtheory.symbolic.ball import compile_jets, jets, precision
from vgtheory.symbolic.limits import limit_at_infinity

NEAREST = 30.0  # closer to 0 the usual form, which keeps more digits, is taken unless it overflows
SMALLEST_PLACE = 0.01  # of an argument at which it may
LAST = LARGEST / 4  # beyond, a sum of two arguments may be infinite
AGREEMENT = 1e-8  # relative; errors of the usual form that are meant here are of order 1
SMALLEST = 1e-290  # results below it may be 0
ENDS = (1e280, 1e294, 1e305)  # values that are equal here, and not tiny, are limits
OUTPUTS = ("value", "slope")
JUDGED = 5  # points at which ball arithmetic judges between two answers
BITS = (400, 3000)


@dataclass(frozen=True)
class Interval:
    """One interval: its chart, expressions of φ and φ', and these as fractions of the chart's quantities."""

    chart: Chart
    exprs: tuple[sp.Expr, ...]
    fractions: tuple[tuple[sp.Expr, sp.Expr], ...]


def with_far(form: StableForm, left: Interval, right: Interval) -> StableForm:
    """Return a form that is right far out as well.

    Parameters
    ----------
    form : φ and φ' as they are usually computed.
    left, right : the intervals that reach to the infinities.
    """
    ends = [abs(float(end)) for one in (left, right) for end in (one.chart.lo, one.chart.hi) if end.is_finite]
    start = max([SMALLEST_PLACE, *ends])
    far = _far_form(left, right)
    near_end = 1e4 * max(start, 1.0)
    sizes = np.concatenate([np.geomspace(1.001 * start, near_end, 1000), np.geomspace(near_end, LAST, 400)[1:]])
    wrong = np.zeros(sizes.size, dtype=bool)
    for side, x in ((left, -sizes), (right, sizes)):
        for expr, usual, wide in zip(side.exprs, run(form, x, *OUTPUTS), run(far, x, *OUTPUTS), strict=True):
            overflowed = ~np.isfinite(usual) | (usual == 0.0)
            differ = _differ(usual, wide) & (overflowed | (sizes >= NEAREST))
            if np.any(differ) and not _is_right(expr, side.chart.x, x[differ], usual[differ]):
                wrong |= differ
    infinite = np.array([-math.inf, math.inf])
    at_infinity = [run(one, infinite, *OUTPUTS) for one in (form, far)]
    usual, wide = map(np.array, at_infinity)
    if not (np.any(wrong) or np.any(_differ(usual, wide))):
        return form
    first = int(np.argmax(wrong))
    reach = LARGEST if not wrong[first] else float(sizes[first - 1]) if first else start
    return replace(form, reach=reach, far=far)


def _differ(usual: Array, wide: Array) -> Array:
    with np.errstate(all="ignore"):
        near = (np.abs(usual - wide) <= AGREEMENT * np.abs(wide)) & np.isfinite(wide)
    tiny = (np.abs(wide) < SMALLEST) & (np.abs(usual) < SMALLEST)
    return ~(near | (usual == wide) | tiny | np.isnan(wide))


def _is_right(expr: sp.Expr, x: sp.Symbol, points: Array, values: Array) -> bool:
    """Return whether values are those of ball arithmetic, at a few of the points."""
    chosen = np.unique(np.linspace(0, points.size - 1, JUDGED).astype(int))
    try:
        program = compile_jets(expr, x)
        true = [_true_value(program, float(p)) for p in points[chosen]]
    except (UnsupportedError, ZeroDivisionError, ValueError):
        return False
    return all(t is not None and abs(v - t) <= AGREEMENT * abs(t) for v, t in zip(values[chosen], true, strict=True))


def _true_value(program: tuple, at: float) -> float | None:
    for bits in BITS:
        with precision(bits):
            ball = jets(program, arb(at), 0)[0]
            if ball.is_finite() and ball.rad() <= AGREEMENT * abs(ball.mid()):
                return float(ball.mid())
    return None


def _far_form(left: Interval, right: Interval) -> StableForm:
    builder = Builder()
    emitters = [WideEmitter(side.chart, builder) for side in (left, right)]
    joined = [
        emitters[0].select(INPUT, 0.0, *(e.quotient(*fraction) for e, fraction in zip(emitters, both, strict=True)))
        for both in zip(left.fractions, right.fractions, strict=True)
    ]
    form = _form(builder, [emitters[0].double(w) for w in joined], joined[1])
    values = []
    size = builder.op("abs", INPUT)
    for k, name in enumerate(OUTPUTS):
        limits = [_limit(form, name, side, k, sign) for side, sign in ((left, -1), (right, 1))]
        at_infinity = builder.op("select_le", INPUT, 0.0, *limits)
        whole = builder.op("select_le", size, LARGEST, getattr(form, name), at_infinity)
        values.append(builder.op("keep_nan", INPUT, whole))
    return _form(builder, values, joined[1])


def _form(builder: Builder, values: list[Operand], slope: Wide) -> StableForm:
    exponent = builder.op("mul", slope.e, -math.log(2))
    return StableForm(tuple(builder.instructions), values[0], values[1], slope.m, exponent, ())


def _limit(form: StableForm, name: str, side: Interval, k: int, sign: int) -> float:
    """Return the limit at an infinity: shown, or else seen where values do not change any more; NaN if neither."""
    x = side.chart.x
    shown = limit_at_infinity(side.exprs[k].subs(x, sign * x), x)
    if shown is not None:
        return float(shown)
    (values,) = run(form, sign * np.array(ENDS), name)
    if not np.isfinite(values).all():
        return math.nan
    settled = np.all(np.abs(values - values[-1]) <= 1e-12 * np.abs(values[-1])) or np.all(np.abs(values) < 1e-200)
    return float(values[-1]) if settled else math.nan
