"""The Hastings–McLeod solution of Painlevé II and its integrals: Tracy–Widom laws to the left, in logarithms.

q'' = sq + 2q³ with q ~ Ai(s) as s → ∞, ln F₂ = −∫_s^∞ (x − s)q², ln F₁ = (ln F₂ − ∫_s^∞ q)/2 (Tracy & Widom 1994,
1996).  Integrating the equation is unstable both ways; as a boundary value problem it is harmless.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.special import airy

from vgtheory.random_matrices.laws.smooth import evaluate

FIRST = -14.0  # to the left the asymptotic series has 16 digits
_LAST, _DEGREE, _TERMS, _NEWTON = 8.0, 128, 9, 40
_ZETA = -0.16542114370045092921  # ζ'(−1)


@dataclass(frozen=True)
class Tail:
    """At s: ln F₂, d ln F₂/ds = ∫_s^∞ q², ∫_s^∞ q, and q."""

    log_two: np.ndarray
    slope: np.ndarray
    integral: np.ndarray
    q: np.ndarray


@lru_cache(maxsize=1)
def _coefficients() -> tuple[np.ndarray, np.ndarray]:
    """Return a_k and b_k of q = √(x/2) Σ a_k x^{−3k}, q² = (x/2) Σ b_k x^{−3k}, x = −s, from the equation itself."""
    a = np.array([1.0])
    for k in range(1, _TERMS):
        known = np.append(a, 0.0)
        cube = np.convolve(np.convolve(known, known)[: k + 1], known)[k]
        a = np.append(a, (a[k - 1] * ((3 * (k - 1)) ** 2 - 0.25) - cube) / 2)
    return a, np.convolve(a, a)[:_TERMS]


def _series(s: np.ndarray) -> Tail:
    """Return the asymptotic series for s → −∞, with the constants of Baik, Buckingham & DiFranco (2008)."""
    a, b = _coefficients()
    x, k = -np.asarray(s, dtype=float), np.arange(_TERMS)
    powers = (x**-3.0)[..., None] ** k
    up = b[2:] / ((2 - 3 * k[2:]) * (3 - 3 * k[2:]))
    log_two = -(x**3) * (b[0] / 12 + powers[..., 2:] @ up / 2) + b[1] / 2 * np.log(x) + log(2) / 24 + _ZETA
    slope = x**2 / 2 * (powers @ (b / (2 - 3 * k)))
    integral = log(2) / 2 + np.sqrt(x / 2) * x * (powers @ (a / (1.5 - 3 * k)))
    return Tail(log_two, slope, integral, np.sqrt(x / 2) * (powers @ a))


@lru_cache(maxsize=1)
def _solution() -> tuple[Chebyshev, Chebyshev, Chebyshev, Chebyshev]:
    """Return ln F₂, its slope, ∫_s^∞ q and q on [FIRST, 8], q from its second derivative by Newton's method."""
    node, _ = np.polynomial.chebyshev.chebgauss(_DEGREE)
    middle, half = (_LAST + FIRST) / 2, (_LAST - FIRST) / 2
    s = middle + half * node
    # Row i of `once` integrates the interpolant of values at the nodes from FIRST to s_i; the last row, to 8.
    basis = np.polynomial.chebyshev.chebvander(node, _DEGREE - 1).T * (2 / _DEGREE)
    basis[0] /= 2
    integrated = np.polynomial.chebyshev.chebint(basis, lbnd=-1, axis=0) * half
    twice = np.polynomial.chebyshev.chebint(integrated, lbnd=-1, axis=0) * half
    at = np.polynomial.chebyshev.chebvander(np.append(node, 1.0), _DEGREE + 1)
    rows = at @ twice
    share = (s - FIRST) / (2 * half)
    kernel = rows[:-1] - share[:, None] * rows[-1]
    left, right = float(_series(np.array(FIRST)).q), float(airy(_LAST)[0])
    line = left * (1 - share) + right * share
    q = np.sqrt((np.sqrt(s**2 + 0.5) - s) / 4)
    bend = s * q + 2 * q**3
    for _ in range(_NEWTON):
        q = line + kernel @ bend
        step = np.linalg.solve(np.eye(_DEGREE) - (s + 6 * q**2)[:, None] * kernel, bend - s * q - 2 * q**3)
        bend = bend - step
        if np.abs(step).max() < 1e-13 * np.abs(bend).max():
            break
    curve = Chebyshev(basis @ (line + kernel @ bend), domain=[FIRST, _LAST])
    square = Chebyshev.interpolate(lambda x: curve(x) ** 2, 2 * _DEGREE, domain=[FIRST, _LAST])
    # Beyond 8 q is Ai to 1e-20: ∫ Ai², ∫ (x − 8) Ai² and ∫ Ai in closed form or by a short rule.
    slope = -(square.integ(lbnd=_LAST) - _beyond(2, 0))
    log_two = slope.integ(lbnd=_LAST) - _beyond(2, 1)
    return log_two, slope, -(curve.integ(lbnd=_LAST) - _beyond(1, 0)), curve


def _beyond(power: int, order: int) -> float:
    node, weight = np.polynomial.laguerre.laggauss(40)
    rate = power * np.sqrt(_LAST)
    return float((weight * np.exp(node) * airy(_LAST + node / rate)[0] ** power * (node / rate) ** order).sum() / rate)


def left_tail(s: np.ndarray) -> Tail:
    """Return ln F₂ and its companions at s < 8, to 1e-13 relative to the largest in a logarithm."""
    s = np.asarray(s, dtype=float)
    inner = [evaluate(part, np.maximum(s, FIRST)) for part in _solution()]
    far = _series(np.minimum(s, FIRST))
    outer = (far.log_two, far.slope, far.integral, far.q)
    return Tail(*(np.where(s > FIRST, a, b) for a, b in zip(inner, outer, strict=True)))
