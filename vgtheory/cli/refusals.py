"""What the shell is told of an error: the options of the command that was typed in place of Python's keywords."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from vgtheory._errors import InputError, VgtheoryError, visible

_KEYWORD = re.compile(r"(?<![\w.(-])([a-z_]+)=(\"[^\"]*\"|'[^']*'|\([^)]*\)|\[[^\]]*\]|[^\s,;)]+)")


def in_shell(error: VgtheoryError, options: Collection[str]) -> str:
    """Return an error's message in one line as the shell says it.

    Parameters
    ----------
    options : those of the command, as typed: ``"--sigma-w"``.

    Examples
    --------
    >>> in_shell(InputError("depth", "a whole number of at least 1", "try depth=50", got="0"), {"--depth"})
    '--depth must be a whole number of at least 1 (got 0); try --depth 50'
    """
    text = error.in_shell
    if isinstance(error, InputError) and (option := _option(error.subject)) in options:
        text = option + text.removeprefix(error.subject)
    said = _KEYWORD.sub(lambda match: _typed(match, options), text)
    return visible(" ".join(said.split()))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _typed(match: re.Match[str], options: Collection[str]) -> str:
    option, value = _option(match[1]), match[2]
    if option not in options:
        return match[0]
    return option if value == "True" else f"{option} {value}"


def options_of(command: Any) -> frozenset[str]:
    """Return the options of a command of the command line's library, as typed."""
    return frozenset(option for parameter in command.params for option in parameter.opts if option.startswith("--"))
