"""The density of ln s, s a singular value of the Jacobian."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vgtheory._errors import InputError
from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import GREEN, RC, SKY, VERMILION, new_figure

# Shares of the mass; a figure begins at the first whose quantile is no 0 in doubles.
LOWS = np.array([0.01, 0.1, 0.3, 0.5, 0.7, 0.9])


@matplotlib.rc_context(RC)
def spectrum(
    law: Any | None,
    sample: xr.Dataset | np.ndarray | None = None,
    caption: str = "sampled network",
    ax: Axes | None = None,
) -> Axes:
    """Return the axes of the density of ln s, s a singular value of J, over the histogram of sampled values.

    Parameters
    ----------
    law : ``vg.spectrum(network)``, drawn from its 1 % quantile up, or a higher one where that is 0 in doubles; None
        for a histogram alone.
    sample : ``vg.sample(network)``, or sampled ln s of any shape; zeros (−inf) are not drawn.

    Raises InputError for a sample of something else.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> ax = spectrum(vg.spectrum(network))
    """
    if isinstance(sample, xr.Dataset):
        if "log_singular_value" not in sample:
            hint = 'give vg.sample(network, of="singular values")'
            raise InputError(
                "sample", "sampled singular values", hint, got=f"a Dataset of {', '.join(map(str, sample))}"
            )
        sample = sample["log_singular_value"].values
    if ax is None:
        ax = new_figure().subplots()
    lo, hi = _span(law, sample)
    if sample is not None:
        flat = np.asarray(sample, dtype=float).ravel()
        finite = flat[np.isfinite(flat)]
        # Density with respect to all values, zeros included, so that it lies on the law's continuous part.
        edges = np.histogram_bin_edges(finite[(finite >= lo) & (finite <= hi)], bins="fd")
        edges = edges if 12 <= len(edges) <= 81 else np.linspace(lo, hi, 41)
        counts, _ = np.histogram(finite, bins=edges)
        ax.stairs(counts / (flat.size * np.diff(edges)), edges, fill=True, color=SKY, alpha=0.55, label=caption)
    if law is not None:
        _draw_law(ax, law, lo, hi)
    ax.set_xlabel(r"$\ln s$ ($s$: singular value of $J$)")
    ax.set_ylabel("density")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    legend_above(ax)
    return ax


def _draw_law(ax: Axes, law: Any, lo: float, hi: float) -> None:
    low, high = law.support_log()
    if high > low:
        grid = np.linspace(max(lo, low), min(hi, high), 800)
        ax.plot(grid, np.asarray(law.pdf_log(grid), dtype=float), color=VERMILION, label=r"law, width $\to\infty$")
    for place, mass in law.atoms_log:
        if np.isfinite(place):
            label = rf"{100 * mass:.3g} % of the mass at $\ln s = {place:.4g}$"
            ax.axvline(place, color=GREEN, lw=1.4, ls="--", label=label)


def _span(law: Any | None, sample: np.ndarray | None) -> tuple[float, float]:
    ends: list[float] = []
    if law is not None:
        empty = law.zero_mass
        lows = np.asarray(law.ppf_log(empty + (1 - empty) * LOWS), dtype=float)
        ends += [*lows[np.isfinite(lows)][:1].tolist(), float(law.ppf_log(1 - 1e-9))]
    if sample is not None:
        flat = np.asarray(sample, dtype=float).ravel()
        finite = flat[np.isfinite(flat)]
        if finite.size:
            ends += [float(np.quantile(finite, 0.01)), float(finite.max())]
    lo, hi = min(ends, default=-1.0), max(ends, default=1.0)
    room = 0.03 * (hi - lo) if hi - lo > 1e-6 else 0.5
    return lo - room, hi + room
