"""What the bounds say about one network in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mpmath
import numpy as np

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.network import Network
from vgtheory.reporting.wording import decimal_text
from vgtheory.symbolic.formula import RELATIONS, Formula
from vgtheory.symbolic.notation import layer_gradient_square
from vgtheory.symbolic.rounding import decimal_of

FAILURE, THRESHOLD = 0.01, 0.001  # p and eps of the numbers that are shown


@dataclass(frozen=True)
class BoundValue:
    """A bound's value at the network's depth: its name, relation and value as text, how it is known."""

    name: str
    value: str
    status: str


def shown_value(bound: Formula, fixed: Mapping[str, float]) -> str | None:
    """Return a bound's relation and value as text once some symbols are fixed, None where it is no number then."""
    held = _at(bound, fixed)
    if held is None:
        return None
    relation = RELATIONS[bound.kind]
    try:
        return f"{relation.text} {decimal_text(decimal_of(held.expr, relation.side))}"
    except (InputError, UnsupportedError):  # it has no number
        return None


def bound_values(network: Network, bounds: Sequence[Formula], q: float | None) -> tuple[BoundValue, ...]:
    """Return the values of those bounds that are numbers once depth, p, eps and q are fixed."""
    fixed: dict[str, float] = {"depth": int(network.depth), "p": FAILURE, "eps": THRESHOLD}
    if q is not None and 0 < q < float("inf"):
        fixed["q"] = q
    found = []
    for bound in bounds:
        value = shown_value(bound, fixed)
        if value is not None:
            found.append(BoundValue(bound.name, value, bound.status))
    return tuple(found)


def layer_bound(network: Network, bounds: Sequence[Formula]) -> tuple[np.ndarray, str] | None:
    """Return ½ ln of the smallest upper bound on E‖∂ℓ/∂h_l‖² for l = 1..L and its name; None without one.

    The bounds are geometric in l.  By Jensen's inequality the mean of ln‖∂ℓ/∂h_l‖ lies below.
    """
    if isinstance(network.width, tuple) or network.sigmas[0][0] == 0:
        return None
    depth = int(network.depth)
    found = []
    for bound in bounds:
        if bound.lhs == layer_gradient_square and bound.kind in ("upper bound", "equality"):
            ends = [_value(bound, {"depth": depth, "layer": at}) for at in (1, depth)]
            if all(end is not None and end > 0 for end in ends):
                logs = [float(mpmath.log(end)) / 2 for end in ends]
                found.append((np.linspace(logs[0], logs[1], depth), bound.name))
    return min(found, key=lambda pair: pair[0][0], default=None)


def _at(bound: Formula, fixed: Mapping[str, float]) -> Formula | None:
    """Return the bound with its symbols fixed, None where some stay free or its conditions fail there."""
    known = {s.name: fixed[s.name] for s in bound.symbols if s.name in fixed}
    if len(known) < len(bound.symbols):
        return None
    try:
        return bound.at(**known)
    except InputError:
        return None


def _value(bound: Formula, fixed: Mapping[str, float]) -> mpmath.mpf | None:
    held = _at(bound, fixed)
    try:
        return None if held is None else held.value()
    except (InputError, UnsupportedError):
        return None
