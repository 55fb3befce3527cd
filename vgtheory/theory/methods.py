"""How a prediction is known, in words: methods, assumptions and doubts that ``vg.predict`` names in its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNIFORM_LOSS = "the loss gradient at x_L is uniform on the unit sphere"
UNIT_INPUT = "|x_0|^2 = N_0"
WIDE = "width to infinity at fixed depth"


EXACT_LAW, ORDER_1_N, CLOSURE = "exact law", "order 1/N", "closure"
MEAN_FIELD, POPULATION = "mean field", "population"
TWO_TIMES, GRAM_MATRICES = "closure at two times", "Gram matrices of tokens"


class Words(NamedTuple):
    """A method's words: `short` for the cell of a table, `sentence` for "Known from …"."""

    short: str
    sentence: str


METHODS = {
    EXACT_LAW: Words("exact law, any width", "the exact law of this activation at every width"),
    ORDER_1_N: Words("mean field with order 1/width", "mean field with the terms of order 1/width"),
    CLOSURE: Words("closure in length and alignment", "the closure in length and alignment"),
    MEAN_FIELD: Words("mean field, width → ∞", "mean field at infinite width"),
    POPULATION: Words("population of units, width → ∞", "populations of units in the limit of infinite width"),
    TWO_TIMES: Words("closure at two times, width → ∞", "the closure at two times, at infinite width"),
    GRAM_MATRICES: Words(
        "Gram matrices of tokens, width → ∞", "Gram matrices of the tokens in the limit of infinite width"
    ),
}


def reliability(doubts: Sequence[str]) -> str:
    """Return "yes", or "no: " and every doubt.

    >>> reliability([]), reliability(["the expansion fails", "a layer is dead"])
    ('yes', 'no: the expansion fails; a layer is dead')
    """
    return f"no: {'; '.join(doubts)}" if doubts else "yes"
