"""Near a point where a function vanishes faster than its terms, or is 0/0: a polynomial in place of the formula.

x − tanh x ~ x³/3 loses all its digits near 0 however its terms are computed; sin(x)/x and the slope of √ln(1 + x²) are
0/0 there, and what is left of them close by cancels.  On one side of the point c f(x)/|x − c|^k, which is analytic and
not 0, is replaced by the polynomial through its values, of many digits, at Chebyshev points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mpmath as mp
import sympy as sp

from vgtheory.codegen.emission import Quotient
from vgtheory.codegen.program import Builder, Operand

# Far enough out the terms cancel little; narrow ones are for functions of a large multiple of x.
RADII = tuple(map(sp.Rational, ("3/2", "1", "1/2", "1/8", "1/32", "1/128")))
TERMS = range(8, 33, 4)
MOST_CHANGE = 8.0  # of a polynomial in t²: the sum of its terms loses three bits at most
MOST_ZEROS = 6  # the largest order of a zero at 0 that is looked for
ACCURACY = 1e-18  # of the polynomial, relative; a unit in the last place is 1e-16
DIGITS = 80
LIMIT_DIGITS = 400
CLOSEST = 1e-12  # where a quotient 0/0 is taken for its value at the point


@dataclass(frozen=True)
class NearPoint:
    """f(x) = t^order · Σ coefficients[j] v^j for t = |x − c| ≤ radius on one side of c, v = 2 (t/radius)^step − 1."""

    radius: sp.Rational
    order: int
    step: int
    coefficients: tuple[float, ...]

    def emit(self, builder: Builder, t: Operand) -> Quotient:
        """Return the registers of the polynomial; of two that are opposite, as on either side of 0, one is computed."""
        sign = math.copysign(1.0, self.coefficients[-1])
        inside = builder.op("min", t, float(self.radius))
        scaled = builder.op("mul", builder.power(inside, self.step), 2 / float(self.radius) ** self.step)
        v = builder.op("add", scaled, -1.0)
        coefficients = [sign * c for c in self.coefficients]
        # With step 2 nothing cancels: even and odd powers apart are half as long a chain.
        w = builder.power(v, self.step)
        series = _horner(builder, v, [_horner(builder, w, coefficients[k :: self.step]) for k in range(self.step)])
        size = builder.op("mul", series, builder.power(inside, self.order))
        value = builder.op("mul", size, sign)
        return Quotient(value, value, 1.0, 0.0)


def _horner(builder: Builder, v: Operand, coefficients: Sequence[Operand]) -> Operand:
    result = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        result = builder.op("add", builder.op("mul", result, v), c)
    return result


def order_at(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> int | None:
    """Return the order of the zero of f at a point, from one side, where f needs a polynomial there; else None.

    It needs one where f has a zero of order 2 or more, and where its formula is 0/0 but has a limit.
    """
    if is_undefined(expr, x, at):
        return _order_seen(expr, x, at, side)
    order = _order_of_zero(expr, x, at)
    return None if order is None or order < 2 else order


def near_point(
    expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int, order: int, radius: sp.Rational
) -> NearPoint | None:
    """Return the polynomial for x = at + side·t, 0 ≤ t ≤ radius; None where one in t does not fit.

    One in t² takes half the terms, where the function is even or odd and does not come close to 0 farther out.
    """
    function = sp.lambdify(x, expr, "mpmath")

    def quotient(t: mp.mpf) -> mp.mpf:
        return function(centre + side * t) / t**order

    def fitted(step: int) -> NearPoint | None:
        def in_v(v: mp.mpf) -> mp.mpf:
            return quotient(max(end * ((v + 1) / 2) ** (mp.mpf(1) / step), mp.mpf(CLOSEST)))

        for terms in TERMS:
            coefficients, error = mp.chebyfit(in_v, [-1, 1], terms, error=True)
            if error <= ACCURACY * abs(in_v(mp.mpf(1))):
                return NearPoint(radius, order, step, tuple(float(c) for c in reversed(coefficients)))
        return None

    with mp.workdps(DIGITS):
        centre, end = mp.mpf(str(sp.N(at, DIGITS))), mp.mpf(int(radius.p)) / int(radius.q)
        in_t = fitted(1)
        sizes = [abs(quotient(end * k / 8)) for k in range(1, 9)]
        steady = max(sizes) <= MOST_CHANGE * min(sizes)
        even = in_t is not None and steady and all(_is_even(quotient, end * k / 7) for k in (2, 5))
        return (fitted(2) if even else None) or in_t


def _is_even(function: Callable[[mp.mpf], mp.mpf], t: mp.mpf) -> bool:
    """Return whether f(t) = f(−t), to as many digits as are computed with; complex or undefined values are not."""
    try:
        return bool(abs(function(t) - function(-t)) <= abs(function(t)) * mp.mpf(10) ** (10 - DIGITS))
    except (ValueError, ZeroDivisionError):
        return False


def is_undefined(expr: sp.Expr, x: sp.Symbol, at: sp.Expr) -> bool:
    """Return whether the formula says nothing at a point: 0/0, or ∞ − ∞."""
    return expr.subs(x, at).has(sp.nan, sp.zoo)


def _order_seen(expr: sp.Expr, x: sp.Symbol, at: sp.Expr, side: int) -> int | None:
    """Return k, a whole number, where f ~ |x − at|^k beside the point; else None: a pole, a root, a logarithm."""
    function = sp.lambdify(x, expr, "mpmath")
    with mp.workdps(LIMIT_DIGITS):
        centre = mp.mpf(str(sp.N(at, LIMIT_DIGITS)))
        near, nearer = (abs(function(centre + side * mp.mpf(10) ** -k)) for k in (24, 40))
        power = mp.log10(near / nearer) / 16 if near and nearer else mp.nan
        order = round(float(power)) if mp.isfinite(power) else -1
        return order if 0 <= order <= MOST_ZEROS and abs(power - order) < 1e-12 else None


def _order_of_zero(expr: sp.Expr, x: sp.Symbol, at: sp.Expr) -> int | None:
    for order in range(MOST_ZEROS + 1):
        value = expr.subs(x, at)
        if not value.is_number or not value.is_finite:
            return None
        # Most values are far from 0, which 30 digits settle; simplify can take minutes over exact parameters.
        if abs(sp.N(value, 30)) > sp.Rational(1, 10**15) or sp.simplify(value) != 0:
            return order
        expr = sp.diff(expr, x)
    return None
