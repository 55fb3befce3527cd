"""`vgtheory report`: derive, bound, predict, simulate and explain one network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.model.network import Network


@opt.network_options("report")
def report(
    network: Network,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder of the report; created if it does not exist.")] = Path(
        "vgtheory-report"
    ),
    pdf: Annotated[
        bool | None, typer.Option("--pdf/--no-pdf", help="Compile report.pdf.  [default: if pdflatex is installed]")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of report.html and of what is printed: en or zh.")] = "en",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a folder that holds another report.")] = False,
) -> None:
    """Derive, bound, predict, simulate and explain a network; writes report.html, report.tex, study.nc and figures."""
    opt.check_run(samples, seed)
    opt.announce(network, samples, seed)
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_findings
    from vgtheory.reporting.report import report as write_report

    with progress_bar("report") as progress:
        findings = write_report(
            network, out, samples=samples, seed=seed, force=force, progress=progress, pdf=pdf, lang=lang
        )
    print_findings(findings, out, lang)
