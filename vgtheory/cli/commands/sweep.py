"""`vgtheory sweep`: Monte Carlo over a grid of scales, sizes and parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.cli.cluster import Dask, executor_at
from vgtheory.cli.named_values import given_twice, read_number
from vgtheory.model.network import Network

_Over = Annotated[
    list[str],
    typer.Option(
        metavar="NAME=VALUES",
        help="What to vary: sigma_w, sigma_b, width, depth or a parameter, as 1,1.5,2 or LO:HI:COUNT; repeatable.",
    ),
]
SIZES = ("width", "depth")


@opt.network_options("sweep")
def sweep(
    network: Network,
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
    """Simulate random networks at every point of a grid: the gradient at the first layer, with its interval."""
    opt.check_run(samples, seed)
    opt.check_figure(figure)
    grid = _grid(over)
    opt.announce(network, samples, seed)
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_sweep
    from vgtheory.reporting import plot
    from vgtheory.reporting.result_files import write_dataset, write_figure
    from vgtheory.study.sweep import sweep as run

    with executor_at(dask) as executor, progress_bar("sweep") as progress:
        found = run(network, samples, seed, over=grid, executor=executor, checkpoint=checkpoint, progress=progress)
    if out is not None:
        write_dataset(out, found)
    if figure is not None:
        write_figure(plot.figure_of(plot.sweep(found)), figure)
    print_sweep(found, [path for path in (out, figure) if path is not None])


def _grid(items: list[str]) -> dict[str, list[float] | list[int]]:
    """Return the values by name of NAME=1,1.5,2 or NAME=LO:HI:COUNT."""
    grid: dict[str, list[float] | list[int]] = {}
    for item in items:
        name, _, text = item.partition("=")
        name = name.strip().replace("-", "_")
        if name in grid:
            raise given_twice(name)
        try:
            values = (
                _spaced(*text.split(":")) if ":" in text else [read_number(part, float) for part in text.split(",")]
            )
        except (TypeError, ValueError):
            raise InputError(
                "--over", "NAME=1,1.5,2 or NAME=LO:HI:COUNT", "e.g. --over sigma_w=1:2:11", got=item[:60]
            ) from None
        whole = name in SIZES and all(value.is_integer() for value in values)
        grid[name] = [int(value) for value in values] if whole else values
    return grid


def _spaced(low: str, high: str, count: str) -> list[float]:
    """Return equally spaced values, both ends among them."""
    first, last, steps = read_number(low, float), read_number(high, float), read_number(count, int) - 1
    if not 1 <= steps < 10**6:
        raise ValueError(count)
    return [first + (last - first) * k / steps for k in range(steps)] + [last]
