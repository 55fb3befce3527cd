"""A network as it was typed, and what becomes of it with other values of its options: what a sweep is over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from vgtheory._errors import InputError, UnknownNameError
from vgtheory.cli.named_values import given_twice, plain_number, read_number
from vgtheory.model.network import BlockNetwork, Network

ACCEPTED, EXAMPLE = "NAME=1,1.5,2 or NAME=LO:HI:COUNT", "e.g. --over sigma-w=1:2:11"


@dataclass(frozen=True)
class Variants:
    """A network and its neighbours.

    Parameters
    ----------
    build : makes a network of values of options.
    given : the values that were typed.
    options : annotation and default of every option of the network.
    """

    build: Callable[[dict[str, Any]], Network]
    given: Mapping[str, Any]
    options: Mapping[str, tuple[Any, Any]]

    @property
    def network(self) -> Network:
        """Return the network as it was typed."""
        return self.build(dict(self.given))

    def swept(self, items: list[str]) -> tuple[Any, dict[str, list[Any]]]:
        """Return what ``vg.sweep`` takes: the network or a function that makes it, and the values by name.

        Raises InputError for texts other than NAME=1,1.5,2 or NAME=LO:HI:COUNT, and for values that an option has not.
        """
        over: dict[str, list[Any]] = {}
        for item in items:
            name, equals, text = item.partition("=")
            name = name.strip().removeprefix("--").replace("-", "_")
            if not equals or not name or not text.strip():
                raise InputError("--over", ACCEPTED, EXAMPLE, got=item[:60])
            if name in over:
                raise given_twice(name)
            kind = self._kind(name)
            over[name] = _spaced(text) if ":" in text else [_value(part.strip(), kind) for part in text.split(",")]
        network = self.network
        if not isinstance(network, BlockNetwork) or not self.options:
            return network, over
        for name in over:
            if name not in self.options:
                raise UnknownNameError.among("option to sweep over", name, self.options)
        return self._with, over

    def _with(self, **values: Any) -> Network:
        """Return the network with these values in place of what was typed."""
        typed = {name: f"{value}" if self._kind(name) is str else value for name, value in values.items()}
        return self.build({**self.given, **typed})

    def _kind(self, name: str) -> Any:
        """Return the type of an option's value; a number's where it is none."""
        annotation = get_args(self.options[name][0])[0] if name in self.options else float
        return next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)


def of_network(command: Callable[..., None], options: Mapping[str, tuple[Any, Any]], build: Callable[..., Any]) -> Any:
    """Return the parameter that a network becomes, its options, and what makes it: `variants` hold what was typed."""
    if "variants" not in inspect.signature(command).parameters:
        return "network", options, build
    return "variants", options, lambda given: Variants(build, given, options)


def _spaced(text: str) -> list[Any]:
    """Return the equally spaced values of LO:HI:COUNT, both ends among them; whole ones where all are."""
    try:
        low, high, count = text.split(":")
        first, last, steps = read_number(low, float), read_number(high, float), read_number(count, int) - 1
    except ValueError:
        steps = 0
    if not 1 <= steps < 10**6:
        raise InputError("--over", ACCEPTED, EXAMPLE, got=text[:60])
    found = [*(first + (last - first) * k / steps for k in range(steps)), last]
    return [int(value) for value in found] if all(value.is_integer() for value in found) else found


def _value(text: str, kind: Any) -> Any:
    """Return a value of a list as it is swept over: a number wherever it is one."""
    if kind is bool:
        if text not in ("true", "false"):
            raise InputError("--over", "true or false", "e.g. true,false", got=text[:40])
        return text == "true"
    if (number := plain_number(text)) is not None:
        return number
    if kind is str and text:
        return text
    raise InputError("--over", "numbers", EXAMPLE, got=text[:40])
