"""The `vgtheory` command: its subcommands, and the one place where errors become one line and an exit code.

The heavy half of the package (numba, xarray, matplotlib) is imported by a command when it runs, so that `--help` and
refusals of bad input answer at once; `cli` is the one package where imports inside functions are the point.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from vgtheory._errors import VgtheoryError
from vgtheory.cli.commands import COMMANDS
from vgtheory.cli.options import Interruption

# typer carries its own copy of click since 0.26 and used the installed one before; this is the class in both.
_UsageError: Any = typer.BadParameter.__mro__[1]

INTERRUPTED = 130  # what a shell reports after Ctrl-C; typer's own return value for it too

app = typer.Typer(
    name="vgtheory",
    help="Will the gradient of this deep network vanish or explode, why, and what has to change?",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the command line and exit: 0, or 2 with one line on stderr, or 130 after Ctrl-C."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of these arguments; an error is printed as one line, never as a traceback."""
    try:
        code = app(args=arguments or ["--help"], prog_name="vgtheory", standalone_mode=False)
        sys.stdout.flush()
        return _interrupted() if code == INTERRUPTED else code if isinstance(code, int) else 0
    except VgtheoryError as error:
        return _refuse(error.in_shell)
    except _UsageError as error:
        return _refuse(error.format_message() or "nothing to do; see vgtheory --help")
    except typer.Exit as stop:
        return int(stop.exit_code)
    except Interruption as stop:
        return _interrupted(str(stop))
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except BrokenPipeError:
        # The reader (head, less) went away: what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{where}{error.strerror or error}; choose another place with --out")


def _interrupted(message: str = "interrupted; nothing half-written is left behind") -> int:
    print(f"vgtheory: {message}", file=sys.stderr)
    return INTERRUPTED


def _refuse(message: str) -> int:
    print("vgtheory: " + " ".join(message.split()), file=sys.stderr)
    return 2
