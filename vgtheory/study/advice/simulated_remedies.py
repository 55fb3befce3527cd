"""The remedies of a network, each one simulated: the best change of each kind, and what did not help."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Literal

from vgtheory._errors import VgtheoryError
from vgtheory.model.capabilities import works
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.advice.blocks import candidates_of_blocks
from vgtheory.study.advice.remedies import Candidate, Remedy, best_of_each_kind, candidates, tried
from vgtheory.study.advice.trial import UNKNOWN, Trial, beside_theory, simulated
from vgtheory.study.engine import Progress
from vgtheory.theory.regime import Regime


@dataclass(frozen=True)
class Rejected:
    """A change that does not do better by enough, with its trial, or that cannot be simulated, which has none."""

    candidate: Candidate
    trial: Trial | None
    reason: str

    def __str__(self) -> str:
        """Return the change and the reason in one line."""
        return f"{self.candidate.change}: {self.reason}"


def remedies_of(
    network: Network,
    present: Trial | None,
    samples: int,
    seed: int,
    inputs: Inputs | int = 1,
    progress: Progress | None = None,
) -> tuple[tuple[Remedy, ...], tuple[Rejected, ...]]:
    """Return the best change of each kind that does better than the present trial in simulation, and what did not."""
    changes = candidates_of_blocks(network) if isinstance(network, BlockNetwork) else None
    waiting = list(changes or candidates(network, present if present is not None else UNKNOWN))
    remedies, rejected = [], []
    for done, candidate in enumerate(waiting):
        try:
            trial = simulated(candidate.network, samples, seed, inputs, present, _method(candidate.network, network))
            if present is None or present.dead == 1:  # what cures that is judged by its regime, which theory knows
                trial = beside_theory(trial, candidate.network, inputs)
        except VgtheoryError as problem:
            rejected.append(Rejected(candidate, None, str(problem)))
        else:
            if trial.cures(present or UNKNOWN):
                remedies.append(tried(candidate, trial))
            else:
                rejected.append(Rejected(candidate, trial, not_enough(trial, samples)))
        if progress is not None:
            progress(done + 1, len(waiting))
    return best_of_each_kind(remedies), tuple(rejected)


def _method(changed: Network, network: Network) -> Literal["auto", "exact"]:
    """Return how to simulate a change of the network: a chain costs little, but compiling its kernel costs seconds."""
    return "exact" if works(changed, "simulate (chain)") and not works(network, "simulate (chain)") else "auto"


def not_enough(trial: Trial, samples: int) -> str:
    """Return what a trial of at most `samples` networks showed of a change that is not among the remedies."""
    growth = trial.growth
    if trial.regime is Regime.dead:
        return f"{growth.dead} of {growth.samples} networks are dead"
    dead = f", {trial.dead:.0%} dead" if growth.dead else ""
    if isnan(growth.half_width):
        return f"{trial.simulated:.3g} in ln in one network{dead}, too few to tell"
    few = f" in {growth.samples} networks" if growth.samples < samples else ""
    return f"{trial.simulated:.3g} ± {growth.half_width:.2g} in ln{few}{dead}, not enough"
