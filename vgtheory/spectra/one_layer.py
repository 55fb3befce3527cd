"""One layer with orthogonal weights: the singular values of J = D W are σ_w |φ'(h)| themselves."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.spectra.factor import Factor
from vgtheory.spectra.slope_law import SlopeLaw, phase_density, phase_mass, slope_law
from vgtheory.spectra.spectrum import SquaredLaw
from vgtheory.symbolic.activation import Activation

_BISECTIONS = 60
_NEWTON = 70


@dataclass(frozen=True)
class OneLayer(SquaredLaw):
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
    def atoms(self) -> Pairs:
        """Return (ln x, probability), ascending."""
        zero = [(-np.inf, self._law.dead)] if self._law.dead > 0 else []
        return (*zero, *((self.log_variance + v, m) for v, m in self._law.atoms))

    @property
    def unresolved(self) -> float:
        """Return the probability of x > 0 that is too small to be followed beside the rest."""
        return self._law.dark

    @property
    def found_bands_log(self) -> Pairs:
        """Return the intervals of ln σ_w² d², ascending, as far as they are resolved."""
        return tuple((self.log_variance + low, self.log_variance + high) for low, high in self._law.intervals)

    @property
    def _factors(self) -> list[Factor]:
        return [Factor(self._law, 1, "orthogonal", self.log_variance)]

    @property
    def _limit(self) -> float:
        return 1 - self._law.zero_mass

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
        a, b, start, stop, factor = self._panels
        low, high = np.minimum(start, stop), np.maximum(start, stop)
        above += factor * ((y[:, None] < low) @ self._mass(a, b))
        where, panel = np.nonzero((y[:, None] >= low) & (y[:, None] < high))  # each panel that a value cuts
        if not len(where):
            return density, np.clip(above, 0.0, 1 - self._law.zero_mass)
        a, b, target, rising = a[panel], b[panel], y[where], (stop > start)[panel]
        log_slope = evaluator(self.activation).log_slope
        left, right = a, b
        for _ in range(_BISECTIONS):
            middle = (left + right) / 2
            lower = (2 * log_slope(middle) < target) == rising
            left, right = np.where(lower, middle, left), np.where(lower, right, middle)
        h = (left + right) / 2
        part = self._mass(np.where(rising, h, a), np.where(rising, b, h))
        step = 1e-6 * (b - a)  # inside the panel, whose ends may be kinks
        before, after = np.maximum(h - step, a), np.minimum(h + step, b)
        slope = 2 * (log_slope(after) - log_slope(before)) / (after - before)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.where(slope != 0, self._density(h) / np.abs(slope), np.inf)
        above += factor * np.bincount(where, part, len(y))
        density += factor * np.bincount(where, rate, len(y))
        return density, np.clip(above, 0.0, 1 - self._law.zero_mass)

    @cached_property
    def _levels(self) -> tuple[Array, Array]:
        """Return ln x at all ends of panels and at atoms, ascending, and Prob(X > x) there."""
        levels = np.unique(np.concatenate([*self._panels[2:4], [v for v, _ in self._law.atoms]]))
        levels = levels[np.isfinite(levels)] + self.log_variance
        return levels, self.at_value(levels)[1]

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival: Newton's method between bisections."""
        levels, above = self._levels
        place = np.searchsorted(-above, -survival, side="right")  # the first level with less above it
        floor = self.log_variance + self._law.log_nodes[0] - 1.0
        low = np.where(place > 0, levels[np.maximum(place - 1, 0)], floor)
        high = levels[np.minimum(place, len(levels) - 1)]
        x = (low + high) / 2
        waiting = np.arange(len(x))
        for _ in range(_NEWTON):
            here, wanted = x[waiting], survival[waiting]
            density, above = self.at_value(here)
            up = above > wanted
            low[waiting], high[waiting] = np.where(up, here, low[waiting]), np.where(up, high[waiting], here)
            with np.errstate(divide="ignore", invalid="ignore"):
                new = here + (above - wanted) / density
            between = (new >= low[waiting]) & (new <= high[waiting])
            x[waiting] = np.where(between, new, (low[waiting] + high[waiting]) / 2)
            waiting = waiting[np.abs(x[waiting] - here) > 1e-15 * np.maximum(1.0, np.abs(here))]
            if not len(waiting):
                break
        return np.where(high - low < 1e-14 * np.maximum(1.0, np.abs(x)), high, x)  # a jump: at an atom
