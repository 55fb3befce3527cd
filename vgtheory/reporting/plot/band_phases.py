"""Where the support of a law splits: the number of its bands over a symbol's values, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from vgtheory._errors import InputError, shown
from vgtheory.random_matrices.laws.polynomials.phases import BandPhase
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RC, SKY, VERMILION, new_figure

_COLOURS = (GREY, SKY, ORANGE, GREEN, PURPLE, BLUE)  # of 0, 1, 2, … bands, then again
_LABELS = {0: "atoms only", 1: "one band", 2: "two bands"}
_FEW = 8  # rows up to which a transition is labelled
_INSIDE = 0.75  # of the width, behind which a label stands before its transition


@matplotlib.rc_context(RC)
def band_phases(
    rows: Mapping[float, Sequence[BandPhase]], symbol: str = "a", row: str = "depth $L$", ax: Axes | None = None
) -> Axes:
    """Return the axes of a phase diagram of the support: its number of bands for all values of a symbol.

    Parameters
    ----------
    rows : what :func:`vgtheory.laws.band_phases` says, by what changes from row to row: a depth, or another symbol.
    symbol : its name in the figure, mathematics of LaTeX.
    row : what the rows are called.

    Raises
    ------
    InputError : no rows, or rows without phases.

    Examples
    --------
    >>> import vgtheory as vg
    >>> slopes = vg.laws.algebraic("(z - 1)*(z - a)*G - z + (1 + a)/2")  # squared slopes 1 and a, as of a leaky ReLU
    >>> layer = slopes * vg.laws.marchenko_pastur(1.0)
    >>> ax = band_phases({1: vg.laws.band_phases(layer, 0, 1), 2: vg.laws.band_phases(layer * layer, 0, 1)})
    """
    if not isinstance(rows, Mapping) or not rows or not all(_are_phases(phases) for phases in rows.values()):
        accepted, hint = (
            "a depth, or another value, with what laws.band_phases says",
            "give {1: band_phases(law, 0, 1)}",
        )
        raise InputError("rows", accepted, hint, got=shown(rows))
    ax = ax or new_figure().subplots()
    places = sorted(rows)
    ends = _ends(np.array(places, dtype=float))
    every = [phase for phases in rows.values() for phase in phases]
    first, last = min(phase.low for phase in every), max(phase.high for phase in every)
    seen: set[int] = set()
    for place, low, high in zip(places, ends[:-1], ends[1:], strict=True):
        for phase in rows[place]:
            label = None if phase.bands in seen else _LABELS.get(phase.bands, f"{phase.bands} bands")
            seen.add(phase.bands)
            area = Rectangle((phase.low, low), phase.high - phase.low, high - low, lw=0, alpha=0.55, label=label)
            area.set_facecolor(_COLOURS[phase.bands % len(_COLOURS)])
            ax.add_patch(area)
        for phase in rows[place][1:]:
            ax.plot([phase.low] * 2, [low, high], color=VERMILION, lw=1.6, solid_capstyle="butt")
            if len(places) <= _FEW:
                side = "left" if phase.low < first + _INSIDE * (last - first) else "right"
                ax.annotate(f" {phase.low:.4g} ", (phase.low, (low + high) / 2), ha=side, va="center", fontsize=9)
    ax.set_xlim(first, last)
    ax.set_ylim(ends[0], ends[-1])
    if len(places) <= _FEW:
        ax.set_yticks(places)
    ax.set_xlabel(f"${symbol}$")
    ax.set_ylabel(row)
    legend_above(ax)
    return ax


def _are_phases(phases: object) -> bool:
    return isinstance(phases, Sequence) and len(phases) > 0 and all(isinstance(p, BandPhase) for p in phases)


def _ends(places: np.ndarray) -> np.ndarray:
    """Return where rows end: half-way to their neighbours, the outer ones as far on the other side."""
    if len(places) == 1:
        return places[0] + np.array([-0.5, 0.5])
    inner = (places[1:] + places[:-1]) / 2
    return np.concatenate([[2 * places[0] - inner[0]], inner, [2 * places[-1] - inner[-1]]])
