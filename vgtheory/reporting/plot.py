"""Figures: each function takes results and returns matplotlib axes, drawn in the one style of the package.

``plot.activation(act)``, ``plot.gradient(study, prediction)``, ``plot.spectrum(law, sample)`` and
``plot.criticality(sigma_w, chi)``; the figure is ``ax.figure``, e.g. ``ax.figure.savefig("tanh.pdf")``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vgtheory.codegen.evaluate import evaluator
from vgtheory.reporting.float32 import LOG_MAX_FLOAT32, LOG_TINY_FLOAT32
from vgtheory.reporting.style import BLUE, GREEN, GREY, INK, ORANGE, RC, SKY, VERMILION, new_figure
from vgtheory.symbolic.activation import Activation

WIDEST_SHOWN = 400.0  # variance of h beyond which its density is flat on every axis that is drawn


@dataclass(frozen=True)
class GradientSummary:
    """Simulated ln‖∂ℓ/∂h_l‖ per layer: mean, standard error and quantiles over the networks that are not dead.

    ``dead`` counts the samples whose gradient is exactly zero in some layer; they are left out of every average.
    """

    layer: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray
    low: np.ndarray
    high: np.ndarray
    samples: int
    dead: int


def summarise(study: Any) -> GradientSummary:
    """Return per-layer mean, standard error and 5 %–95 % range of ``study.log_gradient_norm``."""
    values = np.asarray(study["log_gradient_norm"].transpose("sample", "layer"), dtype=float)
    alive = np.isfinite(values).all(axis=1)
    kept = values[alive]
    blank = np.full(values.shape[1], np.nan)
    count = len(kept)
    return GradientSummary(
        layer=np.asarray(study["layer"]),
        mean=kept.mean(axis=0) if count else blank,
        stderr=kept.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else blank,
        low=np.quantile(kept, 0.05, axis=0) if count else blank,
        high=np.quantile(kept, 0.95, axis=0) if count else blank,
        samples=len(values),
        dead=int(len(values) - count),
    )


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
    _legend_above(upper, lower)
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
        label=rf"law of $h$ at $q={q:.3g}$",
    )
    ax.set_ylim(bottom, top)


def _legend_above(ax: Axes, *sources: Axes) -> None:
    handles, labels = [], []
    for source in (ax, *sources):
        for handle, label in zip(*source.get_legend_handles_labels(), strict=True):
            handles.append(handle)
            labels.append(label)
    if handles:
        ax.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


@matplotlib.rc_context(RC)
def gradient(
    study: Any,
    prediction: Any | None = None,
    z_scores: np.ndarray | None = None,
    bound: tuple[np.ndarray, str] | None = None,
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Return the axes of ln‖∂ℓ/∂h_l‖ against the layer (upper) and of its z-scores (lower).

    Parameters
    ----------
    study : dataset of ``vg.simulate``.
    prediction : dataset of ``vg.predict`` for the same network; its mean is drawn over the simulation.
    z_scores : (simulated mean − predicted mean) / standard error, per layer.
    bound : per-layer logarithm of a bound on the root mean square, and its name.
    """
    seen = summarise(study)
    if axes is None:
        axes = new_figure(5.2, 4.6).subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    upper, lower = axes
    upper.fill_between(seen.layer, seen.low, seen.high, color=SKY, alpha=0.4, lw=0, label="90 % of networks")
    half = 2.576 * np.nan_to_num(seen.stderr)
    upper.fill_between(
        seen.layer, seen.mean - half, seen.mean + half, color=BLUE, alpha=0.45, lw=0, label="mean, 99 % interval"
    )
    upper.plot(seen.layer, seen.mean, color=BLUE, label="simulated mean")
    if prediction is not None:
        upper.plot(
            prediction["layer"], prediction["log_gradient_norm"], color=ORANGE, ls=(0, (5, 3)), label="predicted mean"
        )
    if bound is not None:
        _draw_bound(upper, seen.layer, bound[0], bound[1])
    _float32_limits(upper)
    upper.set_ylabel(r"$\ln\,\|\partial\ell/\partial h_l\|$")
    _legend_above(upper)
    if z_scores is not None:
        lower.axhspan(-3, 3, color=GREY, alpha=0.2, lw=0)
        lower.plot(seen.layer, z_scores, color=INK, lw=1.0)
        peak = float(np.nanmax(np.abs(z_scores))) if np.isfinite(z_scores).any() else 0.0
        lower.set_ylim(-max(4.0, 1.15 * peak), max(4.0, 1.15 * peak))
    lower.set_ylabel("z-score")
    lower.set_xlabel("layer $l$ (input at the left)")
    lower.set_xlim(float(seen.layer[0]), float(max(seen.layer[-1], seen.layer[0] + 1)))
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
            ax.axhline(value, color=VERMILION, ls=":", lw=1.3, label=name)


@matplotlib.rc_context(RC)
def spectrum(
    law: Any | None, sample: np.ndarray | None = None, caption: str = "sampled network", ax: Axes | None = None
) -> Axes:
    """Return the axes of the density of ln s, s a singular value of J, over the histogram of sampled values.

    Parameters
    ----------
    law : ``vg.spectrum(network)``, drawn from its 1 % quantile up; None for a histogram alone.
    sample : sampled ln s of any shape; zeros (−inf) are counted in the label and not drawn.
    """
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
    _legend_above(ax)
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
        empty = zero_mass(law)
        ends += [float(law.ppf_log(empty + (1 - empty) * 0.01)), float(law.ppf_log(1 - 1e-9))]
    if sample is not None:
        flat = np.asarray(sample, dtype=float).ravel()
        finite = flat[np.isfinite(flat)]
        if finite.size:
            ends += [float(np.quantile(finite, 0.01)), float(finite.max())]
    lo, hi = min(ends, default=-1.0), max(ends, default=1.0)
    room = 0.03 * (hi - lo) if hi - lo > 1e-6 else 0.5
    return lo - room, hi + room


def zero_mass(law: Any) -> float:
    """Return the mass of the law of s at s = 0."""
    return float(sum(mass for place, mass in law.atoms_log if place == -np.inf))


@matplotlib.rc_context(RC)
def criticality(
    sigma_w: np.ndarray,
    chi: np.ndarray,
    here: tuple[float, float] | None,
    critical: float | None,
    ax: Axes | None = None,
) -> Axes:
    """Return the axes of the gain χ against σ_w, with the network's own σ_w and the critical one marked."""
    if ax is None:
        ax = new_figure(5.2, 3.0).subplots()
    ax.axhline(1.0, color=GREY, lw=1)
    ax.plot(sigma_w, chi, color=BLUE, label=r"$\chi$ at the stable fixed point")
    if critical is not None:
        ax.plot([critical], [1.0], "D", color=GREEN, ms=7, label=rf"critical: $\sigma_w={critical:.4g}$")
    if here is not None:
        ax.plot([here[0]], [here[1]], "o", color=VERMILION, ms=7, label=rf"this network: $\chi={here[1]:.4g}$")
    ax.set_xlabel(r"$\sigma_w$")
    ax.set_ylabel(r"gain per layer $\chi$")
    _legend_above(ax)
    return ax


def figure_of(axes: Axes | tuple[Axes, ...]) -> Figure:
    """Return the figure that holds the axes."""
    first = axes if isinstance(axes, Axes) else axes[0]
    figure = first.get_figure(root=True)
    assert figure is not None, "axes that were removed from their figure"
    return figure
