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
    pdf: Annotated[bool, typer.Option("--pdf", help="Compile report.tex, with its figures, to report.pdf.")] = False,
    lang: Annotated[str, typer.Option(help="Language of report.html and of what is printed, e.g. en or zh.")] = "en",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a folder that holds another report.")] = False,
) -> None:
    """Derive, bound, predict, simulate and explain a network; writes report.html, report.tex, study.nc and figures."""
    opt.check_run(samples, seed)
    opt.announce(network, samples, seed)
    from vgtheory.reporting.translation import translator

    translate = translator(lang)  # an unknown language is refused before anything runs
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_answer, print_written
    from vgtheory.reporting.draft import begun

    with begun(network, out, samples, seed, force) as draft:
        print_answer(draft.answer, translate)
        from vgtheory.reporting.written_report import complete

        with progress_bar("report") as progress:
            findings = complete(draft, progress, pdf, lang)
    print_written(findings, out, translate)
