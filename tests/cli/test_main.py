"""The command line: refusals are one line and exit code 2, nothing is written, nothing heavy is loaded for them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from vgtheory._errors import StudyInterrupted, UnsupportedError
from vgtheory.cli.app import run

SMALL = ["--width", "16", "--depth", "6", "--samples", "8"]
REFUSED = {
    "unknown name": (["report", "tahn"], "tanh"),
    "negative sigma": (["report", "tanh", "--sigma-w", "-1"], "--sigma-w must be"),
    "nan": (["report", "tanh", "--sigma-w", "nan"], "--sigma-w must be"),
    "infinite": (["report", "tanh", "--sigma-b", "inf"], "--sigma-b must be"),
    "depth 0": (["report", "tanh", "--depth", "0"], "depth"),
    "width 0": (["report", "tanh", "--width", "0"], "width"),
    "no samples": (["report", "tanh", "--samples", "0"], "samples"),
    "negative seed": (["report", "tanh", "--seed", "-1"], "seed"),
    "two variables": (["report", "x*y"], "variables"),
    "call": (["report", "__import__('os').system('true')"], ""),
    "attribute": (["derive", "x.__class__"], "formula"),
    "long": (["derive", "x+" * 5000 + "x"], "10001 characters"),
    "tower": (["derive", "9**9**9"], "exponent"),
    "huge literal": (["derive", "1e400000000"], "1e400000000"),
    "not a formula": (["derive", "x+*"], "not a formula"),
    "empty": (["derive", ""], "empty"),
    "parameter of none": (["derive", "tanh", "--param", "alpha=1"], "alpha"),
    "parameter without value": (["derive", "leaky_relu", "--param", "alpha"], "NAME=NUMBER"),
    "parameter nan": (["derive", "leaky_relu", "--param", "alpha=nan"], "NAME=NUMBER"),
    "init and sigma_w": (["report", "tanh", "--init", "he", "--sigma-w", "1"], "--sigma-w"),
    "init and weights": (["report", "tanh", "--init", "he", "--weights", "uniform"], "--weights"),
    "unknown weights": (["simulate", "tanh", "--weights", "sparce"], "low_rank:rank=1,noise=0"),
    "unknown option of weights": (["simulate", "tanh", "--weights", "sparse:dens=3"], "density"),
    "option of weights out of range": (["simulate", "tanh", "--weights", "sparse:density=3"], "1e-6 to 1"),
    "option of weights no number": (["simulate", "tanh", "--weights", "sparse:density=x"], "NAME=NUMBER"),
    "two biases": (["simulate", "tanh", "--init", "pytorch-default", "--sigma-b", "1"], "--sigma-b"),
    "unknown init": (["report", "tanh", "--init", "kaiming"], "kaiming"),
    "not a number": (["report", "tanh", "--depth", "deep"], "deep"),
    "unknown option": (["report", "tanh", "--sigma", "1"], "--sigma"),
    "unknown command": (["explain", "tanh"], "explain"),
    "no activation": (["report"], "ACT"),
    "figure suffix": (["spectrum", "tanh", "--out", "figure.bmp"], ".svg"),
    "skip in another symbol": (["simulate", "tanh", "--skip", "1/width"], "width"),
    "unknown norm": (["simulate", "tanh", "--norm", "group"], "group"),
    "dropout of everything": (["simulate", "tanh", "--dropout", "1"], "dropout"),
    "bad q": (["spectrum", "tanh", "--q", "-2"], "--q"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_bad_input_is_one_line_and_exit_code_2(case, tmp_path, monkeypatch, capsys):
    arguments, expected = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("vgtheory: ")
    assert expected in lines[0]
    assert len(lines[0]) < 700
    assert list(tmp_path.iterdir()) == []


def test_refusals_load_nothing_heavy():
    code = (
        "import sys; from vgtheory.cli.app import run; assert run(['report', 'tanh', '--depth', '0']) == 2; "
        "print([m for m in ('numba', 'matplotlib', 'xarray', 'scipy.stats') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_prediction_on_the_terminal_loads_nothing_heavy():
    code = (
        "import sys; from vgtheory.cli.app import run; assert run(['predict', 'tanh']) == 0; "
        "print([m for m in ('numba', 'matplotlib', 'xarray', 'pandas', 'scipy.stats') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_vgtheory_and_help():
    done = subprocess.run([sys.executable, "-m", "vgtheory", "--help"], capture_output=True, text=True, check=True)
    for command in ("report", "derive", "simulate", "spectrum", "list"):
        assert command in done.stdout


def test_interruption_is_one_line_and_130(monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vgtheory.cli.options.Network", stopped)
    assert run(["report", "tanh"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_an_interrupted_simulation_says_what_is_kept_and_goes_on(tmp_path, monkeypatch, capsys):
    command = ["simulate", "tanh", *SMALL, "--out", str(tmp_path / "study.nc"), "--checkpoint", str(tmp_path / "c")]

    def stopped(*_, **__):
        raise StudyInterrupted(f"interrupted after 4 of 8 samples: they are kept in {tmp_path / 'c'}")

    with monkeypatch.context() as patch:
        patch.setattr("vgtheory.study.simulate.simulate", stopped)
        assert run(command) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("vgtheory: interrupted after 4 of 8 samples: they are kept in")
    assert run(command) == 0
    assert list((tmp_path / "c").glob("*.npz"))


def test_a_simulation_ends_when_its_interval_is_short_enough(tmp_path, capsys):
    out = tmp_path / "study.nc"
    options = [*SMALL, "--samples", "5000", "--half-width", "0.3", "--out", str(out)]
    assert run(["simulate", "tanh", *options]) == 0
    with xr.open_dataset(out, engine="h5netcdf") as study:
        assert study.sizes["sample"] < 5000
        assert study.attrs["half_width"].startswith("reached")
    capsys.readouterr()
    assert run(["simulate", "tanh", *SMALL, "--half-width", "-1", "--force", "--out", str(out)]) == 2
    assert "--half-width must be" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run(["report", "tanh", *SMALL, "--out", str(tmp_path / "file" / "report")]) == 2
    assert "folder" in capsys.readouterr().err.splitlines()[-1]


def test_simulate_writes_the_study_and_keeps_another_one(tmp_path, capsys):
    out = tmp_path / "study.nc"
    assert run(["simulate", "tanh", *SMALL, "--out", str(out)]) == 0
    assert "study" in capsys.readouterr().out
    first = out.read_bytes()
    assert run(["simulate", "tanh", *SMALL, "--seed", "1", "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == first
    single = ["simulate", "tanh", *SMALL, "--precision", "single", "--out", str(out)]
    assert run(single) == 2
    assert "another study" in capsys.readouterr().err
    assert run([*single, "--force"]) == 0
    assert "single precision" in capsys.readouterr().out
    assert run([*single, "--norm", "layer"]) == 2
    assert "drop --norm" in capsys.readouterr().err
    assert run(["simulate", "tanh", *SMALL, "--seed", "1", "--out", str(out), "--force"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["study.nc"]


@pytest.mark.slow
def test_spectrum_prints_quantiles_and_draws(tmp_path, capsys):
    out = tmp_path / "law.svg"
    assert run(["spectrum", "tanh", "--depth", "8", "--out", str(out)]) == 0
    assert "50 %" in capsys.readouterr().out
    assert out.read_text().startswith("<?xml")


@pytest.mark.slow
def test_spectrum_of_other_networks_beside_sampled_ones(tmp_path, capsys):
    out = tmp_path / "law.svg"
    assert (
        run(["spectrum", "tanh", "--sigma-w", "1", "--depth", "6", "--width", "40", "--skip", "0.3", "--samples", "1"])
        == 0
    )
    assert "Kolmogorov distance 0.0" in capsys.readouterr().out
    assert (
        run(["spectrum", "relu", "--init", "he", "--widths", "50,90,60,80", "--samples", "2", "--out", str(out)]) == 0
    )
    shown = capsys.readouterr().out
    assert "a share of 0.625 lies at ln s = −∞" in shown  # 30 of 60 units are active
    assert "160 sampled values" in shown  # the rank ends at 50 of N_L = 80: zeros are counted
    assert out.read_text().startswith("<?xml")
    assert (
        run(["spectrum", "relu", "--init", "he", "--depth", "3", "--width", "40", "--eigenvalues", "--samples", "2"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "a share of 0.5 is zero" in shown
    assert "80 sampled values" in shown
    assert run(["spectrum", "tanh", "--depth", "3", "--width", "20", "--eigenvalues", "--out", str(out)]) == 0
    assert run(["spectrum", "tanh", "--widths", "20,x"]) == 2
    assert "--widths must be two or more whole numbers, N_0 first (got 20,x)" in capsys.readouterr().err


def test_list_names_the_catalogue(capsys):
    assert run(["list"]) == 0
    shown = capsys.readouterr().out
    assert "leaky_relu" in shown
    assert "alpha = 0.01" in shown


def test_derive_prints_and_writes_latex(tmp_path, capsys):
    out = tmp_path / "sigmoid.tex"
    assert run(["derive", "sigmoid", "--latex", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "0.25" in shown
    assert "proved" in shown
    assert out.read_text().rstrip().endswith(r"\end{document}")


def test_report_from_the_command_line(tmp_path, capsys):
    out = tmp_path / "report"
    arguments = ["report", "x*exp(-x**2)", *SMALL, "--sigma-w", "2", "--out", str(out)]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert "How it is known" in shown.out
    assert (out / "report.html").exists()
    assert "σ_w = 2" in shown.err
    assert json.loads((out / "spec.json").read_text())["network"]["expr"] == "x*exp(-x**2)"


def test_the_verdict_is_printed_before_the_rest_is_found_out(tmp_path, monkeypatch, capsys):
    def refused(*_):
        raise UnsupportedError("the rest")

    monkeypatch.setattr("vgtheory.reporting.written_report.complete", refused)
    assert run(["report", "tanh", *SMALL, "--lang", "zh", "--out", str(tmp_path / "r")]) == 2
    shown = capsys.readouterr()
    assert "梯度" in shown.out.splitlines()[0]
    assert "the rest" in shown.err


WEIGHTS = Path(__file__).parents[1] / "reference" / "weights"


def test_inspect_says_what_is_wrong_and_writes_the_layers(tmp_path, capsys):
    out, csv = tmp_path / "layers.svg", tmp_path / "layers.csv"
    arguments = ["--activation", "sigmoid", "--order", "names", "--skip", "0", "--out", str(out), "--csv", str(csv)]
    assert run(["inspect", str(WEIGHTS / "sigmoid_default.safetensors"), *arguments]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Vanishes")
    assert "PyTorch default" in said
    assert out.read_text().startswith("<?xml")
    assert len(csv.read_text().splitlines()) == 51


def test_inspect_says_what_a_file_does_not_tell_and_exits_for_ci(tmp_path, capsys):
    file = str(WEIGHTS / "sigmoid_default.safetensors")
    assert run(["inspect", file, "--activation", "sigmoid"]) == 0
    assert capsys.readouterr().out.startswith("No verdict. If these 50 layers are all")
    assert run(["inspect", file, "--json", "--check"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], len(said["calls"])) == ("no verdict", 50)
    assert said["calls"][0]["gain"] is None
    healthy = ["inspect", str(WEIGHTS / "relu_he.safetensors"), "--activation", "relu", "--order", "names"]
    assert run([*healthy, "--skip", "0", "--check"]) == 0


def test_no_name_of_a_tensor_is_a_formula_of_a_spreadsheet(tmp_path):
    np.savez(tmp_path / "w.npz", **{"=1+1.weight": np.ones((2, 3))})
    assert run(["inspect", str(tmp_path / "w.npz"), "--csv", str(tmp_path / "w.csv")]) == 0
    assert ",'=1+1.weight," in (tmp_path / "w.csv").read_text()


def test_inspect_refuses_in_one_line(tmp_path, capsys):
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04pickle")
    assert run(["inspect", str(tmp_path / "w.safetensors"), "--activation", "tanh"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["inspect", str(WEIGHTS / "relu_he.safetensors"), "--activation", "relu", "--data", "no.npy"]) == 2


def asked_of_bash(words):
    return {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}


def asked_of_others(words):
    """What zsh, fish and PowerShell say, the latter two with the last word beside it."""
    return {
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words.rpartition(" ")[2],
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "pwsh"])
def test_shells_complete_commands_and_options(shell):
    asked_of = asked_of_bash if shell == "bash" else asked_of_others
    for words, expected in (("vgtheory re", "report"), ("vgtheory report --w", "--width")):
        asked = {"_VGTHEORY_COMPLETE": f"complete_{shell}", **asked_of(words)}
        command = [sys.executable, "-c", "from vgtheory.cli import main; main()"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **asked}, check=False)
        said = re.findall(r"[\w-]+", done.stdout)
        assert expected in said
        assert "vanish" not in said  # of the text that `vgtheory` alone prints


@pytest.mark.parametrize("ends", [["--"], ["--", "--"]])
def test_a_command_stands_behind_the_end_of_options(ends, capsys):
    assert run([*ends, "derive", "tanh"]) == 0
    said = capsys.readouterr().out
    assert run(["derive", "tanh"]) == 0
    assert capsys.readouterr().out == said != ""
    assert run(ends) == run([*ends, "derve"]) == 2
