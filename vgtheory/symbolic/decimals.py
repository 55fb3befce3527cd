"""`Decimal` and `Fraction`: exact numbers that SymPy leaves alone, so that their powers stay powers."""

from __future__ import annotations

from typing import Any

import sympy as sp
from flint import arb, fmpq
from sympy.printing.precedence import PRECEDENCE

from vgtheory.symbolic.enclosed import Enclosed

MULTIPLIED_OUT = 100_000  # bits up to which the power of a fraction is written out
SMALL = 64  # exponents up to which none is that long


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


def substituted(expr: sp.Expr, point: dict[sp.Symbol, sp.Expr], at_once: bool) -> sp.Expr:
    """Return the expression at this point; powers of too many digits to be multiplied out stay powers.

    SymPy multiplies a fraction's powers out, to as many digits as they have.
    """

    def put_in(power: sp.Pow) -> sp.Expr:
        exponent = power.exp.subs(point, simultaneous=at_once)
        if not exponent.is_Rational:
            return power
        base = power.base.subs(point, simultaneous=at_once)
        bits = sum(number.p.bit_length() + number.q.bit_length() for number in base.atoms(sp.Rational))
        return _held(base) ** exponent if abs(exponent) * bits > MULTIPLIED_OUT else power

    exponents = {power.exp.subs(point, simultaneous=at_once) for power in expr.atoms(sp.Pow)}
    if any(exponent.is_Rational and abs(exponent) > SMALL for exponent in exponents):
        expr = expr.replace(lambda part: part.is_Pow, put_in)
    return expr.subs(point, simultaneous=at_once)


def _held(base: sp.Expr) -> sp.Expr:
    """Return the base of a power with its factors that are fractions left alone."""
    if base.is_Rational and abs(base) not in (0, 1):
        return sp.sign(base) * Fraction(abs(base))
    if base.is_Mul:
        return base.func(*map(_held, base.args))
    return _held(base.base) ** base.exp if base.is_Pow and base.exp.is_number else base
