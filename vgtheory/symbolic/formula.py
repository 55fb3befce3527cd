"""`Formula`: a statement `lhs (=, ≤, ≥, ~) expr` that carries its assumptions, its reference and how it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import mpmath
import sympy as sp

from vgtheory._errors import InputError

Status = Literal["proved", "certified", "quadrature", "asymptotic"]
Kind = Literal["equality", "upper bound", "lower bound", "asymptotic", "certificate"]
RELATIONS: dict[str, str] = {
    "equality": "=",
    "upper bound": r"\le",
    "lower bound": r"\ge",
    "asymptotic": r"\sim",
    "certificate": r"\le",
}


@dataclass(frozen=True)
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
    error : radius of `value` where `expr` is a number known to finite precision; 0 for closed forms.
    """

    lhs: sp.Basic
    expr: sp.Expr
    kind: Kind = "equality"
    status: Status = "proved"
    name: str = ""
    statement: str = ""
    assumptions: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    error: float = 0.0

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Return the free symbols of the value, sorted by name."""
        return tuple(sorted(self.expr.free_symbols, key=lambda s: s.name))

    def at(self, **values: Any) -> Formula:
        """Return the formula with symbols fixed by name, e.g. ``f.at(q=0.7, depth=50)``.

        Decimal numbers are taken at their printed value (0.7 is 7/10), so closed forms stay exact.
        Raises InputError for a name that is not a free symbol of the formula.
        """
        by_name = {s.name: s for s in self.expr.free_symbols | self.lhs.free_symbols}
        for name in values:
            if name not in by_name:
                known = ", ".join(sorted(by_name)) or "none: it is already a number"
                raise InputError(
                    f"{name} = {values[name]!r}", f"a symbol of this formula ({known})", "fix one of those"
                )
        point = {by_name[name]: exact(value) for name, value in values.items()}
        # Simultaneous, so that a symbol may be replaced by an expression that holds another symbol's name.
        return replace(
            self,
            lhs=self.lhs.subs(point, simultaneous=True),
            expr=self.expr.subs(point, simultaneous=True),
        )

    def value(self, digits: int = 15) -> mpmath.mpf:
        """Return the number, to `digits` significant digits; it neither over- nor underflows.

        Raises InputError while symbols are free.
        """
        if self.expr.free_symbols:
            missing = ", ".join(s.name for s in self.symbols)
            raise InputError(f"free symbols {missing}", "a formula without free symbols", "fix them with .at(...)")
        with mpmath.workdps(digits + 5):
            return mpmath.mpf(sp.N(self.expr, digits + 3))


def exact(value: Any) -> sp.Expr:
    """Return `value` as SymPy, decimal floats at their printed value: 0.2 → 1/5."""
    if isinstance(value, (bool, str)):
        raise InputError(repr(value), "a number or a SymPy expression", "give a number")
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InputError(repr(value), "a finite number", "give a finite number")
        return sp.Rational(repr(value))
    if hasattr(value, "item") and not isinstance(value, sp.Basic):  # NumPy scalars
        return exact(value.item())
    return sp.sympify(value, strict=True)  # strict: numbers and SymPy objects only, never text
