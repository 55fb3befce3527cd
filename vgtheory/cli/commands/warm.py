"""`vgtheory warm`: compile ahead what first calls would wait for."""

from __future__ import annotations


def warm() -> None:
    """Compile the kernels that the verbs use, once for all later processes, and say what was compiled and how long."""
    from vgtheory.cli.console import progress_bar, say, table
    from vgtheory.cli.warming import warmed

    with progress_bar("warm") as progress:
        rows = warmed(progress)
    table(("what", "seconds", "new files"), ((row.what, f"{row.seconds:.1f}", str(row.files)) for row in rows))
    new = sum(row.files for row in rows)
    say(f"compiled: {new} functions" if new else "everything was compiled before")
