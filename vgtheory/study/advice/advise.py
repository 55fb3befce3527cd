"""`advise`: what goes wrong, and remedies whose claims have been simulated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

from vgtheory._errors import InputError, UnsupportedError, VgtheoryError
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs, to_drive
from vgtheory.model.network import Network
from vgtheory.model.sizes import MAX_SAMPLES, MAX_SEED, whole_number
from vgtheory.study.advice.measured import Proposal, as_remedy, measured, proposals, steps_of, without_numbers
from vgtheory.study.advice.problems import Kind, Problem, problems_of
from vgtheory.study.advice.remedies import Remedy, best_of_each_kind
from vgtheory.study.advice.simulated_remedies import not_enough, remedies_of
from vgtheory.study.advice.trial import UNKNOWN, Trial, beside_theory, try_out
from vgtheory.study.engine import Progress
from vgtheory.study.growth import Growth
from vgtheory.study.inspection import Inspection


@dataclass(frozen=True)
class Advice:
    """What :func:`advise` found.

    Attributes
    ----------
    network : the network that was asked about; None for a module that is none of this package's.
    trial : the predicted and simulated (of modules, measured) change of its gradient norm over the depth; None where
        its signal overflows.
    problems : what goes wrong, the gravest first; empty where nothing does.
    remedies : changes that do better in simulation, the best first; of modules those that balance the gradient first,
        of those skip connections and norms, then in the order of the loss on x after 30 steps of Adam.
    rejected : changes that were tried and did not help enough, each with its reason.
    """

    network: Network | None
    trial: Trial | None
    problems: tuple[Problem, ...]
    remedies: tuple[Remedy, ...]
    rejected: tuple[str, ...]

    def __str__(self) -> str:
        """Return what goes wrong and the remedies, a line each, with what ranks them; their code is in ``remedies``."""
        lines = [problem.text for problem in self.problems] or ["Nothing goes wrong."]
        now = f", now by {self.trial.off:.2g}" if self.trial is not None else ""
        for rank, remedy in enumerate(self.remedies, 1):
            cost = f" ({remedy.cost})" if remedy.cost else ""
            trained = "" if remedy.loss is None else f"; loss {remedy.loss:.3g} after 30 steps"
            lines.append(f"{rank}. {remedy.change}{cost}: off by a factor of {remedy.trial.off:.2g}{now}{trained}")
        return "\n".join(lines)


def advise(
    network: Network | Inspection,
    samples: int = 64,
    seed: int = 0,
    inputs: Inputs | int = 1,
    progress: Progress | None = None,
) -> Advice:
    """Return what goes wrong with the gradient of a network at initialisation, and ranked remedies, each one simulated.

    Remedies: the critical (σ_w, σ_b) of the activation, Gaussian and orthogonal; another activation at its own critical
    scale; an activation transform; a skip connection; a normalisation; a width for this depth.  All are run before
    anything is claimed, and ranked by the factor by which a typical network's gradient is off its size, ``trial.off``:
    e^√(mean² + spread²) of ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) in steps of 1.3; where that is equal, what has no cost comes first.

    *Blocks.*  Of recurrent cells: the critical scale at the zero state, biases of the gate that remembers, chrono
    biases, orthogonal weights for every gate.  Of stacks: scales of the branches of skip connections, skip connections,
    norms at the beginning of the branches.  The gradient is that at all streams, from the end to the start.

    Of an inspected PyTorch module every remedy's code is run on copies, three for weights that it draws, and what
    becomes of their gradient is measured with the same x and loss; the module stays as it is.  There orthogonal weights
    with measured gains, and memories of recurrent modules, are tried too; and since what keeps a gradient need not
    learn, each is trained for 30 steps.

    Parameters
    ----------
    network : with numbers for width, depth and scales; or the Inspection of a module.
    samples : random networks per trial; fewer for weights whose matrices must be drawn, and where 8, 16, … exclude that
        the change is a cure or know its mean to ± 0.25 in ln (99 % for all these looks together).
    seed : of all simulations.
    inputs : what drives recurrent cells.
    progress : called as progress(done, total) after each trial.

    Raises
    ------
    InputError : symbolic quantities, no samples.
    UnsupportedError : an Inspection of stored weights, which cannot be run.

    Examples
    --------
    >>> import vgtheory as vg
    >>> advice = advise(vg.Network("sigmoid", vg.Weights.gaussian(1.0), width=64, depth=30), samples=16)
    >>> advice.problems[0].kind, advice.remedies[0].trial.badness < 2
    ('vanishing', True)
    """
    if isinstance(network, Inspection):
        return _for_module(network, whole_number("seed", seed, 0, MAX_SEED, "0"), progress)
    require(network, "advise")
    samples = whole_number("samples", samples, 2, MAX_SAMPLES, "64")
    inputs = to_drive(inputs)
    present, found = _present(network, samples, seed, inputs)
    remedies, rejected = remedies_of(network, present, samples, seed, inputs, progress)
    kept = [replace(r, trial=beside_theory(r.trial, r.network, inputs)) for r in remedies if r.network]
    return Advice(network, present, found, tuple(kept), tuple(map(str, rejected)))


def _for_module(found: Inspection, seed: int, progress: Progress | None) -> Advice:
    subject = found.subject
    if subject is None:
        step = (
            "describe the network as vg.Network(...)" if found.network is None else "ask of the inspection's .network"
        )
        raise UnsupportedError(
            f"stored weights cannot be run, so no remedy can be tried on them; inspect the module itself, or {step}"
        )
    dead = int(not isfinite(found.log_change))
    growth = Growth(steps_of(found), 1, dead, found.log_change, 0.0, 0.0)  # nothing drawn: no error
    present = None if without_numbers(found) else Trial(growth)
    kinds: dict[str, Kind] = {"vanishes": "vanishing", "explodes": "exploding"}
    problems: tuple[Problem, ...] = ()
    if found.verdict in kinds:
        problems = tuple(Problem(kinds[found.verdict], text) for text in (found.text, *found.causes))
    remedies: list[Remedy] = []
    rejected: list[str] = []
    waiting: list[Proposal] = list(proposals(found, subject)) if problems else []
    for done, proposal in enumerate(waiting):
        try:
            trial, changed, model = measured(subject, proposal, seed)
        except VgtheoryError as problem:
            rejected.append(f"{proposal.change}: {problem}")
        else:
            if trial.cures(present or UNKNOWN):
                remedies.append(as_remedy(subject, proposal, trial, changed, model))
            else:
                rejected.append(f"{proposal.change}: {not_enough(trial, trial.growth.samples)}")
        if progress is not None:
            progress(done + 1, len(waiting))
    return Advice(found.network, present, problems, best_of_each_kind(remedies), tuple(rejected))


def _present(
    network: Network, samples: int, seed: int, inputs: Inputs | int
) -> tuple[Trial | None, tuple[Problem, ...]]:
    try:
        trial = try_out(network, samples, seed, inputs)
    except InputError:
        raise
    except VgtheoryError as problem:
        return None, (Problem("length growth", f"{problem}."),)
    return trial, problems_of(network, trial)
