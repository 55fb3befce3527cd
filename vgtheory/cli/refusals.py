"""What the shell is told of an error: commands and options in place of Python's calls and keywords."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from vgtheory._errors import InputError, VgtheoryError, visible
from vgtheory.cli.commands import COMMANDS

# What only Python can run: a function of the package, called or named, or a keyword with its value.
_CALL = r"\bvg\.(?P<verb>[\w.]*\w)(?P<called>\((?:[^()]|\([^()]*\))*\))?"
_KEYWORD = r"(?<![\w.(-])(?P<key>[a-z_]+)=(?P<value>\"[^\"]*\"|'[^']*'|\([^)]*\)|\[[^\]]*\]|[^\s,;)]+)"
_PYTHON = re.compile(f"{_CALL}|{_KEYWORD}")
_QUOTED = re.compile(r"(['\"])([\w./:-]+)\1")


def in_shell(error: VgtheoryError, options: Collection[str]) -> str:
    """Return an error's message in one line as the shell says it.

    Parameters
    ----------
    options : those of the command, as typed: ``"--sigma-w"``.

    Examples
    --------
    >>> in_shell(InputError("depth", "a whole number of at least 1", "e.g. depth=50", got="0"), {"--depth"})
    '--depth must be a whole number of at least 1 (got 0); e.g. --depth 50'
    >>> in_shell(VgtheoryError("no edge was found; use vg.sample(network) or vg.predict(network)"), ())
    'no edge was found; use vg.sample(network) in Python or vgtheory predict'
    """
    text = error.in_shell
    if isinstance(error, InputError) and (option := _option(error.subject)) in options:
        text = option + text.removeprefix(error.subject)
    said = _PYTHON.sub(lambda match: _typed(match, options), text)
    return visible(" ".join(said.split()))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _typed(match: re.Match[str], options: Collection[str]) -> str:
    if (verb := match["verb"]) is not None:
        return f"vgtheory {verb}" if _is_command(verb) else match[0] + " in Python" * (match["called"] is not None)
    option, value = _option(match["key"]), _QUOTED.sub(r"\2", match["value"])
    if option not in options:
        return match[0]
    return option if value == "True" else f"{option} {value}"


def _is_command(verb: str) -> bool:
    """Return whether the command of this name asks of the same network what Python's verb does."""
    from vgtheory.model.capability_rows import VERBS  # loads SymPy, which an error has loaded already

    return verb in COMMANDS and verb in (*VERBS, "critical")


def options_of(command: Any) -> frozenset[str]:
    """Return the options of a command of the command line's library, as typed."""
    return frozenset(option for parameter in command.params for option in parameter.opts if option.startswith("--"))
