"""Laws of random matrices, and spectra of ensembles beside them."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import GREEN, INK, RC, SKY, VERMILION, new_figure

_POINTS, _PIXELS = 1500, 241
_OUTER = 0.998  # probability between the ends of the axis of an unbounded law
_DOTS = 6000  # most eigenvalues that are drawn in the plane


@matplotlib.rc_context(RC)
def law(law: Any, name: str = "density", ax: Axes | None = None) -> Axes:
    """Return the axes of the density of a law: a curve with its atoms, or a map of the plane.

    Parameters
    ----------
    law : a law of ``vg.laws``.
    name : what the legend calls it.

    Examples
    --------
    >>> import vgtheory as vg
    >>> ax = law(vg.laws.marchenko_pastur(0.5), "Marchenko–Pastur")
    """
    ax = ax or new_figure().subplots()
    if law.is_planar and 0 in law.semi_axes:  # a segment of an axis of the plane
        law = law.imag() if law.semi_axes[0] == 0 else law.real()
    if law.is_planar:
        _map(ax, law)
    else:
        _curve(ax, law, name)
        ax.set_xlabel("$x$")
        ax.set_ylabel("density")
        ax.margins(x=0.02)
        legend_above(ax)
    return ax


@matplotlib.rc_context(RC)
def ensemble(values: np.ndarray, ensemble: Any, name: str = "sampled eigenvalues", ax: Axes | None = None) -> Axes:
    """Return the axes of sampled spectra and the limit law: a histogram, or points in the plane with its edge.

    Parameters
    ----------
    values : eigenvalues of any shape, drawn from `ensemble`.
    ensemble : an ensemble of ``vg.ensembles``.
    name : what the legend calls them.

    Examples
    --------
    >>> import vgtheory as vg
    >>> drawn = vg.ensembles.goe(100)
    >>> ax = ensemble(drawn.spectra(2, random_state=0), drawn)
    """
    ax, limit, flat = ax or new_figure().subplots(), ensemble.limit(), np.asarray(values).ravel()
    if np.iscomplexobj(flat) and limit.is_planar:
        shown = flat[:_DOTS]
        ax.plot(shown.real, shown.imag, ".", ms=2.2, color=SKY, label=_counted(name, len(shown)))
        _edge(ax, limit)
        _square(ax)
    else:
        points = ensemble.measured(flat)
        ax.hist(points, bins="auto", density=True, color=SKY, alpha=0.55, label=_counted(name, len(points)))
        _curve(ax, limit, r"limit law, size $\to\infty$")
        quantity = "modulus" if np.iscomplexobj(flat) and limit.support()[1] == 1 else "angle"
        ax.set_xlabel(quantity if np.iscomplexobj(flat) else "eigenvalue")
        ax.set_ylabel("density")
    legend_above(ax)
    return ax


def _counted(name: str, count: int) -> str:
    return f"{count:,} {name}"


def _curve(ax: Axes, law: Any, name: str) -> None:
    low, high = _ends(law)
    masses = sum(mass for _, mass in law.atoms)
    top = 0.0
    if high > low and masses < 1:
        # Points crowd towards the ends, where a density may rise like a power.
        grid = low + (high - low) * np.sin(np.linspace(0, np.pi / 2, _POINTS)) ** 2
        value = np.asarray(law.pdf(grid), dtype=float)
        inner = (grid > low + 0.01 * (high - low)) & (grid < high - 0.01 * (high - low))
        top = 1.12 * float(np.nanmax(value[inner]))
        ax.plot(grid, np.where(value < 20 * top, value, np.nan), color=VERMILION, label=name)
    for place, mass in law.atoms:
        ax.axvline(place, color=GREEN, lw=1.4, ls="--", label=f"{100 * mass:.3g} % of the mass at {place:.4g}")
    if top > 0:
        drawn = max((float(p.get_height()) for p in ax.patches if hasattr(p, "get_height")), default=0.0)
        ax.set_ylim(0, max(top, min(1.05 * drawn, 3 * top)))
    else:
        ax.set_ylim(0, 1)


def _ends(law: Any) -> tuple[float, float]:
    """Return the ends of the continuous part, or of what holds nearly all of it where the rest is empty or endless."""
    lo, hi = law.edges()
    tail = (1 - _OUTER) / 2 if np.isfinite(law.var()) else 0.04
    first, last = (float(law.ppf(q)) for q in (tail, 1 - tail))
    room = 0.15 * (last - first)
    low = lo if lo > first - 3 * room else first - room
    return low, hi if hi < last + 3 * room else last + room


def _map(ax: Axes, law: Any) -> None:
    reach = 1.1 * float(law.ppf(1 - 1e-3)) * max(law.semi_axes)
    side = np.linspace(-reach, reach, _PIXELS)
    value = np.asarray(law.pdf(side[None, :] + 1j * side[:, None]), dtype=float)
    # A density that is infinite at the origin is cut where a tenth of the plane's mass lies above.
    finite = value[np.isfinite(value)]
    most = min(float(finite.max()), 6 * float(np.median(finite[finite > 1e-3 * finite.max()])))
    image = ax.pcolormesh(side, side, np.minimum(value, most), cmap="Blues", vmin=0, rasterized=True)
    ax.figure.colorbar(image, ax=ax, label="density per area")
    _square(ax)


def _edge(ax: Axes, law: Any) -> None:
    if np.isfinite(edge := law.support()[1]):
        width, height = (2 * edge * axis for axis in law.semi_axes)
        ax.add_patch(Ellipse((0, 0), width, height, fill=False, color=VERMILION, lw=1.6, label="edge of the limit law"))


def _square(ax: Axes) -> None:
    ax.set_aspect("equal")
    ax.set_xlabel(r"$\mathrm{Re}\,\lambda$", color=INK)
    ax.set_ylabel(r"$\mathrm{Im}\,\lambda$", color=INK)
