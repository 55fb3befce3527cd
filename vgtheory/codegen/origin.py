"""Near x = 0, where a function vanishes faster than the terms it is made of: a polynomial in place of the formula.

x − tanh x ~ x³/3 loses all its digits near 0 however its terms are computed, and the slope of √ln(1 + x²) is 0/0 there.
On one side of 0 f(x)/x^k, which is analytic and not 0, is replaced by the polynomial through its values, of many
digits, at Chebyshev points.
"""

from __future__ import annotations

from dataclasses import dataclass

import mpmath as mp
import sympy as sp

from vgtheory.codegen.emission import Quotient
from vgtheory.codegen.program import Builder, Operand

RADII = (sp.Rational(3, 2), sp.Integer(1), sp.Rational(1, 2))  # far enough out the terms cancel little
TERMS = (16, 24, 32)
MOST_ZEROS = 6  # the largest order of a zero at 0 that is looked for
ACCURACY = 1e-18  # of the polynomial, relative; a unit in the last place is 1e-16
DIGITS = 50
CLOSEST = 1e-12  # where a quotient 0/0 is taken for its value at 0


@dataclass(frozen=True)
class NearOrigin:
    """f(x) = t^order · Σ coefficients[j] v^j for t = |x| ≤ radius on one side of 0, v = 2t/radius − 1."""

    radius: sp.Rational
    order: int
    coefficients: tuple[float, ...]

    def emit(self, builder: Builder, t: Operand) -> Quotient:
        """Return the registers of the polynomial."""
        inside = builder.op("min", t, float(self.radius))
        v = builder.op("add", builder.op("mul", inside, 2 / float(self.radius)), -1.0)
        result: Operand = self.coefficients[-1]
        for c in reversed(self.coefficients[:-1]):
            result = builder.op("add", builder.op("mul", result, v), c)
        value = builder.op("mul", result, builder.power(inside, self.order))
        return Quotient(value, value, 1.0, 0.0, tame=True)


def near_origin(expr: sp.Expr, x: sp.Symbol, sign: int, radius: sp.Rational) -> NearOrigin | None:
    """Return the polynomial for x = sign·t, 0 ≤ t ≤ radius; None where it is not needed or does not fit.

    It is needed where f has a zero of order 2 or more, and where its formula is 0/0.
    """
    order = 0 if is_undefined(expr, x) else _order_of_zero(expr, x)
    if order is None or (order < 2 and not is_undefined(expr, x)):
        return None
    function = sp.lambdify(x, expr, "mpmath")

    def quotient(v: mp.mpf) -> mp.mpf:
        t = max((v + 1) * mp.mpf(int(radius.p)) / int(radius.q) / 2, mp.mpf(CLOSEST))
        return function(sign * t) / t**order

    with mp.workdps(DIGITS):
        for terms in TERMS:
            coefficients, error = mp.chebyfit(quotient, [-1, 1], terms, error=True)
            if error <= ACCURACY * abs(quotient(mp.mpf(1))):
                return NearOrigin(radius, order, tuple(float(c) for c in reversed(coefficients)))
    return None


def is_undefined(expr: sp.Expr, x: sp.Symbol) -> bool:
    """Return whether the formula says nothing at 0: 0/0."""
    return expr.subs(x, 0) is sp.nan


def _order_of_zero(expr: sp.Expr, x: sp.Symbol) -> int | None:
    for order in range(MOST_ZEROS + 1):
        value = expr.subs(x, 0)
        if not value.is_number or not value.is_finite:
            return None
        # Most values are far from 0, which 30 digits settle; simplify can take minutes over exact parameters.
        if abs(sp.N(value, 30)) > sp.Rational(1, 10**15) or sp.simplify(value) != 0:
            return order
        expr = sp.diff(expr, x)
    return None
