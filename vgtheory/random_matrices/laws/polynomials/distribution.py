"""Balls that hold the distribution function of an algebraic law: Prob(X > x) is Im U(x + i0)/π, U' = G.

U(z) = E ln(z − X) is ln z + V(1/z) beyond all branch points, and from there G is integrated along a way to x + i0 by
Gauss–Legendre rules.  Where |G| ≤ M on a disc of radius R around a panel of half length κR, a rule of n nodes is off
by at most 2 M κ^{2n}/(1 − κ) per length, since it is exact for the first 2n terms of the power series.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from math import inf, nextafter

from flint import acb, arb, ctx, fmpq

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.polynomials.discs import UP
from vgtheory.random_matrices.laws.polynomials.landmarks import Landmark
from vgtheory.random_matrices.laws.polynomials.rational import BITS, dyadic, rational
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet

_NODES = 28
_HALVINGS = 80  # of the way between a place and its highest panel: beyond, it is beside a landmark
_WIDENINGS, _NARROWEST, _WIDER, _LEAST = 14, 4e-16, 16.0, 1e-3  # of bounds around a quantile


class _Way:
    """Integrals of G along a way in the upper half plane, from where the sheet is known."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.z = sheet, acb(0, sheet.start[0])
        self.g, self.r = sheet.at(fmpq(0), sheet.start[0])

    def to(self, z: acb) -> acb:
        """Go straight to z; return a ball that holds G there."""
        self.g, self.r = self.sheet.followed(self.z, z, self.g, self.r)
        self.z = z
        return acb(arb(self.g.real.mid(), self.r), arb(self.g.imag.mid(), self.r))

    def integral(self, last: acb, bound: float, kappa: float) -> acb:
        """Return ∫ G from here to `last`, |G| ≤ `bound` on the disc around the middle of half their distance over κ."""
        return _integral(self.z, last, bound, kappa, self.to)


def _integral(first: acb, last: acb, bound: float, kappa: float, f: Callable[[acb], acb]) -> acb:
    half, center, total = (last - first) / 2, (last + first) / 2, acb(0)
    for node, weight in _rule():
        total += weight * f(center + half * node)
    error = 4 * float(abs(half).abs_upper()) * bound * kappa ** (2 * _NODES) / (1 - kappa) * UP
    return half * total + acb(arb(0, error), arb(0, error))


@lru_cache(maxsize=1)
def _rule() -> tuple[tuple[arb, arb], ...]:
    """Return nodes from −1 to 1, ascending, and weights."""
    with ctx.workprec(BITS):
        found = [arb.legendre_p_root(_NODES, k, weight=True) for k in range(_NODES)]
        return tuple(sorted(found, key=lambda pair: float(pair[0])))


def mass_below(sheet: Sheet, x: fmpq, closed: bool = True) -> tuple[fmpq, fmpq]:
    """Return bounds of Prob(X ≤ x) at a rational place, of Prob(X < x) unless `closed`.

    They are one number where all mass to one side is that of atoms known exactly, as where there is none.

    Raises InputError at a landmark beside which there is no gap, UnsupportedError within some 1e-24 of one.
    """
    left = [m for mark, _, m in sheet.poles if _side(mark, x) < 0 or (closed and mark.exact == x)]
    right = [m for mark, _, m in sheet.poles if _side(mark, x) > 0 or (not closed and mark.exact == x)]
    bands = sheet.segments
    if not (bands and _side(bands[0].left, x) < 0) and (below := _total(left)) is not None:
        return below, below
    if not (bands and _side(bands[-1].right, x) > 0) and (above := _total(right)) is not None:
        return 1 - above, 1 - above
    here = next((mark for mark in sheet.landmarks if mark.exact == x), None)
    if here is None:
        least, most = _mass_above(sheet, x)
        return 1 - most, 1 - least
    atom = _total([m for mark, _, m in sheet.poles if mark is here])
    for lower, upper in pairwise(sheet.landmarks):
        banded = any(lower.place <= part.lo and part.hi <= upper.place for part in sheet.segments)
        if here not in (lower, upper) or banded:
            continue
        jump = fmpq(0) if (here is upper) != closed else atom  # the atom counts on the other side of the gap
        if jump is not None:
            least, most = mass_below(sheet, (dyadic(lower.ball) + dyadic(upper.ball)) / 2)
            jump = jump if closed else -jump
            return max(least + jump, fmpq(0)), min(most + jump, fmpq(1))
    hint = "give a place beside it"
    raise InputError("x", "a place beside a gap, or where no branches of G meet", hint, got=f"{float(x):.17g}")


def outward(least: fmpq, most: fmpq) -> tuple[float, float]:
    """Return the nearest doubles around an interval."""
    low, high = (int(bound.p) / int(bound.q) for bound in (least, most))  # rounded to nearest
    return (
        low if rational(low) <= least else nextafter(low, -inf),
        high if rational(high) >= most else nextafter(high, inf),
    )


def _side(mark: Landmark, x: fmpq) -> int:
    """Return whether a landmark lies below (−1), at (0) or above (1) a place."""
    if mark.exact is not None:
        return int(mark.exact > x) - int(mark.exact < x)
    with ctx.workprec(BITS):
        at = arb(x)
        if mark.ball.overlaps(at):
            raise _too_near(x)
        return 1 if mark.ball > at else -1


def _total(masses: list[fmpq | None]) -> fmpq | None:
    """Return a sum; None where a term is not known exactly."""
    known = [mass for mass in masses if mass is not None]
    return sum(known, start=fmpq(0)) if len(known) == len(masses) else None


def _too_near(x: fmpq) -> UnsupportedError:
    return UnsupportedError(
        f"branches of G meet too near {float(x):.6g} to enclose a probability; give a place beside it"
    )


def _mass_above(sheet: Sheet, x: fmpq) -> tuple[fmpq, fmpq]:
    """Return bounds of Prob(X > x) at no landmark, by integration; UnsupportedError within some 1e-24 of one."""
    with ctx.workprec(BITS):
        way, reach, height = _Way(sheet), sheet.reach, sheet.start[0]
        start, end = way.z, acb(arb(x), height)
        if any(float(abs(mark.point - arb(x)).abs_lower()) < height * 2.0**-_HALVINGS for mark in sheet.landmarks):
            raise _too_near(x)
        # From infinity, w = 1/z: V'(w) = −z(zG − 1), and |V'| ≤ R/(1 − R|w|) because moments are at most those of R.
        far = _integral(1 / start, acb(0), 2 * reach, 0.2, lambda w: -(way.to(1 / w) / w - 1) / w)
        way.to(start)
        potential = start.log() - far + way.integral(end, 2 / height, 0.1)  # |G| ≤ 1/Im z
        for _ in range(_HALVINGS):
            way.to(end)
            low = acb(arb(x), height / 2)
            held = _held(way, low, height)
            if held is not None:
                way.to(end)
                angle = (potential + way.integral(acb(arb(x)), held, 0.5)).imag / arb.pi()
                least, most = dyadic(angle.lower()), dyadic(angle.upper())
                return max(least, fmpq(0)), min(most, fmpq(1))
            way.to(end)
            potential += way.integral(low, 8 / height, 0.4)
            height, end = height / 2, low
    raise _too_near(x)


def quantile(
    below: Callable[[fmpq, bool], tuple[fmpq, fmpq]], near: float, q: float, atoms: list[float]
) -> tuple[float, float]:
    """Return bounds of the least x with Prob(X ≤ x) ≥ q, 0 < q < 1, around a number that is next to it.

    `below` returns bounds of Prob(X ≤ x), of Prob(X < x) if given False; `atoms`: places, one of which it may be.
    Raises UnsupportedError where none are found next to that number.
    """
    wanted, unit = rational(q), max(abs(near), _LEAST) * _NARROWEST

    def bounds(x: float, closed: bool = True) -> tuple[fmpq, fmpq]:
        try:
            return below(rational(x), closed)
        except (InputError, UnsupportedError):  # a landmark
            return fmpq(0), fmpq(1)

    for place in atoms:
        if bounds(place)[0] >= wanted > bounds(place, False)[1]:
            return place, place
    ends = []
    for sign in (-1, 1):
        for k in range(_WIDENINGS):
            x = near + sign * unit * _WIDER**k
            least, most = bounds(x)
            if most < wanted if sign < 0 else least >= wanted:
                ends.append(x)
                break
        else:
            raise UnsupportedError(
                f"the quantile of {q!r} is not decided next to {near:.17g}; give another probability"
            )
    return ends[0], ends[1]


def _held(way: _Way, center: acb, radius: float) -> float | None:
    """Return a bound of |G|, continued through the axis, on a disc around a place; None where it holds no bound."""
    way.to(center)
    found = way.sheet.discs.radius(center, way.g, radius, way.r)
    return None if found is None else (float(abs(way.g).abs_upper()) + found) * UP
