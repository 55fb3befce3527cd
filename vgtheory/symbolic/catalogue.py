"""The catalogue: every named activation, looked up by its name or by one that a framework gives it."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import sympy as sp

from vgtheory._errors import InputError, UnknownNameError, shown
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue_rows import ROWS
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.named_formula import NamedFormula


class Entry(NamedFormula):
    """A named activation: call it, with parameters, for an Activation."""

    def __call__(self, **values: Any) -> Activation:
        """Return the activation; parameters not given take their defaults, a SymPy symbol keeps one symbolic."""
        if not values:
            return self._default
        known = {p.symbol.name: p for p in self.parameters}
        for key, value in values.items():
            if key not in known:
                names = ", ".join(known) or "none"
                raise InputError(f"parameter {key!r} of {self.name}", names, "drop it or correct the name")
            number = exact(value)
            if number.is_number and known[key].domain.contains(number) is not sp.true:
                raise InputError(
                    f"{key}", f"a number in {known[key].domain}", f"e.g. {known[key].default}", got=shown(value)
                )
        chosen = {name: values.get(name, p.default) for name, p in known.items()}
        return Activation(self.expr, name=self.name, **chosen)

    @cached_property
    def _default(self) -> Activation:
        """Return the one object, since what is known of an activation is kept with it."""
        return Activation(self.expr, name=self.name, **{p.symbol.name: p.default for p in self.parameters})


class Catalogue(Mapping[str, Entry]):
    """Read-only mapping from an activation's name to its factory; aliases work but are not listed.

    >>> catalogue["hardswish"].name
    'hard_swish'
    """

    def __init__(self, rows: tuple[NamedFormula, ...]) -> None:
        entries = [Entry(r.name, r.expr, r.parameters, r.reference, r.aliases) for r in rows]
        self._entries = {e.name: e for e in entries}
        self._found = {name: e for e in entries for name in (e.name, *e.aliases)}

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._found[name]
        except KeyError:
            hint = "or write a formula in x, e.g. x/(1+exp(-x))"
            raise UnknownNameError.among("activation", str(name), self._entries, hint) from None

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


catalogue: Mapping[str, Entry] = Catalogue(ROWS)


def activation(source: Activation | sp.Expr | str, **parameters: Any) -> Activation:
    """Return an Activation from a catalogue name, a formula string, a SymPy expression, or itself.

    A string that is one identifier looks up the catalogue (``"x"`` alone is the identity as a formula).

    >>> activation("leaky_relu", alpha=0.2).expr
    Piecewise((x, x > 0), (x/5, True))
    """
    if isinstance(source, Activation):
        if parameters:
            raise InputError("parameters beside an Activation", "none", "give them where the Activation is made")
        return source
    if isinstance(source, str) and source.strip().isidentifier() and source.strip() not in ("x", "h"):
        return catalogue[source.strip()](**parameters)
    return Activation(source, **parameters)
