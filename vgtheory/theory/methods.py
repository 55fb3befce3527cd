"""How a prediction is known, in words: the one table of the methods that ``vg.predict`` names in its attributes."""

from __future__ import annotations

from typing import NamedTuple


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
    "Gram matrices of tokens": Method(
        "Gram matrices of tokens, width → ∞", "Gram matrices of the tokens in the limit of infinite width"
    ),
}
