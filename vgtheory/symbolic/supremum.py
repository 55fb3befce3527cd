"""The certified supremum of a piecewise function without free parameters.

It is at a critical point, at a breakpoint, or in a tail.  All three are enclosed in ball arithmetic; a closed form is
reported as proved only when the certified search leaves no place but the one it stands for.
"""

from __future__ import annotations

import heapq
import math
from functools import reduce

import sympy as sp
from flint import arb

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import calculus, closed_form
from vgtheory.symbolic.ball import Instruction, compile_jets, hull, jets, number_ball, outward, precision
from vgtheory.symbolic.candidates import (
    FINAL_BITS,
    Candidate,
    SmoothPart,
    clipped,
    constant_pieces,
    critical_candidates,
    edge_candidates,
    ends,
    reached_value,
    tail_candidate,
    windows,
)
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.extremum import Extremum
from vgtheory.symbolic.period import period
from vgtheory.symbolic.root import Root, isolated_root
from vgtheory.symbolic.search import FINEST, SEARCH_BITS, CriticalBox, SearchFailed, refined, unit_boxes
from vgtheory.symbolic.tails import TailUndecided

REACH = 64
CERTIFIED = 1e-9  # an enclosure this tight, relative to 1 or to the value, has the status "certified"
NEAR = 1e-10
MOST_BOXES, MOST_WORK = 4000, 60_000  # of `bounded`: boxes, and boxes × operations
LONGEST_DERIVATIVE = 5000  # operations
LONGEST_TAIL = 300  # operations; products of expansions multiply their terms


def supremum(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int, sign: int, even: bool) -> Extremum:
    """Return the certified supremum of sign · the `order`-th derivative of the function made of `parts`."""
    try:
        parts = tuple(_one_period(p, x, order) for p in parts)
        _need_short_derivatives(parts, x, order)
        functions = [SmoothPart(p, x, order, sign) for p in parts if not (even and p.hi <= 0)]
        candidates = constant_pieces(functions) + ends(functions, even)
        cycle = period(functions[0].expr, x) if len(parts) == 1 else None
        sides: tuple[int, ...] = () if cycle is not None else (1,) if even else (1, -1)
        with precision(SEARCH_BITS):
            floor = reached_value(functions, candidates)
            candidates += edge_candidates(functions, floor)
            unbounded = next((c for c in candidates if c.exact == sp.oo), None)
            if unbounded is not None:
                return Extremum(sp.oo, (math.inf, math.inf), unbounded.at, False, status="proved")
            for side in sides:
                candidates.append(tail_candidate(functions, side, floor))
                if candidates[-1].exact == sp.oo:
                    return Extremum(sp.oo, (math.inf, math.inf), side * sp.oo, False, status="proved")
            intervals = windows(functions, candidates, even, cycle)
            candidates += critical_candidates(functions, intervals, floor)
    except (SearchFailed, TailUndecided, UnsupportedError):
        return bounded(parts, x, order, sign)
    return _conclude(functions, candidates, floor)


def _need_short_derivatives(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int) -> None:
    """Raise SearchFailed where a derivative that the search needs would be too long."""
    for expr in (p.expr for p in parts):
        for _ in range(order + 2):
            expr = sp.diff(expr, x)
            if sp.count_ops(expr) > LONGEST_DERIVATIVE:
                raise SearchFailed


def _conclude(functions: list[SmoothPart], candidates: list[Candidate], floor: arb) -> Extremum:
    lo = max([floor, *(c.ball.lower() for c in candidates if not c.only_above)], key=_size)
    top = [c for c in candidates if not c.ball.upper() < lo]
    hi = max((c.ball.upper() for c in top), key=_size)
    winner = _exact_winner(top)
    if winner is not None:
        value = closed_form.tidy(winner.exact)
        equation = _equation(functions, winner)
        with precision(FINAL_BITS):
            enclosure = outward(number_ball(value))
        return Extremum(value, enclosure, winner.at, winner.attained, *equation, status="proved")
    enclosure = (outward(lo)[0], outward(hi)[1])
    best = max(top, key=lambda c: (not c.only_above, _size(c.ball.lower()), c.attained))
    certified = _near(*enclosure, CERTIFIED)
    locate, root = None, None
    places = [(functions[c.piece], c.critical) for c in top if c.critical is not None and c.critical.isolated]
    if len(places) == len(top):
        locate = lambda bits: _located(places, bits)  # noqa: E731
    if len(places) == len(top) == 1:
        with precision(SEARCH_BITS):
            root = _maximiser(*places[0])
    equation = _equation(functions, best)
    return Extremum(
        None,
        enclosure,
        best.at,
        best.attained,
        *equation,
        status="certified" if certified else "numeric",
        root=root,
        _locate=locate,
    )


def _maximiser(f: SmoothPart, critical: CriticalBox) -> Root:
    """Return the isolated critical point as a root, of the reduced equation where that changes sign in the box too."""
    relation = closed_form.reduced_equation(f.slope, f.x)
    short = relation.lhs - relation.rhs
    program = compile_jets(short, f.x)
    ends = [jets(program, arb(end), 0)[0] for end in (critical.box.lower(), critical.box.upper())]
    simple = ends[0] * ends[1] < 0 and not jets(program, critical.box, 1)[1].contains(0)
    return isolated_root(short if simple else f.slope, f.x, critical.box)


def _size(value: arb) -> float:
    return float(value)


def _located(places: list[tuple[SmoothPart, CriticalBox]], bits: int) -> arb:
    with precision(bits):
        return reduce(arb.max, (refined(f.jets, critical)[1] for f, critical in places))


def _equation(functions: list[SmoothPart], c: Candidate) -> tuple[sp.Eq | None, sp.Expr | None]:
    if c.critical is None:
        return None, None
    f = functions[c.piece]
    return closed_form.reduced_equation(f.slope, f.x), closed_form.value_at_root(f.expr, f.slope, f.x)


def _exact_winner(top: list[Candidate]) -> Candidate | None:
    """Return the one candidate that all others in question cannot exceed, or None where that is not proved."""
    exact = [c for c in top if c.exact is not None]
    if not exact:
        return None
    winner = max(exact, key=lambda c: (_size(c.ball.mid()), c.attained))
    for other in top:
        if other is winner or other.ball.upper() <= winner.ball.lower():
            continue
        if other.exact is None or not closed_form.vanishes(other.exact - winner.exact):
            return None
        if other.attained and not winner.attained:
            winner = other
    return winner


def bounded(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int, sign: int) -> Extremum:
    """Return the supremum between a value that is reached and a bound of the boxes, by halving the highest box.

    Nothing is simplified or solved and the boxes are counted, so that it ends, and everywhere alike; a tail of a
    formula that is too long is left unbounded.
    """
    with precision(64):
        programs = [_compiled(sign * p.expr, x) for p in parts]
        ceiling = max([-math.inf, *(_tail_ceiling(p, x, order, sign) for p in parts)])
        spans = (clipped(p, REACH) for p in parts)
        boxes = [(-math.inf, a, b, k) for k, (lo, hi) in enumerate(spans) for a, b in unit_boxes(lo, hi)]
        best, at, count = -math.inf, sp.Integer(0), len(boxes)
        most = min(MOST_BOXES, MOST_WORK // (1 + max(sp.count_ops(p.expr) for p in parts)))
        queue = [(-math.inf, i, *box[1:]) for i, box in enumerate(boxes)]
        heapq.heapify(queue)
        while queue and count < most and not _near(best, -queue[0][0], NEAR):
            high, _, a, b, k = heapq.heappop(queue)
            if b - a < FINEST:
                ceiling = max(ceiling, -high)
                continue
            middle = arb(((a + b) / 2).mid())
            value = outward(jets(programs[k], middle, order)[order])[0]
            if best < value < math.inf:
                best, at = value, sp.Float(float(middle))
            for lo, hi in ((a, middle), (middle, b)):
                count += 1
                heapq.heappush(queue, (-outward(jets(programs[k], hull(lo, hi), order)[order])[1], count, lo, hi, k))
    top = max(ceiling, -queue[0][0]) if queue else ceiling
    near = _near(best, top, CERTIFIED)
    return Extremum(None, (best, max(top, best)), at, True, status="certified" if near else "numeric")


def _near(low: float, high: float, tolerance: float) -> bool:
    return math.isfinite(low) and high - low <= tolerance * max(1.0, abs(low))


def _compiled(expr: sp.Expr, x: sp.Symbol) -> tuple[Instruction, ...]:
    try:
        return compile_jets(expr, x)
    except UnsupportedError:
        raise UnsupportedError(
            f"the range of {expr} is not certified: it has a function without ball arithmetic"
        ) from None


def _tail_ceiling(part: calculus.Piece, x: sp.Symbol, order: int, sign: int) -> float:
    """Return a bound of f beyond REACH, −∞ where the piece ends before it, ∞ where none is found."""
    ceiling = -math.inf
    for end, side in ((part.lo, -1), (part.hi, 1)):
        if end.is_finite:
            continue
        f = sign * sp.diff(part.expr, x, order).subs(x, side * x)
        if sp.count_ops(f) > LONGEST_TAIL:
            return math.inf
        try:
            bound = tail(f, x, REACH).bound()
        except (TailUndecided, UnsupportedError):
            return math.inf
        ceiling = max(ceiling, outward(bound)[1] if bound.is_finite() else math.inf)
    return ceiling


def _one_period(part: calculus.Piece, x: sp.Symbol, order: int) -> calculus.Piece:
    """Return a half-line on which f is periodic cut to its first period, which has all of f's values."""
    cycle = None if part.lo.is_infinite == part.hi.is_infinite else period(sp.diff(part.expr, x, order), x)
    if cycle is None:
        return part
    lo, hi = (part.hi - cycle, part.hi) if part.lo.is_infinite else (part.lo, part.lo + cycle)
    return calculus.Piece(lo, hi, part.expr)
