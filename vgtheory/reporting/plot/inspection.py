"""An inspected model: gradient, lengths and saturation, call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREY, ORANGE, RC, VERMILION, new_figure

if TYPE_CHECKING:
    from vgtheory.study.inspection import Inspection


@matplotlib.rc_context(RC)
def inspection(found: Inspection, axes: tuple[Axes, Axes, Axes] | None = None) -> tuple[Axes, Axes, Axes]:
    """Return the axes of ln‖∂ℓ/∂h‖, of the outputs' rms and of the share of saturated neurons against the call.

    Parameters
    ----------
    found : what ``vg.inspect`` returns; mean-field values, where it has them, are drawn as dashes.

    Examples
    --------
    >>> import numpy as np
    >>> import vgtheory as vg
    >>> draw = np.random.default_rng(0).normal
    >>> weights = {f"layers.{k}.weight": draw(0, 0.25, (16, 16)) for k in range(4)}
    >>> axes = inspection(vg.inspect(weights, activation="tanh", order="names", skip=0))
    """
    if axes is None:
        axes = tuple(new_figure(5.2, 5.6).subplots(3, 1, sharex=True, height_ratios=(2, 1.3, 1)))
    gradient, length, share = axes
    d = found.table
    call = d.call.values
    gradient.plot(call, d.log_gradient_norm, ".-", color=BLUE, label="measured")
    steps = np.log(d.chi_mean_field.values[:-1]) / 2 if "chi_mean_field" in d else np.empty(0)
    if len(steps) and np.isfinite(steps).all():
        last = float(d.log_gradient_norm[-1])
        expected = last + np.append(np.cumsum(steps[::-1])[::-1], 0.0)
        gradient.plot(call, expected, color=ORANGE, ls=(0, (5, 3)), label="mean field at these scales")
    if found.lost_at is not None:
        gradient.axvspan(call[0], found.lost_at, color=GREY, alpha=0.2, lw=0, label=r"lost: below $2^{-24}$")
    gradient.set_ylabel(r"$\ln\,\|\partial\ell/\partial h\|$")
    legend_above(gradient)
    length.plot(call, d.rms, ".-", color=BLUE)
    if "q_mean_field" in d and np.isfinite(d.q_mean_field).all():
        length.plot(call, np.sqrt(d.q_mean_field), color=ORANGE, ls=(0, (5, 3)))
    if float(d.rms.min()) > 0:
        length.set_yscale("log")
    length.set_ylabel("rms of the output")
    share.plot(call, 100 * d.saturated, ".-", color=VERMILION)
    share.set_ylim(-4, 104)
    share.set_ylabel("saturated, %")
    share.set_xlabel("call (input at the left)")
    share.set_xlim(float(call[0]), float(max(call[-1], call[0] + 1)))
    return gradient, length, share
