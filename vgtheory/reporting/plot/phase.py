"""The phase diagram: regions, the critical line and contours of the correlation depth ξ_c."""

from __future__ import annotations

import matplotlib
import numpy as np
import scipy  # its parts load at first use
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from vgtheory._errors import VgtheoryError
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREY, INK, ORANGE, RC, VERMILION, new_figure
from vgtheory.study.phase import phase_diagram
from vgtheory.theory.asymptotics.critical_line import CriticalCurve, critical_curve

GALLERY = (
    "tanh", "erf", "sin", "sigmoid", "hard_tanh", "softsign", "relu", "leaky_relu", "selu", "elu", "gelu", "silu",
)  # fmt: skip
DEPTHS = (1.0, 3.0, 10.0, 30.0)
# What each region is called in the figure, with its colour; a region of fewer cells than this share has no name.
_REGIONS = {
    "vanishing/ordered": ("vanishing", to_rgba(BLUE, 0.22)),
    "exploding/chaotic": ("exploding", to_rgba(ORANGE, 0.30)),
    "critical": ("critical", to_rgba(INK, 0.5)),
    "diverges": ("q diverges", to_rgba(GREY, 0.45)),
    "does not settle": ("q does not settle", to_rgba(VERMILION, 0.25)),
    "out of reach": ("out of reach", (1.0, 1.0, 1.0, 0.0)),
}
_SHARE = 0.03
_FINE = 300  # points per side between which nothing is seen
_RATES = ("chi", "chi_q")


@matplotlib.rc_context(RC)
def phase(diagram: xr.Dataset, curve: CriticalCurve | None = None, ax: Axes | None = None) -> Axes:
    """Return the axes of a phase diagram: named regions, the critical line and contours of ξ_c.

    Between the points of the grid χ and χ_q are interpolated, so that regions end where χ = 1, as the line does.

    Parameters
    ----------
    diagram : from :func:`vgtheory.phase_diagram`, at least 2 × 2.
    curve : from :func:`vgtheory.critical_curve`; solid where the fixed point on it is stable, dotted where not.
    ax : drawn into, if given; then without a legend.

    Examples
    --------
    >>> import vgtheory as vg
    >>> ax = phase(vg.phase_diagram("tanh", [0.5, 1.0, 2.0], [0.0, 0.5, 1.0]))
    """
    own = ax is None
    if ax is None:
        ax = new_figure(5.6, 4.4).subplots()
    x, y, names = _between(diagram)
    colours = np.zeros((*names.shape, 4))
    for name, (label, colour) in _REGIONS.items():
        here = names == name
        colours[here] = colour
        if here.mean() > _SHARE:
            ax.text(*_inside(here, x, y), label, ha="center", va="center", fontsize=9)
    extent = (x[0], x[-1], y[0], y[-1])
    ax.imshow(colours, origin="lower", extent=extent, aspect="auto", interpolation="nearest", zorder=0)
    _depth_contours(ax, diagram)
    if curve is not None:
        _critical_line(ax, curve)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(max(y[0], 0.0), y[-1])
    ax.set_xlabel(r"$\sigma_w$")
    ax.set_ylabel(r"$\sigma_b$")
    if own:
        legend_above(ax)
    return ax


@matplotlib.rc_context(RC)
def phase_gallery(
    acts: tuple[str, ...] = GALLERY, sigma_w: np.ndarray | None = None, sigma_b: np.ndarray | None = None
) -> tuple[Axes, ...]:
    """Return the phase diagrams of several activations side by side, each with its critical line.

    Parameters
    ----------
    acts : names or activations, four in a row.
    sigma_w, sigma_b : the grid; 60 × 50 over 0.5 ≤ σ_w ≤ 3, 0 ≤ σ_b ≤ 1 if None.

    Examples
    --------
    >>> figure = phase_gallery(("tanh", "relu"))
    """
    wide = np.linspace(0.5, 3.0, 60) if sigma_w is None else sigma_w
    high = np.linspace(0.0, 1.0, 50) if sigma_b is None else sigma_b
    rows = -(-len(acts) // 4)
    columns = min(len(acts), 4)
    figure = new_figure(3.1 * columns, 2.7 * rows)
    axes = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for ax, act in zip(axes, acts, strict=False):
        diagram = phase_diagram(act, wide, high)
        phase(diagram, line_of(act), ax)
        ax.set_title(diagram.attrs["activation"])
        ax.label_outer()
    for ax in axes[len(acts) :]:
        ax.set_visible(False)
    return tuple(axes[: len(acts)])


def line_of(act: object) -> CriticalCurve | None:
    """Return the critical line of an activation for a figure; None where it has none or its moments end."""
    try:
        return critical_curve(act)
    except VgtheoryError:
        return None


def _between(diagram: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return σ_w, σ_b and the region on a fine grid: the nearest computed one that agrees with χ and χ_q there."""
    x, y, names = diagram.sigma_w.values, diagram.sigma_b.values, diagram.phase.values
    wide, high, (gains, stretch) = _fine(diagram, *(np.log(np.maximum(diagram[k].values, 1e-300)) for k in _RATES))
    excluded = {"vanishing/ordered": gains > 0, "exploding/chaotic": gains < 0, "diverges": stretch < 0}
    if "diverges" in names:
        excluded["vanishing/ordered"] = excluded["vanishing/ordered"] | (stretch > 0)
    # Critical is a line: a point of the grid that happens to lie on it is no region.
    regions = [name for name in np.unique(names) if name != "critical" or (names == name).mean() > _SHARE]
    steps = (y[-1] - y[0]) / (len(y) - 1), (x[-1] - x[0]) / (len(x) - 1)
    where = np.stack(np.meshgrid(high, wide, indexing="ij"), axis=-1) / steps
    least, best = np.full(gains.shape, np.inf), np.full(gains.shape, "", dtype=names.dtype)
    for name in regions or list(np.unique(names)):
        at = np.argwhere(names == name)
        distance, _ = scipy.spatial.KDTree(np.column_stack((y[at[:, 0]], x[at[:, 1]])) / steps).query(where)
        distance += np.where(excluded.get(str(name), False), 1e6, 0.0)
        best = np.where(distance < least, name, best)
        least = np.minimum(least, distance)
    return wide, high, best


def _fine(diagram: xr.Dataset, *fields: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return a fine grid and the fields on it, linear in ln σ_w, in which a power of σ_w has a straight logarithm."""
    x, y = diagram.sigma_w.values, diagram.sigma_b.values
    wide, high = np.linspace(x[0], x[-1], _FINE), np.linspace(y[0], y[-1], _FINE)
    places, seen = (np.log(np.maximum(ends, x[1] / 100)) for ends in (x, wide))
    where = np.stack(np.meshgrid(high, seen, indexing="ij"), axis=-1)
    return (
        wide,
        high,
        [scipy.interpolate.RegularGridInterpolator((y, places), _continued(f, places))(where) for f in fields],
    )


def _continued(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return rows in which what is not finite continues the line through the two finite values next to it."""
    out = values.copy()
    for row in out:
        known = np.flatnonzero(np.isfinite(row))
        if len(known) < 2:
            row[:] = row[known[0]] if len(known) else 0.0
            continue
        first, last = known[0], known[-1]
        row[:] = np.interp(places, places[known], row[known])
        for end, beside, beyond in ((last, known[-2], slice(last + 1, None)), (first, known[1], slice(0, first))):
            slope = (row[end] - row[beside]) / (places[end] - places[beside])
            row[beyond] = row[end] + (places[beyond] - places[end]) * slope
    return out


def _inside(here: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return a point well inside a region: the cell with the most room around it, in steps to the next other cell."""
    room = np.zeros(here.shape)
    layer = np.pad(here, 1)
    while layer.any():
        room += layer[1:-1, 1:-1]
        layer = layer & np.roll(layer, 1, 0) & np.roll(layer, -1, 0) & np.roll(layer, 1, 1) & np.roll(layer, -1, 1)
    best = np.argwhere(room == room.max())
    row, column = best[np.argmin(np.abs(best - best.mean(axis=0)).sum(axis=1))]
    return float(x[column]), float(y[row])


def _depth_contours(ax: Axes, diagram: xr.Dataset) -> None:
    # 1/ξ_c with the sign of ln χ passes smoothly through 0 where ξ_c is infinite.
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.log(diagram.chi.values)
        signed = np.sign(gain) / diagram.xi_c.values
    if len(signed) > 1 and (np.abs(gain[0]) > abs(signed[0])).all():  # σ_b = 0, where two inputs never differ
        signed[0] = signed[1]
    if min(signed.shape) < 2 or not np.isfinite(signed).any() or not np.nanmin(np.abs(signed)) < 1 / DEPTHS[0]:
        return
    wide, high, (rate, known) = _fine(diagram, signed, np.isfinite(signed).astype(float))
    shown = np.where(known > 0.999, np.abs(rate), np.nan)
    levels = [1 / depth for depth in reversed(DEPTHS)]
    drawn = ax.contour(wide, high, shown, levels=levels, colors=[INK], linewidths=0.6, alpha=0.7)
    ax.clabel(drawn, levels[1:], fmt={level: f"{1 / level:.3g}" for level in levels}, fontsize=7)
    ax.plot([], [], color=INK, lw=0.6, label=r"depth $\xi_c$ (layers)")


def _critical_line(ax: Axes, curve: CriticalCurve) -> None:
    d = curve.data
    if d.sizes["q"] == 1:
        ax.plot(d.sigma_w, d.sigma_b, "D", ms=7, color=VERMILION, clip_on=False, zorder=5, label=r"critical, $\chi=1$")
        return
    for stable, style, label in (
        (True, "-", r"critical, $\chi=1$"),
        (False, ":", r"$\chi=1$, $q$ unstable"),
    ):
        shown = d.stable.values == stable
        if shown.any():
            values = np.where(shown, d.sigma_w, np.nan), np.where(shown, d.sigma_b, np.nan)
            ax.plot(*values, style, color=VERMILION, label=label, zorder=4)
