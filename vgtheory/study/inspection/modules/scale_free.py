"""Which calls' outputs are normalised, also by hand: what takes them does not depend on their size."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

from vgtheory.study.inspection.modules.pooling import VIEWS

_LAYERS = ("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RmsNorm")
_SAME = (
    *VIEWS, "Mean", "Sum", "Std", "Norm", "LinalgVectorNorm", "Abs", "Neg", "ClampMin", "Clamp", "Expand", "ToCopy",
    "Add", "Sub", "Rsub", "Maximum", "Transpose", "T", "Permute",
)  # fmt: skip


def normalised_calls(latest: Mapping[Any, int], place: Mapping[Any, int]) -> set[int]:
    """Return the calls whose output, with what is added to it, a normalisation takes.

    That is a layer of torch's, or any function of degree 0: h/rms(h) is the same for c·h as for h.  Degrees follow from
    those of its parts, where numbers that are added (an epsilon, a bias) count as small.

    Parameters
    ----------
    latest : the nodes of autograd's graph, each behind those that it reads, and the latest call at or before each.
    place : the nodes that are calls.
    """
    degrees: dict[Any, float | None] = {}  # None: of parameters and constants
    found = set()
    for node, call in latest.items():
        if node is None or node in place:
            degrees[node] = 1.0
            continue
        before = [n for n, _ in node.next_functions if n is not None]
        name = node.name()
        read = {n: degrees.get(n) for n in before}
        parts = [degree for n in before if (degree := read[n]) is not None]
        degrees[node] = _degree(node, before, degrees) if parts else None
        same = {latest.get(n) for n in before if read[n] is not None} == {call}
        if any(layer in name for layer in _LAYERS) or (same and degrees[node] == 0 and all(parts)):
            found.add(call)
        elif name.startswith(("Mul", "Div")) and 0 in parts and any(parts):
            found.discard(call)  # h·(rms(h) over its mean) grows with h
    return found


def _degree(node: Any, before: list[Any], degrees: Mapping[Any, float | None]) -> float:
    """Return the degree of a function in the sizes of all calls' outputs; nan where it has none."""
    name, parts = node.name(), [degrees.get(n) for n in before]
    known = [part for part in parts if part is not None]
    if name.startswith("Mul"):
        return sum(known)
    if name.startswith("Div"):
        ways = [0.0 if part is None else part for part in parts]
        return ways[0] - ways[1] if len(ways) == 2 else ways[0]
    if name.startswith(("Sqrt", "Rsqrt")):
        return known[0] / (2 if name.startswith("Sqrt") else -2)
    if name.startswith("Reciprocal"):
        return -known[0]
    if name.startswith("Var"):
        return 2 * known[0]
    if name.startswith("PowBackward0"):
        return known[0] * float(node._saved_exponent)
    return known[0] if len(set(known)) == 1 and name.split("Backward")[0] in _SAME else nan
