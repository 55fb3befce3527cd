"""Certified behaviour of a formula on [R, ∞): sums of C·xⁿ·log(x)ᵏ·exp(polynomial) with ball coefficients.

A `Tail` stands for a function f(x) = Σ c_j(x)·m_j(x) with each c_j(x) in its ball C_j for every x ≥ R, and monomials
m_j ordered by growth.  Sums, products, reciprocals, powers and smooth functions of tails are tails again, by Taylor's
theorem with remainder around the dominant term; no limit or series is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache, reduce
from typing import TypeAlias

import sympy as sp
from flint import arb, ctx

from vgtheory.symbolic.ball import WHOLE_LINE, compile_jets, hull, jets, number_ball

Coefficient: TypeAlias = sp.Expr | arb  # exact where possible, so that cancellations are exact too


class TailUndecided(Exception):
    """The terms cannot be ordered or bounded from this R on; a larger R may help."""


@dataclass(frozen=True)
class Scale:
    """The monomial x^power · log(x)^logs · exp(Σ rate·x^degree), degrees decreasing."""

    power: sp.Rational = sp.S.Zero
    logs: sp.Rational = sp.S.Zero
    rates: tuple[tuple[sp.Expr, sp.Expr], ...] = ()

    @property
    def growth(self) -> int:
        """Return 1, 0 or −1: the monomial grows, is constant or decays at infinity."""
        for exponent in (*(rate for _, rate in self.rates[:1]), self.power, self.logs):
            if exponent != 0:
                return 1 if exponent > 0 else -1
        return 0

    def __mul__(self, other: Scale) -> Scale:
        rates = dict(self.rates)
        for degree, rate in other.rates:
            rates[degree] = rates.get(degree, sp.Integer(0)) + rate
        kept = sorted(((d, r) for d, r in rates.items() if r != 0), key=lambda t: t[0], reverse=True)
        return Scale(self.power + other.power, self.logs + other.logs, tuple(kept))

    def __pow__(self, exponent: sp.Rational) -> Scale:
        rates = tuple((d, r * exponent) for d, r in self.rates)
        return Scale(self.power * exponent, self.logs * exponent, rates)

    def at(self, start: arb) -> arb:
        """Return the value at `start`."""
        exponent = sum((number_ball(r) * start ** number_ball(d) for d, r in self.rates), arb(0))
        return start ** number_ball(self.power) * start.log() ** number_ball(self.logs) * exponent.exp()

    def bound(self, start: arb) -> arb:
        """Return a ball that holds every value on [start, ∞)."""
        if self.growth == 0:
            return arb(1)
        if self.growth > 0:
            return WHOLE_LINE
        # x·(log m)' < 0 from `start` on, so that the monomial falls from its first value to 0.
        lead_degree = self.rates[0][0] if self.rates else sp.Integer(0)
        slope = number_ball(self.rates[0][1] * lead_degree if self.rates else sp.Min(self.power, 0))
        rest = [(d, r * d) for d, r in self.rates[1:]]
        rest += [(sp.Integer(0), self.power)] if self.rates else []
        for degree, rate in rest:
            if rate > 0:
                slope += number_ball(rate) * start ** number_ball(degree - lead_degree)
        if self.logs > 0:
            slope += number_ball(self.logs) * start ** number_ball(-lead_degree) / start.log()
        if not slope < 0:
            raise TailUndecided
        return hull(arb(0), self.at(start))


ONE = Scale()
MAX_TERMS = 12  # beyond it the smallest terms are folded together, or products of products would grow without end
TAYLOR_ORDERS = (2, 5)  # to try in turn: more terms cost more and are needed only where leading terms cancel
_T = sp.Dummy("t", real=True)


@dataclass(frozen=True)
class Tail:
    """A function on [start, ∞) as a sum of coefficient × monomial."""

    terms: tuple[tuple[Scale, Coefficient], ...]
    start: arb
    taylor: int = 2  # order at which Taylor expansions around the dominant term end in a remainder

    def _new(self, terms: dict[Scale, Coefficient]) -> Tail:
        kept = [(s, c) for s, c in terms.items() if not (isinstance(c, sp.Expr) and c == 0)]
        if len(kept) > MAX_TERMS:
            kept = _folded(sorted(kept, key=_BY_GROWTH), self.start)
        return Tail(tuple(kept), self.start, self.taylor)

    def constant(self, value: Coefficient) -> Tail:
        """Return a constant function on the same half-line."""
        return self._new({ONE: value})

    def __add__(self, other: Tail) -> Tail:
        terms = dict(self.terms)
        for scale, c in other.terms:
            terms[scale] = _plus(terms[scale], c) if scale in terms else c
        return self._new(terms)

    def __mul__(self, other: Tail) -> Tail:
        terms: dict[Scale, Coefficient] = {}
        for a, c in self.terms:
            for b, d in other.terms:
                scale, product = a * b, _times(c, d)
                terms[scale] = _plus(terms[scale], product) if scale in terms else product
        return self._new(terms)

    def scaled(self, factor: Coefficient) -> Tail:
        """Return factor · f."""
        return self * self.constant(factor)

    def part(self, *growths: int) -> Tail:
        """Return the terms whose monomials grow (1), are constant (0) or decay (−1)."""
        return Tail(tuple((s, c) for s, c in self.terms if s.growth in growths), self.start, self.taylor)

    @property
    def limit(self) -> Coefficient:
        """Return the constant term, the limit when nothing grows."""
        return next((c for s, c in self.terms if s == ONE), sp.Integer(0))

    def bound(self) -> arb:
        """Return a ball that holds every value on [start, ∞)."""
        return sum((_ball(c) * s.bound(self.start) for s, c in self.terms), arb(0))

    def leading(self) -> tuple[Scale, Coefficient, Tail]:
        """Return (m, C, δ) with f = C·m·(1 + δ), δ decaying and above −1 on the half-line, C a ball without 0.

        Raises TailUndecided where no term dominates.
        """
        if not self.terms:
            raise TailUndecided
        scale, c = reduce(lambda a, b: b if (b[0] * a[0] ** -1).growth > 0 else a, self.terms)
        if _ball(c).contains(0):
            raise TailUndecided
        inverse = self._new({scale**-1: _reciprocal(c)})
        rest = Tail(tuple(t for t in self.terms if t[0] != scale), self.start, self.taylor) * inverse
        if not 1 + rest.bound() > 0:
            raise TailUndecided
        return scale, c, rest

    def sign(self) -> int:
        """Return the sign that f has on all of [start, ∞); 0 where f is identically 0. Raises TailUndecided."""
        if not self.terms:
            return 0
        return 1 if _ball(self.leading()[1]) > 0 else -1

    def power(self, exponent: sp.Expr) -> Tail:
        """Return f**exponent; by the mean value theorem (1 + δ)^r = 1 + δ·r·(1 + θδ)^{r−1}."""
        if exponent.is_Integer and 0 <= exponent <= 8:
            return reduce(lambda a, b: a * b, [self] * int(exponent), self.constant(sp.Integer(1)))
        if not exponent.is_Rational:
            raise TailUndecided
        scale, c, rest = self.leading()
        if not exponent.is_Integer and not _ball(c) > 0:
            raise TailUndecided
        around = (1 + hull(arb(0), rest.bound())) ** number_ball(exponent - self.taylor)
        factors: list[Coefficient] = [sp.ff(exponent, k) / sp.factorial(k) for k in range(self.taylor)]
        factors.append(number_ball(sp.ff(exponent, self.taylor) / sp.factorial(self.taylor)) * around)
        return self._new({scale**exponent: _power(c, exponent)}) * rest.polynomial(factors)

    def polynomial(self, factors: list[Coefficient]) -> Tail:
        """Return Σ factors[k]·f^k."""
        total = self.constant(factors[-1])
        for factor in reversed(factors[:-1]):
            total = total * self + self.constant(factor)
        return total

    def lifted(self, function: type) -> Tail:
        """Return g(f) for f = c + δ, δ decaying: Taylor with Lagrange's remainder."""
        c, rest = self.limit, self.part(-1)
        if self.part(1).terms:
            raise TailUndecided
        if not rest.terms:
            return self.constant(
                function(c) if isinstance(c, sp.Expr) else jets(compile_jets(function(_T), _T), c, 0)[0]
            )
        around = jets(compile_jets(function(_T), _T), _ball(c) + hull(arb(0), rest.bound()), self.taylor)[self.taylor]
        if not around.is_finite():
            raise TailUndecided
        if isinstance(c, sp.Expr):
            factors: list[Coefficient] = [_derivative(function, k, c) for k in range(self.taylor)]
        else:
            factors = list(jets(compile_jets(function(_T), _T), c, self.taylor - 1))
        factors.append(around)
        return rest.polynomial([_times(f, 1 / sp.factorial(k)) for k, f in enumerate(factors)])


@lru_cache(maxsize=1024)
def _derivative(function: type, order: int, at: sp.Expr) -> sp.Expr:
    return function(_T).diff(_T, order).subs(_T, at)


def _faster(a: tuple[Scale, Coefficient], b: tuple[Scale, Coefficient]) -> int:
    return (b[0] * a[0] ** -1).growth


_BY_GROWTH = cmp_to_key(_faster)


def _folded(terms: list[tuple[Scale, Coefficient]], start: arb) -> list[tuple[Scale, Coefficient]]:
    """Return the largest terms, the others absorbed by the coefficient of the smallest one that is kept."""
    kept, (scale, c) = terms[: MAX_TERMS - 1], terms[MAX_TERMS - 1]
    total = _ball(c)
    for other, d in terms[MAX_TERMS:]:
        total += _ball(d) * (other * scale**-1).bound(start)
    return [*kept, (scale, total)]


def tail(expr: sp.Expr, x: sp.Symbol, start: int, taylor: int = 2) -> Tail:
    """Return `expr` on [start, ∞). Raises TailUndecided or UnsupportedError."""
    unit = Tail(((ONE, sp.Integer(1)),), arb(start), taylor)
    return _Builder(x, unit).build(expr)


class _Builder:
    def __init__(self, x: sp.Symbol, unit: Tail) -> None:
        self.x, self.unit, self.done = (
            x,
            unit,
            {x: Tail(((Scale(sp.Integer(1)), sp.Integer(1)),), unit.start, unit.taylor)},
        )

    def build(self, node: sp.Expr) -> Tail:
        if node not in self.done:
            self.done[node] = self._build(node)
        return self.done[node]

    def _build(self, node: sp.Expr) -> Tail:
        if not node.has(self.x):
            number_ball(node)  # refuses what has no enclosure
            return self.unit.constant(node)
        if node.is_Add:
            return reduce(lambda a, b: a + b, map(self.build, node.args))
        if node.is_Mul:
            return reduce(lambda a, b: a * b, map(self.build, node.args))
        if node.is_Pow and node.exp.is_number:
            return self.build(node.base).power(node.exp)
        if node.is_Pow:
            return _exp(self.build(node.exp) * _log(self.build(node.base)))
        if node.func in RULES:
            return RULES[node.func](self.build(node.args[0]))
        raise TailUndecided


def _exp(f: Tail) -> Tail:
    growing = f.part(1)
    outer = _exponential_scale(growing)
    if outer is None:
        return _doubly_small(f)
    return f.part(0, -1).lifted(sp.exp) * Tail(((outer, sp.Integer(1)),), f.start, f.taylor)


def _exponential_scale(growing: Tail) -> Scale | None:
    """Return exp of a polynomial in x plus a multiple of log x, or None where it is something else."""
    logs, rates = sp.Integer(0), []
    for scale, c in growing.terms:
        if isinstance(c, arb) or scale.rates or (scale.logs != 0 and scale != Scale(logs=sp.Integer(1))):
            return None
        if scale.logs:
            logs += c
        else:
            rates.append((scale.power, c))
    rates.sort(key=lambda t: t[0], reverse=True)
    return Scale(logs, sp.Integer(0), tuple(rates)) if logs.is_Rational else None


def _doubly_small(f: Tail) -> Tail:
    """Return exp(f) for an f that falls faster than −x, such as −eˣ: it is C·e^{−rx} with 0 ≤ C ≤ 1."""
    scale, c, rest = f.leading()
    beyond = scale * Scale(sp.Integer(-1))  # f/x; its reciprocal decays, so |f|/x is smallest at the start
    if not _ball(c) < 0 or beyond.growth <= 0:
        raise TailUndecided
    (beyond**-1).bound(f.start)
    rate = (-_ball(c) * (1 + rest.bound()) * beyond.at(f.start)).lower()
    if not rate > arb(1) / 16:
        raise TailUndecided
    rates = ((sp.Integer(1), -sp.Rational(int(min(float(rate), 1e6) * 16), 16)),)
    return Tail(((Scale(rates=rates), hull(arb(0), arb(1))),), f.start, f.taylor)


def _log(f: Tail) -> Tail:
    scale, c, rest = f.leading()
    if not _ball(c) > 0 or scale.logs:
        raise TailUndecided
    result = f.constant(sp.log(c) if isinstance(c, sp.Expr) else c.log())
    result += (f.constant(sp.Integer(1)) + rest).lifted(sp.log)
    terms: dict[Scale, Coefficient] = {Scale(degree): rate for degree, rate in scale.rates}
    if scale.power:
        terms[Scale(sp.Integer(0), sp.Integer(1))] = scale.power
    return result + Tail(tuple(terms.items()), f.start, f.taylor)


def _odd_sigmoid(growing: Callable[[Tail], Tail], small: Callable[[Tail], Tail]) -> Callable[[Tail], Tail]:
    """Return the rule of an odd function that has a form of its own for arguments that grow to +∞."""

    def rule(f: Tail) -> Tail:
        if not f.part(1).terms:
            return small(f)
        minus = sp.Integer(-1)
        return growing(f) if f.sign() > 0 else growing(f.scaled(minus)).scaled(minus)

    return rule


def _tanh_growing(f: Tail) -> Tail:
    one = f.constant(sp.Integer(1))
    return (one + _exp(f.scaled(sp.Integer(-2)))).power(sp.Integer(-1)).scaled(sp.Integer(2)) + f.constant(
        sp.Integer(-1)
    )


def _erf_growing(f: Tail) -> Tail:
    # erfc(y)·e^{y²}·y√π lies between 1 − 1/(2y²) and 1 for y > 0 (the first terms of its enveloping series).
    scale, c, rest = f.leading()
    (scale**-1).bound(f.start)  # f's monomial grows from the start on, so f is smallest there
    low = (_ball(c) * scale.at(f.start) * (1 + rest.bound())).lower()
    if not low > 1:
        raise TailUndecided
    factor = hull(1 - 1 / (2 * low * low), arb(1)) / arb.pi().sqrt()
    complement = _exp((f * f).scaled(sp.Integer(-1))) * f.power(sp.Integer(-1)).scaled(factor)
    return f.constant(sp.Integer(1)) + complement.scaled(sp.Integer(-1))


def _atan_growing(f: Tail) -> Tail:
    return f.constant(sp.pi / 2) + f.power(sp.Integer(-1)).lifted(sp.atan).scaled(sp.Integer(-1))


def _asinh_growing(f: Tail) -> Tail:
    return _log(f + (f * f + f.constant(sp.Integer(1))).power(sp.Rational(1, 2)))


def _wave(function: type) -> Callable[[Tail], Tail]:
    return lambda f: f.constant(hull(arb(-1), arb(1))) if f.part(1).terms else f.lifted(function)


def _hyperbolic(sign: int) -> Callable[[Tail], Tail]:
    def rule(f: Tail) -> Tail:
        minus = _exp(f.scaled(sp.Integer(-1))).scaled(sp.Integer(sign))
        return (_exp(f) + minus).scaled(sp.Rational(1, 2))

    return rule


_erf = _odd_sigmoid(_erf_growing, lambda f: f.lifted(sp.erf))

RULES: dict[type, Callable[[Tail], Tail]] = {
    sp.exp: _exp,
    sp.log: _log,
    sp.tanh: _odd_sigmoid(_tanh_growing, lambda f: f.lifted(sp.tanh)),
    sp.sinh: _hyperbolic(-1),
    sp.cosh: _hyperbolic(1),
    sp.sech: lambda f: _hyperbolic(1)(f).power(sp.Integer(-1)),
    sp.erf: _erf,
    sp.erfc: lambda f: f.constant(sp.Integer(1)) + _erf(f).scaled(sp.Integer(-1)),
    sp.atan: _odd_sigmoid(_atan_growing, lambda f: f.lifted(sp.atan)),
    sp.asinh: _odd_sigmoid(_asinh_growing, lambda f: f.lifted(sp.asinh)),
    sp.sin: _wave(sp.sin),
    sp.cos: _wave(sp.cos),
}


def _ball(c: Coefficient) -> arb:
    return _cached_ball(c, ctx.prec) if isinstance(c, sp.Expr) else c


@lru_cache(maxsize=2048)
def _cached_ball(c: sp.Expr, bits: int) -> arb:
    return number_ball(c)


def _plus(a: Coefficient, b: Coefficient) -> Coefficient:
    return a + b if isinstance(a, sp.Expr) and isinstance(b, sp.Expr) else _ball(a) + _ball(b)


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    if isinstance(a, sp.Expr) and isinstance(b, sp.Expr):
        return a * b
    return _ball(a) * _ball(b)


def _reciprocal(c: Coefficient) -> Coefficient:
    return 1 / c


def _power(c: Coefficient, exponent: sp.Rational) -> Coefficient:
    return c**exponent if isinstance(c, sp.Expr) else c ** number_ball(exponent)
