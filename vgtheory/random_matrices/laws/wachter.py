"""The Wachter (MANOVA, Jacobi) law: eigenvalues of A(A + B)⁻¹ for two sample covariance matrices."""

from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import ctx, fmpq, fmpq_series

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.integrals import integral_over_x
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.real import RealLaw


@dataclass(frozen=True)
class Wachter(RealLaw):
    """The law of A(A + B)⁻¹, A and B independent p × p Wishart of a·p and b·p degrees of freedom, p → ∞ (Wachter 1980).

    Density (a + b)√((x₊ − x)(x − x₋))/(2πx(1 − x)), x± = ((√(a(a + b − 1)) ± √b)/(a + b))²; atoms 1 − a at 0 and
    1 − b at 1 where positive.  Also the squared cosines between random subspaces.
    """

    a: float
    b: float

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return z * (1 - z) * g**2 + ((2 - a - b) * z + a - 1) * g + a + b - 1

    @property
    def bands(self) -> Pairs:
        """Return (x₋, x₊), the one band; none for a + b = 1, two projections."""
        return (self._ends,) if self.a + self.b - 1 > 1e-12 else ()

    @property
    def _ends(self) -> tuple[float, float]:
        big, small = np.sqrt(self.a * (self.a + self.b - 1)), np.sqrt(self.b)
        lo, hi = (((big + sign * small) / (self.a + self.b)) ** 2 for sign in (-1, 1))
        return float(lo), float(min(hi, 1.0))

    @property
    def _gap(self) -> float:
        """Return 1 − x₊ without cancellation: the lower edge with a and b exchanged."""
        return Wachter(self.b, self.a)._ends[0]

    @property
    def atoms(self) -> Pairs:
        """Return the atoms at 0 and 1."""
        found = ((0.0, 1 - self.a), (1.0, 1 - self.b))
        return tuple((x, mass) for x, mass in found if mass > 0)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density of the continuous part (infinite at 0 for a = 1, at 1 for b = 1)."""
        lo, hi = self._ends
        inside = np.clip(x, lo, hi)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.sqrt(inside - lo) / inside if lo else 1 / np.sqrt(inside)
            right = np.sqrt(hi - inside) / (1 - inside) if self._gap else 1 / np.sqrt(1 - inside)
        value = (self.a + self.b) / (2 * np.pi) * left * right
        return np.where((x >= lo) & (x <= hi), value, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x) in closed form: 1/(x(1 − x)) is a sum of two simple fractions."""
        lo, hi = self._ends
        inside = np.clip(x, lo, hi)
        first = integral_over_x(inside, lo, hi)
        gap = self._gap
        top = max(1 - lo, gap)
        mirrored = np.clip(1 - inside, gap, top)
        second = integral_over_x(np.asarray(top), gap, top) - integral_over_x(mirrored, gap, top)
        value = max(0.0, 1 - self.a) + (self.a + self.b) / (2 * np.pi) * (first + second)
        out = np.where(x < 0, 0.0, np.where(x >= 1, 1.0, np.where((x >= hi) & (self.b >= 1), 1.0, value)))
        return np.minimum(out, 1.0)

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G = [(a − 1) − (a + b − 2)z + …]/(2z(1 − z)), from z = (1 + m)(a + m)/(m(a + b + m)), m = zG − 1."""
        lo, hi = self._ends
        a, b = self.a, self.b
        # m²(1 − z) + m(1 + a − z(a + b)) + a = 0; of its roots the one that decays, without cancellation.
        root = (a + b) * np.sqrt(z - lo) * np.sqrt(z - hi)
        m = 2 * a / (z * (a + b) - 1 - a + root)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = 1 / (z * (1 / (1 + m) + 1 / (a + m) - 1 / m - 1 / (a + b + m)))  # dm/dz
            value = (1 + m) / z
            return value[()], (slope / z - value / z)[()]

    def _moment(self, order: int) -> float:
        """Return E X^k = [m^{k−1}] ((1 + m)(a + m)/(a + b + m))^k/k (Lagrange's inversion, exact rationals)."""
        a, b = (fmpq(*value.as_integer_ratio()) for value in (self.a, self.b))
        kept, ctx.cap = ctx.cap, order  # terms of a series
        try:
            base = fmpq_series([a, 1 + a, 1], order) / fmpq_series([a + b, 1], order)
            found = (base**order)[order - 1] / order
        finally:
            ctx.cap = kept
        return int(found.p) / int(found.q)


def wachter(a: float, b: float) -> Wachter:
    """Return the Wachter law of a = n_A/p and b = n_B/p degrees of freedom per dimension, a + b ≥ 1.

    Raises
    ------
    InputError : a or b is not a finite positive number, or a + b < 1 (A + B is singular).

    Examples
    --------
    >>> law = wachter(2, 2)
    >>> law.mean(), law.moment(2)
    (0.5, 0.3125)
    """
    first, second = positive("a", a), positive("b", b)
    if first + second < 1:
        raise InputError("a + b", "at least 1", "else A + B has no inverse; give a=1, b=1", got=f"{first + second:g}")
    return Wachter(first, second)
