"""Spectrum of J Jᵀ for J = ∏ D_l W_l with one law of D² in every layer: the polar subordination curve.

Write ζ = r e^{iθ} for the subordination variable of one factor D², w = 1/(1 − d²/ζ), Q = E w, P = E d² w.  The
S-transform gives z = σ^{2L} ζ Q P^{L−1} (Gaussian weights) and z = σ^{2L} ζ (P/Q)^{L−1} (orthogonal weights).  For
every r > 0 at most one θ in (0, π) makes z real (Belinschi & Bercovici 2005: the subordination domain is a graph over
r); at that θ, ln x = Re ln z, the density and the survival function are explicit.  Where no θ exists, r maps outside
the support and θ = 0.

Everything is carried in logarithms: u = ln r, nodes ln d², so depth 10⁵ and d² = e^{−20000} neither overflow nor
underflow.
"""

from typing import NamedTuple

import numpy as np

from vgtheory.kernels._jit import exact, rounded, small
from vgtheory.kernels.spectral_far import log_sum, power_sums
from vgtheory.kernels.spectral_law import Window, angles, fill_window, means, variance

GAUSSIAN, ORTHOGONAL = 0, 1


class Layers(NamedTuple):
    """L equal layers but for the law of d²: L, GAUSSIAN or ORTHOGONAL, ln χ with χ = σ_w² E d², and ln E d²."""

    depth: float
    kind: int
    log_chi: float
    log_mean: float


@small
def _over(a, b):
    size = max(abs(b.real), abs(b.imag))
    if size < 1e-290:  # both sums have underflowed: every node lies hundreds of decades above r
        return 0j
    x, y = b.real / size, b.imag / size
    return complex(a.real * x + a.imag * y, a.imag * x - a.real * y) / (size * (x * x + y * y))


@rounded
def _condition(theta, phi, at, layers):
    """Return F = Im ln z and K = d ln z / d ln ζ from the means at ζ."""
    depth, kind = layers.depth, layers.kind
    turn = complex(-np.cos(theta), np.sin(theta)) if theta < phi else complex(np.cos(phi), np.sin(phi))
    arg_q, arg_y = np.arctan2(at.q.imag, at.q.real), np.arctan2(at.y.imag, at.y.real)
    if kind == GAUSSIAN:
        slope = 1.0 + turn * _over(at.yw, at.q)
        if depth > 1.0:
            slope += (depth - 1.0) * turn * _over(at.yy, at.y)
        return theta + arg_q + (depth - 1.0) * arg_y, slope
    return theta + (depth - 1.0) * (arg_y - arg_q), 1.0 + (depth - 1.0) * turn * (
        _over(at.yy, at.y) - _over(at.yw, at.q)
    )


@rounded
def _axis(u, at, law, layers, window):
    """Return (whether a root θ > 0 exists, whether P and Q are positive) from the means on the real axis."""
    depth, kind, q, y = layers.depth, layers.kind, at.q, at.y
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
        spread = variance(u, y.real, law, window)
        return (depth - 1.0) * spread > y.real * q.real, True
    slope = 1.0 - at.yw.real / q.real
    if depth > 1.0:
        slope -= (depth - 1.0) * at.yy.real / y.real
    return slope < 0.0, True


@exact
def _angle(u, law, layers, guess, ratio, gap):
    """Return (θ, π − θ, window) on the curve at r = e^u, θ = 0 outside the support; both to relative precision."""
    first, middle, last = fill_window(u, law, ratio, gap)
    window = Window(first, middle, last, ratio, gap)
    at = means(u, 0.0, np.pi, law, window)
    exists, positive = _axis(u, at, law, layers, window)
    if not exists:
        return 0.0, np.pi, window
    low, high = -40.0, 40.0  # bracket of ln(θ/φ): both small θ and small π − θ keep their digits
    if guess > 0.0:
        t = guess
    else:
        at = means(u, np.pi, 0.0, law, window)
        _, slope = _condition(np.pi, 0.0, at, layers)
        phi = min(np.pi / max(slope.real, 1.0), 0.5 * np.pi)
        t = np.log((np.pi - phi) / phi)
    for _ in range(100):
        theta, phi = np.pi / (1.0 + np.exp(-t)), np.pi / (1.0 + np.exp(t))
        at = means(u, theta, phi, law, window)
        value, slope = _condition(theta, phi, at, layers)
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


@rounded
def survival(u, theta, phi, q, law, layers, window):
    """Return Prob(X > x) = Im Ψ(z)/π, Ψ the logarithmic potential, explicit at ζ (integral of m d ln z by parts)."""
    nodes, weights, above = law.nodes, law.weights, law.above
    first, last = window.first, window.last
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    turn = complex(np.cos(theta), np.sin(theta)) if theta < phi else complex(-np.cos(phi), np.sin(phi))
    total = angles(turn.imag, lift, weights, window)
    if first > 0:
        total += log_sum(law.lower, first, np.exp(nodes[first - 1] - u) * turn.conjugate())
    if last < nodes.size:
        total += above[last] * phi + log_sum(law.upper, last, np.exp(u - nodes[last]) * turn)
    arg_q = np.arctan2(q.imag, q.real)
    if theta == 0.0 and q.real < 0.0:
        arg_q = -np.pi
    if layers.kind == GAUSSIAN:
        return (-arg_q + layers.depth * (q.imag + total)) / np.pi
    return ((layers.depth - 1.0) * arg_q + layers.depth * total) / np.pi


@rounded
def _log_ratio(u, theta, phi, y, law, layers, window):
    """Return ln |P/E d²|; above the law by its deviation from one, which the factor L − 1 would magnify."""
    nodes, weights = law.nodes, law.weights
    if u < nodes[-1] + 0.7:
        return u + np.log(abs(y)) - layers.log_mean
    first, _, last, ratio, gap = window
    lift = 2.0 * np.sin(0.5 * theta) ** 2
    cosine, sine = (-np.cos(theta), np.sin(theta)) if theta < phi else (np.cos(phi), np.sin(phi))
    mean, cr, ci = 0.0, 0.0, 0.0
    for i in range(first, last):
        a = ratio[i]
        share = weights[i] * a
        mean += share
        share *= a / (gap[i] * gap[i] + 2.0 * a * lift)
        cr += share * (gap[i] + a * lift)
        ci -= share * a * sine
    t = -complex(cosine, sine) * complex(cr, ci)
    if first > 0:
        small = np.exp(nodes[first - 1] - u)
        mean += small * law.lower[first, 0]
        _, _, rest = power_sums(law.lower, first, small * complex(-cosine, -sine))
        t += small * rest
    if mean == 0.0:  # r is beyond every node by more than doubles hold
        return 0.0
    t /= mean
    return 0.5 * np.log1p(2.0 * t.real + t.real**2 + t.imag**2)


@exact
def solve(u, law, layers, guess, ratio, gap):
    """Return (θ, π − θ, window, Q, Y, F, K) on the boundary curve at r = e^u."""
    theta, phi, window = _angle(u, law, layers, guess, ratio, gap)
    q, y, value, slope = evaluated(u, theta, phi, law, layers, window)
    return theta, phi, window, q, y, value, slope


@exact
def evaluated(u, theta, phi, law, layers, window):
    """Return Q, Y, F = Im ln z and K = d ln z/d ln ζ at ζ = e^u e^{iθ}."""
    at = means(u, theta, phi, law, window)
    value, slope = _condition(theta, phi, at, layers)
    return at.q, at.y, value, slope


@rounded
def log_modulus(u, theta, phi, q, y, law, layers, window):
    """Return ln |z|."""
    depth = layers.depth
    log_p = _log_ratio(u, theta, phi, y, law, layers, window) if depth > 1.0 else 0.0
    m = y * complex(np.cos(theta), -np.sin(theta))
    log_q = 0.5 * np.log1p(2.0 * m.real + abs(m) ** 2) if abs(m) < 0.5 else np.log(abs(q))
    first = u - layers.log_mean
    if layers.kind == GAUSSIAN:
        return depth * layers.log_chi + first + log_q + (depth - 1.0) * log_p
    return depth * layers.log_chi + first + ((depth - 1.0) * (log_p - log_q) if depth > 1.0 else 0.0)


@exact
def point(u, law, layers, guess, ratio, gap):
    """Return (ln x, density of ln x, survival, θ, d ln x/du, ln(θ/φ)) at r = e^u."""
    theta, phi, window, q, y, _, slope = solve(u, law, layers, guess, ratio, gap)
    log_x = log_modulus(u, theta, phi, q, y, law, layers, window)
    above = survival(u, theta, phi, q, law, layers, window)
    rate = abs(slope) ** 2 / slope.real if theta > 0.0 and slope.real > 0.0 else slope.real
    return log_x, -q.imag / np.pi, above, theta, rate, np.log(theta / phi) if theta > 0.0 else 0.0


@exact
def curve(us, law, layers):
    """Return rows (ln x, density of ln x, survival, θ, d ln x/d ln r) at the given ln r; x = s² eigenvalue of J Jᵀ.

    Parameters
    ----------
    us : ln r, any order; increasing order lets each point start from its neighbour.
    law, layers : of d² and of what multiplies it; apart, since every look at arrays inside a value counts references.
    """
    ratio, gap = np.empty(law.nodes.size), np.empty(law.nodes.size)
    out = np.empty((us.size, 5))
    for k in range(us.size):
        row = point(us[k], law, layers, 0.0, ratio, gap)
        for j in range(5):
            out[k, j] = row[j]
    return out


@exact
def active(u, law, layers):
    """Return whether r = e^u lies inside the support."""
    ratio, gap = np.empty(law.nodes.size), np.empty(law.nodes.size)
    first, middle, last = fill_window(u, law, ratio, gap)
    window = Window(first, middle, last, ratio, gap)
    at = means(u, 0.0, np.pi, law, window)
    return _axis(u, at, law, layers, window)[0]


@exact
def top_edge(law, layers):
    """Return ln r at the top edge: inside and outside meet once above the largest d²."""
    base = law.nodes[-1]
    low, high = -34.0, 5.0  # ln of the distance in ln r
    if not active(base + np.exp(low), law, layers):
        return base
    for _ in range(60):
        middle = 0.5 * (low + high)
        if active(base + np.exp(middle), law, layers):
            low = middle
        else:
            high = middle
    return base + np.exp(low)


@exact
def edges(starts, stops, law, layers):
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
            now = active(u, law, layers)
            if i > 0 and now != inside:
                low, high = before, u
                for _ in range(60):
                    middle = 0.5 * (low + high)
                    if active(middle, law, layers) == inside:
                        low = middle
                    else:
                        high = middle
                found.append(0.5 * (low + high))
            inside, before = now, u
    out = np.empty(len(found))
    for k in range(len(found)):
        out[k] = found[k]
    return out
