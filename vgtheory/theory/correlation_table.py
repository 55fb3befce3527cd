"""The limit c* of the correlation map for many networks at once, from Hermite coefficients tabulated in ln q.

With a_n the coefficients of φ(√q z) in normalised Hermite polynomials, 1 − C(c) = (1 − c) D(c), where
D(c) = (σ_w²/q) Σ_k T_k c^k and T_k = Σ_{n>k} a_n² (Mehler's formula, summed by parts).  D has coefficients ≥ 0, so
D(c*) = 1 is solved by Newton from c = 1, each step on the same side, and nothing cancels near c = 1.
"""

from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array, UnresolvedError, hermite_coefficients
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.mean_field import fixed_correlation
from vgtheory.theory.moments import MomentTable, moment_table

SMOOTH_TERMS, KINKED_TERMS = 256, 1024  # a kink makes a_n² fall only like n^{−5/2}
_DEGREE = 19
_PANEL = 1.0  # in ln q: |interpolation error| < 1e-12 of the largest coefficient
_ERROR = 1e-10  # of c*; where the terms left out could change it by more, c* is found point by point
_CHUNK = 2000
_ITERATIONS = 60


class CorrelationTable:
    """Hermite coefficients of one activation over ln q; make it with :func:`correlation_table`."""

    def __init__(self, table: MomentTable) -> None:
        self._table = table
        self.terms = KINKED_TERMS if table.activation.breakpoints else SMOOTH_TERMS
        self._panels: dict[int, Array] = {}

    def coefficients(self, log_q: Array) -> Array:
        """Return a_0..a_{terms−1} at every ln q, shape (m, terms).

        Raises UnsupportedError where φ oscillates too often to be integrated.
        """
        out = np.empty((len(log_q), self.terms))
        panel = np.floor(log_q / _PANEL).astype(int)
        for k in np.unique(panel).tolist():
            here = panel == k
            basis = chebyshev.chebvander(2 * (log_q[here] / _PANEL - k) - 1, _DEGREE)
            out[here] = basis @ self._panel(k)
        return out

    def _panel(self, k: int) -> Array:
        if k not in self._panels:
            nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
            q = np.exp(_PANEL * (k + (nodes + 1) / 2))
            table = self._table
            try:
                y = np.array([hermite_coefficients(table.values, float(v), table.grid, self.terms)[0] for v in q])
            except UnresolvedError as problem:
                raise UnsupportedError(
                    f"correlation map of {table.activation.name} at q = {q.max():.6g}: {problem}; "
                    "use smaller sigma_w or sigma_b"
                ) from None
            fitted = chebyshev.chebvander(nodes, _DEGREE).T @ y * (2 / (_DEGREE + 1))
            fitted[0] /= 2
            self._panels[k] = fitted
        return self._panels[k]

    def fixed(self, log_q: Array, chi: Array, sigma_w: Array, sigma_b: Array) -> tuple[Array, Array]:
        """Return c* and ln χ_c at fixed points (shape (m,) all), to about 1e-10 and relative 1e-9.

        χ_c = C'(c*) = 1 − (1 − c*) D'(c*); its logarithm keeps the digits near χ_c = 1.  c* = 1 where χ ≤ 1.
        """
        c, log_slope = np.ones_like(log_q), np.full_like(log_q, -np.inf)
        np.log(chi, out=log_slope, where=chi > 0)
        chaotic = np.flatnonzero(chi > 1 + 1e-12)
        for rows in np.array_split(chaotic, len(chaotic) // _CHUNK + 1):
            if len(rows):
                c[rows], log_slope[rows] = self._roots(log_q[rows], chi[rows], sigma_w[rows], sigma_b[rows])
        return c, log_slope

    def _roots(self, log_q: Array, chi: Array, sigma_w: Array, sigma_b: Array) -> tuple[Array, Array]:
        squares = self.coefficients(log_q) ** 2
        scale = sigma_w**2 * np.exp(-log_q)
        total = np.exp(self._table.at(log_q).log_square)
        rest = np.maximum(total - squares.sum(axis=1), 0.0)
        rest[rest < 1e-13 * total] = 0.0  # rounding
        # Row k: T_k for every network, so that Horner's rule reads contiguous rows.
        sums = np.cumsum(squares[:, ::-1], axis=1)[:, ::-1]
        tails = np.append(sums[:, 1:] + rest[:, None], rest[:, None], axis=1).T * scale
        missing = np.maximum(chi - tails.sum(axis=0), 0.0)  # D(1) = χ
        c = np.ones_like(log_q)
        for _ in range(_ITERATIONS):
            value, slope = _horner(tails, c)
            step = np.where(slope > 0, (value - 1) / np.where(slope > 0, slope, 1.0), 0.0)
            c = np.clip(c - step, 0.0, 1.0)
            if np.all(np.abs(step) <= 1e-15):
                break
        value, slope = _horner(tails, c)
        log_slope = np.log1p(-np.clip((1 - c) * slope, 0.0, 1 - 1e-300))
        doubtful = (missing * c**self.terms > _ERROR * np.maximum(slope, 1e-3)) | (missing * (c >= 1) > 0)
        for k in np.flatnonzero(doubtful).tolist():
            act, q = self._table.activation, float(np.exp(log_q[k]))
            c[k], chi_c = fixed_correlation(act, q, float(sigma_w[k]), float(sigma_b[k]))
            log_slope[k] = np.log(chi_c) if chi_c > 0 else -np.inf
        return c, log_slope


def _horner(coefficients: Array, c: Array) -> tuple[Array, Array]:
    value, slope = np.zeros_like(c), np.zeros_like(c)
    for row in coefficients[::-1]:
        slope *= c
        slope += value
        value *= c
        value += row
    return value, slope


@lru_cache(maxsize=16)
def correlation_table(activation: Activation) -> CorrelationTable:
    """Return the table of Hermite coefficients of an activation, one per activation.

    Raises InputError for symbolic parameters.
    """
    return CorrelationTable(moment_table(activation))
