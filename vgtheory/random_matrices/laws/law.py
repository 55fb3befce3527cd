"""The vocabulary of every law, that of a frozen distribution of scipy.stats, from a density, a cdf and moments."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import chain
from math import log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.arguments import RandomState, between, generator, numbers, shape_of, whole

Array = Any  # a float for a scalar argument, else an array of the argument's shape
Pairs = tuple[tuple[float, float], ...]
_HALVINGS = 80  # of the support: finer than the spacing of doubles everywhere but next to 0
_MOST_ORDER = 500
_ANYWHERE = 1.0  # a finite place at which a law is asked instead of at NaN and ±∞, whose answers are known


@dataclass(frozen=True)
class Law(ABC):
    """A probability law on the line: an absolutely continuous part and at most finitely many atoms.

    Arguments are read here, once for all laws: numbers or arrays of them, NaN gives NaN, and at ±∞ the answer is the
    limit.  A law of its own has the methods with an underscore, which meet finite numbers only.
    """

    is_planar = False  # whether the law is of a complex number, and its numbers here are those of the radius

    @property
    @abstractmethod
    def bands(self) -> Pairs:
        """Return the intervals (lo, hi) of the continuous part, ascending; atoms do not count."""

    @abstractmethod
    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density of the continuous part at finite x."""

    @abstractmethod
    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x) at finite x."""

    @abstractmethod
    def _moment(self, order: int) -> float:
        """Return E X^order for an integer order ≥ 1; inf where it does not exist."""

    def _sf(self, x: np.ndarray) -> Array:
        return 1.0 - self._cdf(x)

    def _logpdf(self, x: np.ndarray) -> Array:
        return np.log(self._pdf(x))

    def _logcdf(self, x: np.ndarray) -> Array:
        return np.log(self._cdf(x))

    def _logsf(self, x: np.ndarray) -> Array:
        return np.log(self._sf(x))

    def _isf(self, q: np.ndarray) -> Array:
        return self._ppf(1.0 - q)

    @property
    def atoms(self) -> Pairs:
        """Return the (place, mass) of every atom, ascending."""
        return ()

    def edges(self) -> tuple[float, float]:
        """Return the outer ends of the continuous part, of the atoms where there is none."""
        bands = self.bands
        return (bands[0][0], bands[-1][1]) if bands else self.support()

    def support(self) -> tuple[float, float]:
        """Return the smallest interval that has all the mass, atoms included."""
        ends = [*chain(*self.bands), *(place for place, _ in self.atoms)]
        return min(ends), max(ends)

    def _at_bottom(self) -> float:
        """Return P(X = −∞)."""
        return sum(mass for place, mass in self.atoms if place == -np.inf)

    def pdf(self, x: ArrayLike) -> Array:
        """Return the density of the continuous part at `x`; its integral is 1 less the mass of the atoms."""
        return on_line("x", x, self._pdf, 0.0, 0.0)

    def logpdf(self, x: ArrayLike) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows; −inf where it is 0."""
        return on_line("x", x, self._logpdf, -np.inf, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Return P(X ≤ x), to about 1e-15 absolutely."""
        return on_line("x", x, self._cdf, self._at_bottom(), 1.0)

    def sf(self, x: ArrayLike) -> Array:
        """Return P(X > x)."""
        return on_line("x", x, self._sf, 1.0 - self._at_bottom(), 0.0)

    def logcdf(self, x: ArrayLike) -> Array:
        """Return ln P(X ≤ x)."""
        return on_line("x", x, self._logcdf, log(self._at_bottom()) if self._at_bottom() else -np.inf, 0.0)

    def logsf(self, x: ArrayLike) -> Array:
        """Return ln P(X > x)."""
        return on_line("x", x, self._logsf, 0.0, -np.inf)

    def ppf(self, q: ArrayLike) -> Array:
        """Return the smallest x with P(X ≤ x) ≥ q; NaN outside 0 ≤ q ≤ 1."""
        return of_probability(q, self._ppf)

    def isf(self, q: ArrayLike) -> Array:
        """Return the quantile of 1 − q; NaN outside 0 ≤ q ≤ 1."""
        return of_probability(q, self._isf)

    def moment(self, order: int) -> float:
        """Return E X^order for an integer 0 ≤ order ≤ 500; inf where it does not exist or exceeds all doubles."""
        k = whole("order", order, 0, _MOST_ORDER)
        try:
            with np.errstate(over="ignore"):
                return self._moment(k) if k else 1.0
        except OverflowError:
            return np.inf

    def mean(self) -> float:
        """Return E X."""
        return self.moment(1)

    def var(self) -> float:
        """Return Var X."""
        return self.moment(2) - self.moment(1) ** 2

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def stats(self) -> tuple[float, float]:
        """Return (mean, variance)."""
        return self.mean(), self.var()

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile at 0 ≤ q ≤ 1, by bisection of the cdf."""
        first, last = self.support()
        bottom, top = self._bracket(q)
        lo, hi = np.full(q.shape, bottom), np.full(q.shape, top)
        for _ in range(_HALVINGS):
            middle = lo + (hi - lo) / 2
            reached = self._cdf(middle) >= q
            lo, hi = np.where(reached, lo, middle), np.where(reached, middle, hi)
        if np.isfinite(first):
            hi = np.where(self._cdf(np.full(q.shape, first)) >= q, first, hi)
        return np.where(q == 0, first, np.where(q == 1, last, hi))

    def _bracket(self, q: np.ndarray) -> tuple[float, float]:
        """Return finite ends between which the wanted quantiles lie."""
        first, last = self.support()
        inner = q[(q > 0) & (q < 1)]
        least, most = (float(inner.min()), float(inner.max())) if inner.size else (0.5, 0.5)
        step = 1.0
        while not np.isfinite(last) and self._cdf(np.array(step)) < most and step < 1e300:
            step *= 2
        down = 1.0
        while not np.isfinite(first) and self._cdf(np.array(-down)) > least and down < 1e300:
            down *= 2
        return first if np.isfinite(first) else -down, last if np.isfinite(last) else max(step, 1.0)

    def median(self) -> float:
        """Return the quantile at one half."""
        return float(self.ppf(0.5))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the equal-tailed interval of this probability."""
        share = between("confidence", confidence, 0, 1)
        return float(self.ppf((1 - share) / 2)), float(self.isf((1 - share) / 2))

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent draws: quantiles of uniform numbers."""
        return self.ppf(generator(random_state).random(shape_of(size)))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: the parameters; tables and compiled functions are made anew."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def on_line(name: str, x: ArrayLike, value: Callable[[np.ndarray], Array], below: float, above: float) -> Array:
    """Return value(x), with the limits at −∞ and ∞ and NaN at NaN."""
    at = numbers(name, x)
    finite = np.isfinite(at)
    with np.errstate(all="ignore"):
        found = np.asarray(value(np.where(finite, at, _ANYWHERE)), dtype=float)
    if finite.all():
        return found[()]
    return np.where(finite, found, np.where(np.isnan(at), np.nan, np.where(at > 0, above, below)))[()]


def of_probability(q: ArrayLike, value: Callable[[np.ndarray], Array]) -> Array:
    """Return value(q) where 0 ≤ q ≤ 1, NaN elsewhere."""
    at = numbers("q", q)
    inside = (at >= 0) & (at <= 1)
    with np.errstate(all="ignore"):
        return np.where(inside, value(np.where(inside, at, 0.5)), np.nan)[()]
