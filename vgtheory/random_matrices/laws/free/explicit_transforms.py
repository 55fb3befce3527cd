"""Laws given by a formula for their R- or S-transform."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
import sympy as sp

from vgtheory._errors import InputError
from vgtheory.random_matrices.laws.polynomials.law import law_of
from vgtheory.random_matrices.laws.polynomials.reading import from_r, from_s
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.scanned import ScannedLaw
from vgtheory.symbolic.parser import parse

_HEIGHTS = tuple(4.0**k for k in range(6, -14, -1))
_TURNS = tuple(0.6**k for k in range(1, 40))
_RAY, _NEWTON, _LAST = 60, 3, 60
_FAR, _PLACES = 1e6, 4000  # largest argument, and number of places, where an end of the support is looked for
_APART = 1e-8  # of the width
_BOTTOM = 1e-60  # of the top end
_V, _W = np.polynomial.legendre.leggauss(100)
# On (0, 1), 1 − v⁶: a logarithm at the far end, where a law reaches 0, costs no digits.
_NODE, _WEIGHT = 1 - ((1 + _V) / 2) ** 6, 3 * _W * ((1 + _V) / 2) ** 5


@dataclass(frozen=True)
class Given(ScannedLaw):
    """A law with z as an explicit function of u; u(x + i0) is followed from z = i∞, where u is known."""

    expr: sp.Expr
    symbol: sp.Symbol

    @cached_property
    def _functions(self) -> tuple[Callable, Callable]:
        slope = sp.diff(self.expr, self.symbol)
        return tuple(_vector(self.symbol, e) for e in (self.expr, slope))  # type: ignore[return-value]

    @abstractmethod
    def _z(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return z and dz/du at u."""

    @abstractmethod
    def _way(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the places z from far away down to x."""

    @abstractmethod
    def _start(self, z: np.ndarray) -> np.ndarray:
        """Return u far from the support."""

    def _follow(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (u, |residual|) at x + i0."""
        way = self._way(x)
        u = self._start(way[0])
        with np.errstate(all="ignore"):
            for z in way:
                for _ in range(_NEWTON):
                    u = self._newton(u, z)
            moving = np.arange(x.size)
            for _ in range(_LAST):
                new = self._newton(u[moving], x[moving] + 0j)
                still = np.abs(new - u[moving]) > 1e-15 * np.abs(new)
                u[moving] = new
                moving = moving[still]
                if not moving.size:
                    break
            value = self._z(u)[0]
        return u, np.abs(value - x) / np.maximum(np.abs(x), 1e-300)

    def _newton(self, u: np.ndarray, z: np.ndarray) -> np.ndarray:
        value, slope = self._z(u)
        step = (value - z) / slope
        step = step * np.minimum(1, 0.5 * np.abs(u) / np.maximum(np.abs(step), 1e-300))
        new = u - step
        return np.where(np.isfinite(new), new.real - 1j * np.abs(new.imag), u)

    def _integral(self, u: np.ndarray, function: Callable) -> np.ndarray:
        """Return ∫_0^u function by way of the lower half plane: there may be a pole on the line between 0 and u."""
        corner = u.real / 2 - 1j * np.maximum(np.abs(u.imag), np.abs(u) / 3)
        rest = u - corner
        first = (function(corner[:, None] * _NODE) @ _WEIGHT) * corner
        return first + (function(corner[:, None] + rest[:, None] * _NODE) @ _WEIGHT) * rest

    def _turning(self, sign: float, from_: float) -> float:
        """Return z at the first extremum of z(u) beyond `from_` in this direction: an end of the support."""
        u = from_ + sign * np.geomspace(1e-6, _FAR, _PLACES)
        with np.errstate(all="ignore"):
            values, slopes = (part.real for part in self._z(u + 0j))
        signs = np.sign(slopes)
        turn = np.flatnonzero((signs[1:] != signs[:-1]) | ~np.isfinite(values[1:]))
        if not len(turn):
            return float(values[-1])  # no extremum: the end is the limit (an atom)
        k = int(turn[0])
        if not np.isfinite(slopes[k + 1]):
            return float(values[k])
        place = scipy.optimize.brentq(
            lambda v: float(self._z(np.array([v + 0j]))[1][0].real), u[k], u[k + 1], xtol=1e-15 * abs(u[k])
        )
        return float(self._z(np.array([place + 0j]))[0][0].real)

    def landmarks(self) -> tuple[float, ...]:
        """Return z at the other extrema of z(u) on the line, where a gap inside of the support begins or ends."""
        lo, hi = self.bounds()
        found = []
        for sign in (-1.0, 1.0):
            u = sign * np.geomspace(1e-6, _FAR, _PLACES)
            with np.errstate(all="ignore"):
                slopes = self._z(u + 0j)[1]
            real = np.abs(slopes.imag) <= 1e-9 * np.abs(slopes)  # a formula may leave the line beyond a branch point
            signs = np.where(real & np.isfinite(slopes.real), np.sign(slopes.real), 0)
            for k in np.flatnonzero(signs[1:] * signs[:-1] < 0):
                place = scipy.optimize.brentq(lambda v: float(self._z(np.array([v + 0j]))[1][0].real), u[k], u[k + 1])
                found.append(float(self._z(np.array([place + 0j]))[0][0].real))
        room = _APART * (hi - lo)  # the ends themselves are extrema too
        return tuple(z for z in found if lo + room < z < hi - room)


@dataclass(frozen=True)
class GivenR(Given):
    """The law with z = R(G) + 1/G (Voiculescu 1986).

    Examples
    --------
    >>> law = from_r_transform("-log(1 - x)")  # free cumulants 0, 1, 1/2, 1/3, ...
    >>> isinstance(law, GivenR), round(law.var(), 6)
    (True, 1.0)
    """

    def _z(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = (f(u) for f in self._functions)
        return value + 1 / u, slope - 1 / u**2

    def _way(self, x: np.ndarray) -> list[np.ndarray]:
        lo, hi = self.bounds()
        width = max(hi - lo, 1e-12 * max(abs(lo), abs(hi)))
        return [x + 1j * height * width for height in _HEIGHTS]

    def _start(self, z: np.ndarray) -> np.ndarray:
        return 1 / (z - self.mean())

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return self._turning(-1.0, 0.0), self._turning(1.0, 0.0)

    def bounds(self) -> tuple[float, float]:
        """Return the ends of the support: the first extrema of R(g) + 1/g on either side of 0."""
        return self._ends

    def tails(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (density, P(X > x), error); U = gR(g) − ∫_0^g R − ln g at g = G(x + i0)."""
        x = np.asarray(x, dtype=float)
        g, residual = self._follow(x)
        r = self._functions[0]
        potential = g * r(g) - self._integral(g, r) - np.log(g)
        return -g.imag / np.pi, np.clip(potential.imag / np.pi, 0, 1), residual * np.abs(g)

    def mean(self) -> float:
        """Return R(0)."""
        return float(sp.limit(self.expr, self.symbol, 0))


@dataclass(frozen=True)
class GivenS(Given):
    """The law on x ≥ 0 with z = (1 + m)/(m S(m)), m = zG(z) − 1 (Voiculescu 1987).

    Examples
    --------
    >>> isinstance(from_s_transform("exp(-x)"), GivenS)
    True
    """

    def _z(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = (f(u) for f in self._functions)
        z = (1 + u) / (u * value)
        return z, z * (1 / (1 + u) - 1 / u - slope / value)

    def _way(self, x: np.ndarray) -> list[np.ndarray]:
        # Towards the origin along a ray, then around it: x may lie many decades below the top.
        far = np.maximum(100 * self._top / x, 1.0)
        ray = [x * far**part * np.exp(2.5j) for part in np.linspace(1, 0, _RAY)]
        return ray + [x * np.exp(2.5j * turn) for turn in _TURNS]

    def _start(self, z: np.ndarray) -> np.ndarray:
        return self.mean() / z

    @cached_property
    def _top(self) -> float:
        return self._turning(1.0, 0.0)

    def bounds(self) -> tuple[float, float]:
        """Return (0, the first extremum of z(m) for m > 0)."""
        return 0.0, self._top

    @cached_property
    def _zero(self) -> float:
        """Return the atom at 0: S has a pole at m = −(1 − atom)."""
        inverse = _vector(self.symbol, 1 / self.expr)
        m = -np.linspace(1e-9, 1, 20001)[:-1]
        with np.errstate(all="ignore"):
            below = np.flatnonzero(~(inverse(m + 0j).real > 0))
        if not len(below):
            return 0.0
        k = int(below[0])
        return 1 + scipy.optimize.brentq(
            lambda v: float(inverse(np.array([v + 0j]))[0].real), float(m[k]), float(m[k - 1]), xtol=4e-16
        )

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the atom at 0, if any."""
        return ((0.0, self._zero),) if self._zero > 1e-12 else ()

    def tails(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (density, P(X > x), error); Ψ = ∫_0^m ln S − m ln S(m) − ln(1 + m) at m = M(x + i0)."""
        x = np.asarray(x, dtype=float)
        m, residual = self._follow(x)
        s = self._functions[0]
        with np.errstate(all="ignore"):
            psi = self._integral(m, lambda u: np.log(s(u))) - m * np.log(s(m)) - np.log(1 + m)
            density = np.maximum(-m.imag, 0) / np.pi / x
            # So near to 0 that m is its limit there, to rounding.
            above = np.where((x < _BOTTOM * self._top) & ~np.isfinite(psi), 1 - self._zero, psi.imag / np.pi)
            return np.nan_to_num(density), np.clip(above, 0, 1), residual * np.abs(m / x)

    def mean(self) -> float:
        """Return 1/S(0)."""
        return float(1 / sp.limit(self.expr, self.symbol, 0))


def _vector(symbol: sp.Symbol, expr: sp.Expr) -> Callable:
    function = sp.lambdify(symbol, expr, "numpy")
    return lambda u: np.asarray(function(u), dtype=complex) + np.zeros(np.shape(u))


def _formula(name: str, expression: str | sp.Expr) -> tuple[sp.Expr, sp.Symbol]:
    if isinstance(expression, str):
        expr, symbol, _ = parse(expression)
        return expr, symbol
    if not isinstance(expression, sp.Expr) or len(expression.free_symbols) > 1:
        raise InputError(f"{name}", "a formula in one symbol", 'e.g. "g" for the semicircle', got=f"{expression!r}")
    symbol = next(iter(expression.free_symbols), sp.Symbol("g"))
    return expression, symbol


def from_r_transform(expression: str | sp.Expr) -> RealLaw:
    """Return the law whose R-transform is this formula in one symbol.

    Raises
    ------
    InputError : not a formula in one symbol, or not finite at 0.

    Examples
    --------
    >>> law = from_r_transform("1/(1 - x)")  # Marchenko–Pastur of ratio 1
    >>> round(law.support()[1], 9), round(law.mean(), 12)
    (4.0, 1.0)
    """
    law = GivenR(*_formula("R", expression))
    _require_finite(law, "R")
    found = from_r(law.expr, law.symbol)
    return law if found is None else law_of(found)


def from_s_transform(expression: str | sp.Expr) -> RealLaw:
    """Return the law on x ≥ 0 whose S-transform is this formula in one symbol.

    Raises
    ------
    InputError : not a formula in one symbol, or not positive and finite at 0.

    Examples
    --------
    >>> law = from_s_transform("(1 + x)**-2")  # Fuss–Catalan of depth 2
    >>> round(law.support()[1], 6), law.mean()
    (6.75, 1.0)
    """
    law = GivenS(*_formula("S", expression))
    _require_finite(law, "S")
    if law.mean() <= 0:
        raise InputError(
            "S(0)", "a positive number, one over the mean", "choose another formula", got=f"{1 / law.mean():g}"
        )
    found = from_s(law.expr, law.symbol)
    return law if found is None else law_of(found)


def _require_finite(law: Given, name: str) -> None:
    at_zero = sp.limit(law.expr, law.symbol, 0)
    if not at_zero.is_finite or (name == "S" and at_zero == 0):
        raise InputError(f"{name}(0)", "a finite number, not 0 for S", "choose another formula", got=f"{at_zero}")
