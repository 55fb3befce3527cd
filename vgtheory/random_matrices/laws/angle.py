"""The uniform law of an angle: eigenvalues on the unit circle."""

from dataclasses import dataclass

import numpy as np

from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.laws.real import RealLaw

_TURN = 2 * np.pi


@dataclass(frozen=True)
class Angle(RealLaw):
    """The uniform law on [0, 2π)."""

    bands = ((0.0, _TURN),)

    def _pdf(self, x: np.ndarray) -> Array:
        """Return 1/(2π) inside."""
        return np.where((x >= 0) & (x <= _TURN), 1 / _TURN, 0.0)

    def _cdf(self, x: np.ndarray) -> Array:
        """Return x/(2π)."""
        return np.clip(x / _TURN, 0, 1)[()]

    def _ppf(self, q: np.ndarray) -> Array:
        """Return 2πq; NaN outside 0 ≤ q ≤ 1."""
        return _TURN * q

    def _moment(self, order: int) -> float:
        """Return (2π)^k/(k + 1)."""
        k = order
        return _TURN**k / (k + 1)
