"""Several networks side by side: the gradient norm of each against depth."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, INK, ORANGE, PURPLE, RC, SKY, VERMILION, new_figure

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK)
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")  # beside colour, so that more networks than colours stay apart


@matplotlib.rc_context(RC)
def lineup(found: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Return the axes of simulated ln‖∂ℓ/∂h_l‖ (marks) and its prediction (lines) against the layer, per network.

    Parameters
    ----------
    found : what ``vg.compare`` returns of several networks.

    Examples
    --------
    >>> import vgtheory as vg
    >>> from vgtheory.study.lineup import lineup as side_by_side
    >>> networks = [vg.Network(act, vg.Weights.gaussian(1.2), width=16, depth=8) for act in ("tanh", "relu")]
    >>> ax = lineup(side_by_side(networks, samples=4, seed=0))
    """
    if ax is None:
        ax = new_figure(5.6, 4.0).subplots()
    layer = found.layer.values
    shown = np.unique(np.linspace(0, len(layer) - 1, 12).round().astype(int))
    for k, name in enumerate(found.network.values):
        colour, mark = _COLOURS[k % len(_COLOURS)], _MARKS[k % len(_MARKS)]
        row = found.sel(network=name)
        ax.plot(layer, row.predicted, color=colour, lw=1.3)
        ax.errorbar(
            layer[shown], row["mean"].values[shown], row["std"].values[shown],
            color=colour, fmt=mark, ms=5, elinewidth=1, label=str(name),
        )  # fmt: skip
    ax.set_xlabel("layer $l$ (input at the left)")
    ax.set_ylabel(r"$\ln\,\|\partial\ell/\partial h_l\|$")
    legend_above(ax)
    return ax
