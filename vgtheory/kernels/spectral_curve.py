"""Spectrum of J Jᵀ for J = ∏ D_l W_l with one law of D² in every layer: the polar subordination curve.

Write ζ = r e^{iθ} for the subordination variable of one factor D², w = 1/(1 − d²/ζ), Q = E w, P = E d² w.  The
S-transform gives z = σ^{2L} ζ Q P^{L−1} (Gaussian weights) and z = σ^{2L} ζ (P/Q)^{L−1} (orthogonal weights).  For
every r > 0 at most one θ in (0, π) makes z real (Belinschi & Bercovici 2005: the subordination domain is a graph over
r); at that θ, ln x = Re ln z, the density and the survival function are explicit.  Where no θ exists, r maps outside
the support and θ = 0.

Everything is carried in logarithms: u = ln r, nodes ln d², so depth 10⁵ and d² = e^{−20000} neither overflow nor
underflow.  A law is given by the arrays of :func:`prepare`.
"""

import numpy as np

from vgtheory.kernels._jit import exact, reduction
from vgtheory.kernels.spectral_angle import upper_angle

GAUSSIAN, ORTHOGONAL = 0, 1
_FAR = 40.0  # beyond |ln d² − u| = 40 the first term of the expansion in d²/r or r/d² is exact to 2^-53
_STRIDE = 256.0  # nodes share the reference of their e^{ln d²} over so much: no exponential per node and point
_NEAR = 0.7  # closer than this in ln d² to ln r the difference 1 − d²/r would cancel
_TINY = 1e-34  # floor of |1 − d²/ζ|², reached only when ζ sits on a node


@exact
def prepare(nodes, weights):
    """Return (weight below, first moment below, weight above, inverse moment above, ratio, reference) of sorted nodes.

    Entry k of the first pair sums over nodes before k, the moment in units of d² of node k − 1; entry k of the second
    pair sums over nodes from k on, the inverse moment in units of 1/d² of node k; d² = ratio · e^reference.
    """
    n = nodes.size
    reference = _STRIDE * np.round(nodes / _STRIDE)
    below, moment = np.zeros(n + 1), np.zeros(n + 1)
    above, inverse = np.zeros(n + 1), np.zeros(n + 1)
    for k in range(n):
        below[k + 1] = below[k] + weights[k]
        moment[k + 1] = weights[k] + (moment[k] * np.exp(nodes[k - 1] - nodes[k]) if k else 0.0)
    for k in range(n - 1, -1, -1):
        above[k] = above[k + 1] + weights[k]
        inverse[k] = weights[k] + (inverse[k + 1] * np.exp(nodes[k] - nodes[k + 1]) if k < n - 1 else 0.0)
    return below, moment, above, inverse, np.exp(nodes - reference), reference


@exact
def window_of(u, law, ratio, gap):
    """Fill ratio = e^{−|ln d² − u|} and gap = 1 − ratio near u; return the window and where ln d² passes u."""
    nodes, scaled, reference = law[0], law[6], law[7]
    first = np.searchsorted(nodes, u - _FAR)
    last = np.searchsorted(nodes, u + _FAR)
    middle = np.searchsorted(nodes, u)
    i = first
    while i < last:
        shift = reference[i]
        stop = min(np.searchsorted(nodes, shift + 0.5 * _STRIDE, side="right"), last)
        stop = max(stop, i + 1)
        while stop < last and reference[stop] == shift:
            stop += 1
        while reference[stop - 1] != shift:
            stop -= 1
        _fill(i, min(stop, middle), np.exp(shift - u), scaled, ratio, gap)
        _fill_inverse(max(i, middle), stop, np.exp(shift - u), scaled, ratio, gap)
        i = stop
    for i in range(np.searchsorted(nodes, u - _NEAR), np.searchsorted(nodes, u + _NEAR)):
        # On a node itself: as close as rounding can tell.
        gap[i] = max(-np.expm1(-abs(nodes[i] - u)), 1e-17)
    return first, middle, last


@exact
def _fill(start, stop, factor, scaled, ratio, gap):
    for i in range(start, stop):
        ratio[i] = factor * scaled[i]
        gap[i] = 1.0 - ratio[i]


@exact
def _fill_inverse(start, stop, factor, scaled, ratio, gap):
    for i in range(start, stop):
        ratio[i] = 1.0 / (factor * scaled[i])
        gap[i] = 1.0 - ratio[i]


@reduction
def _sums(u, theta, phi, law, atom0, window, ratio, gap):
    """Return Q = E w, Y = E y, E y w and E y² for y = (d²/r) w, at ζ = e^u e^{iθ}, φ = π − θ."""
    nodes, weights, below, moment, above, inverse, _, _ = law
    first, middle, last = window
    if theta < phi:
        cosine, sine = -np.cos(theta), np.sin(theta)
    else:
        cosine, sine = np.cos(phi), np.sin(phi)
    lift = 2.0 * np.sin(0.5 * theta) ** 2  # 1 + cos φ without cancellation
    qr = qi = yr = yi = ar = ai = br = bi = 0.0
    for i in range(first, middle):
        b = ratio[i]
        scale = 1.0 / max(gap[i] * gap[i] + 2.0 * b * lift, _TINY)
        wr, wi = (gap[i] + b * lift) * scale, -b * sine * scale
        p, vr, vi = weights[i], b * wr, b * wi
        qr += p * wr
        qi += p * wi
        yr += p * vr
        yi += p * vi
        ar += p * (vr * wr - vi * wi)
        ai += p * (vr * wi + vi * wr)
        br += p * (vr * vr - vi * vi)
        bi += p * 2.0 * vr * vi
    for i in range(middle, last):
        b = ratio[i]
        scale = 1.0 / max(gap[i] * gap[i] + 2.0 * b * lift, _TINY)
        vr, vi = (lift - gap[i]) * scale, -sine * scale
        p, wr, wi = weights[i], b * vr, b * vi
        qr += p * wr
        qi += p * wi
        yr += p * vr
        yi += p * vi
        ar += p * (vr * wr - vi * wi)
        ai += p * (vr * wi + vi * wr)
        br += p * (vr * vr - vi * vi)
        bi += p * 2.0 * vr * vi
    q, y, a, b2 = complex(qr + atom0 + below[first], qi), complex(yr, yi), complex(ar, ai), complex(br, bi)
    if first > 0:
        small = moment[first] * np.exp(nodes[first - 1] - u)
        y, a = y + small, a + small
    if last < nodes.size:
        turn = complex(cosine, -sine)  # e^{−iφ}
        small = inverse[last] * np.exp(u - nodes[last])
        q, y = q + small * turn, y + above[last] * turn
        a, b2 = a + small * turn * turn, b2 + above[last] * turn * turn
    return q, y, a, b2


@exact
def _over(a, b):
    size = max(abs(b.real), abs(b.imag))
    if size < 1e-290:  # both sums have underflowed: every node lies hundreds of decades above r
        return 0j
    x, y = b.real / size, b.imag / size
    return complex(a.real * x + a.imag * y, a.imag * x - a.real * y) / (size * (x * x + y * y))


@exact
def _condition(theta, phi, q, y, a, b2, depth, kind):
    """Return F = Im ln z and K = d ln z / d ln ζ."""
    turn = complex(-np.cos(theta), np.sin(theta)) if theta < phi else complex(np.cos(phi), np.sin(phi))
    arg_q, arg_y = np.arctan2(q.imag, q.real), np.arctan2(y.imag, y.real)
    if kind == GAUSSIAN:
        slope = 1.0 + turn * _over(a, q)
        if depth > 1.0:
            slope += (depth - 1.0) * turn * _over(b2, y)
        return theta + arg_q + (depth - 1.0) * arg_y, slope
    return theta + (depth - 1.0) * (arg_y - arg_q), 1.0 + (depth - 1.0) * turn * (_over(b2, y) - _over(a, q))


@reduction
def _variance(u, mean, law, atom0, window, ratio, gap):
    """Return the variance of y = (d²/r) w at ζ = r = e^u, whose mean is given, without cancellation."""
    nodes, weights, below, moment, above, _, _, _ = law
    first, middle, last = window
    total = (below[first] + atom0) * mean * mean + above[last] * (1.0 + mean) * (1.0 + mean)
    for i in range(first, middle):
        away = ratio[i] / gap[i] - mean
        total += weights[i] * away * away
    for i in range(middle, last):
        away = -1.0 / gap[i] - mean
        total += weights[i] * away * away
    if first > 0:
        total -= 2.0 * mean * moment[first] * np.exp(nodes[first - 1] - u)
    return total


@exact
def _axis(u, q, y, a, b2, law, atom0, depth, kind, window, ratio, gap):
    """Return (whether a root θ > 0 exists, whether P and Q are positive) from the sums on the real axis."""
    if kind == ORTHOGONAL and depth == 1.0:
        return False, True
    if y.real <= 0.0 and (depth > 1.0 or kind == ORTHOGONAL) and q.real > 0.0:
        return True, False
    if q.real <= 0.0 and kind == GAUSSIAN:
        return True, False
    if q.real == 0.0 or y.real == 0.0:
        return True, False
    # P and Q of one sign: F(0+) = 0, and a root exists where F starts downwards.
    if kind == ORTHOGONAL:  # E y²/E y − E y w/E w = Var y/(E y E w): next to an atom both quotients diverge
        spread = _variance(u, y.real, law, atom0, window, ratio, gap)
        return (depth - 1.0) * spread > y.real * q.real, True
    slope = 1.0 - a.real / q.real
    if depth > 1.0:
        slope -= (depth - 1.0) * b2.real / y.real
    return slope < 0.0, True


@exact
def _angle(u, law, atom0, depth, kind, guess, ratio, gap):
    """Return (θ, π − θ) on the boundary curve at r = e^u, θ = 0 outside the support; both to relative precision."""
    window = window_of(u, law, ratio, gap)
    q, y, a, b2 = _sums(u, 0.0, np.pi, law, atom0, window, ratio, gap)
    exists, positive = _axis(u, q, y, a, b2, law, atom0, depth, kind, window, ratio, gap)
    if not exists:
        return 0.0, np.pi, window
    low, high = -40.0, 40.0  # bracket of ln(θ/φ): both small θ and small π − θ keep their digits
    if guess > 0.0:
        t = guess
    else:
        q, y, a, b2 = _sums(u, np.pi, 0.0, law, atom0, window, ratio, gap)
        _, slope = _condition(np.pi, 0.0, q, y, a, b2, depth, kind)
        phi = min(np.pi / max(slope.real, 1.0), 0.5 * np.pi)
        t = np.log((np.pi - phi) / phi)
    for _ in range(100):
        theta, phi = np.pi / (1.0 + np.exp(-t)), np.pi / (1.0 + np.exp(t))
        q, y, a, b2 = _sums(u, theta, phi, law, atom0, window, ratio, gap)
        value, slope = _condition(theta, phi, q, y, a, b2, depth, kind)
        if value > 0.0:
            high = t
        else:
            low = t
        rate = slope.real
        if positive and theta < 0.5 * np.pi:
            # θ = 0 is a spurious root: Newton for F/θ as a function of θ², in which it is nearly linear.
            factor = 1.0 - 2.0 * value / (rate * theta - value) if rate * theta > value else -1.0
            new = theta * np.sqrt(factor) if factor > 0.0 else -1.0
            other = np.pi - new
        else:
            step = -value / rate if rate > 0.0 else 10.0
            new, other = theta + step, phi - step
        t_new = np.log(new / other) if new > 0.0 and other > 0.0 else high + 1.0
        if (
            abs(t_new - t) < 1e-9
        ):  # Newton converges quadratically: this step is the last; rounding may leave the bracket
            t = t_new
            break
        if not (low < t_new < high):
            # Without a lower end yet go down in steps: far below the root F is rounding noise of either sign.
            t_new = max(0.5 * (low + high), t - 1.5) if low == -40.0 else 0.5 * (low + high)
        if high - low < 1e-14:
            break
        t = t_new
    if t < -36.0:
        return 0.0, np.pi, window
    return np.pi / (1.0 + np.exp(-t)), np.pi / (1.0 + np.exp(t)), window


@reduction
def _angles(sine, lift, weights, window, ratio, gap):
    """Return E arg(1 − d²/ζ) over the nodes of the window."""
    first, middle, last = window
    total = 0.0
    for i in range(first, middle):
        total += weights[i] * upper_angle(ratio[i] * sine, gap[i] + ratio[i] * lift)
    for i in range(middle, last):
        total += weights[i] * upper_angle(sine, lift - gap[i])
    return total


@exact
def survival(u, theta, phi, q, y, law, depth, kind, window, ratio, gap):
    """Return Prob(X > x) = Im Ψ(z)/π, Ψ the logarithmic potential, explicit at ζ (integral of m d ln z by parts)."""
    nodes, weights, _, moment, above, inverse, _, _ = law
    first, _, last = window
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    sine = np.sin(theta) if theta < phi else np.sin(phi)
    total = _angles(sine, lift, weights, window, ratio, gap)
    if first > 0:
        total += moment[first] * np.exp(nodes[first - 1] - u) * sine
    if last < nodes.size:
        total += above[last] * phi - inverse[last] * np.exp(u - nodes[last]) * sine
    arg_q = np.arctan2(q.imag, q.real)
    if theta == 0.0 and q.real < 0.0:
        arg_q = -np.pi
    if kind == GAUSSIAN:
        return (-arg_q + depth * (q.imag + total)) / np.pi
    return ((depth - 1.0) * arg_q + depth * total) / np.pi


@exact
def _log_ratio(u, theta, phi, y, law, log_mean, window, ratio, gap):
    """Return ln |P/E d²|; above the law by its deviation from one, which the factor L − 1 would magnify."""
    nodes, weights = law[0], law[1]
    if u < nodes[-1] + 0.7:
        return u + np.log(abs(y)) - log_mean
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    cosine, sine = (-np.cos(theta), np.sin(theta)) if theta < phi else (np.cos(phi), np.sin(phi))
    mean, cr, ci = 0.0, 0.0, 0.0
    for i in range(window[0], window[2]):
        a = ratio[i]
        share = weights[i] * a
        mean += share
        share *= a / (gap[i] * gap[i] + 2.0 * a * lift)
        cr += share * (gap[i] + a * lift)
        ci -= share * a * sine
    if mean == 0.0:  # r is beyond every node by e^40
        return 0.0
    t = -complex(cosine, sine) * complex(cr, ci) / mean
    return 0.5 * np.log1p(2.0 * t.real + t.real**2 + t.imag**2)


@exact
def solve(u, law, atom0, depth, kind, guess, ratio, gap):
    """Return (θ, π − θ, window, Q, Y, F, K) on the boundary curve at r = e^u."""
    theta, phi, window = _angle(u, law, atom0, depth, kind, guess, ratio, gap)
    q, y, value, slope = sums(u, theta, phi, law, atom0, depth, kind, window, ratio, gap)
    return theta, phi, window, q, y, value, slope


@exact
def sums(u, theta, phi, law, atom0, depth, kind, window, ratio, gap):
    """Return Q, Y, F = Im ln z and K = d ln z/d ln ζ at ζ = e^u e^{iθ}."""
    q, y, a, b2 = _sums(u, theta, phi, law, atom0, window, ratio, gap)
    value, slope = _condition(theta, phi, q, y, a, b2, depth, kind)
    return q, y, value, slope


@exact
def log_modulus(u, theta, phi, q, y, law, depth, kind, scale, window, ratio, gap):
    """Return ln |z|; scale = (ln χ, ln E d²)."""
    log_p = _log_ratio(u, theta, phi, y, law, scale[1], window, ratio, gap) if depth > 1.0 else 0.0
    m = y * complex(np.cos(theta), -np.sin(theta))
    log_q = 0.5 * np.log1p(2.0 * m.real + abs(m) ** 2) if abs(m) < 0.5 else np.log(abs(q))
    first = u - scale[1]
    if kind == GAUSSIAN:
        return depth * scale[0] + first + log_q + (depth - 1.0) * log_p
    return depth * scale[0] + first + ((depth - 1.0) * (log_p - log_q) if depth > 1.0 else 0.0)


@exact
def point(u, law, atom0, depth, kind, scale, guess, ratio, gap):
    """Return (ln x, density of ln x, survival, θ, d ln x/du, ln(θ/φ)) at r = e^u; scale = (ln χ, ln E d²)."""
    theta, phi, window, q, y, _, slope = solve(u, law, atom0, depth, kind, guess, ratio, gap)
    log_x = log_modulus(u, theta, phi, q, y, law, depth, kind, scale, window, ratio, gap)
    above = survival(u, theta, phi, q, y, law, depth, kind, window, ratio, gap)
    rate = abs(slope) ** 2 / slope.real if theta > 0.0 and slope.real > 0.0 else slope.real
    return log_x, -q.imag / np.pi, above, theta, rate, np.log(theta / phi) if theta > 0.0 else 0.0


@exact
def curve(us, law, atom0, depth, kind, scale):
    """Return rows (ln x, density of ln x, survival, θ, d ln x/d ln r) at the given ln r; x = s² eigenvalue of J Jᵀ.

    Parameters
    ----------
    us : ln r, any order; increasing order lets each point start from its neighbour.
    law : (ln d² ascending, weights, *prepare(...)); the atom of d² at zero is apart, as `atom0`.
    depth, kind, scale : L as a float, GAUSSIAN or ORTHOGONAL, (ln χ, ln E d²) with χ = σ_w² E d².
    """
    ratio, gap = np.empty(law[0].size), np.empty(law[0].size)
    out = np.empty((us.size, 5))
    for k in range(us.size):
        row = point(us[k], law, atom0, depth, kind, scale, 0.0, ratio, gap)
        for j in range(5):
            out[k, j] = row[j]
    return out


@exact
def active(u, law, atom0, depth, kind):
    """Return whether r = e^u lies inside the support."""
    ratio, gap = np.empty(law[0].size), np.empty(law[0].size)
    window = window_of(u, law, ratio, gap)
    q, y, a, b2 = _sums(u, 0.0, np.pi, law, atom0, window, ratio, gap)
    return _axis(u, q, y, a, b2, law, atom0, depth, kind, window, ratio, gap)[0]


@exact
def top_edge(law, atom0, depth, kind):
    """Return ln r at the top edge: inside and outside meet once above the largest d²."""
    base = law[0][-1]
    low, high = -34.0, 5.0  # ln of the distance in ln r
    if not active(base + np.exp(low), law, atom0, depth, kind):
        return base
    for _ in range(60):
        middle = 0.5 * (low + high)
        if active(base + np.exp(middle), law, atom0, depth, kind):
            low = middle
        else:
            high = middle
    return base + np.exp(low)


@exact
def edges(starts, stops, law, atom0, depth, kind):
    """Return the ln r where the support begins and ends, ascending, on the given intervals between parts of the law.

    Parameters
    ----------
    starts, stops : the open intervals of ln r that hold no mass of the law of D² (−∞ and ∞ replaced by far points).
        Each is scanned, denser towards its ends; every change between inside and outside is bisected to 2^-52.
    """
    found = []
    points = 96
    for k in range(starts.size):
        a, b = starts[k], stops[k]
        inside, before = True, a
        for i in range(points):
            t = 0.5 - 0.5 * np.cos(np.pi * (i + 0.5) / points)
            t = t * t * (3.0 - 2.0 * t)
            u = a + (b - a) * t
            now = active(u, law, atom0, depth, kind)
            if i > 0 and now != inside:
                low, high = before, u
                for _ in range(60):
                    middle = 0.5 * (low + high)
                    if active(middle, law, atom0, depth, kind) == inside:
                        low = middle
                    else:
                        high = middle
                found.append(0.5 * (low + high))
            inside, before = now, u
    out = np.empty(len(found))
    for k in range(len(found)):
        out[k] = found[k]
    return out
