"""Formulas as one line of text for a terminal: φ'(x), σ_w and L instead of the names that programs use."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from vgtheory.symbolic.formula import RELATIONS, Formula, subject_of
from vgtheory.symbolic.naming import named
from vgtheory.symbolic.notation import CONSTANTS, FUNCTIONS, SYMBOLS
from vgtheory.symbolic.printing import Arranged, prepared
from vgtheory.symbolic.rounding import NEAREST, Side, decimal_of, written

_RELATIONS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}


class _PlainPrinter(Arranged, StrPrinter):
    printmethod = "_plain"  # the objects' own texts are those that a parser reads

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return SYMBOLS[expr.name].text if expr.name in SYMBOLS else expr.name

    _print_Dummy = _print_Symbol

    def _print_Function(self, expr: sp.Expr) -> str:
        return f"{_named(expr)}({self.stringify(expr.args, ', ')})"

    _print_Max = _print_Min = _print_LatticeOp = _print_Function

    def _print_Abs(self, expr: sp.Expr) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_exp(self, expr: sp.Expr) -> str:
        return "e^" + self.parenthesize(expr.args[0], PRECEDENCE["Pow"])

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        primes = "'" * expr.derivative_count
        return f"{_named(expr.expr)}{primes}({self.stringify(expr.expr.args, ', ')})"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        base, exponent = expr.args
        if abs(exponent) == sp.S.Half:
            inside = self._print(base)
            root = f"√{inside}" if base.is_Symbol or base.is_Integer or base is sp.pi else f"√({inside})"
            return root if exponent.is_positive else f"1/{root}"
        if exponent.is_Rational and exponent.is_negative:
            below = base if exponent == -1 else sp.Pow(base, -exponent, evaluate=False)
            return "1/" + self.parenthesize(below, PRECEDENCE["Mul"], strict=False)
        if isinstance(base, sp.exp):
            return f"({self._print(base)})^{self.parenthesize(exponent, PRECEDENCE['Pow'])}"
        bare = isinstance(base, (AppliedUndef, sp.Derivative))
        shown = self._print(base) if bare else self.parenthesize(base, PRECEDENCE["Pow"], strict=False)
        return f"{shown}^{self.parenthesize(exponent, PRECEDENCE['Pow'], strict=False)}"

    def _print_GaussianMean(self, expr: sp.Expr) -> str:
        f, x, variance = expr.args
        return f"E[{self._print(f)}, {self._print(x)} ~ N(0, {self._print(variance)})]"

    def _print_DualMean(self, expr: sp.Expr) -> str:
        f, x, *_ = expr.args
        return "E[" + "*".join(f"({self._print(f.subs(x, sp.Symbol(name, real=True)))})" for name in ("u", "v")) + "]"

    def _print_Float(self, expr: sp.Float) -> str:
        mantissa, power = written(decimal_of(expr))
        return mantissa if power is None else f"{mantissa}e{power}"

    def _print_Pi(self, expr: sp.Expr) -> str:
        return CONSTANTS["pi"].text

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return CONSTANTS["E"].text

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return CONSTANTS["oo"].text

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "−" + CONSTANTS["oo"].text

    def _print_Relational(self, expr: sp.Expr) -> str:
        return f"{self._print(expr.lhs)} {_RELATIONS[expr.rel_op]} {self._print(expr.rhs)}"

    def _print_Reals(self, expr: sp.Set) -> str:
        return "(−∞, ∞)"

    def _print_EmptySet(self, expr: sp.Set) -> str:
        return "∅"

    def _print_Interval(self, expr: sp.Interval) -> str:
        brackets = "(" if expr.left_open else "[", ")" if expr.right_open else "]"
        return f"{brackets[0]}{self._print(expr.start)}, {self._print(expr.end)}{brackets[1]}"

    def _print_Union(self, expr: sp.Union) -> str:
        return " ∪ ".join(self._print(part) for part in expr.args)

    def _print_ImageSet(self, expr: sp.ImageSet) -> str:
        rule, *base = expr.args
        where = ", ".join(f"{self._print(v)} ∈ {self._print(s)}" for v, s in zip(rule.variables, base, strict=True))
        return f"{{{self._print(rule.expr)} : {where}}}"

    def _print_Integers(self, expr: sp.Set) -> str:
        return "ℤ"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        words = [
            self._print(value) + ("" if when is sp.true else f" if {self._print(when)}") for value, when in expr.args
        ]
        return ", ".join(words[:-1]) + ", else " + words[-1] if len(words) > 1 else words[0]


def _named(expr: sp.Expr) -> str:
    name = expr.func.__name__
    return FUNCTIONS[name].text if name in FUNCTIONS else str(name)


def _plain(prepared_expr: sp.Basic) -> str:
    return str(_PlainPrinter().doprint(prepared_expr)).replace("**", "^").replace("*", "·")


def plain_expression(expr: Any, side: Side = NEAREST) -> str:
    """Return an expression as one line to read; long numbers are rounded, and move its value to `side`.

    >>> from vgtheory.symbolic import notation as n
    >>> plain_expression(n.sigma_w**2 * n.varphi(n.x).diff(n.x))
    "σ_w^2·φ'(x)"
    """
    return _plain(prepared(expr, side)) if isinstance(expr, sp.Basic) else str(expr)


def plain_formula(formula: Formula) -> str:
    """Return a formula as one line to read, with names for what it would repeat.

    >>> from vgtheory.symbolic import notation as n
    >>> plain_formula(Formula(n.gradient_square, n.sigma_w ** (2 * n.depth), "upper bound"))
    'E‖∂ℓ/∂x_0‖² ≤ σ_w^(2·L)'
    """
    relation, subject = RELATIONS[formula.kind], subject_of(formula)
    if subject is None:
        return plain_expression(formula.expr)
    (lhs, shown), names = named(sp.Tuple(prepared(subject), prepared(formula.expr, relation.side)))
    parts = [f"{_plain(lhs)} {relation.text} {_plain(shown)}"]
    return ", ".join([*parts, *(f"{_plain(name)} = {_plain(part)}" for name, part in names)])
