"""The uniform law of an angle: eigenvalues on the unit circle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.random_matrices.laws.law import Array, RealLaw, whole

_TURN = 2 * np.pi


@dataclass(frozen=True)
class Angle(RealLaw):
    """The uniform law on [0, 2π)."""

    def support(self) -> tuple[float, float]:
        """Return (0, 2π)."""
        return 0.0, _TURN

    def pdf(self, x: ArrayLike) -> Array:
        """Return 1/(2π) inside."""
        x = np.asarray(x, dtype=float)
        return np.where(np.isnan(x), np.nan, np.where((x >= 0) & (x <= _TURN), 1 / _TURN, 0.0))[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Return x/(2π)."""
        return np.clip(np.asarray(x, dtype=float) / _TURN, 0, 1)[()]

    def ppf(self, q: ArrayLike) -> Array:
        """Return 2πq; NaN outside 0 ≤ q ≤ 1."""
        q = np.asarray(q, dtype=float)
        return np.where((q >= 0) & (q <= 1), _TURN * q, np.nan)[()]

    def moment(self, order: int) -> float:
        """Return (2π)^k/(k + 1)."""
        k = whole("order", order, 0)
        return _TURN**k / (k + 1)
