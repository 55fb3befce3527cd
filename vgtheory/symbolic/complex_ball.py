"""SymPy expressions as functions of complex balls, for rigorous integration.

Arb's integrator bounds its error by values on discs around the path, so it needs the integrand on complex balls and
must be told where the integrand is not analytic.  Functions with branch cuts say so here; poles show by themselves as
balls without bound.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from flint import acb, arb, fmpq

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.ball import precision
from vgtheory.symbolic.decimals import Decimal
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.special import erfcx

LARGE_ERFCX = 4
ComplexFunction = Callable[[acb, bool], acb]  # (argument, whether analyticity must be verified)


def _undefined() -> acb:
    return acb(arb.nan(), arb.nan())


def _log(z: acb, analytic: bool) -> acb:
    return z.log(analytic=analytic)


def _outside_imaginary_cuts(z: acb) -> bool:
    """Whether the ball avoids the cuts of atan and asinh, ±i[1, ∞)."""
    return not z.real.contains(arb(0)) or bool(abs(z.imag) < 1)


def _atan(z: acb, analytic: bool) -> acb:
    return z.atan() if not analytic or _outside_imaginary_cuts(z) else _undefined()


def _asinh(z: acb, analytic: bool) -> acb:
    return z.asinh() if not analytic or _outside_imaginary_cuts(z) else _undefined()


def _inside_unit_cuts(z: acb) -> bool:
    """Whether the ball avoids the real cuts (−∞, −1] and [1, ∞) of asin, acos and atanh."""
    return not z.imag.contains(arb(0)) or bool(abs(z.real) < 1)


def _unit_cut(name: str) -> ComplexFunction:
    def apply(z: acb, analytic: bool) -> acb:
        return getattr(z, name)() if not analytic or _inside_unit_cuts(z) else _undefined()

    return apply


def _kinked(node: str) -> ComplexFunction:
    """Return |z| or sign z by the sign of the real part: analytic only where that sign is settled."""

    def apply(z: acb, analytic: bool) -> acb:
        side = 1 if z.real > 0 else -1 if z.real < 0 else 0
        if side:
            return z * side if node == "abs" else acb(side)
        if analytic:
            return _undefined()
        if node == "abs":
            return acb(abs(z.real))
        return acb(0) if z == 0 else acb(arb(0, 1))

    return apply


def _erfcx(z: acb, _: bool) -> acb:
    # exp(z²)·erfc(z) loses the digits that z² has before the point; Tricomi's U has no such product.
    if z.real > LARGE_ERFCX:
        return (z * z).hypgeom_u(acb(0.5), acb(0.5)) / acb.pi().sqrt()
    return (z * z).exp() * z.erfc()


def _tanh(z: acb, _: bool) -> acb:
    # Arb's own quotient of wide balls far from 0 is unbounded, where e^{−2z} is next to nothing.
    if z.real < -1:
        return -_tanh(-z, False)
    if z.real > 1:
        small = (-2 * z).exp()
        return (1 - small) / (1 + small)
    return z.tanh()


def _entire(name: str) -> ComplexFunction:
    return lambda z, _: getattr(z, name)()


FUNCTIONS: dict[type, ComplexFunction] = {
    sp.exp: _entire("exp"),
    sp.log: _log,
    sp.sin: _entire("sin"),
    sp.cos: _entire("cos"),
    sp.tan: _entire("tan"),
    sp.cot: _entire("cot"),
    sp.sinh: _entire("sinh"),
    sp.cosh: _entire("cosh"),
    sp.tanh: _tanh,
    sp.coth: _entire("coth"),
    sp.sech: _entire("sech"),
    sp.csch: _entire("csch"),
    sp.erf: _entire("erf"),
    sp.erfc: _entire("erfc"),
    sp.erfi: _entire("erfi"),
    sp.atan: _atan,
    sp.asinh: _asinh,
    sp.asin: _unit_cut("asin"),
    sp.acos: _unit_cut("acos"),
    sp.atanh: _unit_cut("atanh"),
    sp.gamma: _entire("gamma"),
    sp.LambertW: lambda z, _: z.lambertw(),
    sp.Abs: _kinked("abs"),
    sp.sign: _kinked("sign"),
    erfcx: _erfcx,
}
CONSTANTS: dict[sp.Expr, Callable[[], arb]] = {
    sp.pi: arb.pi,
    sp.E: lambda: arb(1).exp(),
    sp.EulerGamma: arb.const_euler,
    sp.Catalan: arb.const_catalan,
}


def complex_function(expr: sp.Expr, x: sp.Symbol, bits: int) -> ComplexFunction:
    """Return `expr` as a function of a complex ball in place of `x`; constants are enclosed to about `bits` bits.

    Raises UnsupportedError for a function that has no enclosure here, or a further free symbol.
    """
    if expr == x:
        return lambda z, _: z
    if not expr.has(x):
        constant = acb(_constant(expr, bits))
        return lambda _z, _a: constant
    if isinstance(expr, (sp.Add, sp.Mul)):
        parts = [complex_function(a, x, bits) for a in expr.args]
        return _total(parts) if isinstance(expr, sp.Add) else _product(parts)
    if isinstance(expr, sp.Pow):
        return _power(expr, x, bits)
    apply = FUNCTIONS.get(expr.func)
    if apply is None or len(expr.args) != 1:
        raise UnsupportedError(f"no ball arithmetic for {expr.func.__name__}; write the formula with other functions")
    inner = complex_function(expr.args[0], x, bits)
    return lambda z, a: apply(inner(z, a), a)


def _total(parts: list[ComplexFunction]) -> ComplexFunction:
    return lambda z, a: sum((f(z, a) for f in parts), acb(0))


def _product(parts: list[ComplexFunction]) -> ComplexFunction:
    def apply(z: acb, analytic: bool) -> acb:
        result = acb(1)
        for f in parts:
            result *= f(z, analytic)
        return result

    return apply


def _power(expr: sp.Pow, x: sp.Symbol, bits: int) -> ComplexFunction:
    base, exponent = expr.as_base_exp() if not expr.exp.is_Rational else (expr.base, expr.exp)
    f = complex_function(base, x, bits)
    if exponent.is_Integer:
        n = int(exponent)
        return lambda z, a: f(z, a) ** n
    if exponent in (sp.S.Half, -sp.S.Half):
        root: ComplexFunction = lambda z, a: f(z, a).sqrt(analytic=a)  # noqa: E731
        return root if exponent > 0 else lambda z, a: 1 / root(z, a)
    g = complex_function(exponent, x, bits)
    return lambda z, a: f(z, a).pow(g(z, a), analytic=a)


def _constant(expr: sp.Expr, bits: int) -> arb:
    """Return a ball around a real number given as SymPy."""
    if expr.is_Rational:
        return arb(fmpq(int(expr.p), int(expr.q)))
    if expr.is_Float:
        return arb(str(expr)) if expr.is_finite else arb.nan()
    if expr in CONSTANTS:
        return CONSTANTS[expr]()
    if isinstance(expr, Enclosed):
        return expr.enclosure(bits)
    if isinstance(expr, (sp.Max, sp.Min)):
        balls = [_constant(a, bits) for a in expr.args]
        best = balls[0]
        for other in balls[1:]:
            best = best.max(other) if isinstance(expr, sp.Max) else best.min(other)
        return best
    if expr.free_symbols or expr.is_Atom:
        raise UnsupportedError(f"no enclosure of {expr}; fix its symbols first")
    return _compound(expr, bits)


def _compound(expr: sp.Expr, bits: int) -> arb:
    if expr.is_Add and len(expr.args) == 2 and (power := 1 - expr).is_Pow and power.exp.is_Integer:
        base = power.base.rational if isinstance(power.base, Decimal) else power.base
        beyond = _constant(base - 1, bits)
        if beyond > -1:  # 1 − (1 + t)^n, without a difference of numbers near 1
            return -(int(power.exp) * beyond.log1p()).expm1()
    balls = [_constant(a, bits) for a in expr.args]
    if isinstance(expr, sp.Add):
        return sum(balls, arb(0))
    if isinstance(expr, sp.Mul):
        result = arb(1)
        for b in balls:
            result *= b
        return result
    if isinstance(expr, sp.Pow):
        if expr.exp.is_Integer:
            return balls[0] ** int(expr.exp)
        if expr.exp == sp.S.Half:
            return balls[0].sqrt()
        return balls[0] ** balls[1]
    if isinstance(expr, sp.LambertW) and expr.args[1:] == (-1,):
        return acb(balls[0]).lambertw(-1).real
    apply = FUNCTIONS.get(expr.func)
    if apply is None or len(balls) != 1:
        raise UnsupportedError(f"no ball arithmetic for {expr.func.__name__}")
    if expr.func is sp.sign:
        return arb(balls[0].sgn())
    value = apply(acb(balls[0]), False)
    return value.real if value.imag == 0 or value.imag.contains(arb(0)) else arb.nan()


def enclose(expr: sp.Expr, digits: int, most_bits: int = 20_000) -> arb:
    """Return a ball around the real number `expr` with at least `digits` correct digits, where that can be reached.

    The precision is doubled until the ball is that tight relative to its value; a value that is exactly 0 ends when
    the ball's radius is below 10^(−2·digits).
    Raises UnsupportedError for functions without ball arithmetic.
    """
    bits = max(64, int(3.33 * digits) + 32)
    wanted, last = 3.33 * digits, None
    while True:
        with precision(bits):
            ball = _constant(expr, bits)
            if ball.is_finite() and (ball.is_exact() or ball.rel_accuracy_bits() >= wanted):
                return ball
            settled = ball.is_finite() and ball.contains(arb(0)) and ball.rad() < arb(10) ** (-2 * digits - 20)
        # An integral that a higher precision does not sharpen has spent its evaluations.
        stuck = last is not None and not ball.rel_accuracy_bits() > last and expr.has(Enclosed)
        if settled or stuck or 2 * bits > most_bits:
            return ball
        last = ball.rel_accuracy_bits()
        bits *= 2
