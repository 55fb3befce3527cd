"""The spectrum of J Jᵀ for a product of free factors: plain layers of any widths and residual blocks, mixed as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy  # its parts load at first use

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.sizes import LOG_DOUBLE
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.spectra.bands import MISSED, Band, Path, Piece
from vgtheory.spectra.factor import SLACK, Factor, rest_of, system_of
from vgtheory.spectra.spectrum import SquaredLaw

_TAIL, _RESIDUAL_TAIL = 1e-12, 1e-7  # probability below the lowest point; 1 + m of a residual block cancels
_BESIDE = 1e-7  # more probability than this beside an atom is looked for
_MEAN = 1e-3  # relative error of E x over the points beyond which a law is not believed; 1e-4 is usual
_BANDS = 12


@dataclass(frozen=True)
class Product(SquaredLaw):
    """The law of x = s², an eigenvalue of J Jᵀ (N_L × N_L), for a product of free factors.

    The lowest 10⁻¹² of the probability is not resolved (10⁻⁷ for residual blocks; up to 10⁻³ where the smallest x
    follow the tail of φ'² itself, as with orthogonal weights or a narrow layer): below the lowest point the density
    continues as the square root that holds it.
    """

    parts: tuple[Factor, ...]
    source: float = 1.0  # N_0/N_L

    @property
    def log_mean(self) -> float:
        """Return ln E x: the gains of the layers add up."""
        return sum(f.count * f.log_gain for f in self.parts)

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)²: the sum over layers, since logarithms of S-transforms add."""
        return sum(f.count * f.relative_variance for f in self.parts)

    @property
    def _factors(self) -> Sequence[Factor]:
        return self.parts

    @cached_property
    def _limit(self) -> float:
        return self._alive([f.law.zero_mass for f in self.parts])

    def _alive(self, zeros: Sequence[float]) -> float:
        """Return the fraction of x > 0 where so much of each law of d² is zero."""
        pairs = [(f, zero) for f, zero in zip(self.parts, zeros, strict=True) if not f.is_residual]
        plain = [(1 - zero) * f.after for f, zero in pairs]
        return min([1.0, self.source, *(f.before for f, _ in pairs), *plain])

    @cached_property
    def unresolved(self) -> float:
        """Return the probability of x > 0 that is too small to be followed beside the rest."""
        return self._alive([f.law.dead for f in self.parts]) - self._limit

    @cached_property
    def _point(self) -> float | None:
        """Return ln x where all x > 0 are equal: ln z is then ln x + ln(m + p) − ln m.  None elsewhere.

        A layer of one slope d adds n (ln d² + ln(1 + c m) − ln c m) to ln z, c = N_L/N_l.
        """
        if any(f.is_residual or len(f.law.log_nodes) != 1 or f.law.zero_mass > 0 for f in self.parts):
            return None
        limits, shares, log_power, p, constant = rest_of(self.parts, self._limit)
        left = dict(zip(limits, shares, strict=True))
        for f in self.parts:
            place = p / f.after - 1
            place = 0.0 if abs(place) < SLACK else place
            near = next((key for key in left if abs(key - place) < SLACK), place)
            left[near] = left.get(near, 0.0) + f.count
            log_power -= f.count
            constant += f.count * (float(f.law.log_nodes[0]) + np.log(f.after))
        others = [share for place, share in left.items() if abs(place) > SLACK]
        alone = abs(log_power + 1) < SLACK and abs(left.get(0.0, 0.0) - 1) < SLACK
        # ln(1 + γ m) with γ = 1/p is ln(m + p) − ln p.
        return float(constant - np.log(p)) if alone and max(map(abs, others), default=0.0) < SLACK else None

    @cached_property
    def _surviving(self) -> tuple[float, float]:
        """Return (ln x, probability) of the atom that is left of atoms in every layer, probability ≤ 0 for none.

        Subspaces in general position: each layer takes away what its weights and its other slopes leave out.
        """
        if self._point is not None:
            return self._point, self._limit
        place, left = 0.0, self.source
        for f in self.parts:
            if f.is_residual:
                dead = f.law.zero_mass if f.kind != "residual-two" else 0.0
                left -= 2 * f.count * (1 - dead)
            elif f.kind == "orthogonal" and f.law.atoms:
                level, mass = max(f.law.atoms, key=lambda a: a[1])
                place += f.count * (f.log_variance + level + max(float(np.log(f.after / f.before)), 0.0))
                left -= f.count * (max(f.before - f.after, 0.0) + f.after * (1 - mass))
            else:
                return 0.0, -1.0
        return place, left

    @cached_property
    def atoms(self) -> Pairs:
        """Return (ln x, probability), ascending; −inf for the atom at zero."""
        zero = 1 - self._limit - self.unresolved
        out = [(-np.inf, zero)] if zero > 0 else []
        place, left = self._surviving
        return (*out, (place, left)) if left > SLACK else tuple(out)

    @property
    def found_bands_log(self) -> Pairs:
        """Return the intervals of ln x, ascending, but for the unresolved probability."""
        return tuple((band.bottom, band.top) for band in self.bands)

    @property
    def resolved_from(self) -> float:
        """Return the least ln x at which the density is worked out, not continued."""
        return float(self.bands[0].rows[0, 0]) if self.bands else -np.inf

    @cached_property
    def _path(self) -> Path:
        lowest = _RESIDUAL_TAIL if any(f.is_residual for f in self.parts) else _TAIL
        return Path(system_of(self.parts, self._limit), float(np.log(lowest)))

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Return the intervals of the support, ln x increasing."""
        bands: list[Band] = []
        while pieces := self._missing(bands):
            lost = {float(band.rows[0, 0]) for band in bands}  # where a path ended without an edge nothing follows
            open_ = [piece for piece in pieces if piece.high not in lost] if len(bands) < _BANDS else []
            found = next(filter(None, map(self._path.band, open_)), None)
            if found is None:
                if (missed := max(piece.below - piece.above for piece in pieces)) > MISSED:
                    raise UnsupportedError(
                        f"a probability of {missed:.3g} of this spectrum was not found; use vg.sample(network)"
                    )
                break
            bands = sorted([*bands, found], key=lambda band: band.top)
        self._believe(bands)
        return tuple(bands)

    def _missing(self, bands: Sequence[Band]) -> list[Piece]:
        """Return the pieces between bands (ln x increasing) whose probability no atom accounts for."""
        place, left = self._surviving
        out: list[Piece] = []
        for upper, lower in pairwise([None, *reversed(bands), None]):
            above, high = (float(upper.rows[0, 2]), upper.bottom) if upper else (0.0, np.inf)
            below, low = (float(lower.rows[-1, 2]), lower.top) if lower else (self._limit, -np.inf)
            if left > 0 and low < place < high:
                lost = below - above - left
                halves = Piece(below - lost, below, low, place), Piece(above, above + lost, place, high)
                out += halves if lost > _BESIDE else ()
            elif below - above > MISSED:
                out.append(Piece(above, below, low, high))
        return out

    def _believe(self, bands: list[Band]) -> None:
        """Refuse points that are not finite or whose mean is not that of the law."""
        mean = 0.0
        for band in bands:
            x = np.concatenate([[band.bottom], band.rows[:, 0], [band.top]])
            density = np.concatenate([[0.0], band.rows[:, 1], [0.0]])
            mean += float(scipy.integrate.simpson(np.exp(np.minimum(x - self.log_mean, LOG_DOUBLE)) * density, x=x))
        place, left = self._surviving
        if left > 0:
            mean += left * float(np.exp(place - self.log_mean))
        finite = all(np.isfinite(band.rows).all() for band in bands)
        if not (finite and abs(mean - 1) < _MEAN):
            raise UnsupportedError(
                f"the points found for this spectrum have a mean of s² of {mean:.6g} times its own, so they are not "
                "its law; use vg.sample(network)"
            )

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x; at an atom the probability without it."""
        density, survival = np.zeros(log_x.shape), np.full(log_x.shape, np.nan)
        place, left = self._surviving
        above = 0.0
        for band in reversed(self.bands):
            floor = self._floor(band)
            upper = log_x >= band.top
            survival[upper & np.isnan(survival)] = above
            inside = (log_x < band.top) & (log_x > band.bottom)
            if inside.any():
                density[inside], survival[inside] = self._path.at_value(band, log_x[inside], floor, self._start(band))
            above = floor
        below = np.isnan(survival)
        survival[below] = above
        if left > 0 and all(place > band.top for band in self.bands):
            survival[(log_x < place - 1e-13 * max(1.0, abs(place))) & (survival < left)] = left
        elif left > 0:
            low = log_x < place - 1e-13 * max(1.0, abs(place))
            top = [b.rows[0, 2] for b in self.bands if b.bottom > place]
            gap = low & (survival <= max(top, default=0.0) + 1e-9)
            survival[gap] = max(top, default=0.0) + left
        return density, np.clip(survival, 0.0, self._limit)

    def _floor(self, band: Band) -> float:
        """Return Prob(X > x) just below a band."""
        if band is self.bands[0]:
            place, left = self._surviving
            return self._limit - (left if left > 0 and place < band.bottom else 0.0)
        return float(band.rows[0, 2])

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""
        place, left = self._surviving
        out = np.full(survival.shape, place if left > 0 else np.nan)
        for band in self.bands:
            inside = (survival < self._floor(band)) & (survival >= self._start(band))
            if not inside.any():
                continue
            out[inside] = self._path.at_probability(band, survival[inside], self._floor(band), self._start(band))
        return out

    def _start(self, band: Band) -> float:
        """Return Prob(X > x) just above a band: all of the next higher one, and an atom between them."""
        place, left = self._surviving
        higher = next((b for b in self.bands if b.bottom > band.top), None)
        atom = left if left > 0 and band.top < place < (higher.bottom if higher else np.inf) else 0.0
        return atom + (self._floor(higher) if higher else 0.0)
