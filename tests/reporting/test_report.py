"""The report in every regime: files, honesty, reproducibility, and no overwriting of another report."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg
from vgtheory._errors import ConflictError, InputError, UnsupportedError
from vgtheory.reporting.answer import answer
from vgtheory.reporting.findings import gather
from vgtheory.reporting.pdf import tex_is_installed, write_pdf
from vgtheory.reporting.report import report
from vgtheory.reporting.story import tell
from vgtheory.reporting.unavailable import Unavailable

W = vg.Weights
REGIMES = {
    "explodes": (vg.Network("tanh", W.gaussian(2.5, 0.05), width=32, depth=60), "explodes"),
    "vanishes": (vg.Network("sigmoid", W.pytorch_default(), width=24, depth=12), "vanishes"),
    "critical": (vg.Network("relu", W.he(), width=64, depth=10), "critical"),
    "relu with bias": (vg.Network("relu", W.he(0.1), width=64, depth=10), "critical"),
    "dead": (vg.Network("relu", W.he(), width=2, depth=60), "dead"),
    "q goes to 0": (vg.Network("tanh", W.gaussian(0.5), width=16, depth=30), "vanishes"),
    "q diverges": (vg.Network("identity", W.gaussian(1.5, 0.05), width=16, depth=30), "explodes"),
    "orthogonal identity": (vg.Network("identity", W.orthogonal(1), width=8, depth=20), "critical"),
    "leaky": (
        vg.Network(vg.activation("leaky_relu", alpha=0.2), W.orthogonal(2, 0.05), width=16, depth=30),
        "explodes",
    ),
    "a user's formula": (vg.Network("x*exp(-x**2)", W.gaussian(1, 0.3), width=16, depth=40), "vanishes"),
    "gelu": (vg.Network("gelu", W.gaussian(1.2, 0.1), width=16, depth=30), None),
    "one layer": (vg.Network("tanh", W.gaussian(1), width=16, depth=1), "balanced"),
    "unequal widths": (vg.Network("tanh", W.gaussian(1.5, 0.1), width=(8, 16, 12, 4), depth=3), "balanced"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("reports") / "tanh"
    report(REGIMES["explodes"][0], out, samples=16, seed=3, pdf=tex_is_installed())
    return out


@pytest.mark.slow
@pytest.mark.skipif(not tex_is_installed(), reason="no pdflatex here")
def test_the_report_is_also_a_pdf(folder):
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.skipif(not tex_is_installed(), reason="no pdflatex here")
def test_a_document_that_tex_refuses_leaves_no_pdf_and_runs_no_command(tmp_path):
    (tmp_path / "bad.tex").write_text(r"\documentclass{article}\begin{document}\undefined\end{document}")
    with pytest.raises(UnsupportedError, match="Undefined control sequence"):
        write_pdf(tmp_path / "bad.tex", tmp_path / "bad.pdf")
    trap = r"\documentclass{article}\begin{document}\immediate\write18{touch ran}x\end{document}"
    (tmp_path / "trap.tex").write_text(trap)
    write_pdf(tmp_path / "trap.tex", tmp_path / "trap.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tex", "trap.pdf", "trap.tex"]


# Each activation compiles once, in seconds; the default run takes the regimes that differ most.
FAST = {"explodes", "dead"}


@pytest.mark.parametrize(
    "regime", [pytest.param(r, marks=() if r in FAST else pytest.mark.slow) for r in sorted(REGIMES)]
)
def test_every_regime_is_told(regime, tmp_path):
    network, expected = REGIMES[regime]
    findings = report(network, tmp_path / "r", samples=16, seed=1)
    document = tell(findings)
    assert expected is None or document.regime == expected
    assert [str(s.title).split()[0].strip(",") for s in document.sections] == ["The", "Why", "What", "What", "Details"]
    page = (tmp_path / "r" / "report.html").read_text()
    prose = re.sub(
        r'<div class="code">.*?</pre>', "", page.split('<script type="application/json"')[0], flags=re.DOTALL
    )
    assert not re.search(r">[^<]*\b(?:nan|None|Unavailable)\b[^<]*<", prose)
    shown = re.findall(r"<figure[^>]*><svg role=\"img\" aria-label=\"[^\"]+\"", page)
    assert len(shown) == len(document.figures) >= 1
    unfolded = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    assert unfolded.count('class="eq"') <= 8


OTHERS = {
    "low rank, without theory": vg.Network("relu", W.low_rank(1.5), width=8, depth=3),
    "batch norm": vg.Network("relu", W.he(), width=8, depth=3, norm="batch"),
    "skip and norm": vg.Network("relu", W.he(0.1), width=8, depth=3, skip=1, norm="rms"),
    "transformer": vg.Network(vg.blocks.transformer("relu", W.gaussian(1.5), 2), width=8, depth=3, tokens=4),
    "convolution": vg.Network(vg.blocks.conv("relu", W.gaussian(1.5), 3), width=8, depth=3, shape=(4, 4)),
}
ALSO_FAST = {"low rank, without theory"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in ALSO_FAST else pytest.mark.slow) for n in sorted(OTHERS)]
)
def test_networks_with_parts_and_blocks_have_reports_that_say_what_does_not_apply(name, tmp_path):
    findings = report(OTHERS[name], tmp_path / "r", samples=8)
    assert findings.regime.value in {"balanced", "vanishes", "explodes", "undecided"}
    page = (tmp_path / "r" / "report.html").read_text()
    assert page.count("<h2>") == 5
    assert 'class="sliders"' not in page
    assert '"curves"' not in page  # the sliders' mean field is that of plain layers
    assert isinstance(findings.critical, Unavailable) or name.startswith("low rank")
    if name.startswith("low rank"):
        assert "The gradient was not predicted" in page


def test_files_of_a_report(folder):
    names = {p.name for p in folder.iterdir()}
    assert {"report.html", "report.tex", "study.nc", "spec.json"} <= names
    assert not tex_is_installed() or {"report.pdf", "gradient.pdf"} <= names
    for figure in ("activation", "gradient", "spectrum", "criticality", "weight_singular", "weight_eigenvalues"):
        assert f"{figure}.svg" in names
    assert not any(name.startswith(".") for name in names)


def test_the_study_is_the_simulation(folder):
    network = REGIMES["explodes"][0]
    with xr.open_dataset(folder / "study.nc", engine="h5netcdf") as held:
        expected = vg.simulate(network, samples=16, seed=3)
        np.testing.assert_array_equal(held["log_gradient_norm"], expected["log_gradient_norm"])
        assert json.loads(held.attrs["spec"]) == network.spec


def test_the_same_report_twice_and_another_one_never_over_it(folder, tmp_path):
    network = REGIMES["explodes"][0]
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    report(network, copy, samples=16, seed=3)
    for name in ("gradient.svg", "weight_eigenvalues.svg"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes()
    before = {p.name: p.read_bytes() for p in copy.iterdir()}
    for changed in ({"seed": 4}, {"samples": 8}):
        with pytest.raises(ConflictError, match=re.escape(str(copy)) + ".*--force"):
            report(network, copy, **{"samples": 16, "seed": 3, **changed})
    assert before == {p.name: p.read_bytes() for p in copy.iterdir()}
    report(network, copy, samples=8, seed=3, force=True)
    assert json.loads((copy / "spec.json").read_text())["samples"] == 8


def test_files_of_someone_else_are_not_overwritten(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(ConflictError, match=r"report\.html without spec\.json"):
        report(REGIMES["one layer"][0], tmp_path, samples=8)
    assert (tmp_path / "report.html").read_text() == "mine"


def test_what_is_not_a_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="a Network"):
        report("tanh", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_key_numbers_against_their_sources(folder):
    network = REGIMES["explodes"][0]
    findings = gather(answer(network, samples=16, seed=3))
    (point,) = vg.fixed_points("tanh", 2.5, 0.05)
    assert findings.final_chi == point.chi
    assert findings.critical.sigma_w == vg.critical("tanh", sigma_b=0.05).sigma_w
    study = vg.simulate(network, samples=16, seed=3).log_gradient_norm
    assert findings.growth.change == pytest.approx(float((study[:, 0] - study[:, -1]).mean()))
    page = (folder / "report.html").read_text()
    assert f"{point.chi:.8g}" in page


def test_progress_ends_at_its_total():
    calls = []
    gather(answer(REGIMES["one layer"][0], samples=8), progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.slow
def test_what_does_not_apply_is_said(tmp_path):
    findings = report(REGIMES["relu with bias"][0], tmp_path / "r", samples=8)
    assert math.isinf(findings.critical.q)
    document = tell(findings)
    assert "the network is critical" in str(document.verdict)
    assert any("whatever q, which grows by σ_b² per layer" in str(block) for block in document.sections[-1].blocks)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("regime", ["explodes", "a user's formula", "q diverges", "dead"])
def test_the_latex_document_compiles(regime, tmp_path):
    report(REGIMES[regime][0], tmp_path / "r", samples=8, pdf=True)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    run = subprocess.run(command, cwd=tmp_path / "r", capture_output=True, timeout=120)
    log = (tmp_path / "r" / "report.log").read_text(errors="replace")
    assert run.returncode == 0, log[-2000:]
    assert not [float(w) for w in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(w) > 20]
