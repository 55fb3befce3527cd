"""The remedies of a network, each one simulated: the best change of each kind, and what did not help."""

from __future__ import annotations

from vgtheory._errors import VgtheoryError
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.advice.blocks import candidates_of_blocks
from vgtheory.study.advice.remedies import Remedy, best_of_each_kind, candidates, tried
from vgtheory.study.advice.trial import UNKNOWN, Trial, beside_theory, simulated
from vgtheory.study.engine import Progress


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
            trial = simulated(candidate.network, samples, seed, inputs)
            if present is None or present.dead == 1:  # what cures that is judged by its regime, which theory knows
                trial = beside_theory(trial, candidate.network, inputs)
        except VgtheoryError as problem:
            rejected.append(f"{candidate.change}: {problem}")
        else:
            if trial.cures(present or UNKNOWN):
                remedies.append(tried(candidate, trial))
            else:
                dead = f", {trial.dead:.0%} dead" if trial.dead else ""
                rejected.append(f"{candidate.change}: {trial.simulated:.3g} ± {trial.std:.2g} in ln{dead}, no better")
        if progress is not None:
            progress(done + 1, len(waiting))
    return best_of_each_kind(remedies), tuple(rejected)
