"""What a stranger types by mistake: said in one line, before any work, and nothing is written."""

import os
import subprocess
import sys

import pytest

from vgtheory.cli.app import run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "tanh", "--out", ""], "--out must be a value (got '')"),
        (["report", "tanh", "--out="], "--out must be a value (got '')"),
        (["simulate", "tanh", "--checkpoint", ""], "--checkpoint must be a value (got '')"),
        (
            ["derive", "leaky_relu", "--param", "alpha=0.1", "--param", "alpha=0.2"],
            "one value for each name (got alpha tw",
        ),
        (
            ["law", "marchenko_pastur", "--param", "ratio=1", "--param", "ratio=2"],
            "one value for each name (got ratio tw",
        ),
        (["bounds", "sigmoid", "--sigma-w", "1e-200"], "--sigma-w must be 0, or a finite number from 1e-60 to 1e+60"),
    ],
)
def test_it_is_refused_in_one_line(arguments, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_named_as_such_with_what_was_written():
    command = [sys.executable, "-m", "vgtheory", "list"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("vgtheory: standard output: No space left on device; free some space on its disk")
    assert "--out" not in done.stderr


INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from vgtheory.cli import main
sys.argv = ["vgtheory", "simulate", "tanh"]
main()
"""


@pytest.mark.parametrize("module", ["sympy", "typer", "numpy", "vgtheory.cli.commands.simulate"])
def test_an_interruption_while_the_command_is_loaded_leaves_no_traceback(module):
    command = [sys.executable, "-c", INTERRUPTED.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.startswith("vgtheory: interrupted")
    assert done.stderr.count("\n") == 1
