"""A report's folder: one run at a time, a manifest of every file, and nothing of another report left in it."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._atomic import write_text
from vgtheory._errors import ConflictError, InputError, UnsupportedError, visible
from vgtheory.cli.app import run
from vgtheory.cli.named_values import named_values
from vgtheory.reporting.pdf import tex_is_installed, write_pdf
from vgtheory.reporting.report import report
from vgtheory.reporting.report_folder import CLAIM, MANIFEST, claimed, manifest_of
from vgtheory.reporting.result_files import check_study, csv_text

TANH = vg.Network("tanh", vg.Weights.gaussian(1), width=8, depth=1)
RELU = vg.Network("relu", vg.Weights.he(), width=8, depth=1)
NAMES = ("report.html", "report.pdf")
needs_pdflatex = pytest.mark.skipif(not tex_is_installed(), reason="no pdflatex here")


@pytest.mark.slow
def test_the_manifest_names_every_file_with_its_digest(tmp_path):
    report(TANH, tmp_path / "r", samples=4)
    held = json.loads((tmp_path / "r" / MANIFEST).read_text())
    files = {p.name for p in (tmp_path / "r").iterdir()} - {MANIFEST}
    assert set(held["files"]) == files
    for name, digest in held["files"].items():
        assert hashlib.sha256((tmp_path / "r" / name).read_bytes()).hexdigest() == digest
    assert held["network"] == TANH.spec


@pytest.mark.slow
@needs_pdflatex
def test_another_report_by_force_leaves_nothing_of_the_first(tmp_path):
    report(TANH, tmp_path / "r", samples=4, pdf=True)
    assert (tmp_path / "r" / "report.pdf").exists()
    report(RELU, tmp_path / "r", samples=4, force=True)
    assert not (tmp_path / "r" / "report.pdf").exists()
    assert set(json.loads((tmp_path / "r" / MANIFEST).read_text())["files"]) == {
        p.name for p in (tmp_path / "r").iterdir()
    } - {MANIFEST}


def test_a_run_that_is_cut_short_leaves_no_report_that_passes_as_one(tmp_path):
    folder = tmp_path / "r"
    with claimed(folder, {"a": 1}, NAMES, False) as place:
        place.clear()
        write_text(place.path("report.html"), "first")
        write_text(place.path("report.pdf"), "first")
        place.finish()

    def cut_short():
        with claimed(folder, {"a": 2}, NAMES, True) as place:
            place.clear()
            write_text(place.path("report.html"), "second")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cut_short()
    assert manifest_of(folder) is None
    assert sorted(p.name for p in folder.iterdir()) == [CLAIM, "report.html"]
    with pytest.raises(ConflictError), claimed(folder, {"a": 1}, NAMES, False):
        pass
    with claimed(folder, {"a": 2}, NAMES, False) as place:  # the same one may go on
        place.clear()
        place.finish()
    assert not (folder / CLAIM).exists()


def test_two_runs_into_one_new_folder_and_one_of_them_loses(tmp_path):
    held, outcome = threading.Event(), []

    def second():
        held.wait(10)
        try:
            with claimed(tmp_path / "r", {"a": 2}, NAMES, False):
                outcome.append("written")
        except ConflictError as problem:
            outcome.append(str(problem))

    other = threading.Thread(target=second)
    other.start()
    with claimed(tmp_path / "r", {"a": 1}, NAMES, False) as place:
        held.set()
        other.join(10)
        place.finish()
    assert len(outcome) == 1
    assert "another run" in outcome[0]
    assert json.loads((tmp_path / "r" / MANIFEST).read_text())["a"] == 1


def test_what_fails_before_anything_is_written_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "a" / "r", {"a": 1}, NAMES, False):
        raise ZeroDivisionError
    assert not (tmp_path / "a" / "r").exists()


@pytest.mark.parametrize("held", ["[1]", "null", "{", '{"files": [1]}', "[" * 100_000])
def test_a_manifest_that_is_none_is_another_report(tmp_path, held):
    (tmp_path / MANIFEST).write_text(held)
    with pytest.raises(ConflictError), claimed(tmp_path, {"a": 1}, NAMES, False):
        pass


def test_a_manifest_cannot_have_files_outside_removed(tmp_path):
    (tmp_path / "mine").write_text("x")
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / MANIFEST).write_text(json.dumps({"files": {"../mine": "", "/etc/nothing": ""}}))
    with claimed(tmp_path / "r", {}, NAMES, True) as place:
        place.clear()
    assert (tmp_path / "mine").exists()


SOURCE = r"""\documentclass{article}\usepackage{amsmath,graphicx}\begin{document}
\includegraphics[width=1cm]{\detokenize{dot.pdf}}$\text{x}$\end{document}"""


@needs_pdflatex
@pytest.mark.parametrize(
    "name", thinned(["50%", "a~b", "{x}", "$y$", "a:b;c", 'say "hi"', "back\\slash", "a,b c", "é σ"], 4)
)
def test_pdf_in_folders_of_any_name(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "report.tex").write_text(SOURCE)
    vg.plot.figure_of(vg.plot.activation(vg.activation("tanh"))).savefig(folder / "dot.pdf")
    write_pdf(folder / "report.tex", folder / "report.pdf")
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in folder.iterdir()) == ["dot.pdf", "report.pdf", "report.tex"]


@needs_pdflatex
def test_a_planted_package_is_not_read_and_no_file_outside(tmp_path, monkeypatch):
    (tmp_path / "amsmath.sty").write_text(r"\errmessage{planted}")
    monkeypatch.setenv("TEXINPUTS", str(tmp_path))
    (tmp_path / "ok.tex").write_text(SOURCE.replace(r"\includegraphics[width=1cm]{\detokenize{dot.pdf}}", ""))
    write_pdf(tmp_path / "ok.tex", tmp_path / "ok.pdf")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "spy.tex").write_text(rf"\documentclass{{article}}\begin{{document}}\input{{{secret}}}\end{{document}}")
    with pytest.raises(UnsupportedError):
        write_pdf(tmp_path / "spy.tex", tmp_path / "spy.pdf")


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_files_obey_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_no_text_steers_a_terminal_or_a_spreadsheet(capsys):
    frame = pd.DataFrame(
        {"name": ["=HYPERLINK(1)", "+1", "-2", "@x", "\x1b[31m", "plain"], "value": np.arange(6.0) - 3}
    )
    text = csv_text(frame)
    rows = [line.split(",", 2)[1] for line in text.splitlines()[1:]]
    assert rows == ["'=HYPERLINK(1)", "'+1", "'-2", "'@x", r"\x1b[31m", "plain"]
    assert ",-3.0" in text  # numbers stay numbers
    assert visible("a\x1b]0;x\x07\u202eb") == r"a\x1b]0;x\x07\u202eb"
    assert run(["law", "semicircle", "--param", "\x1b[31mname=1"]) == 2
    assert run(["derive", "tanh", "--param", "\x1b[2Jx=1"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["a=1_000", "a=٣", "a=1e1_0", "a=0x10"])
def test_numbers_on_the_command_line_are_plain(text):
    with pytest.raises(InputError, match="--param"):
        named_values([text])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_no_study(tmp_path):
    os.mkfifo(tmp_path / "study.nc")
    for force in (False, True):
        with pytest.raises(InputError, match="regular file"):
            check_study(tmp_path / "study.nc", "{}", 4, 0, force)


@pytest.mark.slow
def test_a_tilde_is_the_home_of_the_user(tmp_path):
    code = "from vgtheory.cli.app import run; raise SystemExit(run(['derive', 'relu', '--latex', '~/own.tex']))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".tex"] == ["own.tex"]
