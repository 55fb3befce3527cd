"""The real places where branches of an algebraic Stieltjes transform may meet, or it may be infinite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flint import Ordering, arb, ctx, fmpq, fmpq_mpoly_ctx, fmpz_poly

from vgtheory.random_matrices.laws.polynomials.rational import BITS, in_z

_BESIDE = 0.05  # of the width: branch points nearer to the axis divide an interval


class Landmark(NamedTuple):
    """A real z where branches may meet, or G may be infinite: a ball, and the value itself where it is rational."""

    ball: arb
    exact: fmpq | None
    infinite: bool

    @property
    def point(self) -> arb:
        """Return the place as narrowly as it is known."""
        return self.ball if self.exact is None else arb(self.exact)

    @property
    def place(self) -> float:
        """Return the place, rounded."""
        return float(self.ball.mid())

    @property
    def rest(self) -> float:
        """Return what rounding has taken off the place."""
        with ctx.workprec(BITS):
            return float((self.point - self.place).mid())


def roots_of(
    terms: Mapping[tuple[int, int], fmpq], lead: fmpz_poly, branches: bool
) -> tuple[list[Landmark], list[Landmark]]:
    """Return the real roots of discriminant and leading coefficient, ascending; and turns of the density between them.

    The latter are places on the axis next to branch points that lie off it.  `branches`: whether there are several.
    """
    space = fmpq_mpoly_ctx.get(("z", "G"), Ordering.lex)
    poly = space.from_dict(terms)
    factors = {}
    if branches:
        found = poly.discriminant("G")
        for factor, _ in found.factor()[1]:
            if factor.degrees()[0]:
                factors[str(factor)] = in_z(factor)
    out, beside = [], []
    with ctx.workprec(BITS):
        for part in [*factors.values(), *(f for f, _ in lead.factor()[1])]:
            infinite = (lead % part).degree() < 0 if lead.degree() >= part.degree() else False
            exact = fmpq(-int(part[0]), int(part[1])) if part.degree() == 1 else None
            for root, _ in part.complex_roots():
                if root.imag == 0:
                    out.append(Landmark(root.real, exact, infinite))
                elif root.imag > 0:
                    beside.append((float(root.real), float(root.imag)))
    out.sort(key=lambda mark: mark.place)
    out = [mark for k, mark in enumerate(out) if k == 0 or not out[k - 1].ball.overlaps(mark.ball)]
    near = _BESIDE * float((out[-1].ball - out[0].ball).mid()) if out else 0.0
    turns = sorted({x for x, height in beside if height < near})
    return out, [Landmark(arb(x), None, False) for x in turns]
