"""The Fuss–Catalan law: squared singular values of a product of square Gaussian matrices, in closed form."""

from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.special import gammaln

from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.half_line import HalfLineLaw
from vgtheory.random_matrices.laws.law import Array, Pairs
from vgtheory.random_matrices.laws.power_law import power_stieltjes

_HALVINGS = 70  # of an interval of length 780 in the log-odds of the angle: below the spacing of doubles at 1


@dataclass(frozen=True)
class FussCatalan(HalfLineLaw):
    """The law of moments C((L + 1)k, k)/(Lk + 1), L = `depth`: W_L ⋯ W_1 with iid entries of variance 1/N, N → ∞.

    With a = (L + 1)f in (0, π) (Haagerup & Möller 2013; Biane 1998),
    x = sin^{L+1} a/(sin f sin^L(Lf)),  x·density = sin a sin f/(π sin(Lf)),
    P(X > x) = [a − L sin a sin f/sin(Lf)]/π;  the last from ∫ G dx = L·B − ln(B − 1), B = xG.
    x underflows in deep products, so every method has a partner in ln x.
    """

    depth: float

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, depth: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return z**depth * g ** (depth + 1) - z * g + 1

    def _parts(self, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return ln x, x·density, P(X ≤ x) and P(X > x) at a = π/(1 + e^−odds)."""
        depth = self.depth
        angle, rest = np.pi / (1 + np.exp(-odds)), np.pi / (1 + np.exp(odds))
        part = angle / (depth + 1)
        # sin(Lf) = sin(π − rest − f): no cancellation as the angle tends to π, i.e. x → 0.
        top = np.where(angle < rest, np.sin(angle), np.sin(rest))
        inner = np.where(angle < rest, np.sin(angle * (depth / (depth + 1))), np.sin(rest + part))
        log_x = np.log(top) - np.log(np.sin(part)) + depth * np.log(top / inner)
        ratio = top * np.sin(part) / inner
        return log_x, ratio / np.pi, (rest + depth * ratio) / np.pi, (angle - depth * ratio) / np.pi

    def _odds(self, column: int, target: np.ndarray, rising: bool) -> np.ndarray:
        lo, hi = np.full(target.shape, -40.0), np.full(target.shape, 700.0)
        for _ in range(_HALVINGS):
            middle = (lo + hi) / 2
            below = (self._parts(middle)[column] < target) == rising
            lo, hi = np.where(below, middle, lo), np.where(below, hi, middle)
        return (lo + hi) / 2

    @property
    def bands_log(self) -> Pairs:
        """Return (−inf, (L + 1) ln(L + 1) − L ln L), the one band of ln X."""
        return ((-np.inf, float(np.log1p(self.depth) + self.depth * np.log1p(1 / self.depth))),)

    def _at(self, log_x: np.ndarray, column: int, below: float, above: float) -> Array:
        edge = self.support_log()[1]
        odds = self._odds(0, np.where(log_x < edge, log_x, edge), rising=False)
        inside = self._parts(odds)[column]
        out = np.where(log_x >= edge, above, np.where(log_x == -np.inf, below, inside))
        return out

    def _pdf_log(self, log_x: np.ndarray) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at ln x; never over- or underflows as pdf(x) does."""
        return self._at(log_x, 1, 0.0, 0.0)

    def _cdf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X ≤ log_x), to full relative precision in the lower tail."""
        return self._at(log_x, 2, 0.0, 1.0)

    def _sf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X > log_x)."""
        return np.maximum(self._at(log_x, 3, 1.0, 0.0), 0.0)

    def _ppf_log(self, q: np.ndarray) -> Array:
        """Return the quantile of ln X; −inf at 0, NaN outside 0 ≤ q ≤ 1."""
        value = self._parts(self._odds(2, np.clip(q, 1e-300, 1), rising=False))[0]
        value = np.where(q == 0, -np.inf, np.where(q == 1, self.support_log()[1], value))
        return value

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G(z) and G'(z), from z = (1 + m)^{L+1}/m."""
        value, slope, _ = power_stieltjes(z, np.ones(1), np.array([self.depth + 1.0]), 0.0)
        return value[()], slope[()]

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return U(z) = E ln(z − X), in closed form in m(z)."""
        return power_stieltjes(z, np.ones(1), np.array([self.depth + 1.0]), 0.0)[2][()]

    def log_moment(self, order: int) -> float:
        """Return ln E X^order = ln C((L + 1)k, k)/(Lk + 1)."""
        k, depth = order, self.depth
        return float(gammaln((depth + 1) * k + 1) - gammaln(k + 1) - gammaln(depth * k + 2))

    def _moment(self, order: int) -> float:
        """Return E X^order = C((L + 1)k, k)/(Lk + 1), by the product of its factors."""
        k, depth = order, self.depth
        return float(np.prod([(depth * k + j) / j for j in range(2, k + 1)]))

    def var(self) -> float:
        """Return the variance, the depth."""
        return self.depth


def fuss_catalan(depth: float) -> FussCatalan:
    """Return the law of the squared singular values of a product of `depth` square Gaussian matrices (any depth > 0).

    Raises
    ------
    InputError : `depth` is not a finite positive number.

    Examples
    --------
    >>> law = fuss_catalan(3)
    >>> law.moment(3), law.var(), round(law.support()[1], 9)
    (22.0, 3.0, 9.481481481)
    """
    return FussCatalan(positive("depth", depth))
