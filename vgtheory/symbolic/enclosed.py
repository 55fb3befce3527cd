"""`Enclosed`: SymPy expressions without a closed form that enclose their own value in ball arithmetic."""

from __future__ import annotations

from abc import abstractmethod

import sympy as sp
from flint import arb


class Enclosed(sp.Expr):
    """An expression that knows how to enclose itself, such as an integral without a closed form.

    `directions` says of the first arguments whether the value rises (1) or falls (−1) with them; of others nothing is
    known.  `rational` is the value where it is a fraction, else None.
    """

    directions: tuple[int, ...] = ()
    rational: sp.Rational | None = None

    @abstractmethod
    def enclosure(self, bits: int) -> arb:
        """Return a ball that contains the value, as tight as about `bits` bits allow."""
