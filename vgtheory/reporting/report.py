"""`vg.report`: one folder that explains one network, as HTML, LaTeX, data and figures."""

from __future__ import annotations

import os
from pathlib import Path

from matplotlib.figure import Figure

from vgtheory._atomic import write_text
from vgtheory._errors import InputError, shown
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.reporting.figures import FIGURES, draw
from vgtheory.reporting.findings import Findings, Progress, gather
from vgtheory.reporting.html import render_html
from vgtheory.reporting.language import translated, translator
from vgtheory.reporting.pdf import tex_is_installed, write_pdf
from vgtheory.reporting.report_folder import ReportFolder, claimed
from vgtheory.reporting.result_files import write_dataset, write_figure
from vgtheory.reporting.story import tell
from vgtheory.reporting.style import svg_text
from vgtheory.reporting.tex import render_tex

FILES = (
    "report.html", "report.tex", "report.pdf", "study.nc",
    *(f"{figure}.{suffix}" for figure in FIGURES for suffix in ("svg", "pdf")),
)  # fmt: skip


def report(
    network: Network,
    out: str | os.PathLike[str],
    samples: int = 64,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
    pdf: bool | None = None,
    lang: str = "en",
) -> Findings:
    """Write the report on a network into the folder `out` and return its findings.

    The folder gets report.html (self-contained), report.tex, study.nc (what ``vg.simulate`` returned), every figure as
    SVG and PDF, report.pdf where pdflatex is installed, and last of all spec.json, which names the specification and
    the digest of every file.  Each file appears complete or not at all.

    Parameters
    ----------
    network : the network; its sizes and scales must be numbers.
    out : folder, made if need be.
    samples, seed : of the simulation.
    force : overwrite a folder that holds the report of another network.
    progress : called as progress(done, total).
    pdf : whether to compile report.pdf; by default if there is a pdflatex.
    lang : language of report.html, "en" or "zh"; report.tex is English (TeX's base fonts have no Chinese).

    Raises
    ------
    ConflictError : `out` holds the results of another specification and `force` is not set, or another run writes
        there.
    InputError : a value that cannot be used.
    UnsupportedError : report.pdf cannot be compiled; everything else has been written by then.
    """
    require(network, "report")
    translator(lang)  # an unknown language is refused before anything runs
    if not isinstance(out, (str, os.PathLike)):
        raise InputError("out", "the path of a folder", "e.g. out='report'", got=shown(out))
    folder = Path(out).expanduser()
    spec = {"network": network.spec, "samples": samples, "seed": seed}
    with claimed(folder, spec, FILES, force) as place:
        findings = gather(network, samples, seed, progress)
        compile_it = pdf or (pdf is None and tex_is_installed())
        write(findings, place, lang, compile_it)
    return findings


def write(findings: Findings, place: ReportFolder, lang: str = "en", pdf: bool = False) -> None:
    """Write all files of a report, the page in the given language, and at last the manifest that names them."""
    document = tell(findings)
    figures: dict[str, Figure] = draw(findings)
    drawings = {name: svg_text(figure) for name, figure in figures.items()}
    page = render_html(translated(document, lang), drawings, translator(lang))
    paper = render_tex(document)
    place.clear()
    for name, figure in figures.items():
        write_text(place.path(f"{name}.svg"), drawings[name])
        write_figure(figure, place.path(f"{name}.pdf"))
    write_dataset(place.path("study.nc"), findings.study)
    write_text(place.path("report.tex"), paper)
    write_text(place.path("report.html"), page)
    try:
        if pdf:
            write_pdf(place.folder / "report.tex", place.path("report.pdf"))
    finally:  # a document that TeX refuses is complete all the same
        place.finish()
