"""The intervals of the support of a product's spectrum, followed point by point, and the law inside each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.spectral_path import LOG_X, SURVIVAL
from vgtheory.kernels.spectral_sums import System
from vgtheory.kernels.spectral_walk import Points, State, Walk

_MOST_POINTS = 1500
_HARD = 1e-4  # |v| at the last point before an end of infinite density
_LINE = 2.8  # arg z of the line from far above the spectrum to the places where it is entered
_SHARES = (0.5, 0.25, 0.75, 0.05, 0.95)  # of a probability, where its points are looked for first
_HALVINGS = 40  # and then between gaps
_AXIS = 1e-6  # Im v this close to 0 or π: in a gap
_ROUNDING = 1e-11  # of Prob(X > x)
MISSED = 1e-3  # more probability than this beyond the last point: the path stopped where it should not


Arrays = tuple[Array, NDArray[np.complex128], NDArray[np.complex128]]


class Piece(NamedTuple):
    """Where points are missing: between ln x = `low` and `high`, with Prob(X > x) from `above` at high to `below`."""

    above: float
    below: float
    low: float
    high: float


class Band(NamedTuple):
    """Points of one interval of the support, ln x increasing, and its ends.

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

    def band(self, piece: Piece) -> Band | None:
        """Return an interval of the support that holds some of a piece's probability; None if none is found.

        Off the real axis m is analytic and no point is lost: from far above the spectrum along a line to above
        places where it may be, and down to each; between bands Prob(X > x) tells on which side it is.
        """
        low, high, middle = piece.low, piece.high, (piece.above + piece.below) / 2
        state = self._far
        for state in self._above(piece):
            found = self._entered(state, piece)
            if isinstance(found, Band):
                return found
            low, high = (max(low, state.here.real), high) if found > middle else (low, min(high, state.here.real))
        for _ in range(_HALVINGS if high - low < np.inf else 0):
            there = complex((low + high) / 2, state.here.imag)
            state, fine = self._walk.cross(there, state)
            if not fine:
                return None
            found = self._entered(state, piece)
            if isinstance(found, Band):
                return found
            low, high = (there.real, high) if found > middle else (low, there.real)
        return None

    @cached_property
    def _far(self) -> State:
        return self._walk.far(_LINE)

    @cached_property
    def _walk(self) -> Walk:
        return Walk(self.system)

    def _above(self, piece: Piece) -> Iterator[State]:
        """Return points of the line above a piece: where what is seen from there has quantiles."""
        state = self._far
        for share in _SHARES:
            survival = piece.above + share * (piece.below - piece.above)
            state, fine = self._walk.along(float(np.log(self.system.rest.p / survival - 1)), state)
            if not fine:
                return
            if piece.low < state.here.real < piece.high:
                yield state

    def _entered(self, state: State, piece: Piece) -> Band | float:
        """Return the band below a point of the line; Prob(X > x) there if it is none of this piece."""
        below, landed = self._walk.cross(complex(state.here.real), state)
        if landed and _AXIS < below.v.imag < np.pi - _AXIS:
            band = self._whole(below, piece)
            if band and piece.low - _AXIS < band.bottom and band.top < piece.high + _AXIS:
                return band
        return float(self._walk.row(below.v, below.ys)[SURVIVAL])

    def at_value(self, band: Band, log_x: Array, floor: float, above: float) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) inside a band, Prob(X > x) below and above which is given."""
        rows = band.rows
        found = self._walk.invert(log_x, LOG_X, Points(rows, band.vs, band.states, band.vs))
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
        found = self._walk.invert(survival, SURVIVAL, Points(rows, band.vs, band.states, band.vs))
        _finite(found)
        x = found[:, 0]
        high, low = survival < rows[-1, 2], survival > rows[0, 2]
        share = np.clip((survival[high] - above) / (rows[-1, 2] - above), 0.0, 1.0)
        x[high] = band.top - (band.top - rows[-1, 0]) * share ** (2 if _is_hard(band.vs[-1]) else 2 / 3)
        share = np.clip((floor - survival[low]) / max(floor - rows[0, 2], 1e-300), 0.0, 1.0)
        x[low] = band.bottom + (rows[0, 0] - band.bottom) * share ** (2 if _is_hard(band.vs[0]) else 2 / 3)
        return np.asarray(x)

    def _edge(self, points: Points) -> float:
        """Return ln x at the edge next to the last point: d ln z/dv is linear in v and vanishes there."""
        (before, v), (last, rate) = points.vs[-2:], points.rates[-2:]
        change = (v - before) / (rate - last)
        return float(self._walk.row(v, points.states[-1])[LOG_X] - (0.5 * rate * rate * change).real)

    def _traced(self, state: State, sign: float) -> tuple[Arrays, float]:
        """Return the points from one on to an end, up to the first that rounding has spoilt, and ln x of the edge."""
        points, end = self._walk.trace(state, sign, self.lowest, _MOST_POINTS)
        edge = self._edge(points) if end == 1 and len(points.vs) > 2 else np.nan
        rows, count = points.rows, len(points.vs)
        step = sign * np.diff(rows, axis=0)
        wrong = np.flatnonzero((step[:, 0] <= 0) | (step[:, 2] > 1e-12) | ~(rows[1:, 1] > 0))
        if len(wrong):
            count, edge = int(wrong[0]) + 1, np.nan
        return (rows[:count], points.vs[:count], points.states[:count]), edge

    def _whole(self, state: State, piece: Piece) -> Band | None:
        """Return the band around a point; None if its points stop before what is above it in probability."""
        down, bottom = self._traced(state, -1.0)
        up, top = self._traced(state, 1.0)
        rows, vs, states = (np.concatenate([a[:0:-1], b]) for a, b in zip(down, up, strict=True))
        if len(rows) < 10 or (np.isnan(top) and rows[-1, 2] - piece.above > MISSED):
            return None
        if np.isnan(top):
            top = _last(rows[-1], rows[-1, 2] - piece.above, 1.0)
        if np.isnan(bottom):
            bottom = _last(rows[0], piece.below - rows[0, 2], -1.0)
        return Band(rows, vs, states, bottom, top)


def _last(row: Array, missing: float, sign: float) -> float:
    """Return ln x where a density that falls off as a square root holds what is missing beyond a point."""
    rest = _ROUNDING < missing < MISSED
    return float(row[0] + sign * (1.5 * missing / row[1] if rest else 0.0))


def _is_hard(v: complex) -> bool:
    return bool(abs(v) < _HARD)


def _finite(found: Array) -> None:
    if np.isnan(found).any():
        raise UnsupportedError("a point of this spectrum could not be solved for; use vg.sample(network)")
