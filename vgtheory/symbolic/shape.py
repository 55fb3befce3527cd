"""The shape of an activation: how φ' decays, how fast φ grows, and where φ rises and falls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import sympy as sp

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.extrema import piecewise_range
from vgtheory.symbolic.limits import expansions
from vgtheory.symbolic.period import period
from vgtheory.symbolic.root import all_zeros
from vgtheory.symbolic.tails import Scale, Tail, TailUndecided

Growth = Literal["bounded", "logarithmic", "sublinear", "linear", "polynomial", "exponential", "superexponential"]


@dataclass(frozen=True)
class Asymptote:
    """The behaviour of a function f(x) for x → ∞ or x → −∞.

    Parameters
    ----------
    limit : its limit, ±oo where it grows, None where it oscillates.
    leading : the leading term of f − limit (of f itself where it grows): f − limit ~ leading; 0 where f is equal to
        its limit far out, None where the term is not found exactly.
    growth : how fast |f| grows.
    """

    limit: sp.Expr | None
    leading: sp.Expr | None
    growth: Growth


@dataclass(frozen=True)
class MonotonePiece:
    """An interval on which a function rises (1), falls (−1) or stays constant (0)."""

    lo: sp.Expr
    hi: sp.Expr
    direction: int


def tails(act: Activation | str, order: int = 1) -> tuple[Asymptote, Asymptote]:
    """Return how φ' (order 1), φ (order 0) or φ'' (order 2) behaves for x → −∞ and for x → ∞.

    Raises
    ------
    InputError : another order, or something that is not an activation.
    UnsupportedError : a parameter without value, or a function without a certified expansion at infinity.

    Examples
    --------
    >>> left, right = tails("tanh")
    >>> right.leading, tails("softplus")[1].limit
    (4*exp(-2*x), 1)
    >>> [side.growth for side in tails("elu", order=0)]
    ['bounded', 'linear']
    """
    act = to_activation(act)
    if order not in (0, 1, 2) or isinstance(order, bool):
        raise InputError("order", "0 (φ), 1 (φ') or 2 (φ'')", "e.g. order=1", got=f"{order!r}")
    return _both(act.derivative_pieces(order) if order else act.pieces, act.symbol)


def monotone_pieces(act: Activation | str) -> tuple[MonotonePiece, ...]:
    """Return the intervals between which φ changes direction, from −∞ to ∞; of a wave those of one period.

    Raises
    ------
    UnsupportedError : the zeros of φ' are not all found.

    Examples
    --------
    >>> [(piece.hi, piece.direction) for piece in monotone_pieces("hard_swish")]
    [(-3, 0), (-3/2, -1), (oo, 1)]
    """
    act = to_activation(act)
    x, cycle = act.symbol, slope_period(act, half=False)
    parts = act.pieces
    if cycle is not None:
        start = -cycle / 2
        parts = (calculus.Piece(start, start + cycle, parts[0].expr),)
    merged: list[MonotonePiece] = []
    for found in (piece for part in parts for piece in _directions(part, x)):
        if merged and merged[-1].direction == found.direction and not _jumps_back(act, found):
            found = MonotonePiece(merged.pop().lo, found.hi, found.direction)
        merged.append(found)
    if cycle is not None and len(merged) == 1:
        return (MonotonePiece(-sp.oo, sp.oo, merged[0].direction),)
    return tuple(merged)


@lru_cache(maxsize=256)
def slope_period(act: Activation, half: bool = True) -> sp.Expr | None:
    """Return a period of |φ'| (`half`) or of φ' where φ is smooth and its slope made of waves, else None."""
    if len(act.pieces) != 1:
        return None
    x, slope = act.symbol, sp.diff(act.pieces[0].expr, act.symbol)
    cycle = period(slope, x)
    if cycle is None:
        return None
    shifted = sp.expand(slope.subs(x, x + cycle / 2))
    same = {sp.expand(slope), sp.expand(-slope)} if half else {sp.expand(slope)}
    return cycle / 2 if shifted in same else cycle


def _both(parts: tuple[calculus.Piece, ...], x: sp.Symbol) -> tuple[Asymptote, Asymptote]:
    return _asymptote(parts[0].expr, x, -1), _asymptote(parts[-1].expr, x, 1)


def _asymptote(expr: sp.Expr, x: sp.Symbol, side: int) -> Asymptote:
    mirrored, waves = expr.subs(x, side * x), False
    for end in expansions(mirrored, x):
        if not end.part(1).terms and not isinstance(end.limit, sp.Expr):
            waves = True  # bounded, without a limit
            continue
        try:
            return _described(end, x, side)
        except TailUndecided:
            continue
    if waves:
        return Asymptote(None, None, "bounded")
    raise UnsupportedError(f"no certified expansion of {expr} for large |{x}|; its growth is not known")


def _described(end: Tail, x: sp.Symbol, side: int) -> Asymptote:
    if end.part(1).terms:
        scale, c, _ = end.leading()
        return Asymptote(sp.oo * end.sign(), _term(scale, c, x, side), _growth(scale))
    limit, rest = end.limit, end.part(-1)
    if not rest.terms:
        return Asymptote(limit, sp.S.Zero, "bounded")
    scale, c, _ = rest.leading()
    return Asymptote(limit, _term(scale, c, x, side), "bounded")


def _term(scale: Scale, c: object, x: sp.Symbol, side: int) -> sp.Expr | None:
    if not isinstance(c, sp.Expr):
        return None
    exponent = sum((rate * x**degree for degree, rate in scale.rates), sp.S.Zero)
    logarithms = sp.log(x) ** scale.logs * sp.log(sp.log(x)) ** scale.loglogs
    return (c * x**scale.power * logarithms * sp.exp(exponent)).subs(x, side * x)


def _growth(scale: Scale) -> Growth:
    if scale.rates:
        return "exponential" if scale.rates[0][0] <= 1 else "superexponential"
    if scale.power == 0:
        return "logarithmic"
    if scale.power == 1 and scale.logs == scale.loglogs == 0:
        return "linear"
    return "sublinear" if (Scale(sp.S.One) * scale**-1).growth > 0 else "polynomial"


def _directions(part: calculus.Piece, x: sp.Symbol) -> list[MonotonePiece]:
    slope = sp.diff(part.expr, x)
    if slope == 0:
        return [MonotonePiece(part.lo, part.hi, 0)]
    values = piecewise_range((calculus.Piece(part.lo, part.hi, slope),), x)
    for end, bound, direction in ((values.inf, values.inf.enclosure[0], 1), (values.sup, -values.sup.enclosure[1], -1)):
        if bound > 0 or (end.expr == 0):
            return [MonotonePiece(part.lo, part.hi, direction)]
    cuts = [part.lo, *all_zeros(slope, x, part.lo, part.hi), part.hi]
    out = []
    for lo, hi in pairwise(cuts):
        value = sp.N(slope.subs(x, calculus.sample_point(lo, hi)))
        out.append(MonotonePiece(lo, hi, 1 if value > 0 else -1))
    return out


def _jumps_back(act: Activation, found: MonotonePiece) -> bool:
    """Return whether φ jumps against the direction that it has on both sides of the left end."""
    gap = next((g for at, g in calculus.jumps(act.pieces, act.symbol) if at == found.lo), sp.S.Zero)
    return bool(gap * found.direction < 0) or (found.direction == 0 and gap != 0)
