"""The intervals of the support of a product's spectrum, followed point by point, and the law inside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.kernels import spectral_path, spectral_points
from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.spectral_sums import System, log_z, sums_of

_MOST_POINTS = 1500
_STARTS = (1e-2, 3e-3, 1e-3, 3e-2, 1e-4, 1e-5)  # first step off an edge, in units of |v|
_HARD = 1e-4  # |v| at the last point before an end of infinite density
# A law of d² with less than _THIN of its mass within _SHELL (in ln d²) of its top has a tail there, not an end; the
# path of x begins where _ABOVE of that mass lies above, this far off the axis.
_THIN, _SHELL, _ABOVE, _LIFT = 1e-12, 0.1, (1e-11, 1e-10, 1e-9, 1e-8), 1e-8
_CLOSE = 1e-3  # edges closer to the top of such a law are made by its last nodes
_BISECTIONS = 60
_OFF, _CLEAR = 1e-4, 0.05  # |v| next to an atom that just vanishes, and well away from an end of infinite density


class Band(NamedTuple):
    """Points of one interval of the support, ln x increasing, and its ends (a bottom of NaN: not reached).

    At an end m is finite and the density a square root, or m is infinite (v = 0) and the density its inverse.
    """

    rows: Array
    vs: NDArray[np.complex128]
    states: NDArray[np.complex128]
    bottom: float
    top: float


@dataclass(frozen=True)
class Path:
    """The path of points of a product, whose equations are `system`, down to ln Prob(X < x) = `lowest`."""

    system: System
    lowest: float

    def first(self, v_edge: float, ys_edge: Array) -> Band:
        """Return the highest band, from its top edge or through the tail of the law that is met before one."""
        thin = [k for k in range(len(ys_edge)) if self._thins_out(k)]
        if met := [k for k in thin if ys_edge[k] - self.system.laws.tops[k] < _CLOSE]:
            return self._through_tail(met)
        for share in _STARTS:
            v, ys, fine = spectral_path.start(
                v_edge, ys_edge.astype(np.complex128), share * min(abs(v_edge), 1.0), self.system
            )
            if fine:
                break
        else:
            if thin:
                return self._through_tail(thin)
            raise UnsupportedError("no points were found below the top edge of this spectrum; use vg.sample(network)")
        return self._band(v, ys, float(self.value(complex(v_edge), ys_edge.astype(np.complex128)).real))

    def from_atom(self, masses: Array, place: float) -> Band:
        """Return the highest band where an atom at its top just vanishes: m is infinite there, v is 0.

        The path leaves v = 0 upwards, with M_D(ζ) = mass/(ζ/d² − 1) at the atom of d² on top of each law.
        """
        laws, factors = self.system.laws, self.system.factors
        v = 1j * _OFF
        ys = laws.tops + masses * v / (factors.ratios * self.system.rest.p)
        v, ys, fine = spectral_path.settle(v, ys, self.system)
        if not fine:
            raise UnsupportedError("no points were found below the vanishing atom; use vg.sample(network)")
        return self._band(v, ys, place)

    def _own(self, k: int) -> slice:
        return slice(*self.system.laws.offsets[k : k + 2])

    def _thins_out(self, k: int) -> bool:
        laws = self.system.laws
        shell = laws.nodes[self._own(k)] > laws.tops[k] - _SHELL
        return bool(laws.weights[self._own(k)][shell].sum() < _THIN)

    def _through_tail(self, met: Sequence[int]) -> Band:
        """Return the highest band where it has no edge: x follows the uppermost d² of a law that thins out."""
        laws, ratios = self.system.laws, self.system.factors.ratios
        for share in _ABOVE:
            starts = [sums_of(complex(self._quantile(k, share), _LIFT), k, laws)[0] / ratios[k] for k in met]
            m = min(starts, key=lambda value: value.real)
            ys = np.array([complex(self._above(k, m.real * ratios[k]), _LIFT) for k in range(len(laws.tops))])
            v, ys, fine = spectral_path.settle(complex(np.log((m + self.system.rest.p) / m)), ys, self.system)
            if fine:
                rows = self._traced(v, ys, -1.0)[0]
                return self._band(v, ys, float(rows[0, 0] + 1.5 * rows[0, 2] / rows[0, 1]))
        raise UnsupportedError("no points were found in the upper tail of this spectrum; use vg.sample(network)")

    def _quantile(self, k: int, share: float) -> float:
        """Return ln d² above which about this share of law k lies, between nodes: on one the sums would cancel."""
        nodes, weights = self.system.laws.nodes[self._own(k)], self.system.laws.weights[self._own(k)]
        i = np.searchsorted(-np.cumsum(weights[::-1])[::-1], -share)
        return float(nodes[i - 1 : i + 1].mean())

    def _above(self, k: int, moment: float) -> float:
        """Return the largest ln ζ at which Re M_D of law k is `moment`, its tail included."""
        laws = self.system.laws
        low, high = float(laws.nodes[self._own(k)] @ laws.weights[self._own(k)]), float(laws.tops[k]) + 60.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            large = sums_of(complex(middle, _LIFT), k, laws)[0].real > moment
            low, high = (middle, high) if large else (low, middle)
        return (low + high) / 2

    def below(self, band: Band) -> Band:
        """Return the band below a gap: around the real axis, where ln z has a small imaginary part, and back to it."""
        i = int(np.argmax(np.abs(band.vs) > _CLEAR)) if _is_hard(band.vs[0]) else 0
        v, ys = band.vs[i], band.states[i]
        here = complex(band.rows[i, 0])
        width = max(band.top - band.bottom, 1e-6)
        for lift in (0.3, 0.1, 1.0, 0.03):
            above = here + 1j * lift * width
            first, state, fine = spectral_path.cross(here, above, v, ys, self.system)
            for far in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0):
                if not fine:
                    break
                goal = complex(band.bottom - far * width, above.imag)
                over, other, arrived = spectral_path.cross(above, goal, first, state, self.system)
                if not arrived:
                    continue
                down, inner, landed = spectral_path.cross(goal, complex(goal.real), over, other, self.system)
                if landed and 1e-6 < down.imag < np.pi - 1e-6 and goal.real < band.bottom:
                    _, _, _, top, end = self._traced(down, inner, 1.0)
                    if end == 1 and top < band.bottom + 1e-9:
                        return self._whole(down, inner, top)
        raise UnsupportedError("the interval of this spectrum below a gap was not found; use vg.sample(network)")

    def at_value(self, band: Band, log_x: Array, floor: float, above: float) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) inside a band, Prob(X > x) below and above which is given."""
        rows = band.rows
        found = spectral_points.invert(log_x, spectral_path.LOG_X, rows, band.vs, band.states, self.system)
        _finite(found)
        density, survival = found[:, 1], found[:, 2]
        low, high = log_x < rows[0, 0], log_x > rows[-1, 0]
        # Between the end points and the edges the density is a square root.
        share = np.sqrt(np.clip((log_x[low] - band.bottom) / (rows[0, 0] - band.bottom), 0.0, 1.0))
        turn, power = (-1, 1) if _is_hard(band.vs[0]) else (1, 3)
        density[low], survival[low] = rows[0, 1] * share**turn, floor - (floor - rows[0, 2]) * share**power
        share = np.sqrt(np.clip((band.top - log_x[high]) / (band.top - rows[-1, 0]), 0.0, 1.0))
        turn, power = (-1, 1) if _is_hard(band.vs[-1]) else (1, 3)
        density[high], survival[high] = rows[-1, 1] * share**turn, above + (rows[-1, 2] - above) * share**power
        return density, survival

    def at_probability(self, band: Band, survival: Array, floor: float, above: float) -> Array:
        """Return ln x at Prob(X > x) inside a band, that below and above which is given."""
        rows = band.rows
        found = spectral_points.invert(survival, spectral_path.SURVIVAL, rows, band.vs, band.states, self.system)
        _finite(found)
        x = found[:, 0]
        high, low = survival < rows[-1, 2], survival > rows[0, 2]
        share = np.clip((survival[high] - above) / (rows[-1, 2] - above), 0.0, 1.0)
        x[high] = band.top - (band.top - rows[-1, 0]) * share ** (2 if _is_hard(band.vs[-1]) else 2 / 3)
        share = np.clip((floor - survival[low]) / max(floor - rows[0, 2], 1e-300), 0.0, 1.0)
        x[low] = band.bottom + (rows[0, 0] - band.bottom) * share ** (2 if _is_hard(band.vs[0]) else 2 / 3)
        return np.asarray(x)

    def value(self, v: complex, ys: NDArray[np.complex128]) -> complex:
        """Return ln z."""
        blank = np.zeros(len(ys), np.complex128)
        return complex(log_z(v, ys, self.system, blank, blank.copy())[0])

    def _end(self, v: complex, ys: NDArray[np.complex128], rate: complex, before: complex, last: complex) -> float:
        """Return ln x at the edge next to the last point: d ln z/dv is linear in v and vanishes there."""
        change = (v - before) / (rate - last)
        return float((self.value(v, ys) - 0.5 * rate * rate * change).real)

    def _traced(self, v: complex, ys: NDArray[np.complex128], sign: float) -> tuple:
        rows, vs, states, rates, count, end = spectral_path.trace(v, ys, sign, self.lowest, _MOST_POINTS, self.system)
        edge = np.nan
        if end == 1 and count > 2:
            edge = self._end(vs[count - 1], states[count - 1], rates[count - 1], vs[count - 2], rates[count - 2])
        return rows[:count], vs[:count], states[:count], edge, end

    def _band(self, v: complex, ys: NDArray[np.complex128], top: float) -> Band:
        rows, vs, states, bottom, _ = self._traced(v, ys, -1.0)
        rows, vs, states = rows[::-1], vs[::-1], states[::-1]
        wrong = np.flatnonzero((np.diff(rows[:, 0]) <= 0) | (np.diff(rows[:, 2]) > 1e-12) | ~(rows[:-1, 1] > 0))
        if len(wrong):
            rows, vs, states, bottom = rows[wrong[-1] + 1 :], vs[wrong[-1] + 1 :], states[wrong[-1] + 1 :], np.nan
        if len(rows) < 10:
            raise UnsupportedError("too few points of this spectrum were found; use vg.sample(network)")
        return _band_of((rows, vs, states), bottom, top)

    def _whole(self, v: complex, ys: NDArray[np.complex128], top: float) -> Band:
        up = self._traced(v, ys, 1.0)
        low = self._band(v, ys, top)
        joined = [np.concatenate([a, b[1:]]) for a, b in zip(low[:3], up[:3], strict=True)]
        return _band_of(joined, low.bottom, top)


def _band_of(arrays: Sequence[NDArray[Any]], bottom: float, top: float) -> Band:
    rows, vs, states = (np.ascontiguousarray(a) for a in arrays)
    return Band(rows, vs, states, bottom, top)


def _is_hard(v: complex) -> bool:
    return bool(abs(v) < _HARD)


def _finite(found: Array) -> None:
    if np.isnan(found).any():
        raise UnsupportedError("a point of this spectrum could not be solved for; use vg.sample(network)")
