"""Which call feeds which, and which are bypassed by a skip connection: read from autograd's graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vgtheory.study.inspection.modules.pooling import VIEWS
from vgtheory.study.inspection.modules.scale_free import normalised_calls
from vgtheory.study.inspection.modules.slopes import Slopes
from vgtheory.study.inspection.modules.uses import Call

NONE = -1  # in place of a call: the input
_WEIGHT = -2  # nothing but parameters and constants
_JOINS = ("AddBackward", "CatBackward")
_SAME = (*VIEWS, "Transpose", "Permute", "TBackward")  # keep the gradient's size, though units change their places
_BLOCK = 64  # calls that one skip connection may pass by


@dataclass(frozen=True)
class Branch:
    """What a sum adds to a stream: `end`, its last call, and the nodes behind that up to the sum, last to first."""

    end: int
    tail: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Paths:
    """What the graph says of n calls.

    Attributes
    ----------
    parent : per call, the one with most calls in front of it among those whose output reaches it without another call
        between, the latest of several; NONE at the input.
    following : per call, the next call on its path; NONE at the end.
    main : the calls from the input to the last call, each the parent of the next one.
    bypassed : per call, whether a sum or concatenation joins its path with one that leaves it out; not where the two
        have nothing in common but inputs, as a discriminator's uses on real and on made data.
    branches : those of sums with a shorter way, of one call at most, from where the branch began.
    saturated, dead, outgrown : per call, shares under the first activation behind it; nan where there is none.
    normalised : per call, whether a normalisation takes its output (with what is added to it).
    cut : per call, whether that activation has slope 0 at every number that reaches it, exactly.
    waiting : per call, whether no gradient reaches it since a branch with a skip connection past it ends in weights 0.
    inner : per call, whether it is in a branch past which a skip connection leads, at whose end the gradient is the
        stream's.
    shared : nodes of the graph whose result is read more than once on the way to the loss.
    """

    parent: tuple[int, ...]
    following: tuple[int, ...]
    main: tuple[int, ...]
    bypassed: tuple[bool, ...]
    branches: tuple[Branch, ...]
    saturated: tuple[float, ...]
    dead: tuple[float, ...]
    outgrown: tuple[float, ...]
    normalised: tuple[bool, ...]
    cut: tuple[bool, ...]
    waiting: tuple[bool, ...]
    inner: tuple[bool, ...]
    shared: frozenset[Any] = frozenset()


def paths_of(calls: Sequence[Call], slopes: Sequence[Slopes], end: Any, inputs: Sequence[Any]) -> Paths:
    """Return how the calls hang together in the graph from the tensors `inputs` to the node `end`; O(nodes)."""
    place = {node: k for k, call in enumerate(calls) for node in (call.node, *call.others) if node is not None}
    silent = frozenset(k for k, call in enumerate(calls) if call.sigma_w == 0)
    latest: dict[Any, int] = {tensor.grad_fn: NONE for tensor in inputs}
    far, parent = [0] * len(calls), list[int]()  # how many calls there are in front of one
    for k, call in enumerate(calls):
        ways = [_latest(node, place, latest, silent, far) for node in call.inputs]
        reached = [p for p in ways if NONE < p < k]
        parent.append(max(reached, key=lambda p: (far[p], p), default=NONE))
        far[k] = far[parent[k]] + 1 if reached else 0
    last = _latest(end, place, latest, silent, far)  # not one that ends a branch in zeros
    main = _back(last if last > NONE else len(calls) - 1, parent)[::-1]
    following = _following(calls, parent, main, place)
    bypassed, inner, branches = [False] * len(calls), [False] * len(calls), list[Branch]()
    for node in [node for node in latest if node is not None]:
        if node.name().startswith(_JOINS):
            joined = {_latest(n, place, latest, silent, far): n for n, _ in node.next_functions if n is not None}
            ends = sorted(way for way in joined if way != _WEIGHT)
            for one, other in pairwise(ends):
                parted, start = _parted(one, other, parent)
                if start == NONE and all(parted):
                    continue
                for k in _inside(parted, start, following):
                    bypassed[k] = True
                branch = _branch(parted, parent) if len(ends) == 2 and node.name().startswith("Add") else NONE
                if branch != NONE:
                    branches.append(Branch(branch, _tail(joined[branch], calls[branch].node)))
                    if all(n is not None and n.name().startswith(_SAME) for n in branches[-1].tail):
                        for k in _inside(([], max(parted, key=len)), start, following) - {branch}:
                            inner[k] = True
    shared = _shared(latest)  # among what the loss depends on
    saturated, dead, outgrown = (np.full(len(calls), np.nan) for _ in range(3))
    cut = [False] * len(calls)
    for found in slopes:
        k = _latest(found.node, place, latest, silent, far)
        if k > NONE and np.isnan(saturated[k]):
            saturated[k], dead[k], outgrown[k] = found.saturated, found.dead, found.outgrown
            cut[k] = found.exact and found.dead == 1
    normed = normalised_calls(latest, place)
    normalised = tuple(k in normed for k in range(len(calls)))
    waiting = _waiting(calls, bypassed, following, silent)
    shares = tuple(saturated), tuple(dead), tuple(outgrown)
    around = tuple(sorted(branches, key=lambda branch: branch.end))
    states = tuple(cut), waiting, tuple(inner)
    return Paths(tuple(parent), following, main, tuple(bypassed), around, *shares, normalised, *states, shared)


def _latest(
    start: Any, place: dict[Any, int], latest: dict[Any, int], silent: frozenset[int], far: Sequence[int]
) -> int:
    """Return the call at or before a node, NONE where there is none; `latest` remembers every node.

    Where paths meet, the one with most calls in front of it is taken (`far`), the latest of several; one that ends in
    a call of weights 0 (`silent`), as branches begin, is not followed.
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
            latest[stack.pop()] = max(heard or ways, key=lambda k: (far[k] if k > NONE else k, k), default=_WEIGHT)
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


def _parted(one: int, other: int, parent: Sequence[int]) -> tuple[tuple[list[int], list[int]], int]:
    """Return the calls on two ways that meet in a join, last to first, and where they parted; no calls if far back."""
    ways: tuple[list[int], list[int]] = [], []
    while one != other and sum(map(len, ways)) < _BLOCK:
        if one > other:
            ways[0].append(one)
            one = parent[one]
        else:
            ways[1].append(other)
            other = parent[other]
    return (ways if one == other else ([], [])), one


def _inside(ways: tuple[list[int], list[int]], start: int, following: Sequence[int]) -> set[int]:
    """Return the calls on two ways, and those beside them, as of queries and gates, whose output goes in there."""
    found = {*ways[0], *ways[1]}
    for k in reversed(range(start + 1, max(found, default=0))):
        if following[k] in found:
            found.add(k)
    return found


def _branch(ways: tuple[list[int], list[int]], parent: Sequence[int]) -> int:
    """Return the last call of the longer of two ways; NONE unless the other one is a skip connection.

    That has no call, or one that takes what the branch takes: two inputs that are added are no stream.
    """
    past, branch = sorted(ways, key=len)
    skips = len(past) < len(branch) and (not past or (len(past) == 1 and parent[past[0]] != NONE))
    return branch[0] if skips else NONE


def _tail(node: Any, end: Any) -> tuple[Any, ...]:
    """Return the nodes from one back to another, that excluded, without where weights come in."""
    out = []
    while node is not None and node is not end:
        out.append(node)
        ahead = [n for n, _ in node.next_functions if n is not None and "AccumulateGrad" not in n.name()]
        if len(ahead) != 1:
            return (*out, None)
        node = ahead[0]
    return tuple(out)


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
