"""Advice as a table and lines: what the command line prints of `advise`."""

from __future__ import annotations

from math import inf, isfinite, log
from typing import TYPE_CHECKING

from vgtheory.reporting.wording import number, power_of_ten
from vgtheory.study.advice.remedies import Remedy
from vgtheory.study.advice.trial import Trial
from vgtheory.theory.regime import Regime

if TYPE_CHECKING:
    from vgtheory.study.advice.advise import Advice

ADVISED = ("", "change", "ln of gradient at layer 1 over layer L: predicted", "simulated ± 99 %", "spread", "off by")
TRAINED = "loss after training"


def remedy_table(advice: Advice) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return header and cells: the network as it is, then the remedies, with all that :func:`ranking` ranks by."""
    rows = [] if advice.trial is None else [("now", "as it is", *_numbers(advice.trial), "")]
    for k, remedy in enumerate(advice.remedies, 1):
        cost = f" ({remedy.cost})" if remedy.cost else ""
        loss = "" if remedy.loss is None else number(remedy.loss, 3)
        rows.append((str(k), remedy.change + cost, *_numbers(remedy.trial), loss))
    if _trained(advice):
        return (*ADVISED, TRAINED), tuple(rows)
    return ADVISED, tuple(row[:-1] for row in rows)


def ranking(advice: Advice) -> str:
    """Return one sentence on what the remedies are sorted by; "" where there is nothing to sort."""
    if len(advice.remedies) < 2:
        return ""
    if _trained(advice):
        return (
            "Sorted: what balances the gradient first; of that skip connections and norms, which keep it whatever "
            "training does; then by the loss after training."
        )
    return (
        "Sorted by the factor by which a typical network's gradient is off its size (mean and spread together, in "
        "steps of 1.3); where that is equal, what has no side effect comes first."
    )


def _trained(advice: Advice) -> bool:
    return any(remedy.loss is not None for remedy in advice.remedies)


def code_blocks(remedies: tuple[Remedy, ...]) -> tuple[tuple[str, str, str], ...]:
    """Return (rank, framework, code) of the remedies that come with code."""
    return tuple(
        (str(k), framework, code)
        for k, remedy in enumerate(remedies, 1)
        for framework, code in (("PyTorch", remedy.code), ("JAX", remedy.jax))
        if code
    )


def summary_line(advice: Advice) -> str:
    """Return one sentence: what goes wrong first, or that nothing does."""
    if advice.problems:
        return advice.problems[0].text
    assert advice.trial is not None, "a network without a trial has a problem"
    change = number(advice.trial.simulated, 3)
    if advice.trial.regime is Regime.undecided:
        return (
            f"Undecided: over the whole depth the gradient norm changes by {change} in ln, and "
            f"{advice.trial.growth.samples} samples do not tell whether that is too much; simulate more."
        )
    return f"Nothing goes wrong: over the whole depth the gradient norm changes by {change} in ln."


def _numbers(trial: Trial) -> tuple[str, str, str, str]:
    predicted = "no theory" if trial.predicted is None else number(trial.predicted, 4)
    if trial.confirmed is False:
        predicted += " (off)"
    half = number(trial.growth.half_width, 1)
    simulated = "no gradient" if trial.dead == 1 else f"{number(trial.simulated, 4)} ± {half}"
    spread = number(trial.std, 3) if isfinite(trial.growth.std) else "–"
    return predicted, simulated, spread, off_text(trial)


def off_text(trial: Trial) -> str:
    """Return the factor by which a typical network's gradient is off its size."""
    return power_of_ten(log(trial.off)) if trial.off < inf else number(inf)
