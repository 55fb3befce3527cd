"""Pages that are tables of the code: symbols, commands, capabilities."""

import contextlib
import io
import os
from pathlib import Path

from reference_pages import write_page

from vgtheory.cli.app import run
from vgtheory.cli.commands import COMMANDS
from vgtheory.cli.exit_codes import EXIT_CODES
from vgtheory.reporting.capability_table import markdown
from vgtheory.symbolic.notation import SYMBOLS


def write_notation(path: Path) -> None:
    """Write the symbol table: what a user types, how it is printed, what it means."""
    import vgtheory.theory.proofs  # noqa: F401 - its modules add the symbols of bounds

    rows = [
        f"| `{name}` | ${one.latex.replace('|', chr(92) + 'vert ')}$ | {one.meaning.replace('|', chr(92) + '|')} |"
        for name, one in SYMBOLS.items()
    ]
    write_page(path, (path.parent / "_notation.md").read_text("utf-8").replace("TABLE", "\n".join(rows)))


def write_commands(path: Path) -> None:
    """Write the help of every command, and what exit codes mean."""
    parts = [
        "# The command line\n",
        "What each command answers, with its options, as `vgtheory COMMAND --help` prints it.\n",
    ]
    parts += ["| exit code | meaning |\n|---|---|", *(f"| {code} | {said} |" for code, said in EXIT_CODES.items()), ""]
    parts += [f"## {name}\n\n```text\n{_help(name)}\n```\n" for name in COMMANDS]
    write_page(path, "\n".join(parts))


def _help(name: str) -> str:
    kept, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "100"
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            code = run([name, "--help"])
    finally:
        if kept is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = kept
    if code:
        raise RuntimeError(f"vgtheory {name} --help ends with {code}")
    return said.getvalue().strip()


def write_capabilities(path: Path) -> None:
    """Write which verb works for which network."""
    write_page(path, markdown())
