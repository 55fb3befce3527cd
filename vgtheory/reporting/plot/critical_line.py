"""The critical line of an activation, and how stable its fixed points are."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREY, RC, VERMILION, new_figure
from vgtheory.theory.asymptotics.critical_line import CriticalCurve

HIGHEST = 3.0  # σ_b, above which nothing new happens


@matplotlib.rc_context(RC)
def critical_line(curve: CriticalCurve, highest: float = HIGHEST) -> tuple[Axes, Axes]:
    """Return two axes: σ_b against σ_w on the line χ = 1, and χ_q against σ_b there.

    Parameters
    ----------
    curve : from :func:`vgtheory.critical_curve`.
    highest : largest σ_b shown.

    Examples
    --------
    >>> import vgtheory as vg
    >>> axes = critical_line(vg.meanfield.critical_curve("tanh"))
    """
    figure = new_figure(8.0, 3.6)
    left, right = figure.subplots(1, 2)
    d = curve.data.where(curve.data.sigma_b <= highest, drop=True)
    for stable, style, label in ((True, "-", "stable fixed point"), (False, ":", "unstable fixed point")):
        shown = d.stable.values.astype(bool) == stable
        if not shown.any():
            continue
        mark = "D" if d.sizes["q"] == 1 else style
        biases, gains, slopes = (np.where(shown, d[name], np.nan) for name in ("sigma_b", "sigma_w", "chi_q"))
        left.plot(gains, biases, mark, color=VERMILION, label=rf"$\chi=1$, {label}")
        right.plot(biases, slopes, mark, color=BLUE, label=label)
    for sigma_w, sigma_b, _ in curve.half_stable:
        left.plot([sigma_w], [sigma_b], "o", color=GREY, ms=6, label=r"half-stable, $\chi_q=1$")
        right.plot([sigma_b], [1.0], "o", color=GREY, ms=6)
    right.axhline(1.0, color=GREY, lw=0.8, zorder=0)
    left.set_xlabel(r"$\sigma_w$")
    left.set_ylabel(r"$\sigma_b$")
    right.set_xlabel(r"$\sigma_b$")
    right.set_ylabel(r"slope of the length map $\chi_q$")
    legend_above(left)
    legend_above(right)
    return left, right
