"""What is proved of a law on the line from the polynomial equation of its Stieltjes transform: bounds by balls."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import sympy as sp
from flint import fmpq

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.random_matrices.arguments import finite
from vgtheory.random_matrices.laws.law import Law
from vgtheory.random_matrices.laws.polynomials.distribution import mass_below, outward, quantile
from vgtheory.random_matrices.laws.polynomials.equation import Equation, equation_of
from vgtheory.random_matrices.laws.polynomials.rational import rational
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet, sheet_of
from vgtheory.random_matrices.laws.polynomials.terms import G, Z
from vgtheory.symbolic.formula import Formula, exact


@dataclass(frozen=True)
class ProvedLaw(Law):
    """A law: the equation of its Stieltjes transform, where it has one, and bounds of densities and probabilities."""

    @cached_property
    def algebraic_equation(self) -> Equation | None:
        """Return the polynomial equation of G, exact at the decimals of the parameters; None where none is known."""
        known = getattr(type(self), "equation", None)
        if not callable(known):
            return None
        values = [getattr(self, f.name) for f in fields(self)]
        given = [tuple(map(exact, v)) if isinstance(v, tuple) else exact(v) for v in values]
        found = known(Z, G, *given)
        return equation_of(found, "equation") if found.is_polynomial(Z, G) else None

    @property
    def polynomial(self) -> Formula | None:
        """Return the polynomial equation of G = G(z); None where none is known, or its degree is above 10."""
        found = self.algebraic_equation
        if found is None:
            return None
        said = "G = G(z) is the branch with zG → 1 as z → ∞"
        return Formula(found.expr, sp.Integer(0), name="equation of G", statement=said)

    @cached_property
    def _sheet(self) -> Sheet:
        if self.algebraic_equation is None:
            raise UnsupportedError("no polynomial equation of this law is known, so its density has no proved bounds")
        return sheet_of(self.algebraic_equation)

    def enclosure(self, x: float) -> tuple[float, float]:
        """Return lower and upper bounds of the density at x, proved by balls.

        (0, 0) outside of the bands, and at their ends unless the density is infinite there.  An end that is no double
        (as 3/2 + √2) lies on one side of the double next to it, whose bounds are those of its own side.

        Raises
        ------
        InputError : no finite number, a place where the density is infinite or its branches meet inside of a band, or a
            parameter of the law has no value.
        UnsupportedError : the law has no known polynomial equation, or x lies some 1e-20 from a place where G is
            infinite or its branches meet.
        """
        return self._enclosure(rational(finite("x", x)))

    def _enclosure(self, x: fmpq) -> tuple[float, float]:
        return self._sheet.density_bounds(x)

    def cdf_enclosure(self, x: float) -> tuple[float, float]:
        """Return lower and upper bounds of P(X ≤ x), proved by balls; some 1e-15 apart.

        Raises
        ------
        InputError : no finite number, or a place where branches of G meet inside of a band, or at an atom whose mass is
            not known exactly.
        UnsupportedError : the law has no known polynomial equation, or x lies some 1e-24 from such a place.
        """
        return outward(*self._mass_below(rational(finite("x", x))))

    def ppf_enclosure(self, q: float) -> tuple[float, float]:
        """Return lower and upper bounds of the quantile of 0 < q < 1, the least x with P(X ≤ x) ≥ q, proved by balls.

        Raises
        ------
        InputError : no probability between 0 and 1.
        UnsupportedError : the law has no known polynomial equation, or no bounds are found around its `ppf`.
        """
        if not 0 < finite("q", q) < 1:
            raise InputError("q", "a probability between 0 and 1", "e.g. q=0.5", got=shown(q))
        return quantile(self._mass_below, float(self.ppf(q)), float(q), [place for place, _ in self.atoms])

    def _mass_below(self, x: fmpq, closed: bool = True) -> tuple[fmpq, fmpq]:
        return mass_below(self._sheet, x, closed)
