"""Public names that are loaded at first use, so that a door costs nothing until somebody goes through it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(door: str, names: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of the module `door`.

    `names` maps a public name to "module:attribute", or to the "module" that it stands for.
    """

    def load(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        module, _, attribute = names[name].partition(":")
        return getattr(import_module(module), attribute) if attribute else import_module(module)

    return load, lambda: sorted(names)
