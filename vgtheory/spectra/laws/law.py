"""What each law on the real line has: the methods of a frozen distribution of scipy.stats, from pdf, cdf, moments."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError

Array = Any  # a float for a scalar argument, else an array of the argument's shape
RandomState = int | Sequence[int] | np.random.Generator | None
_HALVINGS = 80  # of the support: finer than the spacing of doubles everywhere but next to 0


@dataclass(frozen=True)
class RealLaw(ABC):
    """A probability law of compact support: an absolutely continuous part and at most finitely many atoms."""

    @abstractmethod
    def support(self) -> tuple[float, float]:
        """Return the smallest interval that has all the mass, atoms included."""

    @abstractmethod
    def pdf(self, x: ArrayLike) -> Array:
        """Return the density of the continuous part at `x`; its integral is 1 less the mass of the atoms."""

    @abstractmethod
    def cdf(self, x: ArrayLike) -> Array:
        """Return P(X ≤ x), to about 1e-15 absolutely."""

    @abstractmethod
    def moment(self, order: int) -> float:
        """Return E X^order for an integer order ≥ 0."""

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the (place, mass) of every atom, ascending."""
        return ()

    def logpdf(self, x: ArrayLike) -> Array:
        """Return the log of the density; −inf where it is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(x))

    def sf(self, x: ArrayLike) -> Array:
        """Return P(X > x)."""
        return 1.0 - self.cdf(x)

    def mean(self) -> float:
        """Return E X."""
        return self.moment(1)

    def var(self) -> float:
        """Return Var X."""
        return self.moment(2) - self.moment(1) ** 2

    def ppf(self, q: ArrayLike) -> Array:
        """Return the smallest x with P(X ≤ x) ≥ q (by bisection of `cdf`); NaN outside 0 ≤ q ≤ 1."""
        q = np.asarray(q, dtype=float)
        first, last = self.support()
        lo, hi = np.full(q.shape, first), np.full(q.shape, last)
        for _ in range(_HALVINGS):
            middle = lo + (hi - lo) / 2
            reached = self.cdf(middle) >= q
            lo, hi = np.where(reached, lo, middle), np.where(reached, middle, hi)
        out = np.where(self.cdf(np.full(q.shape, first)) >= q, first, np.where(q == 1, last, hi))
        return np.where((q >= 0) & (q <= 1), out, np.nan)[()]

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent draws: quantiles of uniform numbers."""
        return self.ppf(np.random.default_rng(random_state).random(size))


def positive(name: str, value: Any) -> float:
    """Return a parameter as a float, which must be finite and positive."""
    if not isinstance(value, Real) or not np.isfinite(float(value)) or float(value) <= 0:
        raise InputError(f"{name} = {value!r}", "a finite positive number", f"give {name}, e.g. {name}=1.0")
    return float(value)


def whole(name: str, value: Any, least: int = 1) -> int:
    """Return a parameter as an int, which must be at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise InputError(f"{name} = {value!r}", f"an integer of at least {least}", f"give {name}={max(least, 1)}")
    return int(value)


def integral_over_x(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return ∫_a^x √((b − t)(t − a))/t dt for 0 ≤ a ≤ x ≤ b, with half-angles instead of arcsines near ±1."""
    left, right = np.sqrt(x - a), np.sqrt(b - x)
    first = np.arctan2(left, right)
    second = np.arctan2(np.sqrt(b) * left, np.sqrt(a) * right)
    return left * right + (a + b) * first - 2 * np.sqrt(a * b) * second
