"""Networks of layers as programs: those whose layers have a matrix together, or whose inputs meet in batch norm."""

from __future__ import annotations

from functools import lru_cache

from vgtheory._errors import InputError
from vgtheory.model.blocks.stacks import applied
from vgtheory.model.inputs import Inputs
from vgtheory.model.program import Block
from vgtheory.model.steps import Ask, Map, Matrix, Mix, Step
from vgtheory.study.machine import available_bytes
from vgtheory.study.prepared import Prepared
from vgtheory.study.programs.numbers import Machine
from vgtheory.study.programs.recorded_norms import PRE_ACTIVATION

# Numbers of a tied network that are kept for the way back, by layer and neuron: two frames with answers, and streams.
KEPT_NUMBERS = 10


@lru_cache(maxsize=16)
def layers_machine(prepared: Prepared, asked: bool, batch: int = 1) -> Machine:
    """Return the program x' = φ(W x + b), with batch norm of W x + b where the network has it, with numbers in it."""
    network = prepared.network
    steps: list[Step] = [Ask((PRE_ACTIVATION,), "W", "x")]
    normed = PRE_ACTIVATION
    if network.norm is not None:
        normed = "n"
        steps.append(Mix((normed,), "batch", (PRE_ACTIVATION,), (network.norm.eps,)))
    steps.append(Map(("y",), (applied(network.activation, normed),)))
    block = Block("layers", (("x", "y"),), tuple(steps), (Matrix("W", network.weights),), network.weights.tied)
    width = int(prepared.layers.widths[0])
    return Machine(block, width, prepared.depth, Inputs(), asked, (batch,), prepared.layers)


def fits(prepared: Prepared) -> bool:
    """Return whether what a tied network remembers of one sample fits into the memory."""
    return 8.0 * KEPT_NUMBERS * prepared.depth * prepared.layers.widths[0] <= available_bytes() / 4


def check_fits(prepared: Prepared) -> None:
    """Raise InputError where it does not."""
    if not fits(prepared):
        depth = int(available_bytes() / 4 / (8.0 * KEPT_NUMBERS * prepared.layers.widths[0]))
        accepted = "so small that a sample fits into a quarter of this machine's memory"
        hint = f"e.g. depth={depth}" if depth else "take a smaller width"
        raise InputError("depth", accepted, hint, got=f"{prepared.depth:,}")
