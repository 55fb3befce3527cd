"""An expression on an interval where signs are known, as a rational function of numbers that cannot overflow.

On an interval where x and every exponent keep their signs, each exponential is a power of some n = e^{-|p(x)|} in
(0, 1], each error function is 1 - n·erfcx, each softplus is a polynomial plus log(1 + n), and so on.  What is left is
a rational function of such generators, which SymPy's polynomial algebra cancels and factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import reduce
from math import gcd, lcm
from typing import Any

import numpy as np
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.signs import HYPERBOLIC, exponents, has_positive_terms, is_positive

# Functions that are evaluated as they are: their argument and result need no rewriting.
DIRECT: dict[type, str] = {
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.atan: "atan",
    sp.asinh: "asinh",
    sp.tanh: "tanh",
    sp.erf: "erf",
    sp.erfc: "erfc",
}
ODD = (sp.sin, sp.tan, sp.atan, sp.asinh, sp.tanh, sp.erf)
POSITIVE_ON_POSITIVE = (sp.atan, sp.asinh, sp.tanh, sp.erf)
SATURATED = 0.5  # from this argument on tanh is written with exponentials
MAX_COMMON = 8  # exponents a : b are powers of one exponential only for small a and b, or degrees explode

Coefficients = tuple[sp.Expr, ...]  # of a polynomial in t, the constant term first


@dataclass(frozen=True)
class Generator:
    """A quantity that the rational function is made of; `symbol` stands for it.

    kind : "exponential" e^{-p(t)} · "erfcx" or "error function" of p(t) · "root" argument^{1/index} · "constant" ·
    "decay" e^{-argument}, at most `largest` · the name of an operation on `argument`.
    """

    symbol: sp.Symbol
    kind: str
    coefficients: Coefficients = ()
    argument: sp.Expr = sp.S.Zero
    index: int = 1
    largest: float = 1.0


@dataclass
class Chart:
    """The generators found on one interval; t = |x|."""

    x: sp.Symbol
    lo: sp.Expr
    hi: sp.Expr
    t: sp.Symbol = field(default_factory=lambda: sp.Symbol("t", positive=True))
    generators: dict[sp.Symbol, Generator] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        middle = sp.Integer(0)
        if self.lo != -sp.oo or self.hi != sp.oo:
            middle = self.hi - 1 if self.lo == -sp.oo else self.lo + 1 if self.hi == sp.oo else (self.lo + self.hi) / 2
        self.sign = -1 if middle < 0 else 1
        self.middle = abs(middle)

    # -------------------------------------------------------------- generators

    def prepare(self, exprs: tuple[sp.Expr, ...]) -> None:
        """Choose one exponential for each family of commensurable exponents of the expressions."""
        families: list[list[tuple[Coefficients, sp.Rational]]] = []
        for p in (q for e in exprs for q in exponents(e, self.x)):
            c = self._in_t(p)
            for family in families:
                ratio = _ratio(c, family[0][0])
                if ratio is not None:
                    family.append((c, ratio))
                    break
            else:
                families.append([(c, sp.Integer(1))])
        for family in families:
            ratios = [abs(r) for _, r in family]
            common = sp.Rational(reduce(gcd, (int(r.p) for r in ratios)), reduce(lcm, (int(r.q) for r in ratios)))
            if max(ratios) / common > MAX_COMMON:
                for c, _ in family:
                    self._exponential(c)
            else:
                self._exponential(tuple(common * c for c in family[0][0]))

    def _in_t(self, p: sp.Expr) -> Coefficients:
        return tuple(reversed(sp.Poly(p.subs(self.x, self.sign * self.t), self.t).all_coeffs()))

    def _sign_of(self, c: Coefficients) -> int:
        return 1 if sp.N(sum(a * self.middle**k for k, a in enumerate(c)), 20) > 0 else -1

    def _exponential(self, c: Coefficients) -> Generator:
        c = tuple(self._sign_of(c) * a for a in c)
        for g in self.generators.values():
            if g.kind == "exponential" and _ratio(c, g.coefficients) == 1:
                return g
        return self._new("n", "exponential", coefficients=c)

    def _new(self, letter: str, kind: str, positive: bool = True, **parts: object) -> Generator:
        for g in self.generators.values():
            if g.kind == kind and all(getattr(g, key) == value for key, value in parts.items()):
                return g
        symbol = sp.Symbol(f"{letter}{len(self.generators)}", real=True, **({"positive": True} if positive else {}))
        generator = Generator(symbol, kind, **parts)  # type: ignore[arg-type]
        self.generators[symbol] = generator
        return generator

    def of_kind(self, kind: str) -> list[Generator]:
        """Return the generators of one kind."""
        return [g for g in self.generators.values() if g.kind == kind]

    # -------------------------------------------------------------- conversion

    def convert(self, e: Any) -> sp.Expr:
        """Return the expression in t and the generators' symbols.

        Raises UnsupportedError for functions that have no code.
        """
        if not e.has(self.x):
            return self._constant(e)
        if e == self.x:
            return self.sign * self.t
        if e.is_Add:
            return sp.Add(*map(self.convert, e.args))
        if e.is_Mul:
            factor, rest = e.as_independent(self.x, as_Add=False)
            factors = rest.args if rest.is_Mul else (rest,)
            return self._constant(factor) * sp.Mul(*map(self.convert, factors))
        if isinstance(e, sp.exp):
            return self._convert_exp(e.args[0])
        if e.is_Pow:
            return self._convert_power(e)
        if isinstance(e, HYPERBOLIC) and (e.args[0].is_polynomial(self.x) or e.args[0].has(sp.log)):
            return self._convert_hyperbolic(e)
        if isinstance(e, (sp.erf, sp.erfc)) and e.args[0].is_polynomial(self.x):
            return self._convert_erf(e)
        if isinstance(e, sp.log):
            return self._convert_log(e.args[0])
        if type(e) in DIRECT:
            return self._direct(type(e), e.args[0])
        if isinstance(e, HYPERBOLIC):
            return self.convert(e.rewrite(sp.exp))
        raise UnsupportedError(
            f"no code for {e.func.__name__} in an activation; write it with exp, log, erf, tanh, sin"
        )

    def _constant(self, c: sp.Expr) -> sp.Expr:
        if c.is_Float:
            c = sp.Rational(c)
        if c.is_Rational:
            return c
        factor, rest = c.as_coeff_Mul()
        value = sp.N(rest, 25)
        if not value.is_real:
            raise UnsupportedError(f"the constant {c} is not a real number; check the formula")
        if value == 0:
            return sp.S.Zero
        size = rest if value > 0 else -rest
        return sp.Rational(factor) * (1 if value > 0 else -1) * self._new("c", "constant", argument=size).symbol

    def polynomial(self, c: Coefficients) -> sp.Expr:
        """Return the polynomial in t with its coefficients as generators."""
        return sp.Add(*(self._constant(a) * self.t**k for k, a in enumerate(c)))

    def _convert_exp(self, u: Any) -> sp.Expr:
        u = sp.expand(u)
        if u.is_polynomial(self.x):
            c = self._in_t(u)
            power, generator = self._power_of_exponential(c)
            return generator.symbol**power
        if u.is_Add:
            smooth = [a for a in u.args if a.is_polynomial(self.x)]
            others = [a for a in u.args if not a.is_polynomial(self.x)]
            if smooth:
                return sp.Mul(*(self._convert_exp(v) for v in (sp.Add(*smooth), *others)))
        factor, rest = u.as_independent(self.x, as_Add=False)
        if isinstance(rest, sp.log) and factor.is_Rational:
            return self._convert_power(sp.Pow(rest.args[0], factor, evaluate=False))
        self.notes.append(f"no stability rule for exp({u}): accuracy not guaranteed where its argument is large")
        inside = sp.factor(sp.together(self.convert(u)))
        if is_positive(-inside):
            return self._decay(-inside)
        return 1 / self._decay(inside) if is_positive(inside) else self._new("e", "exp", argument=inside).symbol

    def _decay(self, inside: sp.Expr) -> sp.Symbol:
        """Return the symbol of e^{-u} for a u > 0 that is no polynomial."""
        return self._new("m", "decay", argument=inside, largest=math.exp(-self._least(inside))).symbol

    def _least(self, inside: sp.Expr) -> float:
        """Return what a positive quantity is at least, tried on a grid; 0 where that is not found."""
        values = {g.symbol: g.argument for g in self.of_kind("constant")}
        exponentials = [g.symbol for g in self.of_kind("exponential") if inside.has(g.symbol)]
        if len(exponentials) > 2 or inside.free_symbols - {self.t, *values, *exponentials}:
            return 0.0
        axes = [np.concatenate([[0.0], np.geomspace(1e-9, 1e9, 50)]), *[np.linspace(0.0, 1.0, 21)] * len(exponentials)]
        grid = np.meshgrid(*axes, indexing="ij")
        with np.errstate(all="ignore"):
            found = sp.lambdify([self.t, *exponentials], inside.subs(values), "numpy")(*grid)
        return max(0.0, float(np.nanmin(found)))

    def _power_of_exponential(self, c: Coefficients) -> tuple[sp.Integer, Generator]:
        for g in self.generators.values():
            ratio = _ratio(c, g.coefficients) if g.kind == "exponential" else None
            if ratio is not None and ratio.is_Integer:
                return -ratio, g
        return sp.Integer(-self._sign_of(c)), self._exponential(c)

    def _convert_power(self, e: sp.Expr) -> sp.Expr:
        base, exponent = e.base, e.exp
        if exponent.is_Integer:
            return self.convert(base) ** exponent
        if not exponent.is_Rational:
            return self._convert_exp(exponent * sp.log(base))
        outside, inside = self._from_root(sp.factor(sp.together(self.convert(base))), int(exponent.q))
        if inside.is_Rational:
            return (outside * self._constant(inside ** sp.Rational(1, exponent.q))) ** int(exponent.p)
        root = self._new("g", "root", argument=inside, index=int(exponent.q))
        return (outside * root.symbol) ** int(exponent.p)

    def _from_root(self, inner: sp.Expr, index: int) -> tuple[sp.Expr, sp.Expr]:
        """Return (a, b) with inner = a^index·b, a > 0: e^{2x} + 1 = (n² + 1)/n² loses its n, which may underflow."""
        outside, inside = sp.S.One, sp.S.One
        for factor, power in inner.as_powers_dict().items():
            generator = self.generators.get(factor)
            if generator is not None and generator.kind == "exponential":
                share, part = self._power_of_exponential(tuple(-power * a / index for a in generator.coefficients))
                outside *= part.symbol**share
                continue
            whole = int(power) // index * index if power.is_Integer else 0
            size = factor if has_positive_terms(factor) else -factor if has_positive_terms(-factor) else None
            if whole == 0 or size is None or (size != factor and whole % 2):
                inside *= factor**power
            else:
                outside, inside = outside * size ** (whole // index), inside * factor ** (power - whole)
        return outside, inside

    def _convert_hyperbolic(self, e: sp.Expr) -> sp.Expr:
        u = e.args[0]
        square = self.convert(sp.exp(2 * u))
        if isinstance(e, (sp.tanh, sp.coth)):
            value = (square - 1) / (square + 1)
            return value if isinstance(e, sp.tanh) else 1 / value
        single = self.convert(sp.exp(u))
        sine = isinstance(e, (sp.sinh, sp.csch))
        value = (single - 1 / single) / 2 if sine else (single + 1 / single) / 2
        return value if isinstance(e, (sp.sinh, sp.cosh)) else 1 / value

    def _convert_erf(self, e: sp.Expr) -> sp.Expr:
        c = self._in_t(e.args[0])
        sign = self._sign_of(c)
        tail = self.convert(sp.exp(-sp.expand(e.args[0] ** 2)))
        w = self._new("w", "erfcx", coefficients=tuple(sign * a for a in c)).symbol
        value = sign * (1 - tail * w)
        return value if isinstance(e, sp.erf) else 1 - value

    def error_function(self, w: Generator) -> sp.Symbol:
        """Return the symbol of erf at the argument of an erfcx."""
        return self._new("v", "error function", coefficients=w.coefficients).symbol

    def _convert_log(self, v: sp.Expr) -> sp.Expr:
        inside = sp.factor(sp.cancel(sp.together(self.convert(v))))
        total = sp.S.Zero
        for g in list(self.generators.values()):
            if g.kind == "exponential":
                power = inside.as_powers_dict().get(g.symbol, 0) if inside.is_Mul or inside.is_Pow else 0
                power = 1 if inside == g.symbol else power
                inside = inside / g.symbol**power
                total -= power * self.polynomial(g.coefficients)
        inside = sp.expand(inside) if sp.fraction(inside)[1] == 1 else inside
        if inside == 1:
            return total
        excess = sp.cancel(inside - 1)
        above, below = map(sp.expand, sp.fraction(excess))
        if excess.is_number or (below != 1 and not has_positive_terms(above * below)):
            return total + self._new("l", "log", positive=False, argument=inside).symbol
        excess = above if below == 1 else excess
        kind = "log1p_unit" if self._is_unit(excess) else "log1p"
        return total + self._new("l", kind, positive=has_positive_terms(above * below), argument=excess).symbol

    def _is_unit(self, e: sp.Expr) -> bool:
        """Return whether the value is known to lie in [0, 1]: positive terms in exponentials that sum to at most 1."""
        exponentials = {g.symbol: 1 for g in self.generators.values() if g.kind == "exponential"}
        return e.free_symbols <= set(exponentials) and has_positive_terms(e) and e.subs(exponentials) <= 1

    def _direct(self, function: type, u: sp.Expr) -> sp.Expr:
        inside = sp.factor(sp.together(self.convert(u)))
        if function is sp.tanh and is_positive(inside) and self._least(inside) >= SATURATED:
            m = self._decay(2 * inside)  # 1 - tanh² would cancel
            return (1 - m) / (1 + m)
        sign = 1
        if function in (*ODD, sp.cos) and inside.could_extract_minus_sign():
            inside, sign = -inside, -1 if function in ODD else 1
        positive = function in POSITIVE_ON_POSITIVE and has_positive_terms(inside)
        return sign * self._new("f", DIRECT[function], positive=positive, argument=inside).symbol

    # -------------------------------------------------------------- normal form

    def rational(self, e: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """Return (numerator, denominator), coprime polynomials in t and the generators."""
        num, den = sp.fraction(sp.cancel(sp.together(self.convert(e))))
        for g in self.generators.values():
            if g.kind == "root" and num.has(g.symbol):
                below = sp.fraction(g.argument)
                if below[1] == 1:
                    # g^index = argument, without which (1 + t²) - t² would cancel in floats.
                    num = sp.rem(num, g.symbol**g.index - sp.expand(below[0]), g.symbol)
                    num, den = sp.fraction(sp.cancel(num / den))
        return num, den


def _ratio(a: Coefficients, b: Coefficients) -> sp.Rational | None:
    """Return the rational r with a = r·b, or None."""
    if len(a) != len(b):
        return None
    r = sp.simplify(a[-1] / b[-1])
    if not r.is_Rational or any(sp.simplify(p - r * q) != 0 for p, q in zip(a, b, strict=True)):
        return None
    return r
