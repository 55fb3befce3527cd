"""Laws whose S-transform is a product of powers: free Bessel laws, products of rectangular Gaussian matrices."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.kernels.power_curve import point, solve
from vgtheory.random_matrices.laws.half_line import HalfLineLaw
from vgtheory.random_matrices.laws.law import Array, Pairs

# The path in ln z: its start, the ray's angle and steps, halvings of the angle, Newton steps on the way and at the end.
_OUTSIDE, _RAY, _STEP, _TURNS, _NEWTON, _LAST = 5.0, 2.5, 1.5, 24, 2, 20
_END = 40.0  # of the angle's variable: the distance to an edge in ln x is below 1e-30 there
_LOG_X, _BELOW, _ABOVE = 0, 2, 3  # columns of the kernel


def moment_transform(log_z: np.ndarray, offsets: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return m = zG(z) − 1 with z = ∏ (m + c_j)^{e_j}/m at ln z, 0 ≤ Im ln z ≤ π.

    From far outside, where m ≈ ∏ c_j^{e_j}/z, along a ray away from the support and then around the origin, by Newton's
    method for y = ln(−1 − c/m), c the smallest offset: in the upper half plane ln z has no critical point in it, and at
    both ends it is nearly linear.
    """
    shape, log_z = np.shape(log_z), np.ravel(log_z).astype(complex)
    far = powers.sum() * np.log1p(offsets.max()) + _OUTSIDE
    steps = np.maximum(np.ceil((far - log_z.real) / _STEP), 0)
    ray = log_z.real + 1j * _RAY
    y = np.log(-1 - offsets[0] * np.exp(ray + steps * _STEP - (powers * np.log(offsets)).sum()))
    for k in range(int(steps.max(initial=0)), -1, -1):
        here = steps >= k
        y[here] = _toward(y[here], ray[here] + k * _STEP, offsets, powers, _NEWTON)
    for k in range(1, _TURNS + 1):
        y = _toward(y, log_z + (ray - log_z) * 0.5**k, offsets, powers, _NEWTON)
    return (-offsets[0] / (1 + np.exp(_toward(y, log_z, offsets, powers, _LAST)))).reshape(shape)


def _toward(y: np.ndarray, log_z: np.ndarray, offsets: np.ndarray, powers: np.ndarray, steps: int) -> np.ndarray:
    """Return y after so many Newton steps towards ln z."""
    least = offsets[0]
    for _ in range(steps):
        w = np.exp(y)
        m, above = -least / (1 + w), least * w / (1 + w)
        with np.errstate(all="ignore"):
            value, slope = -np.log(m) - log_z, -1 / m
            for offset, power in zip(offsets, powers, strict=True):
                value += power * np.log(above + (offset - least))
                slope += power / (above + (offset - least))
            move = value / (slope * -m * above / least)
            move = np.where(np.isfinite(move), move * np.minimum(1, 1 / np.maximum(np.abs(move), 1e-300)), 0)
        new = y - move
        y = new.real - 1j * np.abs(new.imag)
    return y


def power_stieltjes(
    z: ArrayLike, offsets: np.ndarray, powers: np.ndarray, log_scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return G, G' and U at z for z = scale ∏ (m + c_j)^{e_j}/m; U = ln z + Σ e_j (m − c_j ln(1 + m/c_j)) − m."""
    z = np.asarray(z, dtype=complex)
    above = np.where(z.imag < 0, z.conj(), z)
    above = above.real + 1j * np.abs(above.imag)  # −0.0 would put negative numbers on the wrong side
    log_z = np.log(above)
    m = moment_transform(log_z - log_scale, offsets, powers)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = 1 / ((powers / (m[..., None] + offsets)).sum(-1) - 1 / m)  # dm/d ln z
        value, slope = (1 + m) / above, (rate - 1 - m) / above**2
        potential = log_z + (powers * (m[..., None] - offsets * np.log1p(m[..., None] / offsets))).sum(-1) - m
    below = z.imag < 0
    value, slope, potential = (np.where(below, part.conj(), part) for part in (value, slope, potential))
    return value, slope, potential


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
    def atoms_log(self) -> Pairs:
        """Return the atom at 0, if any."""
        return ((-np.inf, self._atom),) if self._atom > 0 else ()

    @property
    def _atom(self) -> float:
        return 1 - float(self._merged[0][0])

    @cached_property
    def bands_log(self) -> Pairs:
        """Return the one band of ln X; −inf below unless there is a gap above 0."""
        offsets, powers = self._merged
        top = point(-_END, offsets, powers, 0.0)[0] + self.log_scale()
        gap = powers[0] == 1 and len(powers) > 1
        return ((point(_END, offsets, powers, 0.0)[0] + self.log_scale() if gap else -np.inf, top),)

    def _stieltjes_and_slope(self, z: np.ndarray) -> tuple[Array, Array]:
        """Return G(z) and G'(z), by following m(z) from far outside."""
        value, slope, _ = power_stieltjes(z, *self._merged, self.log_scale())
        return value[()], slope[()]

    def _log_potential(self, z: np.ndarray) -> Array:
        """Return U(z) = E ln(z − X), in closed form in m(z)."""
        return power_stieltjes(z, *self._merged, self.log_scale())[2][()]

    def _rows(self, target: np.ndarray, column: int) -> np.ndarray:
        flat = np.ascontiguousarray(target, dtype=float).ravel()
        return solve(flat, column, column == _ABOVE, *self._merged).reshape(*target.shape, 4)

    def _at(self, log_x: np.ndarray, column: int, below: float, above: float) -> Array:
        lo, hi = self.support_log()
        inside = (log_x > lo) & (log_x < hi)
        found = self._rows(np.where(inside, log_x, hi - 1e-3) - self.log_scale(), _LOG_X)[..., column]
        out = np.where(inside, found, np.where(log_x >= hi, above, below))
        return out

    def _pdf_log(self, log_x: np.ndarray) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at ln x."""
        return self._at(log_x, 1, 0.0, 0.0)

    def _cdf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X ≤ log_x), the atom at 0 included."""
        return self._atom + self._at(log_x, _BELOW, 0.0, 1 - self._atom)

    def _sf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X > log_x)."""
        return self._at(log_x, _ABOVE, 1 - self._atom, 0.0)

    def _ppf_log(self, q: np.ndarray) -> Array:
        """Return the quantile of ln X; −inf at the atom, NaN outside 0 ≤ q ≤ 1."""
        lo, hi = self.support_log()
        above = q > self._atom
        low = self._rows(np.where(above & (q < 1), q - self._atom, 0.5 * (1 - self._atom)), _BELOW)[..., _LOG_X]
        out = np.where(q == 1, hi, low + self.log_scale())
        out = np.where(above, out, -np.inf if self._atom > 0 else lo)
        return out
