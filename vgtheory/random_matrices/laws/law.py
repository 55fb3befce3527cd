"""What each law on the real line has: the methods of a frozen distribution of scipy.stats, from pdf, cdf, moments."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError

Array = Any  # a float for a scalar argument, else an array of the argument's shape
RandomState = int | Sequence[int] | np.random.Generator | None
_HALVINGS = 80  # of the support: finer than the spacing of doubles everywhere but next to 0
_NODES, _CHARGES = 400, 400  # points for expectations, and for G(z)
_FINER, _SPACINGS = (1, 8, 64), 6.0  # times as many points where z is nearer than so many of their spacings
_AT_ONCE = 2_000_000  # numbers in one array


@dataclass(frozen=True)
class RealLaw(ABC):
    """A probability law on the line: an absolutely continuous part and at most finitely many atoms."""

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
        """Return E X^order for an integer order ≥ 0; inf where it does not exist."""

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the (place, mass) of every atom, ascending."""
        return ()

    def edges(self) -> tuple[float, float]:
        """Return the ends of the continuous part."""
        return self.support()

    def logpdf(self, x: ArrayLike) -> Array:
        """Return the log of the density; −inf where it is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(x))

    def sf(self, x: ArrayLike) -> Array:
        """Return P(X > x)."""
        return 1.0 - self.cdf(x)

    def logcdf(self, x: ArrayLike) -> Array:
        """Return ln P(X ≤ x)."""
        with np.errstate(divide="ignore"):
            return np.log(self.cdf(x))

    def logsf(self, x: ArrayLike) -> Array:
        """Return ln P(X > x)."""
        with np.errstate(divide="ignore"):
            return np.log(self.sf(x))

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

    def ppf(self, q: ArrayLike) -> Array:
        """Return the smallest x with P(X ≤ x) ≥ q (by bisection of `cdf`); NaN outside 0 ≤ q ≤ 1."""
        q = np.asarray(q, dtype=float)
        first, last = self.support()
        bottom, top = self._bracket(q)
        lo, hi = np.full(q.shape, bottom), np.full(q.shape, top)
        for _ in range(_HALVINGS):
            middle = lo + (hi - lo) / 2
            reached = self.cdf(middle) >= q
            lo, hi = np.where(reached, lo, middle), np.where(reached, middle, hi)
        if np.isfinite(first):
            hi = np.where(self.cdf(np.full(q.shape, first)) >= q, first, hi)
        out = np.where(q == 0, first, np.where(q == 1, last, hi))
        return np.where((q >= 0) & (q <= 1), out, np.nan)[()]

    def _bracket(self, q: np.ndarray) -> tuple[float, float]:
        """Return finite ends between which the wanted quantiles lie."""
        first, last = self.support()
        inner = q[(q > 0) & (q < 1)]
        least, most = (float(inner.min()), float(inner.max())) if inner.size else (0.5, 0.5)
        step = 1.0
        while not np.isfinite(last) and self.cdf(step) < most and step < 1e300:
            step *= 2
        down = 1.0
        while not np.isfinite(first) and self.cdf(-down) > least and down < 1e300:
            down *= 2
        return first if np.isfinite(first) else -down, last if np.isfinite(last) else max(step, 1.0)

    def isf(self, q: ArrayLike) -> Array:
        """Return the quantile of 1 − q."""
        return self.ppf(1.0 - np.asarray(q, dtype=float))

    def median(self) -> float:
        """Return the median."""
        return float(self.ppf(0.5))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the central interval of this probability."""
        lo, hi = self.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
        return float(lo), float(hi)

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent draws: quantiles of uniform numbers."""
        return self.ppf(np.random.default_rng(random_state).random(size))

    def stieltjes(self, z: ArrayLike) -> Array:
        """Return G(z) = E 1/(z − X) for Im z > 0, or real z outside the support.

        By quadrature unless a law has a closed form; the rule then shows within about 1/1000 of the support.
        """
        return self.stieltjes_and_slope(z)[0]

    def stieltjes_and_slope(self, z: ArrayLike) -> tuple[Array, Array]:
        """Return G(z) and G'(z)."""
        z = np.asarray(z, dtype=complex)
        value, slope = np.empty(z.size, complex), np.empty(z.size, complex)
        for part, (points, weights) in self._rules(z.ravel()):
            inverse = 1 / (z.ravel()[part, None] - points)
            value[part], slope[part] = inverse @ weights, -(inverse**2) @ weights
        return value.reshape(z.shape)[()], slope.reshape(z.shape)[()]

    def log_potential(self, z: ArrayLike) -> Array:
        """Return U(z) = E ln(z − X) for Im z > 0; P(X > x) = Im U(x + i0)/π."""
        z = np.asarray(z, dtype=complex)
        out = np.empty(z.size, complex)
        for part, (points, weights) in self._rules(z.ravel()):
            out[part] = np.log(z.ravel()[part, None] - points) @ weights
        return out.reshape(z.shape)[()]

    def _rules(self, z: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
        """Yield places of z and the rule for each: the finer, the nearer they are to the support."""
        points = self._charges(1)[0]
        points = points[: len(points) - len(self.atoms)]
        near = np.clip(z.real, *self.edges())
        spacing = np.interp(near, points[:-1], np.diff(points)) if len(points) > 1 else np.zeros(z.shape)
        with np.errstate(divide="ignore", invalid="ignore"):  # the rule errs by e^{−2π distance/spacing}
            wanted = np.nan_to_num(_SPACINGS * spacing / np.abs(z - near), nan=0.0, posinf=np.inf)
        level = np.searchsorted(_FINER[:-1], wanted)
        for k, finer in enumerate(_FINER):
            here = np.flatnonzero(level == k)
            for part in np.array_split(here, 1 + here.size * finer * _CHARGES // _AT_ONCE):
                if part.size:
                    yield part, self._charges(finer)

    @cached_property
    def _made(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _charges(self, finer: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points and weights of a rule for the whole law, the atoms at the end, made when first asked for."""
        if finer not in self._made:
            points, weights = self.nodes(_CHARGES * finer)
            left = 1 - sum(mass for _, mass in self.atoms)
            # What the rule loses at an end where the density is infinite is below 1e-7.
            weights = weights * (left / weights.sum()) if left > 1e-12 else weights[:0]
            places, masses = ([pair[k] for pair in self.atoms] for k in (0, 1))
            self._made[finer] = np.append(points[: len(weights)], places), np.append(weights, masses)
        return self._made[finer]

    def nodes(self, count: int = _NODES) -> tuple[np.ndarray, np.ndarray]:
        """Return (points, weights) of a quadrature rule for the continuous part, total weight 1 less the atoms.

        Whatever powers the density has at its ends, they cost nothing (see :func:`double_exponential`).
        """
        return double_exponential(self.pdf, *self.edges(), count)

    def expect(self, function: Callable[[np.ndarray], np.ndarray], count: int = _NODES) -> float:
        """Return E f(X) by quadrature, atoms included; `function` takes an array."""
        points, weights = self.nodes(count)
        total = float(np.sum(weights * function(points)))
        return total + sum(mass * float(np.asarray(function(np.array([x]))).ravel()[0]) for x, mass in self.atoms)


def double_exponential(
    pdf: Callable[[np.ndarray], Array], a: float, b: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights for ∫_a^b f(x) pdf(x) dx that converge whatever powers pdf has at the ends.

    The rule of Takahasi and Mori (1974); a point that falls on an end is dropped.
    """
    # An end at 0 is approached to 1e-300, any other one to rounding and beyond.
    t = np.linspace(-6.1 if a == 0 else -4.6, 4.6, count)
    u = np.pi / 2 * np.sinh(t)
    far = 1 / (1 + np.exp(2 * np.abs(u)))  # the distance to the nearer end, in units of b − a
    x = np.where(t < 0, a + (b - a) * far, b - (b - a) * far)
    jacobian = (b - a) * np.pi * np.cosh(t) * far * (1 - far) * (t[1] - t[0])
    inside = (x > a) & (x < b)
    x, jacobian = x[inside], jacobian[inside]
    return x, jacobian * np.asarray(pdf(x), dtype=float)


def positive(name: str, value: Any) -> float:
    """Return a parameter as a float, which must be finite and positive."""
    if not isinstance(value, Real) or not np.isfinite(float(value)) or float(value) <= 0:
        raise InputError(f"{name}", "a finite positive number", f"give {name}, e.g. {name}=1.0", got=f"{value!r}")
    return float(value)


def between(name: str, value: Any, least: float, most: float = np.inf) -> float:
    """Return a parameter as a float, which must be finite with least ≤ value ≤ most."""
    if not isinstance(value, Real) or not np.isfinite(float(value)) or not least <= float(value) <= most:
        accepted = f"a number from {least:g} to {most:g}" if np.isfinite(most) else f"a finite number ≥ {least:g}"
        raise InputError(f"{name}", accepted, f"give {name}, e.g. {name}={least:g}", got=f"{value!r}")
    return float(value)


def whole(name: str, value: Any, least: int = 1) -> int:
    """Return a parameter as an int, which must be at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise InputError(f"{name}", f"an integer of at least {least}", f"give {name}={max(least, 1)}", got=f"{value!r}")
    return int(value)


def choice(name: str, value: Any, accepted: Sequence[Any]) -> Any:
    """Return a parameter that must be one of a few values."""
    if isinstance(value, bool) or value not in accepted:
        listed = ", ".join(str(a) for a in accepted)
        raise InputError(f"{name}", f"one of {listed}", f"give {name}={accepted[0]!r}", got=f"{value!r}")
    return accepted[list(accepted).index(value)]


def integral_over_x(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return ∫_a^x √((b − t)(t − a))/t dt for 0 ≤ a ≤ x ≤ b, with half-angles instead of arcsines near ±1."""
    left, right = np.sqrt(x - a), np.sqrt(b - x)
    first = np.arctan2(left, right)
    second = np.arctan2(np.sqrt(b) * left, np.sqrt(a) * right)
    return left * right + (a + b) * first - 2 * np.sqrt(a * b) * second
