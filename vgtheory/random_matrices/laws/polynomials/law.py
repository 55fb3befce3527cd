"""Laws whose G solves a polynomial equation: exact moments, proved bands and atoms, fast densities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from flint import arb
from numpy.polynomial import Chebyshev

from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.polynomials.edges import edge_formulas
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.polynomials.operations import EquationLaw, require_positive
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet, not_positive
from vgtheory.random_matrices.laws.polynomials.terms import G, Z, field_to_expr
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.scanned import beside, coordinate, jacobian, place_at
from vgtheory.random_matrices.laws.smooth import evaluate, interpolate
from vgtheory.symbolic.formula import Formula

_STEP, _FINEST, _ROUNDED = 0.03, 1e-5, 1e-6  # between known places of a segment, and what G may move by at an end
_STEPS = 12  # of Newton's method from between two of them
_DEGREES = 1 << 12  # of the distribution function
_WHOLE = 1e-7  # how far the mass may be from 1
_EXACT = 60  # moments above are integrals


@dataclass(frozen=True, repr=False)
class AlgebraicLaw(EquationLaw):
    """The law whose G(z) = E 1/(z − X) is the branch ~ 1/z of P(z, G; θ) = 0; θ may be symbols.

    With numbers for all symbols it has everything that a law has, bands and atoms proved by balls, and `enclosure` of
    the density.
    """

    _deepest = -5.0

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
    def _known(self) -> tuple[tuple[float, float, np.ndarray, np.ndarray], ...]:
        """Return for each segment its ends, and t and ln H at places from which Newton's method finds H."""
        out, (sheet, poles) = [], self._smooth
        for lo, hi, value in self._sheet.segments:
            middle = value - sum(mass / ((lo + hi) / 2 - at) for at, mass in poles)
            ends, found = self._window(lo), {0.0: middle}
            for end in ends:
                here, t, step = middle, 0.0, np.sign(end) * _STEP
                while t != end:
                    goal = end if abs(end - t) <= abs(step) else t + step
                    x = float(place_at(np.array(goal), lo, hi))
                    new = sheet.discs.near(complex(x), here)
                    new = new.conjugate() if new.imag > 0 else new
                    # No other root is nearer than this; at an end, where the root is double, both are rounded.
                    if abs(new - here) > max(0.5 * abs(here.imag), _ROUNDED * abs(here)) and abs(step) > _FINEST:
                        step /= 2
                        continue
                    here, t, found[goal] = new, goal, new
                    step = np.sign(step) * min(2 * abs(step), _STEP)
            t_all = np.array(sorted(found))
            g = np.array([found[t] for t in t_all.tolist()])
            out.append((lo, hi, t_all, np.log(g.real + 1j * np.minimum(g.imag, -1e-300))))
        return tuple(out)

    def _branch(self, x: np.ndarray, lo: float, hi: float, t: np.ndarray, logs: np.ndarray) -> np.ndarray:
        """Return H(x + i0) inside one segment."""
        at = coordinate(x, lo, hi)
        guess = np.exp(np.interp(at, t, logs.real) + 1j * np.interp(at, t, logs.imag))
        g = _newton(self._smooth[0].discs.floats, x + 0j, guess)[0]
        return np.where(g.imag > 0, g.conj(), g)

    @property
    def _pieces(self) -> Pairs:
        return tuple((lo, hi) for lo, hi, _ in self._sheet.segments)

    def _density(self, x: np.ndarray) -> np.ndarray:
        out = np.zeros(x.shape)
        for lo, hi, t, logs in self._known:
            inside = (x > lo) & (x < hi)
            if inside.any():
                out[inside] = -self._branch(x[inside], lo, hi, t, logs).imag / np.pi
        return out

    @cached_property
    def _inverse(self) -> tuple[tuple[float, float, Chebyshev], ...]:
        """Return for each segment its ends and P(X ≤ x) in a coordinate that flattens powers at the ends."""
        out, total = [], 0.0
        for lo, hi, _ in self._sheet.segments:

            def flat(t: np.ndarray, lo: float = lo, hi: float = hi) -> np.ndarray:
                x = np.clip(place_at(t, lo, hi), np.nextafter(lo, hi), np.nextafter(hi, lo))
                return self._density(x) * jacobian(t, lo, hi)

            first, last = self._window(lo)
            below = interpolate(flat, first, last, most=_DEGREES).integ(lbnd=first)
            out.append((lo, hi, below + (total + sum(mass for at, mass in self.atoms if at <= lo))))
            total += float(below(last))
        if abs(total + sum(mass for _, mass in self.atoms) - 1) > _WHOLE:
            raise not_positive(f"a total mass of {total + sum(mass for _, mass in self.atoms):.6g}")
        return tuple(out)

    def tails(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (density, P(X > x), error) at x."""
        x = np.asarray(x, dtype=float)
        below = np.zeros(x.shape)
        for at, mass in self.atoms:
            below = below + mass * (x >= at)
        for lo, hi, curve in self._inverse:
            first, last = self._window(lo)
            base, whole_ = float(curve(first)), float(curve(last)) - float(curve(first))
            inside = (x > lo) & (x < hi)
            below = below + np.where(x >= hi, whole_, 0.0)
            if inside.any():
                t = coordinate(x[inside], lo, hi)
                below[inside] += evaluate(curve, np.clip(t, first, last)) - base
        density = self._density(x)
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
        for lo, hi, t, logs in self._known:
            near = beside(z, lo, hi)
            if near.any():
                x = z.real[near]
                guess[near] = self._branch(x, lo, hi, t, logs) + sum(mass / (x - place) for place, mass in atoms)
        return _newton(self._sheet.discs.floats, z.astype(complex), guess)


def _newton(rows: Sequence[Sequence[float]], z: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the root next to g at every z, and dG/dz."""
    local = [np.polyval(row, z) for row in rows]
    for _ in range(_STEPS):
        value, slope = _horner(local, g)
        with np.errstate(all="ignore"):
            step = value / slope
        step = np.where(np.isfinite(step), step, 0)
        g = g - step
        if (np.abs(step) <= 1e-15 * np.abs(g)).all():
            break
    along = _horner([np.polyval(np.polyder(np.array(row)), z) for row in rows], g)[0]
    with np.errstate(all="ignore"):
        return g, -along / _horner(local, g)[1]


def _horner(rows: Sequence[np.ndarray], g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value, slope = np.zeros_like(g), np.zeros_like(g)
    for row in reversed(rows):
        slope = slope * g + value
        value = value * g + row
    return value, slope


def law_of(equation: Equation) -> AlgebraicLaw:
    """Return the law of an equation; with numbers for all symbols its moments must be those of a law.

    Raises InputError where the Hankel matrix of its first twelve moments is not positive.
    """
    require_positive(equation)
    return AlgebraicLaw(equation)
