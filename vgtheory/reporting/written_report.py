"""The files of a report: found out, told, drawn and written, the manifest last."""

from __future__ import annotations

import os

from vgtheory._atomic import write_bytes, write_text
from vgtheory.model.network import Network
from vgtheory.reporting.draft import Draft, begun
from vgtheory.reporting.figure_words import said_in
from vgtheory.reporting.figures import draw
from vgtheory.reporting.findings import Findings, gather
from vgtheory.reporting.html import render_html
from vgtheory.reporting.pdf import write_pdf
from vgtheory.reporting.report_folder import ReportFolder
from vgtheory.reporting.result_files import write_dataset
from vgtheory.reporting.story import tell
from vgtheory.reporting.style import pdf_bytes, svg_text
from vgtheory.reporting.tex import render_tex
from vgtheory.reporting.translation import SOURCE, translator
from vgtheory.study.engine import Progress


def write_report(
    network: Network,
    out: str | os.PathLike[str],
    samples: int,
    seed: int,
    force: bool,
    progress: Progress | None,
    pdf: bool,
    lang: str,
) -> Findings:
    """Write the report of a network into a folder, as ``vg.report`` says, and return its findings."""
    with begun(network, out, samples, seed, force) as draft:
        return complete(draft, progress, pdf, lang)


def complete(draft: Draft, progress: Progress | None = None, pdf: bool = False, lang: str = "en") -> Findings:
    """Find out everything beyond the answer, write all files and return the findings."""
    findings = gather(draft.answer, progress)
    write(findings, draft.place, pdf, lang)
    return findings


def write(findings: Findings, place: ReportFolder, pdf: bool = False, lang: str = "en") -> None:
    """Write all files of a report, the page in the given language, and at last the manifest that names them."""
    document = tell(findings)
    say = translator(lang)
    figures = draw(findings, document.figures)
    drawings = {name: svg_text(figure) for name, figure in figures.items()} if say.language == SOURCE else {}
    # report.tex is English, so that its figures are printed before their labels are said.
    printed = {name: pdf_bytes(figure) for name, figure in figures.items()} if pdf else {}
    labelled = said_in(figures.values(), say)
    drawings = drawings or {name: svg_text(figure) for name, figure in figures.items()}
    page = render_html(document, drawings, say, labelled)
    place.clear()
    for name, drawing in drawings.items():
        write_text(place.path(f"{name}.svg"), drawing)
    for name, content in printed.items():
        write_bytes(place.path(f"{name}.pdf"), content)
    write_dataset(place.path("study.nc"), findings.study)
    write_text(place.path("report.html"), page)
    write_text(place.path("report.tex"), render_tex(document if pdf else document.without_figures))
    try:
        if pdf:
            write_pdf(place.folder / "report.tex", place.path("report.pdf"))
    finally:  # a document that TeX refuses is complete all the same
        place.finish()
