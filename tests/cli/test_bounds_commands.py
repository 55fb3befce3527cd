"""`vgtheory certify` and `vgtheory bounds`: verdicts, tables, LaTeX files, refusals."""

import pytest

from tests.reporting.test_latex import compiled, needs_pdflatex
from tests.thinning import thinned
from vgtheory.cli.app import run


def shown(capsys):
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tanh", "--sigma-w", "1.3", "--sigma-b", "0.3", "--width", "100"], "vanishes: each layer multiplies"),
        (["tanh", "--sigma-w", "2.5", "--sigma-b", "0", "--width", "100"], "explodes: each layer multiplies"),
        (["relu", "--init", "he", "--width", "100"], "no certificate"),
        (["x/(1+abs(x))", "--sigma-w", "0.9"], "vanishes"),
    ],
)
def test_certify_prints_the_verdict(arguments, expected, capsys):
    assert run(["certify", *arguments]) == 0
    assert shown(capsys).startswith(expected)


def test_the_rate_that_is_printed_is_a_bound(capsys):
    run(["certify", "relu", "--sigma-w", "1.2", "--width", "8"])
    assert "at most 0.72 (symmetrised slope)" in shown(capsys)


@needs_pdflatex
def test_certify_writes_its_proof(tmp_path, capsys):
    path = tmp_path / "proof.tex"
    assert run(["certify", "tanh", "--sigma-w", "1.2", "--sigma-b", "0.5", "--width", "20", "--latex", str(path)]) == 0
    assert f"proof: {path}" in shown(capsys)
    assert "Overfull" not in compiled(path.read_text(encoding="utf-8"), tmp_path)


def test_without_a_certificate_no_proof_is_written(tmp_path, capsys):
    path = tmp_path / "proof.tex"
    assert run(["certify", "relu", "--init", "he", "--latex", str(path)]) == 0
    assert not path.exists()
    assert shown(capsys).startswith("no certificate")


def test_bounds_prints_values_status_and_assumptions(capsys):
    assert run(["bounds", "tanh", "--sigma-w", "1.2", "--sigma-b", "0.8", "--width", "20", "--depth", "50"]) == 0
    text = shown(capsys)
    for words in ("finite-width rate", "bias certificate", "certified", "proved", "a: weights and biases Gaussian"):
        assert words in text


@needs_pdflatex
@pytest.mark.parametrize(
    "arguments", thinned([["tanh", "--sigma-w", "1.2", "--sigma-b", "0.8"], ["relu", "--init", "he"]], 2)
)
def test_bounds_writes_latex(arguments, tmp_path, capsys):
    path = tmp_path / "bounds.tex"
    assert run(["bounds", *arguments, "--width", "20", "--depth", "50", "--latex", str(path)]) == 0
    assert f"LaTeX: {path}" in shown(capsys)
    assert "Overfull" not in compiled(path.read_text(encoding="utf-8"), tmp_path)


@pytest.mark.parametrize(("option", "value"), [("--p", "0"), ("--p", "2"), ("--eps", "-1"), ("--p", "x")])
def test_refusals_are_one_line(option, value, capsys):
    assert run(["bounds", "tanh", "--width", "8", "--depth", "4", option, value]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert value in err
    assert err.splitlines()[-1].startswith("vgtheory: ")
