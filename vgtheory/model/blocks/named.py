"""Blocks by name, with what each of them takes: read off the functions of ``vg.blocks``, so that no list is kept.

A name is a function's, a preset's behind its cell ("lstm.keras"), or what goes around a block before it with a plus:
"residual+normalised+gated".
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

from vgtheory._errors import InputError, UnknownNameError
from vgtheory.model import blocks
from vgtheory.model.program import Block
from vgtheory.model.weights import Weights

REQUIRED = inspect.Parameter.empty
AROUND = "+"
# The activation where none is named; of blocks that are not listed ReLU.
USUAL = {"rnn": "tanh", "gated": "silu", "transformer": "gelu"}


@dataclass(frozen=True)
class Argument:
    """What a block's function takes.

    Attributes
    ----------
    kind : its type: Weights, bool, int, a Literal, a Mapping of formulas, or Any for a number or a formula.
    default : ``REQUIRED`` where there is none.
    text : what it is, of the function's docstring; "" where that says nothing.
    """

    name: str
    kind: Any
    default: Any
    text: str


@dataclass(frozen=True)
class Named:
    """A block by name.

    Attributes
    ----------
    name, text : its name, and what it computes in one line.
    arguments : what it takes, in order.
    """

    name: str
    text: str
    arguments: tuple[Argument, ...]

    @property
    def recurrent(self) -> bool:
        """Return whether it is a cell, whose layers are steps in time: only they can be tied."""
        return any(argument.name == "tied" for argument in self.arguments)

    def built(self, given: Mapping[str, Any], weights: Weights | None) -> Block:
        """Return the block of these values, with the same weights wherever it takes some."""
        *around, inner = self.name.split(AROUND)
        block: Any = None
        for name in (inner, *reversed(around)):
            make = _functions()[name]
            taken = {a.name: weights if a.kind is Weights else given[a.name] for a in _arguments(make)}
            block = make(**taken) if block is None else make(block, **taken)
        return block


def names() -> tuple[str, ...]:
    """Return the names of the blocks that need no other block.

    >>> names()[:6]
    ('attention', 'cell', 'conv', 'dense', 'gated', 'gru')
    """
    return tuple(name for name, make in sorted(_functions().items()) if not _goes_around(make))


def around() -> tuple[str, ...]:
    """Return the names of what goes around a block.

    >>> around()
    ('normalised', 'residual')
    """
    return tuple(name for name, make in sorted(_functions().items()) if _goes_around(make))


def is_name(text: str) -> bool:
    """Return whether a text names a block, with what goes around it; names of no block in it are for :func:`named`.

    >>> [is_name(text) for text in ("lstm.keras", "residual+gated", "tanh", "x+1")]
    [True, True, False, False]
    """
    parts = text.split(AROUND)
    return parts[-1] in names() or (len(parts) > 1 and parts[0] in around())


def named(text: str) -> Named:
    """Return the block of this name.

    Raises InputError for a name of none, and for parts that take arguments of the same name.

    >>> [a.name for a in named("lstm").arguments]
    ['weights', 'forget_bias', 'tied']
    """
    *before, inner = text.split(AROUND)
    for name, known in (*((part, around()) for part in before), (inner, names())):
        if name not in known:
            raise UnknownNameError.among("block", name, known)
    makers = [_functions()[name] for name in (inner, *before)]
    found = [argument for make in makers for argument in _arguments(make)]
    taken = [argument.name for argument in found if argument.kind is not Weights]
    if len(set(taken)) < len(taken):
        double = next(name for name in taken if taken.count(name) > 1)
        raise InputError(
            f"{text}, in which two parts take {double}", "parts that differ in what they take", "describe it in a file"
        )
    if "act" in taken:
        found = [_with_default(argument, USUAL.get(inner, "relu")) for argument in found]
    return Named(text, _first_sentence(makers[0]), tuple(found))


@cache
def _functions() -> dict[str, Callable[..., Block]]:
    """Return every function of ``vg.blocks`` that makes a block, and presets behind the name of their cell."""
    found: dict[str, Callable[..., Block]] = {}
    for name in blocks.__all__:
        make = getattr(blocks, name)
        plain = inspect.isroutine(make) or inspect.isclass(make)
        presets = {} if plain else {f"{name}.{key}": getattr(make, key) for key in vars(type(make)) if key[0] != "_"}
        found |= {key: one for key, one in {name: make, **presets}.items() if _makes_a_block(one)}
    return found


def _makes_a_block(make: Any) -> bool:
    if not callable(make) or inspect.isclass(make) or _hints(make).get("return") is not Block:
        return False
    kinds = {p.kind for p in inspect.signature(make).parameters.values()}
    return inspect.Parameter.VAR_POSITIONAL not in kinds


def _hints(make: Any) -> dict[str, Any]:
    return get_type_hints(make if inspect.isroutine(make) else type(make).__call__)


def _goes_around(make: Callable[..., Block]) -> bool:
    return Block in [kind for name, kind in _hints(make).items() if name != "return"]


def _arguments(make: Callable[..., Block]) -> tuple[Argument, ...]:
    """Return what a function takes besides a block and what no text can be, such as a tuple."""
    hints, texts = _hints(make), _documented(make)
    return tuple(
        Argument(name, hints[name], p.default, texts.get(name, ""))
        for name, p in inspect.signature(make).parameters.items()
        if hints[name] is not Block and not (p.default is None and "tuple" in str(hints[name]))
    )


def _with_default(argument: Argument, act: str) -> Argument:
    return Argument("act", argument.kind, act, argument.text) if argument.name == "act" else argument


def _document(make: Any) -> str:
    return inspect.getdoc(make if inspect.isroutine(make) else type(make).__call__) or ""


def _first_sentence(make: Any) -> str:
    """Return what the function returns, without the word."""
    return _document(make).partition("\n\n")[0].replace("\n", " ").removeprefix("Return ").rstrip(".")


def _documented(make: Any) -> dict[str, str]:
    """Return the texts of the parameters of a docstring by name."""
    section = _document(make).partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    found: dict[str, str] = {}
    for row in re.split(r"\n(?=\S)", section):
        given, colon, text = row.partition(" : ")
        if colon:
            found |= dict.fromkeys(given.split(", "), " ".join(text.split()))
    return found
