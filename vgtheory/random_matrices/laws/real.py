"""Laws on the line: their transforms and expectations, by quadrature where there is no closed form."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from vgtheory.random_matrices.arguments import complex_numbers
from vgtheory.random_matrices.laws.law import Array, Law, Pairs
from vgtheory.random_matrices.laws.polynomials.equation import Equation, G, Z, equation_of
from vgtheory.symbolic.formula import Formula, exact

_CHARGES = 400  # points for G(z)
_FINER, _SPACINGS = (1, 8, 64), 6.0  # times as many points where z is nearer than so many of their spacings
_AT_ONCE = 2_000_000  # numbers in one array


@dataclass(frozen=True)
class RealLaw(Law):
    """A law of a real number: with G(z) = E 1/(z − X), E ln(z − X) and expectations of functions."""

    @cached_property
    def algebraic_equation(self) -> Equation | None:
        """Return the polynomial equation of G, exact at the decimals of the parameters; None where none is known."""
        known = getattr(type(self), "equation", None)
        if not callable(known):
            return None
        values = [getattr(self, f.name) for f in fields(self)]
        given = [tuple(map(exact, v)) if isinstance(v, tuple) else exact(v) for v in values]
        found = known(Z, G, *given)
        return equation_of(found, "equation") if found.is_polynomial(Z, G) else None

    @property
    def polynomial(self) -> Formula | None:
        """Return the polynomial equation of G = G(z); None where none is known, or its degree is above 10."""
        found = self.algebraic_equation
        if found is None:
            return None
        said = "G = G(z) is the branch with zG → 1 as z → ∞"
        return Formula(found.expr, sp.Integer(0), name="equation of G", statement=said)

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


def integral_over_x(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return ∫_a^x √((b − t)(t − a))/t dt for 0 ≤ a ≤ x ≤ b, with half-angles instead of arcsines near ±1."""
    left, right = np.sqrt(x - a), np.sqrt(b - x)
    first = np.arctan2(left, right)
    second = np.arctan2(np.sqrt(b) * left, np.sqrt(a) * right)
    return left * right + (a + b) * first - 2 * np.sqrt(a * b) * second
