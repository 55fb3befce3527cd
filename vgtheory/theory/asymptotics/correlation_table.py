"""The correlation map of equal inputs and its limit c*: Hermite coefficients tabulated in ln q, quadrature near c = 1.

With a_n the coefficients of φ(√q z) in normalised Hermite polynomials, 1 − C(c) = (1 − c) D(c), where
D(c) = (σ_w²/q) Σ_k T_k c^k and T_k = Σ_{n>k} a_n² (Mehler's formula, summed by parts).  D has coefficients ≥ 0, so
D(c*) = 1 is solved by Newton from c = 1, each step on the same side, and nothing cancels near c = 1.  Where the terms
left out could matter (kinks, and steep φ, next to c = 1) D comes from the mean of (φ(u) − φ(v))², as exact there.
"""

from functools import lru_cache

import numpy as np
import scipy  # its parts load at first use
from numpy.polynomial import chebyshev

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.close_pairs import close_means
from vgtheory.kernels.quadrature import UNIFORM, Array, UnresolvedError, hermite_coefficients, normal_rule
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.moments import MomentTable, moment_table
from vgtheory.theory.asymptotics.unit_means import fourier, smooth_period

FEW_TERMS, MANY_TERMS = 256, 1024  # a kink makes a_n² fall only like n^{−5/2}, and a steep φ first falls slowly too
EQUAL = 1e-12  # χ that is not larger than 1 by more leaves c* = 1
_DEGREE = 19
_PANEL = 1.0  # in ln q: |interpolation error| < 1e-12 of the largest coefficient
_FEW = 4  # points for which a panel of _DEGREE + 1 is not worth building
_ERROR = 1e-10  # of c*; where the terms left out could change it by more, c* comes from quadrature
_CHUNK = 2000
_ITERATIONS = 60


class CorrelationTable:
    """Hermite coefficients of one activation over ln q; make it with :func:`correlation_table`."""

    def __init__(self, table: MomentTable, terms: int) -> None:
        self._table = table
        self.terms = terms
        act = table.activation
        self._jumps = tuple((float(at), float(gap)) for at, gap in act.jumps())
        self._panels: dict[int, Array] = {}

    def coefficients(self, log_q: Array) -> Array:
        """Return a_0..a_{terms−1} at every ln q, shape (m, terms).

        Raises UnsupportedError where φ oscillates too often to be integrated.
        """
        out = np.empty((len(log_q), self.terms))
        panel = np.floor(log_q / _PANEL).astype(int)
        for k in np.unique(panel).tolist():
            here = panel == k
            if here.sum() <= _FEW and k not in self._panels:
                out[here] = self._direct(log_q[here])
            else:
                basis = chebyshev.chebvander(2 * (log_q[here] / _PANEL - k) - 1, _DEGREE)
                out[here] = basis @ self._panel(k)
        return out

    def _direct(self, log_q: Array) -> Array:
        table = self._table
        try:
            return np.array(
                [hermite_coefficients(table.values, float(v), table.grid, self.terms)[0] for v in np.exp(log_q)]
            )
        except UnresolvedError as problem:
            raise self._unresolved(float(np.exp(log_q.max())), problem) from None

    def _unresolved(self, q: float, problem: UnresolvedError) -> UnsupportedError:
        name = self._table.activation.name
        return UnsupportedError(f"correlation map of {name} at q = {q:.6g}: {problem}; use smaller sigma_w or sigma_b")

    def _panel(self, k: int) -> Array:
        if k not in self._panels:
            nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
            y = self._direct(_PANEL * (k + (nodes + 1) / 2))
            fitted = chebyshev.chebvander(nodes, _DEGREE).T @ y * (2 / (_DEGREE + 1))
            fitted[0] /= 2
            self._panels[k] = fitted
        return self._panels[k]

    def fixed(self, log_q: Array, chi: Array, sigma_w: Array) -> tuple[Array, Array]:
        """Return c* and ln χ_c at fixed points (shape (m,) all), to about 1e-10 and relative 1e-9.

        χ_c = C'(c*) = 1 − (1 − c*) D'(c*); its logarithm keeps the digits near χ_c = 1.  c* = 1 where χ ≤ 1, except
        where φ itself jumps: there C'(1) is infinite and c* < 1.
        """
        c, log_slope = np.ones_like(log_q), np.full_like(log_q, -np.inf)
        np.log(chi, out=log_slope, where=chi > 0)
        chaotic = np.arange(len(chi)) if self._jumps else np.flatnonzero(chi > 1 + EQUAL)
        if (cycle := smooth_period(self._table.activation)) is not None:
            short = np.exp(log_q[chaotic] / 2) >= UNIFORM * cycle
            for k in chaotic[short].tolist():
                c[k], log_slope[k] = self._of_waves(float(np.exp(log_q[k])), float(sigma_w[k]), cycle)
            chaotic = chaotic[~short]
        for rows in np.array_split(chaotic, len(chaotic) // _CHUNK + 1):
            if len(rows):
                c[rows], log_slope[rows] = self._roots(log_q[rows], chi[rows], sigma_w[rows])
        return c, log_slope

    def _roots(self, log_q: Array, chi: Array, sigma_w: Array) -> tuple[Array, Array]:
        squares = self.coefficients(log_q) ** 2
        scale = sigma_w**2 * np.exp(-log_q)
        total = np.exp(self._table.at(log_q).log_square)
        rest = np.maximum(total - squares.sum(axis=1), 0.0)
        rest[rest < 1e-13 * total] = 0.0  # rounding
        # Row k: T_k for every network, so that Horner's rule reads contiguous rows.
        sums = np.cumsum(squares[:, ::-1], axis=1)[:, ::-1]
        tails = np.append(sums[:, 1:] + rest[:, None], rest[:, None], axis=1).T * scale
        # D(1) = χ.  Where that is infinite, or φ jumps, T_k falls no faster than 1/k, and the last bounds those beyond.
        wild = np.isinf(chi) | bool(self._jumps)
        missing = np.maximum(np.where(wild, 0.0, chi) - tails.sum(axis=0), 0.0)
        missing[wild] = (scale * rest * self.terms)[wild]
        c = np.ones_like(log_q)
        for _ in range(_ITERATIONS):
            value, slope = _horner(tails, c)
            step = np.where(slope > 0, (value - 1) / np.where(slope > 0, slope, 1.0), 0.0)
            c = np.clip(c - step, 0.0, 1.0)
            if np.all(np.abs(step) <= 1e-15):
                break
        value, slope = _horner(tails, c)
        with np.errstate(divide="ignore"):  # χ_c = 0
            log_slope = np.log1p(-np.clip((1 - c) * slope, 0.0, 1.0))
        doubtful = (missing * c**self.terms > _ERROR * np.maximum(slope, 1e-3)) | (missing * (c >= 1) > 0)
        if doubtful.any() and self.terms < MANY_TERMS:
            finer = _coefficients(self._table.activation, MANY_TERMS)
            c[doubtful], log_slope[doubtful] = finer._roots(log_q[doubtful], chi[doubtful], sigma_w[doubtful])
            return c, log_slope
        for k in np.flatnonzero(doubtful).tolist():
            c[k], log_slope[k] = self._near_one(float(np.exp(log_q[k])), float(sigma_w[k]), float(c[k]))
        return c, log_slope

    def _of_waves(self, q: float, sigma_w: float, cycle: float) -> tuple[float, float]:
        """Return c* and ln χ_c where u and v are of all phases equally: E φ(u)φ(v) = Σ_k |f_k|² e^{−(kω)²q(1−c)}.

        f_k are the Fourier coefficients of φ, ω = 2π over its period, and D falls with 1 − c from χ > 1.
        """
        powers = np.abs(fourier(self._table.activation, cycle)) ** 2
        rates = (2 * np.pi / cycle * np.arange(len(powers))) ** 2 * q
        scale = np.where(np.arange(len(powers)) > 0, 2.0, 1.0) * sigma_w**2 / q * powers

        def excess(apart: float) -> float:
            return float(scale @ -np.expm1(-rates * apart)) / apart - 1

        apart = 1.0 if excess(1.0) >= 0 else float(scipy.optimize.brentq(excess, 1e-17, 1.0, xtol=1e-17, rtol=1e-14))
        return 1 - apart, float(scipy.special.logsumexp(-rates * apart, b=scale * rates))

    def step(self, q: float, angle: float, sigma_w: float) -> tuple[float, float]:
        """Return D and C' at the correlation cos(angle), 0 < angle < π, where q is a fixed point of the length.

        Raises UnsupportedError where φ oscillates too often to be integrated.
        """
        table = self._table
        try:
            distance, product = close_means(table.values, q, angle, table.grid)
        except UnresolvedError as problem:
            raise self._unresolved(q, problem) from None
        slope = product[1] + (self._jump_slope(q, angle) if self._jumps else 0.0)
        return sigma_w**2 * distance[0] / (4 * q * np.sin(angle / 2) ** 2), sigma_w**2 * slope

    def _jump_slope(self, q: float, angle: float) -> float:
        """Return what the jumps of φ add to the mean of φ'(u) φ'(v), where they are multiples of Dirac's δ."""
        table, (cos, sin) = self._table, (np.cos(angle), np.sin(angle))
        z, w = normal_rule(1.0, np.zeros(1))
        total = 0.0
        for b, gap in self._jumps:
            there = np.exp(-b * b / (2 * q)) / np.sqrt(2 * np.pi * q)
            total += 2 * gap * there * float(table.values(b * cos + np.sqrt(q) * sin * z)[1] @ w)
            for other, size in self._jumps:
                far = other - b * cos
                beside = np.exp(-far * far / (2 * q * sin * sin)) / np.sqrt(2 * np.pi * q) / sin
                total += gap * size * there * beside
        return total

    def _near_one(self, q: float, sigma_w: float, above: float) -> tuple[float, float]:
        """Return c* and ln χ_c by Newton's steps in the angle, kept between brackets; c* is at most `above`.

        dD/dϑ = −(D − C')/tan(ϑ/2).  D falls with ϑ from D(0) > 1 to D(π/2) ≤ 1.
        """
        low, high = np.arccos(above), np.pi / 2
        angle = low if low > 1e-3 else 1e-2
        for _ in range(_ITERATIONS):
            value, slope = self.step(q, angle, sigma_w)
            low, high = (angle, high) if value > 1 else (low, angle)
            new = angle + (value - 1) * np.tan(angle / 2) / (value - slope) if value > slope else -1.0
            if not low <= new <= high:
                new = np.sqrt(low * high) if low > 0 else high / 8
            done = abs(new - angle) <= 1e-11 * angle or high - low <= 1e-15
            angle = new
            if done:
                break
        value, slope = self.step(q, angle, sigma_w)
        log_slope = float(np.log1p(slope - value)) if slope > value - 1 else float("-inf")  # D = 1 there
        return float(np.cos(angle)), log_slope


def _horner(coefficients: Array, c: Array) -> tuple[Array, Array]:
    value, slope = np.zeros_like(c), np.zeros_like(c)
    for row in coefficients[::-1]:
        slope *= c
        slope += value
        value *= c
        value += row
    return value, slope


@lru_cache(maxsize=16)
def _coefficients(activation: Activation, terms: int) -> CorrelationTable:
    return CorrelationTable(moment_table(activation), terms)


def correlation_table(activation: Activation) -> CorrelationTable:
    """Return the table of Hermite coefficients of an activation, one per activation.

    Raises InputError for symbolic parameters.
    """
    return _coefficients(activation, MANY_TERMS if activation.breakpoints else FEW_TERMS)
