"""`NamedFormula`: a formula with a name and parameters, as one row of data."""

from dataclasses import dataclass

import sympy as sp

from vgtheory.symbolic.notation import x
from vgtheory.symbolic.printing import displayed, to_latex


@dataclass(frozen=True)
class Parameter:
    """A parameter of an activation: its symbol, default value, what is accepted, and where it usually lies."""

    symbol: sp.Symbol
    default: sp.Expr
    domain: sp.Set
    typical: tuple[float, float]


@dataclass(frozen=True)
class NamedFormula:
    """A named formula: expression, parameters, its reference, and the further names that frameworks give it."""

    name: str
    expr: sp.Expr
    parameters: tuple[Parameter, ...] = ()
    reference: str = ""
    aliases: tuple[str, ...] = ()

    def _repr_latex_(self) -> str:
        return displayed(to_latex(self.expr))

    def of(self, argument: sp.Expr, *values: sp.Expr | None) -> sp.Expr:
        """Return the formula of an argument; parameters that are not given, or None, take their defaults."""
        given = [*values, *[None] * (len(self.parameters) - len(values))]
        chosen = {p.symbol: p.default if v is None else v for p, v in zip(self.parameters, given, strict=True)}
        return self.expr.subs({x: argument, **chosen}, simultaneous=True)
