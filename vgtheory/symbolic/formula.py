"""`Formula`: a statement `lhs (=, ≤, ≥, ~) expr` that carries its assumptions, its reference and how it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import mpmath
import sympy as sp
from flint import arb

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.decimals import substituted
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.naming import named
from vgtheory.symbolic.notation import BELOW_ONE
from vgtheory.symbolic.printing import displayed, prepared, printed, to_latex
from vgtheory.symbolic.rounding import DOWN, NEAREST, UP

Status = Literal["proved", "certified", "quadrature", "asymptotic"]
Kind = Literal["equality", "upper bound", "lower bound", "asymptotic", "certificate"]


class Relation(NamedTuple):
    """How a kind of statement is written, and to which side its numbers are rounded."""

    latex: str
    text: str
    ascii: str
    side: int


RELATIONS: dict[str, Relation] = {
    "equality": Relation("=", "=", "=", NEAREST),
    "upper bound": Relation(r"\le", "≤", "<=", UP),
    "lower bound": Relation(r"\ge", "≥", ">=", DOWN),
    "asymptotic": Relation(r"\sim", "~", "~", NEAREST),
    "certificate": Relation(r"\le", "≤", "<=", UP),
}


ERROR_DIGITS = 15  # what `error` refers to: the digits that `value` gives unless asked for more


class _Radius:
    """`Formula.error`: the stated radius, else that of the certified integrals in the value, enclosed when read."""

    def __get__(self, formula: Formula | None, owner: type | None = None) -> Any:
        if formula is None:
            return 0.0  # the field's default, which dataclasses read from here
        stated: float = formula.__dict__["error"]
        if stated or formula.expr.free_symbols or not formula.expr.has(Enclosed):
            return stated
        return _upper_float(enclose(formula.expr, ERROR_DIGITS).rad())

    def __set__(self, formula: Formula, value: float) -> None:
        formula.__dict__["error"] = value


@dataclass(frozen=True, repr=False)
class Formula:
    """A mathematical statement about networks or activations.

    Parameters
    ----------
    lhs : what the formula is about, as SymPy.
    expr : its value, as SymPy; free symbols are named as in :mod:`vgtheory.symbolic.notation`.
    kind : "equality", "upper bound", "lower bound", "asymptotic" or "certificate".
    status : "proved", "certified" (ball arithmetic), "quadrature" (with an error estimate) or "asymptotic".
    name : a short title, e.g. ``"symmetrised slope"``.
    statement : one sentence in plain words.
    assumptions : what must hold, each a sentence; all of them were checked when the formula was offered.
    reference : keys of the bibliography (:mod:`vgtheory._references`).
    error : radius of `value` where `expr` is a number known to finite precision; 0 for closed forms.  For a value
        with certified integrals it is their certified radius.
    conditions : relations between symbols without which the statement is false; `at` refuses to break one.
    """

    lhs: sp.Basic
    expr: sp.Expr
    kind: Kind = "equality"
    status: Status = "proved"
    name: str = ""
    statement: str = ""
    assumptions: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    error: Any = _Radius()  # a descriptor-typed field, see the documentation of dataclasses
    conditions: tuple[sp.Basic, ...] = ()

    def __repr__(self) -> str:
        return f"Formula({self.lhs} {RELATIONS[self.kind].ascii} {self.expr}, {self.status})"

    def _repr_latex_(self) -> str:
        return displayed(formula_latex(self))

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Return the free symbols of the value, sorted by name."""
        return tuple(sorted(self.expr.free_symbols, key=lambda s: s.name))

    def at(self, **values: Any) -> Formula:
        """Return the formula with symbols fixed by name, e.g. ``f.at(q=0.7, depth=50)``.

        Decimal numbers are taken at their printed value (0.7 is 7/10), so closed forms stay exact.
        Raises InputError for a name that is not a free symbol of the formula, or values under which the formula does
        not hold.
        """
        held = set().union(*(c.free_symbols for c in self.conditions))
        by_name = {s.name: s for s in self.expr.free_symbols | self.lhs.free_symbols | held}
        for name in values:
            if name not in by_name:
                known = ", ".join(sorted(by_name)) or "none: it is already a number"
                raise InputError(
                    f"{name}", f"a symbol of this formula ({known})", "fix one of those", got=f"{values[name]!r}"
                )
        point = {by_name[name]: exact(value) for name, value in values.items()}
        for symbol, value in point.items():
            if outside := _outside(symbol, value):
                raise InputError(symbol.name, outside, "choose another value", got=f"{value}")
        # A symbol may be replaced by an expression that holds another symbol's name; numbers go in one by one, faster.
        at_once = any(value.free_symbols for value in point.values())
        conditions = tuple(c.subs(point, simultaneous=at_once) for c in self.conditions)
        if sp.false in conditions:
            broken = self.conditions[conditions.index(sp.false)]
            given = ", ".join(f"{name} = {value}" for name, value in values.items())
            raise InputError(given, f"values with {broken}", "outside them the formula does not hold; choose others")
        return replace(
            self,
            lhs=self.lhs.subs(point, simultaneous=at_once),
            expr=substituted(self.expr, point, at_once),
            conditions=tuple(c for c in conditions if c is not sp.true),
        )

    def value(self, digits: int = 15) -> mpmath.mpf:
        """Return the number, to `digits` significant digits; it neither over- nor underflows.

        Raises InputError while symbols are free or where the value is not a real number.
        """
        if self.expr.free_symbols:
            missing = ", ".join(s.name for s in self.symbols)
            raise InputError(f"free symbols {missing}", "a formula without free symbols", "fix them with .at(...)")
        number = self._ball_value(digits)
        if mpmath.isnan(number):
            raise InputError(f"{self.expr} is not a real number", "values inside its domain", "choose others")
        return number

    def _ball_value(self, digits: int) -> mpmath.mpf:
        """Return the value by ball arithmetic, else (functions without it) by SymPy's adaptive evaluation."""
        with mpmath.workdps(digits + 5):
            if self.expr in (sp.oo, -sp.oo):
                return mpmath.mpf(str(self.expr).replace("oo", "inf"))
            try:
                ball = enclose(self.expr, digits + 1)
            except UnsupportedError:
                if self.expr.has(Enclosed):
                    raise
                number = sp.N(self.expr, digits + 3)
                return mpmath.mpf(number) if number.is_Float or number.is_Rational else mpmath.mpf("nan")
            if not ball.is_finite():
                return mpmath.mpf("nan")
            if (
                ball.rel_accuracy_bits() < 3.3 * digits
                and not self.expr.has(Enclosed)
                and ball.rad() > 10 ** (-2 * digits)
            ):
                raise UnsupportedError(
                    f"{self.expr} is not known to {digits} digits, since too many cancel; ask for fewer digits"
                )
            return mpmath.mpf(0 if ball.contains(arb(0)) else ball.mid().str(digits + 8, radius=False))


def formula_latex(formula: Formula, exact: bool = False) -> str:
    """Return lhs, relation and value as LaTeX; the numbers of a bound are rounded away from what it bounds."""
    relation, subject = RELATIONS[formula.kind], subject_of(formula)
    if subject is None:
        return to_latex(formula.expr, exact)
    if exact:
        return f"{to_latex(subject, exact)} {relation.latex} {to_latex(formula.expr, exact)}"
    if subject == formula.expr:
        return f"{to_latex(subject, exact=True)} {relation.latex} {to_latex(formula.expr)}"
    (lhs, shown), names = named(sp.Tuple(prepared(subject), prepared(formula.expr, relation.side)))
    parts = [f"{printed(lhs)} {relation.latex} {printed(shown)}"]
    return r",\quad ".join([*parts, *(f"{printed(name)} = {printed(part)}" for name, part in names)])


def subject_of(formula: Formula) -> sp.Basic | None:
    """Return what a formula is printed to be about: its left side, unless both sides would say the same.

    A mean without a closed form, E φ(x)² = E tanh(x)², gets a name, M_0(q) (M_1 of φ', and so on); an expression that
    stands for itself has no left side (None), unless it has a number.
    """
    lhs, expr = formula.lhs, formula.expr
    if lhs == expr:
        return None if expr.free_symbols else lhs
    alike = isinstance(lhs, Enclosed) and isinstance(expr, Enclosed) and lhs.args[1:] == expr.args[1:]
    if not (alike and expr.free_symbols):
        return lhs
    order = max((d.derivative_count for d in lhs.atoms(sp.Derivative)), default=0)
    return sp.Function(f"M_{order}")(*sorted(expr.free_symbols, key=lambda s: s.name))


def _upper_float(radius: arb) -> float:
    """Return a double not below `radius`."""
    return float(radius.upper()) * (1 + 2**-50) if radius > 0 else 0.0


def exact(value: Any) -> sp.Expr:
    """Return `value` as SymPy, decimal floats at their printed value: 0.2 → 1/5."""
    if isinstance(value, (bool, str)):
        raise InputError(repr(value), "a number or a SymPy expression", "give a number")
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InputError(repr(value), "a finite number", "give a finite number")
        return sp.Rational(repr(float(value)))  # np.float64 is a float of another repr
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # NumPy scalars
        return exact(value.item())
    try:
        number = sp.sympify(value, strict=True)  # strict: numbers and SymPy objects only, never text
    except (sp.SympifyError, TypeError, ValueError):
        number = None
    if not isinstance(number, sp.Expr) or number.has(sp.nan):
        shown = f"a value of type {type(value).__name__}" if number is None else str(number)
        raise InputError(shown, "a number or a SymPy expression", "give a number")
    return number


def _outside(symbol: sp.Symbol, value: sp.Expr) -> str:
    """Return what a symbol is assumed to be and a value is not, "" where nothing is known against it."""
    for what, words in (("integer", "a whole number"), ("positive", "above 0"), ("nonnegative", "at least 0")):
        if getattr(symbol, f"is_{what}") and getattr(value, f"is_{what}") is False:
            return words
    return "below 1" if symbol in BELOW_ONE and (value >= 1) == True else ""  # noqa: E712 - it may be undecided
