"""Does q grow without limit?  A proof for activations that keep within a bounded distance of two half-lines.

Let ℓ(h) = κ₊h for h > 0, κ₋h for h ≤ 0, m = (κ₊² + κ₋²)/2 and |φ − ℓ| ≤ ρ.  By the triangle inequality in L²,
(E φ²)^½ ≥ (m q)^½ − ρ, hence F(q) ≥ σ_w² ((m q)^½ − ρ)² > q for every q > (σ_w ρ/(σ_w m^½ − 1))² once σ_w² m > 1.
A length that rises and meets no fixed point up to there therefore diverges.
"""

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from vgtheory._errors import VgtheoryError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.extrema import derivative_range
from vgtheory.symbolic.shape import tails


@dataclass(frozen=True)
class HalfLines:
    """The slopes κ₋, κ₊ of φ far out and a certified bound ρ of |φ(h) − κ± h|.

    Examples
    --------
    >>> from vgtheory.symbolic.catalogue import activation
    >>> lines = half_lines(activation("silu"))
    >>> lines.mean_square, round(lines.distance, 10)
    (1/2, 0.2784645428)
    """

    left: sp.Expr
    right: sp.Expr
    distance: float

    @property
    def mean_square(self) -> sp.Expr:
        """Return m = lim E φ²/q for q → ∞, and of E φ'² where φ' has limits."""
        return (self.left**2 + self.right**2) / 2

    def diverges_beyond(self, sigma_w: float) -> float:
        """Return a q beyond which F(q) > q is proved; inf where σ_w² m ≤ 1."""
        factor = sigma_w * float(self.mean_square) ** 0.5
        return (sigma_w * self.distance / (factor - 1)) ** 2 if factor > 1 + 1e-13 else float("inf")


@lru_cache(maxsize=256)
def half_lines(act: Activation) -> HalfLines | None:
    """Return the half-lines that φ follows within a certified distance; None where it follows none or it is not found.

    For a bounded φ they are the two halves of the axis.
    """
    x = act.symbol
    try:
        left, right = tails(act, order=0)
        slopes = []
        for side in (left, right):
            linear = side.growth == "linear" and side.leading is not None
            if not linear and side.growth != "bounded":
                return None
            slopes.append(sp.limit(side.leading / x, x, sp.oo) if linear else sp.S.Zero)
        lower, upper = slopes
        line = lower * x if lower == upper else sp.Piecewise((lower * x, x <= 0), (upper * x, True))
        gap = derivative_range(Activation(act.expr - line), order=0)
    except VgtheoryError:  # no certified expansion, no certified range: no proof by this way
        return None
    distance = max(gap.sup.enclosure[1], -gap.inf.enclosure[0])
    return HalfLines(lower, upper, distance) if distance < float("inf") else None
