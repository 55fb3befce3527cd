"""Points of a path at prescribed values: ln x or the survival between two of its rows."""

import numpy as np

from vgtheory.kernels._jit import rounded
from vgtheory.kernels.spectral_path import (
    DENSITY,
    LOG_X,
    STALLED,
    SURVIVAL,
    copied,
    cross,
    fill_row,
    move_states,
    reach,
    share_of_room,
)
from vgtheory.kernels.spectral_sums import log_z, over


@rounded
def _meet(target, v, ys, bracket, noise, system, work, row):
    """Return whether v was moved to where ln z is real and the survival is `target` but for `noise`.

    Fills row and moves ys.  Both are met at once: dΨ = m d ln z, so that Im(m d ln z) = π (target − survival).
    """
    powers, errors, slopes = system.factors.powers, work.errors, work.slopes
    for _ in range(STALLED):
        value, correction, rate, worst, m = log_z(v, ys, system, errors, slopes)
        fill_row(v, ys, system, work, row)
        if not m.imag < 0.0:
            return False
        along = (np.pi * (target - row[SURVIVAL]) + m.real * value.imag) / m.imag
        dv = over(complex(along, -value.imag) - correction, rate)
        room = min(v.imag, np.pi - v.imag, max(abs(v), 1e-7))
        if not share_of_room(v, dv) < 1.0:
            return False
        turn = -over(np.exp(v), np.exp(v) - 1.0)
        move_states(ys, dv, turn, powers, errors, slopes)
        v += dv
        if abs(dv) < 1e-9 * room and worst < 1e-9:
            fill_row(v, ys, system, work, row)
            return bracket[0] <= row[LOG_X] <= bracket[1] and abs(row[SURVIVAL] - target) < 1e3 * noise
    return False


@rounded
def _first(rows, column, sign, least):
    """Return the first row whose sign · value in this column, ascending, is at least this."""
    start, stop = 0, rows.shape[0]
    while start < stop:
        middle = (start + stop) // 2
        if sign * rows[middle, column] < least:
            start = middle + 1
        else:
            stop = middle
    return start


@rounded
def invert(targets, column, points, system, work, out):
    """Fill out with rows at prescribed ln x or survival (`column`) between neighbours of `trace`, ln x increasing.

    NaN where Newton's method failed; targets outside the range get the end row.
    """
    rows, vs, states, _ = points
    now, kept = work.now, work.kept
    sign = 1.0 if column == LOG_X else -1.0
    layers = 0.0
    for k in range(now.size):
        layers += system.factors.counts[k]
    noise = 1e-15 + 1e-16 * layers  # of the survival, a sum over layers
    for n in range(targets.size):
        target = sign * targets[n]
        row, j = out[n], _first(rows, column, sign, target)
        if j == 0 or j == vs.size:
            copied(row, rows[min(j, vs.size - 1)])
            continue
        low, high = rows[j - 1, LOG_X], rows[j, LOG_X]
        log_x = low + (high - low) * (target - sign * rows[j - 1, column]) / (
            sign * rows[j, column] - sign * rows[j - 1, column]
        )
        share = (log_x - low) / (high - low)
        v = vs[j - 1] + share * (vs[j] - vs[j - 1])
        for k in range(now.size):
            now[k] = states[j - 1, k] + share * (states[j, k] - states[j - 1, k])
        if column == SURVIVAL:
            copied(kept, now)
            if _meet(targets[n], v, kept, (low, high), noise, system, work, row):
                continue
        for _ in range(60):
            v, _, fine = reach(complex(log_x, 0.0), v, now, system, work, 1e-9)
            if not fine:  # step by step from the neighbour
                near = j - 1 if log_x - rows[j - 1, LOG_X] < rows[j, LOG_X] - log_x else j
                here = complex(rows[near, LOG_X], 0.0)
                copied(now, states[near])
                v, fine = cross(here, complex(log_x, 0.0), vs[near], now, system, work)
            if not fine:
                row[:] = np.nan
                break
            fill_row(v, now, system, work, row)
            if column == LOG_X:
                break
            gap = target - sign * row[SURVIVAL]
            if gap > 0.0:
                low = log_x
            else:
                high = log_x
            new = log_x + gap / row[DENSITY] if row[DENSITY] > 0.0 else high + 1.0
            if not (low <= new <= high):
                new = 0.5 * (low + high)
            if abs(new - log_x) <= 1e-14 * max(1.0, abs(log_x)) or abs(gap) <= noise:
                break
            log_x = new
