"""How a prediction is known, in words: methods, assumptions and doubts that ``vg.predict`` names in its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNIFORM_LOSS = "the loss gradient at x_L is uniform on the unit sphere"
UNIT_INPUT = "|x_0|^2 = N_0"
WIDE = "width to infinity at fixed depth"


class Method(NamedTuple):
    """A method's words: `short` for the cell of a table, `sentence` for "Known from …"."""

    short: str
    sentence: str


METHODS = {
    "exact law": Method("exact law, any width", "the exact law of this activation at every width"),
    "order 1/N": Method("mean field with order 1/width", "mean field with the terms of order 1/width"),
    "closure": Method("closure in length and alignment", "the closure in length and alignment"),
    "mean field": Method("mean field, width → ∞", "mean field at infinite width"),
    "population": Method("population of units, width → ∞", "populations of units in the limit of infinite width"),
    "closure at two times": Method("closure at two times, width → ∞", "the closure at two times, at infinite width"),
    "Gram matrices of tokens": Method(
        "Gram matrices of tokens, width → ∞", "Gram matrices of the tokens in the limit of infinite width"
    ),
}


def reliability(doubts: Sequence[str]) -> str:
    """Return "yes", or "no: " and every doubt.

    >>> reliability([]), reliability(["the expansion fails", "a layer is dead"])
    ('yes', 'no: the expansion fails; a layer is dead')
    """
    return f"no: {'; '.join(doubts)}" if doubts else "yes"
