"""The phase diagram: regions, the critical line and contours of the correlation depth ξ_c."""

from __future__ import annotations

import matplotlib
import numpy as np
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
_COARSE = 25  # points per side, below which cells would cross the critical line visibly and the points are drawn


@matplotlib.rc_context(RC)
def phase(diagram: xr.Dataset, curve: CriticalCurve | None = None, ax: Axes | None = None) -> Axes:
    """Return the axes of a phase diagram: named regions, the critical line and contours of ξ_c.

    A coarse grid is drawn as the points that were computed, since a cell says nothing about the line that crosses it.

    Parameters
    ----------
    diagram : from :func:`vgtheory.phase_diagram`, at least 2 × 2.
    curve : from :func:`vgtheory.critical_curve`; solid where the fixed point on it is stable, dotted where not.
    ax : drawn into, if given; then without a legend.
    """
    own = ax is None
    if ax is None:
        ax = new_figure(5.6, 4.4).subplots()
    x, y = diagram.sigma_w.values, diagram.sigma_b.values
    names = diagram.phase.values
    colours = np.zeros((*names.shape, 4))
    for name, (label, colour) in _REGIONS.items():
        here = names == name
        colours[here] = colour
        if here.mean() > _SHARE:
            ax.text(*_inside(here, x, y), label, ha="center", va="center", fontsize=9)
    if min(names.shape) < _COARSE:
        colours[..., 3] = np.where(colours[..., 3] > 0, 1.0, 0.0)
        wide, high = np.meshgrid(x, y)
        ax.scatter(wide.ravel(), high.ravel(), c=colours.reshape(-1, 4), s=16, zorder=1)
    else:
        half = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
        extent = (x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1])
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
    depth = np.where(np.isfinite(diagram.xi_c), diagram.xi_c, np.nan)
    depth = np.where(depth > 0, depth, np.nan)
    if min(depth.shape) < 2 or not np.nanmax(np.append(depth[np.isfinite(depth)], 0)) > DEPTHS[0]:
        return
    drawn = ax.contour(
        diagram.sigma_w, diagram.sigma_b, np.log(depth), levels=np.log(DEPTHS), colors=[INK], linewidths=0.6, alpha=0.7
    )
    ax.clabel(drawn, np.log(DEPTHS[:-1]), fmt={float(np.log(d)): f"{d:g}" for d in DEPTHS}, fontsize=7)
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
