"""Layers with their own variances q_l: the spectrum of J Jᵀ for a profile, as a chain of points over mixed laws."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.kernels import spectral_mixed as kernel
from vgtheory.kernels.quadrature import Array
from vgtheory.spectra.curve import Ensemble
from vgtheory.spectra.slope_law import SlopeLaw, slope_law
from vgtheory.symbolic.activation import Activation

_POINTS = 400
_DROP = 1e-5  # distance in ln|ζ_1| of the first point from the top edge
_TAIL = {"gaussian": 1e-7, "orthogonal": 1e-5}  # probability below the chain's lowest point
_MISSED = 1e-4  # more probability than this below the chain: it stopped at a gap
_APPROACHES = 4  # to a lower edge
_MOST_LAWS = 20
_WORK = 8_000_000  # nodes × iterations after which a chain whose steps fail is given up
_MEAN = 2e-3  # relative error of E x from 400 points beyond which a law is not believed; 1e-5 is usual
_LEADS = 2  # laws tried as law 1
_SMALLEST = -40.0  # ln q below which φ'² is its limit at 0 to 1e-8


def representative_lengths(log_q: Array, most: int = _MOST_LAWS) -> tuple[Array, Array]:
    """Return (ln q, counts) of a few layers that stand for all: the Gauss rule of the measure Σ_l δ(ln q_l).

    ln z depends on the profile through Σ_l f(ln q_l) with smooth f, for which K nodes are exact to degree 2K − 1
    (Lanczos' algorithm on diag(ln q_l)); counts add up to L and need not be integers.
    """
    spread = float(np.ptp(log_q))
    if spread < 1e-10:
        return log_q[-1:], np.array([float(len(log_q))])
    order = min(most, len(np.unique(np.round(log_q, 12))), int(np.ceil(4 + 2 * spread)))
    center = float(log_q.mean())
    x = (log_q - center) / spread
    basis = [np.full(len(x), len(x) ** -0.5)]
    diagonal, beside = [], []
    for j in range(order):
        y = x * basis[-1]
        diagonal.append(float(basis[-1] @ y))
        for _ in range(2):  # full orthogonalisation, twice: exact to rounding
            for v in basis:
                y = y - (v @ y) * v
        norm = float(np.linalg.norm(y))
        if norm < 1e-8 or j == order - 1:
            break
        beside.append(norm)
        basis.append(y / norm)
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1) if beside else np.diag(diagonal)
    nodes, vectors = np.linalg.eigh(matrix)
    return center + spread * nodes, len(x) * vectors[0] ** 2


@dataclass(frozen=True)
class Chain:
    """The law of x = s² for layers of different laws of d² (`laws`, each `counts` times), square weights.

    The lowest 10⁻⁷ of the probability (10⁻⁵ with orthogonal weights) is not resolved: below the chain's end the density
    continues as the square root that holds it.
    """

    laws: tuple[SlopeLaw, ...]
    counts: tuple[float, ...]
    depth: int
    ensemble: Ensemble
    log_variance: float
    lead: int = 0

    @property
    def log_mean(self) -> float:
        """Return ln E x = Σ_l ln χ_l."""
        return self.depth * self.log_variance + sum(
            n * law.log_mean for n, law in zip(self.counts, self.laws, strict=True)
        )

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)²: the sum over layers, since ln S-transforms add."""
        gaussian = self.ensemble == "gaussian"
        return sum(n * (law.relative_variance + gaussian) for n, law in zip(self.counts, self.laws, strict=True))

    @property
    def _zero(self) -> float:
        return max(law.zero_mass for law in self.laws)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Return (ln x, probability): the largest atom of d² at zero."""
        return ((-np.inf, self._zero),) if self._zero > 0 else ()

    @property
    def support(self) -> tuple[float, float]:
        """Return (inf, sup) of ln x, the infimum but for the unresolved probability."""
        return self._bottom, self._edge[0]

    @cached_property
    def _ordered(self) -> tuple[tuple[Any, ...], tuple[SlopeLaw, ...]]:
        # The bottleneck leads: m cannot fall below −(1 − its atom at zero); never a law that is almost a constant.
        pairs = sorted(
            zip(self.laws, self.counts, strict=True), key=lambda p: (-p[0].zero_mass, -p[0].relative_variance)
        )
        pairs.insert(0, pairs.pop(self.lead))
        laws = tuple(p[0] for p in pairs)
        offsets = np.concatenate([[0], np.cumsum([len(law.log_nodes) for law in laws])]).astype(np.int64)
        arrays = (
            np.concatenate([law.log_nodes for law in laws]),
            np.concatenate([law.weights for law in laws]),
            offsets,
            np.array([law.zero_mass for law in laws]),
            np.array([float(p[1]) for p in pairs]),
        )
        return arrays, laws

    @property
    def _rest(self) -> tuple:
        return self._ordered[0], float(self.depth), float(self.ensemble == "orthogonal")

    @property
    def _most(self) -> int:
        return max(_WORK // max(len(self._rest[0][0]), 1), 100)

    @cached_property
    def _edge(self) -> tuple[float, Array]:
        if self.ensemble == "orthogonal":
            left = 1 - sum(
                n * (1 - max((m for _, m in law.atoms), default=0.0))
                for n, law in zip(self.counts, self.laws, strict=True)
            )
            if left > -1e-9:
                raise UnsupportedError(
                    "orthogonal weights with different q_l keep an atom where φ' is constant, and the spectrum has "
                    'gaps; use q="stationary" or a number'
                )
        log_m, zetas = kernel.top_edge(*self._rest)
        m = np.exp(log_m)
        counts = self._rest[0][4]
        per_layer = self.log_variance + log_m + zetas - self._rest[2] * np.log1p(m)
        return float(np.log1p(m) - log_m + (counts * per_layer).sum()), zetas

    @cached_property
    def points(self) -> tuple[Array, Array]:
        """Return (rows, states) of the chain, ln x increasing."""
        zetas = self._edge[1]
        us = self._grid(float(zetas[0]))
        found, start = kernel.start_below_edge(zetas, zetas[0] - us[0], *self._rest)
        if not found:
            raise UnsupportedError('the chain of points did not start at the top edge; use q="stationary" or a number')
        rows, states, reached = kernel.chain(us, start, *self._rest, self.log_variance, self._most)
        rows, states = rows[:reached], states[:reached]
        for _ in range(_APPROACHES if 2 <= reached < len(us) else 0):
            # A lower edge: θ_1² vanishes linearly in ln|ζ_1|; go towards that zero geometrically, and look again.
            u, square = states[-2:, 0].real, rows[-2:, 3] ** 2
            end = u[1] - square[1] * (u[1] - u[0]) / (square[1] - square[0])
            more = end + (u[1] - end) * 0.7 ** np.arange(1, 12)
            new_rows, new_states, reached = kernel.chain(
                more, states[-1], *self._rest, self.log_variance, self._most // 10
            )
            rows = np.concatenate([rows, new_rows[:reached]])
            states = np.concatenate([states, new_states[:reached]])
            if reached == 0:
                break
        rows, states = rows[::-1], states[::-1]
        # In the far tail, where nodes are sparse, the chain may fall onto the spurious θ = 0: keep what is monotone.
        wrong = np.flatnonzero((np.diff(rows[:, 0]) <= 0) | (np.diff(rows[:, 2]) > 1e-12))
        if len(wrong):
            rows, states = rows[wrong[-1] + 1 :], states[wrong[-1] + 1 :]
        missed = 1 - self._zero - rows[0, 2] if len(rows) else 1.0
        if missed > _MISSED:
            raise UnsupportedError(
                f"the spectrum of this profile could not be followed below probability {missed:.3g}; use "
                'q="stationary" or a number, or sample_spectrum'
            )
        self._believe(rows)
        return np.ascontiguousarray(rows), np.ascontiguousarray(states)

    def _believe(self, rows: Array) -> None:
        """Refuse points that are not finite or whose mean is not ∏ χ_l."""
        x, density = np.append(rows[:, 0], self._edge[0]), np.append(rows[:, 1], 0.0)
        mean = float(np.trapezoid(np.exp(np.minimum(x - self.log_mean, 700.0)) * density, x))
        if not (np.isfinite(rows).all() and abs(mean - 1) < _MEAN):
            raise UnsupportedError(
                f"the points found for this profile have a mean of s² of {mean:.4g} times ∏ χ_l, so they are not its "
                'law; use q="stationary" or a number, or sample_spectrum'
            )

    @cached_property
    def _bottom(self) -> float:
        """Return ln x below which nothing is left: where a square root with the last point's density has its zero."""
        row = self.points[0][0]
        return float(row[0] - 1.5 * max(1 - self._zero - row[2], 0.0) / row[1])

    def _grid(self, top: float) -> Array:
        """Return decreasing ln|ζ_1|: half clustered like square roots at the edge, half even in Q_1(−r)."""
        law = self._ordered[1][0]
        cumulative = np.cumsum(law.weights)
        tail = _TAIL[self.ensemble]

        def mass(u: Array) -> Array:
            return (law.weights / (1 + np.exp(np.clip(law.log_nodes - u[:, None], -700, 700)))).sum(axis=1)

        floor = law.log_nodes[np.searchsorted(cumulative, 0.5 * tail)] + np.log(tail)
        line = np.linspace(floor, top, 1500)
        level = mass(line)
        bottom = float(np.interp(tail, level, line))
        t = (np.arange(_POINTS // 2) + 0.5) / (_POINTS // 2)
        clustered = top - (top - bottom) * t**2
        even = np.interp(np.linspace(tail, level[-1], _POINTS // 2 + 2)[1:-1], level, line)
        us = np.unique(np.concatenate([clustered, even, top - _DROP * 4.0 ** np.arange(6)]))[::-1]
        return np.ascontiguousarray(us[(us <= top - _DROP) & (us >= bottom)])

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x."""
        rows, states = self.points
        found = kernel.invert(log_x, 0, rows, states, *self._rest, self.log_variance)
        _finite(found)
        density, survival = found[:, 1], found[:, 2]
        below, above = log_x < rows[0, 0], log_x > rows[-1, 0]
        # Between the end points and the edges the density is a square root.
        share = np.sqrt(np.clip((log_x[below] - self._bottom) / (rows[0, 0] - self._bottom), 0.0, 1.0))
        density[below] = rows[0, 1] * share
        survival[below] = 1 - self._zero - (1 - self._zero - rows[0, 2]) * share**3
        share = np.sqrt(np.clip((self._edge[0] - log_x[above]) / (self._edge[0] - rows[-1, 0]), 0.0, 1.0))
        density[above] = rows[-1, 1] * share
        survival[above] = rows[-1, 2] * share**3
        return density, survival

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""
        rows, states = self.points
        out = kernel.invert(survival, 2, rows, states, *self._rest, self.log_variance)[:, 0]
        _finite(out)
        above = survival < rows[-1, 2]
        share = np.cbrt(survival[above] / rows[-1, 2])
        out[above] = self._edge[0] - (self._edge[0] - rows[-1, 0]) * share**2
        below = survival > rows[0, 2]
        share = np.cbrt((1 - self._zero - survival[below]) / (1 - self._zero - rows[0, 2]))
        out[below] = self._bottom + (rows[0, 0] - self._bottom) * np.maximum(share, 0.0) ** 2
        return out


def _finite(found: Array) -> None:
    if np.isnan(found).any():
        raise UnsupportedError(
            'a point of the spectrum between two of the chain could not be solved for; use q="stationary" or a number'
        )


def profile_chain(
    activation: Activation, log_q: Array, ensemble: Ensemble, log_variance: float, most: int = _MOST_LAWS
) -> Chain:
    """Return the law of x = s² for layers of variances e^{log_q}, shape (L,)."""
    log_q = np.maximum(log_q, _SMALLEST)
    alone = _bottleneck(activation, log_q)
    nodes, counts = representative_lengths(log_q[~alone], most)
    if alone.any():
        nodes, counts = np.append(nodes, log_q[alone][0]), np.append(counts, alone.sum())
    laws = tuple(slope_law(activation, float(np.exp(t))) for t in nodes)
    chain = Chain(laws, tuple(float(n) for n in counts), len(log_q), ensemble, log_variance)
    return _followed(chain)


def _followed(chain: Chain) -> Chain:
    """Return the chain led by the first law along which it can be followed to the end.

    ln|ζ_1| need not fall monotonely along the spectrum for every choice of law 1.
    """
    # A bottleneck has to lead; without one, the laws of largest spread come first.
    leads = 1 if max(law.zero_mass for law in chain.laws) > 0 else min(len(chain.laws), _LEADS)
    problem: UnsupportedError | None = None
    for lead in range(leads):
        candidate = replace(chain, lead=lead)
        try:
            if len(candidate.points[0]):
                return candidate
        except UnsupportedError as error:
            problem = problem or error
    raise problem or UnsupportedError("the chain of points is empty")


def _bottleneck(activation: Activation, log_q: Array) -> NDArray[np.bool_]:
    """Return which layers have the most dead units: they decide the lowest part of the law and must stay whole."""
    ends = [float(log_q.min()), float(log_q.max())]
    dead = [slope_law(activation, float(np.exp(t))).zero_mass for t in ends]
    if max(dead) < _TAIL["gaussian"]:
        return np.zeros(len(log_q), dtype=bool)
    return np.abs(log_q - ends[int(np.argmax(dead))]) < 1e-9
