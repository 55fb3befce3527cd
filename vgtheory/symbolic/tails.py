"""Certified behaviour of a formula on [R, ∞): sums of C·xⁿ·log(x)ᵏ·log(log x)ʲ·exp(polynomial), C in a ball.

A `Tail` stands for a function f(x) = Σ c_j(x)·m_j(x) with each c_j(x) in its ball C_j for every x ≥ R, and monomials
m_j ordered by growth.  Sums, products, reciprocals, powers and smooth functions of tails are tails again, by Taylor's
theorem with remainder around the dominant term; no limit or series is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key, lru_cache, reduce
from typing import TypeAlias

import sympy as sp
from flint import arb, ctx

from vgtheory.symbolic.ball import WHOLE_LINE, compile_jets, hull, jets, number_ball

Coefficient: TypeAlias = sp.Expr | arb  # exact where possible, so that cancellations are exact too


@lru_cache(maxsize=4096)
def _sign(number: sp.Expr) -> int:
    """Return the sign of a number that is not 0; SymPy evaluates each comparison anew."""
    return 1 if number > 0 else -1


class TailUndecided(Exception):
    """The terms cannot be ordered or bounded from this R on; a larger R may help."""


@dataclass(frozen=True)
class Scale:
    """The monomial x^power · log(x)^logs · log(log x)^loglogs · exp(Σ rate·x^degree), degrees decreasing."""

    power: sp.Rational = sp.S.Zero
    logs: sp.Rational = sp.S.Zero
    rates: tuple[tuple[sp.Expr, sp.Expr], ...] = ()
    loglogs: sp.Rational = sp.S.Zero

    @property
    def growth(self) -> int:
        """Return 1, 0 or −1: the monomial grows, is constant or decays at infinity."""
        for exponent in (*(rate for _, rate in self.rates[:1]), self.power, self.logs, self.loglogs):
            if exponent != 0:
                return _sign(exponent)
        return 0

    def __mul__(self, other: Scale) -> Scale:
        rates = dict(self.rates)
        for degree, rate in other.rates:
            rates[degree] = rates.get(degree, sp.Integer(0)) + rate
        kept = sorted(((d, r) for d, r in rates.items() if r != 0), key=lambda t: t[0], reverse=True)
        return Scale(self.power + other.power, self.logs + other.logs, tuple(kept), self.loglogs + other.loglogs)

    def __pow__(self, exponent: sp.Rational) -> Scale:
        rates = tuple((d, r * exponent) for d, r in self.rates)
        return Scale(self.power * exponent, self.logs * exponent, rates, self.loglogs * exponent)

    def at(self, start: arb) -> arb:
        """Return the value at `start`."""
        exponent = sum((number_ball(r) * start ** number_ball(d) for d, r in self.rates), arb(0))
        value = start ** number_ball(self.power) * start.log() ** number_ball(self.logs) * exponent.exp()
        return value if self.loglogs == 0 else value * start.log().log() ** number_ball(self.loglogs)

    def bound(self, start: arb) -> arb:
        """Return a ball that holds every value on [start, ∞)."""
        if self.growth == 0:
            return arb(1)
        if self.growth > 0:
            return WHOLE_LINE
        if not self.rates and self.power == 0:
            return self._logarithmic_bound(start)
        # x·(log m)' < 0 from `start` on, so that the monomial falls from its first value to 0.
        lead_degree = self.rates[0][0] if self.rates else sp.Integer(0)
        slope = number_ball(self.rates[0][1] * lead_degree if self.rates else sp.Min(self.power, 0))
        rest = [(d, r * d) for d, r in self.rates[1:]]
        rest += [(sp.Integer(0), self.power)] if self.rates else []
        for degree, rate in rest:
            if _sign(rate) > 0:
                slope += number_ball(rate) * start ** number_ball(degree - lead_degree)
        if self.logs > 0:
            slope += number_ball(self.logs) * start ** number_ball(-lead_degree) / start.log()
        if self.loglogs > 0:
            slope += number_ball(self.loglogs) * start ** number_ball(-lead_degree) / (start.log() * start.log().log())
        if not slope < 0:
            raise TailUndecided
        return hull(arb(0), self.at(start))

    def _logarithmic_bound(self, start: arb) -> arb:
        """Return the bound of log(x)^k·log(log x)^j, which falls once k·log log x + j < 0, k < 0 or k = 0 > j."""
        slope = number_ball(self.logs) * start.log().log() + number_ball(self.loglogs)
        if self.loglogs > 0 and not slope < 0:
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
        return sum((coefficient_ball(c) * s.bound(self.start) for s, c in self.terms), arb(0))

    def leading(self) -> tuple[Scale, Coefficient, Tail]:
        """Return (m, C, δ) with f = C·m·(1 + δ), δ decaying and above −1 on the half-line, C a ball without 0.

        Raises TailUndecided where no term dominates.
        """
        if not self.terms:
            raise TailUndecided
        scale, c = reduce(lambda a, b: b if (b[0] * a[0] ** -1).growth > 0 else a, self.terms)
        if coefficient_ball(c).contains(0):
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
        return 1 if coefficient_ball(self.leading()[1]) > 0 else -1

    def power(self, exponent: sp.Expr) -> Tail:
        """Return f**exponent; by the mean value theorem (1 + δ)^r = 1 + δ·r·(1 + θδ)^{r−1}."""
        if exponent.is_Integer and 0 <= exponent <= 8:
            return reduce(lambda a, b: a * b, [self] * int(exponent), self.constant(sp.Integer(1)))
        if not exponent.is_Rational:
            raise TailUndecided
        if exponent.is_Integer and exponent > 0 and not self.part(1).terms and not isinstance(self.limit, sp.Expr):
            return self.constant(self.bound() ** int(exponent))  # a wave
        scale, c, rest = self.leading()
        if not exponent.is_Integer and not coefficient_ball(c) > 0:
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
        around = jets(compile_jets(function(_T), _T), coefficient_ball(c) + hull(arb(0), rest.bound()), self.taylor)[
            self.taylor
        ]
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
    total = coefficient_ball(c)
    for other, d in terms[MAX_TERMS:]:
        total += coefficient_ball(d) * (other * scale**-1).bound(start)
    return [*kept, (scale, total)]


def coefficient_ball(c: Coefficient) -> arb:
    """Return a ball around a coefficient."""
    return _cached_ball(c, ctx.prec) if isinstance(c, sp.Expr) else c


@lru_cache(maxsize=2048)
def _cached_ball(c: sp.Expr, bits: int) -> arb:
    return number_ball(c)


def _plus(a: Coefficient, b: Coefficient) -> Coefficient:
    return a + b if isinstance(a, sp.Expr) and isinstance(b, sp.Expr) else coefficient_ball(a) + coefficient_ball(b)


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    if isinstance(a, sp.Expr) and isinstance(b, sp.Expr):
        return a * b
    return coefficient_ball(a) * coefficient_ball(b)


def _reciprocal(c: Coefficient) -> Coefficient:
    return 1 / c


def _power(c: Coefficient, exponent: sp.Rational) -> Coefficient:
    return c**exponent if isinstance(c, sp.Expr) else c ** number_ball(exponent)
