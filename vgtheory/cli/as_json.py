"""`--json`: what a command prints, for programs: its tables with numbers as numbers, its sentences as text."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

Command = Callable[..., None]
NAME, OWN = "as_json", "json"
_JSON = Annotated[bool, typer.Option("--json", help="Print the same as JSON: tables with numbers as numbers, text.")]


def with_json(command: Command) -> Command:
    """Return the command with an option ``--json``; a command that has one of its own stays as it is."""
    parameters = list(inspect.signature(command).parameters.values())
    if OWN in {p.name for p in parameters}:
        return command
    hints = get_type_hints(command, include_extras=True)
    typed = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in parameters]
    typed.append(inspect.Parameter(NAME, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_JSON))

    @wraps(command)
    def run(**given: Any) -> None:
        if not given.pop(NAME):
            command(**given)
            return
        from vgtheory.cli.console import recorded

        with recorded() as page:
            try:
                command(**given)
            finally:  # also of a command that ends with another exit code
                if any(page.values()):
                    typer.echo(json.dumps(page, ensure_ascii=False, indent=1))

    run.__signature__ = inspect.Signature(typed)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in typed}
    return run
