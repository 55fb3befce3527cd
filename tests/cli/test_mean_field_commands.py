"""`vgtheory phase` and `vgtheory critical`: tables, figures, data, refusals; the gains in the documentation."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg
from vgtheory.cli.app import run
from vgtheory.reporting import plot
from vgtheory.reporting.mean_field_rows import critical_rows, gain_rows, phase_rows

DOCS = Path(__file__).parents[2] / "docs"


def test_phase_prints_a_table_and_writes_figure_and_data(tmp_path, capsys):
    figure, data = tmp_path / "p.svg", tmp_path / "p.nc"
    assert run(["phase", "tanh", "--points", "12", "--out", str(figure), "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert "vanishing/ordered" in said
    assert "exploding/chaotic" in said
    assert figure.read_text(encoding="utf-8").startswith("<?xml")
    with xr.open_dataset(data, engine="h5netcdf") as read:
        assert dict(read.sizes) == {"sigma_b": 12, "sigma_w": 12}


def test_critical_prints_points_formulas_and_gains(tmp_path, capsys):
    figure = tmp_path / "c.svg"
    assert run(["critical", "gelu", "--sigma-b", "0.2", "--out", str(figure)]) == 0
    said = capsys.readouterr().out
    assert "1.54700947" in said  # the published point, unstable
    assert "half-stable (χ = χ_q = 1): σ_w = 1.408211013, σ_b = 0.415839381" in said
    assert "[proved]" in said
    assert figure.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["phase", "tanh", "--sigma-w", "3:1"], "--sigma-w 3:1"),
        (["phase", "tanh", "--points", "1"], "--points must be a whole number from 2 to 400 (got 1)"),
        (["phase", "tanh", "--out", "p.png"], ".svg or .pdf"),
        (["critical", "step"], "slope 0"),
    ],
)
def test_refusals_are_one_line(arguments, expected, capsys):
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


def test_rows_say_where_there_is_nothing():
    assert critical_rows("relu", [0.1]) == (("0.1", "none", "", "", ""),)
    rows = phase_rows(vg.phase_diagram("relu", [1.0, 2.0], [0.1]))
    assert [row[2] for row in rows] == ["vanishing/ordered", "diverges"]
    assert rows[1][3:] == ("",) * 6
    assert gain_rows(["exp(30*x)"]) == ()
    assert gain_rows(["exp(x**2)"])[0][1:4] == ("0", "0", "0")  # means that are infinite


def test_the_documentation_has_the_gains_of_the_whole_catalogue():
    text = (DOCS / "mean-field.md").read_text(encoding="utf-8")
    for row in gain_rows(vg.catalogue):
        assert "| " + " | ".join(row) + " |" in text


@pytest.mark.parametrize("act", ["tanh", "gelu", "relu", "x**2"])
def test_figures_of_phases_name_their_regions(act):
    wide, high = np.linspace(0.5, 3, 14), np.linspace(0, 1, 12)
    diagram = vg.phase_diagram(act, wide, high)
    curve = vg.meanfield.critical_curve(act)
    ax = plot.phase(diagram, curve)
    names = {t.get_text() for t in ax.texts}
    assert names & {"vanishing", "q diverges"}
    assert ("exploding" in names) == (act == "tanh")
    assert len(ax.get_legend().get_texts()) >= 1
    left, right = plot.critical_line(curve)
    assert left.get_xlabel() == r"$\sigma_w$"
    assert len(right.lines) >= 2


def test_the_gallery_draws_every_activation_it_is_given():
    axes = plot.phase_gallery(("tanh", "relu", "sigmoid"), np.linspace(0.5, 3, 8), np.linspace(0, 1, 7))
    assert [ax.get_title() for ax in axes] == ["tanh", "relu", "sigmoid"]
