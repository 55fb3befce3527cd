"""`vgtheory compare`: several activations side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt


def compare(
    activations: Annotated[list[str], typer.Argument(metavar="ACT...", help="Names or formulas, two or more.")],
    sigma_w: opt.SigmaW = None,
    sigma_b: opt.SigmaB = None,
    weights: opt.WeightLaw = None,
    init: opt.Init = None,
    critical: Annotated[bool, typer.Option("--critical", help="Each at its own critical σ_w for this σ_b.")] = False,
    width: opt.Width = opt.WIDTH,
    depth: opt.Depth = 100,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: opt.Figure = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every layer as CSV.")] = None,
) -> None:
    """Run several activations in the same network: gradient norms, predicted and simulated, side by side."""
    opt.check_run(samples, seed)
    opt.check_figure(out)
    if critical and (sigma_w is not None or init is not None):
        raise InputError("--critical together with a scale", "one of them", "drop --sigma-w and --init, or --critical")
    networks = [
        opt.network(name, None, sigma_w, sigma_b, weights, init, width=width, depth=depth)
        for name in dict.fromkeys(activations)
    ]
    from vgtheory._atomic import write_text
    from vgtheory.cli.screen import print_lineup, progress_bar
    from vgtheory.reporting import plot
    from vgtheory.reporting.files import write_figure
    from vgtheory.study.lineup import at_criticality, lineup

    if critical:
        networks = [at_criticality(network) for network in networks]
    for network in networks:
        opt.announce(network, samples, seed)
    with progress_bar("compare") as progress:
        found = lineup(networks, samples, seed, progress)
    if out is not None:
        write_figure(plot.figure_of(plot.lineup(found)), out)
    if csv is not None:
        write_text(csv, found.to_dataframe().to_csv())
    print_lineup(found, [path for path in (out, csv) if path is not None])
