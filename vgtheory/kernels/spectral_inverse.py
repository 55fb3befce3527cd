"""The polar curve of :mod:`vgtheory.kernels.spectral_curve` at prescribed ln x or survival.

Newton's method for both coordinates of ln ζ at once: ln z and the logarithmic potential Ψ are analytic in ln ζ, with
slopes K and m K.  Near an edge, where K = 0, ln r hardly determines θ, but both together are as precise as ln x is.
Where Newton's method fails the curve is solved for θ at every ln r of a bracketed search.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels._jit import exact
from vgtheory.kernels.spectral_curve import evaluated, log_modulus, point, solve, survival
from vgtheory.kernels.spectral_law import Window, fill_window

LOG_X, SURVIVAL = 0, 2  # columns
_JOINT = 12  # Newton steps for both coordinates
_NOISE = 0.1  # of θ, from where on steps that do not halve are rounding


class Table(NamedTuple):
    """Points of the curve, ascending: ln r, ln x, survival, ln(θ/φ), 0 for a point off the support.

    From one at which the curve enters or leaves the support to its neighbour inside, θ goes as the square root of how
    far ln x is, and as a power of how far the survival is: 1/3, or 1 where the density is infinite.
    """

    us: NDArray[np.float64]
    log_x: NDArray[np.float64]
    survival: NDArray[np.float64]
    turns: NDArray[np.float64]
    powers: NDArray[np.float64]  # from a point to the next


class Start(NamedTuple):
    """A bracket of ln r and where in it to begin: ln r and ln(θ/φ)."""

    low: float
    high: float
    u: float
    t: float


@exact
def _joint(target, column, start, law, layers, ratio, gap):
    """Return (whether found, row of `curve` with ln r appended) at prescribed ln x or survival from a start."""
    low, high, u, t = start
    theta, phi = np.pi / (1.0 + np.exp(-t)), np.pi / (1.0 + np.exp(t))
    slack = 0.1 * (high - low)
    last, before = False, np.inf
    for _ in range(_JOINT):
        first, middle, stop = fill_window(u, law, ratio, gap)
        window = Window(first, middle, stop, ratio, gap)
        q, y, value, slope = evaluated(u, theta, phi, law, layers, window)
        if last or column == LOG_X:
            log_x = log_modulus(u, theta, phi, q, y, law, layers, window)
        if last or column == SURVIVAL:
            above = survival(u, theta, phi, q, law, layers, window)
        if last:
            if not slope.real > -_NOISE * abs(slope):
                break
            rate = abs(slope) ** 2 / slope.real if slope.real > 0.0 else slope.real
            return True, (log_x, -q.imag / np.pi, above, theta, rate, u)
        if column == LOG_X:
            change = complex(target - log_x, -value)  # of ln z
        else:
            # Im(m d ln z) = π (target − survival), m = Q − 1.
            m = q - 1.0
            if not m.imag < 0.0:
                break
            change = complex((np.pi * (target - above) + m.real * value) / m.imag, -value)
        if slope == 0 or not np.isfinite(abs(change)):
            break
        step = change / slope
        size = min(theta, phi)
        if abs(step) > 0.5 * size:
            if abs(step) > 8.0:
                break
            step *= 0.5 * size / abs(step)
        # The next step would be of the square of this one, or rounding decides next to an edge, where K is nearly 0.
        last = abs(step) < 3e-8 * size or (before < abs(step) < _NOISE * size)
        before = 0.5 * abs(step)
        u += step.real
        if theta < phi:
            theta += step.imag
            phi = np.pi - theta
        else:
            phi -= step.imag
            theta = np.pi - phi
        if not (low - slack <= u <= high + slack):
            break
    return False, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@exact
def _start(j, target, values, power, table):
    """Return a start between neighbours of the table."""
    low, high, before, after = table.us[j - 1], table.us[j], table.turns[j - 1], table.turns[j]
    step = values[j] - values[j - 1]
    share = (target - values[j - 1]) / step if step != 0.0 else 0.5
    if before != 0.0 and after != 0.0:
        return Start(low, high, low + share * (high - low), before + share * (after - before))
    left = min(max((values[j] - target) / step if after == 0.0 else share, 1e-17), 1.0) if step != 0.0 else 0.5
    moved = (high - low) * left ** (2.0 * power)
    return Start(low, high, high - moved if after == 0.0 else low + moved, before + after + power * np.log(left))


@exact
def at_value(targets, table, law, layers):
    """Return the rows of `curve` with ln r appended, at prescribed ln x."""
    us, turns = table.us, table.turns
    ratio, gap = np.empty(law.nodes.size), np.empty(law.nodes.size)
    out = np.empty((targets.size, 6))
    for k in range(targets.size):
        target = targets[k]
        j = np.searchsorted(table.log_x, target)
        if 0 < j < us.size:
            start = _start(j, target, table.log_x, 0.5, table)
            low, high, u, _ = start
            if turns[j - 1] != 0.0 or turns[j] != 0.0:
                found, row = _joint(target, LOG_X, start, law, layers, ratio, gap)
                if found:
                    out[k] = row
                    continue
        else:
            low, high = (us[0] - 1.0, us[0]) if j == 0 else (us[-1], us[-1] + 1.0)
            step = 1.0
            while step < 1e7:
                end = low if j == 0 else high
                x = point(end, law, layers, 0.0, ratio, gap)[0]
                if (j == 0 and x < target) or (j > 0 and x > target):
                    break
                low, high = (low - step, high) if j == 0 else (low, high + step)
                step *= 2.0
            u = 0.5 * (low + high)
        out[k] = _searched_value(target, u, low, high, law, layers, ratio, gap)
    return out


@exact
def _searched_value(target, u, low, high, law, layers, ratio, gap):
    guess = 0.0
    for _ in range(80):
        theta, phi, window, q, y, _, slope = solve(u, law, layers, guess, ratio, gap)
        log_x = log_modulus(u, theta, phi, q, y, law, layers, window)
        guess = np.log(theta / phi) if theta > 0.0 else 0.0
        rate = abs(slope) ** 2 / slope.real if theta > 0.0 and slope.real > 0.0 else slope.real
        if log_x > target:
            high = u
        else:
            low = u
        new = u + (target - log_x) / rate if rate > 0.0 else high + 1.0
        if not (low <= new <= high):
            new = 0.5 * (low + high)
        done = abs(new - u) <= 1e-10 * (high - low) or abs(new - u) <= 4e-16 * max(1.0, abs(u))
        u = new
        if done:
            break
    row = point(u, law, layers, guess, ratio, gap)
    return row[0], row[1], row[2], row[3], row[4], u


@exact
def at_survival(targets, table, law, layers):
    """Return the rows of `curve` with ln r appended, at prescribed survival.

    At an atom of the law the answer is its location: ln r converges to the jump, where ln x is continuous.
    """
    us, above, turns = table.us, table.survival, table.turns
    ratio, gap = np.empty(law.nodes.size), np.empty(law.nodes.size)
    out = np.empty((targets.size, 6))
    for k in range(targets.size):
        target = targets[k]
        left, right = 0, us.size - 1
        while right - left > 1:
            middle = (left + right) // 2
            if above[middle] >= target:
                left = middle
            else:
                right = middle
        low, high = us[left], us[right]
        if (turns[left] != 0.0 or turns[right] != 0.0) and above[left] >= target:
            start = _start(right, target, above, table.powers[left], table)
            found, row = _joint(target, SURVIVAL, start, law, layers, ratio, gap)
            if found:
                out[k] = row
                continue
        step = 1.0
        while left == 0 and above[0] < target and step < 1e7:
            if point(low, law, layers, 0.0, ratio, gap)[2] >= target:
                break
            low, step = low - step, 2.0 * step
        u, guess = 0.5 * (low + high), 0.0
        for _ in range(120):
            row = point(u, law, layers, guess, ratio, gap)
            guess = row[5]
            if row[2] >= target:
                low = u
            else:
                high = u
            speed = row[1] * row[4]
            new = u + (row[2] - target) / speed if speed > 0.0 else high + 1.0
            if not (low <= new <= high):
                new = 0.5 * (low + high)
            done = abs(new - u) <= 1e-15 * max(1.0, abs(u)) or abs(row[2] - target) <= 1e-15
            if done:
                break
            u = new
        out[k] = row[0], row[1], row[2], row[3], row[4], u
    return out
