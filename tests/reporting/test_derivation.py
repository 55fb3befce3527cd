"""Derivations told in steps: the right numbers, labels that stay, documents that compile, and BibTeX beside them."""

import os
import re
import shutil
import subprocess

import mpmath
import pytest
import sympy as sp

import vgtheory as vg
from tests.reporting.test_latex import compiled, needs_pdflatex
from tests.thinning import thinned
from vgtheory._errors import InputError
from vgtheory._references import REFERENCES
from vgtheory.cli.app import run
from vgtheory.reporting.catalogue_table import catalogue_parts
from vgtheory.reporting.derivation import derivation
from vgtheory.reporting.derivation_steps import steps
from vgtheory.reporting.latex import document, latex
from vgtheory.reporting.terminal_formulas import plain_formula
from vgtheory.symbolic import notation as n

ORDER = [
    "definition", "derivative", "second-derivative", "critical-equation", "bound", "saturation", "gaussian-means",
    "product", "depth",
]  # fmt: skip


def step(found, slug):
    return next(s for s in steps(found) if s.slug == slug)


@pytest.mark.parametrize(
    "act", thinned(["tanh", "gelu", "relu", "x*exp(-x**2)", "mish", "step", "relu_squared", "siren"], 4)
)
def test_every_derivation_has_the_steps_in_the_order_of_the_proof(act):
    found = derivation(act)
    assert [s.slug for s in steps(found)] == ORDER
    assert all(s.before or s.formulas or s.after for s in steps(found))


def test_the_steps_of_gelu_are_those_of_a_textbook():
    found = derivation("gelu")
    assert step(found, "critical-equation").formulas[0].lhs.equals(n.x**2 - 2)
    sup, inf, kappa = (f.expr for f in step(found, "bound").formulas)
    top = (1 + mpmath.erf(1)) / 2 + mpmath.exp(-1) / mpmath.sqrt(mpmath.pi)  # φ'(√2) by hand
    assert abs(sup.evalf(20) - top) < 1e-14
    assert abs(inf.evalf(20) - (1 - top)) < 1e-14
    assert kappa == sup
    assert "1.12890414518515" in step(found, "bound").after
    # Largest g = (φ'(x)² + φ'(−x)²)/2 of GELU is at √2 too: (t² + (1 − t)²)/2.
    limit = 1 / mpmath.sqrt((top**2 + (1 - top) ** 2) / 2)
    assert mpmath.nstr(limit, 10) in step(found, "depth").after


def test_depths_follow_from_the_bound_that_is_shown():
    found = derivation("leaky_relu")
    bound = step(found, "product").formulas[-1]
    vanish, float32 = step(found, "depth").formulas
    at = {"sigma_w": 1, "eps": sp.Rational(1, 1000)}
    depth = float(vanish.at(**at).value())
    assert float(bound.at(sigma_w=1, depth=sp.ceiling(depth)).value()) <= 1e-6
    assert float(bound.at(sigma_w=1, depth=sp.floor(depth) - 1).value()) > 1e-6
    assert float(bound.at(sigma_w=1, depth=sp.ceiling(float32.at(sigma_w=1).expr)).value()) <= 2.0**-252
    with pytest.raises(InputError):
        vanish.at(sigma_w=2, eps=0.1)  # a layer's factor is above 1


def test_what_has_no_closed_form_is_given_with_its_equation_and_digits():
    found = derivation("mish")
    assert step(found, "critical-equation").formulas[0].status == "certified"
    assert "1.08849816125173" in step(found, "bound").after
    assert "0.4523421924" in step(found, "gaussian-means").after


def test_places_are_told_as_they_are():
    assert "attained for x > 0" in step(derivation("relu"), "bound").after
    assert "approached but not attained as x → ∞" in step(derivation("tanh"), "bound").after
    assert "is infinite" in step(derivation("relu_squared"), "bound").after
    assert "φ' is 0" in step(derivation("step"), "product").after


def test_labels_are_stable_and_none_comes_twice():
    text = latex(derivation("gelu"), form="document")
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(labels) == len(set(labels)) >= 10
    assert "eq:gelu:derivative" in labels
    assert "eq:gelu:bound-3" in labels
    assert labels == re.findall(r"\\label\{([^}]*)\}", latex(derivation("gelu"), form="document"))
    two = latex([derivation("tanh"), derivation("tanh")], form="document")
    assert len(set(re.findall(r"\\label\{([^}]*)\}", two))) == two.count(r"\label")


def test_what_is_cited_is_written_beside_as_bibtex(tmp_path):
    latex(derivation("gelu"), tmp_path / "gelu.tex")
    entries = (tmp_path / "gelu.bib").read_text(encoding="utf-8")
    text = (tmp_path / "gelu.tex").read_text(encoding="utf-8")
    for key in ("hendrycks2016", "poole2016", "schoenholz2017"):
        assert REFERENCES[key].bibtex in entries
        assert rf"\bibitem{{{key}}}" in text
    assert entries.count("@") == text.count(r"\bibitem")
    latex([sp.Symbol("x")], tmp_path / "none.tex")
    assert not (tmp_path / "none.bib").exists()
    with pytest.raises(InputError, match="bib"):
        latex(derivation("gelu"), tmp_path / "own.bib")


@needs_pdflatex
@pytest.mark.skipif(shutil.which("bibtex") is None and not os.environ.get("CI"), reason="bibtex is not installed")
def test_bibtex_reads_every_entry_of_the_bibliography(tmp_path):
    (tmp_path / "all.bib").write_text("\n".join(r.bibtex for r in REFERENCES.values()), encoding="utf-8")
    source = (
        r"\documentclass{article}\begin{document}\nocite{*}\bibliographystyle{plain}\bibliography{all}\end{document}"
    )
    compiled(source, tmp_path)
    done = subprocess.run(["bibtex", "text"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout, done.stdout
    listed = (tmp_path / "text.bbl").read_text(encoding="utf-8")
    assert listed.count(r"\bibitem") == len(REFERENCES)


@needs_pdflatex
@pytest.mark.parametrize(
    "names", [("gelu", "tanh", "x*exp(-x**2)"), pytest.param(tuple(vg.catalogue), marks=pytest.mark.slow)]
)
def test_derivations_compile_without_a_line_that_is_too_wide(names, tmp_path):
    latex([derivation(name) for name in names], tmp_path / "text.tex")
    log = compiled(None, tmp_path)
    assert "Overfull" not in log
    assert "multiply" not in log


@needs_pdflatex
@pytest.mark.slow
def test_the_tables_of_the_catalogue_compile_without_a_line_that_is_too_wide(tmp_path):
    latex(vg.catalogue, tmp_path / "text.tex")
    text = (tmp_path / "text.tex").read_text(encoding="utf-8")
    rows = re.findall(r"^([a-z0-9\\_]+) &", text, re.MULTILINE)
    assert sorted(rows) == sorted([name.replace("_", r"\_") for name in vg.catalogue] * 4)
    assert "Overfull" not in compiled(None, tmp_path)


@needs_pdflatex
def test_a_part_of_the_tables_compiles(tmp_path):
    some = type(vg.catalogue)(tuple(vg.catalogue[name] for name in ("tanh", "gelu", "selu", "relu_squared", "cos")))
    assert "Overfull" not in compiled(document("Some", catalogue_parts(some)), tmp_path)


def test_formulas_for_a_terminal_name_things_as_the_field_does():
    found = derivation("tanh")
    lines = [plain_formula(f) for s in steps(found) for f in s.formulas]
    assert "φ'(x) = 1 - tanh(x)^2" in lines or "φ'(x) = sech(x)^2" in lines
    assert "κ = 1" in lines
    assert "S_ε = (−∞, -a] ∪ [a, ∞), a = arcosh(1/√ε)" in lines
    assert "E‖∂ℓ/∂x_0‖² ≤ σ_w^(2·L)" in lines


@pytest.mark.slow
def test_derive_and_catalogue_on_the_command_line(tmp_path, capsys, monkeypatch):
    assert (
        run(["derive", "x*tanh(alpha*x)", "--param", "alpha=2", "--eps", "0.1", "--latex", str(tmp_path / "own.tex")])
        == 0
    )
    shown = capsys.readouterr().out
    assert "1. Definition" in shown
    assert "ε = 0.1" in shown
    assert r"\label{eq:" in (tmp_path / "own.tex").read_text(encoding="utf-8")
    assert run(["derive", r"\frac{x}{1 + e^{-x}}"]) == 0
    assert "x/(1 + e^(-x))" in capsys.readouterr().out
    some = type(vg.catalogue)(tuple(vg.catalogue[name] for name in ("tanh", "relu")))
    monkeypatch.setattr("vgtheory.cli.screen.catalogue", some)
    monkeypatch.setattr("vgtheory.cli.commands.derive_catalogue.activations", some)
    assert run(["catalogue", "--latex", str(tmp_path / "all.tex")]) == 0
    shown = capsys.readouterr().out
    assert "0.3942944904" in shown
    assert "Nair & Hinton (2010)" in shown
    assert r"\bibitem{nair2010}" in (tmp_path / "all.tex").read_text(encoding="utf-8")
