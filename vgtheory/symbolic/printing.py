"""The one LaTeX printer: the field's symbols, short decimals, sech² and e^{…}; KaTeX and pdflatex with amsmath take it.

Every LaTeX text of the package comes from here: `_repr_latex_` of the types, `vg.latex`, the reports.
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter, translate

from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.notation import FUNCTIONS, SYMBOLS
from vgtheory.symbolic.rounding import (
    MAX_INTEGER,
    NEAREST,
    SIGNIFICANT_DIGITS,
    Side,
    decimal_of,
    rounded,
    written,
)
from vgtheory.symbolic.signs import nonnegative

MAX_EXPONENT_LENGTH = 24  # LaTeX characters of an exponent that is still set as e^{…}
_PART = re.compile(r"([A-Za-z]+)(\d*)\Z")
_GAP = "\x1f"  # between the factors of a product until it is known what they look like
_NUMBER_IN_BRACKETS = re.compile(_GAP + r"(?=\\left\([\d.]+(?: \\cdot 10\^\{-?\d+\})?\\right\)\^)")


class Arranged:
    """For printers: 1 plus or minus a decimal is written in this order, and roots that are multiplied are one root."""

    exact, minus = False, "-"

    def _as_ordered_terms(self, expr: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        if all(a.is_Number for a in expr.args):
            return list(expr.args)
        terms: list[sp.Expr] = super()._as_ordered_terms(expr, order)  # type: ignore[misc]
        return terms

    def _print_Mul(self, expr: sp.Expr) -> str:
        if self.exact or not isinstance(expr, sp.Mul):
            return str(super()._print_Mul(expr))  # type: ignore[misc]
        minus = expr.could_extract_minus_sign()
        joined = one_root(-expr if minus else expr)
        text = super()._print_Mul(joined) if isinstance(joined, sp.Mul) else self._print(joined)  # type: ignore
        return self.minus + text if minus else str(text)


class FieldPrinter(Arranged, LatexPrinter):
    """SymPy's LatexPrinter with the notation of the field; `exact` keeps every digit, so that it can be read back."""

    minus = "- "

    def __init__(self, exact: bool = False) -> None:
        kept = {"inv_trig_style": "full", "fold_short_frac": False, "ln_notation": True, "mul_symbol": _GAP}
        super().__init__({**kept, "fold_frac_powers": not exact})
        self.exact = exact

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        return symbol_latex(expr.name)

    _print_RandomSymbol = _print_Symbol
    _print_Dummy = _print_Symbol

    def _print_Float(self, expr: sp.Float) -> str:
        return super()._print_Float(expr) if self.exact else decimal(expr)

    def _print_Mul(self, expr: sp.Expr) -> str:
        # A space would read as an argument: x (0.65)^L.
        return _NUMBER_IN_BRACKETS.sub(r" \\cdot ", super()._print_Mul(expr)).replace(_GAP, " ")

    def _print_Pow(self, expr: sp.Pow) -> str:
        base, exponent = expr.args
        if not self.exact and exponent.is_Rational and exponent.is_negative and not base.is_number:
            return str(self._print_Mul(expr))
        if isinstance(base, (AppliedUndef, sp.Derivative)) and not (exponent.is_Rational and exponent.q != 1):
            return f"{self._print(base)}^{{{self._exponent(exponent)}}}"
        return str(super()._print_Pow(expr))

    def _helper_print_standard_power(self, expr: sp.Pow, template: str) -> str:
        if expr.base.is_Float or isinstance(expr.base, Enclosed):
            return template % (rf"\left({self._print(expr.base)}\right)", self._exponent(expr.exp))
        text = str(super()._helper_print_standard_power(expr, "%s\x1e%s")).split("\x1e")[0]
        return template % (text, self._exponent(expr.exp))

    def _exponent(self, expr: sp.Expr) -> str:
        """Return an exponent, in which short fractions are set as L/2."""
        outside, self._settings["fold_short_frac"] = self._settings["fold_short_frac"], not self.exact
        text = str(self._print(expr)).replace(" / ", "/")
        self._settings["fold_short_frac"] = outside
        return text

    def _print_ExpBase(self, expr: sp.Expr, exp: Any = None) -> str:
        exponent = self._exponent(expr.args[0])
        text = rf"e^{{{exponent}}}"
        if len(exponent) > MAX_EXPONENT_LENGTH or r"\frac" in exponent:
            text = rf"\exp\left({self._print(expr.args[0])}\right)"
        return self._hprint_Pow(text, exp) if exp else text

    def _hprint_Function(self, func: str) -> str:
        return FUNCTIONS[func].latex if func in FUNCTIONS else super()._hprint_Function(func)

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


class Root(sp.Expr):
    """A square root that SymPy neither splits nor moves into the numerator: for the eye only."""

    is_commutative = True
    is_positive = True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\sqrt{{{printer._print(self.args[0])}}}"
        return rf"{text}^{{{exp}}}" if exp else text

    def _plain(self, printer: Any) -> str:
        return str(printer._print_Pow(sp.Pow(self.args[0], sp.S.Half, evaluate=False)))

    _sympystr = _plain


def one_root(expr: sp.Mul) -> sp.Expr:
    """Return a product with its square roots as one, and √2/2 as 1/√2.

    >>> from vgtheory.symbolic.notation import depth, width
    >>> one_root(sp.sqrt(2) * sp.sqrt(depth) / sp.sqrt(width) / 2)
    sqrt(depth/(2*width))
    """
    roots = [f for f in expr.args if f.is_Pow and abs(f.exp) == sp.S.Half and nonnegative(f.base)]
    number = next((f for f in expr.args if f.is_Rational), sp.S.One)
    others = [f for f in expr.args if f not in roots and not f.is_Rational]
    square, rest = sp.Mul(*(f.base ** (2 * f.exp) for f in roots)).as_coeff_Mul()
    if not roots or not square.is_Rational or (len(roots) == 1 and number**2 * square == 1):
        return expr
    square = number**2 * square
    (whole, top), (part, below) = (sp.sqrt(k).as_coeff_Mul() for k in (square.p, square.q))
    over, under = sp.fraction(rest)
    top, below = top**2 * over, below**2 * under
    joined = Root(top / below) if 1 not in (top, below) else Root(top) if below == 1 else 1 / Root(below)
    return sp.Mul(sp.sign(number) * whole / part, *others, sp.S.One if top == below else joined)


def prepared(expr: sp.Basic, side: Side = NEAREST) -> sp.Basic:
    """Return `expr` for the eye only: 1 − tanh² as sech², long numbers as decimals that move its value to `side`."""
    return rounded(expr.replace(lambda e: isinstance(e, sp.Add) and bool(_tanh_pair(e)), _with_sech), side)


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


def decimal(number: Any, digits: int = SIGNIFICANT_DIGITS, side: int = NEAREST) -> str:
    r"""Return a number as a short decimal, ``1.0507`` or ``2.1 \cdot 10^{-7}``, rounded to a side or to nearest."""
    # A float is an end of an enclosure, to its last bit, where the side matters.
    value = sp.Rational(number) if side != NEAREST and isinstance(number, float) else sp.sympify(number)
    if side == NEAREST and not value.is_Rational:  # what nothing encloses has a value all the same
        value = sp.N(value, 30)
    if value.is_Integer and abs(value) <= MAX_INTEGER:
        return str(value)
    if not value.is_finite:
        return {"oo": r"\infty", "-oo": r"-\infty"}.get(str(value), r"\text{nan}")
    mantissa, power = written(decimal_of(value, side, digits))
    if power is None:
        return mantissa
    head = rf"{mantissa} \cdot 10" if mantissa not in ("1", "-1") else f"{mantissa[:-1]}10"
    return f"{head}^{{{power}}}"


def symbol_latex(name: str) -> str:
    r"""Return the LaTeX of a symbol's name: the field's own, Greek, else upright words, ``\mathrm{gain}_{2}``."""
    if name in SYMBOLS:
        return SYMBOLS[name].latex
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


def to_latex(expr: Any, exact: bool = False, side: Side = NEAREST) -> str:
    r"""Return the LaTeX of a SymPy object, without dollar signs.

    For the eye numbers are shortened and 1 − tanh² becomes sech²; with `exact` nothing is, and
    :func:`vgtheory.symbolic.parser.parse` reads the same expression back.  What is shortened moves the value to
    `side`: a bound's away from what it bounds.

    >>> from sympy import Rational, Symbol, tanh
    >>> from vgtheory.symbolic.notation import depth
    >>> x = Symbol("x", real=True)
    >>> print(to_latex((1 - tanh(x) ** 2) * Symbol("sigma_w")))
    \sigma_w \operatorname{sech}^{2}{\left(x \right)}
    >>> print(to_latex(Rational("1.0507009873554804934") * x))
    1.0507 x
    >>> print(to_latex(Rational(2047, 2048) ** depth, side=1))
    \left(1 - 0.00048828\right)^{L}
    """
    return FieldPrinter(exact).doprint(prepared(expr, side) if isinstance(expr, sp.Basic) and not exact else expr)


def printed(expr: sp.Basic) -> str:
    """Return the LaTeX of a part of what :func:`prepared` returned."""
    return FieldPrinter().doprint(expr)
