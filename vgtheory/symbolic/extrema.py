"""Certified range of an activation's derivatives on the whole real line.

The supremum of φ^(k) is at a critical point, at a breakpoint, or in a tail.  All three are enclosed in ball arithmetic;
a closed form is reported as proved only when the certified search leaves no place but the one it stands for.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.extremum import Extremum, Range
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.parametric import absolute, symbolic_range
from vgtheory.symbolic.rescaling import rescaling
from vgtheory.symbolic.supremum import bounded, supremum
from vgtheory.symbolic.time_limit import TimeUp, time_limit

TIME_LIMIT = 10.0  # seconds of the processor's time, for both ends of the range


def derivative_range(act: Activation | str, order: int = 1) -> Range:
    """Return the certified supremum and infimum of the `order`-th derivative φ^(order) on the real line.

    Values at a breakpoint count as those of the piece on its left, as in :class:`~vgtheory.symbolic.calculus.Piece`.
    Parameters may be symbols where every piece is a scaled function without them, a·ψ(b·x), or monotone.
    The search is bounded in operations.  What takes over 10 s of the processor's time all the same is given as the best
    enclosure found by halving boxes, status "numeric" unless its ends agree to 1e-9, and says so in ``cut_short``.

    Raises
    ------
    InputError : an order other than 0 to 4.
    UnsupportedError : symbolic parameters that do more than scale the pieces.

    Examples
    --------
    >>> from vgtheory.symbolic.catalogue import activation
    >>> derivative_range(activation("sigmoid")).sup.expr
    1/4
    >>> derivative_range(activation("swish", beta=sp.Symbol("beta", positive=True)), order=0).inf.expr
    -LambertW(exp(-1))/beta
    >>> derivative_range(activation("mish")).sup.digits(20)
    1.0884981612517278612
    """
    if not isinstance(order, int) or isinstance(order, bool) or not 0 <= order <= 4:
        raise InputError("order", "an integer from 0 to 4", "ask for order=1", got=f"{order!r}")
    act = activation(act)
    try:
        with time_limit(TIME_LIMIT):
            return _derivative_range(act, order)
    except TimeUp:
        return _cut_short(act, order)


@kept
def _derivative_range(act: Activation, order: int) -> Range:
    parts = calculus.one_period(act.expr, act.symbol)
    if parts is not None:
        return piecewise_range(parts, act.symbol, order)
    return piecewise_range(act.pieces, act.symbol, order, even=_derivative_is_even(act, order))


def _cut_short(act: Activation, order: int) -> Range:
    """Return bounds for which nothing is simplified or solved; not kept, since more time may find more."""
    if not act.is_numeric or "pieces" not in vars(act):
        raise UnsupportedError(
            f"the range of {act.name} was not found within {TIME_LIMIT:g} s; "
            "simplify the formula or give parameters values"
        )
    x, parts = act.symbol, act.pieces
    moved = rescaling(parts, x)
    parts = parts if moved is None else moved.moved(parts, x, order)
    above, below = (bounded(parts, x, order, sign) for sign in (1, -1))
    ends = (replace(end, cut_short=True) for end in (above, below.negated()))
    return Range(*(end if moved is None else moved.restored(end, x) for end in ends))


def _derivative_is_even(act: Activation, order: int) -> bool:
    if act.parity is not None or not order:
        return act.parity == ("even" if order % 2 == 0 else "odd")
    return calculus.parity(act.derivative_pieces(order), act.symbol) == "even"  # SiLU is even but for x/2


def slope_bound(act: Activation) -> Extremum:
    """Return κ = sup |φ'|, the Lipschitz constant of φ (∞ where the slope is unbounded)."""
    both = derivative_range(act, 1)
    above, below = both.sup, both.inf.negated()
    if above.expr is not None and below.expr is not None:
        expr = absolute(sp.Max(above.expr, below.expr))
        if expr.free_symbols:
            return replace(above, expr=expr)
        return above if sp.N(above.expr - expr) == 0 or expr == above.expr else below
    return above if above.enclosure[0] >= below.enclosure[1] else below


def piecewise_range(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int = 0, even: bool = False) -> Range:
    """Return the range of the `order`-th derivative of the function made of `parts` on (parts[0].lo, parts[-1].hi).

    `even` says that this derivative is an even function, of which half is enough.
    """
    if any((p.expr.free_symbols | p.lo.free_symbols | p.hi.free_symbols) - {x} for p in parts):
        return symbolic_range(parts, x, order)
    moved = rescaling(parts, x)
    if moved is not None:
        found = piecewise_range(moved.moved(parts, x, order), x, order, even and moved.shift == 0)
        return Range(moved.restored(found.sup, x), moved.restored(found.inf, x))
    return Range(supremum(parts, x, order, 1, even), supremum(parts, x, order, -1, even).negated())
