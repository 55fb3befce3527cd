"""The one LaTeX printer: the field's symbols, short decimals, sech² and e^{…}; KaTeX and pdflatex with amsmath take it.

Every LaTeX text of the package comes from here: `_repr_latex_` of the types, `vg.latex`, the reports.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter, translate

from vgtheory.symbolic.notation import LATEX_FUNCTIONS, LATEX_NAMES

SIGNIFICANT_DIGITS = 5
MAX_DENOMINATOR = 999
MAX_NUMERATOR = 99_999
MAX_INTEGER = 10**9
MAX_EXPONENT_LENGTH = 24  # LaTeX characters of an exponent that is still set as e^{…}
_NAMES = {symbol.name: text for symbol, text in LATEX_NAMES.items()}
_PART = re.compile(r"([A-Za-z]+)(\d*)\Z")


class FieldPrinter(LatexPrinter):
    """SymPy's LatexPrinter with the notation of the field; `exact` keeps every digit, so that it can be read back."""

    def __init__(self, exact: bool = False) -> None:
        super().__init__({"inv_trig_style": "full", "fold_short_frac": False})
        self.exact = exact

    def doprint(self, expr: Any) -> str:
        """Return the LaTeX of a SymPy object."""
        return super().doprint(prepared(expr) if isinstance(expr, sp.Basic) and not self.exact else expr)

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        return symbol_latex(expr.name)

    _print_RandomSymbol = _print_Symbol
    _print_Dummy = _print_Symbol

    def _print_Float(self, expr: sp.Float) -> str:
        return super()._print_Float(expr) if self.exact else decimal(expr)

    def _print_Integer(self, expr: sp.Integer) -> str:
        return str(expr) if self.exact or abs(expr) <= MAX_INTEGER else decimal(expr)

    def _print_ExpBase(self, expr: sp.Expr, exp: Any = None) -> str:
        exponent = self._print(expr.args[0])
        text = rf"e^{{{exponent}}}"
        if len(exponent) > MAX_EXPONENT_LENGTH or r"\frac" in exponent:
            text = rf"\exp\left({exponent}\right)"
        return self._hprint_Pow(text, exp) if exp else text

    def _hprint_Function(self, func: str) -> str:
        return LATEX_FUNCTIONS.get(func) or super()._hprint_Function(func)

    def _print_erfcx(self, expr: sp.Expr, exp: Any = None) -> str:
        power = f"^{{{exp}}}" if exp is not None else ""
        return rf"\operatorname{{erfcx}}{power}{{\left({self._print(expr.args[0])} \right)}}"

    def _print_polygamma(self, expr: sp.Expr, exp: Any = None) -> str:
        order, argument = expr.args
        raised = "" if order == 0 else rf"^{{({self._print(order)})}}"
        text = rf"\psi{raised}{{\left({self._print(sp.together(argument))} \right)}}"
        return self._hprint_Pow(text, exp) if exp is not None else text

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        inner = expr.expr
        if (
            isinstance(inner, AppliedUndef)
            and len(inner.args) == 1
            and expr.variables == (inner.args[0],) * expr.derivative_count
        ):
            primes = "'" * expr.derivative_count
            return rf"{symbol_latex(inner.func.__name__)}{primes}{{\left({self._print(inner.args[0])} \right)}}"
        return super()._print_Derivative(expr)

    def _hprint_Pow(self, base: str, exp: Any) -> str:
        return rf"\left({base}\right)^{{{exp}}}"


def prepared(expr: sp.Basic) -> sp.Basic:
    """Return `expr` with 1 − tanh² as sech² and every long fraction as a short decimal, for the eye only."""
    expr = expr.replace(lambda e: isinstance(e, sp.Add) and bool(_tanh_pair(e)), _with_sech)
    long = {
        r: sp.Float(r, 15)
        for r in expr.atoms(sp.Rational)
        if r.q > MAX_DENOMINATOR or (r.q > 1 and abs(r.p) > MAX_NUMERATOR)
    }
    return expr.xreplace(long)


def _tanh_pair(expr: sp.Add) -> tuple[sp.Expr, sp.Expr] | None:
    """Return (c, u) of a sum that holds c − c·tanh(u)² with a number c, else None."""
    number = next((a for a in expr.args if a.is_number), sp.S.Zero)
    for term in expr.args:
        factor, power = term.as_coeff_Mul()
        if factor == -number and power.is_Pow and power.exp == 2 and isinstance(power.base, sp.tanh):
            return number, power.base.args[0]
    return None


def _with_sech(expr: sp.Add) -> sp.Expr:
    number, inner = _tanh_pair(expr) or (sp.Integer(0), sp.Integer(0))
    return expr - number + number * sp.tanh(inner) ** 2 + number * sp.sech(inner) ** 2


def displayed(latex: str) -> str:
    """Return mathematics as the display of a notebook, which ``_repr_latex_`` of the types returns."""
    return rf"$\displaystyle {latex}$"


def decimal(number: Any, digits: int = SIGNIFICANT_DIGITS) -> str:
    r"""Return a number as a short decimal, ``1.0507`` or ``2.1 \cdot 10^{-7}``."""
    text = sp.N(sp.sympify(number), 30)
    if not text.is_finite:
        return {"oo": r"\infty", "-oo": r"-\infty"}.get(str(text), r"\text{nan}")
    mantissa, _, exponent = f"{_as_decimal(text):.{digits - 1}e}".partition("e")
    power = int(exponent)
    if -4 <= power <= 6:
        short = f"{_as_decimal(text):.{max(digits - 1 - power, 0)}f}"
        return (short.rstrip("0").rstrip(".") if "." in short else short) or "0"
    mantissa = mantissa.rstrip("0").rstrip(".")
    sign, size = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    return f"{sign}10^{{{power}}}" if size == "1" else rf"{mantissa} \cdot 10^{{{power}}}"


def _as_decimal(number: sp.Float) -> Any:
    return Decimal(str(number))


def symbol_latex(name: str) -> str:
    r"""Return the LaTeX of a symbol's name: the field's own, Greek, else upright words, ``\mathrm{gain}_{2}``."""
    if name in _NAMES:
        return _NAMES[name]
    head, *subs = re.split(r"_+", name.strip("_")) if name.strip("_") else ["?"]
    parts = [_letters(head), *(_letters(s) for s in subs)]
    match = _PART.match(head)
    if match and match[2]:
        parts[:1] = [_letters(match[1]), match[2]]
    if len(parts) == 1:
        return parts[0]
    return rf"{parts[0]}_{{{', '.join(parts[1:])}}}"


def _letters(word: str) -> str:
    if len(word) == 1 and word.isalnum() and word.isascii():
        return word
    if word.isdigit():
        return word
    if word.isascii() and word.isalpha():
        greek = translate(word)
        return greek if greek.startswith("\\") and word not in ("prime",) else rf"\mathrm{{{word}}}"
    kept = "".join(ch if ch.isascii() and ch.isalnum() else "." for ch in word)
    return rf"\mathrm{{{kept}}}"


def to_latex(expr: Any, exact: bool = False) -> str:
    r"""Return the LaTeX of a SymPy object, without dollar signs.

    For the eye numbers are shortened and 1 − tanh² becomes sech²; with `exact` nothing is, and
    :func:`vgtheory.symbolic.parser.parse` reads the same expression back.

    >>> from sympy import Symbol, tanh, Rational
    >>> x = Symbol("x", real=True)
    >>> print(to_latex((1 - tanh(x) ** 2) * Symbol("sigma_w")))
    \sigma_w \operatorname{sech}^{2}{\left(x \right)}
    >>> print(to_latex(Rational("1.0507009873554804934") * x))
    1.0507 x
    """
    return FieldPrinter(exact).doprint(expr)
