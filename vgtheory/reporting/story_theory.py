"""The report's sections on what is derived, proved and predicted, from findings to document blocks."""

from __future__ import annotations

import math

import sympy as sp

from vgtheory._references import REFERENCES
from vgtheory.reporting.bound_values import FAILURE, THRESHOLD
from vgtheory.reporting.document import Block, Equation, FigureBlock, Paragraph, Section, Table, code
from vgtheory.reporting.findings import SATURATED, Findings
from vgtheory.reporting.float32 import LOG_MAX_FLOAT32, LOG_TINY_FLOAT32
from vgtheory.reporting.symbolic_words import (
    KNOWN,
    extremum_row,
    extremum_value,
    saturated_text,
)
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number, power_of_ten
from vgtheory.symbolic.extrema import Extremum
from vgtheory.symbolic.formula import Formula, formula_latex
from vgtheory.symbolic.printing import to_latex
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, phase
from vgtheory.theory.methods import METHODS


def activation_section(f: Findings) -> Section:
    """Return section 1: φ, φ', the largest slope and where φ' saturates."""
    act = f.network.activation
    x = act.symbol
    phi = sp.Function("varphi")
    blocks: list[Block] = [
        Paragraph(
            "Each layer multiplies the gradient by the slopes φ'(h) of its neurons and by its weights, so everything "
            "starts with φ and φ'."
        ),
        Equation(f"{to_latex(phi(x))} = {to_latex(act.expr)}", "by definition", f"the activation {code(act.name)}"),
        Equation(
            f"{to_latex(sp.Derivative(phi(x), x))} = {to_latex(act.derivative())}",
            "proved, closed form",
            "derived symbolically" + (", away from the kinks" if act.breakpoints else ""),
        ),
    ]
    rows = [extremum_row(name, value) for name, value in _extrema(f)]
    blocks.append(Table(("Quantity", "Value", "How it is known"), tuple(rows)))
    blocks += _saturation_blocks(f)
    blocks.append(
        FigureBlock(
            "activation",
            "φ and φ'. Grey: where φ' is saturated. Dashed: the largest slope. Light blue: the law of the "
            "pre-activations in the last layers, scaled to be seen.",
            f"Graphs of the activation {act.name} and of its derivative; {_slope_words(f)}.",
        )
    )
    return Section("The activation and its slope", tuple(blocks))


def _extrema(f: Findings) -> list[tuple[str, Extremum | Unavailable]]:
    if isinstance(f.slope, Unavailable):
        return [("range of φ'", f.slope), ("sup |φ'|", f.steepest)]
    return [("sup φ'", f.slope.sup), ("inf φ'", f.slope.inf), ("κ = sup |φ'|", f.steepest)]


def _slope_words(f: Findings) -> str:
    if isinstance(f.steepest, Unavailable):
        return "its largest slope was not found"
    return f"its largest slope is {extremum_value(f.steepest)}"


def _saturation_blocks(f: Findings) -> list[Block]:
    if isinstance(f.saturated, Unavailable):
        return [Paragraph(f"Where φ' saturates was not found: {f.saturated.reason}.")]
    if not f.saturated.intervals:
        return [Paragraph(f"φ' does not saturate: |φ'| ≤ {SATURATED} holds nowhere.")]
    spans = saturated_text(f.saturated)
    text = f"A neuron is saturated, |φ'(h)| ≤ {SATURATED}, for h in {spans} ({KNOWN[f.saturated.status]})."
    if f.final_q is not None and 0 < f.final_q < math.inf:
        share = float(f.saturated.probability(f.final_q))
        text += f" In the last layers (q = {number(f.final_q)}) that is {number(100 * share, 3)} % of the neurons."
    return [Paragraph(text)]


def bounds_section(f: Findings) -> Section:
    """Return section 2: the bounds that apply, their value here, and the depth at which they leave float32."""
    if isinstance(f.bounds, Unavailable):
        return Section("What is proved", (Paragraph(f"No bound applies: {f.bounds.reason}."),))
    blocks: list[Block] = [
        Paragraph(
            "These statements hold at every width and depth under the assumptions given with them. A bound whose rate "
            "is above 1 per layer cannot show that the gradient vanishes; it then only limits how fast it can grow."
        )
    ]
    blocks.append(Paragraph(_certified(f)))
    if f.bound_values:
        rows = tuple((b.name, b.value, KNOWN[b.status]) for b in f.bound_values)
        caption = (
            f"Values at depth {f.growth.layers}, with failure probability p = {number(FAILURE)} and threshold "
            f"ε = {number(THRESHOLD)} where the statement has them"
        )
        blocks.append(Table(("Bound", "Value for this network", "How it is known"), rows, caption))
    for bound in f.bounds:
        note = ". ".join(s.rstrip(".") for s in (bound.statement, *_assumptions(bound), *_cited(bound)) if s)
        text = f"{_sentence(bound.name)} {note}." if bound.name else f"{note}."
        blocks.append(Equation(formula_latex(bound), KNOWN[bound.status], text))
    return Section("What is proved", tuple(blocks))


def _certified(f: Findings) -> str:
    proof = f.certificate
    if isinstance(proof, Unavailable):
        return f"Whether vanishing or explosion can be proved was not decided: {proof.reason}."
    if proof is None:
        return (
            "For this network neither vanishing nor explosion follows from these bounds (no upper rate is below 1 and "
            "no lower rate above 1), so they give no depth at which the gradient must fall under float32's smallest "
            "normal number; mean field and simulation below have to decide."
        )
    lo, hi = proof.enclosure
    limit = "at most" if proof.verdict == "vanishes" else "at least"
    return (
        f"Certified: the mean squared gradient {proof.verdict} with depth. Each layer multiplies it by {limit} "
        f"{number((lo + hi) / 2, 8)} ({proof.name})."
    )


def _assumptions(bound: Formula) -> list[str]:
    return ["Assumes: " + "; ".join(a.rstrip(".") for a in bound.assumptions)] if bound.assumptions else []


def _cited(bound: Formula) -> list[str]:
    return [REFERENCES[key].short if key in REFERENCES else key for key in bound.reference]


def mean_field_section(f: Findings) -> Section:
    """Return section 3: length and gradient maps, fixed points, phase, depth scales, prediction."""
    blocks: list[Block] = [
        Paragraph(
            "In a wide network the pre-activations of a layer are normal with a variance q_l that follows a map of "
            "one variable, and the squared gradient norm is multiplied by χ in every layer."
        )
    ]
    for formula, name in ((f.length, "E φ(√q z)²"), (f.gain, "E φ'(√q z)²")):
        if isinstance(formula, Formula):
            blocks.append(Equation(formula_latex(formula), KNOWN[formula.status], formula.statement))
        else:
            blocks.append(Paragraph(f"{name} has no closed form here: {formula.reason}."))
    blocks.append(_fixed_point_block(f))
    blocks += _prediction_blocks(f)
    return Section("Mean field: the infinitely wide network", tuple(blocks))


def _fixed_point_block(f: Findings) -> Block:
    if isinstance(f.fixed_points, Unavailable):
        return Paragraph(f"Fixed points of q were not found: {f.fixed_points.reason}.")
    if not f.fixed_points:
        return Paragraph(
            "The length map has no fixed point: q_l grows without limit, and every layer has its own gain χ_l."
        )
    rows = []
    for p in f.fixed_points:
        stable = "stable" if p.stable else "unstable"
        rows.append(
            (
                number(p.q, 8),
                f"{number(p.chi, 8)} ({phase(p)})",
                f"{number(p.chi_q, 6)} ({stable})",
                number(gradient_depth(p.chi)),
                f"{number(p.xi_q)} / {number(p.xi_c)}",
            )
        )
    return Table(
        ("q*", "gain χ", "χ_q", "layers per factor of e of the gradient", "depth scales ξ_q / ξ_c"),
        tuple(rows),
        "Fixed points of q, by quadrature. " + " ".join(_sentence(p.note) for p in f.fixed_points if p.note),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def gradient_depth(chi: float) -> float:
    """Return the number of layers over which the gradient norm changes by a factor of e: 2/|ln χ|."""
    if chi <= 0:
        return 0.0
    return math.inf if chi == 1 else 2 / abs(math.log(chi))


def _prediction_blocks(f: Findings) -> list[Block]:
    if isinstance(f.prediction, Unavailable):
        return [Paragraph(f"The gradient norm per layer cannot be predicted: {f.prediction.reason}.")]
    known = METHODS[f.prediction.attrs["method"]].sentence
    return [
        Paragraph(
            f"Predicted mean of ln‖∂ℓ/∂h_l‖: {number(f.predicted_log_norm[0], 6)} in layer 1 and "
            f"{number(f.predicted_log_norm[-1], 6)} in layer {len(f.predicted_log_norm)}, a change by a factor of "
            f"{power_of_ten(f.predicted_change or 0.0)} on the way back ({known}; assuming that "
            f"{f.prediction.attrs['assumptions']}). Section 4 puts it to the test."
        )
    ]


def critical_section(f: Findings, has_curve: bool) -> Section:
    """Return section 6: the σ_w that would make it critical."""
    blocks: list[Block] = []
    sigma_w, sigma_b = f.network.sigmas[0]
    if isinstance(f.critical, CriticalPoint):
        point = f.critical
        blocks.append(
            Paragraph(
                f"At σ_b = {number(sigma_b, 6)} the gradient keeps its size (χ = 1) at "
                f"σ_w = {number(point.sigma_w, 8)}, where q* = {number(point.q, 6)}; this network has "
                f"σ_w = {number(sigma_w, 8)}, {_relative(sigma_w, point.sigma_w)}. Known by quadrature and a "
                "root finder."
                + ("" if point.stable else " That fixed point is unstable: q moves away from it with depth.")
                + (f" {_sentence(point.note)}" if point.note else "")
            )
        )
        blocks.append(Paragraph(_depth_limit(f)))
    else:
        blocks.append(Paragraph(_sentence(f.critical.reason)))
    if has_curve:
        blocks.append(
            FigureBlock(
                "criticality",
                "The gain χ at the stable fixed point of q against σ_w, at this network's σ_b. "
                "Below the line χ = 1 gradients vanish with depth, above it they explode.",
                "Curve of the gain per layer against sigma_w, with this network and the critical point marked.",
            )
        )
    return Section("What would make it critical", tuple(blocks))


def _relative(here: float, there: float) -> str:
    if there == 0:
        return "away from it"
    share = here / there - 1
    if abs(share) < 1e-9:
        return "which is exactly that"
    return f"{number(abs(100 * share), 3)} % {'above' if share > 0 else 'below'} it"


def _depth_limit(f: Findings) -> str:
    width = min(f.network.widths)
    return (
        "Even there a finite network drifts: the fluctuations of ln‖∂ℓ/∂h_l‖ add up like depth/width, so keep the "
        f"depth small against the width ({width}) times a constant of order one, or use more width."
    )


def float32_depth(rate: float) -> str:
    """Return the depth after which a gradient of norm 1 that changes by e^rate per layer leaves float32, in words.

    >>> float32_depth(-0.5)
    '175 layers'
    """
    if rate == 0:
        return "never"
    limit = LOG_TINY_FLOAT32 if rate < 0 else LOG_MAX_FLOAT32
    return f"{math.ceil(limit / rate):,} layers".replace(",", " ")
