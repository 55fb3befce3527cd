"""Where |φ'| is at most a level, piece by piece: certified ends, exact where they are recognised."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import sympy as sp
from flint import arb

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.ball import compile_jets, hull, jets, number_ball, precision
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.search import FINEST, MAX_BOXES, CriticalBox, Jets, refined, unit_boxes
from vgtheory.symbolic.tails import TAYLOR_ORDERS, TailUndecided

FINAL_BITS = 256
STARTS = (4, 8, 16, 32, 64, 128, 512, 4096)


@dataclass(frozen=True)
class End:
    """An end of an interval: a ball around it, and its exact value where known."""

    ball: arb
    exact: sp.Expr | None

    @property
    def double(self) -> float:
        """Return the middle of the ball, or ±∞."""
        return float(self.ball.mid()) if self.ball.is_finite() else float(self.ball)


def piece_levels(part: calculus.Piece, x: sp.Symbol, level: sp.Expr) -> list[tuple[End, End]]:
    """Return the intervals of one piece on which |φ'| ≤ level."""
    slope = sp.diff(part.expr, x)
    if slope.is_rational_function(x):
        slope = sp.factor(slope)  # without the cancellation that the quotient rule leaves
    ends = [End(number_ball(part.lo), part.lo), End(number_ball(part.hi), part.hi)]
    bound = number_ball(level)
    if not slope.has(x):
        return [(ends[0], ends[1])] if sp.Abs(slope) <= level else []
    window = _window(slope, part, x, level)
    program = compile_jets(slope, x)
    for sign in (1, -1):
        ends += level_points(tilted(program, sign * bound), *window, slope - sign * level, x)
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


def tilted(slope: tuple, level: arb) -> Jets:
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


def level_points(f: Jets, lo: arb, hi: arb, equation: sp.Expr, x: sp.Symbol) -> list[End]:
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


def _end(f: Jets, root: CriticalBox, equation: sp.Expr, x: sp.Symbol) -> End:
    with precision(FINAL_BITS):
        ball = refined(f, root)[0]
        for guess, zero in closed_form.critical_points(equation, x):
            if zero and guess.is_real and number_ball(guess).overlaps(ball):
                return End(ball, closed_form.tidy(guess))
    return End(ball, None)


def merged(intervals: list[tuple[End, End]]) -> list[tuple[End, End]]:
    """Join neighbouring intervals that share an end."""
    out: list[tuple[End, End]] = []
    for lo, hi in intervals:
        if out and out[-1][1].ball.overlaps(lo.ball):
            lo = out.pop()[0]
        out.append((lo, hi))
    return out
