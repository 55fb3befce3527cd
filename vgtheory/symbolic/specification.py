"""Descriptions of objects that come from outside, such as JSON: everything in them is checked before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sympy as sp

from vgtheory._errors import InputError, UnknownNameError, VgtheoryError
from vgtheory.symbolic.catalogue_rows import ROWS
from vgtheory.symbolic.parser import IDENTIFIER

FACTS = frozenset(sp.Symbol("x").assumptions0) | set(sp.Symbol("x", positive=True, integer=True).assumptions0)

NEAR = 1e-9
POINTS = (sp.Rational(-13, 10), sp.Rational(2, 5), sp.Rational(21, 10))


@contextmanager
def described(what: str) -> Iterator[None]:
    """Turn whatever a wrong description raises in the block into an InputError; errors of the package pass."""
    try:
        yield
    except VgtheoryError:
        raise
    except KeyError as missing:
        raise InputError(
            f"the description of {what} without {missing.args[0]!r}", "what .spec gives", "add it"
        ) from None
    except (TypeError, ValueError, AttributeError, IndexError, RecursionError, ArithmeticError, NotImplementedError):
        raise InputError(f"the description of {what}", "what .spec gives", "see .spec of one") from None


def text_of(spec: Mapping[str, Any], key: str) -> str:
    """Return an entry of a description that must be a text. Raises KeyError and InputError."""
    value = spec[key]
    if not isinstance(value, str):
        raise InputError(f"the entry {key!r} of a description", "a text", "see .spec", got=f"{value!r}"[:60])
    return value


def need_known(spec: Mapping[str, Any], what: str, known: frozenset[str]) -> None:
    """Raise UnknownNameError for an entry of a description that nothing reads: it is misspelt, or of another thing."""
    for key in spec:
        if key not in known:
            raise UnknownNameError.among(f"entry of the description of {what}", str(key), known)


def part_of(spec: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """Return the entries of a description that describe one part of what it describes."""
    return {key: value for key, value in spec.items() if key in keys}


def flag_of(spec: Mapping[str, Any], key: str) -> bool:
    """Return an entry that must be true or false, false where there is none. Raises InputError."""
    value = spec.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"the entry {key!r} of a description", "true or false", "see .spec", got=f"{value!r}"[:60])
    return value


def whole_of(spec: Mapping[str, Any], key: str) -> int:
    """Return an entry that must be a whole number. Raises KeyError and InputError."""
    value = spec[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"the entry {key!r} of a description", "a whole number", "see .spec", got=f"{value!r}"[:60])
    return value


def need_own_name(name: str, expr: sp.Expr, x: sp.Symbol, values: Mapping[str, sp.Expr]) -> None:
    """Raise InputError where the name is one of the catalogue's and the function another one."""
    row = next((r for r in ROWS if r.name == name), None)
    if row is None or not set(values) <= {p.symbol.name for p in row.parameters}:
        return
    difference = row.of(x, *(values.get(p.symbol.name) for p in row.parameters)) - expr
    points = {s: sp.Rational(7, 10) for s in difference.free_symbols - {x}}
    if any(abs(sp.N(difference.subs(points).subs(x, at))) > NEAR for at in POINTS):
        raise InputError(f"a function named {name!r}", f"the catalogue's {row.expr}", "rename it", got=f"{expr}"[:60])


def symbols_of(spec: Mapping[str, Any]) -> dict[str, sp.Symbol]:
    """Return the symbols that a description declares, by name: ``{"symbols": {name: {assumption: true or false}}}``.

    Raises InputError for names that are none, assumptions that SymPy does not know or that contradict each other.
    """
    return {name: _symbol(name, facts) for name, facts in _mapping(spec.get("symbols", {}), "symbols").items()}


def _symbol(name: Any, facts: Any) -> sp.Symbol:
    if not isinstance(name, str) or not IDENTIFIER.match(name):
        raise InputError(
            "the name of a symbol", "a letter, then letters, digits or _", "rename it", got=f"{name!r}"[:60]
        )
    for fact, value in _mapping(facts, f"the assumptions of {name}").items():
        if fact not in FACTS or not isinstance(value, bool):
            asked, shown = f"the assumption {str(fact)[:30]!r} of {name}", f"{value!r}"[:40]
            raise InputError(asked, "one of SymPy's with true or false", "e.g. positive: true", got=shown)
    try:
        return sp.Symbol(name, **facts)
    except sp.core.facts.InconsistentAssumptions:
        raise InputError(f"the assumptions of {name}", "some that do not contradict each other", "drop one") from None


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(what, "an object with names", "see .spec", got=f"{value!r}"[:60])
    return value
