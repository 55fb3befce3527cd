"""Free Bessel laws: products of square Gaussian matrices with one mask or one rectangular factor."""

from dataclasses import dataclass
from math import comb

import sympy as sp
from scipy.special import binom

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.power_law import PowerLaw


@dataclass(frozen=True)
class FreeBessel(PowerLaw):
    """The law of S-transform 1/((1 + m)^{s−1}(t + m)) (Banica, Belinschi, Capitaine & Collins 2011).

    s − 1 Marchenko–Pastur factors of ratio 1 and one of rate t: the squared singular values of s Gaussian layers of
    which a share t of one layer's units is alive.  s = 1 is Marchenko–Pastur, t = 1 Fuss–Catalan.
    """

    s: float
    t: float

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, s: sp.Expr, t: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z)."""
        return (z * g) ** s * (t + z * g - 1) - z * (z * g - 1)

    def factors(self) -> tuple[tuple[float, float], ...]:
        """Return z = (1 + m)^s (t + m)/m as pairs (offset, power)."""
        return (1.0, self.s), (self.t, 1.0)

    def log_scale(self) -> float:
        """Return 0."""
        return 0.0

    def _moment(self, order: int) -> float:
        """Return E X^k = Σ_b C(k − 1, b − 1) C(sk, b − 1) t^b/b, their theorem 5.2."""
        k = order
        return (
            float(sum(comb(k - 1, b - 1) * binom(self.s * k, b - 1) * self.t**b / b for b in range(1, k + 1)))
            if k
            else 1.0
        )


def free_bessel(s: float, t: float) -> FreeBessel:
    """Return the free Bessel law of parameters s, t > 0, not both s < 1 and t > 1.

    Raises
    ------
    InputError : s or t is not a finite positive number, or s < 1 < t, where no such law exists.

    Examples
    --------
    >>> law = free_bessel(2, 0.5)
    >>> law.moment(1), law.moment(2), law.atoms
    (0.5, 1.0, ((0.0, 0.5),))
    """
    first, second = positive("s", s), positive("t", t)
    if first < 1 < second:
        raise InputError("s", "s ≥ 1 or t ≤ 1", "for s < 1 < t there is no such law; give s=1", got=f"{s}, t = {t}")
    return FreeBessel(first, second)
