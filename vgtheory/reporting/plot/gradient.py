"""The gradient norm against depth: simulated networks, the prediction, a bound."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.float32 import LOG_MAX_FLOAT32, LOG_TINY_FLOAT32
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, INK, RC, SKY, VERMILION, new_figure
from vgtheory.study.summary import summarise
from vgtheory.study.summary import z_scores as z_scores_of


@matplotlib.rc_context(RC)
def gradient(
    study: Any,
    prediction: Any | None = None,
    z_scores: np.ndarray | None = None,
    bound: tuple[np.ndarray, str] | None = None,
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Return the axes of ln‖∂ℓ/∂h_l‖ against the layer (upper) and of its z-scores (lower; upper again without any).

    Parameters
    ----------
    study : dataset of ``vg.simulate``.
    prediction : dataset of ``vg.predict`` for the same network; its mean is drawn over the simulation.
    z_scores : (simulated mean − predicted mean) / standard error, per layer; by default those of `prediction`.
    bound : per-layer logarithm of a bound on the root mean square, and its name.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> axes = gradient(vg.simulate(network, samples=8), vg.predict(network))
    """
    seen = summarise(study, level=0.99)
    mean, high_mean, quantile = (seen[f"log_gradient_norm_{name}"].values for name in ("mean", "mean_high", "quantile"))
    layer = seen.layer.values
    if z_scores is None and prediction is not None:
        z_scores = z_scores_of(study, np.asarray(prediction["log_gradient_norm"]))
    if axes is None:
        axes = _panels(z_scores is not None)
    upper, lower = axes
    # Where more than 5 % of the networks are dead, the range has no lower end: it is drawn down to the least gradient.
    least = study["log_gradient_norm"].where(np.isfinite).min().item()
    low, high = np.maximum(quantile[:, 0], least), quantile[:, -1]
    upper.fill_between(layer, low, high, where=np.isfinite(high), color=SKY, alpha=0.4, lw=0, label="90 % of networks")
    half = np.nan_to_num(high_mean - mean)
    upper.fill_between(layer, mean - half, mean + half, color=BLUE, alpha=0.45, lw=0, label="mean, 99 % interval")
    upper.plot(layer, mean, color=BLUE, label="simulated mean")
    if prediction is not None:
        upper.plot(
            prediction["layer"],
            prediction["log_gradient_norm"],
            color=VERMILION,
            ls=(0, (5, 3)),
            label="predicted mean",
        )
    if bound is not None:
        _draw_bound(upper, layer, bound[0], bound[1])
    _float32_limits(upper)
    upper.set_ylabel(r"$\ln\,\|\partial\ell/\partial h_l\|$")
    legend_above(upper)
    if z_scores is not None:
        lower.axhspan(-3, 3, color=GREY, alpha=0.2, lw=0)
        lower.plot(layer, z_scores, color=INK, lw=1.0)
        peak = float(np.nanmax(np.abs(z_scores))) if np.isfinite(z_scores).any() else 0.0
        lower.set_ylim(-max(4.0, 1.15 * peak), max(4.0, 1.15 * peak))
        lower.set_ylabel("z-score")
    lower.set_xlabel("layer $l$ (input at the left)")
    lower.set_xlim(float(layer[0]), float(max(layer[-1], layer[0] + 1)))
    return upper, lower


def _panels(with_scores: bool) -> tuple[Axes, Axes]:
    if not with_scores:
        only = new_figure(5.2, 3.6).subplots()
        return only, only
    upper, lower = new_figure(5.2, 4.6).subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    return upper, lower


def _draw_bound(ax: Axes, layer: np.ndarray, values: np.ndarray, name: str) -> None:
    """Draw a bound where it is not so loose that it would squeeze the data into a quarter of the axis."""
    low, high = ax.get_ylim()
    if values.max() <= high + 3 * (high - low) and values.min() >= low - 3 * (high - low):
        ax.plot(layer, values, color=GREEN, ls="-.", lw=1.3, label=f"bound: {name}")
        ax.set_ylim(min(low, float(values.min())), max(high, float(values.max())))


def _float32_limits(ax: Axes) -> None:
    low, high = ax.get_ylim()
    for value, name in ((LOG_TINY_FLOAT32, "float32: smallest normal"), (LOG_MAX_FLOAT32, "float32: largest")):
        if low < value < high:
            ax.axhline(value, color=INK, ls=":", lw=1.3, label=name)
