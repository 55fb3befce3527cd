"""`vgtheory doctor`: versions, cache, TeX, optional packages, threads: what works on this machine."""

from __future__ import annotations

import typer

from vgtheory.cli.exit_codes import UNHEALTHY


def doctor() -> None:
    """Say what works on this machine: versions, cache, TeX, PyTorch, threads; exit code 1 if broken."""
    from vgtheory.cli.console import say, table
    from vgtheory.cli.health import checks

    found = checks()
    broken = [check.thing for check in found if check.broken]
    table(("what", "found", "means"), ((check.thing, check.found, check.means) for check in found))
    say("")
    say("does not work: " + ", ".join(broken) if broken else "everything that is needed works")
    if broken:
        raise typer.Exit(UNHEALTHY)
