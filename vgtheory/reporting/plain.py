"""Formulas as one line of text for a terminal: φ'(x), σ_w and L instead of the names that programs use."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from vgtheory.symbolic import notation as n
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.printing import prepared

_RELATIONS = {"equality": "=", "upper bound": "≤", "lower bound": "≥", "asymptotic": "~", "certificate": "≤"}
_NAMES = {
    n.gradient_square: "E‖∂ℓ/∂x_0‖²",
    n.gradient_norm: "‖∂ℓ/∂x_0‖",
    n.layer_gradient_square: "E‖∂ℓ/∂h_l‖²",
    n.jacobian_norm: "‖∂x_L/∂x_0‖",
    n.jacobian_least: "s_min(∂x_L/∂x_0)",
    n.log_stretch: "ln‖J v‖²",
    n.weight_norm: "max‖W_l‖",
    n.depth_to_vanish: "L_ε",
    n.depth_float32: "L_float32",
    n.depth_float16: "L_float16",
    n.saturation_probability: "P(|φ'(√q z)| ≤ ε)",
    n.weight_gradient_square: "E‖∂ℓ/∂W_l‖_F²",
    n.fixed_gradient_square: "E‖Jᵀg‖²",
    n.fixed_gradient_fourth: "E‖Jᵀg‖⁴",
    n.jacobian_mean_square: "E‖J‖²",
    n.jacobian_least_square: "E s_min(J)²",
    n.jacobian_frobenius: "‖J‖_F",
    n.jacobian_entry: "max|J_ij|/(|W_L|⋯|W_1|)_ij",
    n.jacobian_condition: "cond(J)",
    n.singular_count: "E #{i : s_i(J)² ≥ t}",
    n.mean_log_det: "E ln|det J|²",
    n.var_log_det: "Var ln|det J|²",
    n.stretch_fourth: "E‖J v‖⁴",
    n.stretch_tail: "P(‖J v‖² ≥ t·bound)",
    n.stretch_persistence: "P(‖J v‖² ≥ t·E‖J v‖²)",
    n.stretch_over_gains: "sup_L ‖J v‖²/∏χ(v_l)",
    n.mean_log_stretch: "E ln‖J v‖²",
    n.var_log_stretch: "Var ln‖J v‖²",
    n.dead_probability: "P(J = 0)",
    n.weight_frobenius: "min‖W_l‖_F",
    n.weight_least: "min s_min(W_l)",
    n.one_weight_norm: "‖W_l‖",
    n.one_weight_least: "s_min(W_l)",
    n.one_weight_condition: "cond(W_l)",
    n.depth_float32_last: "L_float32,0",
    n.depth_bfloat16_last: "L_bfloat16,0",
    n.depth_float16_last: "L_float16,0",
    n.fraction: "f",
    n.reach: "H",
    n.saturated_tail: "P(#{|φ'(h_i)| ≤ ε} ≥ f N)",
    n.active_tail: "P(#{|φ'(h_i)| ≤ ε} ≤ f N)",
    n.saturated_layer: "P(|φ'(h_i)| ≤ ε for all i)",
    n.saturated_fraction: "E #{|φ'(h_i)| ≤ ε}/N",
    n.slope_sup: "sup φ'",
    n.slope_inf: "inf φ'",
    n.kappa: "κ",
    n.saturated_set: "S_ε",
    n.sigma_w: "σ_w",
    n.sigma_b: "σ_b",
    n.chi: "χ",
    n.width: "N",
    n.depth: "L",
    n.layer: "l",
    n.eps: "ε",
}
_SYMBOLS = {symbol.name: text for symbol, text in _NAMES.items()}
_FUNCTIONS = {"varphi": "φ", "varphi_prime": "φ'"}


class _PlainPrinter(StrPrinter):
    printmethod = "_plain"  # the objects' own texts are those that a parser reads

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return _SYMBOLS.get(expr.name, expr.name)

    _print_Dummy = _print_Symbol

    def _print_Function(self, expr: sp.Expr) -> str:
        name = _FUNCTIONS.get(expr.func.__name__, expr.func.__name__)
        return f"{name}({self.stringify(expr.args, ', ')})"

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        name = expr.expr.func.__name__
        primes = "'" * expr.derivative_count
        return f"{_FUNCTIONS.get(name, name)}{primes}({self.stringify(expr.expr.args, ', ')})"

    def _print_GaussianMean(self, expr: sp.Expr) -> str:
        f, x, variance = expr.args
        return f"E[{self._print(f)}, {self._print(x)} ~ N(0, {self._print(variance)})]"

    def _print_Float(self, expr: sp.Float) -> str:
        return f"{float(expr):.10g}"

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "∞"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "−∞"

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
        where = ", ".join(f"{self._print(v)} in {self._print(s)}" for v, s in zip(rule.variables, base, strict=True))
        return f"{{{self._print(rule.expr)} : {where}}}"

    def _print_Integers(self, expr: sp.Set) -> str:
        return "ℤ"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        words = [
            self._print(value) + ("" if when is sp.true else f" if {self._print(when)}") for value, when in expr.args
        ]
        return ", ".join(words[:-1]) + ", else " + words[-1] if len(words) > 1 else words[0]


def plain_expression(expr: Any) -> str:
    """Return an expression as one line to read, long numbers rounded to ten digits.

    >>> plain_expression(n.sigma_w**2 * n.varphi(n.x).diff(n.x))
    "σ_w**2*φ'(x)"
    """
    return str(_PlainPrinter().doprint(prepared(expr) if isinstance(expr, sp.Basic) else expr))


def plain_formula(formula: Formula) -> str:
    """Return a formula as one line to read.

    >>> plain_formula(Formula(n.gradient_square, n.sigma_w ** (2 * n.depth), "upper bound"))
    'E‖∂ℓ/∂x_0‖² ≤ σ_w**(2*L)'
    """
    return f"{plain_expression(formula.lhs)} {_RELATIONS[formula.kind]} {plain_expression(formula.expr)}"
