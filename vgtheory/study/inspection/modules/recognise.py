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
from vgtheory.study.inspection.modules.uses import Call

Known = Chain | Maps | Stack | Cell


UNKNOWN = "it is no chain of layers, no convolutions, no stack of blocks and no recurrent cell that theory knows"


def recognise(watch: Watch, calls: Sequence[Call], paths: Paths, copies: Any) -> Known | str:
    """Return what the calls are, or in words why theory has nothing to say of them."""
    if len(watch.sequences) == 1:
        unrolled = watch.sequences[0]
        return cell_of(unrolled.module, unrolled.source.shape[unrolled.axis]) or UNKNOWN
    links = links_of(calls, paths, watch.slopes)
    chain = chain_of(calls, links, copies.parameters)
    maps = None if chain else maps_of(calls, links, watch.named_modules, copies.parameters)
    return chain or maps or stack_of(watch.torch, watch.repeated, calls, copies) or UNKNOWN
