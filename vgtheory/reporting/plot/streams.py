"""What blocks do over time or depth: gradients of streams, and how alike the tokens become."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vgtheory._errors import InputError
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, ORANGE, RC, VERMILION, new_figure

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE)


@matplotlib.rc_context(RC)
def gradient_in_time(study: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Return the axes of ln‖∂ℓ/∂stream_t‖ against the step t (or layer), per stream: median and 90 % of the networks.

    Parameters
    ----------
    study : what ``vg.simulate`` returns of a network of blocks, such as an LSTM of so many steps.

    Raises InputError for other data.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1)), width=16, depth=8)
    >>> ax = gradient_in_time(vg.simulate(network, samples=4))
    """
    values = _of(study, "log_stream_gradient_norm")
    if ax is None:
        ax = new_figure(5.2, 3.6).subplots()
    for k, stream in enumerate(study.stream.values):
        name = str(stream)
        _band(ax, study.layer.values, values.sel(stream=stream).values, _COLOURS[k % len(_COLOURS)], f"${name}_t$")
    ax.set_xlabel("step $t$ (the loss at the right)")
    ax.set_ylabel(r"$\ln\,\|\partial\ell/\partial\,\mathrm{stream}_t\|$")
    legend_above(ax)
    return ax


@matplotlib.rc_context(RC)
def token_cosine(study: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Return the axes of the mean cosine of two tokens against the layer: median and 90 % of the networks.

    At 1 all tokens are the same up to length (rank collapse).

    Parameters
    ----------
    study : what ``vg.simulate`` returns of a network with attention.

    Raises InputError for other data.

    Examples
    --------
    >>> import vgtheory as vg
    >>> block = vg.blocks.transformer("relu", vg.Weights.gaussian(1), heads=2)
    >>> study = vg.simulate(vg.Network(block, width=16, depth=2, tokens=4), samples=2)
    >>> ax = token_cosine(study)
    """
    values = _of(study, "cosine")
    if ax is None:
        ax = new_figure(5.2, 3.2).subplots()
    _band(ax, study.layer.values, values.values, BLUE, "networks")
    ax.axhline(1, color=GREY, lw=1, ls=":", label="all tokens alike")
    ax.set_xlabel("layer $l$ (input at the left)")
    ax.set_ylabel("mean cosine of two tokens")
    legend_above(ax)
    return ax


def _of(study: xr.Dataset, name: str) -> xr.DataArray:
    if not isinstance(study, xr.Dataset) or name not in study:
        held = ", ".join(map(str, study)) if isinstance(study, xr.Dataset) else type(study).__name__
        accepted = "a simulation of attention" if name == "cosine" else "a simulation of blocks"
        raise InputError("the data of this figure", accepted, "give what vg.simulate returns of one", got=held)
    return study[name]


def _band(ax: Axes, layer: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """Draw the median over networks and the range of 90 % of them; a gradient of 0 has no logarithm."""
    shown = np.where(np.isfinite(values), values, np.nan)
    known = np.isfinite(shown).any(axis=0)
    low, middle, high = np.nanquantile(shown[:, known], (0.05, 0.5, 0.95), axis=0)
    ax.fill_between(layer[known], low, high, color=colour, alpha=0.2, lw=0, label=f"{label}: 90 %")
    ax.plot(layer[known], middle, color=colour, label=f"{label}: median")
