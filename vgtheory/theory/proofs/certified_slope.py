"""What is certain of a slope on the whole line: its bounds, those of its symmetrised square, and whether that falls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from functools import lru_cache
from itertools import pairwise

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.extrema import Extremum, Range, derivative_range, piecewise_range, slope_bound
from vgtheory.symbolic.formula import Status
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.monotone import nonincreasing


@dataclass(frozen=True)
class Known:
    """A value that a bound may use: an expression on the safe side, and how it is known."""

    value: sp.Expr
    status: Status

    @classmethod
    def upper(cls, extremum: Extremum) -> Known | None:
        """Return a value not below the extremum, or None where it is infinite or only numeric."""
        return cls._of(extremum, extremum.enclosure[1])

    @classmethod
    def lower(cls, extremum: Extremum) -> Known | None:
        """Return a value not above the extremum, or None where it is infinite or only numeric."""
        return cls._of(extremum, extremum.enclosure[0])

    @classmethod
    def _of(cls, extremum: Extremum, safe: float) -> Known | None:
        if extremum.status == "numeric" or (extremum.expr is not None and extremum.expr.is_infinite):
            return None
        if extremum.expr is not None:
            return cls(extremum.expr, "proved")
        return cls(_rounded_outward(safe, extremum.enclosure[1] == safe), "certified")


def _rounded_outward(value: float, up: bool) -> sp.Rational:
    """Return an exact decimal of 15 significant digits on the safe side of `value`."""
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    return sp.Rational(str(Context(prec=15, rounding=rounding).create_decimal_from_float(value)))


@dataclass(frozen=True)
class Slope:
    """Facts about φ' that hold on the whole real line."""

    largest: Known | None  # κ = sup |φ'|
    smallest: Known | None  # inf |φ'|
    square_sup: Known | None  # Γ = sup of g(h) = (φ'(h)² + φ'(−h)²)/2
    square_inf: Known | None  # inf g
    decreasing: bool  # g is nonincreasing in |h|
    value_bound: Known | None  # M = sup |φ|


@kept
def certified_slope(act: Activation) -> Slope:
    """Return the certified facts; what cannot be certified is None or False."""
    values, slopes = _tried(derivative_range, act, 0), _tried(derivative_range, act, 1)
    square = _tried(_symmetrised_range, act)
    return Slope(
        largest=None if slopes is None else Known.upper(slope_bound(act)),
        smallest=None if slopes is None else _smallest(slopes),
        square_sup=None if square is None else Known.upper(square.sup),
        square_inf=None if square is None else Known.lower(square.inf),
        decreasing=square is not None and act.is_numeric and nonincreasing(symmetrised(act), act.symbol),
        value_bound=None if values is None else _largest_magnitude(values),
    )


def _tried(question: Callable[..., Range], *arguments: object) -> Range | None:
    try:
        return question(*arguments)
    except UnsupportedError:
        return None


@lru_cache(maxsize=128)
def symmetrised(act: Activation, power: int = 2) -> tuple[calculus.Piece, ...]:
    """Return (φ'(h)^n + φ'(−h)^n)/2, n even, as pieces: what is left of φ'^n once the weights' signs are averaged."""
    x, parts = act.symbol, act.derivative_pieces(1)
    cuts = sorted({p.hi for p in parts[:-1]} | {-p.hi for p in parts[:-1]}, key=float)
    pieces: list[calculus.Piece] = []
    for lo, hi in pairwise([-sp.oo, *cuts, sp.oo]):
        at = calculus.sample_point(lo, hi)
        here = next(p.expr for p in parts if at <= p.hi)
        there = next(p.expr for p in parts if -at <= p.hi).subs(x, -x)
        both = here**power if there in (here, -here) else (here**power + there**power) / 2
        if act.parity is not None and len(parts) == 1:
            both = here**power
        if pieces and pieces[-1].expr == both:
            lo = pieces.pop().lo
        pieces.append(calculus.Piece(lo, hi, both))
    return tuple(pieces)


def _symmetrised_range(act: Activation) -> Range:
    return piecewise_range(symmetrised(act), act.symbol, 0, even=True)


def _smallest(slopes: Range) -> Known | None:
    if slopes.inf.enclosure[0] >= 0:
        return Known.lower(slopes.inf)
    return Known(sp.Integer(0), "proved") if slopes.inf.status != "numeric" else None


def _largest_magnitude(values: Range) -> Known | None:
    above, below = Known.upper(values.sup), Known.lower(values.inf)
    if above is None or below is None:
        return None
    status: Status = "proved" if above.status == below.status == "proved" else "certified"
    return Known(sp.Max(above.value, -below.value), status)


def certainly_below(value: sp.Expr, level: sp.Expr) -> bool:
    """Return whether value < level is certain in ball arithmetic; False for symbolic values."""
    if value.free_symbols or level.free_symbols:
        return False
    try:
        return bool(enclose(value - level, 15) < 0)
    except UnsupportedError:
        return False
