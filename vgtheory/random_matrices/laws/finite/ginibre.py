"""Eigenvalues of complex Ginibre matrices and of their products at finite N."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import exp, inf, lgamma, log, pi, sqrt

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.special import gammainc, gammaincc, gammaln, logsumexp

from vgtheory.random_matrices.arguments import RandomState, generator, shape_of, whole
from vgtheory.random_matrices.laws.finite.meijer import log_weight
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.planar import PlanarLaw
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.smooth import LogLaw, evaluate, interpolate

_RADII = 160  # points on each part of a line through the plane
_FEW = 400  # points that are worth their own sums; more are read from the interpolant of the logarithm
_VANISHED = 690.0  # the density is below e^{−L e^{690}} where N^L r² exceeds e^{690 L}
_TAIL = 40.0  # e^{−40}: what is left out below, per factor


@dataclass(frozen=True)
class Modulus(LogLaw):
    """The law of an eigenvalue's modulus: N^L r² is ∏_{j≤L} Gamma(k), k uniform in 1..N, N = `size`, L = `factors`.

    Independent moduli: Kostlan (1992) for L = 1, Akemann & Burda (2012) for products.
    """

    size: int
    factors: int = 1

    def window(self) -> tuple[float, float]:
        """Return an interval of ln r that holds all but 1e-15 of the law."""
        n, size = self.size, self.factors
        # The largest of N gammas of shape up to N; e^{−40} of the mass below, whose decay is e^{2u} (−u)^{L−1}.
        top = n + 9 * sqrt(n) + 40
        return -(_TAIL + 6 * (size - 1)) / 2 - size * log(n) / 2, size * log(top / n) / 2

    def log_area_density(self, log_r: np.ndarray) -> np.ndarray:
        """Return the log of the density per area at radius r."""
        n, size = self.size, self.factors
        log_x = np.atleast_1d(2 * log_r + size * log(n))
        far = log_x > _VANISHED * size
        if far.any():
            return np.where(far, -inf, self.log_area_density(np.where(far, 0.0, np.atleast_1d(log_r))))
        k = np.arange(n)
        if size == 1:
            share = gammaincc(n, np.exp(np.minimum(log_x, 700.0)))
            far = share < 1e-300  # e^{−y} Σ_{k<N} y^k/k! in logarithms
            out = np.log(np.where(far, 1.0, share)) - log(pi)
            y = log_x[far, None]
            out[far] = logsumexp(k * y - gammaln(k + 1), axis=1) - np.exp(y[:, 0]) - log(pi)
            return out
        sums = np.empty(log_x.shape)
        for block in np.array_split(np.arange(log_x.size), max(1, log_x.size * n // 10**6)):
            sums[block] = logsumexp(k * log_x[block, None] - size * gammaln(k + 1), axis=1)
        return log_weight(log_x, size) + sums + (size - 1) * log(n) - log(pi)

    @cached_property
    def log_area(self) -> Chebyshev:
        """Return the interpolant of `log_area_density` on the window."""
        return interpolate(self.log_area_density, *self.window())

    def log_areas(self, log_r: np.ndarray) -> np.ndarray:
        """Return the log of the density per area at many radii, from the interpolant inside the window."""
        lo, hi = self.window()
        if self.factors == 1 or log_r.size <= _FEW:
            return self.log_area_density(log_r)
        inside = (log_r >= lo) & (log_r <= hi)
        out = np.empty(log_r.shape)
        out[inside] = evaluate(self.log_area, log_r[inside])
        out[~inside] = self.log_area_density(log_r[~inside]) if not inside.all() else out[~inside]
        return out

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density of ln r."""
        flat = np.atleast_1d(np.asarray(u, dtype=float)).ravel()
        return np.exp(self.log_areas(flat) + 2 * flat + log(2 * pi)).reshape(np.shape(u))

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density of r."""
        safe = np.where(x > 0, x, 1.0)
        value = self.density(np.log(safe)) / safe
        return np.where(x > 0, value, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(|λ| ≤ x); for one factor [y Q(N, y) + N P(N + 1, y)]/N at y = N x²."""
        if self.factors > 1:
            return super()._cdf(x)
        n = self.size
        y = n * np.clip(x, 0.0, 1e150) ** 2
        return (y * gammaincc(n, y) / n + gammainc(n + 1, y))[()]

    def _moment(self, order: int) -> float:
        """Return E r^k = (1/N) Σ_j (Γ(j + k/2)/Γ(j))^L N^{−kL/2}."""
        k, j = order, np.arange(1, self.size + 1)
        return float(np.mean(np.exp(self.factors * (gammaln(j + k / 2) - gammaln(j) - k / 2 * log(self.size)))))


@dataclass(frozen=True)
class FiniteGinibre(PlanarLaw):
    """The law of an eigenvalue, picked at random, of a product of L = `factors` complex Ginibre matrices of size N.

    Entries of E|a|² = 1/N; density w_L(N^L|z|²) Σ_{k<N} (N^L|z|²)^k/k!^L N^{L−1}/π, w_L Meijer's G^{L,0}_{0,L}
    (Ginibre 1965; Akemann & Burda 2012).
    """

    size: int
    factors: int = 1

    def radial(self) -> Modulus:
        """Return the law of |z|."""
        return self._modulus

    @cached_property
    def _modulus(self) -> Modulus:
        return Modulus(self.size, self.factors)

    def real(self) -> "Marginal":
        """Return the law of Re z."""
        return Marginal(self._modulus)

    def imag(self) -> "Marginal":
        """Return the law of Im z."""
        return Marginal(self._modulus)

    def _pdf(self, z: np.ndarray) -> Array:
        """Return the density with respect to area; infinite at 0 for more than one factor."""
        return np.exp(self.logpdf(z))

    def _logpdf(self, z: np.ndarray) -> Array:
        """Return the log of the density, which keeps its digits where the density underflows."""
        r = np.abs(np.asarray(z))
        value = self._modulus.log_areas(np.log(np.where(r > 0, r, 1.0)).ravel()).reshape(r.shape)
        at_zero = -log(pi) if self.factors == 1 else inf
        return np.where(np.isnan(r), np.nan, np.where(r > 0, value, at_zero))[()]

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RandomState = None) -> Array:
        """Return independent complex draws (moduli of one matrix are other draws: see the ensemble)."""
        rng, size = generator(random_state), shape_of(size)
        shape = rng.integers(1, self.size + 1, size=size)
        logs = sum(np.log(rng.gamma(shape)) for _ in range(self.factors)) - self.factors * log(self.size)
        return np.exp(logs / 2 + 2j * np.pi * rng.random(size))


@dataclass(frozen=True)
class AbsoluteMarginal(LogLaw):
    """The law of |Re z| for a complex number whose angle is uniform; its density is smooth in the logarithm."""

    modulus: Modulus

    def window(self) -> tuple[float, float]:
        """Return an interval of ln x that holds all but 1e-16 of the law."""
        return -_TAIL, self.modulus.window()[1]

    def density(self, u: np.ndarray) -> np.ndarray:
        """Return the density of ln x."""
        u = np.asarray(u, dtype=float)
        return np.exp(u) * np.asarray(self.pdf(np.exp(u)))

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density, twice an integral of the area density along a line.

        r = √(x² + y²) is written as x cosh v, in which the weight's logarithm at the origin does no harm; the line ends
        are the end of the window, and the bulk's edge is a place where the panels meet.
        """
        at = np.abs(x)
        low, high = self.modulus.window()
        edge = 1 - 9 / np.sqrt(self.modulus.size) if self.modulus.size > 100 else 0.5
        start = np.maximum(at, exp(low))
        ends = [np.zeros(at.shape), *(np.arccosh(np.maximum(r / start, 1.0)) for r in (edge, exp(high)))]
        node, weight = np.polynomial.legendre.leggauss(_RADII)
        total = np.zeros(at.shape)
        for a, b in pairwise(ends):
            half = ((b - a) / 2)[..., None]
            v = a[..., None] + half * (1 + node)
            area = np.exp(evaluate(self.modulus.log_area, np.log(start[..., None] * np.cosh(v))))
            total += (area * start[..., None] * np.cosh(v) * weight * half).sum(-1)
        return np.where(np.isnan(at), np.nan, np.where(at < exp(high), 4 * total, 0.0))[()]

    def _moment(self, order: int) -> float:
        """Return E|X|^k = E r^k E|cos θ|^k."""
        k = order
        return self.modulus.moment(k) * exp(lgamma((k + 1) / 2) - lgamma(k / 2 + 1)) / sqrt(pi)


@dataclass(frozen=True)
class Marginal(RealLaw):
    """The law of the real part of a complex number whose angle is uniform."""

    modulus: Modulus

    bands = ((-inf, inf),)

    @cached_property
    def _absolute(self) -> AbsoluteMarginal:
        return AbsoluteMarginal(self.modulus)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return the density, an integral of the area density along a line."""
        return self._absolute.pdf(x) / 2

    def _cdf(self, x: np.ndarray) -> Array:
        """Return P(X ≤ x)."""
        return (0.5 + np.sign(x) * self._absolute.cdf(np.abs(x)) / 2)[()]

    def _ppf(self, q: np.ndarray) -> Array:
        """Return the quantile; NaN outside 0 ≤ q ≤ 1."""
        return (np.sign(q - 0.5) * self._absolute.ppf(np.abs(2 * q - 1)))[()]

    def _moment(self, order: int) -> float:
        """Return E r^k E cos^k θ, 0 for odd k."""
        return 0.0 if order % 2 else self._absolute.moment(order)


def finite_ginibre(size: int, factors: int = 1) -> FiniteGinibre:
    """Return the law of an eigenvalue of a product of `factors` complex Ginibre matrices of this size.

    Raises
    ------
    InputError : `size` or `factors` is not an integer of at least 1.

    Examples
    --------
    >>> law = finite_ginibre(50)
    >>> round(float(law.pdf(1.0)), 9), round(float(law.cdf(1.0)), 6)  # the density at the edge is half the bulk's
    (0.15316807, 0.943675)
    """
    return FiniteGinibre(whole("size", size), whole("factors", factors))
