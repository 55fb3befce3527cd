"""`Enclosed`: SymPy expressions without a closed form that enclose their own value in ball arithmetic."""

from __future__ import annotations

from abc import abstractmethod

import sympy as sp
from flint import arb


class Enclosed(sp.Expr):
    """An expression that knows how to enclose itself, such as an integral without a closed form."""

    @abstractmethod
    def enclosure(self, bits: int) -> arb:
        """Return a ball that contains the value, as tight as about `bits` bits allow."""
