"""The Tracy–Widom laws of the largest eigenvalue, β = 1, 2, 4, in logarithms where they underflow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt

import numpy as np

from vgtheory.random_matrices.arguments import choice
from vgtheory.random_matrices.laws.airy_tails import right_tail
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.painleve import left_tail
from vgtheory.random_matrices.laws.real import RealLaw

_SWITCH = -1.25  # to the left ln F comes from Painlevé II, to the right ln(1 − F) from Airy's kernel
# Where quantiles are bracketed: F and 1 − F underflow before the ends.
_PLACES = np.concatenate([np.linspace(-60, _SWITCH, 1500), np.linspace(_SWITCH, 16, 1000), np.linspace(16.5, 140, 248)])
_STEPS = 20
_NODES = 120  # for moments, on each of four panels


@dataclass(frozen=True)
class TracyWidom(RealLaw):
    """The limit of (λ_max − 2)N^{2/3} for GOE and GUE with the semicircle on [−2, 2]; 2^{1/6} times it for the GSE.

    ln F₂ = −∫_s^∞ (x − s)q², ln F₁ = (ln F₂ − ∫_s^∞ q)/2, F₄ = √F₂ cosh(∫_s^∞ q/2) at s = √2 x, with the
    Hastings–McLeod solution q of Painlevé II (Tracy & Widom 1994, 1996); to the right 1 − F from the eigenvalues of
    Airy's kernel (Bornemann 2010; Ferrari & Spohn 2005).  Relative accuracy of F, 1 − F and the density about 1e-12.
    """

    beta: int

    @property
    def _scale(self) -> float:
        return sqrt(2) if self.beta == 4 else 1.0

    bands = ((-inf, inf),)

    def _left(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ln F and the log density in s, good to the left."""
        at = left_tail(s)
        if self.beta == 2:
            return at.log_two, at.log_two + np.log(at.slope)
        if self.beta == 1:
            below = (at.log_two - at.integral) / 2
            return below, below + np.log((at.slope + at.q) / 2)
        half = at.integral / 2
        below = at.log_two / 2 + half + np.log1p(np.exp(-2 * half)) - np.log(2)
        return below, below + np.log((at.slope - at.q * np.tanh(half)) / 2)

    def _right(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ln(1 − F) and the log density in s, good to the right."""
        return right_tail(self.beta, s)

    def _pick(self, x: np.ndarray, left: Callable, right: Callable) -> Array:
        """Return left(ln F, log density) or right(ln(1 − F), log density) at x, whichever is accurate there."""
        x = np.asarray(x, dtype=float)
        s = np.atleast_1d(x * self._scale).ravel()
        out = np.full(s.shape, np.nan)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
            # F of −1e60 is e^{−1e180}: its logarithm still is a number.
            for here, tail, value in ((s < _SWITCH, self._left, left), (s >= _SWITCH, self._right, right)):
                if here.any():
                    out[here] = value(*tail(np.clip(s[here], -1e60, 1e60)))
        return out.reshape(x.shape)[()]

    def _logpdf(self, x: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        return self._pick(x, lambda _, density: density, lambda _, density: density) + np.log(self._scale)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density."""
        return np.exp(self.logpdf(x))

    def _logcdf(self, x: np.ndarray) -> Array:
        """Return ln P(X ≤ x)."""
        return self._pick(x, lambda below, _: below, lambda above, _: np.log1p(-np.exp(above)))

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x), to full relative precision in the lower tail."""
        return self._pick(x, lambda below, _: np.exp(below), lambda above, _: -np.expm1(above))

    def _logsf(self, x: np.ndarray) -> Array:
        """Return ln P(X > x), which keeps its digits where the tail underflows."""
        return self._pick(x, lambda below, _: np.log1p(-np.exp(below)), lambda above, _: above)

    def _sf(self, x: np.ndarray) -> Array:
        """Return P(X > x), to full relative precision in the upper tail."""
        return self._pick(x, lambda below, _: -np.expm1(below), lambda above, _: np.exp(above))

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile; NaN outside 0 ≤ q ≤ 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._quantile(np.log(q), np.log1p(-q))

    def _isf(self, q: np.ndarray) -> Array:
        """Return the quantile of 1 − q, to full precision for small q; NaN outside 0 ≤ q ≤ 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._quantile(np.log1p(-q), np.log(q))

    @cached_property
    def _tables(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        left, right = _PLACES[_PLACES <= _SWITCH][:-1], _PLACES[_PLACES >= _SWITCH][1:]
        return (left, self._left(left)[0]), (right, self._right(right)[0])

    def _quantile(self, below: np.ndarray, above: np.ndarray) -> Array:
        """Return x from ln P(X ≤ x) and ln P(X > x), of which the smaller one is used."""
        shape, below, above = np.shape(below), np.ravel(below), np.ravel(above)
        out = np.where(below == -inf, -inf, np.where(above == -inf, inf, np.nan))
        middle = float(self._left(np.array([_SWITCH]))[0][0])
        lower = (below <= middle) & (below > -inf)
        upper = (below > middle) & (above > -inf)
        for here, tail, target, table in ((lower, self._left, below, 0), (upper, self._right, above, 1)):
            if here.any():
                out[here] = _invert(tail, target[here], *self._tables[table]) / self._scale
        return out.reshape(shape)[()]

    def _moment(self, order: int) -> float:
        """Return E X^order, by quadrature of the density."""
        k = order
        node, weight = np.polynomial.legendre.leggauss(_NODES)
        ends = np.array([-20.0, -8.0, -2.0, 4.0, 20.0])  # outside, less than 1e-60 of the law
        half = np.diff(ends)[:, None] / 2
        x = ends[:-1, None] + half * (node + 1)
        return float((half * weight * x**k * self.pdf(x)).sum())


def _invert(
    tail: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    target: np.ndarray,
    table: np.ndarray,
    known: np.ndarray,
) -> np.ndarray:
    """Return s with tail(s)[0] = target, monotone in s, by Newton's method between two places of a table."""
    sign = 1.0 if known[-1] > known[0] else -1.0
    place = np.clip(np.searchsorted(sign * known, sign * target), 1, len(table) - 1)
    lo, hi = table[place - 1], table[place]
    s = (lo + hi) / 2
    for _ in range(_STEPS):
        value, density = tail(s)
        excess = sign * (value - target)
        lo, hi = np.where(excess > 0, lo, s), np.where(excess > 0, s, hi)
        new = np.clip(s - excess * np.exp(value - density), lo, hi)
        settled = np.abs(new - s) <= 1e-14 * (1 + np.abs(s))
        s = new
        if settled.all():
            break
    return s


def tracy_widom(beta: int) -> TracyWidom:
    """Return the Tracy–Widom law of β = 1, 2 or 4.

    Raises
    ------
    InputError : β is not 1, 2 or 4.

    Examples
    --------
    >>> law = tracy_widom(2)
    >>> round(law.mean(), 9), round(law.var(), 9)
    (-1.771086807, 0.813194793)
    >>> f"{law.sf(15.0):.9e}", f"{law.logcdf(-15.0):.9f}"
    ('7.649875564e-38', '-281.725032376')
    """
    return TracyWidom(choice("beta", beta, (1, 2, 4)))
