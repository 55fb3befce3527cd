"""`vgtheory warm`: compile ahead what first calls would wait for."""

from __future__ import annotations


def warm() -> None:
    """Compile the kernels that the verbs use, once for all later processes, and say what was compiled and how long."""
    from vgtheory.cli.console import progress_bar, say, table
    from vgtheory.cli.warming import warmed

    with progress_bar("warm") as progress:
        found = warmed(progress)
    table(("what", "seconds"), ((what, f"{seconds:.1f}") for what, seconds in found.seconds.items()))
    say(f"compiled: {found.compiled} functions" if found.compiled else "everything was compiled before")
