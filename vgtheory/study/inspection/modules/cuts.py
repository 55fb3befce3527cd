"""Where a model cuts its own graph (detach, .data, no_grad), and what it computes from what lies behind the cuts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from vgtheory.study.inspection.modules.model_copy import tensors_in
from vgtheory.study.inspection.modules.uses import Call

_MARK = "_vgtheory_cuts"  # on tensors, some of which the user keeps: a pass, and the cuts their values came through
_PASSES = count()


class Cuts:
    """The cuts of one forward pass: by each, the nodes of autograd's graph that no gradient reaches through it."""

    def __init__(self, torch: Any) -> None:
        self.torch, self.number = torch, next(_PASSES)
        self.nodes: list[tuple[Any, ...]] = []

    def follow(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        """Mark what a function returned: with the cuts that its arguments have come through, or as one of its own."""
        torch, one = self.torch, torch_tensor(self.torch, output)
        if one is None or (one.requires_grad and not self.nodes):
            return
        if not one.is_floating_point() or name.startswith("new") or name.endswith("_like"):
            return  # has no gradient, or depends on nothing but shapes
        given = list(tensors_in(torch, (arguments, *named.values())))
        cuts = frozenset[int]().union(*map(self.of, given))
        if not one.requires_grad and any(t.requires_grad for t in given):
            cuts |= {len(self.nodes)}
            self.nodes.append(tuple(t.grad_fn for t in given if t.grad_fn is not None))
        if cuts:
            for tensor in tensors_in(torch, output):
                setattr(tensor, _MARK, (self.number, cuts))

    def detach_in_place(self, tensor: Any) -> None:
        """Mark a tensor that is about to be cut from its graph."""
        if tensor.grad_fn is not None:
            setattr(tensor, _MARK, (self.number, self.of(tensor) | {len(self.nodes)}))
            self.nodes.append((tensor.grad_fn,))

    def of(self, tensor: Any) -> frozenset[int]:
        """Return the cuts that a tensor's value has come through in this pass."""
        number, cuts = getattr(tensor, _MARK, (self.number, frozenset[int]()))
        return cuts if number == self.number else frozenset()

    def behind(self, cuts: frozenset[int], calls: Sequence[Call]) -> list[Call]:
        """Return the calls, of some, that a tensor with these cuts was computed from through them."""
        stack, seen = [node for cut in cuts for node in self.nodes[cut]], set[Any]()
        while stack:
            node = stack.pop()
            if node is not None and node not in seen:
                seen.add(node)
                stack += [n for n, _ in node.next_functions]
        return [c for c in calls if (c.node is None and c.cuts & cuts) or not seen.isdisjoint((c.node, *c.others))]


def torch_tensor(torch: Any, output: Any) -> Any:
    """Return a tensor, or the first one of several that a function returned; None where it returned none."""
    if isinstance(output, (tuple, list)):
        output = next(iter(output), None)
    return output if isinstance(output, torch.Tensor) else None
