"""The verdict, for who has not read anything else: a pure function of the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vgtheory.reporting.answer import Answer
from vgtheory.reporting.message import Joined, Message, Text, said, t
from vgtheory.reporting.wording import exponential, number, power_of_ten
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.regime import Regime

# A finite-width shift of ln‖·‖ that is worth a sentence.
NOTABLE = 0.1
# A change of σ_w that moves the gradient norm by less than a factor of e^0.1 over the whole depth is none.
SAME = 0.1


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


def verdict(f: Answer, scale: bool = True) -> Verdict:
    """Return the verdict on the network, with the scale of the weights that would keep the gradient if it is wanted."""
    found, predicted = f.regime, f.predicted_regime
    notes = (_disagreement(f, found, predicted), _deaths(f, found), _remedy(f) if scale else "")
    return Verdict(found, predicted, _sentence(f, found), tuple(note for note in notes if note))


def _sentence(f: Answer, found: Regime) -> Message:
    growth = f.growth
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
    if found is Regime.undecided:
        return t(
            "Undecided: from {unit} {last} back to {unit} {first} the gradient changes by a factor of {total}, and "
            "{samples} simulated networks do not tell whether that is too much.",
            samples=str(growth.samples), **values,
        )  # fmt: skip
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
        return t(
            "More width, or an activation whose slope is nowhere 0 (e.g. leaky_relu), keeps layers alive; no scale of "
            "the weights does."
        )
    if not f.growth.dead:
        return ""
    return t(
        "{dead} of {samples} networks are dead (a gradient of exactly 0) and are counted apart.",
        dead=str(f.growth.dead), samples=str(f.growth.samples),
    )  # fmt: skip


def _remedy(f: Answer) -> Text:
    """Return the scale of the weights at which the gradient would keep its size."""
    if not f.plain or f.growth.layers == 1:
        return ""
    if not isinstance(f.critical, CriticalPoint):
        return t("There is no critical σ_w here: {reason}.", reason=f.critical.reason)
    sigma_w, there = f.subject.last_scales[0], f.critical.sigma_w
    if math.isinf(f.critical.q):
        return _homogeneous_remedy(f, sigma_w, there)
    if _is_there(f, sigma_w, there):
        return t("It has the critical σ_w.")
    if not f.critical.stable:
        return t(
            "Weights of σ_w = {value} instead of {now} would make it critical (their fixed point is unstable, so the "
            "network does not stay there).",
            value=number(there, 6), now=number(sigma_w, 6),
        )  # fmt: skip
    return t(
        "Weights of σ_w = {value} instead of {now} would make it critical: every layer would keep the size of the "
        "gradient.",
        value=number(there, 6), now=number(sigma_w, 6),
    )  # fmt: skip


def _is_there(f: Answer, sigma_w: float, there: float) -> bool:
    """Return whether the critical scale would change nothing that can be seen at this depth."""
    return there > 0 and sigma_w > 0 and abs(math.log(there / sigma_w)) * max(f.growth.layers - 1, 1) <= SAME


def _homogeneous_remedy(f: Answer, sigma_w: float, there: float) -> Message:
    """Return what to do where φ(tx) = tφ(x): χ ∝ σ_w² at every q, so χ = 1 is possible although no q stays fixed."""
    if _is_there(f, sigma_w, there):
        return t(
            "It keeps the gradient (χ = 1 at every q), but each layer then adds σ_b² to q, which has no fixed point: "
            "σ_b = 0 makes it critical."
        )
    return t(
        "σ_w = {value} would keep the gradient (χ = 1 at every q), but each layer then adds σ_b² to q, which has no "
        "fixed point: σ_b = 0 makes it critical.",
        value=number(there, 6),
    )
