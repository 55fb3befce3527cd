"""`vgtheory inspect`: the weights of a real network, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory._untrusted import check_weights_file
from vgtheory.cli import options as opt


def inspect(
    weights: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors, .npz or .onnx file of an MLP.")],
    activation: Annotated[
        str | None,
        typer.Option(metavar="ACT", help="φ between the layers: a name or a formula.  [default: not said]"),
    ] = None,
    param: opt.Params = None,
    order: Annotated[
        str | None,
        typer.Option(help="names, file, or names with commas: the calls are these.  [default: not said]"),
    ] = None,
    skip: Annotated[
        float | None,
        typer.Option(
            **opt.REAL, help="Square layers are x + skip·φ(W x + b); 0: none.  [default: not said]", show_default=False
        ),
    ] = None,
    output_activation: Annotated[
        bool, typer.Option("--output-activation", help="The last layer applies φ, too.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Inputs as .npy, one row each.  [default: Gaussian]", show_default=False)
    ] = None,
    seed: opt.Seed = 0,
    out: opt.Figure = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every layer as CSV.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 unless the verdict is healthy.")] = False,
) -> None:
    """Find out what the weights of a real network do to its gradient: scales, spectra, lengths, and what to blame."""
    check_weights_file(weights)
    act = None if activation is None else opt.activation(activation, param)
    opt.check_figure(out)
    inputs = None if data is None else opt.matrix(data)
    from vgtheory._atomic import write_text
    from vgtheory.cli.screen import print_inspection
    from vgtheory.reporting import plot
    from vgtheory.reporting.result_files import write_figure
    from vgtheory.reporting.tables import inspection_csv, inspection_json
    from vgtheory.study.inspection import inspect as findings_of

    names = order if order in (None, "names", "file") else order.split(",")
    found = findings_of(
        weights, inputs, activation=act, order=names, skip=skip, output_activation=output_activation, seed=seed
    )
    if out is not None:
        write_figure(plot.figure_of(plot.inspection(found)), out)
    if csv is not None:
        write_text(csv, inspection_csv(found))
    if json:
        typer.echo(inspection_json(found))
    else:
        print_inspection(found, [path for path in (out, csv) if path is not None])
    if check and found.verdict != "healthy":
        raise typer.Exit(1)
