"""One layer with orthogonal weights: the singular values of J = D W are σ_w |φ'(h)| themselves."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array
from vgtheory.spectra.slope_law import SlopeLaw, phase_density, phase_mass, slope_law
from vgtheory.symbolic.activation import Activation

_BISECTIONS = 60
_NEWTON = 70


@dataclass(frozen=True)
class OneLayer:
    """The law of x = σ_w² φ'(√q z)², z ~ N(0, 1), as in `Curve`: atoms exactly, the rest by inverting ln|φ'|."""

    activation: Activation
    q: float
    log_variance: float

    @cached_property
    def _law(self) -> SlopeLaw:
        return slope_law(self.activation, self.q)

    @property
    def log_mean(self) -> float:
        """Return ln E x."""
        return self.log_variance + self._law.log_mean

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)²."""
        return self._law.relative_variance

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (ln x, probability), ascending."""
        zero = [(-np.inf, self._law.zero_mass)] if self._law.zero_mass > 0 else []
        return (*zero, *((self.log_variance + v, m) for v, m in self._law.atoms))

    @property
    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of ln x without the atom at zero."""
        ends = [v for v, _ in self._law.atoms] + [v for pair in self._law.intervals for v in pair]
        return self.log_variance + min(ends), self.log_variance + max(ends)

    @cached_property
    def _panels(self) -> tuple[Array, Array, Array, Array, float]:
        """Return ends in h, ln d² there, and the factor 2 where only h > 0 was kept of an even φ'²."""
        a, b = self._law.panels.T
        log_slope = evaluator(self.activation).log_slope
        mass = float(self._mass(a, b).sum())
        rest = 1 - self._law.zero_mass - sum(m for _, m in self._law.atoms)
        return a, b, 2 * log_slope(a), 2 * log_slope(b), rest / mass if mass else 1.0

    def _mass(self, a: Array, b: Array) -> Array:
        scale = float(np.sqrt(self.q))
        if self._law.period is not None:
            return phase_mass(a, b, scale, self._law.period)
        # In the tail nearer to both ends, so that small masses keep their digits.
        upper = a > 0
        return np.where(upper, ndtr(-a / scale) - ndtr(-b / scale), ndtr(b / scale) - ndtr(a / scale))

    def _density(self, h: Array) -> Array:
        scale = float(np.sqrt(self.q))
        if self._law.period is not None:
            return phase_density(h, scale, self._law.period)
        return np.exp(-((h / scale) ** 2) / 2) / (np.sqrt(2 * np.pi) * scale)

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x."""
        y = np.asarray(log_x, dtype=float) - self.log_variance
        density, above = np.zeros(y.shape), np.zeros(y.shape)
        for level, mass in self._law.atoms:
            above += mass * (level > y + 1e-13 * max(1.0, abs(level)))
        log_slope = evaluator(self.activation).log_slope
        for a, b, start, stop, factor in zip(*self._panels[:4], [self._panels[4]] * len(self._panels[0]), strict=True):
            low, high = min(start, stop), max(start, stop)
            above[y < low] += factor * self._mass(np.array(a), np.array(b))
            cut = (y >= low) & (y < high)
            if not cut.any():
                continue
            left, right = np.full(int(cut.sum()), a), np.full(int(cut.sum()), b)
            rising = stop > start
            for _ in range(_BISECTIONS):
                middle = (left + right) / 2
                lower = (2 * log_slope(middle) < y[cut]) == rising
                left, right = np.where(lower, middle, left), np.where(lower, right, middle)
            h = (left + right) / 2
            above[cut] += factor * (self._mass(h, np.array(b)) if rising else self._mass(np.array(a), h))
            step = 1e-6 * (b - a)  # inside the panel, whose ends may be kinks
            before, after = np.maximum(h - step, a), np.minimum(h + step, b)
            slope = 2 * (log_slope(after) - log_slope(before)) / (after - before)
            with np.errstate(divide="ignore", invalid="ignore"):
                density[cut] += np.where(slope != 0, factor * self._density(h) / np.abs(slope), np.inf)
        return density, np.clip(above, 0.0, 1 - self._law.zero_mass)

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival: Newton's method between bisections."""
        low = np.full(survival.shape, self.log_variance + self._law.log_nodes[0] - 1.0)
        high = np.full(survival.shape, self.support[1])
        x = (low + high) / 2
        for _ in range(_NEWTON):
            density, above = self.at_value(x)
            up = above > survival
            low, high = np.where(up, x, low), np.where(up, high, x)
            with np.errstate(divide="ignore", invalid="ignore"):
                new = x + (above - survival) / density
            x_new = np.where((new > low) & (new < high), new, (low + high) / 2)
            if np.all(np.abs(x_new - x) <= 1e-15 * np.maximum(1.0, np.abs(x))):
                break
            x = x_new
        return np.where(high - low < 1e-14 * np.maximum(1.0, np.abs(x)), high, x)  # a jump: at an atom
