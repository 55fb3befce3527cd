"""The cookbook "which initialiser for which activation" as HTML, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from importlib.metadata import version
from math import isfinite
from pathlib import Path

from vgtheory._atomic import write_text
from vgtheory.reporting.document import Document, Paragraph, Section, Table, code
from vgtheory.reporting.html import render_html
from vgtheory.reporting.report_folder import check_writable
from vgtheory.reporting.result_files import csv_cell
from vgtheory.reporting.tex import render_tex
from vgtheory.reporting.wording import number
from vgtheory.study.cookbook import CookbookRow

HEADER = ("activation", "σ_w", "σ_b", "q*", "χ_q", "predicted", "simulated", "spread")
GAINS = ("activation", "1/√E φ²", "1/√Var φ", "1/√E φ'²", "PyTorch's gain", "χ with that gain")
FILES = ("cookbook.html", "cookbook.tex", "cookbook.csv")

_INTRODUCTION = (
    "Draw weights of variance σ_w²/fan_in and biases of variance σ_b². At these scales the gain χ = σ_w² E φ'² of the "
    "squared gradient is 1 and the variance q of the pre-activations stays where it is: |χ_q| ≤ 1. The last columns "
    "are ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) of networks of {shape}: 0 means that the gradient keeps its size over the whole "
    "depth; ± is half the 99 % interval of their mean, the spread the standard deviation between networks."
)
_GAINS = (
    "The gains that frameworks speak of answer three different questions at q = 1: what keeps the mean square, the "
    "variance, the squared gradient. PyTorch's √2 for ReLU is the first and the third; its 5/3 for tanh and 3/4 for "
    "SELU are none of them. χ in the last column is what a network with PyTorch's gain and no bias settles at."
)


def cookbook_rows(rows: tuple[CookbookRow, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`HEADER`."""
    return tuple(_cells(row) for row in rows)


def write_cookbook(rows: tuple[CookbookRow, ...], out: str | os.PathLike[str], width: int, depth: int) -> list[Path]:
    """Write cookbook.html, cookbook.tex and cookbook.csv into the folder `out` and return their paths.

    `width` and `depth` are those of the networks that the rows were tried in.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    check_writable(folder)
    page = _document(rows, width, depth)
    texts = (render_html(page, {}), render_tex(page), _csv(rows))
    paths = [folder / name for name in FILES]
    for path, text in zip(paths, texts, strict=True):
        write_text(path, text)
    return paths


def _document(rows: tuple[CookbookRow, ...], width: int, depth: int) -> Document:
    recipes = tuple((code(_name(r)), code(r.recipe.pytorch), code(r.recipe.jax)) for r in rows if r.recipe is not None)
    kept = sum(r.point is not None for r in rows)
    shape = f"width {width} and depth {depth}"
    return Document(
        title="Which initialiser for which activation?",
        subtitle=f"{len(rows)} activations, each tried in networks of {shape}",
        verdict=f"{kept} of {len(rows)} activations have a critical scale at which the network stays.",
        regime="",
        key_numbers=(),
        sections=(
            Section("The scales", (Paragraph(_INTRODUCTION.format(shape=shape)), Table(HEADER, cookbook_rows(rows)))),
            Section("Code", (Table(("activation", "PyTorch", "JAX"), recipes),)),
            Section("Gains", (Paragraph(_GAINS), Table(GAINS, tuple(_gains(row) for row in rows)))),
        ),
        references=(),
        provenance=json.dumps({"width": width, "depth": depth, "vgtheory": version("vgtheory")}, indent=2),
    )


def _name(row: CookbookRow) -> str:
    return row.activation.name or str(row.activation.expr)


def _cells(row: CookbookRow) -> tuple[str, ...]:
    if row.point is None or row.trial is None or row.sigma_b is None:
        return (_name(row), "no stable critical point", *("",) * (len(HEADER) - 2))
    point, trial = row.point, row.trial
    scales = (number(point.sigma_w, 7), number(row.sigma_b), number(point.q, 4), number(point.chi_q, 4))
    predicted = "" if trial.predicted is None else number(trial.predicted, 3)
    half = number(trial.growth.half_width, 1)
    simulated = "dead" if trial.dead == 1 else f"{number(trial.simulated, 3)}\u00a0±\u00a0{half}"
    return (_name(row), *scales, predicted, simulated, number(trial.std, 3))


def _gains(row: CookbookRow) -> tuple[str, ...]:
    known = row.gains
    if known is None:
        return (_name(row), *("",) * (len(GAINS) - 1))
    values = (known.rms, known.std, known.backward, known.framework)
    settled = "" if known.settled is None else number(known.settled.chi, 6)
    return (_name(row), *(number(v, 6) if isfinite(v) else "" for v in values), settled)


def _csv(rows: tuple[CookbookRow, ...]) -> str:
    """Return one line per activation with full digits and the code."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = ("sigma_w", "sigma_b", "q", "chi_q", "predicted", "simulated", "error", "std", "pytorch", "jax")
    writer.writerow(("activation", *names))
    for row in rows:
        if row.point is None or row.trial is None or row.recipe is None:
            writer.writerow((csv_cell(_name(row)), *("",) * len(names)))
            continue
        p, t, r = row.point, row.trial, row.recipe
        numbers = (p.sigma_w, row.sigma_b, p.q, p.chi_q, t.predicted, t.simulated, t.growth.stderr, t.std)
        writer.writerow((csv_cell(_name(row)), *numbers, r.pytorch, r.jax))
    return buffer.getvalue()
