"""`phase_diagram`: where the length settles, and what gradient and correlation do there, over a grid of scales.

On the curve of fixed points ln σ_w² is an explicit function of t = ln q at given σ_b,
s(t) = ln(e^t − σ_b²) − ln E φ²: one table of s per σ_b answers every σ_w, and F(q) > q exactly where ln σ_w² > s(t).
"""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from vgtheory._errors import InputError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.sizes import LARGEST_SCALE, SCALES, SMALLEST_SCALE
from vgtheory.model.variables import labels
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.divergence import half_lines
from vgtheory.theory.asymptotics.fixed_points import MARGINAL, phase_names
from vgtheory.theory.asymptotics.moments import HIGH, LOW, MomentTable, table_of
from vgtheory.theory.asymptotics.unit_means import slope_square_at_zero

EMPTY = float(np.log(1e-10))  # without bias a smaller q is not told from 0 by the table's digits
_TEXTS = {
    "q": "variance of a pre-activation that q_1 = sigma_w^2 + sigma_b^2 settles at",
    "chi": "gain of the squared gradient norm per layer at q, sigma_w^2 E phi'^2",
    "chi_q": "slope of the length map at q",
    "c": "correlation that two inputs tend to; 1 where chi <= 1",
    "xi_q": "layers over which q settles by a factor of e, -1/ln|chi_q|",
    "xi_c": "layers over which the correlation settles by a factor of e, -1/ln chi_c",
}
_ATTRIBUTES = {
    "phase": "vanishing/ordered: chi < 1; exploding/chaotic: chi > 1; critical: chi = 1 within 1e-7; diverges: q grows "
    "without limit, proved where phi follows straight lines far out (F(q) > q beyond the last q that is looked at); "
    "does not settle: the fixed point ahead repels; out of reach: the moments are infinite, or "
    "cannot be computed, as far as q goes; NaN everywhere in the last three",
    "start": "q_1 = sigma_w^2 + sigma_b^2, followed to the first fixed point in the direction in which it moves",
    "zero": "q = 0 stands for q below 1e-10 where sigma_b = 0",
}


class _Cells(NamedTuple):
    """The grid, flattened: one entry per pair of scales."""

    sigma_w: Array
    sigma_b: Array


def phase_diagram(act: Any, sigma_w: Any, sigma_b: Any, correlations: bool = True) -> xr.Dataset:
    """Return, for every pair of scales, the fixed point that q_l settles at, with its gradient gain and correlation.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula.
    sigma_w, sigma_b : one-dimensional, as in Var W_ij = σ_w²/N, Var b_i = σ_b²; σ_w > 0, σ_b ≥ 0.
    correlations : whether to compute c and xi_c, most of the time.

    Returns
    -------
    Dataset over ``sigma_b``, ``sigma_w`` with q, chi, chi_q (relative 1e-12 away from double roots), c, xi_q, xi_c
    (about 1e-9) and phase, a string: the fixed point reached from q_1 = σ_w² + σ_b².  Where there is none, NaN, and
    the phase says why; attrs explain the names.

    Raises
    ------
    InputError : scales of another shape, negative or beyond 1e±60; an activation with symbolic parameters.
    UnsupportedError : the Gaussian means of the activation cannot be computed at the q that occur.

    Notes
    -----
    Poole et al. (2016), eqs. 3–8.  :func:`vgtheory.fixed_points` has the other fixed points of one network.

    Examples
    --------
    >>> d = phase_diagram("tanh", sigma_w=[1.0, 1.5], sigma_b=[0.3])
    >>> d.sizes["sigma_w"], d.phase.values[0].tolist(), round(float(d.chi[0, 1]), 10)
    (2, ['vanishing/ordered', 'exploding/chaotic'], 1.0609812641)
    """
    if not isinstance(correlations, bool):
        raise InputError("correlations", "True or False", "leave it out for True", got=f"{correlations!r}")
    widths, biases = _scales("sigma_w", sigma_w, False), _scales("sigma_b", sigma_b, True)
    table = table_of(act)
    shape = (len(biases), len(widths))
    cells = _Cells(np.tile(widths, len(biases)), np.repeat(biases, len(widths)))
    log_q, why = _settled(table, cells)
    out, names = _describe(table, cells, log_q, why, correlations)
    columns = {
        name: (("sigma_b", "sigma_w"), values.reshape(shape), labels(_TEXTS[name])) for name, values in out.items()
    }
    columns["phase"] = (("sigma_b", "sigma_w"), names.reshape(shape), labels(_ATTRIBUTES["phase"], units=""))
    return xr.Dataset(
        columns,
        coords={"sigma_b": biases, "sigma_w": widths},
        attrs={"activation": table.activation.name, **_ATTRIBUTES},
    )


def _scales(name: str, values: Any, zero: bool) -> Array:
    accepted = f"one-dimensional; each {SCALES if zero else SCALES.removeprefix('0, or ')}"
    hint = f"e.g. {name}=np.linspace(0.5, 3, 100)"
    try:
        out = np.atleast_1d(np.asarray(values))
    except (TypeError, ValueError):
        raise InputError(f"{name}", accepted, hint, got=f"{values!r}") from None
    if out.ndim != 1 or out.size == 0 or out.dtype.kind not in "iuf":
        raise InputError(f"{name} of shape {out.shape} and type {out.dtype}", accepted, hint)
    out = out.astype(float)
    bad = ~((out >= SMALLEST_SCALE) & (out <= LARGEST_SCALE) | (zero & (out == 0)))
    if bad.any():
        raise InputError(f"{name}", accepted, hint, got=f"{out[bad][0]}")
    return out


def _settled(table: MomentTable, cells: _Cells) -> tuple[Array, Array]:
    """Return ln q of the fixed point (−inf for q = 0, nan for none) and, where none, why."""
    why = np.full(len(cells.sigma_w), "", dtype=object)
    degree = table.activation.homogeneous_degree
    if degree == 1:  # F(q) = χ q + σ_b²
        chi = cells.sigma_w**2 * np.exp(table.at(np.zeros(1)).log_slope_square[0])
        bias = cells.sigma_b > 0
        neutral = np.abs(chi - 1) <= 1e-12
        with np.errstate(divide="ignore", invalid="ignore"):
            log_q = np.where(bias, np.log(cells.sigma_b**2 / (1 - chi)), -np.inf)
        log_q = np.where(neutral & ~bias, 2 * np.log(cells.sigma_w), log_q)
        none = np.where(bias, (chi > 1) | neutral, (chi > 1) & ~neutral)
        why[none] = "diverges"
        return np.where(none, np.nan, log_q), why
    log_q = np.full(len(cells.sigma_w), np.nan)
    start = np.log(cells.sigma_w**2 + cells.sigma_b**2)
    top = min(HIGH, table.highest(EMPTY)) - 1e-9
    usable = start < top
    why[~usable] = "out of reach"
    lo, hi = np.full_like(start, np.nan), np.full_like(start, np.nan)
    rising = np.zeros(len(start), dtype=bool)
    rising[usable] = _residual(table, start[usable], cells.sigma_w[usable], cells.sigma_b[usable])[0] > 0
    t = _grid(top)
    log_square = table.at(t).log_square
    for bias in np.unique(cells.sigma_b).tolist():
        rows = np.flatnonzero((cells.sigma_b == bias) & usable)
        if len(rows):
            lo[rows], hi[rows] = _brackets(table, t, log_square, bias, cells.sigma_w[rows], start[rows], rising[rows])
    found = np.isfinite(lo) & np.isfinite(hi)
    log_q[found] = _newton(table, lo[found], hi[found], cells.sigma_w[found], cells.sigma_b[found])
    lost = usable & ~found
    if lost.any():
        # Above the last q that can be computed F stays above the diagonal for good only if it grows faster than q.
        steep = float(table.at(np.array([top])).elasticity[0]) > 1 + MARGINAL
        lines = half_lines(table.activation)
        for k in np.flatnonzero(lost & rising).tolist():
            proved = lines is not None and lines.diverges_beyond(float(cells.sigma_w[k])) < np.exp(top)
            why[k] = "diverges" if steep or proved else "out of reach"
        empty = (cells.sigma_b == 0) & (float(table.values(np.zeros(1))[0, 0]) == 0)
        log_q[lost & ~rising & empty] = -np.inf
        why[lost & ~rising & ~empty] = "out of reach"
    return log_q, why


def _grid(top: float) -> Array:
    spans = [np.arange(LOW, -16.0, 1 / 4), np.arange(-16.0, 16.0, 1 / 32), np.arange(16.0, HIGH, 1 / 4)]
    t = np.concatenate(spans)
    return np.append(t[t < top], top)


def _residual(table: MomentTable, t: Array, sigma_w: Array, sigma_b: Array) -> tuple[Array, Array]:
    """Return ln F − t and its derivative in t."""
    m = table.at(t)
    weights = 2 * np.log(sigma_w) + m.log_square
    with np.errstate(divide="ignore"):
        ahead = np.logaddexp(weights, 2 * np.log(sigma_b))
    return ahead - t, np.exp(weights - ahead) * m.elasticity - 1


def _brackets(
    table: MomentTable, t: Array, log_square: Array, sigma_b: float, sigma_w: Array, start: Array, rising: Array
) -> tuple[Array, Array]:
    """Return the ends in t between which q_l settles for every σ_w at one σ_b; nan where it runs out of the grid."""
    inside = t > (2 * np.log(sigma_b) if sigma_b else EMPTY)
    t, s = t[inside], _level(t[inside], log_square[inside], sigma_b)
    # s may touch a level between two grid points: put its extrema, to second order, into the grid.
    turns = np.flatnonzero((s[1:-1] - s[:-2]) * (s[2:] - s[1:-1]) <= 0) + 1
    if len(turns):
        h = (t[turns + 1] - t[turns - 1]) / 2
        bend = s[turns + 1] - 2 * s[turns] + s[turns - 1]
        tip = np.where(bend != 0, -(s[turns + 1] - s[turns - 1]) / np.where(bend != 0, 2 * bend, 1.0), 0.0)
        t = t.copy()
        t[turns] += h * np.clip(tip, -0.5, 0.5)
        s[turns] = _level(t[turns], table.at(t[turns]).log_square, sigma_b)
    level = 2 * np.log(sigma_w)
    first = np.searchsorted(t, start)
    above = s >= level[:, None]
    index = np.arange(len(t))
    ahead = above & (index >= first[:, None])
    behind = ~above[:, ::-1] & (index[::-1] < first[:, None])
    up, down = ahead.argmax(axis=1), len(t) - 1 - behind.argmax(axis=1)
    lo = np.where(rising, np.maximum(start, t[np.maximum(up - 1, 0)]), t[down])
    hi = np.where(rising, t[up], np.minimum(start, t[np.minimum(down + 1, len(t) - 1)]))
    none = ~np.where(rising, ahead.any(axis=1), behind.any(axis=1))
    if sigma_b:  # F ≥ σ_b²: a falling q stops there at the latest
        low = none & np.logical_not(rising)
        lo[low], hi[low] = 2 * np.log(sigma_b), np.minimum(t[0], start[low])
        none &= rising
    lo[none] = hi[none] = np.nan
    return lo, hi


def _level(t: Array, log_square: Array, sigma_b: float) -> Array:
    """Return s(t) = ln σ_w² on the curve of fixed points."""
    return t + (np.log(-np.expm1(2 * np.log(sigma_b) - t)) if sigma_b else 0.0) - log_square


def _newton(table: MomentTable, lo: Array, hi: Array, sigma_w: Array, sigma_b: Array) -> Array:
    """Return the root in every bracket: Newton's steps, and the middle of the bracket where one would leave it."""
    lo, hi = lo.copy(), hi.copy()
    t = (lo + hi) / 2
    active = np.arange(len(t))
    for _ in range(80):
        here = t[active]
        r, slope = _residual(table, here, sigma_w[active], sigma_b[active])
        # F > q below the root that a rising or a falling q_l meets.
        lo[active], hi[active] = np.where(r > 0, here, lo[active]), np.where(r > 0, hi[active], here)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = here - r / slope
        leaves = ~((new >= lo[active]) & (new <= hi[active]))
        new[leaves] = (lo[active][leaves] + hi[active][leaves]) / 2
        t[active] = new
        active = active[np.abs(new - here) > 3e-9]  # the next step would be its square
        if not len(active):
            break
    return t


def _describe(
    table: MomentTable, cells: _Cells, log_q: Array, why: Array, correlations: bool
) -> tuple[dict[str, Array], Array]:
    """Return the numbers at the fixed points, and the name of the phase."""
    chi, chi_q, c, xi_c = (np.full(len(log_q), np.nan) for _ in range(4))
    zero, inner = np.isneginf(log_q), np.isfinite(log_q)
    if zero.any():  # there φ is its pair of half-tangents: χ_q = χ, and all inputs coincide
        slope = slope_square_at_zero(table.activation)
        chi[zero] = chi_q[zero] = cells.sigma_w[zero] ** 2 * slope
        c[zero], xi_c[zero] = 1.0, np.inf
    if inner.any():
        t, wide = log_q[inner], cells.sigma_w[inner] ** 2
        m = table.at(t)
        chi[inner] = wide * np.exp(m.log_slope_square)
        chi_q[inner] = wide * np.exp(m.log_square - t) * m.elasticity
        if correlations:
            c[inner], xi_c[inner] = _correlated(table, t, chi[inner], chi_q[inner], cells.sigma_w[inner])
    with np.errstate(divide="ignore"):
        columns = {"q": np.exp(log_q), "chi": chi, "chi_q": chi_q, "c": c, "xi_q": _depth(np.log(np.abs(chi_q)))}
    columns["xi_c"] = xi_c
    if not correlations:
        del columns["c"], columns["xi_c"]
    repels = np.abs(chi_q) > 1 + MARGINAL
    why[repels & inner] = "does not settle"
    names = np.where(why != "", why, phase_names(np.where(why != "", 0.0, chi))).astype(str)
    for values in columns.values():
        values[why != ""] = np.nan
    return columns, names


def _correlated(table: MomentTable, log_q: Array, chi: Array, chi_q: Array, sigma_w: Array) -> tuple[Array, Array]:
    """Return c* and ξ_c; nan where q does not stay."""
    if table.activation.homogeneous_degree == 1:  # χ ≤ 1 at every fixed point
        return np.ones_like(chi), _depth(np.log(chi))
    c, log_slope = np.full((2, len(log_q)), np.nan)
    settles = np.abs(chi_q) <= 1 + MARGINAL
    fixed = correlation_table(table.activation).fixed
    c[settles], log_slope[settles] = fixed(log_q[settles], chi[settles], sigma_w[settles])
    return c, _depth(log_slope)


def _depth(log_slope: Array) -> Array:
    """Return ξ = −1/ln|slope|; inf at slope 1 within rounding, 0 at slope 0."""
    with np.errstate(divide="ignore"):
        return np.where(np.abs(log_slope) <= 1e-12, np.inf, -1 / log_slope)
