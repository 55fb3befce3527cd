"""From a chart's rational function to float operations: clamped, factored, with every cancellation named."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import sympy as sp

from vgtheory.codegen import algebraic
from vgtheory.codegen.cancellation import cancels, number
from vgtheory.codegen.chart import Chart, Generator
from vgtheory.codegen.exponents import FAR, plain_polynomial, precise_polynomial, underflow_end
from vgtheory.codegen.program import INPUT, LARGEST, Builder, Operand
from vgtheory.codegen.signs import has_positive_terms

Factors = list[tuple[sp.Expr, int]]  # and their powers


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
        in_t: Factors = []
        rest: Factors = []
        for factor, k in powers:
            generator = self.chart.generators.get(factor)
            if generator is not None and generator.kind == "constant":
                constant *= generator.argument**k
            elif generator is not None and generator.kind == "exponential":
                part, log_part = self._exponential_power(generator, k)
                scale = self.builder.op("mul", scale, part)
                exponent = self.builder.op("add", exponent, log_part)
            elif algebraic.is_algebraic(self.chart, factor):
                in_t.append((factor, k))
            else:
                rest.append((factor, k))
        constant = self._absorbed(constant, [rest, in_t])
        decaying = isinstance(exponent, int) and scale != 1.0
        in_t = self._expanded_below(in_t)
        # Where these overflow the form ends, and the one for far out begins.
        rational = not decaying and any(k < 0 or algebraic.roots_in(self.chart, f) for f, k in in_t)
        small, large = (constant, sp.S.One) if abs(constant) < 1 else (sp.S.One, constant)
        sides: list[Operand] = [number(small), 1.0]  # first, since 2 x / 2 would overflow
        for factor, k in (*rest, *in_t):
            if rational and algebraic.is_algebraic(self.chart, factor):
                power = self._power_in_t(factor, abs(k))
            else:
                power = self.builder.power(self._factor(factor, decaying), abs(k))
            sides[k < 0] = self.builder.op("mul", sides[k < 0], power)
        numerator, denominator = self.builder.op("mul", sides[0], number(large)), sides[1]
        grows = any(k < 0 for f, k in powers if f in self._symbols_of("exponential"))
        scaled = self.builder.op("product" if grows and isinstance(numerator, int) else "mul", numerator, scale)
        return Quotient(numerator, scaled, denominator, exponent)

    def _absorbed(self, constant: sp.Expr, products: list[Factors]) -> sp.Expr:
        """Return 1 where the constant can go into a factor whose coefficients are rounded anyway: two roundings less.

        Sums of whole coefficients are left alone, which are exact next to their zeros; powers of two stay outside.
        """
        if abs(constant).is_Rational and sp.log(abs(constant), 2).is_integer:
            return constant
        rounded = {g.symbol for g in self.chart.of_kind("constant")}
        for factors in products:
            for j, (factor, power) in enumerate(factors):
                if power == 1 and factor.is_Add and rounded & factor.free_symbols:
                    factors[j] = sp.expand(constant * factor), 1
                    return sp.S.One
        return constant

    def _exponential_power(self, g: Generator, k: int) -> tuple[Operand, Operand]:
        """Return the registers of e^{-kp} and of k·p."""
        high, low = self._exponent(g)
        b = self.builder
        value = b.power(self._generator(g) if k > 0 else b.op("exp_sum", high, low), abs(k))
        return value, b.op("mul", plain_polynomial(self.builder, g.coefficients, self.t), float(k))

    # -------------------------------------------------------------- rational functions of t

    def _power_in_t(self, factor: sp.Expr, k: int) -> Operand:
        b = self.builder
        u = b.op("min", self.t, LARGEST)  # where ∞/∞ has a limit
        generator = self.chart.generators.get(factor)
        if generator is None or generator.kind != "root":
            return b.power(self._algebraic_factor(factor, u), k)
        whole, left = divmod(k, generator.index)  # (√v)³ = v·√v, rounded less often
        inside = self._algebraic_factor(sp.expand(generator.argument), u)
        return b.op("mul", b.power(inside, whole), b.power(self._algebraic_factor(factor, u), left))

    def _expanded_below(self, factors: Factors) -> Factors:
        """Return the factors, those below the line multiplied out where that turns squares of roots into polynomials.

        g (t + g) = t² + 1 + t g for g = √(t² + 1): what is under the root is not rounded by it.
        """
        below = sp.expand(sp.Mul(*(f**-k for f, k in factors if k < 0)))
        roots = [g for g in self.chart.of_kind("root") if below.has(g.symbol)]
        mixed = any(f.is_Add and algebraic.roots_in(self.chart, f) for f, k in factors if k < 0)
        if not mixed or len(roots) != 1 or roots[0].index != 2:
            return factors
        (root,) = roots
        reduced = sp.rem(below, root.symbol**2 - sp.expand(root.argument), root.symbol)
        if not has_positive_terms(reduced):
            return factors
        return [(f, k) for f, k in factors if k > 0] + [(sp.expand(reduced), -1)]

    def _algebraic_factor(self, factor: sp.Expr, u: Operand) -> Operand:
        """Return the register of the value at u, a sum of monomials."""
        b = self.builder
        roots = algebraic.roots_in(self.chart, factor)
        values = [self._root(self._algebraic_factor(sp.expand(g.argument), u), g.index) for g in roots]
        self._report(factor)
        result: Operand = 0.0
        for m, c in sp.Poly(factor, self.chart.t, *(g.symbol for g in roots)).terms():
            term = b.power(u, m[0])
            for value, e in zip(values, m[1:], strict=True):
                term = b.op("mul", term, b.power(value, e))
            result = b.op("add", result, b.op("mul", term, self._number_of(c)))
        return result

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
        for n in [*self.chart.of_kind("exponential"), *self.chart.of_kind("decay")]:
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
            if moved == 0:
                continue
            at_one = sp.expand(moved.subs(n.symbol, 1))
            where = self.chart.t if n.kind == "exponential" else n.symbol  # a decay need not be 1 at t = 0
            if sp.expand(at_one.subs(where, 0)) == 0:  # else nothing vanishes where n = 1
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
            high, low = self._exponent(g)
            return b.op("exp_sum", b.op("neg", high), b.op("neg", low))
        if g.kind in ("erfcx", "error function"):
            operation = "erfcx" if g.kind == "erfcx" else "erf"
            return b.op(operation, plain_polynomial(self.builder, g.coefficients, self.t))
        value = self._argument(g)
        if g.kind == "decay":
            return b.op("exp", b.op("neg", value))
        return self._root(value, g.index) if g.kind == "root" else b.op(g.kind, value)

    def _argument(self, g: Generator) -> Operand:
        inside = self.quotient(*sp.fraction(sp.cancel(sp.together(g.argument))))
        return self.builder.op("div", inside.scaled, inside.denominator)

    def _less_one(self, g: Generator) -> Operand:
        b = self.builder
        if g.kind == "decay":
            return b.op("expm1", b.op("neg", self._argument(g)))
        high, low = self._exponent(g)
        return b.op("expm1_sum", b.op("neg", high), b.op("neg", low))

    def _exponent(self, g: Generator) -> tuple[Operand, Operand]:
        """Return p(t) to twice the precision, up to where e^{-p} is 0."""
        return precise_polynomial(
            self.builder, g.coefficients, self.builder.op("min", self.t, underflow_end(g.coefficients))
        )
