"""Which Gaussian means of an activation are finite, and where it is not smooth: decided once, from the formula.

E |f(√q z)|^p is infinite for two reasons only: f grows at a breakpoint like t^{−a} with a·p ≥ 1 in the distance t, or
it grows at infinity like exp(c x²) with 2cpq > 1, or faster.  Both are read off the certified expansions of f there.
Closed forms, certified integrals, quadrature and the tables made with it all ask here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import sympy as sp

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.symbolic import closed_form
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.limits import expansions, expansions_at
from vgtheory.symbolic.period import period
from vgtheory.symbolic.tails import Scale, Tail, TailUndecided, coefficient_ball

Side = Literal[-1, 1]


@dataclass(frozen=True)
class Edge:
    """One side of a breakpoint up to which a function is not smooth: |f(x)| ~ C·|x − at|^exponent there.

    Parameters
    ----------
    at, side : the breakpoint, and −1 for its left, 1 for its right.
    exponent : negative where f is unbounded; 0 where it has a limit other than 0.
    sign : the sign of f near the breakpoint.
    """

    at: sp.Expr
    side: Side
    exponent: sp.Expr
    sign: int


@dataclass(frozen=True)
class Divergence:
    """A place near which the Gaussian mean of |f|^p is infinite.

    Parameters
    ----------
    at : the breakpoint, or ±oo.
    variance : the mean is infinite at every variance above it; 0 where it is infinite at every variance.
    closed : whether it is infinite at that variance too.
    sign : the sign of f there.
    reason : in words, e.g. "it grows like |x|**(-1) towards x = 0".
    """

    at: sp.Expr
    variance: sp.Expr
    closed: bool
    sign: int
    reason: str

    def holds(self, q: sp.Expr) -> bool:
        """Return whether the mean is infinite at variance q > 0."""
        return bool(q > self.variance) or (self.closed and q == self.variance)


@dataclass(frozen=True)
class FiniteMean:
    """For which variances q the mean E |f(√q z)|^p is finite: those that no divergence holds at.

    Parameters
    ----------
    divergences : the places where it may be infinite, those of the smallest variance first; none: it is always finite.
    """

    divergences: tuple[Divergence, ...]

    @property
    def limit(self) -> sp.Expr:
        """Return the variance above which the mean is infinite: oo for never, 0 for always."""
        return self.divergences[0].variance if self.divergences else sp.oo

    @property
    def reason(self) -> str:
        """Return why the mean is infinite where it is, "" where it never is."""
        return self.divergences[0].reason if self.divergences else ""

    def holds(self, q: Any) -> bool:
        """Return whether the mean is finite at variance q ≥ 0."""
        variance = exact(q)
        if not (variance.is_number and variance.is_nonnegative):
            raise InputError("q", "a variance of at least 0", "e.g. q=0.7", got=shown(q))
        return variance == 0 or not any(d.holds(variance) for d in self.divergences)


@dataclass(frozen=True)
class Smoothness:
    """Where φ is not smooth.

    Parameters
    ----------
    jumps : (breakpoint, right value − left value) of φ.
    kinks : the same of φ', where φ itself does not jump; infinite where the slope is unbounded with two signs.
    edges : the sides of breakpoints up to which φ' is not smooth, with its local exponents.
    bounded_slope : whether φ' is bounded.
    """

    jumps: tuple[tuple[sp.Expr, sp.Expr], ...]
    kinks: tuple[tuple[sp.Expr, sp.Expr], ...]
    edges: tuple[Edge, ...]
    bounded_slope: bool


def finite_mean(act: Activation | str, order: int = 1, power: int = 2) -> FiniteMean:
    """Return for which variances E |φ^(order)(√q z)|^power is finite, e.g. χ/σ_w² for the default.

    Raises UnsupportedError where the growth of φ^(order) is not known: a parameter without value, or a function without
    an expansion.

    >>> finite_mean(Activation("sqrt(abs(x))")).limit, finite_mean(Activation("abs(x)**0.75")).limit
    (0, oo)
    >>> finite_mean(Activation("exp(x^2/8)"), order=0, power=4).limit
    1
    """
    act = to_activation(act)
    if not isinstance(power, int) or isinstance(power, bool) or power < 1:
        raise InputError("power", "a whole number of at least 1", "e.g. power=2", got=f"{power!r}"[:60])
    return divergences(act.derivative_pieces(order), act.symbol, power)


@kept
def why_infinite(act: Activation, order: int, power: int) -> str:
    """Return why E |φ^(order)(√q z)|^power is infinite at every q > 0; "" where it is not, or not shown to be.

    >>> why_infinite(Activation("sqrt(abs(x))"), 1, 2)
    'it grows like |x|**(-1) towards x = 0'
    """
    try:
        found = finite_mean(act, order, power)
    except UnsupportedError:  # growth that is not known: left to the quadrature, which looks at its own tail
        return ""
    return found.reason if found.limit == 0 else ""


@lru_cache(maxsize=256)
def is_flat(act: Activation) -> bool:
    """Return whether the slope is 0 almost everywhere, so that no gradient passes."""
    return all(piece.expr == 0 for piece in act.derivative_pieces())


def smoothness(act: Activation | str) -> Smoothness:
    """Return the jumps, kinks and local exponents of φ and its slope.

    >>> smoothness(Activation("abs(x)**0.75")).edges[1]
    Edge(at=0, side=1, exponent=-1/4, sign=1)
    """
    return _smoothness(to_activation(act))


@kept
def _smoothness(act: Activation) -> Smoothness:
    jumps, slopes = act.jumps(0), act.derivative_pieces(1)
    torn = {at for at, _ in jumps}
    kinks = tuple((at, gap) for at, gap in act.jumps(1) if at not in torn)
    found = edges(slopes, act.symbol)
    return Smoothness(jumps, kinks, found, all(e.exponent >= 0 for e in found) and _bounded_far_out(slopes, act.symbol))


@kept
def divergences(parts: tuple[Piece, ...], x: sp.Symbol, power: int = 1) -> FiniteMean:
    """Return for which variances the Gaussian mean of |f|^power is finite, for the function made of `parts`."""
    found = [
        Divergence(
            e.at, sp.S.Zero, True, e.sign, f"it grows like |{x - e.at}|**({e.exponent * power}) towards {x} = {e.at}"
        )
        for e in edges(parts, x)
        if e.exponent * power <= -1
    ]
    for side, part in ((-1, parts[0]), (1, parts[-1])):
        mirrored = part.expr.subs(x, side * x)
        if period(part.expr, x) is None and any(
            node.has(x) for node in mirrored.atoms(sp.exp, sp.sinh, sp.cosh, sp.tan, sp.Pow)
        ):
            found += _superexponential(mirrored, x, side, power)
    return FiniteMean(tuple(sorted(found, key=lambda d: (d.variance, str(d.at)))))


@lru_cache(maxsize=1024)
def edges(parts: tuple[Piece, ...], x: sp.Symbol) -> tuple[Edge, ...]:
    """Return the sides of the breakpoints up to which the function made of `parts` is not smooth."""
    return tuple(
        _edge(part.expr, x, end, side)
        for part in parts
        for end, side in ((part.lo, 1), (part.hi, -1))
        if end.is_finite and _singular(part.expr, x, end)
    )


def _singular(expr: sp.Expr, x: sp.Symbol, at: sp.Expr) -> bool:
    """Return whether a power that is no whole positive one has a base that vanishes at the point."""
    return any(
        not (p.exp.is_Integer and p.exp > 0) and closed_form.vanishes(p.base.subs(x, at))
        for p in expr.atoms(sp.Pow)
        if p.base.has(x)
    )


def _edge(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> Edge:
    for end in expansions_at(expr, x, at, side):
        try:
            scale, c, _ = end.leading()
        except TailUndecided:
            continue
        exponent = -sp.sign(scale.rates[0][1]) * sp.oo if scale.rates else -scale.power
        return Edge(at, 1 if side > 0 else -1, exponent, 1 if coefficient_ball(c) > 0 else -1)
    raise UnsupportedError(f"the behaviour of {expr} at {x} = {at} is not known; write it with plain powers of {x}")


def _superexponential(expr: sp.Expr, x: sp.Symbol, side: int, power: int) -> Iterator[Divergence]:
    """Yield the divergence at infinity of a function that grows like exp(c x²) or faster."""
    fast = True
    for end in expansions(expr, x):
        fast = any(_rate(scale) > 0 for scale, _ in end.terms)
        if not fast:
            return
        try:
            yield from _far(end, side, power)
        except TailUndecided:
            continue
        return
    if fast:
        raise UnsupportedError(f"the growth of {expr} for large {x} is not known, so neither is its Gaussian mean")


def _rate(scale: Scale) -> sp.Expr:
    """Return c of exp(c x²), oo for what grows faster and −oo for what falls faster, 0 for what is slower."""
    degree, rate = scale.rates[0] if scale.rates else (sp.S.Zero, sp.S.Zero)
    return sp.S.Zero if degree < 2 else rate if degree == 2 else sp.sign(rate) * sp.oo


def _far(end: Tail, side: int, power: int) -> Iterator[Divergence]:
    scale, c, _ = end.leading()
    rate = _rate(scale)
    if not rate > 0:
        return
    variance = sp.S.Zero if rate == sp.oo else 1 / (2 * power * rate)
    slower = scale.rates[1:]
    closed = bool(slower[0][1] > 0 if slower else scale.power * power >= -1)
    degree, first = scale.rates[0]
    how = f"it grows like exp({first * power}*|x|**{degree}) for large |x|"
    yield Divergence(side * sp.oo, variance, closed or rate == sp.oo, 1 if coefficient_ball(c) > 0 else -1, how)


def _bounded_far_out(parts: tuple[Piece, ...], x: sp.Symbol) -> bool:
    for expr in (parts[0].expr.subs(x, -x), parts[-1].expr):
        if not expr.has(x):
            continue
        end = next(iter(expansions(expr, x)), None)
        if end is None:
            raise UnsupportedError(f"the growth of {expr} for large {x} is not known")
        if end.part(1).terms:
            return False
    return True
