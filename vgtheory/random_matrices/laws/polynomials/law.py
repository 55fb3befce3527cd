"""Laws whose G solves a polynomial equation: exact moments, proved bands and atoms, fast densities."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from flint import arb
from numpy.polynomial import Chebyshev

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.polynomials.boundary import Boundary, newton
from vgtheory.random_matrices.laws.polynomials.edges import edge_formulas
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.polynomials.operations import EquationLaw, require_positive
from vgtheory.random_matrices.laws.polynomials.rational import in_doubles
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet
from vgtheory.random_matrices.laws.polynomials.terms import G, Z, field_to_expr
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.scanned import beside
from vgtheory.random_matrices.laws.smooth import evaluate, interpolate
from vgtheory.symbolic.formula import Formula

_DEGREES = 1 << 12  # of the distribution function
_WHOLE = 1e-7  # how far the mass may be from 1
_EXACT = 60  # moments above are integrals


@dataclass(frozen=True, repr=False)
class AlgebraicLaw(EquationLaw):
    """The law whose G(z) = E 1/(z − X) is the branch ~ 1/z of P(z, G; θ) = 0; θ may be symbols.

    With numbers for all symbols it has everything that a law has, bands and atoms proved by balls, and `enclosure` of
    the density.
    """

    @property
    def bands(self) -> Pairs:
        """Return the intervals of the continuous part: their number is proved, their ends are roots in balls."""
        return self._sheet.bands

    @property
    def edge_formulas(self) -> tuple[Formula, ...]:
        """Return the ends of the bands as formulas, inner ones too, ascending: x = … by square roots, else D(x) = 0.

        With symbols: of all that can be ends.

        Examples
        --------
        >>> from vgtheory import laws
        >>> [f.expr for f in laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1").edge_formulas]
        [0, -2*sqrt(c) + c + 1, 2*sqrt(c) + c + 1]
        """
        return edge_formulas(self.equation, None if self.equation.symbols else self._sheet)

    @property
    def atoms(self) -> Pairs:
        """Return (place, mass) of every atom."""
        return self._sheet.atoms

    def bounds(self) -> tuple[float, float]:
        """Return the support."""
        return self.support()

    @cached_property
    def _smooth(self) -> tuple[Sheet, list[tuple[float, float]]]:
        """Return the equation of H = G − Σ mass/(z − place) over rational atoms, which would drown Im G, and those."""
        pairs = [pair for *_, pair in self._sheet.found_atoms if pair is not None]
        if not pairs:
            return self._sheet, []
        poles = sp.Add(*(field_to_expr(mass) / (Z - field_to_expr(at)) for at, mass in pairs))
        expr = sp.numer(sp.together(self.equation.expr.subs(G, G + poles)))
        terms = {key[:2]: c for key, c in sp.Poly(expr, Z, G, domain="QQ").rep.to_sympy_dict().items()}
        sheet = Sheet(tuple((key, int(c.numerator), int(c.denominator)) for key, c in terms.items()))
        return sheet, [(float(at.p) / float(at.q), float(mass.p) / float(mass.q)) for at, mass in pairs]

    @cached_property
    def _boundaries(self) -> tuple[Boundary, ...]:
        sheet, poles = self._smooth
        rows = tuple(sheet.rows)
        return tuple(
            Boundary(part, rows, part.value - sum(mass / ((part.lo + part.hi) / 2 - at) for at, mass in poles))
            for part in self._sheet.segments
        )

    @property
    def _pieces(self) -> Pairs:
        return tuple((part.lo, part.hi) for part in self._sheet.segments)

    def _pdf(self, x: np.ndarray) -> Array:
        return np.max([np.zeros(x.shape), *(part.density(x) for part in self._boundaries)], axis=0)

    @cached_property
    def _inverse(self) -> tuple[tuple[float, float, Chebyshev], ...]:
        """Return for each segment its ends and P(X ≤ x) in a coordinate that flattens powers at the ends."""
        out, total = [], 0.0
        for part in self._boundaries:
            first, last = part.window
            below = interpolate(part.flat, first, last, most=_DEGREES).integ(lbnd=first)
            out.append((part.lo, part.hi, below + (total + sum(mass for at, mass in self.atoms if at <= part.lo))))
            total += float(below(last))
        whole_ = total + sum(mass for _, mass in self.atoms)
        if abs(whole_ - 1) > _WHOLE:
            raise UnsupportedError(
                f"the density found for this law has a mass of {whole_:.12g} instead of 1, so it is not its density; "
                "use law.moments and law.enclosure, which do not need it"
            )
        return tuple(out)

    def tails(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (density, P(X > x), error) at x."""
        x = np.asarray(x, dtype=float)
        below = np.zeros(x.shape)
        for at, mass in self.atoms:
            below = below + mass * (x >= at)
        for part, (_, hi, curve) in zip(self._boundaries, self._inverse, strict=True):
            base, top = curve(np.array(part.window))
            inside, t, _ = part.places(x)
            below = below + np.where(~inside & (x >= hi), top - base, 0.0)
            below[inside] += evaluate(curve, np.clip(t[inside], *part.window)) - base
        density = self._pdf(x)
        return density, np.clip(1 - below, 0, 1), 1e-15 * density

    def _moment(self, order: int) -> float:
        if order > _EXACT or self.equation.symbols:  # integrals, which refuse symbols
            return super()._moment(order)
        found = self.equation.numbers(order)[order]
        return float(found) if isinstance(found, arb) else int(found.p) / int(found.q)

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G and G' = −P_z/P_G: from the boundary beside a band, else by quadrature, then Newton's method."""
        guess = np.asarray(RealLaw._stieltjes_and_slope(self, z)[0], dtype=complex)
        _, atoms = self._smooth
        for part in self._boundaries:
            near = beside(z, part.lo, part.hi)
            if near.any():
                x = z.real[near]
                guess[near] = part.value_at(x) + sum(mass / (x - place) for place, mass in atoms)
        return self._polished(z.astype(complex), guess)

    def _polished(self, z: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return G next to a guess and its slope, in the distance to the nearest landmark."""
        marks, rows = self._sheet.landmarks, self._sheet.rows
        nearest = np.argmin([np.abs(z - mark.place) for mark in marks], axis=0)
        g, slope = np.empty_like(z), np.empty_like(z)
        for k in np.unique(nearest):
            here = nearest == k
            at = (z[here] - marks[k].place) - marks[k].rest
            g[here], slope[here] = newton(in_doubles(rows, marks[k].point), at, guess[here])
        return g, slope


def law_of(equation: Equation) -> AlgebraicLaw:
    """Return the law of an equation; with numbers for all symbols its moments must be those of a law.

    Raises InputError where the Hankel matrix of its first twelve moments is not positive.
    """
    require_positive(equation)
    return AlgebraicLaw(equation)
