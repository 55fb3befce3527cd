"""Laws whose S-transform is a product of powers: free Bessel laws, products of rectangular Gaussian matrices."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.kernels.power_curve import point, solve
from vgtheory.spectra.laws.half_line import HalfLineLaw
from vgtheory.spectra.laws.law import Array

_END = 40.0  # of the angle's variable: the distance to an edge in ln x is below 1e-30 there
_LOG_X, _BELOW, _ABOVE = 0, 2, 3  # columns of the kernel


@dataclass(frozen=True)
class PowerLaw(HalfLineLaw):
    """The law with z = scale·∏ (m + c_j)^{e_j}/m, m = zG(z) − 1, explicit along one angle (see the kernel).

    The atom at 0 has mass 1 − min(c_j).
    """

    @abstractmethod
    def factors(self) -> tuple[tuple[float, float], ...]:
        """Return the pairs (c_j, e_j), the pair (1, ·) among them; e_j ≥ 1 at the smallest c_j."""

    @abstractmethod
    def log_scale(self) -> float:
        """Return ln scale."""

    @cached_property
    def _merged(self) -> tuple[np.ndarray, np.ndarray]:
        powers: dict[float, float] = {}
        for offset, power in self.factors():
            powers[offset] = powers.get(offset, 0.0) + power
        ascending = sorted(powers)
        return np.array(ascending), np.array([powers[c] for c in ascending])

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return the atom at 0, if any."""
        least = float(self._merged[0][0])
        return ((0.0, 1 - least),) if least < 1 else ()

    @property
    def _atom(self) -> float:
        return 1 - float(self._merged[0][0])

    def log_support(self) -> tuple[float, float]:
        """Return the support of ln X without the atom; −inf below unless there is a gap above 0."""
        offsets, powers = self._merged
        top = point(-_END, offsets, powers, 0.0)[0] + self.log_scale()
        gap = powers[0] == 1 and len(powers) > 1
        return point(_END, offsets, powers, 0.0)[0] + self.log_scale() if gap else -np.inf, top

    def _rows(self, target: np.ndarray, column: int) -> np.ndarray:
        flat = np.ascontiguousarray(target, dtype=float).ravel()
        return solve(flat, column, column == _ABOVE, *self._merged).reshape(*target.shape, 4)

    def _at(self, log_x: ArrayLike, column: int, below: float, above: float) -> Array:
        log_x = np.asarray(log_x, dtype=float)
        lo, hi = self.log_support()
        inside = (log_x > lo) & (log_x < hi)
        found = self._rows(np.where(inside, log_x, hi - 1e-3) - self.log_scale(), _LOG_X)[..., column]
        out = np.where(inside, found, np.where(log_x >= hi, above, below))
        return np.where(np.isnan(log_x), np.nan, out)[()]

    def pdf_of_log(self, log_x: ArrayLike) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at ln x."""
        return self._at(log_x, 1, 0.0, 0.0)

    def cdf_log(self, log_x: ArrayLike) -> Array:
        """Return P(ln X ≤ log_x), the atom at 0 included."""
        return self._atom + self._at(log_x, _BELOW, 0.0, 1 - self._atom)

    def sf_log(self, log_x: ArrayLike) -> Array:
        """Return P(ln X > log_x)."""
        return self._at(log_x, _ABOVE, 1 - self._atom, 0.0)

    def ppf_log(self, q: ArrayLike) -> Array:
        """Return the quantile of ln X; −inf at the atom, NaN outside 0 ≤ q ≤ 1."""
        q = np.asarray(q, dtype=float)
        lo, hi = self.log_support()
        above = q > self._atom
        low = self._rows(np.where(above & (q < 1), q - self._atom, 0.5 * (1 - self._atom)), _BELOW)[..., _LOG_X]
        out = np.where(q == 1, hi, low + self.log_scale())
        out = np.where(above, out, -np.inf if self._atom > 0 else lo)
        return np.where((q >= 0) & (q <= 1), out, np.nan)[()]
