"""Certified search on a bounded interval: which places can hold the largest value of a smooth function?

Unit boxes; a box is dropped where f is monotone (f′ excludes 0: the maximum is then at a box edge, which a neighbour or
an end of the interval owns) or where f lies below a value that is attained elsewhere.  The interval Newton operator
isolates the remaining critical points.  Hansen & Walster (2003), chapters 9 and 12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from flint import arb, ctx

from vgtheory.symbolic.ball import hull

Jets = Callable[[arb, int], list[arb]]  # (box, order) -> enclosures of f, f', ..., f^(order) on the box

SEARCH_BITS = 128
FINEST = arb(2) ** -30  # a box this small whose critical points cannot be told apart is kept as a cluster
MAX_BOXES = 20_000
STALLED = arb(2) ** -5 * 31  # a Newton step that leaves more than this of a box gains nothing any more


class SearchFailed(Exception):
    """The boxes did not come to an end within the allowed number."""


@dataclass(frozen=True)
class CriticalBox:
    """A box with exactly one critical point (`isolated`), or a small one whose critical points are not separated."""

    box: arb
    isolated: bool


def critical_boxes(jets: Jets, lo: arb, hi: arb, floor: arb) -> tuple[list[CriticalBox], arb]:
    """Return the boxes of [lo, hi] that may hold a maximum above its ends, and a value that f certainly reaches.

    Parameters
    ----------
    floor : a value that the supremum certainly reaches (the ends' values, for instance).

    Raises
    ------
    SearchFailed : more than MAX_BOXES boxes.
    """
    work, found, count = unit_boxes(lo, hi), [], 0
    while work:
        a, b = work.pop()
        count += 1
        if count > MAX_BOXES:
            raise SearchFailed
        box = hull(a, b)
        middle = arb(box.mid())
        value = jets(middle, 0)[0].lower()
        if value > floor:
            floor = value
        verdict = _examine(jets, box, middle, floor)
        if isinstance(verdict, CriticalBox):
            found.append(verdict)
        elif verdict is None:
            cut = arb((a + (b - a) * arb("0.4873")).mid())  # off centre: symmetric functions have their zeros there
            work += [(a, cut), (cut, b)]
    return [c for c in found if not jets(c.box, 0)[0].upper() < floor], floor


def unit_boxes(lo: arb, hi: arb) -> list[tuple[arb, arb]]:
    """Return about unit boxes whose cuts avoid the integers, where critical points like to be."""
    count = max(1, int(float((hi - lo).mid()) + 0.5))
    inner = [arb((lo + (hi - lo) * (arb(k) + arb("0.0137")) / count).mid()) for k in range(1, count)]
    ends = [lo, *inner, hi]
    return list(pairwise(ends))


def _examine(jets: Jets, box: arb, middle: arb, floor: arb) -> CriticalBox | bool | None:
    """Return the box as a finding, False where it holds no maximum, None where it must be split."""
    f, slope, curvature = jets(box, 2)
    if not slope.contains(0) or f.upper() < floor:
        return False
    at_middle = jets(middle, 1)
    step = box - middle
    taylor = at_middle[0] + at_middle[1] * step + curvature * step * step / 2
    if taylor.is_finite() and taylor.upper() < floor:
        return False
    if not curvature.contains(0):
        newton = middle - at_middle[1] / curvature
        if not newton.overlaps(box):
            return False
        if box.contains_interior(newton):
            return CriticalBox(newton, True)
    return CriticalBox(box, False) if box.rad() < FINEST else None


def refined(jets: Jets, critical: CriticalBox) -> tuple[arb, arb]:
    """Return (point, value): enclosures at the present precision of the isolated critical point and of f there."""
    box = critical.box
    enough = arb(2) ** -ctx.prec  # around the point 0 a ball could shrink without end
    while critical.isolated and box.rad() > enough:
        middle = arb(box.mid())
        newton = middle - jets(middle, 1)[1] / jets(box, 2)[2]
        if not newton.is_finite() or not newton.overlaps(box):
            break
        newton = newton.intersection(box)
        done = newton.rad() >= box.rad() * STALLED
        box = newton
        if done:
            break
    middle, step = arb(box.mid()), box - arb(box.mid())
    value, slope = jets(middle, 1)
    return box, value + slope * step + jets(box, 2)[2] * step * step / 2
