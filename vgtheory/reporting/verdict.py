"""The verdict, for who has not read anything else: a pure function of the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vgtheory.reporting.answer import Answer
from vgtheory.reporting.message import Joined, Message, Text, said, t
from vgtheory.reporting.wording import exponential, power_of_ten
from vgtheory.theory.regime import Regime

# A finite-width shift of ln‖·‖ that is worth a sentence.
NOTABLE = 0.1


@dataclass(frozen=True)
class Verdict:
    """The regime seen in the simulation, the one that theory predicts, and the sentences that say so."""

    regime: Regime
    predicted: Regime | None
    sentence: Message
    notes: tuple[Text, ...] = ()

    @property
    def text(self) -> Joined:
        """Return the sentence and its notes."""
        return said(self.sentence, *self.notes)


def verdict(f: Answer) -> Verdict:
    """Return the verdict on the network; what would help is said by :mod:`.story_change`, once it is simulated."""
    found, predicted = f.regime, f.predicted_regime
    notes = (_disagreement(f, found, predicted), _deaths(f, found))
    return Verdict(found, predicted, _sentence(f, found), tuple(note for note in notes if note))


def _sentence(f: Answer, found: Regime) -> Message:
    growth = f.growth
    if found is Regime.dead and f.subject.last_scales[0] == 0:
        return t("The gradient dies: all weights of a layer are 0, so that nothing at all arrives before it.")
    if found is Regime.dead:
        return t(
            "The gradient dies: in {dead} of {samples} simulated networks a whole layer has slope φ' = 0, so that "
            "nothing at all arrives before it.",
            dead=str(growth.dead), samples=str(growth.samples),
        )  # fmt: skip
    if growth.layers == 1:
        return t("It cannot vanish or explode: a network of one layer has a single gradient.")
    first, last = (str(layer) for layer in f.layers)
    values: dict[str, Text] = {"first": first, "last": last, "total": power_of_ten(growth.change), "unit": unit(f)}
    percent = exponential(growth.rate + math.log(100), 3)
    if found is Regime.vanishes and f.subject.recurrent:
        return t(
            "The gradient vanishes: each step in time passes on only {percent} % of it, and of the gradient after step "
            "{last} a factor of {total} is left at step {first}.",
            percent=percent, **values,
        )  # fmt: skip
    if found is Regime.vanishes:
        return t(
            "The gradient vanishes: each layer passes on only {percent} % of it, and of the gradient in layer {last} a "
            "factor of {total} is left in layer {first}.",
            percent=percent, **values,
        )  # fmt: skip
    if found is Regime.explodes:
        return t(
            "The gradient explodes: each {unit} multiplies it by {factor}, and from {unit} {last} back to {unit} "
            "{first} it grows by a factor of {total}.",
            factor=exponential(growth.rate), **values,
        )  # fmt: skip
    if found is Regime.undecided and growth.samples == 1:
        return t(
            "Undecided: from {unit} {last} back to {unit} {first} the gradient changes by a factor of {total}, and one "
            "simulated network does not tell whether that is too much.",
            **values,
        )
    if found is Regime.undecided:
        return t(
            "Undecided: from {unit} {last} back to {unit} {first} the gradient changes by a factor of {total}, and "
            "{samples} simulated networks do not tell whether that is too much.",
            samples=str(growth.samples), **values,
        )  # fmt: skip
    if found is Regime.critical and values["total"] == "1":
        return t(
            "The gradient survives: the network is critical, which means that a {unit} keeps its size on average, and "
            "it is as long in {unit} {first} as in {unit} {last}.",
            **values,
        )
    if found is Regime.critical:
        return t(
            "The gradient survives: the network is critical, which means that a {unit} keeps its size on average, and "
            "from {unit} {last} back to {unit} {first} it changes by a factor of {total}.",
            **values,
        )
    if values["total"] == "1":
        return t(
            "The gradient survives: it is balanced at this depth, and as long in {unit} {first} as in {unit} {last}.",
            **values,
        )
    return t(
        "The gradient survives: it is balanced at this depth, and from {unit} {last} back to {unit} {first} it changes "
        "by a factor of {total}.",
        **values,
    )


def unit(f: Answer) -> Message:
    """Return what depth counts: layers, or steps in time."""
    return t("step") if f.subject.recurrent else t("layer")


def _disagreement(f: Answer, found: Regime, predicted: Regime | None) -> Text:
    """Return a sentence where width → ∞ and the simulated finite network say different things."""
    growth = f.growth
    opposite = {Regime.vanishes: Regime.explodes, Regime.explodes: Regime.vanishes}
    if predicted is not None and opposite.get(found) is predicted:
        return t(
            "Theory at this depth says that it {regime}; the simulated networks disagree.", regime=t_regime(predicted)
        )
    gap = growth.change - f.mean_field_change if f.mean_field_change is not None else 0.0
    if not (growth.stderr > 0 and abs(gap) > 3 * growth.stderr and abs(gap) > NOTABLE):
        return ""
    values = {"width": str(f.subject.narrowest), "gap": power_of_ten(abs(gap)), "spread": power_of_ten(growth.std)}
    if gap < 0:
        return t(
            "At width {width} the typical gradient is smaller by a factor of {gap} than in an infinitely wide network, "
            "and networks differ by a factor of {spread}.",
            **values,
        )
    return t(
        "At width {width} the typical gradient is larger by a factor of {gap} than in an infinitely wide network, and "
        "networks differ by a factor of {spread}.",
        **values,
    )


def t_regime(regime: Regime) -> Message:
    """Return a regime as a word of a sentence."""
    return {
        Regime.vanishes: t("vanishes"),
        Regime.explodes: t("explodes"),
        Regime.critical: t("critical"),
        Regime.balanced: t("balanced"),
        Regime.dead: t("dead"),
        Regime.undecided: t("undecided"),
    }[regime]


def _deaths(f: Answer, found: Regime) -> Text:
    if found is Regime.dead:
        return "" if f.subject.last_scales[0] == 0 else _what_keeps_alive(f)
    if not f.growth.dead:
        return ""
    return t(
        "{dead} of {samples} networks are dead (a gradient of exactly 0) and are counted apart.",
        dead=str(f.growth.dead), samples=str(f.growth.samples),
    )  # fmt: skip


def _what_keeps_alive(f: Answer) -> Message:
    """Return what keeps layers alive: which scales do not is known where the sign of h decides, be it long or short."""
    if f.plain and f.subject.phi.homogeneous_degree == 1:
        return t(
            "More width, or an activation whose slope is nowhere 0 (e.g. leaky_relu), keeps layers alive; no scale of "
            "the weights does, since half of the units are off at each."
        )
    return t(
        "An activation whose slope is nowhere 0 (e.g. leaky_relu) keeps layers alive; so does what brings some units "
        "of every layer to where the slope is not 0: another scale of the weights or of the biases, or more width."
    )
