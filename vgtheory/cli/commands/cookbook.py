"""`vgtheory cookbook`: which initialiser for which activation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt


def cookbook(
    activations: Annotated[
        list[str] | None, typer.Argument(metavar="[ACT...]", help="Names or formulas.  [default: the whole catalogue]")
    ] = None,
    width: opt.Width = opt.WIDTH,
    depth: opt.Depth = 100,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for cookbook.html, .tex and .csv.")] = None,
) -> None:
    """Tabulate, for every activation, the initialisation that preserves the gradient, each tried in a deep network."""
    opt.check_run(samples, seed)
    chosen = [opt.activation(name, None) for name in activations] if activations else None
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_cookbook
    from vgtheory.reporting.cookbook_page import write_cookbook
    from vgtheory.study.cookbook import cookbook as rows_of

    with progress_bar("cookbook") as progress:
        rows = rows_of(chosen, width, depth, samples, seed, progress)
    written = [] if out is None else write_cookbook(rows, out, width, depth)
    print_cookbook(rows, written)
