"""Spectrum of J Jᵀ for a product of free factors of any kind: a path of points in one complex plane.

All factors share m = M(z) = E[x/(z − x)].  With v = ln((m + p)/m), where −p is the lowest real limit of m, the spectrum
is a curve in the strip 0 < Im v < π on which Im ln z = 0; it leaves the real axis at an edge at a right angle, and in
deep networks runs along Im v = π at a distance of order 1/L, with Re v the logit of the probability.

    ln z = constant + Σ_j e_j ln(1 + γ_j m) + e ln m + Σ_k n_k T_k

    plain layer      M_D(ζ) = c m,                       T = ln ζ
    residual block   M_D(ζ) + m₁ = m,                    T = −ln g²,   g² = m₁(1 + m₁) = (1 + M_D)^f/(s² ζ)

M_D(ζ) = E[d²/(ζ − d²)]; f = 1 for I + a D W with Gaussian W, 2 with orthogonal W, 0 for I + a W' D W, s² = a² times the
variances of the weights (I + Y with R-diagonal Y: Haagerup & Schultz (2007)).  Every factor has one complex unknown
y = ln ζ; v and all y are found together by Newton's method, each point starting from its neighbour.
"""

from typing import Any, NamedTuple

import numpy as np

from vgtheory.kernels._jit import rounded, small
from vgtheory.kernels.spectral_sums import PLAIN, angle_of, first_of, log_z, lower_log, over, sums_of, upper_log

_ITERATIONS = 30
# Deep in the lower tail 1 + m has lost its digits, and Newton's method comes to rest at that noise.
STALLED, _NOISE = 10, 1e-5
_MOST_STEPS = 300  # between two values of ln z
_BEYOND = 2.0  # of ln ζ from the law's top, far above the spectrum
_SAME = 1e-10  # of ln z between a point and the edge next to it
_THIN = 1e-10  # Im v along the real axis where no law has mass to speak of
# Columns of a row.
LOG_X, DENSITY, SURVIVAL = 0, 1, 2
COLUMNS = 3


class Work(NamedTuple):
    """Scratch, one number per factor: what the equations of y miss, their slopes, y where it is and where it was."""

    errors: Any
    slopes: Any
    now: Any
    kept: Any


@small
def copied(to, given):
    """Set the numbers of one point to those of another."""
    for k in range(given.size):
        to[k] = given[k]


@small
def move_states(ys, dv, turn, powers, errors, slopes):
    """Move every y with v, at most half a unit and within its half plane (residual blocks: within the plane)."""
    for k in range(ys.size):
        step = over(-errors[k] + turn * dv, slopes[k])
        if abs(step) > 0.5:
            step *= 0.5 / abs(step)
        new = ys[k] + step
        top = np.pi if powers[k] == PLAIN else 2.0 * np.pi
        low, high = 0.05 * ys[k].imag, 0.05 * ys[k].imag + 0.95 * top
        ys[k] = complex(new.real, min(max(new.imag, low), high))


@rounded
def _project(v, ys, tangent, system, work):
    """Return (v, d ln z/dv, converged): the nearest point with Im ln z = 0 on the normal of the path; moves ys."""
    powers, errors, slopes = system.factors.powers, work.errors, work.slopes
    for iteration in range(_ITERATIONS):
        value, correction, rate, worst, _ = log_z(v, ys, system, errors, slopes)
        along = (rate * tangent).real
        move = -(value + correction).imag / along if along != 0.0 else np.nan
        if not np.isfinite(move):
            return v, rate, False
        room = min(v.imag, np.pi - v.imag, max(abs(v), 1e-7))
        limit = 0.5 * room
        move = min(max(move, -limit), limit)
        dv = 1j * tangent * move
        turn = -over(np.exp(v), np.exp(v) - 1.0)
        move_states(ys, dv, turn, powers, errors, slopes)
        v += dv
        if abs(move) < (1e-8 if iteration < STALLED else _NOISE) * room and worst < (
            1e-8 if iteration < STALLED else _NOISE
        ):
            return v, rate, True
    return v, rate, False


@small
def share_of_room(v, dv):
    """Return how far dv goes in units of what it may: the strip is narrow where the path of deep networks runs."""
    across = abs(dv.imag) / min(v.imag, np.pi - v.imag)
    return max(across, abs(dv) / max(min(abs(v), np.pi), 1e-7)) / 0.6


@rounded
def reach(target, v, ys, system, work, tolerance):
    """Return (v, d ln z/dv, converged) with ln z = target, by Newton's method from here; moves ys."""
    powers, errors, slopes = system.factors.powers, work.errors, work.slopes
    for iteration in range(_ITERATIONS):
        value, correction, rate, worst, _ = log_z(v, ys, system, errors, slopes)
        dv = over(target - value - correction, rate)
        if not np.isfinite(abs(dv)):
            return v, rate, False
        far = share_of_room(v, dv)
        if far > 1.0:
            dv *= 1.0 / far
        turn = -over(np.exp(v), np.exp(v) - 1.0)
        move_states(ys, dv, turn, powers, errors, slopes)
        v += dv
        if far < (tolerance if iteration < STALLED else _NOISE) and worst < (1e-8 if iteration < STALLED else _NOISE):
            return v, rate, True
    return v, rate, False


@rounded
def fill_row(v, ys, system, work, out):
    """Fill out = (ln x, density of ln x, survival): Ψ = ∫ m d ln z is explicit, survival = Im Ψ/π."""
    laws = system.laws
    counts, ratios, powers, log_s2 = system.factors
    limits, shares, log_power, p, _ = system.rest
    atoms = laws.atoms
    value, _, _, _, m = log_z(v, ys, system, work.errors, work.slopes)
    e = np.exp(v)
    x = upper_log(e - 1.0).imag
    total = log_power * m.imag
    for j in range(limits.size):
        gamma = (1.0 + limits[j]) / p
        total += shares[j] * (m.imag - (upper_log(e + limits[j]).imag - x) / gamma)
    for k in range(counts.size):
        angle = angle_of(ys[k], k, laws)
        if powers[k] == PLAIN:
            total += counts[k] * angle / ratios[k]
        else:
            moment, w, _ = sums_of(ys[k], k, laws)
            one = w + atoms[k]
            first, _, _ = first_of(ys[k], one, powers[k], log_s2[k])
            part = -2.0 * first.imag + lower_log(1.0 + first).imag + angle
            part += powers[k] * (np.arctan2(one.imag, one.real) - moment.imag)
            total += counts[k] * part
    out[LOG_X], out[DENSITY], out[SURVIVAL] = value.real, -m.imag / np.pi, total / np.pi


@rounded
def trace(v, ys, sign, lowest, points, system, work):
    """Fill rows, vs, states and rates with points from one on the path, ln x falling (sign −1) or rising.

    Return their number and how they end: at an edge (1), below Re v = `lowest` or where the law thins out (2), where
    the arrays do (3) or where Newton's method fails (0).
    """
    rows, vs, states, rates = points
    size, most = ys.size, vs.size
    errors, slopes, now, kept = work
    copied(now, ys)
    _, _, rate, _, _ = log_z(v, now, system, errors, slopes)
    step = 0.5 * min(v.imag, np.pi - v.imag, abs(v))
    first_room = min(v.imag, np.pi - v.imag)
    count, end, falls = 0, 3, 0
    while count < most:
        fill_row(v, now, system, work, rows[count])
        vs[count], rates[count] = v, rate
        copied(states[count], now)
        count += 1
        if v.real < lowest:
            end = 2
            break
        if abs(v) < 1e-5:
            end = 1
            break
        tangent = sign * rate.conjugate() / abs(rate)
        if v.imag < _THIN and tangent.imag < 0.0 and abs(tangent.imag) < 0.5:
            end = 2
            break
        room = v.imag if tangent.imag < 0.0 else np.pi - v.imag
        near = room < 1e-3 * min(1.0, abs(v)) and count > 3 and room < 0.9 * first_room
        nearer = room < 1e-4 * min(1.0, abs(v)) and count > 20
        # Where m ≈ 0 at the edge ln z changes so little up to it that rounding would scatter v.
        if abs(tangent.imag) > 0.95 and (near or nearer or (abs(rate) * room < _SAME and count > 3)):
            end = 1
            break
        longest = 0.09 * min(abs(v), 1.2)
        if abs(tangent.imag) * longest > 0.5 * room:
            longest = 0.5 * room / abs(tangent.imag)
        step = min(1.6 * step, longest)
        while True:
            copied(kept, now)
            dv = step * tangent
            turn = -over(np.exp(v), np.exp(v) - 1.0)
            for k in range(size):
                errors[k] = 0j
            move_states(now, dv, turn, system.factors.powers, errors, slopes)
            new, rate_new, fine = _project(v + dv, now, tangent, system, work)
            turned = (rate_new * rate.conjugate()).real / (abs(rate_new) * abs(rate)) if fine else 0.0
            if fine and turned > 0.9:
                break
            copied(now, kept)
            # The tangents of the y that _move needs belong to the point that is left.
            log_z(v, now, system, errors, slopes)
            step *= 0.4
            falls += 1
            if step < 1e-9 * min(abs(v), 1.0) or falls > 700:
                return count, 0
        v = new
        _, _, rate, _, _ = log_z(v, now, system, errors, slopes)
    return count, end


@rounded
def cross(target, goal, v, ys, system, work):
    """Return (v, reached) after moving ln z from `target` to `goal` (complex), by Newton's steps; moves ys."""
    done, step = 0.0, 0.02
    for _ in range(_MOST_STEPS):
        step = min(step, 1.0 - done)
        copied(work.kept, ys)
        here = target + (done + step) * (goal - target)
        new, _, fine = reach(here, v, ys, system, work, 1e-8)
        if fine and abs(new - v) < 0.3 * abs(v):
            v, done, step = new, done + step, 2.0 * step
            if done >= 1.0:
                return v, True
            continue
        copied(ys, work.kept)
        step *= 0.4
        if step < 1e-9:
            break
    return v, False


@rounded
def far_above(theta, ys, system, work):
    """Return (ln z, v) and fill ys at arg z ≈ θ so far above the spectrum that every ζ lies beyond its law.

    There m c = E d²/ζ to first order, and m = (E d² + 1/s²)/ζ for a residual block.
    """
    laws, factors = system.laws, system.factors
    errors, slopes, log_means, log_m = work.errors, work.slopes, work.now, 0.0
    for k in range(ys.size):
        log_mean = laws.tops[k] + np.log(laws.lower[laws.offsets[k + 1] + k, 0])
        highest = laws.tops[k]
        if factors.powers[k] == PLAIN:
            log_mean -= np.log(factors.ratios[k])
        else:
            log_mean = np.log(np.exp(log_mean) + np.exp(-factors.log_s2[k]))
            highest = max(highest, -factors.log_s2[k])
        log_means[k] = log_mean
        log_m = min(log_m, log_mean - highest - _BEYOND)
    value, v = 0j, 0j
    for _ in range(_MOST_STEPS):
        at = complex(log_m, -theta)
        v = np.log(1.0 + system.rest.p * np.exp(-at))
        for k in range(ys.size):
            ys[k] = log_means[k] - at
        for _ in range(_ITERATIONS):
            value, _, _, worst, _ = log_z(v, ys, system, errors, slopes)
            if worst < 1e-8:
                break
            move_states(ys, 0j, 0j, factors.powers, errors, slopes)
        if 0.5 * theta < value.imag < np.pi:  # else many layers turn z beyond the first order in m
            break
        log_m -= 1.0
    return value, v


@rounded
def along(goal, here, v, ys, system, work):
    """Return (ln z, v, reached) after moving from ln z = `here` at constant arg z to where Re v is about `goal`."""
    fine = True
    for _ in range(_MOST_STEPS):
        gap = goal - v.real
        if not fine or abs(gap) < 0.1:
            break
        _, _, rate, _, _ = log_z(v, ys, system, work.errors, work.slopes)
        there = here + abs(rate) * min(max(gap, -1.0), 1.0)
        v, fine = cross(here, there, v, ys, system, work)
        here = there
    return here, v, fine
