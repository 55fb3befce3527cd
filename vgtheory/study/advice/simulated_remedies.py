"""The remedies of a network, each one simulated: the best change of each kind, and what did not help."""

from __future__ import annotations

from vgtheory._errors import VgtheoryError
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.advice.blocks import candidates_of_blocks
from vgtheory.study.advice.remedies import Remedy, best_of_each_kind, candidates, tried
from vgtheory.study.advice.trial import UNKNOWN, Trial, beside_theory, simulated
from vgtheory.study.engine import Progress

FIRST = 8  # networks that show most changes that are none; where they do, no more are simulated


def remedies_of(
    network: Network,
    present: Trial | None,
    samples: int,
    seed: int,
    inputs: Inputs | int = 1,
    progress: Progress | None = None,
) -> tuple[tuple[Remedy, ...], tuple[str, ...]]:
    """Return the best change of each kind that does better than the present trial in simulation, and what did not."""
    changes = candidates_of_blocks(network) if isinstance(network, BlockNetwork) else None
    waiting = list(changes or candidates(network, present if present is not None else UNKNOWN))
    remedies, rejected = [], []
    for done, candidate in enumerate(waiting):
        try:
            trial = _judged(candidate.network, present, samples, seed, inputs)
            if present is None or present.dead == 1:  # what cures that is judged by its regime, which theory knows
                trial = beside_theory(trial, candidate.network, inputs)
        except VgtheoryError as problem:
            rejected.append(f"{candidate.change}: {problem}")
        else:
            if trial.cures(present or UNKNOWN):
                remedies.append(tried(candidate, trial))
            else:
                dead = f", {trial.dead:.0%} dead" if trial.dead else ""
                few = f" in {trial.growth.samples} networks" if trial.growth.samples < samples else ""
                numbers = f"{trial.simulated:.3g} ± {trial.std:.2g} in ln{few}{dead}"
                rejected.append(f"{candidate.change}: {numbers}, no better")
        if progress is not None:
            progress(done + 1, len(waiting))
    return best_of_each_kind(remedies), tuple(rejected)


def _judged(network: Network, present: Trial | None, samples: int, seed: int, inputs: Inputs | int) -> Trial:
    """Return the trial of a change, by the first networks alone where these exclude that it is a cure, or are all."""
    if present is not None and samples > FIRST:
        trial = simulated(network, FIRST, seed, inputs)
        if trial.growth.samples < FIRST or trial.excludes_a_cure(present):
            return trial
    return simulated(network, samples, seed, inputs)
