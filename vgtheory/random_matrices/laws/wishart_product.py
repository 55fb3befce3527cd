"""Squared singular values of a product of rectangular Gaussian matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.power_law import PowerLaw


@dataclass(frozen=True)
class WishartProduct(PowerLaw):
    """The law of the eigenvalues of Y Yᵀ, Y = X_1 ⋯ X_L, X_j of n_{j−1} × n_j entries of variance 1/n_j, n → ∞.

    `ratios` are n_0/n_1, …, n_0/n_L: z = (1 + m) ∏ (1 + ratio_j m)/m (Burda, Jarosz, Livan, Nowak & Swiech 2010).  One
    ratio is Marchenko–Pastur, all equal to 1 Fuss–Catalan.
    """

    ratios: tuple[float, ...]

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, ratios: Sequence[sp.Expr]) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return z * g * sp.prod([1 + c * (z * g - 1) for c in ratios]) - z * (z * g - 1)

    def factors(self) -> tuple[tuple[float, float], ...]:
        """Return z = (1 + m) ∏ (1/ratio_j + m)/m as pairs (offset, power)."""
        return (1.0, 1.0), *((1 / c, 1.0) for c in self.ratios)

    def log_scale(self) -> float:
        """Return the log of the product of the ratios."""
        return float(np.log(self.ratios).sum())

    def _moment(self, order: int) -> float:
        """Return E X^k = [m^{k−1}] ((1 + m) ∏ (1 + ratio_j m))^k/k (Lagrange's inversion)."""
        k = order
        base = np.ones(1)
        for ratio in (1.0, *self.ratios):
            base = np.convolve(base, [1.0, ratio])[:k]
        out = np.ones(1)
        for _ in range(k):
            out = np.convolve(out, base)[:k]
        return float(out[k - 1]) / k

    def var(self) -> float:
        """Return the sum of the ratios."""
        return float(sum(self.ratios))


def wishart_product(ratios: Sequence[float]) -> WishartProduct:
    """Return the law of the squared singular values of a product of rectangular Gaussian matrices.

    Raises
    ------
    InputError : no ratio, or one that is not a finite positive number.

    Examples
    --------
    >>> wishart_product([1.0, 1.0]).moment(3), wishart_product([0.5, 2.0]).atoms
    (12.0, ((0.0, 0.5),))
    """
    if isinstance(ratios, str) or not hasattr(ratios, "__iter__"):
        raise InputError("ratios", "a sequence of positive numbers", "give ratios=[1.0, 0.5]", got=f"{ratios!r}")
    found = tuple(positive("ratio", r) for r in ratios)
    if not found:
        raise InputError("ratios", "at least one positive number", "give ratios=[1.0]", got="[]")
    return WishartProduct(found)
