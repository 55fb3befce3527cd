"""A spectrum as a distribution of singular values: density, probabilities, quantiles and draws of s and of ln s."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.interpolate import PchipInterpolator

from vgtheory._errors import InputError
from vgtheory.kernels.quadrature import Array
from vgtheory.random_matrices.arguments import generator, numbers, shape_of

_EXACT_DRAWS = 4096  # up to here every draw is inverted; beyond, quantiles at as many points are interpolated


class Law(Protocol):
    """What a Spectrum needs of the law of x = s², an eigenvalue of J Jᵀ."""

    @property
    def log_mean(self) -> float:
        """Return ln E x."""
        ...

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)²."""
        ...

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (ln x, probability), ascending."""
        ...

    @property
    def unresolved(self) -> float:
        """Return the probability of x > 0 that is too small to be followed beside the rest."""
        ...

    @property
    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of ln x without the atom at zero."""
        ...

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x."""
        ...

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""
        ...


@dataclass(frozen=True, repr=False)
class Spectrum:
    """The law of a singular value s of J, width → ∞ at fixed depth.

    Functions of s: `pdf`, `cdf`, `ppf`, `rvs`; of ln s, which deep networks need: `pdf_log`, `cdf_log`, `ppf_log`.  The
    density belongs to the continuous part: together with the masses of `atoms` it integrates to one.

    Attributes
    ----------
    q : variance of the pre-activations, one per layer.
    status : how the law is known: "asymptotic", exact as the width grows at fixed depth.
    assumptions : what it holds under.
    outlier_log : residual networks whose stream adds up coherently (E φ'(h) h ≠ 0, as for ReLU): one singular value
        lies above the support, where the law has no mass; a lower bound of its ln s (the growth of the best vector of
        the span of x_0 and (1, ..., 1)).  None where none is known to.
    """

    law: Law
    q: tuple[float, ...]
    status: str
    assumptions: tuple[str, ...]
    outlier_log: float | None = None

    def __repr__(self) -> str:
        span = f"{min(self.q):.4g}" if len(set(self.q)) == 1 else f"{min(self.q):.4g}..{max(self.q):.4g}"
        return f"Spectrum(depth={len(self.q)}, q={span}, log_mean_square={self.log_mean_square:.6g})"

    @property
    def log_mean_square(self) -> float:
        """Return ln E s²."""
        return self.law.log_mean

    @property
    def mean_square(self) -> float:
        """Return E s² = ∏ χ_l, the mean eigenvalue of J Jᵀ; inf where it exceeds the range of doubles."""
        return _exp(self.law.log_mean)

    @property
    def var_square(self) -> float:
        """Return Var s², the variance of the eigenvalues of J Jᵀ; inf where it exceeds the range of doubles."""
        variance = self.law.relative_variance
        return _exp(2 * self.law.log_mean + float(np.log(variance))) if variance > 0 else 0.0

    @property
    def relative_var_square(self) -> float:
        """Return Var s²/(E s²)², which stays finite where `var_square` does not."""
        return self.law.relative_variance

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (location s, probability) of every atom, ascending; dead directions are the atom at 0."""
        return tuple((_exp(x / 2), mass) for x, mass in self.law.atoms)

    @property
    def atoms_log(self) -> tuple[tuple[float, float], ...]:
        """Return (ln s, probability) of every atom."""
        return tuple((x / 2, mass) for x, mass in self.law.atoms)

    def support_log(self) -> tuple[float, float]:
        """Return the smallest interval of ln s that holds all the mass but the atom at zero and what is not resolved.

        That is a probability of 1e-17 in tails of φ'², of about 1e-9 next to a zero of φ'.
        """
        low, high = self.law.support
        return (low / 2 if self.unresolved == 0 else -np.inf), high / 2

    @property
    def unresolved(self) -> float:
        """Return the probability of singular values s > 0 that are too small beside the rest to be followed.

        Their quantiles are given as s = 0, which is no atom: ln s lies thousands of decades below the others.
        """
        return self.law.unresolved

    @cached_property
    def _floor(self) -> float:
        return self._zero + self.law.unresolved

    @cached_property
    def _zero(self) -> float:
        return sum(mass for x, mass in self.law.atoms if x == -np.inf)

    def pdf_log(self, log_s: Any) -> Array:
        """Return the density of ln s at ln s, any shape."""
        return self._at(log_s)[0]

    def cdf_log(self, log_s: Any) -> Array:
        """Return Prob(ln S ≤ ln s), atoms included, any shape."""
        return self._at(log_s)[1]

    def ppf_log(self, probability: Any) -> Array:
        """Return the quantile of ln s: −inf up to the atom at zero and what is `unresolved`.

        Raises InputError for a probability outside [0, 1].
        """
        p = numbers("probability", probability)
        if not np.all((p >= 0) & (p <= 1)):
            bad = p[~((p >= 0) & (p <= 1))].flat[0]
            raise InputError(f"probability {bad}", "a number from 0 to 1", "pass one")
        out = np.full(p.shape, -np.inf)
        inside = (p > self._floor) & (p < 1)
        if inside.any():  # rounding of 1e-12 in the probability must not leave the support
            out[inside] = np.clip(self.law.at_probability(1 - p[inside]) / 2, *self.support_log())
        out[p == 1] = self.support_log()[1]
        if self._floor == 0:
            out[p == 0] = self.support_log()[0]
        return out

    def pdf(self, s: Any) -> Array:
        """Return the density of s at s > 0, any shape; 0 elsewhere."""
        s = numbers("s", s)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(s > 0, self.pdf_log(np.log(np.maximum(s, 0.0))) / s, 0.0)

    def cdf(self, s: Any) -> Array:
        """Return Prob(S ≤ s), atoms included, any shape."""
        s = numbers("s", s)
        with np.errstate(divide="ignore"):
            return np.where(s >= 0, self.cdf_log(np.log(np.maximum(s, 0.0))), 0.0)

    def ppf(self, probability: Any) -> Array:
        """Return the quantile of s; inf where it exceeds the range of doubles (see `ppf_log`)."""
        with np.errstate(over="ignore"):
            return np.exp(self.ppf_log(probability))

    def rvs_log(self, size: Any = None, random_state: int | np.random.Generator | None = None) -> Array:
        """Return independent draws of ln s; −inf where s = 0.

        More draws than 4096 interpolate as many exact quantiles between the atoms, monotonely.
        """
        rng = generator(random_state)
        p = rng.random(shape_of(size))
        flat = np.atleast_1d(p).ravel()
        if flat.size <= _EXACT_DRAWS:
            return self.ppf_log(flat).reshape(np.shape(p))
        return self._interpolated(flat).reshape(np.shape(p))

    def rvs(self, size: Any = None, random_state: int | np.random.Generator | None = None) -> Array:
        """Return independent draws of s (see `rvs_log`)."""
        with np.errstate(over="ignore"):
            return np.exp(self.rvs_log(size, random_state))

    def _interpolated(self, p: Array) -> Array:
        out = np.full(p.shape, -np.inf)
        inside = p > self._floor
        # Equal steps of a logit: tails as well resolved as the bulk.
        ends = max(1 - float(p.max()), 1e-16), float(p[inside].min()) - self._floor if inside.any() else 0.5
        width = 1 - self._floor
        t = np.linspace(np.log(max(ends[1], 1e-16) / width) - 0.1, -np.log(ends[0] / width) + 0.1, _EXACT_DRAWS)
        grid = self._floor + width / (1 + np.exp(-t))
        value = np.maximum.accumulate(self.ppf_log(np.clip(grid, np.nextafter(self._floor, 1), np.nextafter(1.0, 0))))
        u = (p[inside] - self._floor) / width
        out[inside] = PchipInterpolator(t, value)(np.log(u) - np.log1p(-u))
        return out

    def _at(self, log_s: Any) -> tuple[Array, Array]:
        y = numbers("log_s", log_s)
        if np.isnan(y).any():
            raise InputError("ln s", "numbers", "drop it", got="nan")
        density, cdf = np.zeros(y.shape), np.where(y > 0, 1.0, self._zero)
        finite = np.isfinite(y)
        if finite.any():
            f, above = self.law.at_value(2 * y[finite])
            density[finite], cdf[finite] = 2 * f, 1 - above
        return density, cdf


def _exp(value: float) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(np.exp(value))
