"""The Lyapunov spectrum: exponents of a very deep network in order."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, RC, VERMILION, new_figure

_SHOWN = 0.01  # of the directions at the lower end are left out: their exponents tend to −∞


@matplotlib.rc_context(RC)
def exponents(
    law: Any,
    measured: ArrayLike | xr.Dataset | None = None,
    width: int | None = None,
    ax: Axes | None = None,
    finite: Any | None = None,
) -> Axes:
    """Return the axes of Lyapunov exponents ln s/L against the share of directions that grow faster.

    Parameters
    ----------
    law : ``vg.lyapunov(network)``.
    measured : exponents of a finite network: ``vg.sample`` of exponents or growth, drawn with two standard errors,
        or numbers, e.g. ln s/L of ``vg.sample``.
    width : of that network, where only its leading exponents are given; by default all are.
    finite : ``law.at_width(N)``, the exact exponents; directions that die in every other layer are left out.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> ax = exponents(vg.lyapunov(network))
    """
    if ax is None:
        ax = new_figure().subplots()
    low = max(law.zero_mass + _SHOWN * (1 - law.zero_mass), _SHOWN)
    share = np.linspace(0, 1 - low, 400)
    ax.axhline(0, color=GREY, lw=1)
    ax.plot(share, law.ppf(1 - share), color=VERMILION, label=r"law, width $\to\infty$, then depth $\to\infty$")
    if measured is not None:
        _draw_measured(ax, measured, width, 1 - low)
    if finite is not None:
        x = (np.arange(finite.width) + 0.5) / finite.width
        shown = (finite.death < 0.5) & (x <= 1 - low)
        form = "closed form" if finite.status == "proved" else "asymptotic"
        label = f"width {finite.width}, depth $\\to\\infty$ ({form})"
        ax.plot(x[shown], finite.value[shown], color=GREEN, ls="--", lw=1.4, label=label)
    ax.set_xlabel("share of directions that grow faster")
    ax.set_ylabel(r"exponent $\ln s / L$")
    legend_above(ax)
    return ax


def _draw_measured(ax: Axes, measured: ArrayLike | xr.Dataset, width: int | None, most: float) -> None:
    if isinstance(measured, xr.Dataset):
        y = np.asarray(measured["exponent"], dtype=float)
        error = 2 * np.nan_to_num(np.asarray(measured["exponent_stderr"], dtype=float))
    else:
        y = np.sort(np.asarray(measured, dtype=float).ravel())[::-1]
        error = np.zeros(len(y))
    count = len(y) if width is None else width
    x = (np.arange(len(y)) + 0.5) / count
    inside = np.isfinite(y) & (x <= most)
    label = f"network of width {count}"
    if error.any():
        ax.errorbar(
            x[inside], y[inside], error[inside], fmt=".", color=BLUE, ms=4, lw=0.8, label=label + r", $\pm 2\sigma$"
        )
    else:
        ax.plot(x[inside], y[inside], ".", color=BLUE, ms=4, label=label)
