"""The correlation of two inputs from layer to layer, as a cobweb."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREY, ORANGE, RC, new_figure
from vgtheory.theory.asymptotics.mean_field import correlation_step

_POINTS = 61


@matplotlib.rc_context(RC)
def cobweb(
    act: Any, q: float, sigma_w: float, sigma_b: float, start: float = 0.2, layers: int = 12, ax: Axes | None = None
) -> Axes:
    """Return the axes of the correlation map c → C(c) of two inputs of variance q, with the path of one pair.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula.
    q : variance of both inputs' pre-activations, a fixed point of the length map.
    start : correlation of the pair in the first layer, from −1 to 1.
    layers : steps that are drawn.

    Examples
    --------
    >>> import vgtheory as vg
    >>> point = vg.fixed_points("tanh", 1.5, 0.3)[0]
    >>> ax = cobweb("tanh", point.q, 1.5, 0.3)
    """
    if ax is None:
        ax = new_figure(4.6, 4.6).subplots()
    # Denser towards 1, where the map of a kinked activation bends.
    grid = np.sin(np.linspace(0, np.pi / 2, _POINTS)) if start >= 0 else np.sin(np.linspace(-1, 1, _POINTS) * np.pi / 2)
    images = [correlation_step(act, q, float(c), sigma_w, sigma_b)[0] for c in grid]
    ax.plot(grid, grid, color=GREY, lw=1)
    ax.plot(grid, images, color=BLUE, label="$C(c)$")
    path = [(start, start)]
    c = start
    for _ in range(layers):
        ahead = correlation_step(act, q, c, sigma_w, sigma_b)[0]
        path += [(c, ahead), (ahead, ahead)]
        c = min(max(ahead, -1.0), 1.0)
    ax.plot(*zip(*path, strict=True), color=ORANGE, lw=1.2, label=f"{layers} layers from $c={start:g}$")
    ax.set_aspect("equal")
    ax.set_xlabel("correlation $c_l$")
    ax.set_ylabel("correlation $c_{l+1}$")
    legend_above(ax)
    return ax
