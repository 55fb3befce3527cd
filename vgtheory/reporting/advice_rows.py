"""Advice as rows and lines: what the command line and the report print of `advise`."""

from __future__ import annotations

from vgtheory.reporting.wording import number
from vgtheory.study.advice import Advice, Remedy
from vgtheory.study.advice.trial import Trial
from vgtheory.theory.regime import Regime

ADVISED = ("", "change", "ln of gradient at layer 1 over layer L: predicted", "simulated", "spread")


def remedy_rows(advice: Advice) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`ADVISED`: the network as it is, then the remedies, best first."""
    rows = []
    if advice.trial is not None:
        rows.append(("now", "as it is", *_numbers(advice.trial)))
    for k, remedy in enumerate(advice.remedies, 1):
        cost = f" ({remedy.cost})" if remedy.cost else ""
        rows.append((str(k), remedy.change + cost, *_numbers(remedy.trial)))
    return tuple(rows)


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
            f"Undecided: over the whole depth the gradient norm changes by {change} in ln, and {advice.trial.samples} "
            "samples do not tell whether that is too much; simulate more."
        )
    return f"Nothing goes wrong: over the whole depth the gradient norm changes by {change} in ln."


def _numbers(trial: Trial) -> tuple[str, str, str]:
    predicted = "no theory" if trial.predicted is None else number(trial.predicted, 4)
    if trial.confirmed is False:
        predicted += " (off)"
    simulated = "no gradient" if trial.dead == 1 else f"{number(trial.simulated, 4)} ± {number(trial.error, 1)}"
    return predicted, simulated, number(trial.std, 3)
