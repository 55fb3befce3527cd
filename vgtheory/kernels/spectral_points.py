"""Points of a path at prescribed values: ln x or the survival between two of its rows."""

import numpy as np

from vgtheory.kernels._jit import exact
from vgtheory.kernels.spectral_path import (
    COLUMNS,
    DENSITY,
    LOG_X,
    STALLED,
    SURVIVAL,
    cross,
    fill_row,
    move_states,
    reach,
    share_of_room,
)
from vgtheory.kernels.spectral_sums import log_z, over


@exact
def _meet(target, v, ys, bracket, noise, system, errors, slopes, row):
    """Return whether v was moved to where ln z is real and the survival is `target` but for `noise`.

    Fills row and moves ys.  Both are met at once: dΨ = m d ln z, so that Im(m d ln z) = π (target − survival).
    """
    powers = system.factors.powers
    for _ in range(STALLED):
        value, correction, rate, worst, m = log_z(v, ys, system, errors, slopes)
        fill_row(v, ys, system, errors, slopes, row)
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
            fill_row(v, ys, system, errors, slopes, row)
            return bracket[0] <= row[LOG_X] <= bracket[1] and abs(row[SURVIVAL] - target) < 1e3 * noise
    return False


@exact
def invert(targets, column, rows, vs, states, system):
    """Return rows at prescribed ln x or survival (`column`) between neighbours of `trace`, ln x increasing.

    NaN where Newton's method failed; targets outside the range get the end row.
    """
    size = states.shape[1]
    out = np.empty((targets.size, COLUMNS))
    errors, slopes = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    now, kept, row = np.empty(size, np.complex128), np.empty(size, np.complex128), np.empty(COLUMNS)
    sign = 1.0 if column == LOG_X else -1.0
    values = sign * rows[:, column].copy()
    noise = 1e-15 + 1e-16 * system.factors.counts.sum()  # of the survival, a sum over layers
    for n in range(targets.size):
        target = sign * targets[n]
        j = np.searchsorted(values, target)
        if j == 0 or j == values.size:
            out[n] = rows[0] if j == 0 else rows[-1]
            continue
        low, high = rows[j - 1, LOG_X], rows[j, LOG_X]
        log_x = low + (high - low) * (target - values[j - 1]) / (values[j] - values[j - 1])
        share = (log_x - low) / (high - low)
        v = vs[j - 1] + share * (vs[j] - vs[j - 1])
        for k in range(size):
            now[k] = states[j - 1, k] + share * (states[j, k] - states[j - 1, k])
        if column == SURVIVAL:
            for k in range(size):
                kept[k] = now[k]
            if _meet(targets[n], v, kept, (low, high), noise, system, errors, slopes, row):
                out[n] = row
                continue
        for _ in range(60):
            v, _, fine = reach(complex(log_x, 0.0), v, now, system, errors, slopes, 1e-9)
            if not fine:  # step by step from the neighbour
                near = j - 1 if log_x - rows[j - 1, LOG_X] < rows[j, LOG_X] - log_x else j
                here = complex(rows[near, LOG_X], 0.0)
                v, now, fine = cross(here, complex(log_x, 0.0), vs[near], states[near], system)
            if not fine:
                row[:] = np.nan
                break
            fill_row(v, now, system, errors, slopes, row)
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
        out[n] = row
    return out
