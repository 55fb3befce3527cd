"""From a formula to its behaviour on [R, ∞): one rule per function, each a certified operation on tails."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import sympy as sp
from flint import arb

from vgtheory.symbolic.ball import hull, number_ball
from vgtheory.symbolic.tails import ONE, Coefficient, Scale, Tail, TailUndecided, coefficient_ball


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
        if (
            isinstance(c, arb)
            or scale.rates
            or scale.loglogs != 0
            or (scale.logs != 0 and scale != Scale(logs=sp.Integer(1)))
        ):
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
    if not coefficient_ball(c) < 0 or beyond.growth <= 0:
        raise TailUndecided
    (beyond**-1).bound(f.start)
    rate = (-coefficient_ball(c) * (1 + rest.bound()) * beyond.at(f.start)).lower()
    if not rate > arb(1) / 16:
        raise TailUndecided
    rates = ((sp.Integer(1), -sp.Rational(int(min(float(rate), 1e6) * 16), 16)),)
    return Tail(((Scale(rates=rates), hull(arb(0), arb(1))),), f.start, f.taylor)


def _log(f: Tail) -> Tail:
    scale, c, rest = f.leading()
    if not coefficient_ball(c) > 0 or scale.loglogs:
        raise TailUndecided
    result = f.constant(sp.log(c) if isinstance(c, sp.Expr) else c.log())
    result += (f.constant(sp.Integer(1)) + rest).lifted(sp.log)
    terms: dict[Scale, Coefficient] = {Scale(degree): rate for degree, rate in scale.rates}
    if scale.power:
        terms[Scale(logs=sp.Integer(1))] = scale.power
    if scale.logs:
        terms[Scale(loglogs=sp.Integer(1))] = scale.logs
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
    low = (coefficient_ball(c) * scale.at(f.start) * (1 + rest.bound())).lower()
    if not low > 1:
        raise TailUndecided
    correction = (f * f).power(sp.Integer(-1)).scaled(hull(arb(-0.5), arb(0)))
    complement = _exp((f * f).scaled(sp.Integer(-1))) * f.power(sp.Integer(-1)).scaled(1 / sp.sqrt(sp.pi))
    complement = complement * (f.constant(sp.Integer(1)) + correction)
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
