"""Spectrum of J Jᵀ for layers with different laws of D²: a chain of points from the top edge down.

All layers share m = M_k(ζ_k), M_k(ζ) = E[d²/(ζ − d²)] under law k, which occurs n_k times (Σ n_k = L, not necessarily
integers).  With b = 0 for Gaussian and b = 1 for orthogonal weights

    ln z = ln(1 + m) − ln m + Σ_k n_k [ln σ_w² + ln m + ln ζ_k − b ln(1 + m)],

and the point lies on the boundary where Im ln z = 0.  The path parameter is ln|ζ_1|; arg ζ_1 and the other ln ζ_k are
found together by Newton's method, each point starting from its neighbour.
"""

import numpy as np

from vgtheory.kernels._jit import exact, reduction

_ITERATIONS = 25
_HALVINGS = 60


@reduction
def _sums(log_zeta, nodes, weights, start, stop):
    """Return E v, E w and E v w with v = d²/(ζ − d²), w = 1 + v, over the nodes of one law."""
    u, theta = log_zeta.real, log_zeta.imag
    cosine, sine, lift = np.cos(theta), np.sin(theta), 2.0 * np.sin(0.5 * theta) ** 2
    vr = vi = wr = wi = ar = ai = 0.0
    for i in range(start, stop):
        distance = nodes[i] - u
        b = np.exp(-abs(distance))
        if abs(distance) > 40.0:
            # The first term of the expansion in d²/|ζ| or its inverse is exact to rounding.
            tr, ti = weights[i] * b * cosine, weights[i] * b * sine
            if distance < 0.0:
                vr, vi, wr, wi = vr + tr, vi - ti, wr + weights[i] + tr, wi - ti
                ar, ai = ar + tr, ai - ti
            else:
                vr, vi, wr, wi = vr - weights[i] - tr, vi - ti, wr - tr, wi - ti
                ar, ai = ar + tr, ai + ti
            continue
        gap = -np.expm1(-abs(distance)) if abs(distance) < 0.7 else 1.0 - b
        scale = weights[i] / max(gap * gap + 2.0 * b * lift, 1e-34)
        norm = scale / weights[i]
        if distance < 0.0:  # v = a e^{−iθ}/(1 − a e^{−iθ}) with a = b
            x, y = (gap + b * lift), -b * sine  # conjugate of 1 − a e^{−iθ}
            pr, pi = x * norm, y * norm
            qr, qi = b * (cosine * pr + sine * pi), b * (cosine * pi - sine * pr)
        else:  # v = −1/(1 − b e^{iθ})
            x, y = (gap + b * lift), b * sine
            qr, qi = -x * norm, -y * norm
            pr, pi = b * (cosine * qr - sine * qi), b * (cosine * qi + sine * qr)
        p = weights[i]
        vr += p * qr
        vi += p * qi
        wr += p * pr
        wi += p * pi
        ar += p * (qr * pr - qi * pi)
        ai += p * (qr * pi + qi * pr)
    return complex(vr, vi), complex(wr, wi), complex(ar, ai)


@exact
def _ratio(x, y):
    """Return x/y, NaN for y = 0: Numba raises for a complex division by zero, and m vanishes far above an edge."""
    if y == 0:
        return complex(np.nan, np.nan)
    return x / y


@exact
def _lower_log(m):
    """Return ln m with its argument in (−π, 0]."""
    return complex(np.log(abs(m)), np.arctan2(min(m.imag, -0.0), m.real))


@exact
def _system(zetas, laws, depth, ratio_b, errors, slopes):
    """Return (ln z, K = d ln z/d ln ζ_1, correction, slope of ln m, worst error, m, 1 + m); fill errors and slopes."""
    nodes, weights, offsets, atoms, counts = laws
    v, w, a = _sums(zetas[0], nodes, weights, offsets[0], offsets[1])
    m, one = v, w + atoms[0]
    log_m, log_one = _lower_log(m), _lower_log(one)
    first, share = -_ratio(a, m), _ratio(m, one)
    value, rate = log_one - log_m, share - 1.0
    correction, worst = 0j, 0.0
    for k in range(counts.size):
        if k == 0:
            slope, error = first, 0j
        else:
            v, w, a = _sums(zetas[k], nodes, weights, offsets[k], offsets[k + 1])
            slope = -_ratio(a, v)
            # The same residual to first order, from whichever of m and 1 + m is small and therefore precise.
            if abs(one) < abs(m):
                error = (_lower_log(w + atoms[k]) - log_one) * _ratio(w + atoms[k], v)
            else:
                error = _lower_log(v) - log_m
        errors[k], slopes[k] = error, slope
        worst = max(worst, abs(error))
        value += counts[k] * (log_m + zetas[k] - ratio_b * log_one)
        correction -= counts[k] * _ratio(error, slope)
        rate += counts[k] * (1.0 - ratio_b * share + _ratio(1.0 + 0j, slope))
    return value, rate * first, correction, first, worst, m, one


@exact
def _newton(zetas, laws, depth, ratio_b, errors, slopes, near):
    """Solve for arg ζ_1 and ln ζ_k (k ≥ 2) in place at fixed ln|ζ_1|; return the iterations, or −1."""
    for iteration in range(_ITERATIONS):
        value, slope, correction, first, worst, _, _ = _system(zetas, laws, depth, ratio_b, errors, slopes)
        theta = zetas[0].imag
        # Next to an edge θ = 0 is a spurious root: there Newton's method is for F/θ.
        rate = slope.real - (value.imag / theta if near else 0.0)
        change = -(value.imag + correction.imag) / rate
        change = min(max(change, -0.3 * theta), 0.3 * theta)
        for k in range(1, zetas.size):
            step = _ratio(-errors[k] + first * complex(0.0, change), slopes[k])
            if abs(step) > 0.5:
                step *= 0.5 / abs(step)
            new = zetas[k] + step
            angle = min(max(new.imag, 1e-3 * zetas[k].imag), 0.5 * (zetas[k].imag + np.pi))
            zetas[k] = complex(new.real, angle)
        new_theta = theta + change
        if new_theta >= np.pi:
            new_theta = 0.5 * (theta + np.pi)
        zetas[0] = complex(zetas[0].real, new_theta)
        if not (np.isfinite(new_theta) and np.isfinite(worst)):
            return -1
        if abs(change) < 1e-8 * new_theta and worst < 1e-9:
            return iteration + 1
    return -1


@exact
def _row(zetas, laws, depth, ratio_b, log_variance, errors, slopes, out):
    """Fill out = (ln x, density of ln x, survival, θ_1, d ln x/d ln|ζ_1|, Re K)."""
    nodes, weights, offsets, _, counts = laws
    value, slope, _, _, _, m, one = _system(zetas, laws, depth, ratio_b, errors, slopes)
    log_one = _lower_log(one)
    total = -log_one.imag
    for k in range(counts.size):
        u, theta = zetas[k].real, zetas[k].imag
        sine, lift = np.sin(theta), 2.0 * np.sin(0.5 * theta) ** 2
        angle = 0.0
        for i in range(offsets[k], offsets[k + 1]):
            distance = nodes[i] - u
            b, gap = np.exp(-abs(distance)), -np.expm1(-abs(distance))
            if distance < 0.0:
                angle += weights[i] * np.arctan2(b * sine, gap + b * lift)
            else:
                angle += weights[i] * np.arctan2(sine, lift - gap)
        total += counts[k] * ((1.0 - ratio_b) * m.imag + ratio_b * log_one.imag + angle)
    out[0] = value.real + depth * log_variance
    out[1], out[2], out[3] = -m.imag / np.pi, total / np.pi, zetas[0].imag
    out[4], out[5] = abs(slope) ** 2 / slope.real, slope.real


@exact
def _real_zeta(log_m, nodes, weights, start, stop, guess):
    """Return ln of the distance in ln ζ, above the law's top node, of the real ζ with M(ζ) = m."""
    top = nodes[stop - 1]
    low, high = -34.0, 7.0
    v = guess
    for _ in range(100):
        total, slope = 0.0, 0.0
        distance = np.exp(v)
        for i in range(stop - 1, start - 1, -1):
            away = distance + top - nodes[i]
            if away > 80.0:
                break
            x = np.expm1(away)
            total += weights[i] / x
            slope -= weights[i] * (1.0 + x) / (x * x)
        gap = np.log(total) - log_m if total > 0.0 else -1.0
        if gap > 0.0:
            low = v
        else:
            high = v
        new = v - gap * total / (slope * distance) if total > 0.0 else low - 1.0
        if not (low < new < high):
            new = 0.5 * (low + high)
        done = abs(new - v) < 1e-15 * max(1.0, abs(v)) or high - low < 1e-15
        v = new
        if done:
            break
    return v


@exact
def top_edge(laws, depth, ratio_b):
    """Return (ln m at the top edge, real ln ζ_k there): ln z is smallest over real m > 0."""
    nodes, weights, offsets, _, counts = laws
    zetas, guesses = np.zeros(counts.size), np.zeros(counts.size)
    low, high = -27.0, 12.0
    for _ in range(60):
        log_m = 0.5 * (low + high)
        m = np.exp(log_m)
        rate = m / (1.0 + m) - 1.0
        for k in range(counts.size):
            guesses[k] = _real_zeta(log_m, nodes, weights, offsets[k], offsets[k + 1], guesses[k])
            zetas[k] = nodes[offsets[k + 1] - 1] + np.exp(guesses[k])
            value, _, a = _sums(complex(zetas[k], 0.0), nodes, weights, offsets[k], offsets[k + 1])
            rate += counts[k] * (1.0 - ratio_b * m / (1.0 + m) - value.real / a.real)
        if rate < 0.0:
            low = log_m
        else:
            high = log_m
    return 0.5 * (low + high), zetas


@exact
def start_below_edge(edge, drop, laws, depth, ratio_b):
    """Return (converged, ln ζ_k) at ln|ζ_1| a small `drop` below its value at the top edge."""
    nodes, weights, offsets, _, counts = laws
    size = counts.size
    rates = np.empty(size)
    for k in range(size):
        v, _, a = _sums(complex(edge[k], 0.0), nodes, weights, offsets[k], offsets[k + 1])
        rates[k] = -a.real / v.real
    zetas = np.empty(size, np.complex128)
    errors, slopes = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    for guess in (2.45, 1.8, 3.5, 1.2, 5.0, 0.8, 8.0, 0.4, 12.0):
        for k in range(size):
            zetas[k] = edge[k] + rates[0] / rates[k] * complex(-drop, guess * np.sqrt(drop))
        if _newton(zetas, laws, depth, ratio_b, errors, slopes, True) > 0 and zetas[0].imag > 1e-9:
            return True, zetas
    return False, zetas


@exact
def chain(us, start, laws, depth, ratio_b, log_variance, most):
    """Return (rows, states, number reached) along decreasing ln|ζ_1| = us, from the solution `start` at us[0].

    It gives up after `most` iterations.

    A row is (ln x, density of ln x, survival, θ_1, d ln x/d ln|ζ_1|, Re K); a state is ln ζ_k.
    """
    size = laws[4].size
    rows, states = np.empty((us.size, 6)), np.empty((us.size, size), np.complex128)
    errors, slopes = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    now, before, kept = start.copy(), start.copy(), start.copy()
    last, spent = 0.0, 0
    for j in range(us.size):
        here = now[0].real
        step = us[j] - here
        halvings = 0
        while True:
            for k in range(size):
                kept[k] = now[k]
            if step != 0.0:
                _predict(now, before, step, last)
            taken = _newton(now, laws, depth, ratio_b, errors, slopes, False)
            spent += taken if taken > 0 else _ITERATIONS
            if taken < 0:
                for k in range(size):
                    now[k] = kept[k]
                step *= 0.4
                halvings += 1
                if halvings > _HALVINGS or abs(step) < 1e-12 or spent > most:
                    return rows, states, j
                continue
            if step != 0.0:
                for k in range(size):
                    before[k] = kept[k]
                last = step
            here = now[0].real
            if abs(here - us[j]) <= 1e-13 * max(1.0, abs(us[j])):
                break
            step = max(us[j] - here, 1.7 * step)
        _row(now, laws, depth, ratio_b, log_variance, errors, slopes, rows[j])
        for k in range(size):
            states[j, k] = now[k]
    return rows, states, us.size


@exact
def _predict(now, before, step, last):
    """Extrapolate the state linearly to ln|ζ_1| + step, angles kept inside (0, π)."""
    share = step / last if last != 0.0 else 0.0
    for k in range(now.size):
        move = (now[k] - before[k]) * share if last != 0.0 else complex(step, 0.0)
        angle = min(max(now[k].imag + move.imag, 0.3 * now[k].imag), 0.5 * (now[k].imag + np.pi))
        now[k] = complex(now[k].real + (step if k == 0 else move.real), angle)


@exact
def invert(targets, column, rows, states, laws, depth, ratio_b, log_variance):
    """Return rows at prescribed ln x (column 0) or survival (column 2), between the neighbours found by `chain`.

    `rows` and `states` run with ln x increasing; targets outside their range get the end row.
    """
    size = laws[4].size
    out = np.empty((targets.size, 6))
    errors, slopes = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    state, row = np.empty(size, np.complex128), np.empty(6)
    sign = 1.0 if column == 0 else -1.0
    values = sign * rows[:, column].copy()
    for n in range(targets.size):
        target = sign * targets[n]
        j = np.searchsorted(values, target)
        if j == 0 or j == values.size:
            out[n] = rows[0] if j == 0 else rows[-1]
            continue
        low, high = states[j - 1, 0].real, states[j, 0].real
        u = low + (high - low) * (target - values[j - 1]) / (values[j] - values[j - 1])
        left, right = low, high
        for _ in range(60):
            share = (u - left) / (right - left)
            for k in range(size):
                state[k] = states[j - 1, k] + share * (states[j, k] - states[j - 1, k])
            state[0] = complex(u, state[0].imag)
            if _newton(state, laws, depth, ratio_b, errors, slopes, False) < 0:
                row[:] = np.nan
                break
            _row(state, laws, depth, ratio_b, log_variance, errors, slopes, row)
            gap = target - sign * row[column]
            rate = row[4] if column == 0 else row[1] * row[4]
            if gap > 0.0:
                low = u
            else:
                high = u
            new = u + gap / rate if rate > 0.0 else high + 1.0
            if not (low <= new <= high):
                new = 0.5 * (low + high)
            if abs(new - u) <= 1e-14 * max(1.0, abs(u)):
                break
            u = new
        out[n] = row
    return out
