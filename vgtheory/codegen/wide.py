"""Numbers m·2^E with E a double of its own, in which nothing overflows: how a function is computed far out.

Far from 0 the usual form may be ∞·0 or ∞/∞ although its value is moderate, as in x·sech²(e^x)·e^x.  Here every quantity
of the chart is a significand m, 1/2 ≤ |m| < 1, and an exponent; the rational function is evaluated as it stands.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import sympy as sp

from vgtheory.codegen.cancellation import number
from vgtheory.codegen.chart import Chart, Generator
from vgtheory.codegen.exponents import precise_polynomial
from vgtheory.codegen.program import INPUT, LARGEST, NO_EXPONENT, Builder, Operand

SMALL = -60.0  # below 2^SMALL a function is its first term
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # 32 bits and the rest
EXACT = 2.0**30  # multiples of ln 2 that are subtracted exactly; beyond, only the size of the exponential matters
# Exponents stop growing here, so that sums of E are exact: those of polynomials, and later those of faster functions.
MOST, MOST_OF_DECAYS = 2.0**40, 2.0**48
# Functions f(u) ≈ slope·u near 0.
FIRST_TERMS = {"sin": 1.0, "tan": 1.0, "atan": 1.0, "asinh": 1.0, "tanh": 1.0, "erf": 2 / math.sqrt(math.pi)}


class Wide(NamedTuple):
    """Registers of m and E."""

    m: Operand
    e: Operand


class WideEmitter:
    """Writes the quantities of one chart as wide numbers into a program."""

    def __init__(self, chart: Chart, builder: Builder) -> None:
        self.chart, self.builder = chart, builder
        self.size = builder.op("min", builder.op("abs", INPUT), LARGEST)
        self.t = self.wide(self.size)
        self._known: dict[sp.Symbol, Wide] = {}

    # -------------------------------------------------------------- arithmetic

    def wide(self, a: Operand) -> Wide:
        """Return a double as a wide number."""
        if isinstance(a, float):
            m, e = math.frexp(a)
            return Wide(m, float(e) if a else NO_EXPONENT)
        return self._normal(a, 0.0)

    def double(self, a: Wide) -> Operand:
        """Return a wide number as a double, ±∞ or 0 where it leaves the range."""
        return self.builder.op("scaled", a.m, a.e)

    def _normal(self, m: Operand, e: Operand) -> Wide:
        b = self.builder
        shift = b.op("exponent", m)
        return Wide(b.op("scaled", m, b.op("neg", shift)), b.op("add", e, shift))

    def times(self, a: Wide, c: Wide) -> Wide:
        """Return the product."""
        return self._normal(self.builder.op("mul", a.m, c.m), self.builder.op("add", a.e, c.e))

    def plus(self, a: Wide, c: Wide) -> Wide:
        """Return the sum."""
        b = self.builder
        top = b.op("max", a.e, c.e)
        parts = [b.op("scaled", p.m, b.op("add", p.e, b.op("neg", top))) for p in (a, c)]
        return self._normal(b.op("add", *parts), top)

    def over(self, a: Wide, c: Wide) -> Wide:
        """Return the quotient."""
        b = self.builder
        return self._normal(b.op("div", a.m, c.m), b.op("add", a.e, b.op("neg", c.e)))

    def power(self, a: Wide, k: int) -> Wide:
        """Return a^k for an integer k of at least 0."""
        b = self.builder
        if k <= 1:
            return a if k else self.wide(1.0)
        return self._normal(b.power(a.m, k), b.op("mul", a.e, float(k)))

    def root(self, a: Wide, index: int) -> Wide:
        """Return a^(1/index)."""
        b = self.builder
        whole = b.op("floor", b.op("mul", a.e, 1.0 / index))
        rest = b.op("add", a.e, b.op("mul", whole, -float(index)))
        inside = b.op("scaled", a.m, rest)
        return self._normal(b.op("sqrt", inside) if index == 2 else b.op("pow", inside, 1.0 / index), whole)

    def select(self, low: Operand, end: float, a: Wide, c: Wide) -> Wide:
        """Return a where low ≤ end, else c."""
        return Wide(*(self.builder.op("select_le", low, end, p, q) for p, q in zip(a, c, strict=True)))

    # -------------------------------------------------------------- functions

    def exponential(self, high: Operand, low: Operand) -> Wide:
        """Return e^(high + low)."""
        b = self.builder
        k = b.op("floor", b.op("add", b.op("mul", high, 1.4426950408889634), 0.5))
        r = b.op("add", high, b.op("neg", b.op("mul", k, LN2_HIGH)))
        tail = b.op("add", low, b.op("neg", b.op("mul", k, LN2_LOW)))
        far = b.op("abs", k)
        r, tail = (b.op("select_le", far, EXACT, p, 0.0) for p in (r, tail))
        return self._normal(b.op("exp_sum", r, tail), k)

    def logarithm(self, a: Wide) -> Operand:
        """Return ln a as a double."""
        b = self.builder
        return b.op("add", b.op("mul", a.e, math.log(2)), b.op("log", a.m))

    def function(self, kind: str, a: Wide) -> Wide:
        """Return the function that an operation of the program computes."""
        b = self.builder
        if kind == "log":
            return self.wide(self.logarithm(a))
        if kind.startswith("log1p"):
            beyond = b.op("select_le", a.e, -SMALL, b.op("log1p", self._limited(a)), self.logarithm(a))
            return self.select(a.e, SMALL, a, self.wide(beyond))
        if kind == "exp":
            v = b.op("max", b.op("min", self.double(a), MOST_OF_DECAYS), -MOST_OF_DECAYS)
            return self.exponential(v, 0.0)
        if kind == "asinh":
            size = Wide(b.op("abs", a.m), a.e)
            sign = b.op("select_le", a.m, 0.0, -1.0, 1.0)
            beyond = b.op("mul", sign, b.op("add", self.logarithm(size), math.log(2)))
            middle = b.op("select_le", a.e, -SMALL, b.op("asinh", self._limited(a)), beyond)
            return self.select(a.e, SMALL, a, self.wide(middle))
        value = self.wide(b.op(kind, self.double(a)))
        if kind in FIRST_TERMS:
            value = self.select(a.e, SMALL, self.times(a, self.wide(FIRST_TERMS[kind])), value)
        return value

    def _limited(self, a: Wide) -> Operand:
        """Return a double that is a wherever |a| is between 2^SMALL and 2^-SMALL."""
        b = self.builder
        return b.op("scaled", a.m, b.op("min", a.e, 100.0))

    # -------------------------------------------------------------- the chart's quantities

    def quotient(self, num: sp.Expr, den: sp.Expr) -> Wide:
        """Return the wide number of num/den."""
        if num == 0:
            return self.wide(0.0)
        return self.over(self._product(num), self._product(den))

    def _product(self, e: sp.Expr) -> Wide:
        constant, factors = sp.factor_list(e)
        parts = [self.power(self._sum(f), int(k)) for f, k in factors]
        return reduce(self.times, parts, self.wide(number(constant)))

    def _sum(self, e: sp.Expr) -> Wide:
        symbols = sorted(e.free_symbols, key=lambda s: s.name)
        if not symbols:
            return self.wide(number(e))
        terms = []
        for m, c in sp.Poly(e, *symbols).terms():
            powers = [self.power(self._symbol(s), k) for s, k in zip(symbols, m, strict=True) if k]
            terms.append(reduce(self.times, powers, self.wide(number(c))))
        return reduce(self.plus, terms)

    def _symbol(self, symbol: sp.Symbol) -> Wide:
        if symbol == self.chart.t:
            return self.t
        if symbol not in self._known:
            self._known[symbol] = self._generator(self.chart.generators[symbol])
        return self._known[symbol]

    def _generator(self, g: Generator) -> Wide:
        b = self.builder
        if g.kind == "constant":
            return self.wide(number(g.argument))
        if g.kind == "exponential":
            high, low = self._polynomial(g)
            return self.exponential(b.op("neg", high), b.op("neg", low))
        if g.kind in ("erfcx", "error function"):
            high, _ = self._polynomial(g)
            return self.wide(b.op("erfcx" if g.kind == "erfcx" else "erf", high))
        inside = self.quotient(*sp.fraction(sp.cancel(sp.together(g.argument))))
        if g.kind == "decay":
            return self.function("exp", Wide(b.op("neg", inside.m), inside.e))
        return self.root(inside, g.index) if g.kind == "root" else self.function(g.kind, inside)

    def _polynomial(self, g: Generator) -> tuple[Operand, Operand]:
        """Return p(t) as an unevaluated sum of two doubles, for t where every exponent is less than MOST."""
        return precise_polynomial(self.builder, g.coefficients, self.builder.op("min", self.size, self._end()))

    def _end(self) -> float:
        generators = [g for g in self.chart.generators.values() if g.coefficients]
        ends = [(MOST / max(1.0, abs(number(g.coefficients[-1])))) ** (1 / _degree(g)) for g in generators]
        return min(ends, default=MOST) / 2


def _degree(g: Generator) -> int:
    return (len(g.coefficients) - 1) * (1 if g.kind == "exponential" else 2)
