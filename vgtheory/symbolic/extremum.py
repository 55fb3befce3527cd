"""`Extremum` and `Range`: what is known of the largest and the smallest value of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import sympy as sp
from flint import arb

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic.ball import hull, precision
from vgtheory.symbolic.printing import decimal, displayed, to_latex
from vgtheory.symbolic.root import Root

ExtremumStatus = Literal["proved", "certified", "numeric"]


@dataclass(frozen=True)
class Extremum:
    """A supremum or infimum over the real line.

    Parameters
    ----------
    expr : the value in closed form (±oo where unbounded), or None.
    enclosure : doubles (lo, hi) between which the value certainly lies (status "numeric": the outer one may be ±inf).
    at : where it is attained or approached (SymPy; ±oo for a limit).
    attained : whether the function takes the value.
    equation : what an interior maximiser solves, or None.
    at_root : the value as a function of the maximiser, simplified by `equation`, or None.
    root : the maximiser as a certified root, where it is one without a closed form.
    status : "proved" closed form, "certified" enclosure, or "numeric".
    cut_short : whether the search for a closed form ran out of time, so that a faster machine may find more.
    """

    expr: sp.Expr | None
    enclosure: tuple[float, float]
    at: sp.Expr
    attained: bool
    equation: sp.Eq | None = None
    at_root: sp.Expr | None = None
    status: ExtremumStatus = "certified"
    cut_short: bool = False
    root: Root | None = field(default=None, repr=False, compare=False)
    _locate: Callable[[int], arb] | None = field(default=None, repr=False, compare=False)

    def digits(self, n: int) -> sp.Expr:
        """Return the value to `n` significant digits as a SymPy Float (±oo where unbounded).

        Raises UnsupportedError where fewer digits are known.
        """
        if not isinstance(n, int) or not 1 <= n <= 10_000:
            raise InputError("n", "a whole number from 1 to 10000", "e.g. digits(30)", got=f"{n!r}")
        if self.expr is not None:
            return self.expr if self.expr.is_infinite else sp.N(self.expr, n)
        bits = int(3.33 * n) + 64
        with precision(bits):  # python-flint rounds whatever is done with a ball to the precision at that time
            ball = self._locate(bits) if self._locate else hull(*map(arb, self.enclosure))
        if not ball.rel_accuracy_bits() >= 3.33 * n:
            raise UnsupportedError(f"{n} digits of a value that is known as {ball.str(17)} only; ask for fewer digits")
        with precision(bits):
            return sp.Float(ball.str(n + 2, radius=False), n)

    def negated(self) -> Extremum:
        """Return the infimum of −f from the supremum of f."""
        lo, hi = self.enclosure
        locate = self._locate
        return replace(
            self,
            expr=None if self.expr is None else -self.expr,
            enclosure=(0.0 - hi, 0.0 - lo),
            at_root=None if self.at_root is None else -self.at_root,
            _locate=None if locate is None else lambda bits: -locate(bits),
        )

    def latex(self) -> str:
        """Return the value as LaTeX: its closed form where it has one, and ten digits where that is no fraction."""
        if self.expr is not None and (self.expr.free_symbols or self.expr.is_Rational or self.expr.is_infinite):
            return to_latex(self.expr)
        digits = decimal(sum(self.enclosure) / 2, 10)
        return rf"\approx {digits}" if self.expr is None else rf"{to_latex(self.expr)} \approx {digits}"

    def _repr_latex_(self) -> str:
        where = r"\text{ at } x = " if self.attained else r"\text{ as } x \to "
        known = self.at is not None and not self.at.free_symbols
        place = where + (decimal(self.at, 10) if self.at.is_Float else to_latex(self.at)) if known else ""
        return displayed(self.latex() + place)


@dataclass(frozen=True)
class Range:
    """The range of a function on the real line: its supremum and infimum."""

    sup: Extremum
    inf: Extremum

    def _repr_latex_(self) -> str:
        least, most = rf"\inf = {self.inf.latex()}", rf"\sup = {self.sup.latex()}"
        return displayed(rf"{least}, \quad {most}".replace(r"= \approx", r"\approx"))
