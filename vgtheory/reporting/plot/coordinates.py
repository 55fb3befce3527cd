"""The coordinate check: how large layers are against the width, before training and after every step."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes

from vgtheory._errors import InputError
from vgtheory.reporting.style import RC, new_figure

_MOST = 4  # panels: layers, evenly chosen, and the output


@matplotlib.rc_context(RC)
def coordinate_check(found: xr.Dataset) -> tuple[Axes, ...]:
    """Return the axes of the typical size of a component against the width, one curve per training step, by layer.

    Under μP curves are flat at every step; where they rise, updates grow with the width.

    Parameters
    ----------
    found : what ``vg.coordinate_check`` returns.

    Raises InputError for other data.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5), width=16, depth=3)
    >>> axes = coordinate_check(vg.coordinate_check(network, [16, 32], steps=2, learning_rate=0.1))
    """
    if not isinstance(found, xr.Dataset) or "rms" not in found or "output" not in found:
        raise InputError("the data of a coordinate check", "a Dataset with rms and output", "use vg.coordinate_check")
    layers = np.unique(
        np.linspace(0, found.sizes["layer"] - 1, min(_MOST - 1, found.sizes["layer"])).round().astype(int)
    )
    panels = [(rf"layer {int(found.layer[k])}", found["rms"].isel(layer=k)) for k in layers]
    panels.append(("output", found["output"]))
    figure = new_figure(2.5 * len(panels), 3.0)
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharex=True, sharey=True))
    for ax, (title, values) in zip(axes, panels, strict=True):
        typical = (values**2).mean("sample") ** 0.5
        for k, step in enumerate(found.step.values):
            colour = colormaps["viridis"](0.85 * k / max(found.sizes["step"] - 1, 1))
            label = f"step {int(step)}" if ax is axes[0] else None
            ax.plot(found.width, typical.sel(step=step), "o-", ms=3.5, lw=1.4, color=colour, label=label)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_title(title)
        ax.set_xlabel("width $N$")
    axes[0].set_ylabel("typical size of a component")
    figure.legend(loc="outside upper center", ncols=min(found.sizes["step"], 6))
    return tuple(axes)
