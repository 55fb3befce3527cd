"""Fixed points of the length map, the critical point (χ = 1) on their curve, and the phase.

Roots are found on the moment table in t = ln q: the residual's own critical points split the line into monotone
stretches, one bracketed root in each, so that near-critical pairs are not missed and nothing is iterated slowly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError, shown
from vgtheory.kernels.quadrature import Array
from vgtheory.model.sizes import standard_deviation
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.integrability import is_flat, why_infinite
from vgtheory.symbolic.printing import decimal, displayed
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.critical_roots import critical_roots
from vgtheory.theory.asymptotics.divergence import half_lines
from vgtheory.theory.asymptotics.grid_roots import NOISE, sign_changes
from vgtheory.theory.asymptotics.mean_field import inverse_rate, relaxation_depth
from vgtheory.theory.asymptotics.moments import MomentTable, table_of
from vgtheory.theory.asymptotics.unit_means import slope_square_at_zero
from vgtheory.theory.regime import CRITICAL

LOWEST = log(1e-12)  # below, a fixed point is not told from q = 0
HIGHEST = log(1e12)
_STEP = 1 / 64
MARGINAL = 1e-9  # |slope − 1| of a map at its fixed point that quadrature does not tell from 0
_EQUAL = 1e-12  # |χ − 1| that counts as exactly critical: σ_w = √2 as a double


@dataclass(frozen=True)
class FixedPoint:
    """A fixed point q* of the length map F(q) = σ_w² E φ(√q z)² + σ_b².

    Parameters
    ----------
    q : variance of the pre-activations.
    chi : χ = σ_w² E φ'², the gain of the squared gradient norm per layer.
    chi_q : χ_q = dF/dq.
    stable : whether small deviations of q do not grow, on either side; where χ_q = 1 at q > 0 they do on one.
    c : correlation that two inputs of that variance tend to (1 where χ ≤ 1).
    xi_q, xi_c : depths −1/ln|χ_q| and −1/ln χ_c over which q and c approach them; negative where they move away.
    note : what the numbers alone do not say, e.g. that q* is one of a line of fixed points.
    """

    q: float
    chi: float
    chi_q: float
    stable: bool
    c: float
    xi_q: float
    xi_c: float
    note: str = ""

    def _repr_latex_(self) -> str:
        numbers = (("q^*", self.q), (r"\chi", self.chi), (r"\chi_q", self.chi_q), ("c^*", self.c))
        return displayed(r", \quad ".join(f"{name} = {decimal(value, 10)}" for name, value in numbers))


@dataclass(frozen=True)
class CriticalPoint:
    """The point with χ = 1 on the curve of fixed points at given σ_b: its σ_w, q, χ_q and whether q is stable there."""

    sigma_w: float
    q: float
    chi_q: float
    stable: bool
    note: str = ""

    def _repr_latex_(self) -> str:
        numbers = ((r"\sigma_w", self.sigma_w), ("q^*", self.q), (r"\chi", 1), (r"\chi_q", self.chi_q))
        return displayed(r", \quad ".join(f"{name} = {decimal(value, 10)}" for name, value in numbers))


def fixed_points(act: Any, sigma_w: float, sigma_b: float = 0.0) -> list[FixedPoint]:
    """Return every fixed point of the length map with q = 0 or 1e-12 ≤ q ≤ 1e12, by increasing q.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula.
    sigma_w, sigma_b : standard deviations as in Var W_ij = σ_w²/N, Var b_i = σ_b².

    Returns
    -------
    list, empty where q_l has no fixed point (:func:`length_limit` says where q_l then goes).  Where every q is a fixed
    point (ReLU at σ_w = √2 and the like), the one that ‖x_0‖² = N_0 leads to, with a note.

    Raises
    ------
    InputError : a scale that is negative or not finite.
    UnsupportedError : E φ² cannot be computed as far up as a fixed point could be, and no proof excludes one.

    Notes
    -----
    Poole et al. (2016), eqs. 3–5.  q to a relative 1e-10 or better away from double roots.

    Examples
    --------
    >>> [round(p.chi, 10) for p in fixed_points("tanh", 1.5, 0.3)]
    [1.0609812641]
    """
    sigma_w, sigma_b = standard_deviation("sigma_w", sigma_w), standard_deviation("sigma_b", sigma_b)
    table = table_of(act)
    if sigma_w == 0:
        if sigma_b == 0:
            return [_at_zero(table, 0.0)]
        return [FixedPoint(sigma_b**2, 0.0, 0.0, True, 1.0, 0.0, 0.0)]
    if table.activation.homogeneous_degree == 1:
        return _homogeneous(table, sigma_w, sigma_b)
    found = [_at_zero(table, sigma_w)] if sigma_b == 0 and _vanishes_at_zero(table) else []
    return found + [_describe(table, t, sigma_w) for t in _length_roots(table, sigma_w, sigma_b)]


def critical(act: Any, sigma_b: float = 0.0) -> CriticalPoint:
    """Return the fixed point with χ = 1 at this σ_b; where there are several, the stable one of smallest q.

    Parametrised by q: σ_w² = 1/E φ'²(q), and q = σ_w² E φ²(q) + σ_b² is one equation in q.  Where only an unstable
    fixed point is critical, that one with ``stable=False``: the network does not stay there.

    Raises
    ------
    InputError : σ_b negative or not finite.
    NoSolutionError : no fixed point of this activation has χ = 1 at this σ_b.
    UnsupportedError : none was found up to the q beyond which E φ² or E φ'² cannot be computed or is infinite.

    Examples
    --------
    >>> round(critical("tanh", 0.05**0.5).sigma_w ** 2, 10)
    1.7609546396
    """
    sigma_b = standard_deviation("sigma_b", sigma_b)
    table = table_of(act)
    require_gradient(table.activation)
    if table.activation.homogeneous_degree == 1:
        gain = float(np.exp(-0.5 * table.at(np.zeros(1)).log_slope_square[0]))
        if sigma_b > 0:
            raise NoSolutionError(
                f"{table.activation.name} has no critical point at sigma_b = {sigma_b:g}: at sigma_w = {gain:.6g} "
                "(chi = 1) every layer adds sigma_b² to q, so q grows without limit; use sigma_b = 0"
            )
        point = _homogeneous(table, gain, 0.0)[0]
        return CriticalPoint(gain, point.q, 1.0, True, point.note)
    lowest = 2 * log(sigma_b) - 2 * _STEP if sigma_b else log(1e-10)
    highest = max(HIGHEST, lowest + 1)
    roots, top = critical_roots(table, sigma_b, lowest, highest, _STEP)
    points = [_critical_at(table, t) for t in roots]
    if sigma_b == 0 and _vanishes_at_zero(table):
        slope = slope_square_at_zero(table.activation)
        if 0 < slope < float("inf"):
            origin = _at_zero(table, slope**-0.5)
            points.insert(0, CriticalPoint(slope**-0.5, 0.0, origin.chi_q, origin.stable, origin.note))
    if not points and top < highest - 2 * _STEP:
        raise UnsupportedError(
            f"chi = 1 under {table.activation.name} at sigma_b = {sigma_b:g}: no fixed point has it from q = "
            f"{np.exp(lowest):.3g} to {np.exp(top):.6g}, and beyond the means cannot be computed or are infinite"
        )
    if not points:
        raise NoSolutionError(
            f"{table.activation.name} has no fixed point with chi = 1 at sigma_b = {sigma_b:g}; try another sigma_b, "
            "or look at fixed_points along sigma_w"
        )
    return next((p for p in points if p.stable), points[0])


def length_limit(act: Any, sigma_w: float, sigma_b: float = 0.0, start: float | None = None) -> float:
    """Return where q_l goes from q = `start` (σ_w² + σ_b² if None): a fixed point, 0.0, or inf where it diverges.

    Raises NoSolutionError where the length map turns back so steeply that q_l keeps moving.
    """
    sigma_w, sigma_b = standard_deviation("sigma_w", sigma_w), standard_deviation("sigma_b", sigma_b)
    q = sigma_w**2 + sigma_b**2 if start is None else start
    points = fixed_points(act, sigma_w, sigma_b)
    table = table_of(act)
    if points and points[0].note and points[0].chi_q == 1 and points[0].q > 0:
        return q
    near = next((p.q for p in points if abs(p.q - q) <= 1e-9 * q), None)
    if near is not None or q == 0:
        return q if near is None else near
    grows = _residual(table, sigma_w, sigma_b)(np.array([log(q)]))[0] > 0
    side = [p for p in points if (p.q > q) == grows]
    if not side:
        return float(np.inf) if grows else 0.0
    goal = side[0] if grows else side[-1]
    if abs(goal.chi_q) > 1 + MARGINAL:
        raise NoSolutionError(f"q_l does not settle: the length map has slope {goal.chi_q:.3g} at q = {goal.q:.6g}")
    return goal.q


def phase(point: FixedPoint | CriticalPoint | float, tolerance: float = CRITICAL) -> str:
    """Return "vanishing/ordered" (χ < 1), "exploding/chaotic" (χ > 1) or "critical" (|χ − 1| ≤ tolerance).

    Examples
    --------
    >>> phase(0.9)
    'vanishing/ordered'
    """
    chi = point.chi if isinstance(point, FixedPoint) else 1.0 if isinstance(point, CriticalPoint) else float(point)
    if not chi >= 0:
        raise InputError("chi", "a number of at least 0", "give a fixed point or its chi", got=shown(chi))
    return str(phase_names(np.array([chi]), tolerance)[0])


def phase_names(chi: Array, tolerance: float = CRITICAL) -> Array:
    """Return the name of the phase, as :func:`phase` has it, for every χ ≥ 0 of an array."""
    names = np.where(chi < 1, "vanishing/ordered", "exploding/chaotic")
    return np.where(np.abs(chi - 1) <= tolerance, "critical", names)


def require_gradient(act: Activation) -> None:
    """Raise NoSolutionError where no σ_w gives χ = 1: E φ'² is 0, or infinite, at every q."""
    if is_flat(act):
        raise NoSolutionError(f"{act.name} has slope 0 almost everywhere: no gradient, hence no chi = 1")
    reason = why_infinite(act, 1, 2)
    if reason:
        raise NoSolutionError(
            f"{act.name} has E φ'² = ∞ at every q, hence no chi = 1: the slope is not square integrable, as {reason}; "
            "use an activation with a bounded slope"
        )


def _vanishes_at_zero(table: MomentTable) -> bool:
    return float(table.values(np.zeros(1))[0, 0]) == 0.0


def _at_zero(table: MomentTable, sigma_w: float) -> FixedPoint:
    """Return the fixed point q = 0: there φ is its pair of half-tangents, χ_q = χ, and all inputs coincide."""
    gain = float(sigma_w**2 * slope_square_at_zero(table.activation)) if sigma_w else 0.0
    if sigma_w and any(at == 0 for at, _ in table.activation.jumps()):  # E φ² tends to the square of a jump at 0
        return FixedPoint(0.0, gain, float("inf"), False, 1.0, 0.0, float("inf"))
    if abs(gain - 1) <= MARGINAL:  # the next order decides, on the side q > 0 that there is
        ahead = _residual(table, sigma_w, 0.0)(np.array([log(1e-6), log(1e-4)]))
        stable = bool((ahead <= NOISE).all())
    else:
        stable = gain < 1
    depth = relaxation_depth(1.0 if abs(gain - 1) <= _EQUAL else gain)
    return FixedPoint(0.0, gain, gain, stable, 1.0, depth, float(np.inf))


def _homogeneous(table: MomentTable, sigma_w: float, sigma_b: float) -> list[FixedPoint]:
    """φ(t x) = t φ(x): F(q) = χ q + σ_b², solved exactly."""
    chi = float(sigma_w**2 * np.exp(table.at(np.zeros(1)).log_slope_square[0]))
    if sigma_b == 0:
        if abs(chi - 1) > _EQUAL:
            return [_at_zero(table, sigma_w)]
        note = "every q is a fixed point: the activation is positively homogeneous and chi = 1; this one is q_1 = σ_w²"
        return [FixedPoint(sigma_w**2, 1.0, 1.0, True, 1.0, float(np.inf), float(np.inf), note)]
    if chi >= 1 - _EQUAL:
        return []
    c, chi_c = 1.0, chi
    return [FixedPoint(sigma_b**2 / (1 - chi), chi, chi, True, c, relaxation_depth(chi), relaxation_depth(chi_c))]


def _residual(table: MomentTable, sigma_w: float, sigma_b: float) -> Callable[[Array], Array]:
    def residual(t: Array) -> Array:
        weights = 2 * log(sigma_w) + table.at(t).log_square
        return (np.logaddexp(weights, 2 * log(sigma_b)) if sigma_b else weights) - t

    return residual


def _grid(table: MomentTable, lowest: float, highest: float = HIGHEST) -> Array:
    top = min(highest, table.highest(lowest) - 1e-9)
    return np.linspace(lowest, top, max(int((top - lowest) / _STEP), 2) + 1)


def _length_roots(table: MomentTable, sigma_w: float, sigma_b: float) -> list[float]:
    lowest = 2 * log(sigma_b) if sigma_b else LOWEST  # F ≥ σ_b²
    highest = max(HIGHEST, lowest + 1)
    residual = _residual(table, sigma_w, sigma_b)
    # A root at the very left end (σ_w tiny against σ_b) must lie inside the grid.
    t = _grid(table, lowest - 2 * _STEP, highest)
    _need_all(table, sigma_w, float(t[-1]), highest, residual)
    return [_polished(table, r, sigma_w, sigma_b) for r in sign_changes(residual, t)]


def _need_all(
    table: MomentTable, sigma_w: float, top: float, highest: float, residual: Callable[[Array], Array]
) -> None:
    """Raise UnsupportedError where F lies above the diagonal at the last q that can be computed, and could yet fall."""
    above = top < highest - 2 * _STEP and residual(np.array([top]))[0] > 0
    if not above or float(table.at(np.array([top])).elasticity[0]) > 1 + MARGINAL:
        return
    lines = half_lines(table.activation)
    if lines is None or lines.diverges_beyond(sigma_w) > np.exp(top):
        raise UnsupportedError(
            f"the length map of {table.activation.name} beyond q = {np.exp(top):.6g}, where it is still above q: the "
            "moments cannot be computed there; use smaller sigma_w or sigma_b"
        )


def _polished(table: MomentTable, t: float, sigma_w: float, sigma_b: float) -> float:
    """Return the root after Newton steps on the quadrature itself, so that the table's 1e-13 does not enter."""
    for _ in range(2):
        m = table.direct(np.array([t]))
        share = sigma_w**2 * float(np.exp(m.log_square[0]))
        slope = share * float(m.elasticity[0]) / (share + sigma_b**2) - 1
        step = (log(share + sigma_b**2) - t) / slope if slope else 0.0
        if abs(step) > 1e-6:  # a double root: Newton is not to be trusted there
            return t
        t -= step
    return t


def _describe(table: MomentTable, t: float, sigma_w: float) -> FixedPoint:
    m = table.direct(np.array([t]))
    q = float(np.exp(t))
    chi = float(sigma_w**2 * np.exp(m.log_slope_square[0]))
    chi_q = float(sigma_w**2 * np.exp(m.log_square[0] - t) * m.elasticity[0])
    c, log_slope = correlation_table(table.activation).fixed(np.array([t]), np.array([chi]), np.array([sigma_w]))
    xi_c = inverse_rate(float(log_slope[0]))
    return FixedPoint(q, chi, chi_q, bool(is_stable(chi_q)), float(c[0]), relaxation_depth(chi_q), xi_c)


def _critical_at(table: MomentTable, t: float) -> CriticalPoint:
    m = table.direct(np.array([t]))
    chi_q = float(np.exp(m.log_square[0] - m.log_slope_square[0] - t) * m.elasticity[0])
    return CriticalPoint(float(np.exp(-0.5 * m.log_slope_square[0])), float(np.exp(t)), chi_q, bool(is_stable(chi_q)))


def is_stable(chi_q: Any) -> Any:
    """Return whether small deviations of q shrink on both sides of a fixed point at q > 0, for numbers or arrays."""
    return np.abs(chi_q) < 1 - MARGINAL
