"""Between which numbers a formula of several streams lies, and how steep it is in each, from ranges of the streams.

A formula is read as a sum of products of functions of one argument each: what is gained by gates that stay below 1 is
lost by an interval arithmetic that takes e^{−f} and (1 + e^{−f})^{−1} apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.extrema import derivative_range
from vgtheory.symbolic.extremum import Range
from vgtheory.symbolic.notation import reach
from vgtheory.theory.proofs.certified_slope import Known


class Interval(NamedTuple):
    """All numbers from lo to hi; both may be infinite, or expressions in symbols that are at least 0."""

    lo: sp.Expr
    hi: sp.Expr

    @property
    def magnitude(self) -> sp.Expr:
        """Return a number that no |x| in the interval exceeds, and the least one where signs are known."""
        if self.lo == -self.hi or self.lo.is_nonnegative:
            return self.hi
        return sp.Max(-self.lo, self.hi)


EVERYTHING = Interval(-sp.oo, sp.oo)
y = sp.Symbol("y", real=True)


def within(size: sp.Expr) -> Interval:
    """Return the interval from −size to size."""
    return Interval(-size, size)


class Unary(NamedTuple):
    """A function of one argument, and the argument in terms of streams."""

    function: sp.Expr  # of y
    argument: sp.Expr


class Ranges:
    """What is known of streams: an interval for each; asked for intervals and slopes of formulas in them.

    Parameters
    ----------
    streams : interval by stream; may be added to.

    Attributes
    ----------
    proved : whether all that was said has a closed form; otherwise some of it is certified.
    """

    def __init__(self, streams: Mapping[sp.Symbol, Interval]) -> None:
        self.streams = dict(streams)
        self.proved = True

    def interval(self, expr: sp.Expr) -> Interval:
        """Return an interval in which a formula stays."""
        if expr.is_number:
            return Interval(expr, expr)
        if expr in self.streams:
            return self.streams[expr]
        if expr.is_Add and (unary := _unary(expr)) is None:
            if (size := self._mixture(expr)) is not None:
                return within(size)
            parts = [self.interval(term) for term in expr.args]
            return Interval(sp.Add(*(p.lo for p in parts)), sp.Add(*(p.hi for p in parts)))
        if expr.is_Mul and len(groups := _factors(expr)) > 1:
            return _times([self.interval(part) for part in groups])
        if (unary := _unary(expr)) is None:
            return EVERYTHING
        return self._values(unary)

    def slope(self, expr: sp.Expr, stream: sp.Symbol) -> sp.Expr:
        """Return a number that no size of a formula's derivative by a stream exceeds; ∞ where none is known."""
        if not expr.has(stream):
            return sp.S.Zero
        if expr == stream:
            return sp.S.One
        if expr.is_Add and _unary(expr) is None:
            return sp.Add(*(self.slope(term, stream) for term in expr.args))
        if expr.is_Mul and len(groups := _factors(expr)) > 1:
            sizes = [self.interval(part).magnitude for part in groups]
            terms = []
            for at, part in enumerate(groups):
                if part.has(stream):
                    terms.append(_product([self.slope(part, stream), *sizes[:at], *sizes[at + 1 :]]))
            return sp.Add(*terms)
        if (unary := _unary(expr)) is None:
            return sp.oo
        return _product([self._steepest(unary), self.slope(unary.argument, stream)])

    def _values(self, unary: Unary) -> Interval:
        """Return the interval of a function of one argument: its ends where it is monotone, else its whole range."""
        at = self.interval(unary.argument)
        if unary.function == y:
            return at
        if at.lo == at.hi:
            value = unary.function.subs(y, at.lo)
            return Interval(value, value)
        whole = self._range(unary.function, 0)
        if not all(map(_is_plain, at)) or at == EVERYTHING:
            return whole
        if (direction := _direction(unary.function)) == 0:
            if not whole.magnitude.is_infinite:
                return whole
            steepest = self._range(unary.function, 1).magnitude
            return within(sp.Abs(unary.function.subs(y, 0)) + steepest * at.magnitude)
        ends = [whole[k] if end.is_infinite else unary.function.subs(y, end) for k, end in enumerate(at[::direction])]
        return Interval(whole.lo if whole.lo.is_nonnegative else ends[0], ends[1])

    def _steepest(self, unary: Unary) -> sp.Expr:
        """Return the largest |slope| of a function of one argument."""
        at = self.interval(unary.argument)
        if at.lo == at.hi:
            slope = sp.diff(unary.function, y).subs(y, at.lo)
            return sp.oo if slope.has(sp.Subs, sp.Derivative, sp.nan) else sp.Abs(slope)
        return self._range(unary.function, 1).magnitude

    def _range(self, function: sp.Expr, order: int) -> Interval:
        found = _whole_range(function, order)
        if found is None:
            return EVERYTHING
        ends = Known.lower(found.inf), Known.upper(found.sup)
        self.proved &= all(end is None or end.status == "proved" for end in ends)
        return Interval(-sp.oo if ends[0] is None else ends[0].value, sp.oo if ends[1] is None else ends[1].value)

    def _mixture(self, expr: sp.Expr) -> sp.Expr | None:
        """Return the bound of Σ α_i(z) r_i with α_i ≥ 0 and Σ α_i = 1: the largest |r_i|; None for another sum."""
        terms = [_factors(term) for term in expr.args]
        for gate in sorted(expr.free_symbols, key=str):
            split = [([f for f in term if f.free_symbols == {gate}], term) for term in terms]
            if not all(len(own) == 1 and len(term) > 1 for own, term in split):
                continue
            weights = [own[0] for own, _ in split]
            if sp.simplify(sp.Add(*weights)) == 1 and all(self.interval(w).lo.is_nonnegative for w in weights):
                rest = [_product([self.interval(f).magnitude for f in term if f is not own[0]]) for own, term in split]
                return sp.Max(*rest)
        return None


def _product(sizes: list[sp.Expr]) -> sp.Expr:
    """Return the product of sizes; 0 times what is unbounded is 0."""
    return sp.S.Zero if any(size == 0 for size in sizes) else sp.Mul(*sizes)


def _times(parts: list[Interval]) -> Interval:
    size = _product([part.magnitude for part in parts])
    return Interval(sp.S.Zero, size) if all(part.lo.is_nonnegative for part in parts) else within(size)


def _factors(expr: sp.Expr) -> list[sp.Expr]:
    """Return the factors of a product, those of the same streams as one."""
    grouped: dict[frozenset[sp.Basic], sp.Expr] = {}
    for factor in sp.Mul.make_args(expr):
        key = frozenset(factor.free_symbols)
        grouped[key] = grouped.get(key, sp.S.One) * factor
    return list(grouped.values())


@lru_cache(maxsize=1024)
def _unary(expr: sp.Expr) -> Unary | None:
    """Return a formula as a function of one argument, a linear one where it can be; None where it is not one."""
    arguments = [a for f in sp.preorder_traversal(expr) if f.is_Function for a in f.args if isinstance(a, sp.Expr)]
    (symbol, *others) = sorted(expr.free_symbols, key=str)
    if not others:
        linear = next((a for a in arguments if sp.diff(a, symbol).is_number and a.has(symbol)), symbol)
        linear = -linear if sp.diff(linear, symbol).is_negative else linear
        slope, start = sp.diff(linear, symbol), linear.subs(symbol, 0)
        return Unary(expr.subs(symbol, (y - start) / slope), linear)
    for argument in arguments:
        if argument.free_symbols == expr.free_symbols:
            shown = -argument if argument.could_extract_minus_sign() else argument
            function = expr.subs({argument: y if shown == argument else -y})
            if function.free_symbols == {y}:
                return Unary(function, shown)
    return None


@lru_cache(maxsize=256)
def _whole_range(function: sp.Expr, order: int) -> Range | None:
    """Return the range on the whole line; None where it is not certified."""
    try:
        return derivative_range(Activation(function.xreplace({y: sp.Symbol("x", real=True)})), order)
    except UnsupportedError:
        return None


def _is_plain(end: sp.Expr) -> bool:
    """Return whether a function may be taken at an end without becoming unreadable: of numbers and of H + number."""
    return bool(end.is_number or (end - reach).is_number or (end + reach).is_number)


def _direction(function: sp.Expr) -> int:
    """Return 1 for a function that rises everywhere, −1 for one that falls, 0 for another."""
    slopes = _whole_range(function, 1)
    if slopes is None:
        return 0
    return 1 if slopes.inf.enclosure[0] >= 0 else -1 if slopes.sup.enclosure[1] <= 0 else 0
