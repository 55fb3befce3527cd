"""Which call feeds which, and which are bypassed by a skip connection: read from autograd's graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vgtheory.study.inspection.modules.slopes import Slopes
from vgtheory.study.inspection.modules.uses import Call

NONE = -1  # in place of a call: the input
_WEIGHT = -2  # nothing but parameters and constants
_JOINS = ("AddBackward", "CatBackward")
_BLOCK = 64  # calls that one skip connection may pass by


@dataclass(frozen=True, eq=False)
class Paths:
    """What the graph says of n calls.

    Attributes
    ----------
    parent : per call, the latest call whose output reaches it without another call between; NONE at the input.
    following : per call, the next call on its path; NONE at the end.
    main : the calls from the input to the last call, each the parent of the next one.
    bypassed : per call, whether a sum or concatenation joins its path with one that leaves it out.
    saturated, dead, outgrown : per call, shares under the first activation behind it; nan where there is none.
    normalised : per call, whether a normalisation takes its output (with what is added to it).
    cut : per call, whether that activation has slope 0 at every number that reaches it, exactly.
    waiting : per call, whether no gradient reaches it since a branch with a skip connection past it ends in weights 0.
    shared : nodes of the graph whose result is read more than once.
    """

    parent: tuple[int, ...]
    following: tuple[int, ...]
    main: tuple[int, ...]
    bypassed: tuple[bool, ...]
    saturated: tuple[float, ...]
    dead: tuple[float, ...]
    outgrown: tuple[float, ...]
    normalised: tuple[bool, ...]
    cut: tuple[bool, ...]
    waiting: tuple[bool, ...]
    shared: frozenset[Any] = frozenset()


def paths_of(calls: Sequence[Call], slopes: Sequence[Slopes], end: Any, inputs: Sequence[Any]) -> Paths:
    """Return how the calls hang together in the graph from the tensors `inputs` to the node `end`; O(nodes)."""
    place = {node: k for k, call in enumerate(calls) for node in (call.node, *call.others) if node is not None}
    silent = frozenset(k for k, call in enumerate(calls) if call.sigma_w == 0)
    latest: dict[Any, int] = {tensor.grad_fn: NONE for tensor in inputs}
    parent = tuple(max((_latest(node, place, latest, silent) for node in call.inputs), default=NONE) for call in calls)
    parent = tuple(p if NONE < p < k else NONE for k, p in enumerate(parent))
    _latest(end, place, latest, silent)
    main = _back(len(calls) - 1, parent)[::-1]
    bypassed = [False] * len(calls)
    for node in [node for node in latest if node is not None]:
        if node.name().startswith(_JOINS):
            ways = sorted({_latest(n, place, latest, silent) for n, _ in node.next_functions if n is not None})
            for one, other in pairwise(way for way in ways if way != _WEIGHT):
                for k in _apart(one, other, parent):
                    bypassed[k] = True
    saturated, dead, outgrown = (np.full(len(calls), np.nan) for _ in range(3))
    cut = [False] * len(calls)
    for found in slopes:
        k = _latest(found.node, place, latest, silent)
        if k > NONE and np.isnan(saturated[k]):
            saturated[k], dead[k], outgrown[k] = found.saturated, found.dead, found.outgrown
            cut[k] = found.exact and found.dead == 1
    normed = {k for node, k in latest.items() if node is not None and "Norm" in node.name()}
    normalised = tuple(k in normed for k in range(len(calls)))
    following = _following(calls, parent, main, place)
    waiting = _waiting(calls, bypassed, following, silent)
    shares = tuple(saturated), tuple(dead), tuple(outgrown)
    return Paths(parent, following, main, tuple(bypassed), *shares, normalised, tuple(cut), waiting, _shared(latest))


def _latest(start: Any, place: dict[Any, int], latest: dict[Any, int], silent: frozenset[int]) -> int:
    """Return the latest call at or before a node, NONE where there is none; `latest` remembers every node.

    Where paths meet, one that ends in a call of weights 0 (`silent`), as branches begin, is not followed.
    """
    stack = [start]
    while stack:
        node = stack[-1]
        if node in latest:
            stack.pop()
            continue
        if node in place:
            latest[stack.pop()] = place[node]
            # What lies before is asked for by the call's own inputs.
            continue
        before = [n for n, _ in node.next_functions if n is not None]
        waiting = [n for n in before if n not in latest]
        if waiting:
            stack.extend(waiting)
        else:
            ways = [latest[n] for n in before]
            heard = [k for k in ways if k not in silent and k != _WEIGHT]
            latest[stack.pop()] = max(heard or ways, default=_WEIGHT)
    return latest[start]


def _waiting(
    calls: Sequence[Call], bypassed: Sequence[bool], following: Sequence[int], silent: frozenset[int]
) -> tuple[bool, ...]:
    found = [False] * len(calls)
    for k in reversed(range(len(calls))):
        ahead = following[k]
        if ahead != NONE and bypassed[k] and calls[k].gradient_norm == 0:
            found[k] = ahead in silent or found[ahead]
    return tuple(found)


def _shared(nodes: Iterable[Any]) -> frozenset[Any]:
    """Return the nodes that several of some nodes read."""
    read = Counter(n for node in nodes if node is not None for n, _ in node.next_functions if n is not None)
    return frozenset(node for node, count in read.items() if count > 1)


def reads_weights(node: Any, inputs: Sequence[Any]) -> bool:
    """Return whether a node of the graph, if it is one, has parameters behind it and not only the tensors `inputs`."""
    stack, seen = [node], {None, *(tensor.grad_fn for tensor in inputs)}
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        if node.name().endswith("AccumulateGrad"):
            return True
        seen.add(node)
        stack += [n for n, _ in node.next_functions]
    return False


def _back(call: int, parent: Sequence[int]) -> tuple[int, ...]:
    out = []
    while call != NONE:
        out.append(call)
        call = parent[call]
    return tuple(out)


def _apart(one: int, other: int, parent: Sequence[int]) -> list[int]:
    """Return the calls on either of two ways that meet in a join, down to where they parted."""
    out: list[int] = []
    while one != other and len(out) < _BLOCK:
        later = max(one, other)
        out.append(later)
        one, other = min(one, other), parent[later]
    return out if one == other else []


def _following(
    calls: Sequence[Call], parent: Sequence[int], main: Sequence[int], place: dict[Any, int]
) -> tuple[int, ...]:
    """Return the next call on the main path, or else the first that the output reaches without another between."""
    following = [NONE] * len(calls)
    seen: set[Any] = set()
    for k, call in enumerate(calls):
        for node in _reached(call.inputs, place, seen):
            if following[place[node]] == NONE:
                following[place[node]] = k
    for before, after in pairwise(main):
        following[before] = after
    return tuple(following)


def _reached(start: Sequence[Any], place: dict[Any, int], seen: set[Any]) -> Iterator[Any]:
    """Yield the calls' nodes behind some nodes, going no further than them nor where another walk has been."""
    stack = list(start)
    while stack:
        node = stack.pop()
        if node in place:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.extend(n for n, _ in node.next_functions if n is not None)
