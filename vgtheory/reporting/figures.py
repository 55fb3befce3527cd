"""The figures of a report, drawn from its findings."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vgtheory.random_matrices.laws.elliptic import circular
from vgtheory.random_matrices.laws.semicircle import quarter_circle
from vgtheory.reporting import plot
from vgtheory.reporting.draft import FIGURES
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.style import GREY, RC, VERMILION, new_figure
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number


@matplotlib.rc_context(RC)
def draw(f: Findings, names: set[str]) -> dict[str, Figure]:
    """Return the figures of these names."""
    return {name: DRAWN[name](f) for name in FIGURES if name in names}


def _gradient(f: Findings) -> Figure:
    prediction = None if isinstance(f.prediction, Unavailable) else f.prediction
    axes = plot.gradient(f.study, prediction, bound=f.layer_bound)
    if f.subject.recurrent:
        axes[1].set_xlabel("step in time (the first at the left)")
    return plot.figure_of(axes)


def _activation(f: Findings) -> Figure:
    sup = None
    if not isinstance(f.steepest, Unavailable) and f.steepest.enclosure[1] < float("inf"):
        lo, hi = f.steepest.enclosure
        at = float(f.steepest.at) if f.steepest.attained else None
        sup = ((lo + hi) / 2, at, rf"$\sup\,|\varphi'| = {number((lo + hi) / 2, 5)}$, {f.steepest.status}")
    upper, lower = new_figure(5.2, 3.5).subplots(2, 1, sharex=True)
    saturated = () if isinstance(f.saturated, Unavailable) else f.saturated.intervals
    return plot.figure_of(plot.activation(f.subject.phi, saturated, sup, f.final_q, f.flat, (upper, lower)))


def _small() -> Axes:
    """Return axes of one figure out of three side by side, whose captions say what a legend would."""
    return new_figure(3.2, 2.8).subplots()


def _without_legend(ax: Axes) -> Figure:
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    return plot.figure_of(ax)


def _weights(f: Findings) -> np.ndarray:
    """Return one square weight matrix of the network, of its size where that is small."""
    size = f.matrix_size
    sigma_w = f.subject.last_scales[0]
    return np.random.default_rng(f.seed).normal(0, sigma_w / size**0.5, (size, size))


def _singular(f: Findings) -> Figure:
    sigma_w = f.subject.last_scales[0]
    ax = plot.law(quarter_circle(2 * sigma_w), ax=_small())
    ax.hist(np.linalg.svd(_weights(f), compute_uv=False), bins="auto", density=True, color=GREY, alpha=0.4)
    ax.set_xlabel("singular value of $W$")
    return _without_legend(ax)


def _eigenvalues(f: Findings) -> Figure:
    sigma_w = f.subject.last_scales[0]
    ax = plot.eigenvalues(np.linalg.eigvals(_weights(f)) / sigma_w, circular(), ax=_small())
    ax.set_xlabel(r"$\mathrm{Re}\,\lambda/\sigma_w$")
    ax.set_ylabel(r"$\mathrm{Im}\,\lambda/\sigma_w$")
    return _without_legend(ax)


def _spectrum(f: Findings) -> Figure:
    law = None if isinstance(f.law, Unavailable) else f.law
    sample = None
    if not isinstance(f.sampled, Unavailable) and (law is None or not f.sampled.why_smaller):
        sample = f.sampled.log_values
    ax = plot.spectrum(law, sample, ax=_small())
    if f.gradient_factor is not None:
        ax.axvline(f.gradient_factor, color=VERMILION, ls=":", lw=1.6)
    return _without_legend(ax)


def _criticality(f: Findings) -> Figure:
    assert f.curve is not None
    here = None if f.stationary is None else (f.subject.last_scales[0], f.stationary.chi)
    critical = None if isinstance(f.critical, Unavailable) else f.critical.sigma_w
    return plot.figure_of(plot.criticality(f.curve.sigma_w, f.curve.chi, here, critical))


DRAWN: dict[str, Callable[[Findings], Figure]] = {
    "activation": _activation,
    "gradient": _gradient,
    "weight_singular": _singular,
    "weight_eigenvalues": _eigenvalues,
    "spectrum": _spectrum,
    "criticality": _criticality,
}
