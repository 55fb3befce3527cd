"""A spectrum as a distribution of singular values: density, probabilities, quantiles and draws of s and of ln s."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import scipy  # its parts load at first use
from flint import fmpq

from vgtheory.kernels.quadrature import Array
from vgtheory.random_matrices.laws.half_line import HalfLineLaw, exponential
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.random_matrices.laws.polynomials.sheet import Sheet
from vgtheory.spectra.equal_layers import EqualLayers
from vgtheory.spectra.factor import Factor, log_density_at_zero, reaches_zero
from vgtheory.symbolic.formula import Formula

_EXACT_DRAWS = 4096  # up to here every draw is inverted; beyond, quantiles at as many points are interpolated

_EXACT_ORDER = 16  # of moments that are expanded exactly; beyond, series of rationals take seconds


class SquaredLaw(ABC):
    """The law of x = s², an eigenvalue of J Jᵀ, in ln x: what a Spectrum asks."""

    @property
    @abstractmethod
    def log_mean(self) -> float:
        """Return ln E x."""

    @property
    @abstractmethod
    def relative_variance(self) -> float:
        """Return Var x/(E x)²."""

    @property
    def atoms(self) -> Pairs:
        """Return (ln x, probability), ascending; −inf for the atom at zero."""
        return ()

    @property
    def unresolved(self) -> float:
        """Return the probability of x > 0 that is too small to be followed beside the rest."""
        return 0.0

    @property
    @abstractmethod
    def found_bands_log(self) -> Pairs:
        """Return the intervals of ln x that the continuous part fills, ascending, as far as they are resolved."""

    @property
    def _factors(self) -> Sequence[Factor]:
        """Return the free factors that J Jᵀ is a product of; none of a limit of products, which stays away from 0."""
        return ()

    @property
    def _limit(self) -> float:
        """Return p, the fraction of x that is not zero or dark."""
        return 1.0

    @cached_property
    def reaches_zero(self) -> bool | None:
        """Return whether x > 0 comes as near 0 as one likes, None where that is not decided."""
        return reaches_zero(self._factors, self._limit)

    @cached_property
    def log_density_at_zero(self) -> float | None:
        """Return ln of the limit at 0 of the density of s; None where it is not known by kind."""
        return log_density_at_zero(self._factors, self._limit)

    @property
    def resolved_from(self) -> float:
        """Return the least ln x at which the density is worked out, not continued."""
        return -np.inf

    @property
    def bands_log(self) -> Pairs:
        """Return the intervals of ln x that the continuous part fills, ascending; −inf where x surely comes near 0."""
        found = self.found_bands_log
        return ((-np.inf, found[0][1]), *found[1:]) if found and self.reaches_zero else found

    @abstractmethod
    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x."""

    @abstractmethod
    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""

    @property
    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of ln x without the atom at zero, but for the unresolved probability."""
        ends = [*chain(*self.bands_log), *(place for place, _ in self.atoms if np.isfinite(place))]
        return min(ends), max(ends)


@dataclass(frozen=True, repr=False)
class Spectrum(HalfLineLaw):
    """The law of a singular value s of J, width → ∞ at fixed depth.

    Functions of s: `pdf`, `cdf`, `ppf`, `rvs`; of ln s, which deep networks need: `pdf_log`, `cdf_log`, `ppf_log`.  The
    density belongs to the continuous part: together with the masses of `atoms` it integrates to one.  Quantiles belong
    to probabilities that differ by 1e-16, in deep networks by 1e-12; nearer to 0 and 1 than that they are the ends.

    Attributes
    ----------
    law : the law of s².
    q : variance of the pre-activations, one per layer.
    status : how the law is known: "asymptotic", exact as the width grows at fixed depth.
    assumptions : what it holds under.
    outlier_log : residual networks whose stream adds up coherently (E φ'(h) h ≠ 0, as for ReLU): one singular value
        lies above the support, where the law has no mass; a lower bound of its ln s (the growth of the best vector of
        the span of x_0 and (1, ..., 1)).  None where none is known to.
    """

    law: SquaredLaw
    q: tuple[float, ...]
    status: str
    assumptions: tuple[str, ...]
    outlier_log: float | None = None
    exact: EqualLayers | None = None

    @property
    def polynomial(self) -> Formula | None:
        """Return the polynomial equation of G(z) = E 1/(z − s²); None unless `exact` knows one."""
        return None if self.exact is None else self.exact.polynomial

    @cached_property
    def _sheet(self) -> Sheet:
        return super()._sheet if self.exact is None else self.exact.sheet

    def _enclosure(self, x: fmpq) -> tuple[float, float]:
        """Return bounds of the density of s from those of the density of s²."""
        if x <= 0:
            return 0.0, 0.0
        low, high = self._sheet.density_bounds(x * x)
        factor = 2 * float(x.p) / float(x.q)
        return factor * low * (1 - 4e-16), factor * high * (1 + 4e-16)

    def _mass_below(self, x: fmpq, closed: bool = True) -> tuple[fmpq, fmpq]:
        return super()._mass_below(x * x, closed) if x >= 0 else (fmpq(0), fmpq(0))

    def __repr__(self) -> str:
        return f"Spectrum({lengths_text(self.q)}, log_mean_square={self.log_mean_square:.6g})"

    @property
    def log_mean_square(self) -> float:
        """Return ln E s²."""
        return self.law.log_mean

    @property
    def mean_square(self) -> float:
        """Return E s² = ∏ χ_l, the mean eigenvalue of J Jᵀ; inf where it exceeds the range of doubles."""
        return exponential(self.law.log_mean)

    @property
    def var_square(self) -> float:
        """Return Var s², the variance of the eigenvalues of J Jᵀ; inf where it exceeds the range of doubles."""
        variance = self.law.relative_variance
        return exponential(2 * self.law.log_mean + float(np.log(variance))) if variance > 0 else 0.0

    @property
    def relative_var_square(self) -> float:
        """Return Var s²/(E s²)², which stays finite where `var_square` does not."""
        return self.law.relative_variance

    @property
    def atoms_log(self) -> Pairs:
        """Return (ln s, probability) of every atom, ascending; dead directions are the atom at −inf."""
        return tuple((x / 2, mass) for x, mass in self.law.atoms)

    @property
    def bands_log(self) -> Pairs:
        """Return the intervals of ln s that the continuous part fills, ascending.

        The lowest end is −inf where s comes as near 0 as one likes; where that is not decided, as far as is resolved.
        """
        bands = tuple((low / 2, high / 2) for low, high in self.law.bands_log)
        return ((-np.inf, bands[0][1]), *bands[1:]) if bands and self.unresolved > 0 else bands

    @property
    def unresolved(self) -> float:
        """Return the probability of singular values s > 0 that are too small beside the rest to be followed.

        Their quantiles are given as s = 0, which is no atom: ln s lies thousands of decades below the others.
        """
        return self.law.unresolved

    @cached_property
    def _floor(self) -> float:
        return self.zero_mass + self.unresolved

    def _pdf_log(self, log_s: Array) -> Array:
        return 2 * self.law.at_value(2 * log_s.ravel())[0].reshape(log_s.shape)

    def _log_at_zero(self) -> float:
        if self.support_log()[0] > -np.inf and self.law.reaches_zero is not None:
            return -np.inf
        known = self.law.log_density_at_zero if self.support_log()[0] == -np.inf else None
        return self._looked_at_zero(self.law.resolved_from / 2) if known is None else known

    def _sf_log(self, log_s: Array) -> Array:
        return self.law.at_value(2 * log_s.ravel())[1].reshape(log_s.shape)

    def _cdf_log(self, log_s: Array) -> Array:
        return 1 - self._sf_log(log_s)

    def _ppf_log(self, q: Array) -> Array:
        """Return the quantile of ln s: −inf up to the atom at zero and what is `unresolved`."""
        lowest = (q > self._floor) & (1 - q >= 1 - self._floor)
        return np.where(lowest, self.support_log()[0], self._isf_log(1 - q))

    def _isf_log(self, q: Array) -> Array:
        low, high = self.support_log()
        out = np.where(q == 0, high, low if self._floor == 0 else -np.inf)
        inside = (q > 0) & (q < 1 - self._floor)
        if inside.any():  # rounding of 1e-12 in the probability must not leave the support
            out[inside] = np.clip(self.law.at_probability(q[inside]) / 2, low, high)
        return out

    def _isf(self, q: Array) -> Array:
        return np.exp(self._isf_log(q))

    def _moment(self, order: int) -> float:
        """Return E s^order: orders 2 and 4 by the sums over layers, other even ones exact where `exact` knows them."""
        if order == 2:
            return self.mean_square
        if order == 4:
            return exponential(2 * self.law.log_mean + float(np.log1p(self.law.relative_variance)))
        if self.exact is not None and order % 2 == 0 and order <= _EXACT_ORDER:
            return float(self.exact.numbers(order // 2)[-1])
        return super()._moment(order)

    def _draws(self, p: Array) -> Array:
        """Return quantiles; of more than 4096, as many exact ones are interpolated between the atoms, monotonely."""
        if p.size <= _EXACT_DRAWS:
            return super()._draws(p)
        out = np.full(p.shape, -np.inf)
        inside = p > self._floor
        # Equal steps of a logit: tails as well resolved as the bulk.
        ends = max(1 - float(p.max()), 1e-16), float(p[inside].min()) - self._floor if inside.any() else 0.5
        width = 1 - self._floor
        t = np.linspace(np.log(max(ends[1], 1e-16) / width) - 0.1, -np.log(ends[0] / width) + 0.1, _EXACT_DRAWS)
        grid = self._floor + width / (1 + np.exp(-t))
        value = np.maximum.accumulate(self.ppf_log(np.clip(grid, np.nextafter(self._floor, 1), np.nextafter(1.0, 0))))
        u = (p[inside] - self._floor) / width
        out[inside] = scipy.interpolate.PchipInterpolator(t, value)(np.log(u) - np.log1p(-u))
        return out


def lengths_text(q: tuple[float, ...]) -> str:
    """Return how many layers there are and what variances they have, in a few words."""
    span = f"{min(q):.4g}" if len(set(q)) == 1 else f"{min(q):.4g}..{max(q):.4g}"
    return f"depth={len(q)}, q={span}"
