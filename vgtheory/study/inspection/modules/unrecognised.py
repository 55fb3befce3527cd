"""Which step of a watched model is none that theory knows: read from autograd's graph, said in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from vgtheory.study.inspection.modules.pooling import VIEWS
from vgtheory.study.inspection.modules.products import BARE
from vgtheory.study.inspection.modules.recognised import Link
from vgtheory.study.inspection.modules.uses import Call

_FEWEST = 3  # layers, the last one among them
_MOST = 8  # functions between two calls that are looked at


def first_unknown(calls: Sequence[Call], links: Sequence[Link | None], shared: frozenset[Any]) -> str:
    """Return the first step of a model that no chain of layers or convolutions has, in words.

    `shared` are the nodes of the graph that several others read.
    """
    times = Counter(call.name for call in calls)
    again = next((name for name, count in times.items() if count > 1), None)
    if again is not None:
        return f"{again} is used {times[again]} times"
    other = next((call for call in calls if call.operation in ("", BARE)), None)
    if other is not None:
        return f"{other.name} is of kind {other.kind}"
    if len(calls) < _FEWEST:
        return f"{len(calls)} uses of weights, where a chain has {_FEWEST} or more"
    first = next((link for link in links if link is not None), None)
    for (before, after), link in zip(pairwise(calls), links, strict=True):
        if link is None:
            return between(before, after, calls, shared)
        if first is not None and not link.like(first):
            return f"{before.name} and {after.name} have another activation, norm or skip connection between them"
    kinds = {call.kind for call in calls}
    return f"{', '.join(sorted(kinds))} with weights that are computed, or windows that theory does not cover"


def between(before: Call, after: Call, calls: Sequence[Call], shared: frozenset[Any] = frozenset()) -> str:
    """Return what stands between two of some calls, or that others read it, too."""
    read = False
    pair, names = f"{before.name} and {after.name}", list[str]()
    others = {call.node: call.name for call in calls if call is not before}
    node: Any = after.inputs[0] if len(after.inputs) == 1 else None
    if node is None:
        return f"{after.name} takes {len(after.inputs)} tensors that are computed"
    while node is not before.node and len(names) < _MOST:
        read |= node in shared
        if node in others:
            return f"{after.name} takes what {others[node]} gives, not {before.name}"
        name = re.sub(r"Backward\d*$", "", node.name())
        if not name.startswith(VIEWS):
            names.append(name)
        ahead = [n for n, _ in node.next_functions if n is not None and "AccumulateGrad" not in n.name()]
        if len(ahead) != 1:
            return f"between {pair} several paths meet in {name}" if ahead else f"{after.name} reads the input again"
        node = ahead[0]
    if node is not before.node:
        return f"{after.name} does not follow on {before.name}"
    if read or node in shared:
        return f"what {before.name} gives goes to others than {after.name}, too"
    return f"between {pair} there is " + (", ".join(reversed(names)) or "no activation")
