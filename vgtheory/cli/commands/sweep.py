"""`vgtheory sweep`: one simulation for every point of a grid of scales, sizes and whatever a block is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.cli.cluster import Dask, executor_at
from vgtheory.cli.figures import write_picture
from vgtheory.cli.variants import Variants
from vgtheory.model.inputs import Inputs

_Over = Annotated[
    list[str],
    typer.Option(
        metavar="NAME=VALUES",
        help="What to vary: sigma_w, sigma_b, width, depth, a parameter, or any option of a block, as 1,1.5,2 or "
        "LO:HI:COUNT; repeatable.",
    ),
]


@opt.network_options("sweep")
def sweep(
    variants: Variants,
    inputs: Inputs | int,
    over: _Over,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: Annotated[Path | None, typer.Option(help="NetCDF file to write: every layer of every point.")] = None,
    figure: opt.Figure = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder for finished parts; the same command, or a finer grid, resumes from it.")
    ] = None,
    dask: Dask = None,
) -> None:
    """Simulate random networks at every point of a grid: how the gradient changes, with its interval."""
    opt.check_run(samples, seed)
    opt.check_figure(figure)
    network, grid = variants.swept(over)
    opt.announce(variants.network, samples, seed)
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_sweep
    from vgtheory.reporting.result_files import write_dataset
    from vgtheory.study.sweep import sweep as run

    with executor_at(dask) as executor, progress_bar("sweep") as progress:
        found = run(
            network, samples, seed, grid, executor=executor, checkpoint=checkpoint, progress=progress, inputs=inputs
        )
    if out is not None:
        write_dataset(out, found)
    write_picture(figure, lambda plot: plot.sweep(found))
    print_sweep(found, [path for path in (out, figure) if path is not None])
