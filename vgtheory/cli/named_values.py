"""Parameters of laws and ensembles on the command line: NAME=VALUE, a number, several numbers or a word."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from vgtheory._errors import InputError, visible

N = TypeVar("N")

NamedValues = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Parameter, e.g. ratio=0.5 or spikes=2,3; repeatable."),
]


def named_values(param: list[str] | None) -> dict[str, Any]:
    """Return {name: value} of the --param options; a comma makes a list.

    Examples
    --------
    >>> named_values(["size=3", "ratio=0.5", "spikes=2,3.5", "field=complex"])
    {'size': 3, 'ratio': 0.5, 'spikes': [2, 3.5], 'field': 'complex'}
    """
    out: dict[str, Any] = {}
    for item in param or []:
        name, equals, text = item.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise InputError("--param", "NAME=VALUE", "e.g. --param ratio=0.5", got=visible(item[:40]))
        parts = [_value(part.strip()) for part in text.split(",")]
        listed = len(parts) > 1 and all(not isinstance(p, str) for p in parts)
        if name.strip() in out:
            raise given_twice(name.strip())
        out[name.strip()] = parts if listed else _value(text.strip())
    return out


def given_twice(name: str) -> InputError:
    """Return the error for a parameter with two values, of which none can be known to be meant."""
    return InputError("--param", "one value for each name", "drop one of them", got=f"{visible(name[:40])} twice")


def plain_number(text: str) -> int | float | None:
    """Return the finite number that a text is, whole where it is written so; None for any other text.

    >>> plain_number("3"), plain_number("3.0"), plain_number("inf"), plain_number("x")
    (3, 3.0, None, None)
    """
    for kind in (int, float):
        try:
            number = read_number(text, kind)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return None


def _value(text: str) -> Any:
    if (number := plain_number(text)) is not None:
        return number
    if any(_reads(kind, text) for kind in (float, lambda word: int(word, 0))):
        raise InputError(
            "--param", "NAME=VALUE with a plain finite number", "write 1000 or 1e3", got=visible(text[:40])
        )
    return text  # a word or a formula


def _reads(kind: Callable[[str], object], text: str) -> bool:
    """Return whether Python reads the text as a number of a kind."""
    try:
        kind(text)
    except ValueError:
        return False
    return True


def read_number(text: str, kind: Callable[[str], N]) -> N:
    """Return a number of plain ASCII; ValueError for what only Python reads as one, such as 1_000 or other digits.

    >>> read_number("1e3", float)
    1000.0
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return kind(text)
