"""The cookbook: critical scales that are known, gains that agree with them, files that can be read back."""

import csv

import numpy as np
import pytest
import scipy.stats

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.cli.app import run
from vgtheory.reporting.advice_rows import _numbers
from vgtheory.reporting.cookbook_page import write_cookbook
from vgtheory.study.cookbook import cookbook


@pytest.fixture(scope="module")
def rows():
    return {row.activation.name: row for row in cookbook(["relu", "tanh", "erf", "gelu", "softplus"], 64, 30, 16)}


@pytest.mark.slow
def test_known_scales(rows):
    assert rows["relu"].point.sigma_w == pytest.approx(2**0.5)
    assert rows["tanh"].point.sigma_w == pytest.approx(1)
    assert rows["erf"].point.sigma_w == pytest.approx(np.sqrt(np.pi) / 2)  # 1/φ'(0)
    assert rows["gelu"].sigma_b >= 0.172922390756**0.5  # below it no critical point is stable
    assert rows["softplus"].point is None


def test_the_scales_make_chi_one(rows):
    for row in rows.values():
        if row.point is not None and row.point.q > 0:
            f = vg.compile(row.activation)
            z, w = np.polynomial.hermite_e.hermegauss(100)
            chi = row.point.sigma_w**2 * np.sum(w * f.gradient(np.sqrt(row.point.q) * z) ** 2) / np.sqrt(2 * np.pi)
            # 100 Gauss–Hermite nodes do no better next to poles of tanh (q = 1) or at a kink.
            assert chi == pytest.approx(1, abs=2e-2 if row.activation.breakpoints else 1e-6)


def test_the_files_hold_the_rows(rows, tmp_path):
    paths = write_cookbook(tuple(rows.values()), tmp_path / "book", 64, 30)
    assert [p.suffix for p in paths] == [".html", ".tex", ".csv"]
    read = list(csv.DictReader((tmp_path / "book" / "cookbook.csv").read_text().splitlines()))
    assert [line["activation"] for line in read] == list(rows)
    assert float(read[0]["sigma_w"]) == rows["relu"].point.sigma_w
    assert "kaiming" not in read[0]["pytorch"]
    assert "softplus" in paths[0].read_text()


def test_the_error_beside_a_mean_is_half_its_99_percent_interval(rows, tmp_path):
    of = rows["relu"].trial.growth
    half = scipy.stats.t.ppf(0.995, of.samples - 1) * of.std / of.samples**0.5  # 2.95 times the error of 16 networks
    assert f"±\u00a0{half:.1g}<" in write_cookbook((rows["relu"],), tmp_path, 64, 30)[0].read_text(encoding="utf-8")
    assert f"{half:.1g}" != f"{of.stderr:.1g}"
    assert _numbers(rows["relu"].trial)[1].endswith(f" ± {half:.1g}")


def test_on_the_command_line(tmp_path, capsys):
    arguments = ["--width", "16", "--depth", "5", "--samples", "4", "--out", str(tmp_path)]
    assert run(["cookbook", "relu", "x*exp(-x**2)", *arguments]) == 0
    assert "1.414214" in capsys.readouterr().out
    assert run(["cookbook", "tahn"]) == 2
    with pytest.raises(InputError, match="at least one"):
        cookbook([])
