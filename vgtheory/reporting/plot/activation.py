"""φ and φ' with the regions where they saturate."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.codegen.evaluate import evaluator
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, RC, SKY, VERMILION, new_figure
from vgtheory.symbolic.activation import Activation

WIDEST_SHOWN = 400.0  # variance of h beyond which its density is flat on every axis that is drawn


@matplotlib.rc_context(RC)
def activation(
    act: Activation,
    saturated: Sequence[tuple[float, float]] = (),
    sup: tuple[float, float | None, str] | None = None,
    q: float | None = None,
    eps: float | None = None,
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Return the axes of φ (upper) and φ' (lower) with saturated regions shaded and the supremum of |φ'| marked.

    Parameters
    ----------
    act : an activation without symbolic parameters.
    saturated : intervals on which |φ'| ≤ eps.
    sup : (value, point or None, label) of sup|φ'|.
    q : variance of a pre-activation; its normal density is drawn beneath φ'.

    Examples
    --------
    >>> import vgtheory as vg
    >>> ax = activation(vg.activation("gelu"))
    """
    f, slope = evaluator(act).value, evaluator(act).slope
    reach = _reach(saturated, q)
    h = np.linspace(-reach, reach, 1201)
    if axes is None:
        axes = new_figure(5.2, 4.2).subplots(2, 1, sharex=True)
    upper, lower = axes
    upper.plot(h, f(h), color=BLUE)
    upper.set_ylabel(r"$\varphi(h)$")
    lower.plot(h, slope(h), color=VERMILION, label=r"$\varphi'(h)$")
    lower.set_ylabel(r"$\varphi'(h)$")
    lower.set_xlabel("pre-activation $h$")
    for number, (lo, hi) in enumerate(saturated):
        for ax in axes:
            label = None if number or ax is upper or eps is None else rf"saturated: $|\varphi'| \leq {eps:g}$"
            ax.axvspan(max(lo, -reach), min(hi, reach), color=GREY, alpha=0.2, lw=0, label=label)
    if sup is not None:
        value, at, text = sup
        lower.axhline(value, color=GREEN, ls="--", lw=1.2, label=text)
        if at is not None and abs(at) <= reach:
            lower.plot([at], [float(slope(np.array([at]))[0])], "o", color=GREEN, ms=6)
    lower.set_ylim(min(0.0, *lower.get_ylim()), max(0.0, *lower.get_ylim()))
    if q is not None and 0 < q < WIDEST_SHOWN:
        _density(lower, h, q)
    for ax in axes:
        ax.set_xlim(-reach, reach)
        ax.margins(y=0.08)
    lower.set_ylim(top=lower.get_ylim()[1] + 0.1 * float(np.ptp(lower.get_ylim())))
    legend_above(upper, lower)
    return upper, lower


def _reach(saturated: Sequence[tuple[float, float]], q: float | None) -> float:
    ends = [abs(e) for pair in saturated for e in pair if np.isfinite(e)]
    wanted = max([4.0, *(1.35 * e for e in ends), *([3.2 * float(np.sqrt(q))] if q else [])])
    return float(min(wanted, 12.0))


def _density(ax: Axes, h: np.ndarray, q: float) -> None:
    bottom, top = ax.get_ylim()
    # Scaled to 40 % of the panel: only its width is to be read against φ'.
    shape = np.exp(-(h**2) / (2 * q))
    ax.fill_between(
        h,
        bottom,
        bottom + 0.4 * (top - bottom) * shape,
        color=SKY,
        alpha=0.35,
        lw=0,
        label=rf"distribution of $h$ at $q={q:.3g}$",
    )
    ax.set_ylim(bottom, top)
