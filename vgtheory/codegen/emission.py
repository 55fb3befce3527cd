"""From a chart's rational function to float operations: clamped, factored, with every cancellation named."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import sympy as sp

from vgtheory.codegen.cancellation import cancels, number
from vgtheory.codegen.chart import Chart, Generator
from vgtheory.codegen.program import INPUT, Builder, Operand

# |x| in products with an exponential: beyond it the exponential is 0, and 0·∞ must not arise.
FAR = 1e15
UNDERFLOW = 800.0  # e^{-800} is 0 in double precision


@dataclass(frozen=True)
class Quotient:
    """Registers of numerator·e^{-exponent} / denominator; `scaled` is the numerator times the exponential."""

    numerator: Operand
    scaled: Operand
    denominator: Operand
    exponent: Operand


class Emitter:
    """Writes the quantities of one chart into a program."""

    def __init__(self, chart: Chart, builder: Builder, what: str) -> None:
        self.chart, self.builder, self.what = chart, builder, what
        self.t = builder.op("abs", INPUT)
        self.near = builder.op("min", self.t, FAR)
        self.notes: list[str] = []

    # -------------------------------------------------------------- the quotient

    def quotient(self, num: sp.Expr, den: sp.Expr) -> Quotient:
        """Return the registers of num/den."""
        if num == 0:
            return Quotient(0.0, 0.0, 1.0, 0.0)
        above, below = sp.factor_list(num), sp.factor_list(den)
        powers = [(f, int(k)) for f, k in above[1]] + [(f, -int(k)) for f, k in below[1]]
        constant = sp.Rational(above[0]) / sp.Rational(below[0])
        scale: Operand = 1.0
        exponent: Operand = 0.0
        algebraic, rest = [], []
        for factor, k in powers:
            generator = self.chart.generators.get(factor)
            if generator is not None and generator.kind == "constant":
                constant *= generator.argument**k
            elif generator is not None and generator.kind == "exponential":
                part, log_part = self._exponential_power(generator, k)
                scale = self.builder.op("mul", scale, part)
                exponent = self.builder.op("add", exponent, log_part)
            elif self._is_algebraic(factor):
                algebraic.append((factor, k))
            else:
                rest.append((factor, k))
        decaying = isinstance(exponent, int) and scale != 1.0
        numerator, denominator = self._products(rest, decaying)
        numerator, denominator = self._algebraic(algebraic, decaying, numerator, denominator)
        numerator = self.builder.op("mul", numerator, number(constant))
        grows = any(k < 0 for f, k in powers if f in self._symbols_of("exponential"))
        scaled = self.builder.op("product" if grows and isinstance(numerator, int) else "mul", numerator, scale)
        return Quotient(numerator, scaled, denominator, exponent)

    def _exponential_power(self, g: Generator, k: int) -> tuple[Operand, Operand]:
        """Return the registers of e^{-kp} and of k·p."""
        high, low = self.chart_polynomial(g, clamped=True)
        b = self.builder
        value = b.power(self._generator(g) if k > 0 else b.op("exp_sum", high, low), abs(k))
        return value, b.op("mul", self.chart_polynomial(g, clamped=False)[0], float(k))

    def _is_algebraic(self, factor: sp.Expr) -> bool:
        kinds = (self.chart.generators.get(s) for s in factor.free_symbols - {self.chart.t})
        return all(
            g is not None and (g.kind == "constant" or (g.kind == "root" and self._root_degree(g) is not None))
            for g in kinds
        )

    def _products(self, factors: list[tuple[sp.Expr, int]], decaying: bool) -> tuple[Operand, Operand]:
        sides: list[Operand] = [1.0, 1.0]
        for factor, k in factors:
            value = self.builder.power(self._factor(factor, decaying), abs(k))
            sides[k < 0] = self.builder.op("mul", sides[k < 0], value)
        return sides[0], sides[1]

    # -------------------------------------------------------------- rational functions of t

    def _algebraic(
        self, factors: list[tuple[sp.Expr, int]], decaying: bool, numerator: Operand, denominator: Operand
    ) -> tuple[Operand, Operand]:
        """Multiply by the factors in t alone; with u = min(t, 1), y = 1/max(t, 1) no quotient is ∞/∞."""
        if decaying or not any(k < 0 for _, k in factors):
            above, below = self._products(factors, decaying)
            return self.builder.op("mul", above, numerator), self.builder.op("mul", below, denominator)
        b = self.builder
        u = b.op("min", self.t, 1.0)
        y = b.op("div", 1.0, b.op("max", self.t, 1.0))
        degree = 0
        for factor, k in factors:
            d, value = self._homogeneous(factor, u, y)
            degree += d * k
            power = b.power(value, abs(k))
            generator = self.chart.generators.get(factor)
            if generator is not None and generator.kind == "root":  # (√v)³ = v·√v, rounded less often
                whole, left = divmod(abs(k), generator.index)
                inside = self._homogeneous(sp.expand(generator.argument), u, y)[1]
                power = b.op("mul", b.power(inside, whole), b.power(value, left))
            if k > 0:
                numerator = b.op("mul", numerator, power)
            else:
                denominator = b.op("mul", denominator, power)
        if degree > 0:
            numerator = b.op("mul", numerator, b.power(b.op("max", self.t, 1.0), degree))
        else:
            numerator = b.op("mul", numerator, b.power(y, -degree))
        return numerator, denominator

    def _root_degree(self, g: Generator) -> int | None:
        """Return the degree in t of a root of a polynomial in t, None where it is no such thing."""
        if sp.fraction(g.argument)[1] != 1 or not self._has_only_constants(g.argument):
            return None
        degree = sp.degree(g.argument, self.chart.t)
        return int(degree) // g.index if degree % g.index == 0 else None

    def _has_only_constants(self, e: sp.Expr) -> bool:
        others = e.free_symbols - {self.chart.t}
        return all(self.chart.generators[s].kind == "constant" for s in others)

    def _homogeneous(self, factor: sp.Expr, u: Operand, y: Operand) -> tuple[int, Operand]:
        """Return the degree d and the register of (y^d factor), which is bounded."""
        t, b = self.chart.t, self.builder
        roots = [self.chart.generators[s] for s in factor.free_symbols if s != t]
        roots = sorted((g for g in roots if g.kind == "root"), key=lambda g: g.symbol.name)
        poly = sp.Poly(factor, t, *(g.symbol for g in roots))
        degrees = [1, *(self._root_degree(g) or 0 for g in roots)]
        total = max(sum(e * d for e, d in zip(m, degrees, strict=True)) for m in poly.monoms())
        values = []
        for g in roots:
            _, inside = self._homogeneous(sp.expand(g.argument), u, y)
            values.append(self._root(inside, g.index))
        result: Operand = 0.0
        self._report(factor)
        for m, c in poly.terms():
            weight = sum(e * d for e, d in zip(m, degrees, strict=True))
            term = b.op("mul", b.power(u, m[0]), b.power(y, total - weight))
            for value, e in zip(values, m[1:], strict=True):
                term = b.op("mul", term, b.power(value, e))
            result = b.op("add", result, b.op("mul", term, self._number_of(c)))
        return total, result

    def _root(self, inside: Operand, index: int) -> Operand:
        return self.builder.op("sqrt", inside) if index == 2 else self.builder.op("pow", inside, 1.0 / index)

    def _number_of(self, c: sp.Expr) -> float:
        return number(c.subs({s: self.chart.generators[s].argument for s in c.free_symbols}))

    # -------------------------------------------------------------- factors

    def _factor(self, factor: sp.Expr, decaying: bool) -> Operand:
        if cancels(self.chart, factor):
            factor = self._with_erf(factor)
        split = self._around_one(factor)
        if split is None:
            return self._sum(factor, decaying)
        generator, rest, quotient = split
        # n - 1 has full relative precision.
        product = self.builder.op("mul", self._less_one(generator), self._sum(quotient, decaying))
        if cancels(self.chart, rest - sp.Symbol("m", positive=True) * quotient):
            self._report(factor)
        return self.builder.op("add", self._sum(rest, decaying), product)

    def _with_erf(self, factor: sp.Expr) -> sp.Expr:
        """Return the factor with n·erfcx(p) written as 1 - erf(p), where that stops a cancellation."""
        for w in self.chart.of_kind("erfcx"):
            for n in self.chart.of_kind("exponential"):
                if factor.has(w.symbol) and self._is_square(n, w):
                    erf = self.chart.error_function(w)
                    rewritten = sp.expand(factor.subs(w.symbol, (1 - erf) / n.symbol))
                    if rewritten.is_polynomial(n.symbol) and not cancels(self.chart, rewritten):
                        return rewritten
        return factor

    def _is_square(self, n: Generator, w: Generator) -> bool:
        t = self.chart.t
        p, u = (sum(c * t**k for k, c in enumerate(g.coefficients)) for g in (n, w))
        return sp.expand(p - sp.expand(u**2)) == 0

    def _around_one(self, factor: sp.Expr) -> tuple[Generator, sp.Expr, sp.Expr] | None:
        """Return (n, A, Q) with factor = A + (n - 1)·Q where that cancels less than the factor as it stands."""
        if not cancels(self.chart, factor):
            return None
        for n in self.chart.of_kind("exponential"):
            if not factor.has(n.symbol) or sp.degree(factor, n.symbol) > 12:
                continue
            kept, moved = sp.S.Zero, sp.S.Zero
            others = sorted(factor.free_symbols - {n.symbol}, key=lambda s: s.name)
            for monomial, c in sp.Poly(factor, *others).terms() if others else [((), factor)]:
                term = c * sp.Mul(*(s**k for s, k in zip(others, monomial, strict=True)))
                if cancels(self.chart, c):
                    moved += term
                else:
                    kept += term
            at_one = sp.expand(moved.subs(n.symbol, 1))
            if sp.expand(at_one.subs(self.chart.t, 0)) == 0:  # else nothing vanishes where n = 1
                return n, sp.expand(kept + at_one), sp.expand(sp.cancel((moved - at_one) / (n.symbol - 1)))
        return None

    def _sum(self, e: sp.Expr, decaying: bool) -> Operand:
        e = sp.expand(e)
        if e == 0:
            return 0.0
        self._report(e)
        order = {"exponential": 0, "constant": 9}
        symbols = [s for s in e.free_symbols if s == self.chart.t or self.chart.generators[s].kind != "constant"]
        symbols.sort(key=lambda s: (8 if s == self.chart.t else order.get(self.chart.generators[s].kind, 5), s.name))
        if not symbols:
            return self._number_of(e)
        terms = sp.Poly(e, *symbols).terms()
        return self._horner([(m, self._number_of(c)) for m, c in terms], symbols, decaying)

    def _horner(self, terms: list[tuple[tuple[int, ...], float]], symbols: list[sp.Symbol], decaying: bool) -> Operand:
        if not symbols:
            return sum(c for _, c in terms)
        b, symbol = self.builder, symbols[0]
        generator = self.chart.generators.get(symbol)
        shrinks = generator is not None and generator.kind == "exponential"
        groups = {k: list(g) for k, g in groupby(sorted(terms, key=lambda m: -m[0][0]), key=lambda m: m[0][0])}
        result: Operand = 0.0
        for k in range(max(groups), -1, -1):
            if not (isinstance(result, float) and result == 0.0):
                result = b.op("mul", result, self._symbol(symbol, decaying))
            if k in groups:
                inner = [(m[1:], c) for m, c in groups[k]]
                result = b.op("add", result, self._horner(inner, symbols[1:], decaying or (shrinks and k > 0)))
        return result

    def _report(self, e: sp.Expr) -> None:
        if cancels(self.chart, e):
            where = f"{self.chart.lo} < {self.chart.x} < {self.chart.hi}"
            self.notes.append(
                f"terms of both signs in {self.what} for {where}: accurate relative to the largest of them"
            )

    # -------------------------------------------------------------- generators

    def _symbols_of(self, kind: str) -> list[sp.Symbol]:
        return [g.symbol for g in self.chart.of_kind(kind)]

    def _symbol(self, symbol: sp.Symbol, decaying: bool) -> Operand:
        if symbol == self.chart.t:
            return self.near if decaying else self.t
        return self._generator(self.chart.generators[symbol])

    def _generator(self, g: Generator) -> Operand:
        b = self.builder
        if g.kind == "exponential":
            high, low = self.chart_polynomial(g, clamped=True)
            return b.op("exp_sum", b.op("neg", high), b.op("neg", low))
        if g.kind in ("erfcx", "error function"):
            operation = "erfcx" if g.kind == "erfcx" else "erf"
            return b.op(operation, self.chart_polynomial(g, clamped=False)[0])
        inside = self.quotient(*sp.fraction(sp.cancel(sp.together(g.argument))))
        value = b.op("div", inside.scaled, inside.denominator)
        if g.kind == "root":
            return self._root(value, g.index)
        return b.op(g.kind, value)

    def _less_one(self, g: Generator) -> Operand:
        high, low = self.chart_polynomial(g, clamped=True)
        return self.builder.op("expm1_sum", self.builder.op("neg", high), self.builder.op("neg", low))

    def chart_polynomial(self, g: Generator, clamped: bool) -> tuple[Operand, Operand]:
        """Return the registers of p(t) as an unevaluated sum of two doubles; (p, 0.0) for |t| unclamped."""
        b, c = self.builder, g.coefficients
        t = self.t
        if clamped:
            t = b.op("min", t, _end(c))
        high, low = split(c[-1])
        acc: tuple[Operand, Operand] = (high, low)
        for a in reversed(c[:-1]):
            acc = self._times(acc, t) if clamped else (b.op("mul", acc[0], t), 0.0)
            if a != 0:
                acc = self._plus(acc, split(a)) if clamped else (b.op("add", acc[0], number(a)), 0.0)
        return acc

    def _times(self, a: tuple[Operand, Operand], t: Operand) -> tuple[Operand, Operand]:
        b = self.builder
        tail = 0.0 if a[1] == 0.0 and isinstance(a[1], float) else b.op("mul", a[1], t)
        if isinstance(a[0], float) and np.frexp(a[0])[0] == 0.5:  # a power of two: the product is exact
            return b.op("mul", t, a[0]), tail
        pair = b.op("two_product", t, a[0])
        return b.op("high", pair), b.op("add", b.op("low", pair), tail)

    def _plus(self, a: tuple[Operand, Operand], c: tuple[float, float]) -> tuple[Operand, Operand]:
        b = self.builder
        pair = b.op("two_sum", a[0], c[0])
        return b.op("high", pair), b.op("add", b.op("add", b.op("low", pair), a[1]), c[1])


def split(c: sp.Expr) -> tuple[float, float]:
    """Return a SymPy number as an unevaluated sum of two doubles."""
    high = number(c)
    return high, number(c - sp.Rational(high))


def _end(c: tuple[sp.Expr, ...]) -> float:
    """Return the t from which on p(t) ≥ UNDERFLOW, a little more than the exponential needs."""
    roots = np.roots([float(a) for a in reversed(c[1:])] + [float(c[0]) - UNDERFLOW])
    real = [float(r.real) for r in roots if abs(r.imag) < 1e-6 * (1 + abs(r)) and r.real > 0]
    return max(real) * (1 + 1e-6) if real else FAR
