"""What Python asks of the path of :mod:`vgtheory.kernels.spectral_path`: one kernel, so that its code is made once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import compiled
from vgtheory.kernels.spectral_path import COLUMNS, Work, along, cross, far_above, fill_row, trace
from vgtheory.kernels.spectral_points import invert
from vgtheory.kernels.spectral_sums import System

FAR, ALONG, CROSS, ROW, TRACE, INVERT = range(6)

Complex = NDArray[np.complex128]
Array = NDArray[np.float64]


class State(NamedTuple):
    """A point: ln z, v and the y of all factors."""

    here: complex
    v: complex
    ys: Complex


class Points(NamedTuple):
    """Points of a path: (ln x, density of ln x, survival), v, the y of all factors and d ln z/dv."""

    rows: Array
    vs: Complex
    states: Complex
    rates: Complex


def _room(count: int, factors: int) -> Points:
    return Points(
        np.empty((count, COLUMNS)),
        np.empty(count, np.complex128),
        np.empty((count, factors), np.complex128),
        np.empty(count, np.complex128),
    )


@compiled(counted=False)
def _walk(task, at, here, v, ys, scratch, points, targets, out, system):
    """Do one of the tasks with the numbers `at`; return (ln z, v, whether it was reached or how many points, end)."""
    work = Work(scratch[0], scratch[1], scratch[2], scratch[3])
    fine, end = True, 0
    if task == FAR:
        here, v = far_above(at.real, ys, system, work)
    elif task == ALONG:
        here, v, fine = along(at.real, here, v, ys, system, work)
    elif task == CROSS:
        v, fine = cross(here, at, v, ys, system, work)
        here = at
    elif task == ROW:
        fill_row(v, ys, system, work, out[0])
    elif task == TRACE:
        count, end = trace(v, ys, at.real, at.imag, points, system, work)
        return here, v, count, end
    else:
        invert(targets, int(at.real), points, system, work, out)
    return here, v, int(fine), end


class Walk:
    """What is asked of the path of one product, by several threads at once if they like: nothing is kept."""

    def __init__(self, system: System) -> None:
        self._system, self._factors = system, len(system.factors.counts)

    def far(self, theta: float) -> State:
        """Return a point at arg z ≈ θ far above the spectrum."""
        return self._moved(FAR, theta, State(0j, 0j, np.empty(self._factors, np.complex128)))[0]

    def along(self, goal: float, state: State) -> tuple[State, bool]:
        """Return the point at the same arg z where Re v is about `goal`, and whether it was reached."""
        return self._moved(ALONG, goal, state)

    def cross(self, goal: complex, state: State) -> tuple[State, bool]:
        """Return the point where ln z = `goal`, and whether it was reached."""
        return self._moved(CROSS, goal, state)

    def row(self, v: complex, ys: Complex) -> Array:
        """Return (ln x, density of ln x, survival) of a point."""
        out = np.empty((1, COLUMNS))
        self._do(ROW, 0j, State(0j, v, ys.copy()), _room(0, self._factors), (out[0], out))
        return out[0]

    def trace(self, state: State, sign: float, lowest: float, most: int) -> tuple[Points, int]:
        """Return points from one on the path on, and how they end: see ``spectral_path.trace``."""
        points = _room(most, self._factors)
        _, _, count, end = self._do(TRACE, complex(sign, lowest), state, points)
        return Points(*(part[:count] for part in points)), end

    def invert(self, targets: Array, column: int, points: Points) -> Array:
        """Return rows at prescribed values of a column: see ``spectral_points.invert``."""
        out = np.empty((len(targets), COLUMNS))
        self._do(INVERT, complex(column), State(0j, 0j, np.empty(0, np.complex128)), points, (targets, out))
        return out

    def _moved(self, task: int, at: complex, state: State) -> tuple[State, bool]:
        state = state._replace(ys=state.ys.copy())
        here, v, fine, _ = self._do(task, complex(at), state, _room(0, self._factors))
        return State(here, v, state.ys), bool(fine)

    def _do(
        self, task: int, at: complex, state: State, points: Points, asked: tuple[Array, Array] | None = None
    ) -> tuple[complex, complex, int, int]:
        targets, out = asked or (np.empty(0), np.empty((0, COLUMNS)))
        here, v, ys = complex(state.here), complex(state.v), state.ys
        scratch = np.zeros((len(Work._fields), self._factors), np.complex128)
        found = _walk(task, at, here, v, ys, scratch, points, targets, out, self._system)
        return tuple(found)
