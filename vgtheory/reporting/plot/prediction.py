"""The predicted gradient norm against depth: typical value, spread, mean square, and the infinitely wide network."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, ORANGE, RC, SKY, VERMILION, new_figure
from vgtheory.study.summary import summarise


@matplotlib.rc_context(RC)
def prediction(predicted: Any, study: Any | None = None, axes: tuple[Axes, Axes] | None = None) -> tuple[Axes, Axes]:
    """Return the axes of the predicted ln‖∂ℓ/∂h_l‖ against the layer (upper) and of its spread over networks (lower).

    Parameters
    ----------
    predicted : dataset of ``vg.predict``.
    study : dataset of ``vg.simulate`` for the same network; its means and spreads are drawn as points.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> axes = prediction(vg.predict(network))
    """
    if axes is None:
        axes = new_figure(5.2, 4.8).subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    upper, lower = axes
    layer = predicted["layer"].values
    typical, std = (predicted[name].values for name in ("log_gradient_norm", "log_gradient_norm_std"))
    upper.fill_between(
        layer, typical - 2 * std, typical + 2 * std, color=SKY, alpha=0.35, lw=0, label="95 % of networks"
    )
    upper.plot(layer, typical, color=BLUE, label="typical network")
    upper.plot(layer, predicted["log_gradient_norm_rms"], color=GREEN, ls="-.", label="root mean square")
    wide = predicted["log_gradient_norm_infinite_width"]
    upper.plot(layer, wide, color=ORANGE, ls=(0, (5, 3)), label=r"width $\to\infty$")
    upper.set_ylabel(r"$\ln\,\|\partial\ell/\partial h_l\|$")
    lower.plot(layer, std, color=BLUE)
    if study is not None:
        seen = summarise(study, quantiles=())
        shown = np.unique(np.linspace(0, len(layer) - 1, 25).round().astype(int))
        upper.plot(
            layer[shown],
            seen["log_gradient_norm_mean"].values[shown],
            "o",
            color=VERMILION,
            ms=3.5,
            label="simulated mean",
        )
        lower.plot(layer[shown], seen["log_gradient_norm_std"].values[shown], "o", color=VERMILION, ms=3.5)
    lower.axhline(0.5, color=GREY, lw=1, ls=":")
    lower.annotate(
        "networks differ by a factor of e", (1, 0.5), (-3, 2), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", va="bottom", fontsize="small", color=GREY,
    )  # fmt: skip
    lower.set_ylim(bottom=0)
    lower.set_ylabel("standard\ndeviation")
    lower.set_xlabel("layer $l$ (input at the left)")
    lower.set_xlim(float(layer[0]), float(max(layer[-1], layer[0] + 1)))
    legend_above(upper)
    return upper, lower
