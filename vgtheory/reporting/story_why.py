"""The report's section on why: saturation, the product over depth, and the matrices that are multiplied."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vgtheory.model.network import BlockNetwork
from vgtheory.model.weights import INDEPENDENT
from vgtheory.reporting.answer import Answer
from vgtheory.reporting.document import Block, Equation, FigureBlock, FigureRow, Heading, Paragraph, Section, code
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.float32 import float32_depth
from vgtheory.reporting.gradient_series import shares
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.plot.activation import WIDEST_SHOWN
from vgtheory.reporting.symbolic_words import saturated_text
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import unit
from vgtheory.reporting.wording import columns_of, latex_number, latex_power_of_ten, number, power_of_ten
from vgtheory.theory.asymptotics.mean_field import best_gain, gradient_gain_at
from vgtheory.theory.regime import Regime

CAUSE, PART = 0.9, 0.25  # share of the lost ln that saturation accounts for
SETTLED = 0.1  # difference in ln below which all layers count as having the gain of the last ones
NONE = 0.01  # expected number of neurons of a layer below which it is said that there are none


def why_section(f: Findings) -> Section:
    """Return section 2: three steps from one neuron to the whole depth."""
    if isinstance(f.network, BlockNetwork):
        return Section(t("Why"), tuple(_blocks(f)))
    return Section(
        t("Why, in three steps"),
        (
            Heading(t("Step 1: do the neurons saturate?")),
            *_saturation(f),
            Heading(t("Step 2: the product over the depth")),
            *_product(f),
            Heading(t("Step 3: the matrices that are multiplied")),
            *_matrices(f),
        ),
    )


def _blocks(f: Findings) -> list[Block]:
    depth = int(f.network.depth)
    product = t(
        "Backwards, the gradient is multiplied by the Jacobian of the block in every {unit}, {depth} times.",
        depth=str(depth), unit=unit(f),
    )  # fmt: skip
    total = power_of_ten(f.growth.rate * depth)
    change = t(
        "On average over networks its length changes by a factor of {factor} per {unit}, and {factor}^{{depth}} = "
        "{total}.",
        depth=str(depth), factor=number(math.exp(f.growth.rate), 4), total=total, unit=unit(f),
    )  # fmt: skip
    if total == "1":
        change = t("On average over networks its length stays as it is.")
    absent = t(
        "A block has several maps and several matrices, so that the share of saturated neurons of one activation, the "
        "gain χ of one layer and the spectrum of one matrix, which explain a network of layers, are not defined here."
    )
    return [Paragraph(said(product, change, _streams(f), _tokens(f))), Paragraph(absent)]


def _streams(f: Findings) -> Text:
    found = sorted(shares(f.study).items(), key=lambda pair: -pair[1])
    if len(found) < 2:
        return ""
    name, share = found[0]
    return t(
        "Of what arrives after the first block, stream {name} carries {percent} % of the squared gradient.",
        name=name, percent=number(100 * share, 3),
    )  # fmt: skip


def _tokens(f: Findings) -> Text:
    if "cosine" not in f.study or not isinstance(f.network, BlockNetwork):
        return ""
    mean = f.study["cosine"].mean("sample").values
    if not mean[-1] > mean[0]:
        return ""
    kind = {"tokens": t("tokens"), "positions": t("positions"), "columns": t("columns")}[columns_of(f.network)]
    return t(
        "The {columns} grow alike: the mean cosine of two of them goes from {first} at the input to {last} at the "
        "output, and gradients of {columns} that are alike add up.",
        columns=kind, first=number(float(mean[0]), 2), last=number(float(mean[-1]), 2),
    )  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """What a layer passes of the squared gradient, E φ'², and the most that any length of the signal would pass."""

    passed: float
    best: float

    def share(self, chi: float) -> float:
        """Return the share of −ln χ that saturation accounts for."""
        return math.log(self.best / self.passed) / -math.log(chi) if chi < 1 and self.passed > 0 else 0.0


def loss_by_saturation(f: Answer) -> Loss | None:
    """Return what saturation takes: signals that are longer than the best ones lie where φ is flat."""
    if f.final_q is None or not 0 < f.final_q < math.inf:
        return None
    act = f.network.activation
    passed = float(gradient_gain_at(act, np.array([f.final_q]), 1.0)[0])
    best, at = best_gain(act)
    return Loss(passed, max(best, passed) if f.final_q > at else passed)


def _saturation(f: Findings) -> list[Block]:
    act = f.network.activation
    blocks: list[Block] = [
        Paragraph(
            said(
                t(
                    "Going back through a neuron, the gradient is multiplied by the slope φ'(h) of its activation. A "
                    "neuron is saturated where the slope is almost 0, here |φ'(h)| ≤ {eps}.",
                    eps=number(f.flat),
                ),
                _saturated_share(f),
                _is_it_the_cause(f),
            )
        )
    ]
    caption = t("φ and its slope φ'. Grey: saturated. Light blue: where the pre-activations h of the last layers lie.")
    if f.final_q is None or not 0 < f.final_q < WIDEST_SHOWN:
        caption = t("φ and its slope φ'. Grey: saturated.")
    alt = t("Graphs of the activation {name} and of its slope.", name=code(act.name))
    return [*blocks, FigureBlock("activation", caption, alt)]


def _saturated_share(f: Findings) -> Text:
    if isinstance(f.saturated, Unavailable):
        return t("Where that holds was not found: {reason}.", reason=f.saturated.reason)
    if not f.saturated.intervals:
        return t("The slope of {name} never is.", name=code(f.network.activation.name))
    where = saturated_text(f.saturated)
    if f.final_q is None or not 0 < f.final_q < math.inf:
        return t("That is so for h in {where}.", where=where)
    share, width = float(f.saturated.probability(f.final_q)), min(f.network.widths)
    if share * width < NONE:
        return t(
            "That is so for h in {where}: for none of the {width} neurons of the last layers, where h has variance q = "
            "{q}.",
            where=where, width=str(width), q=number(f.final_q),
        )  # fmt: skip
    return t(
        "That is so for h in {where}: about {count} of the {width} neurons of the last layers ({share} %), where h has "
        "variance q = {q}.",
        where=where, count=str(round(share * width)), width=str(width), share=number(100 * share, 2),
        q=number(f.final_q),
    )  # fmt: skip


def _is_it_the_cause(f: Findings) -> Text:
    loss, chi = loss_by_saturation(f), f.final_chi
    if f.regime is Regime.explodes:
        return t("Saturation can only shrink a gradient; it is not the cause here.")
    if f.regime is Regime.dead:
        width = str(min(f.network.widths))
        return t("That is the cause here: it happens that all {width} neurons of a layer are off at once.", width=width)
    if f.regime is not Regime.vanishes or loss is None or chi is None or not f.plain:
        return ""
    share = loss.share(chi)
    values: dict[str, Text] = {"passed": number(loss.passed, 3), "best": number(loss.best, 3)}
    if share >= CAUSE:
        return t(
            "Saturation is the cause: a layer passes E φ'² = {passed} of the squared gradient, where {best} is "
            "possible.",
            **values,
        )
    if share >= PART:
        return t(
            "Saturation is a part of the cause, {percent} % of the loss in ln: a layer passes E φ'² = {passed} of the "
            "squared gradient, where {best} is possible.",
            percent=number(100 * share, 2), **values,
        )  # fmt: skip
    values["best"] = number(max(best_gain(f.network.activation)[0], loss.passed), 3)
    return t(
        "Saturation is not the cause: a layer passes E φ'² = {passed} of the squared gradient, signals of another "
        "length would make that {best} at most, and weights of σ_w = {sigma} do not make up for it.",
        sigma=number(f.network.sigmas[-1][0]), **values,
    )  # fmt: skip


def _product(f: Findings) -> list[Block]:
    if not f.plain:
        layer = r"\frac{\partial\ell}{\partial h_l} = \left(\frac{\partial h_{l+1}}{\partial h_l}\right)^{\top}"
        parts = t("The other parts of a layer ({parts}) have factors of their own.", parts=", ".join(f.network.parts))
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
    sigma_w, chi = f.network.sigmas[-1][0], f.final_chi
    blocks.append(
        Paragraph(
            t(
                "In a wide layer that multiplies the squared length of the gradient by the gain χ (chi): the variance "
                "of the weights times the mean of φ'(h)² over the neurons. At χ = 1, called critical, the gradient "
                "keeps its length; below it vanishes, above it explodes."
            )
        )
    )
    depth = int(f.network.depth)
    passed = chi / sigma_w**2 if sigma_w else 0.0
    gain = r"\chi = \sigma_w^2\,\mathbb{E}\,\varphi'(h)^2 = "
    gain += rf"{latex_number(sigma_w)}^2 \cdot {latex_number(passed)} = {latex_number(chi)}, "
    gain += rf"\qquad \sqrt\chi = {latex_number(math.sqrt(chi))}"
    blocks.append(Equation(gain, t("quadrature, width → ∞")))
    if chi > 0:
        power = rf"{latex_number(math.sqrt(chi), 4)}^{{{depth}}} = {latex_power_of_ten(depth * math.log(chi) / 2)}"
        blocks.append(Equation(power, t("{depth} layers of this gain", depth=str(depth))))
    return [*blocks, Paragraph(said(_before_it_settles(f, chi), _per_layer(f)))]


def _before_it_settles(f: Findings, chi: float) -> Text:
    """Return what the gains of the first layers make of the product where they are not that of the last layers."""
    change = f.mean_field_change
    if isinstance(f.prediction, Unavailable) or change is None or chi <= 0 or f.growth.layers < 2:
        return ""
    if abs(change - (f.growth.layers - 1) * math.log(chi) / 2) < SETTLED:
        return ""
    return t(
        "The first layers have other gains, χ_1 = {first} in layer 1, since q settles only with depth: with all of "
        "them the factor from layer {last} back to layer 1 is {total}.",
        first=number(float(f.prediction["chi"][0]), 3), last=str(f.layers[1]), total=power_of_ten(change),
    )  # fmt: skip


def _per_layer(f: Findings) -> Text:
    if f.growth.dead == f.growth.samples or f.growth.layers == 1:
        return ""
    rate = f.growth.rate
    factor = t(
        "In the simulated networks the factor is {factor} per layer, and {total} over the {steps} steps from layer "
        "{last} back to layer {first}.",
        factor=number(math.exp(max(min(rate, 700.0), -700.0)), 4), total=power_of_ten(f.growth.change),
        steps=str(f.growth.layers - 1), first=str(f.layers[0]), last=str(f.layers[1]),
    )  # fmt: skip
    depth = float32_depth(rate)
    if f.regime.harmless or depth is None:
        return factor
    return said(factor, t("At depth {depth} a gradient of length 1 leaves the range of float32.", depth=f"{depth:,}"))


def _matrices(f: Findings) -> list[Block]:
    sigma_w = f.network.sigmas[-1][0]
    texts = [
        Paragraph(_one_matrix(f, sigma_w)),
        Paragraph(said(_spread_of_product(f), _exact_spread(f), _where_it_lies(f))),
    ]
    row = _figures_of_w(f) if _is_square(f) and f.network.weights.family == "gaussian" and sigma_w > 0 else []
    if not (isinstance(f.law, Unavailable) and isinstance(f.sampled, Unavailable)):
        caption = t("ln of the singular values s of J. Dotted: where the gradient lies.")
        alt = t("Density of the logarithm of the singular values of the Jacobian, with the gradient's factor marked.")
        row.append(FigureBlock("spectrum", caption, alt))
    return [*texts, FigureRow(tuple(row))] if row else [*texts]


def _figures_of_w(f: Findings) -> list[FigureBlock]:
    singular = t(
        "Singular values of W: a matrix drawn, {size} × {size}, and the Marchenko–Pastur law.", size=str(f.matrix_size)
    )
    plane = t(
        "Eigenvalues of W in the complex plane and the circular law: its edge, and 25, 50, 75 % of its mass (dotted)."
    )
    return [
        FigureBlock(
            "weight_singular",
            singular,
            t("Histogram of the singular values of one weight matrix under the quarter circle."),
        ),
        FigureBlock("weight_eigenvalues", plane, t("Eigenvalues of one weight matrix fill a disk of radius σ_w.")),
    ]


def _is_square(f: Findings) -> bool:
    return len(set(f.network.widths)) == 1


def _one_matrix(f: Findings, sigma_w: float) -> Text:
    family, widths = f.network.weights.family, f.network.widths
    if family == "orthogonal":
        return t(
            "All singular values of an orthogonal weight matrix are σ_w = {sigma}, and its eigenvalues lie on the "
            "circle of that radius: the weights stretch all directions alike, and only the slopes spread the product.",
            sigma=number(sigma_w),
        )
    if family not in INDEPENDENT:
        return t("The entries of a weight matrix are not independent here, so that no universal law holds for them.")
    if not _is_square(f):
        ratio = math.sqrt(widths[1] / widths[0])
        first = f.network.sigmas[0][0]
        return t(
            "One weight matrix stretches some directions and shrinks others: the singular values of the first one, "
            "{outputs} × {inputs}, lie between {low} and {high} (Marchenko–Pastur law).",
            outputs=str(widths[1]), inputs=str(widths[0]), low=number(first * abs(1 - ratio)),
            high=number(first * (1 + ratio)),
        )  # fmt: skip
    return t(
        "One weight matrix stretches some directions and shrinks others: its singular values lie between 0 and 2σ_w = "
        "{edge}, with root mean square σ_w (Marchenko–Pastur law), and its eigenvalues fill a disk of radius σ_w = "
        "{sigma} (circular law; here N = {width}).",
        edge=number(2 * sigma_w), sigma=number(sigma_w), width=str(widths[0]),
    )  # fmt: skip


def _spread_of_product(f: Findings) -> Text:
    if isinstance(f.law, Unavailable):
        return t("The singular values of the product J = ∂x_L/∂x_0 are not known here: {reason}.", reason=f.law.reason)
    low, middle, high = (float(f.law.ppf_log(p)) for p in (0.1, 0.5, 0.99))
    if middle == -math.inf:
        return t(
            "The product J = ∂x_L/∂x_0 of {depth} such layers has singular values s that spread with every layer, "
            "since the directions that one layer stretches are not those of the next: {share} % of them are 0, "
            "directions that are lost, and one in a hundred is above {high}.",
            depth=str(f.network.depth), share=number(100 * f.law.zero_mass, 3), high=power_of_ten(high),
        )  # fmt: skip
    return t(
        "The product J = ∂x_L/∂x_0 of {depth} such layers has singular values s that spread with every layer, since "
        "the directions that one layer stretches are not those of the next: half of them are below {middle}, one in "
        "ten is below {low}, one in a hundred above {high}.",
        depth=str(f.network.depth), low=power_of_ten(low), middle=power_of_ten(middle), high=power_of_ten(high),
    )  # fmt: skip


def _exact_spread(f: Findings) -> Text:
    """Return how far the squared singular values spread, and what a layer adds, where their moments are exact.

    (E x² − (E x)²)/(E x)² of a free product is the sum over its factors (x = s²).
    """
    exact = getattr(f.law, "exact", None)
    if exact is None:
        return ""
    mean, square = exact.numbers(2)[1:]
    ratio = float(square / mean**2)
    return t(
        "Exactly, as N → ∞: E s⁴ = {ratio} (E s²)², where 1 would stretch all directions alike; each of the {depth} "
        "layers adds {more}, the spread of its own squared singular values.",
        ratio=number(ratio, 4), depth=str(exact.count), more=number((ratio - 1) / exact.count, 4),
    )  # fmt: skip


def _where_it_lies(f: Findings) -> Text:
    place = f.gradient_factor
    if isinstance(f.law, Unavailable) or place is None:
        return ""
    above = 1 - float(np.asarray(f.law.cdf_log(place)))
    return t(
        "The gradient meets all directions at once, so that its squared length is multiplied by the mean of s². That "
        "puts its factor, {factor}, towards the large ones: {percent} % of the singular values lie above it.",
        factor=power_of_ten(place), percent=number(100 * above, 2),
    )  # fmt: skip
