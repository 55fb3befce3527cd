"""Balls that hold the distribution function of an algebraic law: Prob(X > x) is Im U(x + i0)/π, U' = G.

U(z) = E ln(z − X) is ln z + V(1/z) beyond all branch points, and from there G is integrated along a way to x + i0 by
Gauss–Legendre rules.  Where |G| ≤ M on a disc of radius R around a panel of half length κR, a rule of n nodes is off
by at most 2 M κ^{2n}/(1 − κ) per length, since it is exact for the first 2n terms of the power series.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import chain

from flint import acb, arb, ctx, fmpq

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.polynomials.rational import BITS, rational
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet

_NODES = 28
_HALVINGS = 80  # of the way between a place and its highest panel: beyond, it is beside a landmark
_WIDENINGS, _NARROWEST, _WIDER, _LEAST = 14, 4e-16, 16.0, 1e-3  # of bounds around a quantile
_OUTWARD = 4e-16  # rounding of a bound to a double


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
    error = 4 * float(abs(half).abs_upper()) * bound * kappa ** (2 * _NODES) / (1 - kappa)
    return half * total + acb(arb(0, error), arb(0, error))


@lru_cache(maxsize=1)
def _rule() -> tuple[tuple[arb, arb], ...]:
    """Return nodes from −1 to 1, ascending, and weights."""
    with ctx.workprec(BITS):
        found = [arb.legendre_p_root(_NODES, k, weight=True) for k in range(_NODES)]
        return tuple(sorted(found, key=lambda pair: float(pair[0])))


def mass_above(sheet: Sheet, x: fmpq) -> tuple[float, float]:
    """Return bounds of Prob(X > x) at a rational place.

    Raises InputError at a landmark between the ends of the law, UnsupportedError within some 1e-24 of one.
    """
    ends = [*chain(*sheet.bands), *(place for place, _ in sheet.atoms)]
    marks = [mark for mark in sheet.landmarks if mark.place in ends]
    if all(arb(x) >= mark.point for mark in marks):
        return 0.0, 0.0
    if all(arb(x) < mark.point for mark in marks):
        return 1.0, 1.0
    if any(mark.exact == x for mark in sheet.landmarks):
        hint = "give a place beside it"
        raise InputError("x", "a place where no branches of G meet, and no atom", hint, got=f"{float(x):.17g}")
    with ctx.workprec(BITS):
        way, reach, height = _Way(sheet), sheet.reach, sheet.start[0]
        start, end = way.z, acb(arb(x), height)
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
                return max(float(angle.lower()) - _OUTWARD, 0.0), min(float(angle.upper()) + _OUTWARD, 1.0)
            way.to(end)
            potential += way.integral(low, 8 / height, 0.4)
            height, end = height / 2, low
    raise UnsupportedError(f"branches of G meet too near {float(x):.6g} to enclose Prob(X > x); give a place beside it")


def quantile(above: Callable[[fmpq], tuple[float, float]], near: float, q: float) -> tuple[float, float]:
    """Return bounds of the least x with Prob(X ≤ x) ≥ q, 0 < q < 1, around a number that is next to it.

    `above` returns bounds of Prob(X > x).  Raises UnsupportedError where none are found next to that number.
    """
    ends = []
    for sign in (-1, 1):
        for k in range(_WIDENINGS):
            x = near + sign * max(abs(near), _LEAST) * _NARROWEST * _WIDER**k
            try:
                least, most = above(rational(x))
            except (InputError, UnsupportedError):
                continue  # a landmark
            if (1 - least + _OUTWARD < q) if sign < 0 else (1 - most - _OUTWARD >= q):
                ends.append(x)
                break
        else:
            raise UnsupportedError(f"the quantile of {q!r} is not next to {near:.17g}; give another probability")
    return ends[0], ends[1]


def _held(way: _Way, center: acb, radius: float) -> float | None:
    """Return a bound of |G|, continued through the axis, on a disc around a place; None where it holds no bound."""
    way.to(center)
    found = way.sheet.discs.radius(center, way.g, radius, way.r)
    return None if found is None else float(abs(way.g).abs_upper()) + found
