"""What algebraic laws become of each other: sums, products, moves, corners, blocks, Gram matrices with noise."""

from __future__ import annotations

import re
from abc import ABC
from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import sympy as sp
from flint import ctx, fmpq

from vgtheory._errors import InputError, shown
from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.polynomials.infinity import is_positive
from vgtheory.random_matrices.laws.polynomials.rational import BITS
from vgtheory.random_matrices.laws.polynomials.sheet import not_positive
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.scanned import ScannedLaw
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.parser import read

NAME = re.compile(r"[A-Za-z_]\w*")
_HANKEL = 6  # rows of the matrix of moments that must be positive


@dataclass(frozen=True)
class EquationLaw(ScannedLaw, ABC):
    """A law by the polynomial equation of its G, which may have symbols.

    With symbols: `moments`, `free_cumulants`, `polynomial`, `at`; `a + b` (free sum), `a * b` (free product),
    `2*a + 1`, `inverse`, `moebius`, `square`, `compressed`, `transposed`, `beside_block`, `gram_with_noise`.
    """

    equation: Equation

    def __repr__(self) -> str:
        return f"AlgebraicLaw({self.equation.expr} = 0)"

    @property
    def algebraic_equation(self) -> Equation:
        """Return the equation."""
        return self.equation

    def at(self, **values: Any) -> Self:
        """Return the law with values, numbers or formulas, for some of its symbols.

        Raises InputError for a symbol that it does not have, or values that belong to no law.
        """
        named = {str(s): s for s in self.equation.symbols}
        for name in values:
            if name not in named:
                listed = ", ".join(named) or "none"
                raise InputError(f"symbol {name}", f"one of the law's symbols ({listed})", "give one of those")
        return self._of(self.equation.at({named[name]: value_of(value) for name, value in values.items()}))

    def moments(self, count: int) -> tuple[sp.Expr, ...]:
        """Return E X, …, E X^count exactly, in the symbols."""
        return self.equation.moments(whole("count", count))[1:]

    def free_cumulants(self, count: int) -> tuple[sp.Expr, ...]:
        """Return κ_1, …, κ_count exactly, in the symbols: R(g) = Σ κ_n g^{n−1}."""
        return self.equation.free_cumulants(whole("count", count))

    def __add__(self, other: Any) -> Self:
        if isinstance(other, (Real, sp.Expr)):
            return self._of(self.equation.moved(sp.Integer(1), exact(other)))
        return self._of(self.equation.sum(equation_of_law(other)))

    def __mul__(self, other: Any) -> Self:
        if isinstance(other, (Real, sp.Expr)):
            if other == 0:
                raise InputError("0 times a law", "a factor that is not 0", "give laws.point_mass(0.0)")
            return self._of(self.equation.moved(exact(other), sp.Integer(0)))
        return self._of(self.equation.product(equation_of_law(other)))

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> Self:
        negative: Any = -1 * other if isinstance(other, (Real, sp.Expr, RealLaw)) else other
        return self + negative

    def __rsub__(self, other: Any) -> Self:
        mirrored: Any = self * -1
        return mirrored + other

    def __truediv__(self, divisor: Any) -> Self:
        if not isinstance(divisor, (Real, sp.Expr)):
            return NotImplemented
        if divisor == 0:
            raise InputError("a law over 0", "a divisor that is not 0", "e.g. law / 2")
        return self * (1 / exact(divisor))

    def __rtruediv__(self, other: Any) -> Self:
        return self.inverse() * other if isinstance(other, (Real, sp.Expr)) else NotImplemented

    _squares = "law.square() for the law of X², law * law for a free product"

    def inverse(self) -> Self:
        """Return the law of 1/X.

        Raises InputError where 0 lies in the support, and UnsupportedError where symbols leave open which one is meant.

        Examples
        --------
        >>> from vgtheory import laws
        >>> (laws.algebraic(laws.marchenko_pastur(0.5)) + 1).inverse().moments(2)  # E 1/(X + 1), E 1/(X + 1)²
        (-3/2 + sqrt(17)/2, -1/2 + 7*sqrt(17)/34)
        """
        if self.equation.symbols:
            return self._of(self.equation.inverted())
        if any(lo <= 0 <= hi for lo, hi in (*self.bands, *((x, x) for x, _ in self.atoms))):
            low, high = self.support()
            accepted, hint = "a law whose support leaves out 0", "move it first, e.g. (law + 1).inverse()"
            raise InputError("the law of 1/X", accepted, hint, got=f"one with 0 in its support, in [{low:g}, {high:g}]")
        return self._of(self.equation.inverted(-self._sheet.real_value(fmpq(0))))

    def square(self) -> Self:
        """Return the law of X²."""
        return self._of(self.equation.squared())

    def compressed(self, share: Any) -> Self:
        """Return the law of a corner that keeps this share of the rows and columns, after a random rotation."""
        value = value_of(share)
        if value.is_number and not (value.is_real and 0 < value <= 1):
            raise InputError("share", "a number above 0 and at most 1", "give share=0.5", got=shown(share))
        return self._of(self.equation.compressed(value))

    def moebius(self, a: Any, b: Any, c: Any, d: Any) -> Self:
        """Return the law of (aX + b)/(cX + d).

        Raises InputError where ad = bc or the pole −d/c lies in the support, and UnsupportedError where symbols leave
        open which law is meant.

        Examples
        --------
        >>> from vgtheory import laws
        >>> laws.algebraic(laws.point_mass(3)).moebius(1, 1, 2, -2).atoms
        ((1.0, 1.0),)
        """
        one, two, three, four = (value_of(v) for v in (a, b, c, d))
        if sp.expand(one * four - two * three) == 0:
            raise InputError("a Möbius map with ad = bc", "one that is not constant", "e.g. moebius(1, 0, 1, 1)")
        if three == 0:
            return self._of(self.equation.moved(one / four, two / four))
        inverse = self._of(self.equation.moved(three, four)).inverse().equation
        return self._of(inverse.moved(two - one * four / three, one / three))

    def transposed(self, ratio: Any) -> Self:
        """Return the law of X*X where this is the law of XX*, X of shape p × n, p/n = `ratio`: cG + (1 − c)/z."""
        return self._of(self.equation.transposed(_positive("ratio", ratio)))

    def beside_block(self, other: Any, share: Any) -> Self:
        """Return the law of a block-diagonal matrix: this one is that of a `share` of its rows, `other` of the rest.

        Raises InputError unless 0 < share < 1, or where `other` has no polynomial equation.
        """
        value = value_of(share)
        if value.is_number and not 0 < value < 1:
            raise InputError("share", "a number between 0 and 1", "give share=0.5", got=shown(share))
        return self._of(self.equation.mixed(equation_of_law(other), value))

    def gram_with_noise(self, ratio: Any, sigma: Any) -> Self:
        """Return the law of (A + σX)(A + σX)* where this is the law of AA*: information plus noise.

        A and X are p × n, p/n = `ratio`, the entries of X independent of variance 1/n (Dozier & Silverstein 2007):
        G = y G_A(y²z − (1 − c)σ²y), y = 1 − cσ²G.

        Examples
        --------
        >>> from vgtheory import laws
        >>> noise = laws.algebraic(laws.point_mass(0)).gram_with_noise("c", 1)  # no signal: Marchenko–Pastur
        >>> noise.moments(3)
        (1, c + 1, c**2 + 3*c + 1)
        """
        return self._of(self.equation.gram_with_noise(_positive("ratio", ratio), _positive("sigma", sigma)))

    def _of(self, equation: Equation) -> Self:
        require_positive(equation)
        return type(self)(equation)


def _positive(name: str, given: Any) -> sp.Expr:
    value = value_of(given)
    if value.is_number and not (value.is_real and value > 0):
        raise InputError(name, "a positive number or a formula", f"give {name}=0.5", got=shown(given))
    return value


def value_of(value: Any) -> sp.Expr:
    """Return a number, a SymPy expression, or the formula of a text, exactly."""
    if not isinstance(value, str):
        return exact(value)
    return read(value, {name: sp.Symbol(name) for name in NAME.findall(value)})


def require_positive(equation: Equation) -> None:
    """Raise InputError where the Hankel matrix of the first twelve moments, numbers all of them, is not positive."""
    if not equation.symbols:
        with ctx.workprec(BITS):
            m = equation.numbers(2 * _HANKEL)
            if not is_positive(m):
                said = (v if isinstance(v, fmpq) else f"{float(v):.6g}" for v in m[1:5])
                raise not_positive(f"the moments {', '.join(map(str, said))}, …, which no probability law has")


def equation_of_law(law: Any) -> Equation:
    """Return the equation of a law; InputError where it has none."""
    found = law.algebraic_equation if isinstance(law, RealLaw) else None
    if found is None:
        raise InputError(f"{law!r}"[:60], "a law with a polynomial equation, or a number", "give laws.semicircle()")
    return found
