"""H(x + i0) between two landmarks, each half in the distance to its own end, where powers keep their digits.

Next to an end at which H is infinite or branches meet, rounded coefficients in x would drown what is left of them; in
the distance u to the end those that vanish there are exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, pi, sinh

import numpy as np
from flint import fmpz_poly

from vgtheory.random_matrices.laws.polynomials.discs import root_near
from vgtheory.random_matrices.laws.polynomials.rational import in_doubles
from vgtheory.random_matrices.laws.polynomials.sheet import Landmark, Segment
from vgtheory.random_matrices.laws.scanned import depth, distance, jacobian

_STEP, _FINEST, _ROUNDED = 0.03, 1e-5, 1e-6  # between known places of a segment, and what H may move by at an end
_STEPS = 12  # of Newton's method from between two of them
_FAR, _FARTHER = 3.2, 5.0  # |t| at which an end is as near as rounding, as 1e-101
_PROBES, _FLAT = ((2.6, 2.9), (4.4, 4.9)), 0.05  # |t| at which the power of the density is read off; powers below are 0


@dataclass(frozen=True)
class Boundary:
    """The branch of Σ rows_j(z) Hʲ = 0 on a segment, `value` its value in the middle."""

    segment: Segment
    rows: tuple[fmpz_poly, ...]
    value: complex

    @property
    def lo(self) -> float:
        """Return the lower end, rounded."""
        return self.segment.lo

    @property
    def hi(self) -> float:
        """Return the upper end, rounded."""
        return self.segment.hi

    @cached_property
    def window(self) -> tuple[float, float]:
        """Return the range of t: an end where G may be infinite is approached farther, any other one to rounding."""
        first, last = (_FARTHER if mark.infinite else _FAR for mark in (self.segment.left, self.segment.right))
        return -first, last

    @cached_property
    def _halves(self) -> tuple[list[list[float]], list[list[float]]]:
        """Return the coefficients in x − lo and in x − hi."""
        left, right = self.segment.left, self.segment.right
        return in_doubles(self.rows, left.point), in_doubles(self.rows, right.point)

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """Return t and ln H at places from which Newton's method finds H."""
        found = {0.0: self.value}
        for end, rows in zip(self.window, self._halves, strict=True):
            here, t, sign = self.value, 0.0, 1 if end > 0 else -1
            step = _STEP
            while t != end:
                goal = end if abs(end - t) <= step else t + sign * step
                u = -sign * (self.hi - self.lo) / (1 + exp(pi * sinh(abs(goal))))
                new = root_near(rows, complex(u), here)
                new = new.conjugate() if new.imag > 0 else new
                # No other root is nearer than this; at an end, where the root is double, both are rounded.
                if abs(new - here) > max(0.5 * abs(here.imag), _ROUNDED * abs(here)) and step > _FINEST:
                    step /= 2
                    continue
                here, t, found[goal] = new, goal, new
                step = min(2 * step, _STEP)
        places = np.array(sorted(found))
        values = np.array([found[t] for t in places.tolist()])
        return places, np.log(values.real + 1j * np.minimum(values.imag, -1e-300))

    def at(self, t: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return H at coordinates t, at distances u from the nearer end: the lower one where t < 0."""
        places, logs = self._known
        guess = np.exp(np.interp(t, places, logs.real) + 1j * np.interp(t, places, logs.imag))
        out = np.empty(t.shape, complex)
        for here, signed, rows in zip((t < 0, t >= 0), (u, -u), self._halves, strict=True):
            if here.any():
                out[here] = newton(rows, signed[here] + 0j, guess[here])[0]
        return np.where(out.imag > 0, out.conj(), out)

    def flat(self, t: np.ndarray) -> np.ndarray:
        """Return the density of t: that of x times dx/dt."""
        u = (self.hi - self.lo) * distance(t)
        return -self.at(t, u).imag / pi * jacobian(t, self.lo, self.hi)

    def places(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return whether x lies inside, t, and its distance to the nearer end: from the end itself, not rounded."""
        above = (x - self.lo) - self.segment.left.rest
        below = (self.hi - x) + self.segment.right.rest
        inside = (above > 0) & (below > 0)
        u = np.where(inside, np.minimum(above, below), (self.hi - self.lo) / 2)
        t = depth(u / (self.hi - self.lo)) * np.where(above < below, -1, 1)
        return inside, t, u

    def value_at(self, x: np.ndarray) -> np.ndarray:
        """Return H at places inside."""
        _, t, u = self.places(x)
        return self.at(t, u)

    def density(self, x: np.ndarray) -> np.ndarray:
        """Return the density, 0 outside; at an end its limit, which is inf where H is infinite."""
        inside, t, u = self.places(x)
        out = np.zeros(x.shape)
        out[inside] = -self.at(t[inside], u[inside]).imag / pi
        for k, mark in enumerate((self.segment.left, self.segment.right)):
            here = x == mark.place
            if here.any() and (mark.rest == 0 or not mark.infinite):
                out[here] = self._limit(k, mark)
        return out

    def _limit(self, k: int, mark: Landmark) -> float:
        """Return the limit of the density at an end, by its power of the distance: the lower end is number 0."""
        t = np.array(_PROBES[mark.infinite]) * (2 * k - 1)
        u = (self.hi - self.lo) * distance(t)
        found = -self.at(t, u).imag / pi
        power = float(np.log(found[1] / found[0]) / np.log(u[1] / u[0]))
        if power < -_FLAT and mark.infinite:
            return inf
        return 0.0 if power > _FLAT else float(found[1])


def newton(rows: Sequence[Sequence[float]], z: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
