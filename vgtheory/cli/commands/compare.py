"""`vgtheory compare`: several networks side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.cli.block_options import any_network
from vgtheory.cli.figures import write_picture
from vgtheory.model.network import Network


@opt.several_networks_options("compare", depth=100, make=any_network)
def compare(
    networks: list[Network],
    critical: Annotated[
        bool, typer.Option("--critical", help="Put each network at its own critical σ_w for this σ_b.")
    ] = False,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: opt.Figure = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every layer as CSV.")] = None,
) -> None:
    """Run several networks side by side: gradient norms, predicted and simulated, of activations or of blocks."""
    opt.check_run(samples, seed)
    opt.check_figure(out)
    from vgtheory._atomic import write_text
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_lineup
    from vgtheory.reporting.result_files import csv_text
    from vgtheory.study.lineup import at_criticality, lineup

    if critical:
        networks = [at_criticality(network) for network in networks]
    for network in networks:
        opt.announce(network, samples, seed)
    with progress_bar("compare") as progress:
        found = lineup(networks, samples, seed, progress)
    write_picture(out, lambda plot: plot.lineup(found))
    if csv is not None:
        write_text(csv, csv_text(found.to_dataframe()))
    print_lineup(found, [path for path in (out, csv) if path is not None])
