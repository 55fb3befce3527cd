"""SymPy formulas in Arb ball arithmetic: certified enclosures of values and of derivatives ("jets").

A formula is compiled once into a straight-line program over truncated Taylor series with ball coefficients, so the
derivatives of any formula are enclosed without a hand-written rule per activation.  Sums that would cancel or blow up
on wide boxes (log(1 + eᵘ), 1/(1 + eᵘ), 1 + erf u, 1 + tanh u) are recognised and evaluated in their stable form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import sympy as sp
from flint import arb, arb_series, ctx, fmpq

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.series import CONSTANTS, FUNCTIONS, logistic, softplus, whole_power

WHOLE_LINE = arb.neg_inf().union(arb.pos_inf())


@contextmanager
def precision(bits: int, terms: int | None = None) -> Iterator[None]:
    """Work at `bits` of precision (and `terms` series terms); Arb's context is global to the process, hence this."""
    old_bits, old_terms = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = bits, old_terms if terms is None else terms
    try:
        yield
    finally:
        ctx.prec, ctx.cap = old_bits, old_terms


def hull(a: arb, b: arb) -> arb:
    """Return the smallest ball that contains both."""
    return arb(a).union(arb(b))


def outward(ball: arb) -> tuple[float, float]:
    """Return doubles (lo, hi) that enclose the ball."""
    return _below(ball.lower()) + 0.0, 0.0 - _below(-ball.upper())  # no negative zeros


def _below(x: arb) -> float:
    near = float(x)
    if math.isnan(near):
        return -math.inf
    return near if arb(near) <= x else math.nextafter(near, -math.inf)


def number_ball(value: sp.Expr | float) -> arb:
    """Return a ball around a real number given in SymPy (any expression of the supported functions without symbols)."""
    value = sp.sympify(value)
    if value in (sp.oo, -sp.oo):
        return arb.pos_inf() if value == sp.oo else arb.neg_inf()
    return jets(compile_jets(value, sp.Dummy()), arb(0), 0)[0]


# ------------------------------------------------------------------ from an expression to a program

# One instruction: a function of the registers so far.
Instruction = Callable[[list[arb_series]], arb_series]


def _variable(registers: list[arb_series]) -> arb_series:
    raise AssertionError("`jets` puts the variable here")


def compile_jets(expr: sp.Expr, x: sp.Symbol) -> tuple[Instruction, ...]:
    """Return a program for `jets`.

    Raises UnsupportedError for a function without an Arb counterpart and for free symbols other than `x`.
    """
    return _compile(expr, x)


@lru_cache(maxsize=512)
def _compile(expr: sp.Expr, x: sp.Symbol) -> tuple[Instruction, ...]:
    program: list[Instruction] = []
    registers: dict[sp.Expr, int] = {}

    def register(node: sp.Expr) -> int:
        if node not in registers:
            instruction = _instruction(node, x, register)
            program.append(instruction)
            registers[node] = len(program) - 1
        return registers[node]

    register(expr)
    return tuple(program)


def _instruction(node: sp.Expr, x: sp.Symbol, register: Callable[[sp.Expr], int]) -> Instruction:
    stable = _stable_form(node)
    if stable is not None:
        factor, function, argument = stable
        f, i = register(factor), register(argument)
        return lambda r: r[f] * function(r[i])
    if node == x:
        return _variable
    if node.is_Rational:
        p, q = int(node.p), int(node.q)
        return lambda r: arb_series([arb(fmpq(p, q))])
    if node in CONSTANTS:
        constant = CONSTANTS[node]
        return lambda r: arb_series([constant()])
    if isinstance(node, Enclosed) and not node.free_symbols:
        return lambda r: arb_series([node.enclosure(ctx.prec)])
    if isinstance(node, sp.LambertW) and node.args[1:] == (-1,):
        below = register(node.args[0])
        return lambda r: r[below].lambertw(-1)
    if node.is_Float:
        return _instruction(sp.Rational(node), x, register)
    if node.is_Add or node.is_Mul:
        indices = [register(a) for a in node.args]
        return _folded(indices, node.is_Add)
    if node.is_Pow:
        return _power(node, register)
    if node.func in FUNCTIONS and len(node.args) == 1:
        function, i = FUNCTIONS[node.func], register(node.args[0])
        return lambda r: function(r[i])
    raise UnsupportedError(
        f"ball arithmetic has no rule for {node}; write it with exp, log, erf, trigonometric functions"
    )


def _folded(indices: list[int], add: bool) -> Instruction:
    first, rest = indices[0], indices[1:]

    def run(r: list[arb_series]) -> arb_series:
        total = r[first]
        for i in rest:
            total = total + r[i] if add else total * r[i]
        return total

    return run


def _power(node: sp.Pow, register: Callable[[sp.Expr], int]) -> Instruction:
    base, exponent = node.as_base_exp()
    if base.is_Rational and exponent.is_Integer:  # as_base_exp writes 1/2 as 2**-1
        base, exponent = node.base, node.exp
    if exponent.is_Integer:
        n, i = abs(int(exponent)), register(base)
        return lambda r: whole_power(r[i], n) if exponent > 0 else 1 / whole_power(r[i], n)
    if (2 * exponent).is_Integer:
        n, i = abs(int(2 * exponent)), register(base)
        return lambda r: whole_power((r[i].sqrt() if exponent > 0 else r[i].rsqrt()), n)
    if base == sp.E:
        i = register(exponent)
        return lambda r: r[i].exp()
    i, j = register(exponent), register(sp.log(base, evaluate=False))
    return lambda r: (r[i] * r[j]).exp()


def _stable_form(node: sp.Expr) -> tuple[sp.Expr, Callable[[arb_series], arb_series], sp.Expr] | None:
    """Return (factor, function, argument) when node = factor · function(argument) in a form that does not cancel."""
    if isinstance(node, sp.log):
        u = _one_plus_exp(node.args[0])
        return None if u is None else (sp.Integer(1), softplus, u)
    if node.is_Pow and node.exp.is_Integer and node.exp < 0:
        u, n = _one_plus_exp(node.base), -int(node.exp)
        return None if u is None else (sp.Integer(1), lambda s: whole_power(logistic(s), n), -u)
    if node.is_Add and len(node.args) == 2 and node.args[0].is_number:
        c, term = node.args
        ratio, inner = (term / c).as_coeff_Mul()
        if ratio in (1, -1) and isinstance(inner, sp.erf):
            return c, FUNCTIONS[sp.erfc], -ratio * inner.args[0]
        if ratio in (1, -1) and isinstance(inner, sp.tanh):
            return 2 * c, logistic, 2 * ratio * inner.args[0]
    return None


def _one_plus_exp(node: sp.Expr) -> sp.Expr | None:
    if node.is_Add and len(node.args) == 2 and node.args[0] == 1 and isinstance(node.args[1], sp.exp):
        return node.args[1].args[0]
    return None


# ------------------------------------------------------------------ running a program


def jets(program: tuple[Instruction, ...], at: arb, order: int) -> list[arb]:
    """Return enclosures of the function and its derivatives 1..order on the ball `at`.

    Where the formula is not defined on all of the ball, or Arb cannot tell, the enclosure is the whole line.
    """
    old = ctx.cap
    ctx.cap = order + 1
    try:
        return _run(program, at, order)
    except (ValueError, ZeroDivisionError):  # python-flint raises on division by a ball around 0 and the like
        return [WHOLE_LINE] * (order + 1)
    finally:
        ctx.cap = old


def _run(program: tuple[Instruction, ...], at: arb, order: int) -> list[arb]:
    variable = arb_series([at, 1])
    registers: list[arb_series] = []
    for instruction in program:
        registers.append(instruction(registers) if instruction is not _variable else variable)
    result = registers[-1]
    enclosures = [result[k] * math.factorial(k) for k in range(order + 1)]
    return [e if e.is_finite() else WHOLE_LINE for e in enclosures]
