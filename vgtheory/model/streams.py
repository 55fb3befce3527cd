"""Formulas in named streams, as blocks are written: parsed, never evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sympy as sp

from vgtheory._errors import FormulaError, InputError, shown
from vgtheory.symbolic.building import CONSTANTS
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.symbolic.parser import IDENTIFIER, read


def _names(text: str) -> Iterator[str]:
    """Return the words of a formula that are not functions: those that no bracket follows."""
    word = ""
    for char in f"{text} ":
        if char.isalnum() or char == "_":
            word += char
            continue
        if word and char != "(" and IDENTIFIER.match(word) and word not in (*CONSTANTS, "True"):
            yield word
        word = ""


def expression(text: str, streams: Iterable[str] | None = None) -> sp.Expr:
    """Return a formula in streams (by default of any names); ``s(…)`` is the logistic function, as cells are written.

    Raises FormulaError for a text that is no formula, InputError for what is no text.

    >>> expression("s(f)*c + s(i)*tanh(g)", ["f", "c", "i", "g"])
    c/(1 + exp(-f)) + tanh(g)/(1 + exp(-i))
    """
    if not isinstance(text, str):
        raise InputError("a formula", "a text", 'e.g. "s(f)*c + s(i)*tanh(g)"', got=f"{text!r}"[:60])
    plain = "".join("sigmoid(" if part == "s(" else part for part in _parts(text))
    return read(plain, {name: stream(name) for name in (_names(plain) if streams is None else streams)})


def _parts(text: str) -> Iterator[str]:
    """Return the text in pieces, of which "s(" is one wherever it is a whole word."""
    start = 0
    for at in range(len(text) - 1):
        if text[at : at + 2] == "s(" and (at == 0 or not (text[at - 1].isalnum() or text[at - 1] == "_")):
            yield text[start:at]
            yield "s("
            start = at + 2
    yield text[start:]


def stream(name: str) -> sp.Symbol:
    """Return the symbol of a stream."""
    return sp.Symbol(name, real=True)


def factor(value: Any, name: str) -> sp.Expr:
    """Return a number, or an expression in the symbol ``depth``, that multiplies a stream.

    Raises InputError for anything else.
    """
    accepted, hint = "a real number or an expression in depth", 'e.g. "1/sqrt(2*depth)"'
    try:
        number = read(value, {"depth": depth_symbol}) if isinstance(value, str) else exact(value)
    except FormulaError:
        raise InputError(name, accepted, hint, got=shown(value)) from None
    number = number.subs({s: depth_symbol for s in number.free_symbols if s.name == "depth"})
    if number.free_symbols - {depth_symbol} or (number.is_number and not (number.is_real and number.is_finite)):
        raise InputError(name, accepted, hint, got=shown(value))
    return number


def constant(value: Any, name: str) -> sp.Expr:
    """Return a number that is added to a pre-activation; raise InputError for anything else."""
    refusal = InputError(name, "a real number", f"e.g. {name}=1", got=shown(value))
    try:
        number = factor(value, name)
    except InputError:
        raise refusal from None
    if number.free_symbols:
        raise refusal
    return number
