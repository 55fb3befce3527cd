"""`Decimal` and `Fraction`: exact numbers that SymPy leaves alone, so that their powers stay powers."""

from __future__ import annotations

from typing import Any

import sympy as sp
from flint import arb, fmpq
from sympy.printing.precedence import PRECEDENCE

from vgtheory.symbolic.enclosed import Enclosed


class Decimal(sp.AtomicExpr, Enclosed):
    """A nonnegative exact decimal such as a certified rate; ``Decimal(r)**10**7`` is not multiplied out.

    >>> (Decimal("0.948024") ** 1000, Decimal("0.948024") < 1)
    (0.948024**1000, True)
    """

    is_commutative = True
    is_extended_real = True
    is_real = True
    is_finite = True
    is_number = True
    is_nonnegative = True
    __slots__ = ("number",)

    def __new__(cls, number: Any) -> Decimal:
        """Return the decimal; `number` is a SymPy Rational or its text."""
        obj: Decimal = sp.AtomicExpr.__new__(cls)
        obj.number = sp.Rational(number)
        return obj

    def __getnewargs__(self) -> tuple[sp.Rational]:
        return (self.number,)

    def _hashable_content(self) -> tuple[sp.Rational]:
        return (self.number,)

    def _eval_is_zero(self) -> bool:
        return bool(self.number == 0)

    def _eval_is_positive(self) -> bool:
        return bool(self.number > 0)

    @property
    def rational(self) -> sp.Rational:
        """Return the number as a fraction."""
        return self.number

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        """Return no symbol."""
        return set()

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.number._eval_evalf(prec)

    def _sympystr(self, printer: Any) -> str:
        return f"{float(self.number):.12g}"

    _plain = _sympystr

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        # All digits: a rounded bound would be none.
        mantissa, _, power = f"{float(self.number):.12g}".partition("e")
        text = rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else mantissa
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def enclosure(self, bits: int) -> arb:
        """Return the number."""
        return arb(fmpq(int(self.number.p), int(self.number.q)))


class Fraction(Decimal):
    """A positive fraction that is left alone and printed as it is.

    >>> Fraction(sp.Rational(9, 8)) ** 10**7
    (9/8)**10000000
    """

    def _sympystr(self, printer: Any) -> str:
        return printer.parenthesize(self.number, PRECEDENCE["Pow"]) if self.number.q > 1 else str(self.number)

    _plain = _sympystr

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = printer._print(self.number)
        return rf"\left({text}\right)^{{{exp}}}" if exp else str(text)


def left_alone(expr: sp.Expr, symbols: set[sp.Symbol]) -> sp.Expr:
    """Return the expression whose powers with these symbols in the exponent stay powers when numbers go in.

    SymPy multiplies a fraction's powers out, to as many digits as they have.
    """

    def base(part: sp.Expr) -> sp.Expr:
        if part.is_Rational and part.is_positive and part != 1:
            return Fraction(part)
        if part.is_Mul or (part.is_Pow and part.exp.is_number):
            return part.func(*map(base, part.args)) if part.is_Mul else part.func(base(part.base), part.exp)
        return part

    return expr.replace(
        lambda part: part.is_Pow and bool(part.exp.free_symbols & symbols),
        lambda power: base(power.base) ** power.exp,
    )
