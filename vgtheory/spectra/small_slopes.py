"""How small slopes that are not 0 become: at zeros of φ', next to a kink and far out.  None is: not decided."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import composite, log_sum
from vgtheory.kernels.spectral_poles import ORDER
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.extrema import TIME_LIMIT, piecewise_range
from vgtheory.symbolic.limits import expansions, expansions_at, limit_at
from vgtheory.symbolic.root import all_zeros
from vgtheory.symbolic.shape import slope_period
from vgtheory.symbolic.tails import Scale, Tail, TailUndecided
from vgtheory.symbolic.time_limit import within

_FARTHEST, _PANEL = 38.0, 0.25  # in standard deviations: the normal density is 1e-314 there
_FALLEN = 40.0  # in ln: an integrand that is this far below its peak has no more to come


@lru_cache(maxsize=64)
def vanishes(activation: Activation) -> bool | None:
    """Return whether φ', where it is not 0 throughout, comes as near 0 as one likes, by its certified range."""
    found = [_nears_zero(piece, activation.symbol) for piece in _varying(activation)]
    return True if True in found else None if None in found else False


def log_inverse_beyond(activation: Activation, scale: float, reach: float) -> float | None:
    """Return ln E φ'(h)⁻² over |h| > reach · scale, h ~ N(0, scale²), where φ' is not 0; inf if E φ'(h)⁻² is infinite.

    Slopes of tanh are e^(−2|h|): their inverse squares are largest 4 · scale² away from 0, far beyond all probability.
    """
    decays = [_decay(activation, piece) for piece in _varying(activation)]
    if any(decay is not None and decay[0] * scale**2 >= 1 for decay in decays):
        return np.inf
    if any(decay is None or decay[1] > reach * scale for decay in decays):
        return None
    pieces, parts = activation.derivative_pieces(), list[float]()
    log_slope = evaluator(activation).log_slope
    z, w = composite(np.linspace(reach, _FARTHEST, int((_FARTHEST - reach) / _PANEL) + 1), ORDER)
    for sign, piece in ((-1.0, pieces[0]), (1.0, pieces[-1])):
        if piece.expr.free_symbols:
            logs = -2 * log_slope(sign * scale * z) - z * z / 2 - np.log(2 * np.pi) / 2
            if not logs[-1] < max(float(logs.max()), 0.0) - _FALLEN:
                return None
            parts.append(log_sum(logs, w))
    return log_sum(np.array(parts))


def _varying(activation: Activation) -> list[Piece]:
    return [piece for piece in activation.derivative_pieces() if piece.expr.free_symbols]


@lru_cache(maxsize=256)
def _nears_zero(piece: Piece, x: sp.Symbol) -> bool | None:
    """Return whether 0 is in the closure of the range of a continuous function."""
    try:
        with within(TIME_LIMIT, f"the range of {piece.expr}"):
            values = piecewise_range((piece,), x)
    except UnsupportedError:
        return None
    (lowest, low), (high, highest) = values.inf.enclosure, values.sup.enclosure
    if lowest > 0 or highest < 0:
        return False
    return True if low < 0 < high or values.inf.expr == 0 or values.sup.expr == 0 else None


@lru_cache(maxsize=256)
def _decay(activation: Activation, piece: Piece) -> tuple[float, float] | None:
    """Return (4c, t): |φ'| falls as e^(−ch²) or more slowly and is monotone for |h| > t, so that E φ'⁻² is finite for
    4c · q < 1; c = ∞ where φ' is 0 at a point, to an order of at least 1/2.
    """
    x, slope = activation.symbol, piece.expr
    if (near := _nears_zero(piece, x)) is not True:
        return None if near is None else (0.0, 0.0)
    if slope_period(activation) is not None:  # smooth and periodic: it attains 0
        return np.inf, 0.0
    fastest = 0.0
    try:
        with within(TIME_LIMIT, f"the zeros of {slope}"):
            for end, inwards in ((piece.lo, 1), (piece.hi, -1)):
                if end.is_finite and limit_at(slope, x, end, inwards) != 0:
                    continue
                if end.is_finite:
                    order = -_leading(expansions_at(slope, x, end, inwards)).power
                    return (np.inf, 0.0) if 2 * order >= 1 else None
                rates = _leading(expansions(slope.subs(x, -inwards * x), x)).rates
                degree, rate = rates[0] if rates else (sp.S.Zero, sp.S.Zero)
                if rate < 0 and degree >= 2:
                    fastest = max(fastest, -4 * float(rate) if degree == 2 else np.inf)
            if all_zeros(slope, x, piece.lo, piece.hi):  # isolated where φ' is analytic
                return np.inf, 0.0
            turns = all_zeros(sp.diff(slope, x), x, piece.lo, piece.hi)
    except UnsupportedError:
        return None
    return fastest, max((abs(float(turn)) for turn in turns), default=0.0)


def _leading(ends: Iterator[Tail]) -> Scale:
    """Return the monomial that a function tends to."""
    for end in ends:
        try:
            return end.leading()[0]
        except TailUndecided:
            continue
    raise UnsupportedError("no certified leading term")
