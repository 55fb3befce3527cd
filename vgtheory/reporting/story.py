"""From findings to the document that every renderer shows: the answer, why, what to change, what is proved, details."""

from __future__ import annotations

import json
import platform
import re
from importlib.metadata import version

from vgtheory._references import REFERENCES
from vgtheory.reporting.answer import Answer
from vgtheory.reporting.document import Block, Document, FigureBlock, Paragraph, Section, code
from vgtheory.reporting.explorer import live_data
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.key_numbers import key_numbers
from vgtheory.reporting.message import Text, Verbatim, said, t
from vgtheory.reporting.story_change import best_remedy, change_section, critical_scale
from vgtheory.reporting.story_details import details_section
from vgtheory.reporting.story_proofs import proofs_section
from vgtheory.reporting.story_why import why_section
from vgtheory.reporting.subject import Subject
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import unit, verdict
from vgtheory.reporting.wording import ROUNDING, number, power_of_ten, with_error

_ALWAYS_CITED = ("poole2016", "schoenholz2017", "pennington2017", "hanin2020")
_PLAIN = re.compile(r"[A-Za-z-]+ [A-Za-z -]+")
CLOSE = 0.05  # share of a change, or of a factor of e, beyond which a prediction that is seen to be off is said to be
_PACKAGES = ("sympy", "numpy", "numba", "scipy", "xarray", "python-flint", "matplotlib")


def tell(f: Findings) -> Document:
    """Return the report on the findings."""
    said_first = verdict(f)
    return Document(
        title=_title(f),
        subtitle=_subtitle(f),
        verdict=said(said_first.text, critical_scale(f)),
        regime=said_first.regime.value,
        key_numbers=key_numbers(f),
        sections=(answer_section(f), why_section(f), change_section(f), proofs_section(f), details_section(f)),
        references=_references(f),
        unit=unit(f),
        provenance=json.dumps(provenance(f), indent=2, ensure_ascii=False),
        live=json.dumps(live_data(f)),
    )


def _subtitle(f: Answer) -> str:
    """Return the network in one line; a formula that a user typed stays as it was typed."""
    line = f.subject.line
    name = "" if f.subject.repeats_block else f.subject.name
    return line if not name or name.isidentifier() else line.replace(name, code(name), 1)


def _title(f: Answer) -> Text:
    depth = str(f.subject.depth)
    if not f.subject.repeats_block:
        name = code(f.subject.name)
    else:
        full = f.subject.name.partition(",")[0]
        name = Verbatim(full) if full.isupper() else full if _PLAIN.fullmatch(full) else code(full)
        if f.subject.recurrent:
            return t("Will the gradient of the {cell} survive {steps} steps?", cell=name, steps=depth)
        return t("Will the gradient of the {network} survive {layers} layers?", network=name, layers=depth)
    return t("Will the gradient of {network} survive {layers} layers?", network=name, layers=depth)


def answer_section(f: Findings) -> Section:
    """Return section 1: what is computed, the gradient by layer, how well it is known, the best remedy."""
    blocks: list[Block] = [Paragraph(_what_is_followed(f))]
    if f.growth.dead < f.growth.samples and f.growth.layers > 1:
        blocks.append(gradient_figure(f))
    return Section(t("The answer"), (*blocks, Paragraph(said(agreement(f), best_remedy(f)))))


def _what_is_followed(f: Answer) -> Text:
    if f.subject.repeats_block:
        return _what_is_followed_in_blocks(f.subject)
    sigma_w, sigma_b = f.subject.last_scales
    layer = t(
        "Layer l computes h_l = W_l x_{l−1} + b_l and x_l = φ(h_l). A weight is drawn with standard deviation σ_w/√N, "
        "N the inputs of its layer, a bias with σ_b; here σ_w = {sigma_w}, σ_b = {sigma_b}. Training needs the "
        "gradient ∂ℓ/∂h_l of the loss ℓ in every layer, and it is computed backwards, from layer {last} to layer 1.",
        sigma_w=number(sigma_w), sigma_b=number(sigma_b), last=str(f.subject.depth),
    )  # fmt: skip
    if not f.subject.parts:
        return layer
    return said(layer, t("Its layers have {parts} besides.", parts=" + ".join(f.subject.parts)))


def _what_is_followed_in_blocks(f: Subject) -> Text:
    names = f.streams
    gradient = f"∂ℓ/∂{names[0]}" if len(names) == 1 else f"∂ℓ/∂({', '.join(names)})"
    if f.recurrent:
        return t(
            "The cell runs {steps} steps, each of them on what the one before left. Training needs the gradient of the "
            "loss ℓ after every step; it is computed backwards in time, from the last step to the first. Below is the "
            "length of {gradient} after each step.",
            steps=str(f.depth), gradient=gradient,
        )  # fmt: skip
    return t(
        "The network repeats one block {layers} times. Training needs the gradient of the loss ℓ in every layer; it is "
        "computed backwards, from the last layer to the first. Below is the length of {gradient} after each block.",
        layers=str(f.depth), gradient=gradient,
    )  # fmt: skip


def gradient_figure(f: Answer) -> FigureBlock:
    """Return the figure of the gradient by layer."""
    first, last = (str(layer) for layer in f.layers)
    values: dict[str, Text] = {"first": first, "last": last, "by": power_of_ten(f.growth.change), "unit": unit(f)}
    seen: dict[str, Text] = {"samples": str(f.growth.samples), "unit": unit(f)}
    caption = t(
        "The length of the gradient by {unit}, in {samples} simulated networks (line: mean of ln, band: 90 % of the "
        "networks) and as theory predicts it (dashed).",
        **seen,
    )
    if f.growth.samples == 1:
        caption = t(
            "The length of the gradient by {unit}, in one simulated network (line); dashed, where it is known, as "
            "theory predicts it.",
            unit=unit(f),
        )
    elif isinstance(f.prediction, Unavailable):
        caption = t(
            "The length of the gradient by {unit}, in {samples} simulated networks (line: mean of ln, band: 90 % of "
            "the networks).",
            **seen,
        )
    alt = t(
        "Gradient against {unit}: from {unit} {last} back to {unit} {first} it changes by a factor of {by}.", **values
    )
    return FigureBlock("gradient", caption, alt)


def agreement(f: Findings) -> Text:
    """Return how well the prediction meets the simulation, in one sentence; "" where one network cannot tell."""
    if isinstance(f.prediction, Unavailable):
        return t("The gradient was not predicted: {reason}.", reason=f.prediction.reason)
    if f.predicted_change is None or f.growth.dead == f.growth.samples or f.growth.layers == 1 or f.growth.samples == 1:
        return ""
    simulated = with_error(f.growth.change, f.growth.half_width)
    values = {"simulated": simulated, "predicted": number(f.predicted_change, 4)}
    off = abs(f.growth.change - f.predicted_change)
    sure = f.growth.half_width
    if off + sure <= ROUNDING:
        return t("Theory predicts the same for every network, to all digits.")
    seen_off = off > sure and off > CLOSE * max(1.0, abs(f.predicted_change))
    if seen_off:
        return t(
            "Theory predicts {predicted} in ln for this change, the simulation gives {simulated} (99 %): the "
            "prediction is off by {off}.",
            off=number(off, 2), **values,
        )  # fmt: skip
    violated = not isinstance(f.comparison, Unavailable) and f.comparison.attrs["verdict"] == "violated"
    elsewhere: Text = (
        t(
            "For this change that agrees; in single layers the prediction is off by more than chance explains "
            "(section 5)."
        )
        if violated
        else ""
    )
    if abs(f.predicted_change) >= 1:
        return said(t(
            "As a natural logarithm that is {simulated} (simulated, 99 % interval), where theory predicts {predicted}: "
            "the prediction holds within {percent} %.",
            percent=number(100 * (off + sure) / abs(f.predicted_change), 2), **values,
        ), elsewhere)  # fmt: skip
    return said(t(
        "As a natural logarithm that is {simulated} (simulated, 99 % interval), where theory predicts {predicted}: the "
        "prediction holds within {off}.",
        off=number(off + sure, 2), **values,
    ), elsewhere)  # fmt: skip


def _references(f: Findings) -> tuple[str, ...]:
    keys = set(_ALWAYS_CITED)
    for formula in (f.length, f.gain, *(() if isinstance(f.bounds, Unavailable) else f.bounds)):
        if not isinstance(formula, Unavailable):
            keys |= set(formula.reference)
    works = (REFERENCES[k] for k in keys if k in REFERENCES)
    return tuple(r.key for r in sorted(works, key=lambda r: (r.authors, r.year)))


def provenance(f: Findings) -> dict[str, object]:
    """Return specification, seed, versions and timings, ready for JSON."""
    return {
        "spec": f.subject.spec,
        "samples": f.samples,
        "seed": f.seed,
        "versions": {"vgtheory": version("vgtheory"), "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
        "seconds": {name: round(value, 3) for name, value in f.seconds.items()},
    }
