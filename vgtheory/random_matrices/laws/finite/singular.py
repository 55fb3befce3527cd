"""Squared singular values of products of complex Ginibre matrices at finite N."""

from dataclasses import dataclass
from functools import cached_property
from math import inf, log, pi

import numpy as np
from flint import acb, acb_mat, arb, ctx
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.laws.law import Array, whole
from vgtheory.random_matrices.laws.smooth import SmoothLaw, evaluate, interpolate

LARGEST = 64  # precision and time (a minute there) grow with the size; the limit law is good to 1e-4 there
_FEW = 512  # points that are worth their own sums in ball arithmetic; high moments need them


@dataclass(frozen=True)
class FiniteProduct(SmoothLaw):
    """The mean density of the squared singular values of a product of L = `factors` complex N × N Ginibre matrices.

    ρ(y) = (1/2πi N y) ∫ p_y(s) Γ(s + 1)^L y^{−s} ds, p_y the polynomial that agrees with y^t/Γ(t + 1)^L at
    t = 0, …, N − 1: the double integral of Kuijlaars & Zhang (2014) for the kernel of Akemann, Ipsen & Kieburg (2013)
    with its inner residues summed.  x = y/N^L; ball arithmetic absorbs the cancellation of the residues.
    """

    size: int
    factors: int = 1

    def support(self) -> tuple[float, float]:
        """Return (0, ∞)."""
        return 0.0, inf

    def coordinate(self, x: np.ndarray) -> np.ndarray:
        """Return ln x."""
        with np.errstate(divide="ignore"):
            return np.log(x)

    def place(self, u: np.ndarray) -> np.ndarray:
        """Return e^u."""
        return np.exp(u)

    def window(self) -> tuple[float, float]:
        """Return an interval of ln x that holds all but 1e-15 of the law."""
        n, size = self.size, self.factors
        top = (size + 1) * log(size + 1) - size * log(size)
        room = (size + 1) * log(1 + min(9.0 / n ** (2 / 3), 60.0 / n))
        return -38.0 - 6 * (size - 1) - (size + 1) * log(n), top + room

    @cached_property
    def _bits(self) -> int:
        return 100 + 10 * self.size

    def _contour(self, middle: float, reach: float) -> tuple[arb, list, acb_mat]:
        """Return the step, the points s_k of the line Re s = middle and the rows h Γ(s_k + 1)^L ℓ_j(s_k)/j!^L of all j.

        The trapezoidal rule's error is e^{−reach}, on terms that are at most e^{2N} above their sum.
        """
        n, size = self.size, self.factors
        with ctx.workprec(self._bits):
            step = arb(2 * pi * (middle + 1) / reach)
            end = 2 * reach / (pi * size) + n
            points = [acb(middle, k * step) for k in range(int(np.ceil(end / float(step.mid()))))]
            bottoms = []
            for j in range(n):  # ∏_{i ≠ j} (j − i) j!^L
                sign = -1 if (n - 1 - j) % 2 else 1
                bottoms.append(sign * arb(j + 1).gamma() ** (size + 1) * arb(n - j).gamma())
            columns = []
            for s in points:
                front = (s + 1).gamma() ** size * step
                for i in range(n):
                    front *= s - i
                columns.append([front / ((s - j) * bottoms[j]) for j in range(n)])
            columns[0] = [value / 2 for value in columns[0]]
            return step, points, acb_mat(columns).transpose()

    @cached_property
    def _contours(self) -> tuple:
        # For y < 1 the line lies next to the pole at −1, else y^{−s} would exceed the sum by far.
        return self._contour(-0.5, 42.0 + self.size), self._contour(self.size // 2 + 0.5, 60.0 + 3 * self.size)

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density of ln x at u; many values are read from an interpolant, to 1e-13 of the largest."""
        flat = np.atleast_1d(np.asarray(u, dtype=float)).ravel()
        lo, hi = self.window()
        inside = (flat >= lo) & (flat <= hi) & (flat.size > _FEW)
        out = np.empty(flat.shape)
        if inside.any():
            out[inside] = np.maximum(evaluate(self._curve, flat[inside]), 0.0)
        out[~inside] = self._exact(flat[~inside])
        return out.reshape(np.shape(u))

    @cached_property
    def _curve(self) -> Chebyshev:
        return interpolate(self._exact, *self.window())

    def _exact(self, flat: np.ndarray) -> np.ndarray:
        log_y, out = flat + self.factors * log(self.size), np.empty(flat.size)
        for contour, part in zip(self._contours, (log_y < 0, log_y >= 0), strict=True):
            if part.any():
                out[part] = self._sum(contour, log_y[part])
        return np.maximum(out, 0.0)

    def _sum(self, contour: tuple, log_y: np.ndarray) -> np.ndarray:
        step, points, kernel = contour
        n, out = self.size, np.empty(len(log_y))
        with ctx.workprec(self._bits):
            logs = [arb(float(v)) for v in log_y]
            powers = acb_mat([[acb((j * v).exp()) for j in range(n)] for v in logs]) * kernel
            for i, v in enumerate(logs):
                turn, here, total = acb(0, -(step * v)).exp(), acb((-points[0].real * v).exp()), acb(0)
                for k in range(len(points)):
                    total += powers[i, k] * here
                    here *= turn
                out[i] = float(total.real.mid()) / (pi * n)
        return out

    def pdf(self, x: ArrayLike) -> Array:
        """Return the density; infinite at 0 for more than one factor."""
        x = np.asarray(x, dtype=float)
        safe = np.where(x > 0, x, 1.0)
        value = self.density(np.log(safe)) / safe
        at_zero = inf if self.factors > 1 else float(self.size)
        return np.where(np.isnan(x), np.nan, np.where(x > 0, value, np.where(x == 0, at_zero, 0.0)))[()]

    def moment(self, order: int) -> float:
        """Return E X^order by quadrature."""
        k = whole("order", order, 0)
        lo, hi = self.window()
        node, weight = np.polynomial.legendre.leggauss(400)
        u = lo + (hi - lo) * (1 + node) / 2
        weight = weight * self.density(u) * (hi - lo) / 2
        return float((weight * np.exp(k * u)).sum()) if k else 1.0


def finite_product(size: int, factors: int = 1) -> FiniteProduct:
    """Return the law of a squared singular value of a product of `factors` complex Ginibre matrices of this size.

    Raises
    ------
    InputError : `size` or `factors` is not an integer of at least 1.
    UnsupportedError : `size` is above 64; use `fuss_catalan(factors)`, the limit.

    Examples
    --------
    >>> law = finite_product(2, factors=2)
    >>> round(law.mean(), 9), round(float(law.cdf(1.0)), 6)
    (1.0, 0.671643)
    """
    n = whole("size", size)
    if n > LARGEST:
        raise UnsupportedError(
            f"size = {n}: the exact density is computed up to {LARGEST}; use fuss_catalan({factors}), its limit"
        )
    return FiniteProduct(n, whole("factors", factors))
