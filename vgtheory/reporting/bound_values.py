"""What the bounds say about one network in numbers, and which of them say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mpmath
import numpy as np

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.sizes import LOG_DOUBLE
from vgtheory.reporting.wording import decimal_text
from vgtheory.symbolic.formula import RELATIONS, Formula
from vgtheory.symbolic.notation import layer_gradient_square
from vgtheory.symbolic.rounding import decimal_of

FAILURE, THRESHOLD = 0.01, 0.001  # p and eps of the numbers that are shown
CHOSEN = {"p": FAILURE, "eps": THRESHOLD, "layer": 1}
# Beyond these a statement says nothing that a number in float64 could contradict.
TINY, HUGE = mpmath.mpf(2) ** -1022, mpmath.mpf(2) ** 1024
PROBABILITIES = ("_probability", "_tail", "_persistence", "saturated_layer", "_fraction")
LOGARITHMS = ("log_", "mean_log_", "var_log_")


@dataclass(frozen=True)
class ValuedBound:
    """A bound with its value at the network's depth.

    Attributes
    ----------
    text : relation and value, "" where the bound has no number without further ones.
    number : the value; None where it has none.
    """

    formula: Formula
    text: str
    number: mpmath.mpf | None

    @property
    def vacuous(self) -> bool:
        """Return whether every network obeys it: what is at least 0, or at most a number that nothing exceeds."""
        if self.number is None:
            return False
        below = self.formula.kind == "lower bound"
        if self.formula.lhs.name.endswith(PROBABILITIES):
            return bool(self.number <= TINY if below else self.number >= 1)
        if self.formula.lhs.name.startswith(LOGARITHMS):
            return bool(self.number < -LOG_DOUBLE if below else self.number > LOG_DOUBLE)
        return bool(self.number < TINY if below else self.number > HUGE)


def shown_value(bound: Formula, fixed: Mapping[str, float]) -> str | None:
    """Return a bound's relation and value as text once some symbols are fixed, None where it is no number then."""
    held = _at(bound, fixed)
    return _text(held) if held is not None else None


def _text(held: Formula) -> str | None:
    relation = RELATIONS[held.kind]
    try:
        return f"{relation.text} {decimal_text(decimal_of(held.expr, relation.side))}"
    except (InputError, UnsupportedError):  # it has no number
        return None


def valued_bounds(network: Network, bounds: Sequence[Formula], q: float | None) -> tuple[ValuedBound, ...]:
    """Return the bounds with their values once depth, p, eps, layer and q are fixed."""
    fixed: dict[str, float] = {"depth": int(network.depth), **CHOSEN}
    if q is not None and 0 < q < float("inf"):
        fixed["q"] = q
    held = [(bound, _at(bound, fixed)) for bound in bounds]
    return tuple(ValuedBound(bound, (at and _text(at)) or "", _number(at)) for bound, at in held)


def layer_bound(network: Network, bounds: Sequence[Formula]) -> tuple[np.ndarray, str] | None:
    """Return ½ ln of the smallest upper bound on E‖∂ℓ/∂h_l‖² for l = 1..L and its name; None without one.

    The bounds are geometric in l.  By Jensen's inequality the mean of ln‖∂ℓ/∂h_l‖ lies below.
    """
    if isinstance(network, BlockNetwork) or isinstance(network.width, tuple) or network.sigmas[0][0] == 0:
        return None
    depth = int(network.depth)
    found = []
    for bound in bounds:
        if bound.lhs == layer_gradient_square and bound.kind in ("upper bound", "equality"):
            ends = [_number(_at(bound, {"depth": depth, "layer": layer})) for layer in (1, depth)]
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


def _number(held: Formula | None) -> mpmath.mpf | None:
    try:
        return None if held is None else held.value()
    except (InputError, UnsupportedError):
        return None
