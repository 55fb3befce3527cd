"""The report's sections on what was simulated and on the singular values of J, from findings to document blocks."""

from __future__ import annotations

import numpy as np

from vgtheory.reporting.document import Block, FigureBlock, Paragraph, Section, Table
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.tables import chosen_layers, quantile_rows, study_rows
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number


def simulation_section(f: Findings) -> Section:
    """Return section 4: the simulated gradient norms against the prediction."""
    seen = f.growth
    method = {
        "exact": "sampled exactly in law without drawing the matrices",
        "chain": "sampled exactly in law by a few numbers per layer",
        "dense": "with every weight matrix drawn",
    }.get(str(f.study.attrs.get("method")), str(f.study.attrs.get("method")))
    blocks: list[Block] = [
        Paragraph(
            f"{f.samples} random networks of this width and depth were run forward and backward ({method}; "
            f"seed {f.seed}, {number(f.seconds['simulation'], 2)} s), for a loss whose gradient at the output is "
            "uniform on the unit sphere."
        )
    ]
    if seen.dead == seen.samples:
        blocks.append(Paragraph("All of them are dead: the gradient is exactly 0, and there is no average to show."))
        return Section("Monte Carlo of the finite network", tuple(blocks))
    if seen.dead:
        blocks.append(
            Paragraph(
                f"{seen.dead} of the {seen.samples} networks are dead: their gradient is exactly 0 in some layer. "
                "They are counted here and left out of every average below."
            )
        )
    blocks += [_layer_table(f), *_agreement(f)]
    blocks.append(
        FigureBlock(
            "gradient",
            "ln‖∂ℓ/∂h_l‖ by layer: the 5 % to 95 % range of the simulated networks, their mean with its 99 % interval, "
            "and the prediction. Below: (simulated − predicted mean) / standard error; grey, ±3.",
            f"Gradient norm against layer: {_trend(f)}.",
        )
    )
    return Section("Monte Carlo of the finite network", tuple(blocks))


def _trend(f: Findings) -> str:
    growth = f.growth
    direction = "rises" if growth.change > 0 else "falls"
    return f"going back from layer {growth.layers} to layer 1 it {direction} by {number(abs(growth.change))} in ln"


def _layer_table(f: Findings) -> Table:
    rows = []
    for i, (layer, mean, spread) in zip(chosen_layers(f.growth.layers), study_rows(f.study), strict=True):
        expected = number(float(f.predicted_log_norm[i]), 6), number(float(f.predicted_std[i]), 3)
        z = number(float(f.z_scores[i]), 2)
        rows.append((layer, mean, expected[0], spread, expected[1], z))
    return Table(
        ("layer l", "simulated mean, 99 % interval", "predicted mean", "spread", "predicted spread", "z"),
        tuple(rows),
        "ln‖∂ℓ/∂h_l‖: Monte Carlo with intervals against the prediction; spread: standard deviation over networks",
    )


def _agreement(f: Findings) -> list[Block]:
    if isinstance(f.prediction, Unavailable):
        return []
    if isinstance(f.comparison, Unavailable):
        return [Paragraph(f"The prediction was not tested: {f.comparison.reason}.")]
    seen = f.comparison
    worst = int(np.argmax(np.abs(seen["t"].values)))
    gap = float(seen["mean_difference"][worst])
    text = (
        f"The largest |t| is {number(abs(float(seen['t'][worst])), 3)}, in layer {int(seen['layer'][worst])} (a "
        f"difference of {number(gap, 2)} in ln); over all layers a right prediction exceeds "
        f"{number(seen.attrs['critical_t'], 3)} with probability below {number(100 * seen.attrs['false_alarm'])} %. "
    )
    text += seen.attrs["sentence"] + f" (Layers by verdict: {seen.attrs['counts']}.)"
    method, reliable = str(f.prediction.attrs["method"]), str(f.prediction.attrs["reliable"])
    if reliable != "yes":
        text += (
            f" The prediction ({method}) itself warns that it is not reliable here: {reliable.removeprefix('no: ')}."
        )
    return [Paragraph(text)]


def spectrum_section(f: Findings) -> Section:
    """Return section 5: the law of ln s at this depth and the histogram of a sampled network."""
    blocks: list[Block] = [
        Paragraph(
            "The gradient's size depends on its direction: the singular values s of J = ∂x_L/∂x_0 say by how much each "
            "direction grows or shrinks on the way through the network."
        )
    ]
    if isinstance(f.law, Unavailable):
        blocks.append(Paragraph(f"The law of the singular values at this depth was not found: {f.law.reason}."))
    else:
        blocks.append(
            Table(
                ("Share of directions below", "ln s", "s"),
                quantile_rows(f.law),
                f"Quantiles of the singular-value law at depth {f.growth.layers}, width → ∞ (quadrature)",
            )
        )
        blocks += _mass_at_zero(f)
        if has_own_figure(f):
            blocks.append(
                FigureBlock(
                    "spectrum",
                    f"Density of ln s at this network's depth {f.growth.layers}, width → ∞.",
                    "Density of the logarithm of the singular values of the Jacobian at the network's depth.",
                )
            )
    blocks += _sampled_blocks(f)
    return Section("The singular values of the Jacobian", tuple(blocks))


def has_own_figure(f: Findings) -> bool:
    """Return whether the law at the network's depth has a figure of its own, apart from that of the sample."""
    if isinstance(f.law, Unavailable):
        return False
    return isinstance(f.sampled, Unavailable) or bool(f.sampled.why_smaller)


def _mass_at_zero(f: Findings) -> list[Block]:
    mass = f.law.zero_mass
    if mass <= 0:
        return []
    return [Paragraph(f"A share of {number(100 * mass, 4)} % of the directions is lost: s = 0 exactly.")]


def _sampled_blocks(f: Findings) -> list[Block]:
    if isinstance(f.sampled, Unavailable):
        return [Paragraph(f"No network was sampled for a histogram: {f.sampled.reason}.")]
    s = f.sampled
    text = (
        f"{s.networks} networks of width {s.width} and depth {s.depth} were drawn and all their singular values "
        "computed (Monte Carlo)"
        + ("." if isinstance(s.law, Unavailable) else f"; the curve is the law at depth {s.depth}, width → ∞.")
    )
    if s.why_smaller:
        text = f"{s.why_smaller} Instead, {text}"
    return [
        Paragraph(text),
        FigureBlock(
            "spectrum_sampled",
            f"Histogram of ln s of the sampled networks (width {s.width}, depth {s.depth}) and the law at that depth.",
            f"Histogram of sampled singular values at width {s.width} and depth {s.depth} over the predicted density.",
        ),
    ]
