"""The figures of a report, drawn from its findings."""

from __future__ import annotations

from matplotlib.figure import Figure

from vgtheory.reporting import plot
from vgtheory.reporting.findings import SATURATED, Findings
from vgtheory.reporting.story_numbers import has_own_figure
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number

FIGURES = ("activation", "gradient", "spectrum", "spectrum_sampled", "criticality")


def draw(f: Findings) -> dict[str, Figure]:
    """Return the figures by name; one that the findings do not allow is left out."""
    drawn = {"activation": _activation(f)}
    if f.growth.dead < f.growth.samples:
        prediction = None if isinstance(f.prediction, Unavailable) else f.prediction
        z = None if prediction is None else f.z_scores
        drawn["gradient"] = plot.figure_of(plot.gradient(f.study, prediction, z, f.layer_bound))
    if has_own_figure(f):
        drawn["spectrum"] = plot.figure_of(plot.spectrum(f.law))
    if not isinstance(f.sampled, Unavailable):
        s = f.sampled
        caption = f"sampled: width {s.width}, depth {s.depth}"
        law = None if isinstance(s.law, Unavailable) else s.law
        drawn["spectrum_sampled"] = plot.figure_of(plot.spectrum(law, s.log_values, caption))
    if f.curve is not None:
        here = None if f.stationary is None else (f.network.sigmas[0][0], f.stationary.chi)
        critical = None if isinstance(f.critical, Unavailable) else f.critical.sigma_w
        drawn["criticality"] = plot.figure_of(plot.criticality(f.curve.sigma_w, f.curve.chi, here, critical))
    return drawn


def _activation(f: Findings) -> Figure:
    sup = None
    if not isinstance(f.steepest, Unavailable) and f.steepest.enclosure[1] < float("inf"):
        lo, hi = f.steepest.enclosure
        at = float(f.steepest.at) if f.steepest.attained else None
        sup = ((lo + hi) / 2, at, rf"$\sup\,|\varphi'| = {number((lo + hi) / 2, 5)}$, {f.steepest.status}")
    saturated = () if isinstance(f.saturated, Unavailable) else f.saturated.intervals
    return plot.figure_of(plot.activation(f.network.activation, saturated, sup, f.final_q, SATURATED))
