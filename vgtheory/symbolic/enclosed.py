"""`Enclosed`: SymPy expressions without a closed form that enclose their own value in ball arithmetic."""

from __future__ import annotations

from abc import abstractmethod

import sympy as sp
from flint import arb


class Enclosed(sp.Expr):
    """An expression that knows how to enclose itself, such as an integral without a closed form.

    `directions` says of the first arguments whether the value rises (1) or falls (−1) with them; of others nothing is
    known.
    """

    directions: tuple[int, ...] = ()

    @property
    def rational(self) -> sp.Rational | None:
        """Return the value where it is an exact fraction, else None."""
        return None

    @abstractmethod
    def enclosure(self, bits: int) -> arb:
        """Return a ball that contains the value, as tight as about `bits` bits allow."""
