"""The Lyapunov spectrum: exponents of a very deep network in order."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREY, RC, VERMILION, new_figure

_SHOWN = 0.01  # of the directions at the lower end are left out: their exponents tend to −∞


@matplotlib.rc_context(RC)
def exponents(law: Any, measured: ArrayLike | None = None, width: int | None = None, ax: Axes | None = None) -> Axes:
    """Return the axes of Lyapunov exponents ln s/L against the share of directions that grow faster.

    Parameters
    ----------
    law : ``vg.lyapunov(network)``.
    measured : exponents of a finite network, e.g. ln s/L of ``vg.sample_spectrum``.
    width : of that network, where only its leading exponents are given; by default all are.
    """
    if ax is None:
        ax = new_figure().subplots()
    low = max(law.zero_mass + _SHOWN * (1 - law.zero_mass), _SHOWN)
    share = np.linspace(0, 1 - low, 400)
    ax.axhline(0, color=GREY, lw=1)
    ax.plot(share, law.ppf(1 - share), color=VERMILION, label=r"law, width $\to\infty$, then depth $\to\infty$")
    if measured is not None:
        y = np.sort(np.asarray(measured, dtype=float).ravel())[::-1]
        count = len(y) if width is None else width
        x = (np.arange(len(y)) + 0.5) / count
        inside = np.isfinite(y) & (x <= 1 - low)
        ax.plot(x[inside], y[inside], ".", color=BLUE, ms=4, label=f"network of width {count}")
    ax.set_xlabel("share of directions that grow faster")
    ax.set_ylabel(r"exponent $\ln s / L$")
    legend_above(ax)
    return ax
