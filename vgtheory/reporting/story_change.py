"""The report's section on what to change: remedies, each one simulated, with their cost and their code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.reporting.advice_rows import off_text
from vgtheory.reporting.document import Block, Code, Fold, Paragraph, Section, Table
from vgtheory.reporting.findings import Findings, Tried
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import unit
from vgtheory.reporting.wording import number, power_of_ten
from vgtheory.study.advice.remedies import Remedy
from vgtheory.study.advice.trial import STEP, Trial
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.regime import RARELY, Regime

LONGEST = 8  # lines of code that are shown unfolded
SAME = 0.1  # ln of a factor over the whole depth that a change of σ_w must make to be one
COSTS = {
    "critical scale": t("only the initialisation changes"),
    "orthogonal weights": t("one QR per layer, once"),
    "activation": t("another model to train"),
    "activation transform": t("two multiply–adds per neuron"),
    "skip connection": t("one addition per neuron"),
    "normalisation": t("two sums per layer and pass"),
    "width": t("work grows with the square of the width"),
}


def priced(remedy: Remedy) -> tuple[str, Text]:
    """Return a change and what it costs."""
    change, _, price = remedy.change.partition("; costs: ")
    usual: Text = price or COSTS.get(remedy.kind, "")
    return change, t(
        "{before}; {next}", before=usual, next=remedy.cost
    ) if usual and remedy.cost else usual or remedy.cost


def critical_scale(f: Findings) -> Text:
    """Return what weights of the critical scale do, by their simulation; "" where nothing has to change."""
    if not f.plain or f.advice is None or f.growth.layers == 1:
        return ""
    if not isinstance(f.critical, CriticalPoint):
        return t("There is no critical σ_w here: {reason}.", reason=f.critical.reason)
    sigma_w, there = f.subject.last_scales[0], f.critical.sigma_w
    if there > 0 < sigma_w and abs(math.log(there / sigma_w)) * (f.growth.layers - 1) <= SAME:
        return t("It has the critical σ_w.")
    value = number(there, 6)
    if isinstance(f.advice, Unavailable):
        return t("The critical σ_w = {value} was not simulated: {reason}.", value=value, reason=f.advice.reason)
    if not f.critical.stable:
        return t(
            "The critical σ_w = {value} was not simulated: its fixed point is unstable, so that deep networks leave "
            "it.",
            value=value,
        )
    if reason := _untried(f):
        return t("The critical σ_w = {value} was not simulated: {reason}.", value=value, reason=reason)
    scaled = replace(f.network, weights=_redrawn(f)(there, f.subject.last_scales[1]))
    trial, helps = _trial_of(f.advice, scaled)
    if trial is None:
        return ""
    first, last = (str(layer) for layer in f.layers)
    values: dict[str, Text] = {
        "value": value, "now": number(sigma_w, 6), "samples": str(trial.growth.samples),
        "dead": str(trial.growth.dead), "first": first, "last": last, "total": power_of_ten(trial.simulated),
    }  # fmt: skip
    if trial.dead > RARELY:
        return t(
            "The critical σ_w = {value} is no cure at this width: {dead} of {samples} simulated networks with it are "
            "dead.",
            **values,
        )
    if trial.regime is Regime.undecided:
        return t(
            "Whether the critical σ_w = {value} keeps the gradient is not decided: in {samples} simulated networks the "
            "gradient in layer {first} is then {total} times the one in layer {last}.",
            **values,
        )
    if trial.regime.harmless:
        return t(
            "Weights of σ_w = {value} instead of {now} would make it critical: in {samples} simulated networks the "
            "gradient in layer {first} is then {total} times the one in layer {last}.",
            **values,
        )
    if helps:
        return t(
            "Weights of σ_w = {value} instead of {now} help and are not enough: in {samples} simulated networks the "
            "gradient in layer {first} is then {total} times the one in layer {last}.",
            **values,
        )
    return t(
        "The critical σ_w = {value} is no cure at this width and depth: in {samples} simulated networks the "
        "gradient in layer {first} is then {total} times the one in layer {last}.",
        **values,
    )


def _untried(f: Findings) -> Text:
    """Return why weights like those of the network are not among the changes; "" where they are."""
    own = f.network.weights
    if own != _redrawn(f)(own.sigma_w, own.sigma_b):
        return t(
            "scales are tried with Gaussian or orthogonal weights that are drawn anew for every layer, not with "
            "weights like these"
        )
    if own.family == "orthogonal" and not f.subject.square:
        return t("orthogonal weights are tried only where all widths are equal")
    return ""


def _redrawn(f: Findings) -> Callable[[Any, Any], Weights]:
    """Return the law of weights with which scales of this network are tried."""
    return Weights.orthogonal if f.subject.family == "orthogonal" else Weights.gaussian


def _trial_of(advice: Tried, network: Network) -> tuple[Trial | None, bool]:
    """Return the trial of a changed network, None where it was not tried, and whether it is among the remedies."""
    helped = {remedy.network: remedy.trial for remedy in advice.remedies}
    failed = {one.candidate.network: one.trial for one in advice.rejected}
    return (helped | failed).get(network), network in helped


def best_remedy(f: Findings) -> Text:
    """Return one sentence on the remedy that helps most, with its cost; "" where nothing has to change."""
    if f.advice is None or isinstance(f.advice, Unavailable) or not f.advice.remedies:
        return ""
    best = f.advice.remedies[0]
    change, price = priced(best)
    total = power_of_ten(best.trial.simulated)
    first, last = (str(layer) for layer in f.layers)
    values: dict[str, Text] = {"samples": str(best.trial.growth.samples), "first": first, "last": last, "unit": unit(f)}
    kept = t(
        "In {samples} simulated networks the gradient is then as long in {unit} {first} as in {unit} {last}.", **values
    )
    rest = t(
        "In {samples} simulated networks the gradient in {unit} {first} is then {total} times the one in {unit} "
        "{last}.",
        total=total, **values,
    )  # fmt: skip
    return said(
        t("What helps most of all that was tried: {change}.", change=change),
        kept if total == "1" else rest,
        t("Its cost: {cost}.", cost=price) if price else "",
    )


def change_section(f: Findings) -> Section:
    """Return section 3: the ranked remedies, and code for those that are a matter of initialisation."""
    title = t("What to change")
    if isinstance(f.advice, Unavailable):
        return Section(title, (Paragraph(t("Remedies were not tried: {reason}.", reason=f.advice.reason)),))
    if f.advice is None:
        return Section(title, (Paragraph(t("Nothing: the gradient survives this depth.")),))
    if not f.advice.remedies:
        return Section(
            title, (Paragraph(t("No change that was simulated is known to help enough.")), *_failed(f.advice))
        )
    ends = t("gradient, first {unit} over last", unit=unit(f))
    header = (t("change"), ends, t("spread"), t("off by"), t("cost"))
    rows = [_row(t("as it is"), Trial(f.growth), "")]
    rows += [_row(change, r.trial, price) for r in f.advice.remedies for change, price in [priced(r)]]
    caption = t(
        "Each change was simulated in up to {samples} networks, in fewer where these know the mean to ± {step} in ln "
        "(99 % for all looks together) or exclude a cure; 1 keeps the gradient. Spread: the factor by which networks "
        "differ (one standard deviation). Sorted by the factor by which a typical network is off, mean and spread "
        "together, in steps of 1.3; where that is equal, what has no side effect comes first.",
        samples=str(f.samples), step=number(STEP),
    )  # fmt: skip
    return Section(title, (Table(header, tuple(rows), caption), *_code(f.advice.remedies), *_failed(f.advice)))


def _row(change: Text, trial: Trial, price: Text) -> tuple[Text, ...]:
    spread = power_of_ten(trial.std) if trial.dead < 1 else "—"
    return change, power_of_ten(trial.simulated), spread, off_text(trial), price


def _code(remedies: tuple[Remedy, ...]) -> list[Block]:
    blocks: list[Block] = []
    for remedy in remedies:
        if remedy.code:
            blocks += [
                Paragraph(priced(remedy)[0]),
                Code(f"# PyTorch, where model is defined\n{remedy.code}"),
            ]
        if remedy.jax:
            blocks.append(Code(f"# JAX\n{remedy.jax}"))
    shown = 2 if remedies[0].code and remedies[0].code.count("\n") < LONGEST else 0
    rest = tuple(blocks[shown:])
    return [*blocks[:shown], *([Fold(t("Code of all changes, for PyTorch and JAX"), rest)] if rest else [])]


def _failed(advice: Tried) -> list[Block]:
    if not advice.rejected:
        return []
    header = (t("tried, and not recommended"),)
    rows = tuple((str(failed).replace(": -", ": −"),) for failed in advice.rejected)
    count = str(len(rows))
    return [Fold(t("{count} changes that are not recommended", count=count), (Table(header, rows),))]
