"""Tracy–Widom laws to the right, to full relative precision: P(X > s) where F rounds to 1.

V(x, y) = Ai((x + y)/2)/2 on (s, ∞) has F₁ = det(I − V), F₂ = det(I − V²), F₄ = (det(I − V) + det(I + V))/2 at √2 x
(Ferrari & Spohn 2005).  Near the bulk 1 − F comes from the eigenvalues of V, far out from its leading traces.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.special import airy, airye

from vgtheory.random_matrices.laws.smooth import evaluate

FIRST = -2.0
_FAR = 16.0
_PANELS, _DEGREE = (FIRST, 2.0, 7.0, _FAR), 40
_SHIFT = 4.0  # k(s + 4)^{3/2} is taken out of ln(1 − F) before it is interpolated, k = 2/3 or 4/3
_NODE, _GAUSS = np.polynomial.legendre.leggauss(64)
_EXPONENT = 30.0  # (3/4)·40: V is cut at 2m − s where Ai(m)², its effect, has fallen by e^{−40}
_V, _WEIGHT = np.polynomial.laguerre.laggauss(48)
_SERIES_FROM = 100.0  # from where on two terms of Airy's series have 16 digits in what is left of it


def _log_above(s: float) -> tuple[float, float, float]:
    """Return ln(1 − F) of β = 1, 2 and 4 (at √2 times its argument) by Gauss–Legendre quadrature."""
    half = (max(s, 0.0) ** 1.5 + _EXPONENT) ** (2 / 3) - s
    x, root = s + half * (_NODE + 1), np.sqrt(half * _GAUSS)
    values = np.linalg.eigvalsh(0.5 * root[:, None] * root * airy((x[:, None] + x) / 2)[0])
    log_two = np.log1p(-(values**2)).sum()
    # (det(I − V) + det(I + V))/2 = √det(I − V²) cosh Σ artanh λ: no cancellation of the first traces.
    cosh = np.log1p(2 * np.sinh(np.arctanh(values).sum() / 2) ** 2)
    found = (np.log1p(-values).sum(), log_two, log_two / 2 + cosh)
    one, two, four = (float(np.log(-np.expm1(v))) for v in found)
    return one, two, four


def _rate(beta: int) -> float:
    return 2 / 3 if beta == 1 else 4 / 3


@lru_cache(maxsize=1)
def _curves() -> dict[int, list[tuple[Chebyshev, Chebyshev]]]:
    """Return ln(1 − F) + k(s + 4)^{3/2} and its derivative on each panel."""
    out: dict[int, list[tuple[Chebyshev, Chebyshev]]] = {1: [], 2: [], 4: []}
    node, _ = np.polynomial.chebyshev.chebgauss(_DEGREE)
    basis = np.polynomial.chebyshev.chebvander(node, _DEGREE - 1).T * (2 / _DEGREE)
    basis[0] /= 2
    for lo, hi in pairwise(_PANELS):
        s = lo + (hi - lo) / 2 * (node + 1)
        rows = np.array([_log_above(float(v)) for v in s])
        for k, beta in enumerate(out):
            curve = Chebyshev(basis @ (rows[:, k] + _rate(beta) * (s + _SHIFT) ** 1.5), domain=[lo, hi])
            out[beta].append((curve, curve.deriv()))
    return out


def _near_tail(beta: int, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ln(1 − F) and ln of the density for FIRST ≤ s ≤ 16."""
    rest, slope = np.zeros(s.shape), np.zeros(s.shape)
    for (lo, hi), (curve, change) in zip(pairwise(_PANELS), _curves()[beta], strict=True):
        here = (s >= lo) & (s <= hi)
        rest[here], slope[here] = evaluate(curve, s[here]), evaluate(change, s[here])
    above = rest - _rate(beta) * (s + _SHIFT) ** 1.5
    return above, above + np.log(1.5 * _rate(beta) * np.sqrt(s + _SHIFT) - slope)


def _log_airy(x: np.ndarray) -> np.ndarray:
    """Return ln(2√π x^{1/4} Ai(x)) + (2/3)x^{3/2}, for large x by its series."""
    zeta = 2 / 3 * x**1.5
    with np.errstate(under="ignore"):
        near = np.log(airye(np.minimum(x, 2 * _SERIES_FROM))[0] * np.minimum(x, 2 * _SERIES_FROM) ** 0.25)
    # u_1 = 5/72, u_2 = 385/10368, u_3 = 85085/2239488 (DLMF 9.7.5).
    far = np.log1p(-(5 / 72) / zeta + (385 / 10368) / zeta**2 - (85085 / 2239488) / zeta**3)
    return np.where(x < _SERIES_FROM, near + np.log(2 * np.sqrt(np.pi)), far)


def _drop(s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return ln(Ai(s + t)/Ai(s)) for large s, without cancellation."""
    rise = t / s
    # (s + t)^{3/2} − s^{3/2} = s^{3/2}((1 + r)^{3/2} − 1)
    power = s**1.5 * np.expm1(1.5 * np.log1p(rise))
    return -2 / 3 * power - np.log1p(rise) / 4 + _log_airy(s + t) - _log_airy(s)


def _bend(s: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 − Ai(s + x)Ai(s + y)/Ai(s + (x + y)/2)² ≥ 0 for large s, without cancellation."""
    m, d = s + (x + y) / 2, (x - y) / 2
    r = d / m
    # (1 + r)^{3/2} + (1 − r)^{3/2} − 2 from half angles: with u = √(1 + r), v = √(1 − r), u² + v² = 2.
    u, v = np.sqrt(1 + r), np.sqrt(1 - r)
    gap = 4 * r**2 / ((u + v) ** 2 * (u + v + 2))  # 2 − (u + v) = (u − v)²/(2 + u + v)
    power = m**1.5 * (2 * r**2 / (u + v) - gap)  # u³ + v³ − 2 = (u + v − 2) + r(u − v)
    series = _log_airy(m + d) + _log_airy(m - d) - 2 * _log_airy(m)
    return -np.expm1(-2 / 3 * power - np.log1p(-(r**2)) / 4 + series)


def _far_tail(beta: int, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ln(1 − F) and ln of the density from the leading trace; what follows it is smaller by e^{−42}."""
    log_ai = _log_airy(s) - np.log(s) / 4 - np.log(2 * np.sqrt(np.pi)) - 2 / 3 * s**1.5
    root = np.sqrt(s)
    if beta == 1:  # ∫_s^∞ Ai/2
        t = _V / root[..., None]
        above = np.exp(_drop(s[..., None], t) + _V) @ _WEIGHT / root
        return log_ai + np.log(above / 2), log_ai - np.log(2)
    if beta == 2:  # ∫_s^∞ (x − s) Ai² and ∫_s^∞ Ai²
        t = _V / (2 * root[..., None])
        square = np.exp(2 * _drop(s[..., None], t) + _V) / (2 * root[..., None])
        return 2 * log_ai + np.log((square * t) @ _WEIGHT), 2 * log_ai + np.log(square @ _WEIGHT)
    # ∫∫ [Ai(m)² − Ai(x)Ai(y)]/8 over x, y > s: with m = s + t, x − m = tw, |w| < 1; its derivative has x = s.
    t = _V / (2 * root[..., None])
    square = np.exp(2 * _drop(s[..., None], t) + _V) * _WEIGHT / (2 * root[..., None])
    node, weight = np.polynomial.legendre.leggauss(24)
    bends = _bend(s[..., None, None], t[..., None] * (1 + node), t[..., None] * (1 - node)) @ weight
    above = (square * t * bends).sum(-1) * 2 / 8
    here = (square * _bend(s[..., None], np.zeros(_V.size), 2 * t)).sum(-1) * 2 / 4
    return 2 * log_ai + np.log(above), 2 * log_ai + np.log(here)


def right_tail(beta: int, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ln P(X > s) and ln of the density at s ≥ −2, for β = 4 of √2 X, to 1e-12 relative to the tail itself."""
    s = np.asarray(s, dtype=float)
    above, density = _near_tail(beta, np.clip(s, FIRST, _FAR))
    far = s > _FAR
    if far.any():
        above[far], density[far] = _far_tail(beta, s[far])
    return above, density
