"""Laws on the line: their transforms and expectations, by quadrature where there is no closed form; a·X + b."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import comb
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError, shown
from vgtheory.random_matrices.arguments import complex_numbers, finite
from vgtheory.random_matrices.laws.integrals import double_exponential
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.polynomials.equation import Equation
from vgtheory.random_matrices.laws.proved import ProvedLaw
from vgtheory.symbolic.formula import exact

_CHARGES = 400  # points for G(z)
_FINER, _SPACINGS = (1, 8, 64), 6.0  # times as many points where z is nearer than so many of their spacings
_AT_ONCE = 2_000_000  # numbers in one array


@dataclass(frozen=True)
class RealLaw(ProvedLaw):
    """A law of a real number: with G(z) = E 1/(z − X), E ln(z − X) and expectations of functions.

    ``2*law + 1`` is the law of 2X + 1.
    """

    def __mul__(self, scale: float) -> RealLaw:
        _refuse_law("*", scale, "laws.free_product(a, b), or laws.algebraic(a) * b")
        return moved(self, scale, 0.0) if isinstance(scale, Real) else NotImplemented

    def __add__(self, shift: float) -> RealLaw:
        _refuse_law("+", shift, "laws.free_sum(a, b), or laws.algebraic(a) + b")
        return moved(self, 1.0, shift) if isinstance(shift, Real) else NotImplemented

    __rmul__, __radd__ = __mul__, __add__

    _squares = "laws.algebraic(law).square() for the law of X², laws.free_product(law, law) for a free product"

    def __pow__(self, power: object) -> RealLaw:
        raise InputError(
            f"a law to the power {shown(power)}", "one of the products that may be meant", f"give {self._squares}"
        )

    def __neg__(self) -> RealLaw:
        return self * -1

    def __sub__(self, shift: float) -> RealLaw:
        _refuse_law("-", shift, "laws.free_sum(a, -b)")
        return self + -shift if isinstance(shift, Real) else NotImplemented

    def __rsub__(self, other: float) -> RealLaw:
        return -self + other if isinstance(other, Real) else NotImplemented

    def __truediv__(self, divisor: float) -> RealLaw:
        if not isinstance(divisor, Real):
            return NotImplemented
        if divisor == 0:
            raise InputError("a law over 0", "a divisor that is not 0", "e.g. law / 2")
        return self * (1 / float(divisor))

    def __rtruediv__(self, other: float) -> RealLaw:
        if not isinstance(other, Real):
            return NotImplemented
        raise InputError("1 over a law", "an algebraic law", "give laws.algebraic(law).inverse()")

    def stieltjes(self, z: ArrayLike) -> Array:
        """Return G(z) = E 1/(z − X) for Im z > 0, or real z outside the support.

        By quadrature unless a law has a closed form; the rule then shows within about 1/1000 of the support.
        """
        return self.stieltjes_and_slope(z)[0]

    def stieltjes_and_slope(self, z: ArrayLike) -> tuple[Array, Array]:
        """Return G(z) and G'(z)."""
        at = complex_numbers("z", z)
        with np.errstate(all="ignore"):
            value, slope = self._stieltjes_and_slope(at)
        return value[()], slope[()]

    def log_potential(self, z: ArrayLike) -> Array:
        """Return U(z) = E ln(z − X) for Im z > 0; P(X > x) = Im U(x + i0)/π."""
        at = complex_numbers("z", z)
        with np.errstate(all="ignore"):
            return self._log_potential(at)[()]

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        value, slope = np.empty(z.size, complex), np.empty(z.size, complex)
        for part, (points, weights) in self._rules(z.ravel()):
            inverse = 1 / (z.ravel()[part, None] - points)
            value[part], slope[part] = inverse @ weights, -(inverse**2) @ weights
        return value.reshape(z.shape), slope.reshape(z.shape)

    def _log_potential(self, z: np.ndarray) -> Array:
        out = np.empty(z.size, complex)
        for part, (points, weights) in self._rules(z.ravel()):
            out[part] = np.log(z.ravel()[part, None] - points) @ weights
        return out.reshape(z.shape)

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

    _points = 400  # of the rule on each piece

    @property
    def _pieces(self) -> Pairs:
        """Return the intervals between whose ends the density is smooth."""
        return self.bands

    def nodes(self, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return (points, weights) of a quadrature rule for the continuous part, total weight 1 less the atoms.

        Whatever powers the density has at the ends of its bands, they cost nothing (see :func:`double_exponential`).
        """
        parts = [double_exponential(self.pdf, lo, hi, count or self._points) for lo, hi in self._pieces]
        points, weights = zip(*parts, strict=True) if parts else ((np.zeros(0),), (np.zeros(0),))
        return np.concatenate(points), np.concatenate(weights)

    def _moment(self, order: int) -> float:
        return self.expect(lambda x: x**order)

    def expect(self, function: Callable[[np.ndarray], np.ndarray], count: int | None = None) -> float:
        """Return E f(X) by quadrature, atoms included; `function` takes an array."""
        points, weights = self.nodes(count)
        total = float(np.sum(weights * function(points)))
        return total + sum(mass * float(np.asarray(function(np.array([x]))).ravel()[0]) for x, mass in self.atoms)


def _refuse_law(sign: str, other: object, instead: str) -> None:
    """Raise InputError for two laws: which law is meant, that of free or of independent variables, must be said.

    An algebraic law says it: its own operators are those of free variables.
    """
    if isinstance(other, RealLaw) and type(other).__add__ is RealLaw.__add__:
        raise InputError(f"a law {sign} a law", "a number beside a law", f"of free variables give {instead}")


@dataclass(frozen=True)
class MovedLaw(RealLaw):
    """The law of scale·X + shift, X of the law `of`."""

    of: RealLaw
    scale: float
    shift: float

    @cached_property
    def algebraic_equation(self) -> Equation | None:
        """Return the equation of the law, moved."""
        found = self.of.algebraic_equation
        return None if found is None else found.moved(exact(self.scale), exact(self.shift))

    def _place(self, x: float) -> float:
        return float(self.scale * x + self.shift)

    @property
    def bands(self) -> Pairs:
        """Return the intervals of the continuous part, ascending."""
        pairs = [sorted((self._place(lo), self._place(hi))) for lo, hi in self.of.bands]
        return tuple((lo, hi) for lo, hi in sorted(pairs))

    @property
    def atoms(self) -> Pairs:
        """Return the (place, mass) of every atom, ascending."""
        return tuple(sorted((self._place(place), mass) for place, mass in self.of.atoms))

    def _before(self, x: np.ndarray) -> np.ndarray:
        """Return (x − shift)/scale, exactly the place of an atom where x is one."""
        before = (x - self.shift) / self.scale
        for place, _ in self.of.atoms:
            before = np.where(x == self._place(place), place, before)
        return before

    def _pdf(self, x: np.ndarray) -> Array:
        return np.asarray(self.of.pdf(self._before(x))) / abs(self.scale)

    def _logpdf(self, x: np.ndarray) -> Array:
        return np.asarray(self.of.logpdf(self._before(x))) - np.log(abs(self.scale))

    def _at(self, x: np.ndarray) -> np.ndarray:
        """Return P(X = x) of the law `of`."""
        return sum((mass * (x == place) for place, mass in self.of.atoms), np.zeros(np.shape(x)))

    def _cdf(self, x: np.ndarray) -> Array:
        before = self._before(x)
        return self.of.cdf(before) if self.scale > 0 else self.of.sf(before) + self._at(before)

    def _sf(self, x: np.ndarray) -> Array:
        before = self._before(x)
        return self.of.sf(before) if self.scale > 0 else np.maximum(self.of.cdf(before) - self._at(before), 0.0)

    def _ppf(self, q: np.ndarray) -> Array:
        return self.scale * np.asarray(self.of.ppf(q) if self.scale > 0 else self.of.isf(q)) + self.shift

    def _isf(self, q: np.ndarray) -> Array:
        return self.scale * np.asarray(self.of.isf(q) if self.scale > 0 else self.of.ppf(q)) + self.shift

    def _moment(self, order: int) -> float:
        a, b = self.scale, self.shift
        return float(sum(comb(order, k) * a**k * b ** (order - k) * self.of.moment(k) for k in range(order + 1)))

    def var(self) -> float:
        """Return scale² Var X."""
        return self.scale**2 * self.of.var()

    def nodes(self, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the points, moved, and weights of the law's own rule, ascending."""
        points, weights = self.of.nodes(count)
        step = 1 if self.scale > 0 else -1
        return (self.scale * points + self.shift)[::step], weights[::step]

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        at = (z - self.shift) / self.scale
        value, slope = self.of.stieltjes_and_slope(at if self.scale > 0 else at.conj())
        if self.scale < 0:
            value, slope = np.conj(value), np.conj(slope)
        return np.asarray(value) / self.scale, np.asarray(slope) / self.scale**2

    def _log_potential(self, z: np.ndarray) -> Array:
        at = (z - self.shift) / self.scale
        if self.scale > 0:
            return self.of.log_potential(at) + np.log(self.scale)
        return np.conj(self.of.log_potential(at.conj())) + np.log(-self.scale) + 1j * np.pi


def moved(law: RealLaw, scale: float, shift: float) -> RealLaw:
    """Return the law of scale·X + shift; InputError unless both are finite and the scale is not 0."""
    a, b = finite("scale", scale), finite("shift", shift)
    if a == 0:
        raise InputError("0 times a law", "a factor that is not 0", "give laws.point_mass(0.0)")
    if isinstance(law, MovedLaw):
        inner, a, b = law.of, a * law.scale, a * law.shift + b
        return inner if (a, b) == (1, 0) else MovedLaw(inner, a, b)
    return law if (a, b) == (1, 0) else MovedLaw(law, a, b)
