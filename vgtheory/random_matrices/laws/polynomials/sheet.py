"""The physical sheet of an algebraic Stieltjes transform followed by balls: where the law lives is proved, not scanned.

G is analytic in the upper half plane and G ~ 1/z at infinity, which picks its branch.  From there discs carry it down
to x + i0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise
from math import pi
from typing import NamedTuple

from flint import acb, arb, ctx, fmpq, fmpz, fmpz_poly

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.random_matrices.laws.polynomials.discs import LEAST, UP, Discs, inside, middle
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.polynomials.infinity import beside_infinity, means_of
from vgtheory.random_matrices.laws.polynomials.landmarks import Landmark, roots_of
from vgtheory.random_matrices.laws.polynomials.rational import BITS, dyadic, residues

_FIRST, _GROWTH, _SHORTEST = 0.25, 1.6, 1e-12  # steps of the way down, in units of it
_LOWEST = 1e-24  # height of the last but one point over a place, in units of the first: doubles are 1e-16 apart
_MOST_STEPS = 1 << 16  # along one way: some ten seconds for degree 2
_BOXES = (0.25, 0.05, 0.01)  # around zG = 1: the smaller, the more of the other branches may be near
# Heights at which an atom's mass is read off, and told from the other roots that it can be (at powers, until one is so
# many times nearer than the others); what counts as no mass where it is only read off.
_CLOSE, _TELLS, _DEPTHS, _FAR, _NO_MASS = 2.0**-40, 2.0**-10, 6, 8, 1e-9


class Segment(NamedTuple):
    """An interval between landmarks on which Im G(x + i0) < 0, and G in its middle."""

    left: Landmark
    right: Landmark
    value: complex

    @property
    def lo(self) -> float:
        """Return the lower end, rounded."""
        return self.left.place

    @property
    def hi(self) -> float:
        """Return the upper end, rounded."""
        return self.right.place


@dataclass(frozen=True)
class Sheet:
    """The branch G ~ 1/z of Σ c_ij zⁱ Gʲ = 0 with rational c_ij, given as ((i, j), numerator, denominator).

    Of several branches it is the one at this place among their means.
    """

    terms: tuple[tuple[tuple[int, int], int, int], ...]
    branch: int | None = None

    def density_bounds(self, at: fmpq) -> tuple[float, float]:
        """Return lower and upper bounds of the density at a rational place; InputError where branches of G meet in it.

        Where G is bounded it is continuous up to the axis: at an end of a band the density is that of the gap, 0.
        """
        here = next((mark for mark in self.landmarks if mark.ball.contains(at)), None)
        if here is not None and here.exact == at and not here.infinite and self._borders(here) < 2:
            return 0.0, 0.0
        try:
            g, r = self.at(at)
        except UnsupportedError:
            if here is None:
                raise
            hint = "give a place beside it"
            raise InputError(
                "x", "a place where the density is finite and no branches of G meet", hint, got=f"{at}"
            ) from None
        if abs(float(g.imag)) <= r and self.is_real(at, g, r):
            return 0.0, 0.0
        with ctx.workprec(BITS):
            value = -float(g.imag) / pi
        room = r / pi + 4e-16 * abs(value)
        return max(value - room, 0.0), value + room

    def _borders(self, mark: Landmark) -> int:
        """Return how many segments end at a landmark."""
        return sum(mark.place in (part.lo, part.hi) for part in self.segments)

    @cached_property
    def rows(self) -> list[fmpz_poly]:
        """Return the integer polynomials in z that stand with G⁰, G¹, …"""
        top, out = max(j for (_, j), *_ in self.terms), []
        common = 1
        for _, _, q in self.terms:
            common *= q // int(fmpz(common).gcd(fmpz(q)))
        for k in range(top + 1):
            row = {i: p * (common // q) for (i, j), p, q in self.terms if j == k}
            out.append(fmpz_poly([row.get(i, 0) for i in range(max(row, default=0) + 1)]))
        return out

    @cached_property
    def landmarks(self) -> list[Landmark]:
        """Return the real roots of discriminant and leading coefficient, ascending."""
        return self._roots[0]

    @cached_property
    def _roots(self) -> tuple[list[Landmark], list[Landmark]]:
        return roots_of({key: fmpq(p, q) for key, p, q in self.terms}, self.rows[-1], len(self.rows) > 2)

    @cached_property
    def reach(self) -> float:
        """Return a bound of |z| over all branch points."""
        lead = [abs(m.place) for m in self.landmarks]
        return max(lead, default=0.0) + 1.0

    @cached_property
    def start(self) -> tuple[float, acb]:
        """Return a height Y, of at least 16 times `reach`, and a ball around zG at z = iY.

        At every z = iy, y ≥ Y, one branch alone has its zG near 1, or, of several, its w = z(zG − 1) near its mean.
        """
        terms = {key: fmpq(p, q) for key, p, q in self.terms}
        least = min(j - i for i, j in terms)
        with ctx.workprec(BITS):
            if self.branch is None:
                at_infinity, center, unit = {(j - i - least, j): c for (i, j), c in terms.items()}, acb(1), 1.0
            else:
                means = [mean.ball for mean in means_of(terms)]
                at_infinity, center = beside_infinity(terms), acb(means[self.branch].mid())
                unit = min(
                    (float(abs(m - center.real).mid()) for k, m in enumerate(means) if k != self.branch), default=1
                )
            for share in _BOXES:
                radius, height = share * unit, 16 * self.reach
                box = center + acb(arb(0, radius), arb(0, radius))
                for _ in range(40):
                    t = acb(0, -arb(0.5 / height, 0.5 / height))
                    value, slope = acb(0), acb(0)
                    for (n, k), c in at_infinity.items():
                        value += acb(c) * t**n * center**k
                        slope += k * acb(c) * t**n * box ** max(k - 1, 0)
                    if not slope.contains(0) and inside(center - value / slope, box):
                        return height, box if self.branch is None else 1 + box / acb(0, height)
                    height *= 4
        raise UnsupportedError("the branch G ~ 1/z of this equation could not be told from the others by balls")

    def real_value(self, at: fmpq) -> arb:
        """Return a ball that holds G at a rational place outside of the support."""
        g, r = self.at(at)
        with ctx.workprec(BITS):
            return arb(g.real.mid(), r)

    @cached_property
    def discs(self) -> Discs:
        """Return what encloses single values of G."""
        return Discs(tuple(self.rows), LEAST / self.reach)

    def at(self, x: fmpq, height: float = 0.0) -> tuple[acb, float]:
        """Return a point and a radius around it that hold G(x + i·height); no landmark at height 0."""
        if height:
            return self._through(x, [*self._heights(height), height])
        try:
            return self._through(x, [0.0])
        except UnsupportedError:  # beside a landmark discs shrink in proportion to the height
            return self._through(x, [*self._heights(self.start[0] * _LOWEST), 0.0], beside=True)

    def _heights(self, least: float) -> list[float]:
        top = self.start[0]
        return [top * 16.0**-k for k in range(1, 40) if least < top * 16.0**-k]

    def _through(self, x: fmpq, heights: list[float], beside: bool = False) -> tuple[acb, float]:
        """Return what holds G at the last of descending heights over x."""
        with ctx.workprec(BITS):
            top, around = self.start
            z, wide = acb(0, top), around / acb(0, top)
            g = self.discs.polished(z, middle(wide))
            r = self.discs.radius(z, g, 0.0, self.discs.least(g))
            if r is None or not inside(acb(arb(g.real, r), arb(g.imag, r)), wide):
                raise UnsupportedError("the branch G ~ 1/z of this equation could not be isolated by balls")
            for y in (top, *heights):
                g, r = self.followed(z, acb(arb(x), y), g, r, beside)
                z = acb(arb(x), y)
            return g, r

    def followed(
        self, first: acb, last: acb, g: acb, r: float, beside: bool = False, discs: Discs | None = None
    ) -> tuple[acb, float]:
        """Return what holds G at `last`, followed straight from `first`, where a point and a radius hold it.

        With `discs` of another equation its root is followed instead.
        """
        discs = discs or self.discs
        done, step, length = 0.0, _FIRST, float(abs(last - first).abs_upper()) * UP
        for _ in range(_MOST_STEPS):
            if done >= 1:
                return g, r
            end = min(1.0, done + step)
            middle, goal = (first + (last - first) * arb(t) for t in ((done + end) / 2, end))
            center = discs.polished(middle, g, beside)
            tube = discs.radius(middle, center, (end - done) / 2 * length * UP, 4 * r)
            if tube is not None and float(abs(center - g).abs_upper()) * UP + r < tube:
                new = discs.polished(goal, center, beside)
                fine = discs.radius(goal, new, 0.0, discs.least(new))
                if fine is not None and float(abs(new - center).abs_upper()) * UP + fine < tube:
                    g, r, done, step = new, fine, end, step * _GROWTH
                    continue
            step /= 2
            if step < _SHORTEST:
                raise UnsupportedError("the sheet could not be followed to the axis by balls; choose other numbers")
        raise UnsupportedError(
            f"the sheet is not followed to the axis in {_MOST_STEPS:,} steps of balls, as where a support reaches a "
            f"million times as far as most of the mass (here up to {self.reach:.3g}); choose other numbers"
        )

    def is_real(self, x: fmpq, g: acb, r: float) -> bool:
        """Return whether the root in this disc is real: exactly one lies in a disc that is its own conjugate."""
        with ctx.workprec(BITS):
            return abs(float(g.imag)) <= r and self.discs.radius(acb(arb(x)), acb(g.real), 0.0, 2 * r) is not None

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Return every interval between landmarks on which Im G(x + i0) < 0, ascending.

        Where a branch point is near the axis, and G thus steep, an interval is divided.
        """
        out = []
        places = sorted([*self.landmarks, *self._roots[1]], key=lambda mark: mark.place)
        for left, right in pairwise(places):
            x = (dyadic(left.ball) + dyadic(right.ball)) / 2
            g, r = self.at(x)
            if abs(float(g.imag)) > r:
                if g.imag > 0:
                    raise not_positive("a negative density")
                out.append(Segment(left, right, complex(g)))
            elif not self.is_real(x, g, r):
                raise UnsupportedError(f"whether the density vanishes at {float(x):.6g} is not decided by balls")
        return tuple(out)

    @property
    def bands(self) -> Pairs:
        """Return the segments, joined where they meet: each end is a root of the discriminant, rounded."""
        out: list[tuple[float, float]] = []
        for part in self.segments:
            joined = bool(out) and out[-1][1] == part.lo
            out = [*out[:-1], (out[-1][0], part.hi)] if joined else [*out, (part.lo, part.hi)]
        return tuple(out)

    @property
    def atoms(self) -> Pairs:
        """Return (place, mass) of every atom: the residues at roots of the leading coefficient."""
        return tuple((place, mass) for place, mass, _ in self.found_atoms)

    @cached_property
    def found_atoms(self) -> tuple[tuple[float, float, tuple[fmpq, fmpq] | None], ...]:
        """Return place, mass and, where both are rational, both exactly."""
        return tuple(
            (mark.place, mass, (mark.exact, exact) if mark.exact is not None and exact is not None else None)
            for mark, mass, exact in self.poles
            if mass > 0
        )

    @cached_property
    def poles(self) -> tuple[tuple[Landmark, float, fmpq | None], ...]:
        """Return every landmark that may be an atom, ascending, its mass, and that exactly where it is known so."""
        return tuple(self._poles())

    def _poles(self) -> Iterator[tuple[Landmark, float, fmpq | None]]:
        for mark in self.landmarks:
            if not mark.infinite:
                continue
            room = min((float(abs(m.ball - mark.ball).mid()) for m in self.landmarks if m is not mark), default=1.0)
            room = min(room, 1.0)
            if mark.exact is None:
                mass = self._mass_near(dyadic(mark.ball), _CLOSE * room)
                yield mark, mass if mass > _NO_MASS else 0.0, None
                continue
            roots = [(value, exact) for value, exact in residues(self.rows, mark.exact) if value >= 0]
            if any(value > 0 for value, _ in roots):
                yield mark, *self._told(mark.exact, room, roots)

    def _told(self, at: fmpq, room: float, can_be: list[tuple[float, fmpq | None]]) -> tuple[float, fmpq | None]:
        """Return which of its possible masses an atom has: of several that far nearer to what lies just above it."""
        if len(can_be) == 1:
            return can_be[0]
        for k in range(1, _DEPTHS):
            found = self._mass_near(at, _TELLS**k * room)
            near, other = sorted(can_be, key=lambda mass: abs(mass[0] - found))[:2]
            if _FAR * abs(near[0] - found) < abs(other[0] - found):
                return near
        raise UnsupportedError(f"which mass the atom at {float(at):.6g} has is not told; choose other numbers")

    def _mass_near(self, x: fmpq, height: float) -> float:
        """Return Re w of w = (z − x) G at height over x.

        Beside a pole of several branches they differ far less than G changes from one height to the next; w is level.
        """
        top = self.start[0]
        g, r = self.at(x, top)
        factor = fmpz_poly([-x.p, x.q])
        rows = [row * x.q**j * factor ** (len(self.rows) - 1 - j) for j, row in enumerate(self.rows)]
        common = reduce(fmpz_poly.gcd, rows)
        discs = Discs(tuple(row // common for row in rows), LEAST)
        with ctx.workprec(BITS):
            w, r = middle(g * acb(0, top)), r * top * UP
            for upper, lower in pairwise((top, *self._heights(height), height)):
                w, r = self.followed(acb(arb(x), upper), acb(arb(x), lower), w, r, discs=discs)
            return float(w.real)


def not_positive(why: str) -> InputError:
    """Return the error of an equation that belongs to no law, by what its branch has."""
    return InputError(f"an equation whose branch G ~ 1/z has {why}", "the equation of a law", "check its signs")


def sheet_of(equation: Equation) -> Sheet:
    """Return the sheet of an equation without symbols; InputError where it has some."""
    if equation.symbols:
        listed = ", ".join(map(str, equation.symbols))
        raise InputError(f"a law with the symbols {listed}", "numbers for all of them", "give law.at(c=0.5)")
    return Sheet(tuple((key, int(c.p), int(c.q)) for key, c in equation.rational.items()), equation.branch)
