"""The spectrum of J Jᵀ for a product of free factors: plain layers of any widths and residual blocks, mixed as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import simpson

from vgtheory._errors import UnsupportedError
from vgtheory.kernels import spectral_edge, spectral_path
from vgtheory.kernels.quadrature import Array
from vgtheory.kernels.spectral_curve import prepare
from vgtheory.kernels.spectral_sums import PLAIN, Factors, Laws, Rest, System, log_z
from vgtheory.spectra.slope_law import SlopeLaw

Kind = Literal["gaussian", "orthogonal", "residual", "residual-orthogonal", "residual-two"]
_POWER = {"residual": 1, "residual-orthogonal": 2, "residual-two": 0}
_MOST_POINTS = 1500
_TAIL, _RESIDUAL_TAIL = 1e-12, 1e-7  # probability below the lowest point; 1 + m of a residual block cancels
_MISSED = 1e-3  # more probability than this below the path: it stopped where it should not
_MEAN = 1e-3  # relative error of E x over the points beyond which a law is not believed; 1e-4 is usual
_STARTS = (1e-2, 3e-3, 1e-3, 3e-2, 1e-4, 1e-5)  # first step off an edge, in units of |v|
_BANDS = 6
_HARD = 1e-4  # |v| at the last point before an end of infinite density
_SLACK = 1e-9


@dataclass(frozen=True)
class Factor:
    """`count` equal layers: J_l = D W (plain) or I + a D W, I + a W' D W (residual).

    Parameters
    ----------
    log_variance : ln σ_w² of W; for residual blocks ln a² σ_w² (times the variance of W').
    before, after : N_{l−1}/N_L and N_l/N_L.
    count : how many layers this one stands for; need not be an integer.
    """

    law: SlopeLaw
    count: float
    kind: Kind
    log_variance: float
    before: float = 1.0
    after: float = 1.0

    @property
    def is_residual(self) -> bool:
        """Return whether the block is I + Y."""
        return self.kind in _POWER

    @property
    def log_gain(self) -> float:
        """Return ln of what one layer multiplies E x by."""
        gain = self.log_variance + self.law.log_mean
        return float(np.logaddexp(0.0, gain)) if self.is_residual else gain

    @property
    def relative_variance(self) -> float:
        """Return what one layer adds to Var x/(E x)²: −d ln S/dm at m = 0, with m normalised by N_L."""
        own = self.law.relative_variance
        if self.kind == "gaussian":
            return own / self.after + 1 / self.before
        if self.kind == "orthogonal":
            return own / self.after + max(1 / self.before - 1 / self.after, 0.0)
        t = float(np.exp(self.log_variance + self.law.log_mean))
        own += {"residual": 1, "residual-orthogonal": 0, "residual-two": 2}[self.kind]
        return (2 * t + t**2 * own) / (1 + t) ** 2


class _Band(NamedTuple):
    """Points of one interval of the support, ln x increasing, and its ends (a bottom of NaN: not reached).

    At an end m is finite and the density a square root, or m is infinite (v = 0) and the density its inverse.
    """

    rows: Array
    vs: NDArray[np.complex128]
    states: NDArray[np.complex128]
    bottom: float
    top: float


@dataclass(frozen=True)
class Product:
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

    @cached_property
    def _limit(self) -> float:
        """Return p, the fraction of x that is not zero or dark."""
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
        limits, shares, log_power, p, constant = self._rest()
        left = dict(zip(limits, shares, strict=True))
        for f in self.parts:
            place = p / f.after - 1
            place = 0.0 if abs(place) < _SLACK else place
            near = next((key for key in left if abs(key - place) < _SLACK), place)
            left[near] = left.get(near, 0.0) + f.count
            log_power -= f.count
            constant += f.count * (float(f.law.log_nodes[0]) + np.log(f.after))
        others = [share for place, share in left.items() if abs(place) > _SLACK]
        alone = abs(log_power + 1) < _SLACK and abs(left.get(0.0, 0.0) - 1) < _SLACK
        # ln(1 + γ m) with γ = 1/p is ln(m + p) − ln p.
        return float(constant - np.log(p)) if alone and max(map(abs, others), default=0.0) < _SLACK else None

    @cached_property
    def _surviving(self) -> tuple[float, float]:
        """Return (ln x, probability) of the atom that is left of atoms in every layer, probability ≤ 0 for none."""
        if self._point is not None:
            return self._point, self._limit
        place, left = 0.0, 1.0
        for f in self.parts:
            if f.is_residual:
                dead = f.law.zero_mass if f.kind != "residual-two" else 0.0
                left -= 2 * f.count * (1 - dead)
            elif f.kind == "orthogonal" and f.before == f.after == 1.0 and f.law.atoms:
                level, mass = max(f.law.atoms, key=lambda a: a[1])
                place += f.count * (f.log_variance + level)
                left -= f.count * (1 - mass)
            else:
                return 0.0, -1.0
        return place, left

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (ln x, probability), ascending; −inf for the atom at zero."""
        zero = 1 - self._limit - self.unresolved
        out = [(-np.inf, zero)] if zero > 0 else []
        place, left = self._surviving
        return (*out, (place, left)) if left > 0 else tuple(out)

    @property
    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of ln x without the atom at zero; the infimum but for the unresolved probability."""
        places = [x for x, _ in self.atoms if np.isfinite(x)]
        bands = self.bands
        ends = [bands[0].bottom, bands[-1].top] if bands else []
        return min([*ends, *places]), max([*ends, *places])

    @cached_property
    def _system(self) -> System:
        laws = [f.law for f in self.parts]
        sizes = [len(law.log_nodes) for law in laws]
        prepared = [prepare(law.log_nodes, law.weights)[:4] for law in laws]
        below, moment, above, inverse = (np.concatenate(parts) for parts in zip(*prepared, strict=True))
        kept = Laws(
            nodes=np.concatenate([law.log_nodes for law in laws]),
            ratios=np.concatenate([np.exp(law.log_nodes - law.log_nodes[-1]) for law in laws]),
            weights=np.concatenate([law.weights for law in laws]),
            offsets=np.cumsum([0, *sizes]).astype(np.int64),
            atoms=np.array([law.zero_mass for law in laws]),
            tops=np.array([law.log_nodes[-1] for law in laws]),
            below=below,
            moment=moment,
            above=above,
            inverse=inverse,
        )
        factors = Factors(
            counts=np.array([float(f.count) for f in self.parts]),
            ratios=np.array([1 / f.after for f in self.parts]),
            powers=np.array([_POWER.get(f.kind, PLAIN) for f in self.parts], dtype=np.int64),
            log_s2=np.array([f.log_variance for f in self.parts]),
        )
        return System(kept, factors, self._rest())

    def _rest(self) -> Rest:
        """Return (γ_j p − 1, e_j, e, p, constant) of ln z: see `kernels.spectral_sums`."""
        p = self._limit
        shares: dict[float, float] = {1.0: 1.0}
        log_power, constant = -1.0, 0.0
        for f in self.parts:
            n = f.count
            log_power += n
            if f.is_residual:
                shares[1.0] += n
                continue
            before, after = 1 / f.before, 1 / f.after
            constant += n * (f.log_variance + np.log(after))
            shares[after] = shares.get(after, 0.0) - n
            if f.kind == "gaussian" or before > after:
                shares[before] = shares.get(before, 0.0) + n
            if f.kind == "orthogonal" and before > after:
                shares[after] -= n
        kept = {gamma: e for gamma, e in shares.items() if abs(e) > 1e-12}
        limits = np.array([max(gamma * p - 1, -1.0) for gamma in kept])
        limits[np.abs(limits) < 1e-14] = 0.0
        return Rest(limits, np.array(list(kept.values())), float(log_power), float(p), float(constant))

    def _top(self) -> tuple[float, Array]:
        left = self._surviving[1]
        atom_on_top = left > _SLACK and not any(f.is_residual for f in self.parts)
        if abs(left) <= _SLACK and not any(f.is_residual for f in self.parts):
            raise UnsupportedError(
                "the atom of this spectrum just vanishes, where its density is infinite at the edge; change q a little"
            )
        seconds = np.full(len(self.parts), -np.inf)
        if atom_on_top:
            for k, f in enumerate(self.parts):
                level, _ = max(f.law.atoms, key=lambda a: a[1])
                if level < f.law.log_nodes[-1]:
                    raise UnsupportedError(
                        "an atom inside the spectrum of orthogonal layers with different q_l; use one q for all"
                    )
                if len(f.law.log_nodes) > 1:
                    seconds[k] = f.law.log_nodes[-2]
        v, ys, found = spectral_edge.top_edge(atom_on_top, seconds, self._system)
        if not found:
            raise UnsupportedError("the top edge of this spectrum was not found; use vg.sample(network)")
        return float(v), ys

    def _end(self, v: complex, ys: NDArray[np.complex128], rate: complex, before: complex, last: complex) -> float:
        """Return ln x at the edge next to the last point: d ln z/dv is linear in v and vanishes there."""
        change = (v - before) / (rate - last)
        return float((self._value(v, ys) - 0.5 * rate * rate * change).real)

    def _value(self, v: complex, ys: NDArray[np.complex128]) -> complex:
        blank = np.zeros(len(ys), np.complex128)
        return complex(log_z(v, ys, self._system, blank, blank.copy())[0])

    def _traced(self, v: complex, ys: NDArray[np.complex128], sign: float) -> tuple:
        lowest = float(np.log(_RESIDUAL_TAIL if any(f.is_residual for f in self.parts) else _TAIL))
        rows, vs, states, rates, count, end = spectral_path.trace(v, ys, sign, lowest, _MOST_POINTS, self._system)
        edge = np.nan
        if end == 1 and count > 2:
            edge = self._end(vs[count - 1], states[count - 1], rates[count - 1], vs[count - 2], rates[count - 2])
        return rows[:count], vs[:count], states[:count], edge, end

    @cached_property
    def bands(self) -> tuple[_Band, ...]:
        """Return the intervals of the support, ln x increasing."""
        if self._surviving[1] > 1 - self.atoms_at_zero - 1e-12:
            return ()
        v_edge, ys_edge = self._top()
        for share in _STARTS:
            v, ys, fine = spectral_path.start(
                v_edge, ys_edge.astype(np.complex128), share * min(abs(v_edge), 1.0), self._system
            )
            if fine:
                break
        else:
            raise UnsupportedError("no points were found below the top edge of this spectrum; use vg.sample(network)")
        top = self._value(complex(v_edge), ys_edge.astype(np.complex128)).real
        bands = [self._band(v, ys, float(top))]
        while len(bands) < _BANDS and self._below(bands[-1]) > _MISSED and np.isfinite(bands[-1].bottom):
            bands.append(self._next(bands[-1]))
        last = bands[-1]
        if self._below(last) > _MISSED:
            raise UnsupportedError(
                f"the spectrum could not be followed below probability {self._below(last):.3g}; use vg.sample(network)"
            )
        if not np.isfinite(last.bottom):
            missing = max(self._below(last), 0.0)
            bands[-1] = last._replace(bottom=float(last.rows[0, 0] - 1.5 * missing / last.rows[0, 1]))
        self._believe(bands)
        return tuple(reversed(bands))

    @property
    def atoms_at_zero(self) -> float:
        """Return the probability of x = 0."""
        return 1 - self._limit

    def _below(self, band: _Band) -> float:
        """Return the probability below a band's lowest point that no atom accounts for."""
        place, left = self._surviving
        atom = left if left > 0 and place < band.rows[0, 0] else 0.0
        return self._limit - float(band.rows[0, 2]) - atom

    def _band(self, v: complex, ys: NDArray[np.complex128], top: float) -> _Band:
        rows, vs, states, bottom, _ = self._traced(v, ys, -1.0)
        rows, vs, states = rows[::-1], vs[::-1], states[::-1]
        wrong = np.flatnonzero((np.diff(rows[:, 0]) <= 0) | (np.diff(rows[:, 2]) > 1e-12) | ~(rows[:-1, 1] > 0))
        if len(wrong):
            rows, vs, states, bottom = rows[wrong[-1] + 1 :], vs[wrong[-1] + 1 :], states[wrong[-1] + 1 :], np.nan
        if len(rows) < 10:
            raise UnsupportedError("too few points of this spectrum were found; use vg.sample(network)")
        return _band_of((rows, vs, states), bottom, top)

    def _next(self, band: _Band) -> _Band:
        """Return the band below a gap: around the real axis, where ln z has a small imaginary part, and back to it."""
        v, ys = band.vs[0], band.states[0]
        here = complex(band.rows[0, 0])
        width = max(band.top - band.bottom, 1e-6)
        for lift in (0.3, 0.1, 1.0, 0.03):
            above = here + 1j * lift * width
            first, state, fine = spectral_path.cross(here, above, v, ys, self._system)
            for far in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0):
                if not fine:
                    break
                goal = complex(here.real - far * width, above.imag)
                over, other, arrived = spectral_path.cross(above, goal, first, state, self._system)
                if not arrived:
                    continue
                down, inner, landed = spectral_path.cross(goal, complex(goal.real), over, other, self._system)
                if landed and 1e-6 < down.imag < np.pi - 1e-6 and goal.real < band.bottom:
                    _, _, _, top, end = self._traced(down, inner, 1.0)
                    if end == 1 and top < band.bottom + 1e-9:
                        return self._whole(down, inner, top)
        raise UnsupportedError("the interval of this spectrum below a gap was not found; use vg.sample(network)")

    def _whole(self, v: complex, ys: NDArray[np.complex128], top: float) -> _Band:
        up = self._traced(v, ys, 1.0)
        low = self._band(v, ys, top)
        joined = [np.concatenate([a, b[1:]]) for a, b in zip(low[:3], up[:3], strict=True)]
        return _band_of(joined, low.bottom, top)

    def _believe(self, bands: list[_Band]) -> None:
        """Refuse points that are not finite or whose mean is not that of the law."""
        mean = 0.0
        for band in bands:
            x = np.concatenate([[band.bottom], band.rows[:, 0], [band.top]])
            density = np.concatenate([[0.0], band.rows[:, 1], [0.0]])
            mean += float(simpson(np.exp(np.minimum(x - self.log_mean, 700.0)) * density, x=x))
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
                density[inside], survival[inside] = self._inside(band, log_x[inside], floor, above)
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

    def _floor(self, band: _Band) -> float:
        """Return Prob(X > x) just below a band."""
        if band is self.bands[0]:
            place, left = self._surviving
            return self._limit - (left if left > 0 and place < band.bottom else 0.0)
        return float(band.rows[0, 2])

    def _inside(self, band: _Band, log_x: Array, floor: float, above: float) -> tuple[Array, Array]:
        rows = band.rows
        found = spectral_path.invert(log_x, spectral_path.LOG_X, rows, band.vs, band.states, self._system)
        _finite(found)
        density, survival = found[:, 1], found[:, 2]
        low, high = log_x < rows[0, 0], log_x > rows[-1, 0]
        # Between the end points and the edges the density is a square root.
        share = np.sqrt(np.clip((log_x[low] - band.bottom) / (rows[0, 0] - band.bottom), 0.0, 1.0))
        turn, power = (-1, 1) if _is_hard(band.vs[0]) else (1, 3)
        density[low], survival[low] = rows[0, 1] * share**turn, floor - (floor - rows[0, 2]) * share**power
        share = np.sqrt(np.clip((band.top - log_x[high]) / (band.top - rows[-1, 0]), 0.0, 1.0))
        turn, power = (-1, 1) if _is_hard(band.vs[-1]) else (1, 3)
        density[high], survival[high] = rows[-1, 1] * share**turn, above + (rows[-1, 2] - above) * share**power
        return density, survival

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""
        place, left = self._surviving
        out = np.full(survival.shape, place if left > 0 else np.nan)
        for band in self.bands:
            rows, floor = band.rows, self._floor(band)
            inside = (survival < floor) & (survival >= self._start(band))
            if not inside.any():
                continue
            s = survival[inside]
            values = spectral_path.invert(s, spectral_path.SURVIVAL, rows, band.vs, band.states, self._system)
            _finite(values)
            x = values[:, 0]
            high, low = s < rows[-1, 2], s > rows[0, 2]
            start = self._start(band)
            share = np.clip((s[high] - start) / (rows[-1, 2] - start), 0.0, 1.0)
            x[high] = band.top - (band.top - rows[-1, 0]) * share ** (2 if _is_hard(band.vs[-1]) else 2 / 3)
            share = np.clip((floor - s[low]) / max(floor - rows[0, 2], 1e-300), 0.0, 1.0)
            x[low] = band.bottom + (rows[0, 0] - band.bottom) * share ** (2 if _is_hard(band.vs[0]) else 2 / 3)
            out[inside] = x
        return out

    def _start(self, band: _Band) -> float:
        """Return Prob(X > x) just above a band."""
        place, left = self._surviving
        atom = left if left > 0 and place > band.top else 0.0
        higher = [b for b in self.bands if b.bottom > band.top]
        return atom + (self._floor(higher[0]) if higher else 0.0)


def _band_of(arrays: Sequence[NDArray[Any]], bottom: float, top: float) -> _Band:
    rows, vs, states = (np.ascontiguousarray(a) for a in arrays)
    return _Band(rows, vs, states, bottom, top)


def _is_hard(v: complex) -> bool:
    return bool(abs(v) < _HARD)


def _finite(found: Array) -> None:
    if np.isnan(found).any():
        raise UnsupportedError("a point of this spectrum could not be solved for; use vg.sample(network)")
