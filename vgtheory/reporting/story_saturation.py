"""Step 1 of the section on why: do the neurons saturate, how many, and is that the cause?"""

from __future__ import annotations

import math

from vgtheory.reporting.document import Block, FigureBlock, Paragraph, code
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.plot.activation import WIDEST_SHOWN
from vgtheory.reporting.symbolic_words import saturated_text
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number
from vgtheory.theory.regime import Regime

CAUSE, PART = 0.9, 0.25  # share of the lost ln that saturation accounts for
NONE = 0.01  # expected number of neurons of a layer below which it is said that there are none


def saturation_step(f: Findings) -> list[Block]:
    """Return step 1: where neurons are saturated, how many are, and whether that is the cause."""
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
    alt = t("Graphs of the activation {name} and of its slope.", name=code(f.subject.name))
    return [*blocks, FigureBlock("activation", caption, alt)]


def _saturated_share(f: Findings) -> Text:
    if isinstance(f.saturated, Unavailable):
        return t("Where that holds was not found: {reason}.", reason=f.saturated.reason)
    if not f.saturated.intervals:
        return t("The slope of {name} never is.", name=code(f.subject.name))
    where = saturated_text(f.saturated)
    if f.final_q is None or not 0 < f.final_q < math.inf:
        return t("That is so for h in {where}.", where=where)
    share, width = float(f.saturated.probability(f.final_q)), f.subject.narrowest
    if share * width < NONE:
        return t(
            "That is so for h in {where}: for none of the {width} neurons of the last layers, where h has variance q = "
            "{q}.",
            where=where, width=str(width), q=number(f.final_q),
        )  # fmt: skip
    if share * width < 1:
        return t(
            "That is so for h in {where}: on average for {count} of the {width} neurons of the last layers, where h "
            "has variance q = {q}.",
            where=where, count=number(share * width, 2), width=str(width), q=number(f.final_q),
        )  # fmt: skip
    return t(
        "That is so for h in {where}: about {count} of the {width} neurons of the last layers ({share} %), where h has "
        "variance q = {q}.",
        where=where, count=str(round(share * width)), width=str(width), share=number(100 * share, 2),
        q=number(f.final_q),
    )  # fmt: skip


def _is_it_the_cause(f: Findings) -> Text:
    loss, chi = f.loss, f.final_chi
    if f.regime is Regime.explodes:
        return t("Saturated units pass on less of a gradient than others do: what makes it grow are other factors.")
    if f.regime is Regime.dead:
        width = str(f.subject.narrowest)
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
    values["best"] = number(loss.possible, 3)
    return t(
        "Saturation is not the cause: a layer passes E φ'² = {passed} of the squared gradient, signals of another "
        "length would make that {best} at most, and weights of σ_w = {sigma} do not make up for it.",
        sigma=number(f.subject.last_scales[0]), **values,
    )  # fmt: skip
