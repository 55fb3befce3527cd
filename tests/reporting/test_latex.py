"""LaTeX that compiles: pdflatex is run on everything the package prints, and no line may be too wide."""

import contextlib
import os
import re
import shutil
import subprocess
from html import unescape
from typing import get_args

import numpy as np
import pytest
import sympy as sp
import xarray as xr

from tests.reporting.test_printed_forms import SAMPLE, formulas_of
from vgtheory._errors import InputError, UnsupportedError, VgtheoryError
from vgtheory._references import REFERENCES
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.reporting.derivation import derivation
from vgtheory.reporting.latex import (
    document,
    figure,
    formula,
    heading,
    latex,
    paragraph,
    table,
)
from vgtheory.reporting.latex_document import SHEETS, listing
from vgtheory.reporting.latex_layout import COLUMN, LINE, broken, equation_rows, width
from vgtheory.reporting.latex_text import escape
from vgtheory.reporting.pdf import write_pdf
from vgtheory.study.simulate import simulate
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.formula import Formula, formula_latex
from vgtheory.symbolic.gaussian import dual_kernel, gradient_gain, length_map
from vgtheory.symbolic.notation import chi, q, sigma_w
from vgtheory.symbolic.printing import decimal
from vgtheory.theory.asymptotics.prediction import Method, predict
from vgtheory.theory.methods import METHODS
from vgtheory.theory.proofs import bounds

# .ci/run installs it and sets CI: there the tests fail without it.
needs_pdflatex = pytest.mark.skipif(
    shutil.which("pdflatex") is None and not os.environ.get("CI"), reason="pdflatex is not installed"
)
LONG = sp.Add(*(sp.sin(k * q) * sigma_w**k / (k + chi) for k in range(1, 16)))


def compiled(source, folder):
    """Return the log of pdflatex; the test fails where it does."""
    path = folder / "text.tex"
    if source is not None:
        path.write_text(source, encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", path.name],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    log = (folder / "text.log").read_text(encoding="latin-1")
    assert run.returncode == 0, log[-2000:]
    return log


def everything_about(name):
    """Return all that is printed about one activation: itself, its derivation, bounds, means and kernels."""
    found = [activation(name), derivation(name), *formulas_of(name)]
    for make in (length_map, gradient_gain, dual_kernel):
        with contextlib.suppress(UnsupportedError):
            made = make(name)
            found += [made] if isinstance(made, Formula) else list(made)
    return found


CATALOGUE = tuple(catalogue)
PRINTED = [
    (SAMPLE, 1),
    (SAMPLE, 2),
    pytest.param(CATALOGUE, 1, marks=pytest.mark.slow),
    pytest.param(CATALOGUE, 2, marks=pytest.mark.slow),
]


@pytest.mark.slow
@needs_pdflatex
@pytest.mark.parametrize(("names", "columns"), PRINTED)
def test_all_that_is_printed_compiles_without_an_overfull_line(names, columns, tmp_path):
    items = [item for name in names for item in everything_about(name)]
    text = latex(items, tmp_path / "text.tex", columns=columns)
    assert text.startswith((r"\documentclass[10pt]{amsart}", r"\documentclass[10pt,twocolumn]{article}")[columns - 1])
    assert "Overfull" not in compiled(None, tmp_path)
    statements = len(re.findall(r"\\begin\{(?:theorem|estimate|activation)\}", text))
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(labels) == len(set(labels)) > 2 * statements - 1 > 20 * len(names)
    cited = {key for group in re.findall(r"\\cite\{([^}]*)\}", text) for key in group.split(",")}
    assert cited
    assert cited == set(re.findall(r"\\bibitem\{([^}]*)\}", text))
    entries = (tmp_path / "text.bib").read_text(encoding="utf-8")
    assert all(f"{{{key}," in entries for key in cited)
    assert "resizebox" not in text


@needs_pdflatex
def test_an_overfull_line_would_be_noticed(tmp_path):
    wide = r"\[" + " + ".join("x" * 9 for _ in range(12)) + r"\]"
    assert "Overfull" in compiled(document("Wide", [wide]), tmp_path)


@needs_pdflatex
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts is not installed")
def test_documents_hold_no_type_3_fonts(tmp_path):
    latex([activation("tanh"), "A text in words."], tmp_path / "text.tex")
    if "lmodern.sty" not in compiled(None, tmp_path):
        pytest.skip("Latin Modern is not installed")
    fonts = subprocess.run(["pdffonts", "text.pdf"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "Type 1" in fonts
    assert "Type 3" not in fonts


def test_every_refusal_is_one_of_the_package(tmp_path):
    (tmp_path / "taken").mkdir()
    f = Formula(chi, q)
    for call in (
        lambda: latex(f, columns=3), lambda: latex(f, columns="2"), lambda: latex(f, form="word"), lambda: latex(None),
        lambda: latex(f, tmp_path / "taken"), lambda: latex(f, tmp_path / "no" / "a.tex"), lambda: latex(f, 3),
        lambda: latex(f, "a\0b.tex"), lambda: latex([f, {}]), lambda: latex(f, form="aligned", exact=True),
        lambda: latex(True), lambda: latex(np.zeros((2, 2))), lambda: latex(f, title=3, form="document"),
        lambda: latex(f, tmp_path / "a.bib"), lambda: latex(f, ""),
    ):  # fmt: skip
        with pytest.raises(VgtheoryError):
            call()


@needs_pdflatex
def test_a_document_of_every_piece_compiles(tmp_path):
    nasty = r"50% of \input{x} & #1 ~ ^ σ_w² ≤ ‖J‖ <b> naïve 中 é " + "averylongword" * 12
    statement = Formula(
        chi,
        LONG / sp.pi,
        "upper bound",
        "certified",
        name=nasty,
        statement=nasty,
        assumptions=(nasty,),
        reference=("he2015", "not in the bibliography"),
    )
    (tmp_path / "dot.png").write_bytes(_PNG)
    parts = [
        heading(nasty),
        heading("Second", 2),
        paragraph(nasty),
        formula(statement),
        table(["name", "value", nasty], [("tanh", 1.2345678, "a word " * 20), ("relu", sp.Rational(1, 3), None)] * 45),
        figure("dot.png", nasty),
    ]
    log = compiled(document(nasty, parts), tmp_path)
    assert "Overfull" not in log
    assert "multiply" not in log


@needs_pdflatex
def test_fragments_and_aligned_compile_inside_ones_own_text(tmp_path):
    items = (length_map("gelu"), Formula(chi, LONG), activation("selu"))
    body = "".join(rf"\[{latex(item, form='aligned')}\]" + "\n" + rf"${latex(item)}$" + "\n\n" for item in items)
    compiled(
        r"\documentclass{article}\usepackage{amsmath,amssymb}\begin{document}" + body + r"\end{document}", tmp_path
    )


def test_only_the_stated_packages_are_used():
    packages = re.findall(r"\\usepackage(?:\[.*?\])?\{(.*?)\}", latex(length_map("relu"), form="document"))
    known = {"amsmath", "amssymb", "amsthm", "booktabs", "graphicx", "fontenc", "inputenc", "lmodern", "flafter"}
    assert set(",".join(packages).split(",")) <= known
    assert "resizebox" not in latex(length_map("relu"), form="document")


@pytest.mark.parametrize("line", [LINE, COLUMN])
def test_long_equations_are_broken_into_lines_that_fit(line):
    for expr in (LONG, LONG * sp.sqrt(q) / sp.pi, sp.Mul(*(sp.sin(k * q + sigma_w**k) for k in range(1, 14))),
                 sp.sqrt(LONG), sp.log(LONG), 1 / LONG, sp.exp(LONG) * q):  # fmt: skip
        rows = equation_rows(chi, "=", expr, line)
        assert len(rows) > 1
        assert all(width(row) <= line + 1 for row in rows)
        text = "".join(rows)
        assert text.count("{") == text.count("}")
        assert text.count(r"\Bigl") == text.count(r"\Bigr")


@needs_pdflatex
def test_widths_are_not_below_those_that_tex_sets(tmp_path):
    texts = [
        formula_latex(f) for name in ("tanh", "selu") for f in bounds(Network(name, Weights.gaussian(1.5, 0.1), 64, 50))
    ]
    texts += [formula_latex(make(name)) for name in ("gelu", "snake", "erf") for make in (length_map, gradient_gain)]
    boxes = "".join(
        rf"\setbox0\hbox{{$\displaystyle {t}$}}\typeout{{W {i} \the\wd0}}" + "\n" for i, t in enumerate(texts)
    )
    log = compiled(
        r"\documentclass[10pt]{article}\usepackage{amsmath,amssymb}\begin{document}" + boxes + r"\end{document}",
        tmp_path,
    )
    seen = {int(i): float(points) for i, points in re.findall(r"W (\d+) ([\d.]+)pt", log)}
    assert len(seen) == len(texts)
    assert all(width(texts[i]) > 0.9 * points for i, points in seen.items() if points > 60)
    assert sum(width(texts[i]) < 1.25 * points for i, points in seen.items()) > 0.8 * len(seen)


CASES = r"\begin{cases} 0 & \text{for}\: u \leq -3 \\\frac{u}{6} + \frac{1}{2} & \text{for}\: u \leq 3 \end{cases}"


def test_cases_are_as_wide_as_their_columns_and_stay_whole():
    columns = width(r"\frac{u}{6} + \frac{1}{2}"), width(r"\text{for}\: u \leq -3")
    assert width(CASES) > sum(columns) + 20
    rows = broken("M", "=", rf"\mathbb{{E}}\left[{CASES} \cdot {CASES}\right]", COLUMN)
    assert len(rows) == 2
    assert all(row.count(r"\begin") == row.count(r"\end") == 1 for row in rows)
    assert all(width(row) <= COLUMN + 1 for row in rows)
    assert "".join(rows).count(r"\cdot") == 1  # the product's own sign starts the second row
    assert r"\Biggl[" in rows[0]
    assert r"\Biggr]" in rows[1]


def test_what_is_named_under_a_wide_equation_has_the_whole_line():
    a, x = sp.tanh(sp.log(1 + sp.exp(q))), sp.exp(q)
    rows = equation_rows((a - 1) * (a + 1) * (2 * q * a * x - q - 2 * x - 2), "=", sp.S.Zero, COLUMN)
    assert len(rows) == 2
    assert all(row.startswith(("& ", " &")) for row in rows)
    assert all(width(row) <= COLUMN for row in rows)


def test_width_takes_the_wider_half_of_a_fraction_and_ignores_commands():
    assert width("a+b") < width(r"\frac{a+b}{c}") < width("a+b") + 5
    assert width(r"\left(x\right)") == width("(x)")
    assert width(r"\alpha \beta") == 2 * width("a")


def test_short_equations_stay_on_one_line():
    assert latex(Formula(chi, q, "upper bound"), form="aligned").count(r"\\") == 0


def test_a_formula_is_printed_with_what_it_rests_on():
    text = formula(Formula(chi, q, "upper bound", "proved", "bound", "It holds.", ("q is small",), ("he2015",)))
    for words in ("[{Bound}]", "It holds.", "upper bound, proved", "$q$ is small", "He et al. (2015)"):
        assert words in text
    assert REFERENCES["he2015"].title in document("T", [text])


def test_certified_values_are_printed_with_their_error():
    text = formula(gradient_gain("tanh").at(q=1))
    assert "value $0.464402902448268$, error at most $" in text
    tiny = Formula(chi, gradient_gain("tanh").expr.subs(q, 1) ** 100, status="certified")
    assert r" \cdot 10^{-34}$, error" in formula(tiny)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_long_name", r"a\_long\_name"),
        ("σ_w", r"$\sigma_{w}$"),
        ("x < y & 5%", r"x $<$ y \& 5\%"),
        ("\\end{document}", r"\textbackslash{}end\{document\}"),
        ("φ'", r"$\varphi$'"),
        ("é—“q”", "é---``q''"),
        ("中", r"\texttt{U+4E2D}"),
        ("a\x00b", "ab"),
    ],
)
def test_text_is_escaped(text, expected):
    assert escape(text) == expected


def test_sequences_and_forms():
    pair = (Formula(chi, q), Formula(q, chi))
    assert latex(pair) == "\\chi = q \\\\\nq = \\chi"
    assert latex(sp.tanh(q)) == r"\tanh{\left(q \right)}"
    with pytest.raises(InputError, match="fragment"):
        latex(q, form="pdf")
    with pytest.raises(InputError, match="type object"):
        latex(object())


def test_writing_is_atomic(tmp_path):
    target = tmp_path / "out.tex"
    text = latex(Formula(chi, q), target)
    before = target.read_text(encoding="utf-8")
    assert before == text
    with pytest.raises(InputError):
        latex([object()], target)
    assert target.read_text(encoding="utf-8") == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.tex"]
    with pytest.raises(InputError, match="a folder that exists"):
        latex([], tmp_path / "no" / "out.tex")


def test_bad_pieces_are_refused():
    with pytest.raises(InputError):
        heading("x", 4)
    with pytest.raises(InputError):
        table(["a", "b", "c"], [("two", "cells")])
    with pytest.raises(InputError):
        figure("a b.png")


def test_a_row_of_one_cell_is_a_title_and_code_keeps_its_indentation():
    rows = table(["one", "two"], [("Group",), ("left", "right")]).splitlines()
    assert r"\multicolumn{2}{@{}p{\linewidth}@{}}{\itshape Group} \tabularnewline" in rows
    assert "left & right \\tabularnewline" in rows
    lines = listing("def f(x):\n    return x").splitlines()
    assert lines[1].endswith(r"\texttt{def f(\allowbreak{}x):\allowbreak{}}")
    assert r"\texttt{\phantom{xxxx}}\texttt{return x}" in lines[3]


@needs_pdflatex
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext here")
@pytest.mark.parametrize("columns", [1, 2])
def test_code_in_a_pdf_is_indented_and_quoted_as_it_was(columns, tmp_path):
    code = "def f(x):\n    for k in x:\n        print(\"k\", 'l', k[1 : 2])"
    sheet = SHEETS[columns]
    (tmp_path / "code.tex").write_text(document("Code", [listing(code)], sheet=sheet), encoding="utf-8")
    write_pdf(tmp_path / "code.tex", tmp_path / "code.pdf")
    done = subprocess.run(
        ["pdftotext", "-bbox", tmp_path / "code.pdf", "-"], capture_output=True, text=True, check=True
    )
    words = re.findall(r'xMin="([\d.]+)".*?>([^<]+)</word>', done.stdout)
    at = {unescape(word): float(place) for place, word in words}
    step = at["for"] - at["def"]
    assert step > 10
    assert at['print("k",'] - at["for"] == pytest.approx(step, rel=0.01)
    assert "'l'," in at


# A one-pixel PNG.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
    "dccc59e70000000049454e44ae426082"
)


NET = Network("tanh", Weights.gaussian(1.5, 0.1), 64, 12)


@needs_pdflatex
def test_a_dataset_is_a_table_with_every_value(tmp_path):
    predicted = predict(NET)
    latex(predicted, tmp_path / "text.tex")
    text = (tmp_path / "text.tex").read_text(encoding="utf-8")
    assert decimal(float(predicted.chi[3])) in text
    for name in predicted.data_vars:
        assert escape(str(name)).replace(r"\_", r"\_\allowbreak{}") in text or str(name) in text.replace(
            r"\allowbreak{}", ""
        ).replace("\\", "")
    assert text.count(r"\begin{tabular}") > 1  # as many tables as keep their type readable
    log = compiled(None, tmp_path)
    assert "Overfull" not in log
    assert latex(predicted.chi).count(r"\tabularnewline") == 13


def test_what_is_no_formula_and_no_table_is_refused_with_the_next_step():
    study = simulate(NET, samples=2)
    with pytest.raises(InputError, match=r"isel\(layer=0\)|isel\(sample=0\)"):
        latex(study)
    with pytest.raises(InputError, match="slice"):
        latex(xr.Dataset({"a": ("row", np.zeros(5000))}))
    with pytest.raises(InputError, match="aligned"):
        latex(predict(NET), form="aligned")
    for wrong in ({"q": q}, {q}, np.zeros(3), study.variables, b"x"):
        with pytest.raises(InputError):
            latex(wrong)


def test_a_prediction_is_called_the_same_wherever_it_is_spoken_of():
    assert set(METHODS) >= {*get_args(Method), "mean field"} - {"auto"}
