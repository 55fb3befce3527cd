"""Which arguments a network of layers takes, and which one of blocks; which of them fit each other."""

from __future__ import annotations

from typing import Any

from vgtheory._errors import InputError
from vgtheory.model.program import Block
from vgtheory.model.weights import Weights

_OF_LAYERS = ("weights", "width", "depth", "skip", "norm", "dropout")  # beside the activation
_OF_BLOCKS = ("width", "depth", "tokens", "shape")
_EXAMPLES = {"weights": "weights=vg.Weights.he()", "width": "width=512", "depth": "depth=100"}
_ELSEWHERE = {
    "activation": "it belongs to the block, e.g. of vg.blocks.dense(activation, weights)",
    "skip": "use vg.blocks.residual(block)", "norm": "use vg.blocks.normalised(block)",
    "heads": "heads belong to vg.blocks.attention and vg.blocks.transformer",
    "tokens": "tokens are columns of blocks, e.g. of vg.blocks.transformer", "shape": "maps have vg.blocks.conv",
}  # fmt: skip


def check_arguments(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return the activation or the block that the arguments of a network begin with.

    Raises InputError for arguments that are missing, too many, or that only the other kind of network takes.
    """
    for name in ("block", "activation"):
        if name in named and (name == "block" or isinstance(named[name], Block)):
            raise InputError(
                f"{name}= of a network of blocks",
                "the block as its first argument, without a name",
                "e.g. vg.Network(block, width=64, depth=100)",
            )
    first, further = given[0] if given else named.get("activation"), given[1:]
    if first is None:
        hint = 'e.g. vg.Network("tanh", vg.Weights.he(), width=512, depth=100)'
        raise InputError("a network of nothing", "an activation or a block as its first argument", hint)
    of_blocks = isinstance(first, Block)
    kind, accepted = ("blocks", _OF_BLOCKS) if of_blocks else ("layers", _OF_LAYERS)
    if of_blocks and any(isinstance(value, Weights) for value in further):
        raise InputError("weights beside a block", "a block alone", "its matrices have weights: leave them out")
    if len(further) > len(accepted):
        raise InputError(
            f"{len(further)} arguments behind the first of a network of {kind}", f"only {', '.join(accepted)}",
            "leave the others out",
        )  # fmt: skip
    by_place = accepted[: len(further)]
    of_layers = () if of_blocks else ("activation",)
    for name in (*(of_layers if given else ()), *by_place):
        if name in named:
            raise InputError(f"{name} by its place and again as {name}=", f"one {name}", f"leave {name}= out")
    for name in named:
        if name not in (*of_layers, *accepted):
            hint = _ELSEWHERE.get(name, "leave it out")
            raise InputError(f"{name}= of a network of {kind}", f"only {', '.join(accepted)}", hint)
    for name in ("weights", "width", "depth"):
        if name in accepted and name not in (*by_place, *named):
            raise InputError(f"a network of {kind} without {name}", f"a value for {name}", f"e.g. {_EXAMPLES[name]}")
    return first


def check_widths(weights: Weights, width: Any, depth: Any, skips: bool) -> None:
    """Raise InputError where layers are tied, skipped or given that are of other widths than the network's."""
    uneven = isinstance(width, tuple) and len(set(width)) > 1
    for joined, what in ((weights.tied, "tied weights"), (skips, "a skip connection")):
        if joined and uneven:
            raise InputError(f"{what} between layers of different widths", "one width", "e.g. width=512")
    given = weights.arrays
    if given is not None and not given.fit(width, depth):
        raise InputError(
            f"given weights of widths {given.widths} in a network of width {width} and depth {depth}",
            "the widths and the depth of the weights",
            "width=weights.arrays.widths, depth=len(weights.arrays.weights)",
        )


def need_columns(block: Block) -> None:
    """Raise InputError for a block that mixes columns: how many there are is no detail."""
    if block.mixes("attention"):
        hint = "e.g. tokens=32 (with tokens=1 a token attends to itself alone)"
        raise InputError(f"a network of {block.name} without tokens", "a number of tokens", hint)
    if block.mixes("window"):
        hint = "e.g. shape=(28, 28), or shape=(64,) along a line"
        raise InputError(f"a network of {block.name} without a map", "the shape of its map", hint)
