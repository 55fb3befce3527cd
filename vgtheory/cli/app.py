"""The `vgtheory` command: its subcommands, and the one place where errors become one line and an exit code.

Only the module of the command that is typed is loaded, and the heavy half of the package (numba, xarray, matplotlib) by
the command when it runs, so that `--help` and refusals of bad input answer at once; `cli` is the one package where
imports inside functions are the point.
"""

from __future__ import annotations

import errno
import gc
import os
import re
import sys
from collections.abc import Callable
from functools import wraps
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

from vgtheory._errors import InputError, VgtheoryError, visible
from vgtheory.cli.as_json import with_json
from vgtheory.cli.commands import COMMANDS, OF_NETWORKS, load, text_of
from vgtheory.cli.examples import EXAMPLES
from vgtheory.cli.exit_codes import DONE, EXIT_CODES, INTERRUPTED, REFUSED, Interruption
from vgtheory.cli.refusals import in_shell, options_of
from vgtheory.cli.streams import abandon, prepare

# typer carries its own copy of click since 0.26 and used the installed one before; this is the class in both.
_UsageError: Any = typer.BadParameter.__mro__[1]

_LANGUAGE = re.compile("--lang(=|$)")

# Where a shell asks what a line could go on with, and where it says that line: bash, and the others through typer.
_COMPLETION, _LINES = "_VGTHEORY_COMPLETE", ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


def _at_home(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with ``~`` in its paths read as the user's home, as a shell does outside of quotes."""

    @wraps(command)
    def run_it(**given: Any) -> None:
        command(**{key: value.expanduser() if isinstance(value, Path) else value for key, value in given.items()})

    return run_it


def _application(verb: str) -> typer.Typer:
    """Return the application with all of the command that is typed, and the names and texts of the others."""
    app = typer.Typer(
        name="vgtheory",
        help="Will the gradient of this deep network vanish or explode, why, and what has to change?",
        epilog="\b\nExit codes:\n"
        + "\n".join(f"  {code:>3}  {said.replace('`', '')}" for code, said in EXIT_CODES.items()),
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for name, place in COMMANDS.items():
        typed = name == verb
        command = _at_home(with_json(load(place))) if typed else _listed
        app.command(name, help=None if typed else text_of(place), epilog=EXAMPLES[name].epilog)(command)
    return app


def _listed() -> None:
    """Stand for a command that is not typed: typer lists it and has no other way to name one that is not loaded."""
    raise AssertionError("only the command that is typed is called")


def _typed(words: list[str]) -> tuple[typer.Typer, str, list[str]]:
    """Return the application, its name and its arguments: one of its own for a command on a block or a file."""
    while words[:1] == ["--"]:  # no option stands in front of a command, so that it ends none
        words = words[1:]
    verb = words[0] if words else ""
    if verb in COMMANDS:
        from vgtheory.cli.block_options import for_network, place_of

        command, at = load(OF_NETWORKS.get(verb, COMMANDS[verb])), place_of(words)
        takes = signature(getattr(command, "asked", command)).parameters
        if at is not None and not {"network", "variants"}.isdisjoint(takes):
            one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            one.command()(_at_home(with_json(for_network(verb, command, words[at]))))
            return one, f"vgtheory {verb} {words[at]}", words[1:at] + words[at + 1 :]
    return _application(verb), "vgtheory", words


def main() -> None:
    """Run the command line and exit with one of :data:`EXIT_CODES`."""
    prepare()
    # Where dask is installed, xarray loads it as soon as it looks at an array, for a third of a second, and has no
    # option not to.  This process is the command's alone, and nothing in it but --dask asks for dask.
    if not any(word.startswith("--dask") for word in sys.argv):
        sys.modules.setdefault("dask", None)  # type: ignore[arg-type]
    code = run(sys.argv[1:])
    gc.freeze()  # else Python looks through some 400,000 objects before it leaves, which takes a second
    raise SystemExit(code)


def run(arguments: list[str]) -> int:
    """Return the exit code of these arguments; an error is printed as one line, never as a traceback."""
    options: frozenset[str] = frozenset()
    try:
        if _COMPLETION in os.environ:
            line = next(filter(None, map(os.environ.get, _LINES)), "")
            verb = "".join(line.split()[1:2])
            _application(verb)(args=[], prog_name="vgtheory", standalone_mode=False)
            return DONE
        if not arguments:
            from vgtheory.cli.welcome import print_welcome

            print_welcome()
            return DONE
        _need_values(arguments)
        typed, name, rest = _typed(arguments)
        options = _options(typed, rest)
        code = typed(args=rest, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        return _interrupted() if code == INTERRUPTED else code if isinstance(code, int) else DONE
    except VgtheoryError as error:
        return _refuse(_translated(in_shell(error, options), arguments))
    except _UsageError as error:
        return _refuse(_translated(error.format_message() or "nothing to do; see vgtheory --help", arguments))
    except typer.Exit as stop:
        return int(stop.exit_code)
    except Interruption as stop:
        return _interrupted(str(stop))
    except KeyboardInterrupt:
        return _interrupted()
    except typer.Abort as stop:
        if isinstance(stop.__cause__, EOFError):  # which typer takes for an end of typed input; none is read here
            return _refuse("a file that was read ends too early; if it is one of a cache, delete it and repeat")
        return _interrupted()
    except BrokenPipeError:  # the reader (head, less) went away
        abandon()
        return DONE
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = error.filename or ("standard output" if full else "")  # files are named by who writes them
        try:
            sys.stdout.flush()
        except OSError:  # its disk is full
            abandon()
        steps = ["free some space on its disk"] if full else []
        steps += ["choose another place with --out"] if "--out" in options else []
        said = f"{where}: {error.strerror or error}" if where else str(error.strerror or error).rstrip(".")
        if not error.errno:  # no file's fault: a connection's
            return _refuse(said)
        return _refuse("; ".join([said, " or ".join(steps) or "write to another place"]))
    except Exception as error:
        if _was_interrupted(error):
            return _interrupted()
        raise


def _need_values(arguments: list[str]) -> None:
    """Raise InputError for an option with an empty value: an empty path would be the current folder."""
    for before, word in pairwise(["", *arguments]):
        option = word[:-1] if word.startswith("--") and word.endswith("=") else before if not word else ""
        if option.startswith("-") and option != "--":
            raise InputError(option, "a value", "leave the option out, or give it one", got="''")


def _options(typed: typer.Typer, arguments: list[str]) -> frozenset[str]:
    """Return the options of the command that was typed."""
    whole: Any = typer.main.get_command(typed)
    commands = getattr(whole, "commands", {})
    command = next((commands[word] for word in arguments if word in commands), None) if commands else whole
    return options_of(command) if command is not None else frozenset()


def _translated(message: str, arguments: list[str]) -> str:
    """Return a refusal in the language that was asked for by --lang, if there is such a one."""
    asked = [text.partition("=")[2] or after for text, after in pairwise([*arguments, ""]) if _LANGUAGE.match(text)]
    if not asked:
        return message
    from vgtheory.reporting.translation import languages, translator

    return translator(asked[-1])(message) if asked[-1] in languages() else message


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an import that Ctrl-C cut short made this of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _interrupted(message: str = "interrupted; nothing half-written is left behind") -> int:
    print(f"vgtheory: {message}", file=sys.stderr)
    return INTERRUPTED


def _refuse(message: str) -> int:
    print("vgtheory: " + visible(" ".join(message.split())), file=sys.stderr)
    return REFUSED
