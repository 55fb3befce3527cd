"""Parameters of laws and ensembles on the command line: NAME=VALUE, a number, several numbers or a word."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from vgtheory._errors import InputError

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
            raise InputError("--param", "NAME=VALUE", "e.g. --param ratio=0.5", got=f"{item[:40]}")
        parts = [_value(part.strip()) for part in text.split(",")]
        listed = len(parts) > 1 and all(not isinstance(p, str) for p in parts)
        out[name.strip()] = parts if listed else _value(text.strip())
    return out


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return text
