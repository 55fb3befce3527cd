"""The report's section on why: saturation, the product over depth, and the matrices that are multiplied."""

from __future__ import annotations

import math

from vgtheory.reporting.document import Block, Equation, Heading, Paragraph, Section
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.float32 import float32_depth
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.story_blocks import block_steps
from vgtheory.reporting.story_matrices import matrices_step
from vgtheory.reporting.story_saturation import saturation_step
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import base, exponential, latex_number, latex_power_of_ten, number, power_of_ten

SETTLED = 0.1  # difference in ln below which all layers count as having the gain of the last ones


def why_section(f: Findings) -> Section:
    """Return section 2: three steps from one neuron to the whole depth."""
    if f.subject.repeats_block:
        return Section(t("Why, in three steps"), tuple(block_steps(f)))
    return Section(
        t("Why, in three steps"),
        (
            Heading(t("Step 1: do the neurons saturate?")),
            *saturation_step(f),
            Heading(t("Step 2: the product over the depth")),
            *_product(f),
            Heading(t("Step 3: the matrices that are multiplied")),
            *matrices_step(f),
        ),
    )


def _product(f: Findings) -> list[Block]:
    if not f.plain:
        layer = r"\frac{\partial\ell}{\partial h_l} = \left(\frac{\partial h_{l+1}}{\partial h_l}\right)^{\top}"
        parts = t("The other parts of a layer ({parts}) have factors of their own.", parts=", ".join(f.subject.parts))
        return [
            Equation(layer + r"\,\frac{\partial\ell}{\partial h_{l+1}}", t("chain rule")),
            Paragraph(said(parts, _per_layer(f))),
        ]
    chain = r"\frac{\partial\ell}{\partial h_l} = D_l\,W_{l+1}^{\top}\,\frac{\partial\ell}{\partial h_{l+1}},"
    chain += r"\qquad D_l = \operatorname{diag}\varphi'(h_l)"
    known = t("chain rule")
    intro = t(
        "Every layer multiplies the gradient by its weights and by its slopes: factors multiply, they do not add."
    )
    blocks: list[Block] = [Paragraph(intro), Equation(chain, known)]
    if f.final_chi is None:
        return [*blocks, Paragraph(_per_layer(f))]
    sigma_w, chi = f.subject.last_scales[0], f.final_chi
    blocks.append(
        Paragraph(
            t(
                "In a wide layer that multiplies the squared length of the gradient by the gain χ (chi): the variance "
                "of the weights times the mean of φ'(h)² over the neurons. At χ = 1, called critical, the gradient "
                "keeps its length; below it vanishes, above it explodes."
            )
        )
    )
    depth = f.subject.depth
    passed = chi / sigma_w**2 if sigma_w else 0.0
    gain = r"\chi = \sigma_w^2\,\mathbb{E}\,\varphi'(h)^2 = "
    gain += rf"{latex_number(sigma_w)}^2 \cdot {latex_number(passed)} = {latex_number(chi)}, "
    gain += rf"\qquad \sqrt\chi = {latex_number(math.sqrt(chi))}"
    blocks.append(Equation(gain, t("quadrature, width → ∞")))
    if chi > 0:
        power = (
            rf"{base(latex_number(math.sqrt(chi), 4))}^{{{depth}}} = {latex_power_of_ten(depth * math.log(chi) / 2)}"
        )
        blocks.append(Equation(power, t("{depth} layers of this gain", depth=str(depth))))
    return [*blocks, Paragraph(said(_before_it_settles(f, chi), _per_layer(f)))]


def _before_it_settles(f: Findings, chi: float) -> Text:
    """Return what the gains of the first layers make of the product where they are not that of the last layers."""
    change = f.mean_field_change
    if isinstance(f.prediction, Unavailable) or change is None or chi <= 0 or f.growth.layers < 2:
        return ""
    if abs(change - (f.growth.layers - 1) * math.log(chi) / 2) < SETTLED:
        return ""
    values = {
        "first": number(float(f.prediction["chi"][0]), 3), "last": str(f.layers[1]), "total": power_of_ten(change),
    }  # fmt: skip
    if f.subject.scales_differ:
        return t(
            "Layers of different scales have different gains, χ = {first} in layer 1: with all of them the factor from "
            "layer {last} back to layer 1 is {total}.",
            **values,
        )
    return t(
        "The first layers have other gains, χ = {first} in layer 1, since q settles only with depth: with all of them "
        "the factor from layer {last} back to layer 1 is {total}.",
        **values,
    )


def _per_layer(f: Findings) -> Text:
    if f.growth.dead == f.growth.samples or f.growth.layers == 1:
        return ""
    rate = f.growth.rate
    factor = t(
        "In the simulated networks the factor is {factor} per layer, and {total} over the {steps} steps from layer "
        "{last} back to layer {first}.",
        factor=exponential(rate), total=power_of_ten(f.growth.change),
        steps=str(f.growth.layers - 1), first=str(f.layers[0]), last=str(f.layers[1]),
    )  # fmt: skip
    depth = float32_depth(rate)
    if f.regime.harmless or depth is None:
        return factor
    return said(factor, t("At depth {depth} a gradient of length 1 leaves the range of float32.", depth=f"{depth:,}"))
