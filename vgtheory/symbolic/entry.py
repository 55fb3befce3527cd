"""`Entry`: a named activation with parameters, as one row of data."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.printing import displayed, to_latex


@dataclass(frozen=True)
class Parameter:
    """A parameter of an activation: its symbol, default value, what is accepted, and where it usually lies."""

    symbol: sp.Symbol
    default: sp.Expr
    domain: sp.Set
    typical: tuple[float, float]


@dataclass(frozen=True)
class Entry:
    """A named activation: formula, parameters, its reference, and the further names that frameworks give it."""

    name: str
    expr: sp.Expr
    parameters: tuple[Parameter, ...] = ()
    reference: str = ""
    aliases: tuple[str, ...] = ()

    def _repr_latex_(self) -> str:
        return displayed(to_latex(self.expr))

    def __call__(self, **values: Any) -> Activation:
        """Return the activation; parameters not given take their defaults, a SymPy symbol keeps one symbolic."""
        known = {p.symbol.name: p for p in self.parameters}
        for key, value in values.items():
            if key not in known:
                names = ", ".join(known) or "none"
                raise InputError(f"parameter {key!r} of {self.name}", names, "drop it or correct the name")
            number = exact(value)
            if number.is_number and known[key].domain.contains(number) is not sp.true:
                raise InputError(
                    f"{key}", f"a number in {known[key].domain}", f"e.g. {known[key].default}", got=f"{value}"
                )
        chosen = {name: values.get(name, p.default) for name, p in known.items()}
        return Activation(self.expr, name=self.name, **chosen)
