"""Numbers for the eye: five significant digits, and what bounds a quantity is rounded away from it.

A rounded number moves the value of the formula around it up or down, which the signs of its surroundings decide.
Where they do not, it is named by its first digits, 0.98012….  Numbers that meet in a sum or product are shown as the
one number that they make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb
from mpmath.libmp import dps_to_prec, from_man_exp

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic.ball import precision
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.signs import BALL_DIGITS, is_number, side_of_one, sign, sign_of_all

SIGNIFICANT_DIGITS = 5
MAX_DENOMINATOR = 999  # fractions and whole numbers up to these sizes are shown as they are
MAX_NUMERATOR = 99_999
MAX_INTEGER = 10**9
MAX_OPERATIONS = 7  # of a closed form that a bound still shows
MAX_INSIDE = 99  # whole numbers up to this size may stand in such a form
NEAR_ONE = sp.Rational(1, 1000)  # the base of a power that is as close to 1 is shown as 1 plus or minus the rest
MAX_BITS = 10_000  # of a fraction that is rounded as one
SMALLEST_POWER, LARGEST_POWER = -4, 7  # of ten, between which numbers are written with all their digits

UP, NEAREST, DOWN = 1, 0, -1
Side = int | None  # UP, NEAREST or DOWN; None: outward is not known, and nothing may be rounded

_RISING = (sp.exp, sp.log, sp.tanh, sp.sinh, sp.atan, sp.asinh, sp.erf, sp.ceiling, sp.floor, sp.Max, sp.Min)
_FALLING = (sp.erfc,)


def rounded(expr: sp.Basic, side: Side = NEAREST) -> sp.Basic:
    """Return `expr` with every long number as a short decimal, so that its value moves to `side`, if at all.

    Long are decimals, fractions and whole numbers of many digits, and numbers without a closed form.  A relation moves
    down if it holds less often.

    >>> x = sp.Symbol("x", positive=True)
    >>> rounded(sp.Rational(2047, 2048) * x, UP), rounded(sp.Rational(2047, 2048) / x, DOWN)
    (0.99952*x, 0.99951/x)
    >>> rounded(1 / (x + sp.Rational(2047, 2048)), UP)
    1/(x + 0.99951)
    """
    if not _is_long(expr, side):
        return expr
    if is_number(expr):
        return _shown(expr, side)
    if isinstance(expr, sp.Add):
        return _of_sum(expr, side)
    if isinstance(expr, sp.Mul):
        return _of_product(expr, side)
    if isinstance(expr, sp.Pow):
        base, exponent = _powers_joined([expr], side)[0].args
        return _of_power(base, exponent, side)
    return expr.func(*(rounded(a, s) for a, s in zip(expr.args, _sides(expr, side), strict=True)))


def decimal_of(value: sp.Expr, side: int = NEAREST, digits: int = SIGNIFICANT_DIGITS) -> sp.Float:
    """Return a number to so many significant digits, rounded up, down or to nearest.

    Raises UnsupportedError where the number cannot be enclosed, InputError where it is not finite.
    """
    exact = _rational(value)
    if exact is not None and max(int(exact.p).bit_length(), int(exact.q).bit_length()) <= MAX_BITS:
        return _of_fraction(Fraction(int(exact.p), int(exact.q)), side, digits)
    ball = enclose(value, max(BALL_DIGITS, digits + 2))
    if not ball.is_finite():
        raise InputError(f"{value}", "a finite number", "choose values inside the formula's domain")
    if abs(ball).upper() == 0:
        return sp.Float(0)
    power = _whole((abs(ball).upper().log() / arb(10).log()).mid().floor()) - digits + 1
    scaled = ball / arb(10) ** power
    ends = {UP: scaled.upper().ceil, DOWN: scaled.lower().floor, NEAREST: (scaled.mid() + arb(1) / 2).floor}
    return _float(_whole(ends[side]()), power)


def written(value: sp.Float) -> tuple[str, int | None]:
    """Return a decimal as text and the power of ten that it is to be multiplied by, None where all digits fit.

    >>> written(sp.Float("-0.00099952")), written(decimal_of(sp.exp(-4886000))), written(sp.Float("12e40"))
    (('-0.00099952', None), ('1.4502', -2121963), ('1.2', 41))
    """
    sign, digits, power = Decimal(str(value)).as_tuple()
    text = "".join(map(str, digits)).lstrip("0") or "0"
    point = len(text) + int(power)  # digits before the point
    text = text.rstrip("0") or "0"
    minus = "-" if sign else ""
    if text == "0" or SMALLEST_POWER < point <= LARGEST_POWER:
        whole, rest = text[: max(point, 0)].ljust(point, "0") or "0", "0" * -point + text[max(point, 0) :]
        return f"{minus}{whole}.{rest}".rstrip("0").rstrip(".") if text != "0" and rest else minus + whole, None
    return minus + text[0] + ("." + text[1:] if len(text) > 1 else ""), point - 1


def _whole(number: arb) -> int:
    return int(number.unique_fmpz())


def _of_fraction(number: Fraction, side: int, digits: int) -> sp.Float:
    """Return the same of a fraction; a decimal of so many digits stays what it is."""
    if not number:
        return sp.Float(0)
    power = len(str(abs(number.numerator))) - len(str(number.denominator)) - digits
    power += abs(number) >= Fraction(10) ** (power + digits)
    scaled = number / Fraction(10) ** power
    ends: dict[int, Callable[[], int]] = {UP: scaled.__ceil__, DOWN: scaled.__floor__, NEAREST: scaled.__round__}
    return _float(ends[side](), power)


def _float(whole: int, power: int) -> sp.Float:
    """Return whole·10^power; of a power in the millions SymPy would make integers of as many digits."""
    if not whole:
        return sp.Float(0)
    bits = dps_to_prec(max(15, len(str(whole))))
    with precision(bits + 64):
        man, exp = (arb(whole) * arb(10) ** power).mid().man_exp()
    return sp.Float(from_man_exp(int(man), int(exp), bits, "n"), precision=bits)


def _rational(value: sp.Expr) -> sp.Rational | None:
    """Return the value where it is an exact fraction without any work; a Float counts as what it prints."""
    if isinstance(value, sp.Rational):
        return value
    if isinstance(value, sp.Float):
        return sp.Rational(str(value)) if value.is_finite else None
    if isinstance(value, Enclosed):
        return value.rational
    if isinstance(value, (sp.Add, sp.Mul)):
        parts = [_rational(a) for a in value.args]
        return None if None in parts else value.func(*parts)
    if isinstance(value, sp.Pow) and value.exp == -1:
        base = _rational(value.base)
        return 1 / base if base else None
    return None


@lru_cache(maxsize=4096)
def _is_long(expr: sp.Basic, side: Side = NEAREST) -> bool:
    """Whether a number that would not be shown as it stands takes part."""
    if not expr.args:
        return _is_long_atom(expr)
    if is_number(expr) and (isinstance(expr, Enclosed) or (side and not _is_short_form(expr))):
        return True
    if any(_is_long(a, side) for a in expr.args):
        return True
    numbers = _split(expr.args)[0] if isinstance(expr, (sp.Add, sp.Mul)) else []
    return 1 < len(numbers) < len(expr.args) and _is_long(expr.func(*numbers), side)


def _is_short_form(number: sp.Expr) -> bool:
    """Whether a bound may show this number as roots, powers and logarithms of small numbers."""
    if (fraction := _rational(number)) is not None:
        return not _is_long_atom(fraction)
    functions = number.atoms(sp.Function) - number.atoms(sp.log, sp.exp)
    small = all(max(abs(a.p), a.q) <= MAX_INSIDE for a in number.atoms(sp.Rational))
    return small and not functions and len(number.atoms(sp.log)) < 2 and number.count_ops() <= MAX_OPERATIONS


def _is_long_atom(expr: sp.Basic) -> bool:
    if isinstance(expr, sp.Integer):
        return bool(abs(expr) > MAX_INTEGER)
    if isinstance(expr, sp.Rational):
        return bool(expr.q > MAX_DENOMINATOR or abs(expr.p) > MAX_NUMERATOR)
    return isinstance(expr, (sp.Float, Enclosed))


def _shown(number: sp.Expr, side: Side) -> sp.Expr:
    """Return a number as a decimal, or by its first digits where it may not be rounded."""
    try:
        if side is not None:
            return decimal_of(number, side)
        down, up = decimal_of(number, DOWN), decimal_of(number, UP)
        return down if down == up else Begins(down if sign(number) == 1 else up)
    except (UnsupportedError, InputError):
        return sp.N(number, 15) if side == NEAREST and not number.has(Enclosed) else number


class Begins(sp.AtomicExpr):
    """A number of which the first digits are shown, ``0.98012…``: it is named and not rounded."""

    is_commutative = True

    def __new__(cls, digits: sp.Float) -> Begins:
        """Return the number that begins with these digits."""
        obj: Begins = sp.AtomicExpr.__new__(cls, digits)
        return obj

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"{printer._print(self.args[0])}\ldots"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _plain(self, printer: Any) -> str:
        return f"{printer._print(self.args[0])}…"


def _times(side: Side, sign: int | None) -> Side:
    return NEAREST if side == NEAREST else None if side is None or sign is None else side * sign


def _of_sum(expr: sp.Add, side: Side) -> sp.Expr:
    numbers, others = _split(expr.args)
    terms = [rounded(a, side) for a in others]
    if not numbers:
        return expr.func(*terms)
    together = sp.Add(*numbers)
    long = any(_is_long(a, side) for a in (together, *numbers))
    return sp.Add(*([_shown(together, side)] if long else numbers), *terms, evaluate=False)


def _of_product(expr: sp.Mul, side: Side) -> sp.Expr:
    numbers, others = _split(_powers_joined(expr.args, side))
    sides = [_times(side, sign_of_all([*numbers, *others[:i], *others[i + 1 :]])) for i in range(len(others))]
    together, outside = sp.Mul(*numbers), _times(side, sign_of_all(others))
    long = any(_is_long(a, side) for a in (together, *numbers)) or _is_beside_decimals(together, others, side)
    if long and not (outside is None and not any(_is_long_atom(a) for a in sp.preorder_traversal(together))):
        numbers = [_shown(together, outside)]
    factors = [*(c for c in numbers if c != 1), *(rounded(a, s) for a, s in zip(others, sides, strict=True))]
    return sp.Mul(*factors, evaluate=False) if len(factors) > 1 else factors[0]


def _is_beside_decimals(number: sp.Expr, others: list[sp.Expr], side: Side) -> bool:
    """Whether a number is better shown as a decimal, as the factors next to it hold some."""
    if number.is_Integer or not any(_is_long(a, side) for a in others):
        return False
    if side == NEAREST and _is_short_form(
        number
    ):  # what is no bound is defined by such a number: √(2/π) in GELU's tanh
        return False
    return not number.is_Rational or any(_is_long_power(a, side) for a in others)


def _is_long_power(expr: sp.Expr, side: Side) -> bool:
    return isinstance(expr, sp.Pow) and is_number(expr.base) and _is_long(expr.base, side)


def _powers_joined(factors: Iterable[sp.Expr], side: Side) -> list[sp.Expr]:
    """Return factors in which powers of long numbers are multiplied out: a^(2L) b^L is (a²b)^L."""
    out, bases, long = [], dict[sp.Expr, sp.Expr](), set[sp.Expr]()
    for factor in factors:
        if not (isinstance(factor, sp.Pow) and is_number(factor.base) and not is_number(factor.exp)):
            out.append(factor)
            continue
        times, exponent = factor.exp.as_content_primitive()
        if exponent.could_extract_minus_sign():
            times, exponent = -times, -exponent
        bases[exponent] = bases.get(exponent, sp.S.One) * factor.base**times
        if _is_long(factor.base, side):
            long.add(exponent)
    if not long:
        return list(factors)
    return [*out, *(sp.Pow(base, exponent, evaluate=False) for exponent, base in bases.items())]


def _split(parts: Iterable[sp.Expr]) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """Return those that are numbers, and the others."""
    numbers: list[sp.Expr] = []
    others: list[sp.Expr] = []
    for part in parts:
        (numbers if is_number(part) else others).append(part)
    return numbers, others


def _of_power(base: sp.Expr, exponent: sp.Expr, side: Side) -> sp.Expr:
    if is_number(base) and _is_long(base, side):
        low = _shown_base(base, _times(side, sign(exponent)))
    else:
        # An odd negative power falls on either side of its pole; every other one is monotone in a nonnegative base.
        monotone = (exponent.is_Integer and exponent.is_negative and exponent.is_odd) or sign(base) == 1
        low = rounded(base, _times(side, sign(exponent) if monotone else None))
    return sp.Pow(low, rounded(exponent, _times(side, side_of_one(base))), evaluate=False)


def _shown_base(base: sp.Expr, side: Side) -> sp.Expr:
    """Return the base of a power as a decimal, and next to 1 as 1 plus or minus one, which keeps what it is about."""
    rest = base - 1
    try:
        if side is not None and 0 < abs(decimal_of(rest)) < NEAR_ONE:
            return sp.Add(1, decimal_of(rest, side), evaluate=False)
    except (UnsupportedError, InputError):
        pass
    return _shown(base, side)


def _sides(expr: sp.Basic, side: Side) -> list[Side]:
    """Return to which side each argument of a function or relation may move."""
    count = len(expr.args)
    if side in (NEAREST, None):
        return [side] * count
    if isinstance(expr, (sp.Lt, sp.Le)):
        return [_times(side, -1), side]
    if isinstance(expr, (sp.Gt, sp.Ge)):
        return [side, _times(side, -1)]
    if isinstance(expr, Enclosed):
        return [*(_times(side, d) for d in expr.directions), *[None] * (count - len(expr.directions))]
    if isinstance(expr, _RISING):
        return [side] * count
    if isinstance(expr, _FALLING):
        return [_times(side, -1)] * count
    if isinstance(expr, sp.Piecewise):
        return [side] * count
    if isinstance(expr, sp.functions.elementary.piecewise.ExprCondPair):
        return [side, None]
    return [_times(side, sign(expr.args[0]))] if isinstance(expr, sp.Abs) else [None] * count
