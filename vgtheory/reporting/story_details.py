"""The report's last section, all of it folded: key numbers, mean field, finite width, spectrum, critical scale."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from vgtheory.reporting.answer import NO_LAYERS
from vgtheory.reporting.document import Block, Equation, FigureBlock, Fold, Paragraph, Section, Table
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.symbolic_words import KNOWN
from vgtheory.reporting.tables import quantile_rows, study_rows
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import unit
from vgtheory.reporting.wording import ROUNDING, chosen_layers, number
from vgtheory.symbolic.formula import Formula, formula_latex
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, phase


def details_section(f: Findings) -> Section:
    """Return section 5."""
    folds = [
        Fold(t("Simulation: gradient norms of the finite network"), tuple(_simulation(f))),
        Fold(t("Mean field: the infinitely wide network"), tuple(_mean_field(f))),
        Fold(t("The singular values of the Jacobian"), tuple(_spectrum(f))),
        Fold(t("What would make it critical"), tuple(_critical(f))),
    ]
    if f.subject.repeats_block:
        why = t(
            "Mean-field maps and the spectrum of J are not part of this report: {reason}.",
            reason=NO_LAYERS,
        )
        return Section(t("Details"), (folds[0], Paragraph(why)))
    return Section(t("Details"), tuple(folds))


def _simulation(f: Findings) -> Iterator[Block]:
    method = {
        "exact": t("sampled exactly in law without drawing the matrices"),
        "chain": t("sampled exactly in law by a few numbers per layer"),
    }.get(str(f.study.attrs.get("method")), t("with every weight matrix drawn"))
    yield Paragraph(
        t(
            "{samples} random networks of this width and depth were run forward and backward ({method}; seed {seed}), "
            "for a loss whose gradient at the output is uniform on the unit sphere.",
            samples=str(f.samples),
            method=method,
            seed=str(f.seed),
        )
    )
    if f.growth.dead == f.growth.samples:
        yield Paragraph(t("All of them are dead: the gradient is exactly 0, and there is no average to show."))
        return
    header = (unit(f), t("simulated mean of ln‖gradient‖, 99 %"), t("predicted"), t("spread"), t("predicted spread"))
    rows = []
    for i, (layer, mean, spread) in zip(chosen_layers(f.growth.layers), study_rows(f.study), strict=True):
        expected = [_or_dash(float(values[i])) for values in (f.predicted_log_norm, f.predicted_std)]
        rows.append((layer, mean, expected[0], spread, expected[1]))
    yield Table(header, tuple(rows), t("Spread: standard deviation over networks, in ln."))
    yield Paragraph(_test(f))


def _or_dash(value: float) -> str:
    return "—" if math.isnan(value) else number(value if abs(value) > ROUNDING else 0.0, 4)


def _test(f: Findings) -> Text:
    if isinstance(f.prediction, Unavailable):
        return ""  # the answer says why
    doubt = str(f.prediction.attrs["reliable"])
    warning: Text = ""
    if doubt != "yes":
        warning = t("The prediction itself warns that it is not reliable here: {why}.", why=doubt.removeprefix("no: "))
    if isinstance(f.comparison, Unavailable):
        untested = t(
            "The prediction was not tested {unit} by {unit}: {reason}.", unit=unit(f), reason=f.comparison.reason
        )
        return said(untested, warning)
    seen = f.comparison
    worst = int(np.argmax(np.abs(seen["t"].values)))
    values = {
        "t": number(abs(float(seen["t"][worst])), 3),
        "layer": str(int(seen["layer"][worst])),
        "gap": number(float(seen["mean_difference"][worst]), 2),
        "critical": number(seen.attrs["critical_t"], 3),
        "alarm": number(100 * seen.attrs["false_alarm"]),
    }
    test = t(
        "t is the difference of simulated and predicted mean in standard errors. The largest |t| is {t}, in layer "
        "{layer} (a difference of {gap} in ln); over all layers a right prediction exceeds {critical} with probability "
        "below {alarm} %.",
        **values,
    )
    return said(test, warning)


def _mean_field(f: Findings) -> Iterator[Block]:
    if isinstance(f.prediction, Unavailable):
        yield Paragraph(t("The gradient norm per layer cannot be predicted: {reason}.", reason=f.prediction.reason))
    yield Paragraph(
        t(
            "In a wide network the pre-activations of a layer are normal with a variance q_l that follows a map of one "
            "variable, and the squared gradient norm is multiplied by χ in every layer; z is a standard normal "
            "variable."
        )
    )
    for formula, name in ((f.length, "E φ(√q z)²"), (f.gain, "E φ'(√q z)²")):
        if isinstance(formula, Formula):
            yield Equation(formula_latex(formula), KNOWN[formula.status], formula.statement)
        else:
            yield Paragraph(t("{name} has no closed form here: {reason}.", name=name, reason=formula.reason))
    yield _fixed_points(f)


def _fixed_points(f: Findings) -> Block:
    if isinstance(f.fixed_points, Unavailable):
        return Paragraph(t("Fixed points of q were not found: {reason}.", reason=f.fixed_points.reason))
    if not f.fixed_points:
        return Paragraph(
            t("The length map has no fixed point: q_l grows without limit, and every layer has its own gain χ_l.")
        )
    header = (
        t("q*: where q stays"),
        t("gain χ"),
        t("χ_q: slope of the map of q"),
        t("layers per factor of e of the gradient"),
        t("depth scales ξ_q of q, ξ_c of correlations"),
    )
    rows = tuple(
        (
            number(p.q, 8),
            t("{chi} ({phase})", chi=number(p.chi, 8), phase=phase(p)),
            t("{slope} ({stable})", slope=number(p.chi_q, 6), stable=t("stable") if p.stable else t("unstable")),
            number(gradient_depth(p.chi)),
            f"{number(p.xi_q)} / {number(p.xi_c)}",
        )
        for p in f.fixed_points
    )
    notes = said(*(sentence(p.note) for p in f.fixed_points if p.note))
    return Table(header, rows, said(t("Fixed points of q, by quadrature."), notes))


def sentence(text: str) -> str:
    """Return text with a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def gradient_depth(chi: float) -> float:
    """Return the number of layers over which the gradient norm changes by a factor of e: 2/|ln χ|."""
    if chi <= 0:
        return 0.0
    return math.inf if chi == 1 else 2 / abs(math.log(chi))


def _spectrum(f: Findings) -> Iterator[Block]:
    if isinstance(f.law, Unavailable):
        yield Paragraph(t("The law of the singular values at this depth was not found: {reason}.", reason=f.law.reason))
    else:
        header = (t("share of directions below"), "ln s", "s")
        caption = t("Quantiles of the singular values of J at width → ∞, by quadrature.")
        yield Table(header, quantile_rows(f.law), caption)
        lost = f.law.zero_mass
        if lost > 0:
            yield Paragraph(t("{share} % of the directions are lost: s = 0 exactly.", share=number(100 * lost, 4)))
    if isinstance(f.sampled, Unavailable):
        yield Paragraph(t("No network was sampled for a histogram: {reason}.", reason=f.sampled.reason))
        return
    s = f.sampled
    sizes = {"width": str(s.width), "depth": str(s.depth)}
    one = t("One network of width {width} and depth {depth} was drawn and all its singular values computed.", **sizes)
    more = t(
        "{networks} networks of width {width} and depth {depth} were drawn and all their singular values computed.",
        networks=str(s.networks), **sizes,
    )  # fmt: skip
    yield Paragraph(said(s.why_smaller, one if s.networks == 1 else more))


def _critical(f: Findings) -> Iterator[Block]:
    if isinstance(f.critical, CriticalPoint):
        point, (sigma_w, sigma_b) = f.critical, f.subject.last_scales
        scales: dict[str, Text] = {
            "sigma_b": number(sigma_b, 6), "there": number(point.sigma_w, 8), "here": number(sigma_w, 8)
        }  # fmt: skip
        yield Paragraph(
            said(
                t(
                    "At σ_b = {sigma_b} the gradient keeps its size (χ = 1) at σ_w = {there}, whatever q, which grows "
                    "by σ_b² per layer; this network has σ_w = {here}.",
                    **scales,
                )
                if math.isinf(point.q)
                else t(
                    "At σ_b = {sigma_b} the gradient keeps its size (χ = 1) at σ_w = {there}, where q* = {q}; this "
                    "network has σ_w = {here}. Known by quadrature and a root finder.",
                    q=number(point.q, 6),
                    **scales,
                ),
                None if point.stable else t("That fixed point is unstable: q moves away from it with depth."),
                sentence(point.note) if point.note and math.isfinite(point.q) else None,
                t(
                    "Even there a finite network drifts: the fluctuations of ln‖∂ℓ/∂h_l‖ add up like depth/width, so "
                    "that the depth should stay small against the width ({width}).",
                    width=str(f.subject.narrowest),
                ),
            )
        )
    else:
        yield Paragraph(t("There is no critical σ_w here: {reason}.", reason=f.critical.reason))
    if f.curve is not None:
        yield FigureBlock(
            "criticality",
            t("The gain χ at the stable fixed point of q against σ_w, at this network's σ_b."),
            t("Curve of the gain per layer against σ_w, with this network and the critical point marked."),
        )
