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

import numpy as np

from vgtheory.kernels._jit import exact, reduction
from vgtheory.kernels.spectral_angle import upper_angle

PLAIN = -1
_ITERATIONS = 30
# Deep in the lower tail 1 + m has lost its digits, and Newton's method comes to rest at that noise.
_STALLED, _NOISE = 10, 1e-5
_RANGE = 230.0  # |ln d² − ln|ζ|| up to which squares stay inside the range of doubles
# Columns of a row.
LOG_X, DENSITY, SURVIVAL = 0, 1, 2
COLUMNS = 3


@reduction
def _near_sums(scale, theta, ratios, weights, start, stop):
    """Return E v, E w and E v w with v = d²/(ζ − d²), w = 1 + v over the nodes of one law, d²/|ζ| = scale · ratios."""
    cosine, sine, lift = np.cos(theta), np.sin(theta), 2.0 * np.sin(0.5 * theta) ** 2
    vr = vi = wr = wi = ar = ai = 0.0
    for i in range(start, stop):
        a = scale * ratios[i]
        gap = 1.0 - a
        norm = 1.0 / max(gap * gap + 2.0 * a * lift, 1e-34)
        p = weights[i]
        x, y = (gap + a * lift) * norm, -a * sine * norm
        s, t = a * (cosine - a) * norm, y
        vr += p * s
        vi += p * t
        wr += p * x
        wi += p * y
        ar += p * (s * x - t * y)
        ai += p * (s * y + t * x)
    return complex(vr, vi), complex(wr, wi), complex(ar, ai)


@exact
def _far_sums(u, theta, nodes, weights, start, stop):
    """Return the same where d²/|ζ| leaves the range in which its square is a double."""
    turn = complex(np.cos(theta), -np.sin(theta))
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    v, w, a = 0j, 0j, 0j
    for i in range(start, stop):
        distance = nodes[i] - u
        b = np.exp(-abs(distance))
        gap = -np.expm1(-abs(distance))
        if distance < 0.0:
            x = complex(gap + b * lift, b * np.sin(theta))  # 1 − a e^{−iθ}
            one = weights[i] / x
            v, w, a = v + b * turn * one, w + one, a + b * turn * one / x
        else:
            x = complex(gap + b * lift, -b * np.sin(theta))  # 1 − e^{iθ}/a
            one = weights[i] / x
            back = b * turn.conjugate()
            v, w, a = v - one, w - back * one, a + back * one / x
    return v, w, a


@exact
def _sums(y, k, laws):
    nodes, ratios, weights, offsets, _, tops = laws
    reach = tops[k] - y.real
    if reach < _RANGE:
        return _near_sums(np.exp(reach), y.imag, ratios, weights, offsets[k], offsets[k + 1])
    return _far_sums(y.real, y.imag, nodes, weights, offsets[k], offsets[k + 1])


@exact
def _over(x, y):
    """Return x/y, NaN for y = 0: Numba raises for a complex division by zero."""
    if y == 0:
        return complex(np.nan, np.nan)
    return x / y


@exact
def _lower_log(m):
    """Return ln m with its argument in [−π, 0]."""
    if m == 0:
        return complex(np.nan, np.nan)
    return complex(np.log(abs(m)), np.arctan2(min(m.imag, -0.0), m.real))


@exact
def _upper_log(m):
    """Return ln m with its argument in [0, π]."""
    if m == 0:
        return complex(np.nan, np.nan)
    return complex(np.log(abs(m)), np.arctan2(max(m.imag, 0.0), m.real))


@exact
def _first(y, one, power, log_s2):
    """Return m₁ of a residual block, the root of m₁(1 + m₁) = (1 + M_D)^f/(s² ζ) in the lower half plane."""
    log_g2 = -log_s2 - y
    if power > 0:
        log_g2 += power * np.log(one)
    g2 = np.exp(log_g2)
    root = np.sqrt(1.0 + 4.0 * g2)
    if root.imag > 0.0:
        root = -root
    # (root − 1)/2 without cancellation where g² is small.
    first = _over(2.0 * g2, 1.0 + root) if root.real > 0.0 else 0.5 * (root - 1.0)
    return first, g2, root


@exact
def log_z(v, ys, laws, factors, rest, errors, slopes):
    """Return (ln z, its first-order correction, d ln z/dv, longest step of y, m); fill errors and slopes.

    The correction is what ln z changes by when every y moves to its root at this v.
    """
    atoms = laws[4]
    counts, ratios, powers, log_s2 = factors
    limits, shares, log_power, p, constant = rest
    e = np.exp(v)
    below = e - 1.0
    x = _upper_log(below)
    turn = -_over(e, below)  # d ln m/dv
    log_m = np.log(p) - x
    m = _over(p + 0j, below)
    value = constant + log_power * log_m
    rate = log_power * turn
    for j in range(limits.size):
        value += shares[j] * (_upper_log(e + limits[j]) - x)
        rate += shares[j] * (_over(e, e + limits[j]) + turn)
    correction, worst = 0j, 0.0
    for k in range(counts.size):
        moment, w, a = _sums(ys[k], k, laws)
        c = ratios[k]
        if powers[k] == PLAIN:
            alive = 1.0 - atoms[k]
            slope = -_over(a, moment)
            # c m + alive is small in the lower tail: its logarithms give the same residual to first order.
            rest_of = -c * p * turn + (alive - c * p)
            if abs(rest_of) < abs(c * m):
                error = (_lower_log(w) - _lower_log(rest_of)) * _over(w, moment)
            else:
                error = _lower_log(moment) - np.log(c) - log_m
            term, term_rate = ys[k], 1.0 + 0j
        else:
            one = w + atoms[k]
            first, g2, root = _first(ys[k], one, powers[k], log_s2[k])
            term_rate = 1.0 + powers[k] * _over(a, one)  # −d ln g²/dy
            total = first + moment
            slope = _over(-_over(g2 * term_rate, root) - a, total)
            error = _lower_log(total) - log_m
            term = -_lower_log(first) - _lower_log(1.0 + first)
        errors[k], slopes[k] = error, slope
        worst = max(worst, abs(_over(error, slope)))
        value += counts[k] * term
        share = counts[k] * term_rate
        correction -= share * _over(error, slope)
        rate += share * _over(turn, slope)
    return value, correction, rate, worst, m


@exact
def _move(ys, dv, turn, powers, errors, slopes):
    """Move every y with v, at most half a unit and within its half plane (residual blocks: within the plane)."""
    for k in range(ys.size):
        step = _over(-errors[k] + turn * dv, slopes[k])
        if abs(step) > 0.5:
            step *= 0.5 / abs(step)
        new = ys[k] + step
        top = np.pi if powers[k] == PLAIN else 2.0 * np.pi
        low, high = 0.05 * ys[k].imag, 0.05 * ys[k].imag + 0.95 * top
        ys[k] = complex(new.real, min(max(new.imag, low), high))


@exact
def _project(v, ys, tangent, laws, factors, rest, errors, slopes):
    """Return (v, d ln z/dv, converged): the nearest point with Im ln z = 0 on the normal of the path; moves ys."""
    powers = factors[2]
    for iteration in range(_ITERATIONS):
        value, correction, rate, worst, _ = log_z(v, ys, laws, factors, rest, errors, slopes)
        along = (rate * tangent).real
        move = -(value + correction).imag / along if along != 0.0 else np.nan
        if not np.isfinite(move):
            return v, rate, False
        room = min(v.imag, np.pi - v.imag, max(abs(v), 1e-7))
        limit = 0.5 * room
        move = min(max(move, -limit), limit)
        dv = 1j * tangent * move
        turn = -_over(np.exp(v), np.exp(v) - 1.0)
        _move(ys, dv, turn, powers, errors, slopes)
        v += dv
        if abs(move) < (1e-8 if iteration < _STALLED else _NOISE) * room and worst < (
            1e-8 if iteration < _STALLED else _NOISE
        ):
            return v, rate, True
    return v, rate, False


@exact
def _reach(target, v, ys, laws, factors, rest, errors, slopes, tolerance):
    """Return (v, d ln z/dv, converged) with ln z = target, by Newton's method from here; moves ys."""
    powers = factors[2]
    for iteration in range(_ITERATIONS):
        value, correction, rate, worst, _ = log_z(v, ys, laws, factors, rest, errors, slopes)
        dv = _over(target - value - correction, rate)
        if not np.isfinite(abs(dv)):
            return v, rate, False
        room = min(v.imag, np.pi - v.imag, max(abs(v), 1e-7))
        if abs(dv) > 0.6 * room:
            dv *= 0.6 * room / abs(dv)
        turn = -_over(np.exp(v), np.exp(v) - 1.0)
        _move(ys, dv, turn, powers, errors, slopes)
        v += dv
        if abs(dv) < (tolerance if iteration < _STALLED else _NOISE) * room and worst < (
            1e-8 if iteration < _STALLED else _NOISE
        ):
            return v, rate, True
    return v, rate, False


@exact
def _angle(y, k, laws):
    """Return E arg(1 − d²/ζ)."""
    nodes, ratios, weights, offsets, _, tops = laws
    reach = tops[k] - y.real
    if reach < _RANGE:
        size = _near_angle(np.exp(reach), abs(np.sin(y.imag)), y.imag, ratios, weights, offsets[k], offsets[k + 1])
    else:
        size = _far_angle(y.real, y.imag, nodes, weights, offsets[k], offsets[k + 1])
    return size if y.imag <= np.pi else -size


@reduction
def _near_angle(scale, sine, theta, ratios, weights, start, stop):
    """Return E |arg(1 − d²/ζ)| where d²/|ζ| = scale · ratios, |sin θ| = sine."""
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    total = 0.0
    for i in range(start, stop):
        a = scale * ratios[i]
        total += weights[i] * upper_angle(a * sine, (1.0 - a) + a * lift)
    return total


@exact
def _far_angle(u, theta, nodes, weights, start, stop):
    """Return the same where d²/|ζ| leaves the range of :func:`_near_sums`."""
    sine, lift = abs(np.sin(theta)), 2.0 * np.sin(0.5 * theta) ** 2
    total = 0.0
    for i in range(start, stop):
        distance = nodes[i] - u
        b, gap = np.exp(-abs(distance)), -np.expm1(-abs(distance))
        if distance < 0.0:
            total += weights[i] * upper_angle(b * sine, gap + b * lift)
        else:
            total += weights[i] * upper_angle(sine, lift - gap)
    return total


@exact
def _row(v, ys, laws, factors, rest, errors, slopes, out):
    """Fill out = (ln x, density of ln x, survival): Ψ = ∫ m d ln z is explicit, survival = Im Ψ/π."""
    atoms = laws[4]
    counts, ratios, powers, log_s2 = factors
    limits, shares, log_power, p, _ = rest
    value, _, _, _, m = log_z(v, ys, laws, factors, rest, errors, slopes)
    e = np.exp(v)
    x = _upper_log(e - 1.0).imag
    total = log_power * m.imag
    for j in range(limits.size):
        gamma = (1.0 + limits[j]) / p
        total += shares[j] * (m.imag - (_upper_log(e + limits[j]).imag - x) / gamma)
    for k in range(counts.size):
        angle = _angle(ys[k], k, laws)
        if powers[k] == PLAIN:
            total += counts[k] * angle / ratios[k]
        else:
            moment, w, _ = _sums(ys[k], k, laws)
            one = w + atoms[k]
            first, _, _ = _first(ys[k], one, powers[k], log_s2[k])
            part = -2.0 * first.imag + _lower_log(1.0 + first).imag + angle
            part += powers[k] * (np.arctan2(one.imag, one.real) - moment.imag)
            total += counts[k] * part
    out[LOG_X], out[DENSITY], out[SURVIVAL] = value.real, -m.imag / np.pi, total / np.pi


@exact
def start(v, ys, step, laws, factors, rest):
    """Return (v, ys, converged) a small step off the real axis from an edge at real v, where y is real."""
    errors, slopes = np.zeros(ys.size, np.complex128), np.zeros(ys.size, np.complex128)
    turn = -np.exp(v) / (np.exp(v) - 1.0)
    log_z(complex(v, 0.0), ys, laws, factors, rest, errors, slopes)
    new = np.empty(ys.size, np.complex128)
    for k in range(ys.size):
        lift = (turn / slopes[k]).real * step
        new[k] = complex(ys[k].real, lift if lift > 0.0 else 1e-3 * step)
    point, _, fine = _project(complex(v, step), new, 1j, laws, factors, rest, errors, slopes)
    return point, new, fine


@exact
def trace(v, ys, sign, lowest, most, laws, factors, rest):
    """Return (rows, vs, states, rates, number, end) of points from one on the path, ln x falling (sign −1) or rising.

    It ends at an edge (end 1), below Re v = `lowest` (2), after `most` points (3) or where Newton's method fails (0).
    """
    size = ys.size
    rows = np.empty((most, COLUMNS))
    vs, states, rates = (
        np.empty(most, np.complex128),
        np.empty((most, size), np.complex128),
        np.empty(most, np.complex128),
    )
    errors, slopes = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    now, kept = ys.copy(), ys.copy()
    _, _, rate, _, _ = log_z(v, now, laws, factors, rest, errors, slopes)
    step = 0.5 * min(v.imag, np.pi - v.imag, abs(v))
    first_room = min(v.imag, np.pi - v.imag)
    count, end, falls = 0, 3, 0
    while count < most:
        _row(v, now, laws, factors, rest, errors, slopes, rows[count])
        vs[count], rates[count] = v, rate
        for k in range(size):
            states[count, k] = now[k]
        count += 1
        if v.real < lowest:
            end = 2
            break
        if abs(v) < 1e-5:
            end = 1
            break
        tangent = sign * rate.conjugate() / abs(rate)
        room = v.imag if tangent.imag < 0.0 else np.pi - v.imag
        if (
            abs(tangent.imag) > 0.95
            and room < 1e-3 * min(1.0, abs(v))
            and count > 3
            and room < 0.9 * max(first_room, 0.0)
        ):
            end = 1
            break
        if abs(tangent.imag) > 0.95 and count > 20 and room < 1e-4 * min(1.0, abs(v)):
            end = 1
            break
        longest = 0.09 * min(abs(v), 1.2)
        if abs(tangent.imag) * longest > 0.5 * room:
            longest = 0.5 * room / abs(tangent.imag)
        step = min(1.6 * step, longest)
        while True:
            for k in range(size):
                kept[k] = now[k]
            dv = step * tangent
            turn = -_over(np.exp(v), np.exp(v) - 1.0)
            for k in range(size):
                errors[k] = 0j
            _move(now, dv, turn, factors[2], errors, slopes)
            new, rate_new, fine = _project(v + dv, now, tangent, laws, factors, rest, errors, slopes)
            turned = (rate_new * rate.conjugate()).real / (abs(rate_new) * abs(rate)) if fine else 0.0
            if fine and turned > 0.9:
                break
            for k in range(size):
                now[k] = kept[k]
            # The tangents of the y that _move needs belong to the point that is left.
            log_z(v, now, laws, factors, rest, errors, slopes)
            step *= 0.4
            falls += 1
            if step < 1e-9 * min(abs(v), 1.0) or falls > 400:
                return rows, vs, states, rates, count, 0
        v = new
        _, _, rate, _, _ = log_z(v, now, laws, factors, rest, errors, slopes)
    return rows, vs, states, rates, count, end


@exact
def cross(target, goal, v, ys, laws, factors, rest):
    """Return (v, ys, reached) after moving ln z from `target` to `goal` (complex), by Newton's method in steps."""
    errors, slopes = np.zeros(ys.size, np.complex128), np.zeros(ys.size, np.complex128)
    now, kept = ys.copy(), ys.copy()
    done, step = 0.0, 0.02
    while done < 1.0:
        step = min(step, 1.0 - done)
        for k in range(ys.size):
            kept[k] = now[k]
        here = target + (done + step) * (goal - target)
        new, _, fine = _reach(here, v, now, laws, factors, rest, errors, slopes, 1e-8)
        if fine and abs(new - v) < 0.3 * abs(v):
            v, done, step = new, done + step, 2.0 * step
            continue
        for k in range(ys.size):
            now[k] = kept[k]
        step *= 0.4
        if step < 1e-9:
            return v, now, False
    return v, now, True


@exact
def _meet(target, v, ys, low, high, laws, factors, rest, errors, slopes, row):
    """Return whether v was moved to where ln z is real and the survival is `target`; fills row, moves ys.

    Both are met at once: dΨ = m d ln z, so that Im(m d ln z) = π (target − survival).
    """
    powers = factors[2]
    for _ in range(_STALLED):
        value, correction, rate, worst, m = log_z(v, ys, laws, factors, rest, errors, slopes)
        _row(v, ys, laws, factors, rest, errors, slopes, row)
        if not m.imag < 0.0:
            return False
        along = (np.pi * (target - row[SURVIVAL]) + m.real * value.imag) / m.imag
        dv = _over(complex(along, -value.imag) - correction, rate)
        room = min(v.imag, np.pi - v.imag, max(abs(v), 1e-7))
        if not (abs(dv) < 0.6 * room):
            return False
        turn = -_over(np.exp(v), np.exp(v) - 1.0)
        _move(ys, dv, turn, powers, errors, slopes)
        v += dv
        if abs(dv) < 1e-9 * room and worst < 1e-9:
            _row(v, ys, laws, factors, rest, errors, slopes, row)
            return low <= row[LOG_X] <= high and abs(row[SURVIVAL] - target) < 1e-12
    return False


@exact
def invert(targets, column, rows, vs, states, laws, factors, rest):
    """Return rows at prescribed ln x or survival (`column`) between neighbours of `trace`, ln x increasing.

    NaN where Newton's method failed; targets outside the range get the end row.
    """
    size = states.shape[1]
    out = np.empty((targets.size, COLUMNS))
    errors, slopes = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    now, kept, row = np.empty(size, np.complex128), np.empty(size, np.complex128), np.empty(COLUMNS)
    sign = 1.0 if column == LOG_X else -1.0
    values = sign * rows[:, column].copy()
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
            if _meet(targets[n], v, kept, low, high, laws, factors, rest, errors, slopes, row):
                out[n] = row
                continue
        for _ in range(60):
            v, _, fine = _reach(complex(log_x, 0.0), v, now, laws, factors, rest, errors, slopes, 1e-9)
            if not fine:  # step by step from the neighbour
                near = j - 1 if log_x - rows[j - 1, LOG_X] < rows[j, LOG_X] - log_x else j
                here = complex(rows[near, LOG_X], 0.0)
                v, now, fine = cross(here, complex(log_x, 0.0), vs[near], states[near], laws, factors, rest)
            if not fine:
                row[:] = np.nan
                break
            _row(v, now, laws, factors, rest, errors, slopes, row)
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
            if abs(new - log_x) <= 1e-14 * max(1.0, abs(log_x)) or abs(gap) <= 1e-15:
                break
            log_x = new
        out[n] = row
    return out
