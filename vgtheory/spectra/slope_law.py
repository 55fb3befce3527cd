"""The law of d² = φ'(√q z)², z ~ N(0, 1): atoms where φ' is constant, quadrature nodes in ln d² elsewhere.

Everything is kept as ln d², so that the far tails (d² = e^{−20000}) survive.  Only φ'² enters the spectrum of
J = ∏ D_l W_l: a sign of φ' is absorbed by the weights.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import UNIFORM, Array, composite, log_sum
from vgtheory.kernels.spectral_poles import ORDER
from vgtheory.spectra.slope_points import NEAR, Function, special_points
from vgtheory.spectra.small_slopes import log_inverse_beyond, vanishes
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.shape import slope_period

REACH = 8.6  # the standard normal law has 8e-18 of its mass beyond
# In ln d² the integrand is a Fermi function with poles at distance θ = arg ζ, so panels are measured in ln d²; far
# below the top they may grow in proportion.
WIDTH, FAR = 2.6, 200.0
_FINEST, _GRADE = 1e-9, 3.5  # panels next to a zero of φ' are graded down to this distance, each so many times smaller
_UNRESOLVED = 1e-7  # interpolation error in ln d²; the rule's own error is about its square
_MOST_PANELS = 30_000
_FAINT = 1e-20  # probability of a panel whose poles are nowhere seen
_SMOOTH = 1e-4  # last Legendre coefficient of ln d² on a panel that is a polynomial there, not one that ends at φ' = 0
_FOLDED = 0.25  # a φ'² of period T is folded into one period where √q ≥ T/4
_x, _rule = np.polynomial.legendre.leggauss(ORDER)
_check = np.array([-0.97, -0.5, 0.03, 0.55, 0.96])


def _interpolation(nodes: Array, points: Array) -> Array:
    vander = np.polynomial.legendre.legvander
    return vander(points, len(nodes) - 1) @ np.linalg.inv(vander(nodes, len(nodes) - 1))


_TO_CHECK = _interpolation(_x, _check)
_LAST = _rule * np.polynomial.legendre.legval(_x, np.eye(ORDER)[-1]) * (ORDER - 0.5)  # Legendre coefficient of order 15


@dataclass(frozen=True, repr=False)
class SlopeLaw:
    """The law of d²: nodes (ascending) and weights for all d² > 0, the mass at d² = 0, and what is exact.

    Attributes
    ----------
    log_nodes, weights : shape (n,): ln d² and its probability; atoms included.
    zero_mass : probability of d² = 0, and of what is too small to be resolved beside the rest.
    dark : the second part: d² > 0 there, whatever doubles make of it.
    atoms : (ln d², probability) where φ' is constant and not zero.
    panels : shape (P, 2): ends in h of the pieces of the continuous part, on each of which ln d² is monotone.
    levels, shares : shape (P', 16): ln d² and its probability at the nodes of each panel that is resolved.
    intervals : the disjoint intervals of ln d² that the continuous part fills.
    vanishes : whether slopes that are not 0 come as near 0 as one likes; None where that is not decided.
    log_inverse : ln E 1/d² over d² > 0; inf where it is infinite, None where it is not known to be finite.
    period : of φ'² where `panels` cover one period only, so that h stands for all h + k · period; else None.
    """

    log_nodes: Array
    weights: Array
    zero_mass: float
    atoms: tuple[tuple[float, float], ...]
    panels: Array
    levels: Array
    shares: Array
    intervals: tuple[tuple[float, float], ...]
    vanishes: bool | None = None
    log_inverse: float | None = None
    period: float | None = None
    dark: float = 0.0

    def __repr__(self) -> str:
        return f"SlopeLaw({len(self.log_nodes)} nodes, log_mean={self.log_mean:.6g}, zero_mass={self.zero_mass:.4g})"

    @property
    def dead(self) -> float:
        """Return the probability of d² = 0, which is that of the intervals on which φ' is 0."""
        return self.zero_mass - self.dark

    def moved(self, by: float) -> "SlopeLaw":
        """Return the law of e^by d²."""
        if by == 0:
            return self
        return replace(
            self,
            log_nodes=self.log_nodes + by,
            atoms=tuple((level + by, mass) for level, mass in self.atoms),
            levels=self.levels + by,
            intervals=tuple((low + by, high + by) for low, high in self.intervals),
            log_inverse=None if self.log_inverse is None else self.log_inverse - by,
        )

    @cached_property
    def log_mean(self) -> float:
        """Return ln E d²."""
        return log_sum(self.log_nodes, self.weights)

    @cached_property
    def relative_variance(self) -> float:
        """Return Var d²/(E d²)²."""
        d = np.exp(self.log_nodes - self.log_mean)
        return float((self.weights * (d - 1) ** 2).sum() + self.zero_mass)


@lru_cache(maxsize=64)
def slope_law(activation: Activation, q: float, width: float = WIDTH) -> SlopeLaw:
    """Return the law of φ'(√q z)² for an activation and a variance q > 0 of pre-activations.

    Parameters
    ----------
    width : largest change of ln d² over a panel of 16 nodes; half the default where θ is small (two orthogonal layers).

    Raises
    ------
    InputError : q is not a positive number, or a parameter of the activation has no value.
    UnsupportedError : φ' oscillates too fast to be resolved, without being periodic.
    """
    if not (np.isfinite(q) and q > 0):
        raise InputError("q", "a positive variance", "e.g. q=1.0", got=shown(q))
    if not activation.is_numeric:
        raise InputError(f"activation {activation.name} with symbolic parameters", "numbers", "give them values")
    scale = float(np.sqrt(q))
    masses: dict[float, float] = {}
    nodes, weights, panels, levels = [], [], [], []
    zero = 0.0
    log_slope = evaluator(activation).log_slope
    slope = evaluator(activation).slope
    folded = _fold(activation, scale)
    for piece in activation.derivative_pieces():
        lo, hi = float(piece.lo) / scale, float(piece.hi) / scale
        if not piece.expr.free_symbols:
            value = abs(float(piece.expr))
            if value == 0:
                zero += normal_mass(lo, hi)
            else:
                masses[value] = masses.get(value, 0.0) + normal_mass(lo, hi)
            continue
        if folded is not None:
            ends, level = _panels(log_slope, slope, 0.0, folded, max(scale, folded), width)
            h, w = composite(ends, ORDER)
            nodes.append(2 * level(h))
            density = w * phase_density(h, scale, folded)
            weights.append(density / density.sum())
            panels.append(np.stack([ends[:-1], ends[1:]], axis=1))
            levels.append(2 * level(ends))
            continue
        lo, hi = max(lo, -REACH) * scale, min(hi, REACH) * scale
        if lo < hi:
            even = lo == -hi and _is_even(log_slope, hi)
            ends, level = _panels(log_slope, slope, 0.0 if even else lo, hi, scale, width)
            h, w = composite(ends, ORDER)
            nodes.append(2 * level(h))
            density = (1 + even) * w * np.exp(-0.5 * (h / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
            weights.append(density * (normal_mass(lo / scale, hi / scale) / density.sum()))
            panels.append(np.stack([ends[:-1], ends[1:]], axis=1))
            levels.append(2 * level(ends))
    atoms = tuple((2 * float(np.log(v)), m) for v, m in sorted(masses.items()) if m > 0)
    intervals = _union([(float(v.min()), float(v.max())) for v in levels])
    law = _assemble(atoms, zero, nodes, weights, np.concatenate([*panels, np.empty((0, 2))]), intervals)
    inverse = log_inverse_beyond(activation, scale, REACH)
    if inverse is not None:
        inverse = float(np.logaddexp(log_sum(-law.log_nodes, law.weights), inverse))
    return replace(law, period=folded, vanishes=vanishes(activation), log_inverse=inverse)


def _fold(activation: Activation, scale: float) -> float | None:
    """Return the period of φ'² if its law is better taken over one period, None if φ' has none or √q is small."""
    found = slope_period(activation)
    return float(found) if found is not None and scale >= _FOLDED * float(found) else None


def phase_density(h: Array, scale: float, period: float) -> Array:
    """Return Σ_k of the density of N(0, scale²) at h + k · period, 0 ≤ h ≤ period."""
    if scale >= UNIFORM * period:
        return np.full(h.shape, 1 / period)
    most = np.ceil(REACH * scale / period) + 1
    z = (h[..., None] + period * np.arange(-most, most + 1)) / scale
    return np.exp(-(z**2) / 2).sum(axis=-1) / (scale * np.sqrt(2 * np.pi))


def phase_mass(a: Array, b: Array, scale: float, period: float) -> Array:
    """Return the probability of the union of [a, b] + k · period under N(0, scale²), 0 ≤ a ≤ b ≤ period."""
    if scale >= UNIFORM * period:
        return (b - a) / period
    most = np.ceil(REACH * scale / period) + 1
    shift = period * np.arange(-most, most + 1)
    start, stop = (a[..., None] + shift) / scale, (b[..., None] + shift) / scale
    upper = start > 0
    return np.where(upper, ndtr(-start) - ndtr(-stop), ndtr(stop) - ndtr(start)).sum(axis=-1)


def normal_mass(lo: float, hi: float) -> float:
    """Return Prob(lo < z < hi) for z ~ N(0, 1), to relative precision in either tail."""
    return float(ndtr(-lo) - ndtr(-hi)) if lo > 0 else float(ndtr(hi) - ndtr(lo))


def _assemble(
    atoms: tuple[tuple[float, float], ...],
    zero: float,
    nodes: list[Array],
    weights: list[Array],
    panels: Array,
    intervals: tuple[tuple[float, float], ...],
) -> SlopeLaw:
    log_d2 = np.concatenate([*nodes, [v for v, _ in atoms]])
    weight = np.concatenate([*weights, [m for _, m in atoms]])
    none = np.isneginf(log_d2)
    dark = float(weight[none].sum())  # an underflow: where φ' is 0 on an interval the piece has no nodes
    zero += dark
    keep = ~none & (weight > 1e-22)
    order = np.argsort(log_d2[keep], kind="stable")
    log_d2, weight = log_d2[keep][order], weight[keep][order]
    total = weight.sum() + zero
    by_panel = np.concatenate([*nodes, np.empty(0)]).reshape(-1, ORDER)
    shares = np.concatenate([*weights, np.empty(0)]).reshape(-1, ORDER) / total
    whole = np.isfinite(by_panel).all(axis=1) & (shares.sum(axis=1) > _FAINT)
    whole[whole] = np.abs(by_panel[whole] @ _LAST) < _SMOOTH * (1 + np.ptp(by_panel[whole], axis=1))
    levels = by_panel[whole], shares[whole]
    return SlopeLaw(
        log_d2, weight / total, float(zero / total), atoms, panels, *levels, intervals, dark=float(dark / total)
    )


def _union(intervals: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    out: list[tuple[float, float]] = []
    for lo, hi in sorted(intervals):
        if out and lo <= out[-1][1]:
            lo, hi = out[-1][0], max(hi, out.pop()[1])
        out.append((lo, hi))
    return tuple(out)


def _is_even(log_slope: Function, reach: float) -> bool:
    h = reach * np.array([0.003, 0.01, 0.04, 0.1, 0.21, 0.34, 0.55, 0.83])
    left, right = log_slope(-h), log_slope(h)
    with np.errstate(invalid="ignore"):
        return bool(np.all((left == right) | (np.abs(left - right) <= 1e-13 * (1 + np.abs(right)))))


def _panels(
    log_slope: Function, slope: Function, lo: float, hi: float, scale: float, width: float
) -> tuple[Array, Function]:
    """Return panel ends in h, split at zeros and extrema of φ', graded at the zeros, resolved; and ln|φ'| for them."""
    zeros, extrema, touching = special_points(log_slope, slope, lo, hi, scale)
    if len(touching):
        log_slope = _with_powers(log_slope, touching, NEAR * min(1.0, scale))
        zeros = np.concatenate([zeros, touching])
    grid = scale * np.arange(-np.ceil(REACH), np.ceil(REACH) + 1)
    inner = np.concatenate([zeros, extrema, grid])
    ends = np.unique(np.concatenate([[lo, hi], inner[(inner > lo) & (inner < hi)]]))
    a, b, done, top = ends[:-1], ends[1:], [np.array([hi])], -np.inf

    def is_resolved(a: Array, b: Array) -> NDArray[np.bool_]:
        nonlocal top
        values = 2 * log_slope(np.stack([a, b], axis=1).mean(axis=1)[:, None] + np.outer((b - a) / 2, _x))
        probes = 2 * log_slope(((a + b) / 2)[:, None] + np.outer((b - a) / 2, _check))
        top = max(top, float(values.max()))
        with np.errstate(invalid="ignore"):
            error = np.abs(values @ _TO_CHECK.T - probes).max(axis=1)
            change = values.max(axis=1) - values.min(axis=1)
            allowed = width * np.maximum(1.0, (top - values.max(axis=1)) / FAR)
            good = (change <= allowed) & (error <= _UNRESOLVED * np.maximum(1.0, np.abs(values).max(axis=1)))
        return good | np.isneginf(values).all(axis=1) | (b - a <= _FINEST * np.maximum(np.abs(a), min(1.0, scale)))

    while len(a):
        good = is_resolved(a, b)
        done.append(a[good])
        a, b = a[~good], b[~good]
        left, right = np.isin(a, zeros), np.isin(b, zeros)
        near, low, high = _graded(a[left | right], b[left | right], left[left | right], scale, is_resolved)
        done.append(near)
        a, b = a[~(left | right)], b[~(left | right)]
        middle = (a + b) / 2
        a, b = np.concatenate([a, middle, low]), np.concatenate([middle, b, high])
        if sum(map(len, done)) + len(a) > _MOST_PANELS:
            raise UnsupportedError(
                f"the law of φ'(√q z)² at q = {scale**2:.6g} needs more than {_MOST_PANELS} panels; use a smaller q"
            )
    return np.sort(np.concatenate(done)), log_slope


def _graded(
    a: Array, b: Array, left: NDArray[np.bool_], scale: float, is_resolved: Callable[[Array, Array], NDArray[np.bool_]]
) -> tuple[Array, Array, Array]:
    """Cut panels with a zero at their left end, else at the right one, in geometric progression, all of it at once.

    Return the left ends of the panels beside the zeros, the largest that are resolved, and both ends of the others.
    """
    if not len(a):
        return a, a, a
    finest = _FINEST * np.maximum(np.maximum(np.abs(a), np.abs(b)).min(), min(1.0, scale))
    most = max(int(np.ceil(np.log((b - a).max() / finest) / np.log(_GRADE))), 1)
    size = (b - a)[:, None] * _GRADE ** -np.arange(1.0, most + 1)
    cut = np.where(left[:, None], a[:, None] + size, b[:, None] - size)
    start, stop = np.where(left[:, None], a[:, None], cut), np.where(left[:, None], cut, b[:, None])
    good = is_resolved(start.ravel(), stop.ravel()).reshape(cut.shape)
    good[:, -1] = True
    first = good.argmax(axis=1)
    other = np.concatenate([np.where(left, b, a)[:, None], cut], axis=1)
    kept = np.arange(most) <= first[:, None]
    ends = np.sort(np.stack([other[:, :-1][kept], other[:, 1:][kept]]), axis=0)
    return start[np.arange(len(a)), first], ends[0], ends[1]


def _with_powers(log_slope: Function, zeros: Array, near: float) -> Function:
    """Return ln|φ'|, next to these zeros as (even order) · ln of the distance, continued from the distance `near`."""

    def level(h: Array) -> Array:
        h = np.asarray(h, dtype=float)
        out = np.array(log_slope(h))
        for zero in zeros:
            close = np.abs(h - zero) < near
            if close.any():
                ends = log_slope(zero + near * np.array([-2.0, -1.0, 1.0, 2.0]))
                order = 2 * max(1.0, np.round((ends[0] + ends[3] - ends[1] - ends[2]) / (4 * np.log(2))))
                distance = np.abs(h[close] - zero)
                with np.errstate(divide="ignore"):
                    out[close] = np.where(h[close] < zero, ends[1], ends[2]) + order * np.log(distance / near)
        return out

    return level
