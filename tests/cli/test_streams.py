"""The command line in poor surroundings: few characters, closed or full output, files that end early."""

import os
import subprocess
import sys

import pytest
import typer

from tests.thinning import thinned
from vgtheory._errors import InputError, UnknownNameError, UnsupportedError
from vgtheory.cli import app as entry
from vgtheory.cli.refusals import in_shell
from vgtheory.cli.streams import spelled

OPTIONS = {"--depth", "--sigma-w", "--samples", "--tied", "--q"}


def command(*arguments, encoding="utf-8", shell=""):
    """Return exit code, output and errors of a process of its own; `shell` redirects its output."""
    line = f'"{sys.executable}" -m vgtheory ' + " ".join(arguments) + shell
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, timeout=300, check=False)
    return done.returncode, done.stdout.decode(encoding.partition(":")[0]), done.stderr.decode("utf-8", "replace")


@pytest.mark.parametrize(("encoding", "word"), thinned([("cp1252", "sigma_w"), ("ascii", "phi")], 2))
def test_any_encoding_will_do(encoding, word):
    code, out, err = command("derive", "tanh", encoding=encoding)
    assert (code, err) == (0, "")
    assert word in out


def test_characters_are_spelled():
    error = UnicodeEncodeError("ascii", "σ_w ≤ χ² ℤ é 中 Λ", 0, 18, "")
    assert spelled(error)[0] == "sigma_w <= chi^2 Z e ? Lambda"


@pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")
@pytest.mark.parametrize("where", thinned([" >&-", " 2>&-", " >&- 2>&-"], 3))
def test_closed_streams_are_no_error(where):
    code, _, err = command("list", shell=where)
    assert code == 0
    assert "Traceback" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_said_once():
    code, _, err = command("list", shell=" > /dev/full")
    assert code == 2
    assert err.count("\n") == 1
    assert "No space left" in err


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (EOFError("Ran out of input"), 2, "ends too early"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "a.nc"), 2, "a.nc: No space left"),
    ],
)
def test_what_goes_wrong_is_named_for_what_it_is(monkeypatch, capsys, raised, code, words):
    def fails(**_):
        raise typer.Abort from raised if isinstance(raised, EOFError) else None

    def stops(**kwargs):
        if isinstance(raised, EOFError):
            fails()
        raise raised

    monkeypatch.setattr(entry, "_typed", lambda words: (stops, "vgtheory", words))
    monkeypatch.setattr(entry, "_options", lambda typed, arguments: frozenset())
    assert entry.run(["list"]) == code
    assert words in capsys.readouterr().err


def test_an_import_that_was_interrupted_is_an_interruption(monkeypatch, capsys):
    def importing(**_):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise ImportError("numba") from stop

    monkeypatch.setattr(entry, "_typed", lambda words: (importing, "vgtheory", words))
    monkeypatch.setattr(entry, "_options", lambda typed, arguments: frozenset())
    assert entry.run(["list"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            InputError("depth", "a whole number of at least 1", "e.g. depth=50", got="0"),
            "--depth must be a whole number of at least 1 (got 0); e.g. --depth 50",
        ),
        (
            InputError("sigma_w", "a positive number", "e.g. sigma_w=1.5, or tied=True", got="-1"),
            "--sigma-w must be a positive number (got -1); e.g. --sigma-w 1.5, or --tied",
        ),
        (
            InputError("q", "positive", 'use q="stationary"', got="0"),
            "--q must be positive (got 0); use --q stationary",
        ),
        # What is no option of the command stays as it is.
        (InputError("beta", "positive", "e.g. beta=1", got="0"), "beta must be positive (got 0); e.g. beta=1"),
        (
            UnknownNameError("size", "one of a", "vg.Network('x', depth=3)"),
            "size: expected one of a; vg.Network('x', depth=3) in Python",
        ),
        (UnsupportedError("no theory for samples=3"), "no theory for --samples 3"),
        # Verbs that are commands are named as such; `vgtheory sample` is about ensembles.
        (
            UnsupportedError("the layers are too narrow; use vg.simulate"),
            "the layers are too narrow; use vgtheory simulate",
        ),
        (
            UnsupportedError("not found; use vg.sample(network, of='exponents') or vg.predict(network)"),
            "not found; use vg.sample(network, of='exponents') in Python or vgtheory predict",
        ),
    ],
)
def test_refusals_speak_the_language_of_the_shell(error, said):
    assert in_shell(error, OPTIONS) == said


def test_refusals_of_the_commands_name_their_options(capsys):
    assert entry.run(["simulate", "tanh", "--depth", "0"]) == 2
    said = capsys.readouterr().err
    assert "--depth must be" in said
    assert "depth=" not in said
