"""One law of D² in every layer: the spectrum of J Jᵀ as a curve over ln r, inverted at values and at probabilities."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from vgtheory.kernels import spectral_curve as kernel
from vgtheory.kernels import spectral_inverse as inverse
from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.spectral_law import Law, law_of
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.spectra.factor import Factor
from vgtheory.spectra.slope_law import SlopeLaw
from vgtheory.spectra.spectrum import SquaredLaw

Ensemble = Literal["gaussian", "orthogonal"]
_KIND = {"gaussian": kernel.GAUSSIAN, "orthogonal": kernel.ORTHOGONAL}
_TABLE, _MOST = 64, 400  # first and largest number of points that bracket the inversions
_STEP = 0.02  # survival between neighbours of the table
_LOST = 1e-15  # probability of ln d² below the table's foundation
_FOOT = 36.0  # and how far below that it starts: e^{−36} is 2^{−52}
_ABOVE = 1e-9  # just above an atom in ln r


@dataclass(frozen=True)
class Curve(SquaredLaw):
    """The law of x = s², an eigenvalue of J Jᵀ, for `depth` layers with the same law of d² and square weights.

    Parameters
    ----------
    law : the law of d² = φ'(h)².
    log_variance : ln σ_w².

    Notes
    -----
    Rounding limits the distribution function to about 1e-12, except beside an end where the density is infinite: an
    orthogonal law whose atom just vanishes, L μ = L − 1 (ReLU, ELU at L = 2); there to what rounding of ln x is in it.
    """

    law: SlopeLaw
    depth: int
    ensemble: Ensemble
    log_variance: float

    @cached_property
    def _layers(self) -> tuple[Law, kernel.Layers]:
        law = law_of(self.law.log_nodes, self.law.weights, self.law.zero_mass)
        log_chi = self.log_variance + self.law.log_mean
        return law, kernel.Layers(float(self.depth), _KIND[self.ensemble], log_chi, self.law.log_mean)

    @property
    def log_mean(self) -> float:
        """Return ln E x = L ln χ."""
        return self.depth * (self.log_variance + self.law.log_mean)

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)² = L (Var d²/(E d²)² + 1) for Gaussian weights, without the 1 for orthogonal ones.

        Pennington et al. (2018), "The emergence of spectral universality in deep networks", eq. 22.
        """
        return self.depth * (self.law.relative_variance + (self.ensemble == "gaussian"))

    @cached_property
    def atoms(self) -> Pairs:
        """Return (ln x, probability) of the atoms, ascending; −inf for the atom at zero.

        An atom of d² of mass μ survives L free multiplicative convolutions with mass L μ − (L − 1) (Belinschi 2003);
        with Gaussian weights only the kernel does.
        """
        out = [(-np.inf, self.law.dead)] if self.law.dead > 0 else []
        for level, mass in self.law.atoms:
            if (left := self._left(mass)) > 0:
                out.append((self.depth * (self.log_variance + level), left))
        return tuple(out)

    @property
    def unresolved(self) -> float:
        """Return the probability of x > 0 that is too small to be followed beside the rest."""
        return self.law.dark

    @cached_property
    def edges(self) -> Array:
        """Return ln r at the outer and inner ends of the support, ascending; the top end last."""
        parts = sorted([(v, v) for v, _ in self.law.atoms] + list(self.law.intervals))
        inner = []
        start = self.law.log_nodes[0] - 2 * _FOOT
        for lo, hi in parts:
            if lo > start:
                inner.append((start, lo))
            start = max(start, hi)
        gaps = np.array([g for g in inner if g[1] - g[0] > 1e-6]).reshape(-1, 2)
        found = kernel.edges(gaps[:, 0].copy(), gaps[:, 1].copy(), *self._layers)
        return np.append(found, kernel.top_edge(*self._layers))

    @property
    def _factors(self) -> list[Factor]:
        return [Factor(self.law, self.depth, self.ensemble, self.log_variance)]

    @property
    def _limit(self) -> float:
        return 1 - self.law.zero_mass

    @cached_property
    def found_bands_log(self) -> Pairs:
        """Return the intervals of ln x that the continuous part fills, ascending, as far as they are resolved."""
        if sum(mass for _, mass in self.atoms) > 1 - 1e-15:
            return ()
        edges, first = self.edges, float(self.law.log_nodes[0])
        if self.law.vanishes:  # the law of d² goes on below the lowest node, where rounding decides
            edges = edges[edges >= first]
        reaches = self.law.vanishes or bool(kernel.active(first - 2 * _FOOT, *self._layers))
        if not reaches and edges[0] >= first:  # an atom of L μ = L − 1 at the lowest point leaves no room below it
            edges = np.append(first - 1e-13, edges)
        places = [-np.inf] * reaches + self.rows(edges)[:, 0].tolist()
        on_top = any(level >= self.law.log_nodes[-1] for level, mass in self.law.atoms if self._left(mass) > 0)
        if len(places) % 2 and not on_top:  # far below the nodes rounding decides: those edges are none but the lowest
            kept = self.rows(edges[edges >= first])[:, 0].tolist()
            places = [places[0], *kept] if len(kept) % 2 else [places[0], kept[-1]]
        # Outside on either side of an atom on top, which the last edge then is.
        return tuple(zip(places[::2], places[1::2], strict=False))

    def _left(self, mass: float) -> float:
        """Return the mass of an atom of d² after L free multiplications, with orthogonal weights."""
        return 1 - self.depth * (1 - mass) if self.ensemble == "orthogonal" else 0.0

    def rows(self, log_r: Array) -> Array:
        """Return rows (ln x, density of ln x, Prob(X > x), θ, d ln x/d ln r) at ln r, shape (n, 5)."""
        return kernel.curve(np.ascontiguousarray(log_r, dtype=float), *self._layers)

    @cached_property
    def _table(self) -> inverse.Table:
        mass = np.cumsum(self.law.weights)
        foot = self.law.log_nodes[np.searchsorted(mass, _LOST)] - _FOOT
        top = max(self.edges[-1], self.law.log_nodes[-1] + _ABOVE)
        u = np.concatenate([top - (top - foot) * np.linspace(1, 0, _TABLE) ** 2, [top + 1e-6 * (top - foot)]])
        u = np.union1d(u, self.edges[self.edges > foot])
        rows = self.rows(u)
        while len(u) < _MOST:
            wide = np.flatnonzero((-np.diff(rows[:, 2]) > _STEP) & (np.diff(u) > 1e-6))
            if not len(wide):
                break
            new = (u[wide] + u[wide + 1]) / 2
            order = np.argsort(np.concatenate([u, new]), kind="stable")
            rows = np.concatenate([rows, self.rows(new)])[order]
            u = np.concatenate([u, new])[order]
        # Rounding may leave neighbours that differ by 1e-16 out of order, which a bracket must not be.
        log_x, survival = np.maximum.accumulate(rows[:, 0]), np.minimum.accumulate(rows[:, 2])
        turns = np.zeros(len(u))
        inside = (rows[:, 3] > 0) & (rows[:, 3] < np.pi) & ~np.isin(u, self.edges)
        turns[inside] = np.log(rows[inside, 3] / (np.pi - rows[inside, 3]))
        # A density ∝ δ^{k−1} at the distance δ of an edge holds δ/k times itself, and θ ∝ √δ.
        density = np.where(turns[1:] != 0, rows[1:, 1], rows[:-1, 1])
        powers = np.clip(-np.diff(survival) / np.maximum(2 * density * np.diff(log_x), 1e-300), 1 / 3, 1)
        return inverse.Table(u, log_x, survival, turns, powers)

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x; at an atom the probability without it."""
        rows = inverse.at_value(log_x, self._table, *self._layers)
        density, survival = rows[:, 1], rows[:, 2]
        for level, _ in self.law.atoms:
            place = self.depth * (self.log_variance + level)
            here = np.abs(log_x - place) <= 1e-13 * max(1.0, abs(place))
            if here.any() and any(a == place for a, _ in self.atoms):
                survival[here] = self.rows(np.array([level + _ABOVE]))[0, 2]
        return density, np.clip(survival, 0.0, 1 - self.law.zero_mass)

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival, for survival < 1 − (atom at zero)."""
        return inverse.at_survival(survival, self._table, *self._layers)[:, 0]
