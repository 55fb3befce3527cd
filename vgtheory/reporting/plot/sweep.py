"""A sweep: the gradient at the first layer against what was swept."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes

from vgtheory._errors import InputError
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import GREY, RC, new_figure
from vgtheory.symbolic.notation import SYMBOLS

_MOST = 8  # curves of a second swept quantity


@matplotlib.rc_context(RC)
def sweep(found: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Return the axes of the mean change of ln‖∂ℓ/∂h‖ over the whole network against the first swept quantity.

    There is one curve per value of a second.  Of networks of blocks it is the gradient at all streams together.  Bars
    are 99 % intervals.

    Parameters
    ----------
    found : what ``vg.sweep`` returns of one or two swept quantities.

    Raises InputError for other data, or more quantities (choose values with ``.sel``).

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> ax = sweep(vg.sweep(network, samples=4, over={"sigma_w": [1.0, 2.0]}))
    """
    mean = found.get("change")
    if mean is None and "input" in found.dims:
        step = "plot its log_gradient_norm_mean for one of them"
        raise InputError("the data of a sweep", "one with a single input", step, got="several inputs")
    swept = [] if mean is None else [str(d) for d in mean.dims]
    if mean is None or not 1 <= len(swept) <= 2:
        step = f"choose a value of {swept[2]} with .sel" if len(swept) > 2 else "give what vg.sweep returns"
        raise InputError("the data of a sweep", "one or two swept quantities", step, got=", ".join(swept) or "none")
    if ax is None:
        ax = new_figure(5.2, 3.6).subplots()
    first, *others = swept
    values = found[others[0]].values[:_MOST] if others else [None]
    for k, value in enumerate(values):
        at = {} if value is None else {others[0]: value}
        y, half = mean.sel(at), found["change_half_width"].sel(at)
        colour = colormaps["viridis"](0.85 * k / max(len(values) - 1, 1))
        shown = rf"\mathrm{{{value}}}" if isinstance(value, str) else f"{value or 0:g}"
        label = None if value is None else f"${_math(others[0])} = {shown}$"
        ax.errorbar(found[first], y, np.nan_to_num(half), color=colour, marker="o", ms=3.5, elinewidth=1, label=label)
    ax.axhline(0, color=GREY, lw=1, zorder=0)
    if first in ("width", "depth") and len(found[first]) > 2:
        ax.set_xscale("log", base=2)
    ax.set_xlabel(f"${_math(first)}$")
    first_end, last_end = ("s_0", "s_L") if "stream" in found.dims else ("h_1", "h_L")
    ratio = rf"\|\partial\ell/\partial {first_end}\|/\|\partial\ell/\partial {last_end}\|"
    ax.set_ylabel(rf"mean of $\ln({ratio})$")
    legend_above(ax)
    return ax


def _math(name: str) -> str:
    return SYMBOLS[name].latex if name in SYMBOLS else rf"\mathrm{{{name}}}"
