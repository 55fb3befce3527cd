"""Squared singular values of products of complex Ginibre matrices at finite N."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import exp, factorial, floor, inf, log, pi

import numpy as np
from flint import acb, acb_mat, arb, ctx
from numpy.polynomial import Chebyshev
from scipy.special import digamma, loggamma

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.arguments import whole
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.smooth import LogLaw, evaluate, interpolate

LARGEST = 64  # precision and time (a minute there) grow with the size; the limit law is good to 1e-4 there
_DIGITS, _RADIUS = 42.0, 1e-15  # e^{−42} is 6e-19; radius of a ball relative to its middle
_BESIDE_POLE = -1 + 1 / 32
_NOTHING = 760.0  # e^{−760} is 0 in doubles
_FEW = 512  # points that are worth their own sums in ball arithmetic; high moments need them


@dataclass(frozen=True)
class FiniteProduct(LogLaw):
    """The mean density of the squared singular values of a product of L = `factors` complex N × N Ginibre matrices.

    ρ(y) = (1/2πi N y) ∫ p_y(s) Γ(s + 1)^L y^{−s} ds, p_y the polynomial that agrees with y^t/Γ(t + 1)^L at
    t = 0, …, N − 1: the double integral of Kuijlaars & Zhang (2014) for the kernel of Akemann, Ipsen & Kieburg (2013)
    with its inner residues summed.  x = y/N^L; ball arithmetic absorbs the cancellation of the residues.
    """

    size: int
    factors: int = 1

    def window(self) -> tuple[float, float]:
        """Return an interval of ln x that holds all but 1e-15 of the law."""
        n, size = self.size, self.factors
        top = (size + 1) * log(size + 1) - size * log(size)
        room = (size + 1) * log(1 + min(9.0 / n ** (2 / 3), 60.0 / n))
        return -38.0 - 6 * (size - 1) - (size + 1) * log(n), top + room

    def _middle(self, log_y: float) -> float:
        """Return the line Re s = c for ln y: of −1/2, 1/2, …, growing by a quarter, the last below the saddle point.

        Γ(s + 1)^L y^{−s} is stationary at L ψ(c + 1) = ln y.  Below the window ρ is a residue at −1 that y^{1/2} would
        drown.
        """
        if log_y < self.window()[0] + self.factors * log(self.size):
            return _BESIDE_POLE
        middle = -0.5
        while self.factors * float(digamma(_next(middle) + 1)) <= log_y:
            middle = _next(middle)
        return middle

    @cached_property
    def _contours(self) -> dict[tuple[float, int], tuple]:
        return {}

    def _contour(self, middle: float, bits: int) -> tuple[arb, list, acb_mat]:
        """Return the step, the points s_k of the line Re s = middle and the rows h Γ(s_k + 1)^L ℓ_j(s_k)/j!^L of all j.

        With g_j(y) the integral of one row the rule of step h adds Σ_j y^j g_j(y e^{−2π/h}) e^{−2πc/h}/j!^L, at most
        y^N e^{−2π(c+1)/h} times a power of ln y; the density there is above e^{−L y^{1/L}}.
        """
        n, size = self.size, self.factors
        top = size * float(digamma(_next(middle) + 1))  # the largest ln y that comes here
        reach = _DIGITS + n * max(top, 0.0) + size * exp(top / size) + 6 * (size - 1)
        with ctx.workprec(bits):
            step = arb(2 * pi * (middle + 1) / reach)
            points = [acb(middle, k * step) for k in range(int(np.ceil(self._end(middle) / float(step.mid()))))]
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

    def _end(self, middle: float) -> float:
        """Return Im s from where on the terms are below e^{−42} of the sum, above which the first are by e^{2N}."""
        i = np.arange(self.size)

        def fallen(t: float) -> float:
            gammas = self.factors * (loggamma(middle + 1) - loggamma(middle + 1 + 1j * t)).real
            return float(gammas - 0.5 * np.log1p((t / (middle - i)) ** 2).sum() - _DIGITS - 2 * self.size)

        end = 1.0
        while fallen(end) < 0:
            end *= 1.25
        return end

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
        log_y, out = flat + self.factors * log(self.size), np.zeros(flat.size)
        # ρ is below y^N e^{−L y^{1/L}}: nothing in doubles from here on.
        seen = np.flatnonzero(self.factors * np.exp(log_y / self.factors) - self.size * np.maximum(log_y, 0) < _NOTHING)
        lines = np.array([self._middle(float(v)) for v in log_y[seen]])
        for middle in np.unique(lines):
            part = seen[lines == middle]
            out[part] = self._sum(float(middle), log_y[part])
        return np.maximum(out, 0.0)

    def _sum(self, middle: float, log_y: np.ndarray) -> np.ndarray:
        """Return the density of ln y, the precision doubled until the balls are small enough."""
        bits, left, out = 128 + 8 * self.size, np.arange(len(log_y)), np.empty(len(log_y))
        while left.size:
            if (middle, bits) not in self._contours:
                self._contours[middle, bits] = self._contour(middle, bits)
            found, radius = self._sum_with(self._contours[middle, bits], bits, log_y[left])
            out[left] = found
            left, bits = left[radius > _RADIUS * np.abs(found) + 1e-320], 2 * bits
        return out

    def _sum_with(self, contour: tuple, bits: int, log_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums and the radii of the balls that hold them."""
        step, points, kernel = contour
        n, out, radius = self.size, np.empty(len(log_y)), np.empty(len(log_y))
        with ctx.workprec(bits):
            logs = [arb(float(v)) for v in log_y]
            powers = acb_mat([[acb((j * v).exp()) for j in range(n)] for v in logs]) * kernel
            for i, v in enumerate(logs):
                turn, here, total = acb(0, -(step * v)).exp(), acb((-points[0].real * v).exp()), acb(0)
                for k in range(len(points)):
                    total += powers[i, k] * here
                    here *= turn
                out[i], radius[i] = float(total.real.mid()) / (pi * n), float(total.real.rad()) / (pi * n)
        return out, radius

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density; infinite at 0 for more than one factor."""
        safe = np.where(x > 0, x, 1.0)
        value = self.density(np.log(safe)) / safe
        at_zero = inf if self.factors > 1 else float(self.size)
        return np.where(x > 0, value, np.where(x == 0, at_zero, 0.0))

    def _moment(self, order: int) -> float:
        """Return E X^k = Σ_{i≤k} (−1)^{i−1} ([N + k − i]_k)^{L+1}/(k (k − i)! (i − 1)!) over N^{kL+1}, exactly.

        [a]_k = a(a − 1)⋯(a − k + 1).  The power sum is an alternating sum of Schur functions of hooks, whose mean is
        their value at 1 times the product of N + content, once for every factor (Macdonald 1995, I.4 and VII.6).
        """
        k, n, size = order, self.size, self.factors
        total = Fraction(0)
        for i in range(1, min(k, n) + 1):
            falling = factorial(n + k - i) // factorial(n - i)
            total += Fraction((-1) ** (i - 1) * falling ** (size + 1), k * factorial(k - i) * factorial(i - 1))
        try:
            return float(total / n ** (k * size + 1))
        except OverflowError:
            return inf

    def var(self) -> float:
        """Return Var X = E X² − 1, exactly."""
        n, size = self.size, self.factors
        return float(Fraction((n + 1) ** (size + 1) - (n - 1) ** (size + 1), 2 * n**size) - 1)


def _next(middle: float) -> float:
    return middle + max(1.0, floor(middle / 4))


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
