"""Laws that are known point by point: density and upper tail at x; intervals and quantiles are found from those."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike

from vgtheory.random_matrices.laws.integrals import double_exponential
from vgtheory.random_matrices.laws.law import Array, Pairs, on_line
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.smooth import interpolate

_SCAN, _HALVINGS = 500, 44  # places where the density is looked for; halvings towards an edge
_NOTHING = 1e-6  # density in units of 1/width: at an edge, where it is a square root, 1e-12 of the width
_DEGREE = 256
_NEAR = 0.01  # of the distance to an end of a band, up to which G is near its value on the line


@dataclass(frozen=True)
class ScannedLaw(RealLaw):
    """A law whose density and P(X > x) are computed from an equation at x.

    Gaps above 1/500 of its width are found, and any between two landmarks.
    """

    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Return an interval that holds the support."""

    @abstractmethod
    def tails(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (density, P(X > x), estimated error of the density) at x, inside the bounds."""

    _points = 256
    _deepest = -3.8  # t at which an end at 0 is as near as 1e-30

    def _window(self, lo: float) -> tuple[float, float]:
        """Return the range of t: an end at 0 is approached farther, any other one to rounding."""
        return (self._deepest if lo == 0 else -3.2), 3.2

    def landmarks(self) -> tuple[float, ...]:
        """Return places inside the bounds that may be edges of gaps."""
        return ()

    @cached_property
    def bands(self) -> Pairs:
        """Return the intervals of the continuous part, ascending."""
        lo, hi = self.bounds()
        if hi <= lo:
            return ()
        t = (np.arange(_SCAN) + 0.5) * np.pi / _SCAN
        marks = np.sort([lo, *self.landmarks(), hi])
        x = np.unique(np.append((lo + hi) / 2 - (hi - lo) / 2 * np.cos(t), (marks[1:] + marks[:-1]) / 2))
        x = x[(x > lo) & (x < hi)]
        inside = self._present(x)
        change = np.flatnonzero(np.diff(inside.astype(int)))
        empty, full = x[change + inside[change]], x[change + ~inside[change]]
        for _ in range(_HALVINGS):
            middle = (empty + full) / 2
            there = self._present(middle) if len(middle) else np.zeros(0, bool)
            full, empty = np.where(there, middle, full), np.where(there, empty, middle)
        ends = [*([lo] if inside[0] else []), *np.sort(full), *([hi] if inside[-1] else [])]
        return tuple((float(a), float(b)) for a, b in zip(ends[::2], ends[1::2], strict=True))

    def _present(self, x: np.ndarray) -> np.ndarray:
        lo, hi = self.bounds()
        return self.tails(x)[0] * (hi - lo) > _NOTHING

    def _at(self, x: np.ndarray, column: int, below: float, above: float) -> Array:
        lo, hi = self.support()
        flat = np.atleast_1d(np.where((x > lo) & (x < hi), x, (lo + hi) / 2)).ravel()
        value = self.tails(flat)[column].reshape(x.shape)
        return np.where(x >= hi, above, np.where(x <= lo, below, value))

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density of the continuous part."""
        return self._at(x, 0, 0.0, 0.0)

    def error(self, x: ArrayLike) -> Array:
        """Return an estimate of the error of `pdf` from the equation's residual.

        Where G of a law in it has no closed form, its quadrature adds about 1e-13 (400 points).
        """
        return on_line("x", x, lambda at: self._at(at, 2, 0.0, 0.0), 0.0, 0.0)

    def _sf(self, x: np.ndarray) -> Array:
        """Return P(X > x), in closed form from the log potentials."""
        lo = self.support()[0]
        at_low = 1.0 - sum(mass for place, mass in self.atoms if place <= lo)
        value = np.where(x < lo, 1.0, self._at(x, 1, at_low, 0.0))
        for place, _ in self.atoms:  # at an atom the boundary value lies in the middle of the jump
            here = (x == place) & (x > lo)
            if here.any():
                step = 1e-9 * max(1.0, abs(place))
                value = np.where(here, self._at(np.array(place + step), 1, at_low, 0.0), value)
        return np.clip(value, 0.0, 1.0)[()]

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x)."""
        return 1.0 - self.sf(x)

    @cached_property
    def _inverse(self) -> tuple[tuple[float, float, Chebyshev], ...]:
        """Return for each interval its ends and P(X ≤ x) in a coordinate that flattens powers at the ends."""
        out = []
        for lo, hi in self.bands:

            def below(t: np.ndarray, lo: float = lo, hi: float = hi) -> np.ndarray:
                return 1 - self.tails(np.clip(place_at(t, lo, hi), np.nextafter(lo, hi), np.nextafter(hi, lo)))[1]

            out.append((lo, hi, interpolate(below, *self._window(lo), most=_DEGREE)))
        return tuple(out)

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile, from an interpolant of degree 256 for each interval; NaN outside 0 ≤ q ≤ 1."""
        out = np.full(q.shape, self.support()[0])
        for lo, hi, below in self._inverse:
            first, last = (float(end) for end in below.domain)
            t = np.linspace(first, last, 4097)
            table = np.maximum.accumulate(below(t))
            place = np.clip(np.searchsorted(table, q), 1, len(t) - 1)
            left, right = t[place - 1], t[place]
            for _ in range(42):
                middle = (left + right) / 2
                enough = below(middle) >= q
                left, right = np.where(enough, left, middle), np.where(enough, middle, right)
            out = np.where(q > table[0], np.where(q > table[-1], hi, place_at(right, lo, hi)), out)
        for at, mass in self.atoms:
            top = float(self.cdf(at))
            out = np.where((q <= top) & (q > top - mass), at, out)
        out = np.where(q == 1, self.support()[1], np.where(q == 0, self.support()[0], out))
        return out

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return E ln(z − X): beside a band, whose rule would see its own points, by rules that end at Re z."""
        out = np.asarray(RealLaw._log_potential(self, z), dtype=complex)
        for k in np.argwhere(np.any([beside(z, lo, hi) for lo, hi in self._pieces], axis=0)):
            at = z[tuple(k)]
            total = sum((mass * np.log(at - place) for place, mass in self.atoms), start=0j)
            for lo, hi in self._pieces:
                ends = (lo, at.real, hi) if lo < at.real < hi else (lo, hi)
                for a, b in pairwise(ends):
                    x, weights = double_exponential(self.pdf, a, b, self._points)
                    total += np.log(at - x) @ weights
            out[tuple(k)] = total
        return out


def beside(z: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Return where z lies over a segment, far nearer to it than to its ends: there G is near its boundary value."""
    room = np.minimum(z.real - lo, hi - z.real)
    return (room > 0) & (z.imag >= 0) & (z.imag <= _NEAR * room)


def distance(t: np.ndarray) -> np.ndarray:
    """Return the distance to the nearer end at t, in units of the width: it falls off doubly exponentially."""
    return 1 / (1 + np.exp(np.pi * np.abs(np.sinh(t))))


def place_at(t: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Return x at t."""
    return np.where(t < 0, lo + (hi - lo) * distance(t), hi - (hi - lo) * distance(t))


def jacobian(t: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Return dx/dt."""
    far = distance(t)
    return (hi - lo) * np.pi * np.cosh(t) * far * (1 - far)


def coordinate(x: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Return t at lo < x < hi."""
    return depth(np.minimum(x - lo, hi - x) / (hi - lo)) * np.where(x - lo < hi - x, -1, 1)


def depth(share: np.ndarray) -> np.ndarray:
    """Return |t| at a distance to the nearer end, in units of the width."""
    return np.arcsinh(np.log(1 / np.maximum(share, 1e-300) - 1) / np.pi)
