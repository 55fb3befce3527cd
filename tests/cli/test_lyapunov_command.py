"""`vgtheory lyapunov`: law, closed form at finite width and sampled exponents in one table and one figure."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory.cli.app import run
from vgtheory.reporting import plot


def test_the_table_has_law_closed_form_and_samples(tmp_path, capsys):
    figure = tmp_path / "exponents.svg"
    arguments = ["lyapunov", "relu", "--init", "he", "--width", "60", "--depth", "300", "--samples", "2"]
    assert run([*arguments, "--out", str(figure)]) == 0
    said = capsys.readouterr().out
    law = vg.lyapunov(vg.Network("relu", vg.Weights.he(), 60, 300))
    assert f"{law.ppf(0.75):.5f}".replace("-", "−") in said  # −0.34657
    assert f"{law.finite_width(60)[15]:.5f}".replace("-", "−") in said
    assert "triangular factors (exact" in said
    assert "a share of 0.5 of the directions dies" in said
    assert figure.read_text(encoding="utf-8").startswith("<?xml")


def test_without_a_closed_form_the_next_step_is_named(capsys):
    assert run(["lyapunov", "tanh", "--width", "20"]) == 0
    assert "--samples measures them" in capsys.readouterr().out
    assert run(["lyapunov", "tanh", "--sigma-w", "0.5", "--sigma-b", "0", "--width", "20"]) == 0
    assert "q_l tends to 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lyapunov", "step"], "slope 0"),
        (["lyapunov", "tanh", "--samples", "-1"], "--samples must be a whole number of at least 0 (got -1)"),
        (["lyapunov", "tanh", "--skip", "0.5"], "skip connections"),
        (["lyapunov", "x**2", "--sigma-w", "3"], "q_l diverges"),
        (["lyapunov", "tanh", "--q", "-1"], "--q"),
    ],
)
def test_refusals_are_one_line(arguments, expected, capsys):
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert expected in said


def test_the_figure_has_law_width_and_sample():
    network = vg.Network("relu", vg.Weights.he(), 40, 200)
    law = vg.lyapunov(network)
    drawn, exact = vg.sample(network, of="exponents"), law.at_width(40)
    ax = plot.exponents(law, drawn, finite=exact)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [any(word in label for label in labels) for word in ("law", "network of width 40", "closed form")] == [
        True
    ] * 3
    dashed = next(line for line in ax.get_lines() if line.get_linestyle() == "--")
    assert np.allclose(dashed.get_ydata(), exact.value[: len(dashed.get_ydata())])
    plain = plot.exponents(law, law.finite_width(40))
    assert len(plain.get_lines()) == 3
