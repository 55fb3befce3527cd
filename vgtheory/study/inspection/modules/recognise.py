"""What a watched module is of this package: a chain, convolutions, a stack of blocks or a recurrent cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vgtheory.study.inspection.modules.calls import Watch
from vgtheory.study.inspection.modules.graph import Paths
from vgtheory.study.inspection.modules.recognised import Chain, chain_of, links_of
from vgtheory.study.inspection.modules.recognised_cells import Cell, cell_of
from vgtheory.study.inspection.modules.recognised_maps import Maps, maps_of
from vgtheory.study.inspection.modules.recognised_stacks import Stack, stack_of
from vgtheory.study.inspection.modules.unrecognised import first_unknown
from vgtheory.study.inspection.modules.uses import Call

Known = Chain | Maps | Stack | Cell


UNKNOWN = "it is no chain of layers, no convolutions, no stack of blocks and no recurrent cell that theory knows"


def recognise(watch: Watch, calls: Sequence[Call], paths: Paths, copies: Any) -> tuple[Known | None, str]:
    """Return what the calls are, and in words of which of them, and why, theory has nothing to say; "" of none."""
    if watch.sequences:
        unrolled = watch.sequences[0]
        cell = cell_of(unrolled.module, unrolled.source.shape[unrolled.axis]) if len(watch.sequences) == 1 else None
        why = "several recurrent modules, or one of several layers, of two directions or with a projection"
        return (cell, "") if cell is not None else (None, f"{UNKNOWN}: {why}")
    links = links_of(calls, paths, watch.slopes, watch.drops)
    chain = chain_of(calls, links)
    if chain is not None:
        return chain, ""
    maps = maps_of(calls, links, watch.named_modules)
    if maps is not None:
        return maps, maps.unknown
    stack = stack_of(watch.torch, watch.repeated, calls, copies)
    if isinstance(stack, str):
        return None, f"{UNKNOWN}: {stack}"
    return stack, "" if stack is not None else f"{UNKNOWN}: {first_unknown(calls, links, paths.shared)}"
