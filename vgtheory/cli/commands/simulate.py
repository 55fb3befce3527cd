"""`vgtheory simulate`: Monte Carlo of random networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vgtheory.cli import options as opt
from vgtheory.cli.cluster import Dask, executor_at
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import Network


@opt.network_options("simulate", "simulate (batch)")
def simulate(
    network: Network,
    inputs: Inputs | int,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: Annotated[Path, typer.Option(help="NetCDF file to write.")] = Path("study.nc"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the study of another network.")] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder for finished chunks; the same command resumes from it.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Inputs per batch, for --norm batch.", show_default=False, **opt.WHOLE)
    ] = None,
    half_width: Annotated[
        float | None,
        typer.Option(
            help="Stop once the 95 % interval of the mean of ln‖∂ℓ/∂h_1‖ has this half-width, --samples at the latest.",
            **opt.REAL,
        ),
    ] = None,
    precision: Annotated[
        Literal["double", "single"],
        typer.Option(help="single: float32 normals and activations, twice as fast; layers without further parts."),
    ] = "double",
    dask: Dask = None,
) -> None:
    """Simulate random networks and write ln‖∂ℓ/∂h_l‖ of every sample and layer as NetCDF."""
    opt.check_run(samples, seed)
    require(network, "simulate" if batch is None else "simulate (batch)")
    if precision == "single":
        require(network, "simulate (single)")
    opt.announce(network, samples, seed)
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_study
    from vgtheory.reporting.result_files import check_study, write_study
    from vgtheory.study.simulate import simulate as run

    check_study(out, network.spec_json, samples, seed, force, precision)
    with executor_at(dask) as executor, progress_bar("simulate") as progress:
        study = run(
            network,
            samples=samples,
            seed=seed,
            inputs=inputs,
            batch=batch,
            executor=executor,
            checkpoint=checkpoint,
            progress=progress,
            half_width=half_width,
            precision=precision,
        )
    write_study(study, out)
    print_study(study, out)
