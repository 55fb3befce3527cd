"""`vgtheory inspect`: the weights of a real network, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from vgtheory._untrusted import check_weights_file
from vgtheory.cli import options as opt
from vgtheory.cli.exit_codes import UNHEALTHY
from vgtheory.cli.figures import write_picture
from vgtheory.symbolic.activation import Activation

_Weights = Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors, .npz, .onnx or Keras file of an MLP.")]
_Activation = Annotated[
    str | None,
    typer.Option(metavar="ACT", help="φ between the layers: a name or a formula.  [default: not given]"),
]
_Order = Annotated[
    str | None,
    typer.Option(help="Order of layers: by name (names), place (file), or names with commas.  [default: not given]"),
]
_Skip = Annotated[
    float | None,
    typer.Option(
        **opt.REAL, help="Square layers are x + skip·φ(W x + b); 0: none.  [default: not given]", show_default=False
    ),
]
_OutputActivation = Annotated[bool, typer.Option("--output-activation", help="The last layer applies φ as well.")]
_Data = Annotated[
    Path | None, typer.Option(help="Inputs as .npy, one row each.  [default: Gaussian]", show_default=False)
]
_OPTIONS = {
    "weights": (_Weights, opt.REQUIRED),
    "activation": (_Activation, None),
    "param": (opt.Params, None),
    "order": (_Order, None),
    "skip": (_Skip, None),
    "output_activation": (_OutputActivation, False),
    "data": (_Data, None),
    "seed": (opt.Seed, 0),
}


@dataclass(frozen=True)
class Stored:
    """The network of a file, with what is said of it that the file does not hold, and its inputs."""

    weights: Path
    activation: Activation | None
    order: str | list[str] | None
    skip: float | None
    output_activation: bool
    data: Path | None
    seed: int


def _stored(given: dict[str, Any]) -> Stored:
    check_weights_file(given["weights"])
    name, param, order = given.pop("activation"), given.pop("param"), given.pop("order")
    return Stored(
        activation=None if name is None else opt.activation(name, param),
        order=order if order in (None, "names", "file") else order.split(","),
        **given,
    )


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its parameter `stored` replaced by the options that describe one."""
    return opt.expanded(command, "stored", _OPTIONS, _stored)


@_options
def inspect(
    stored: Stored,
    out: opt.Figure = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every layer as CSV.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 unless the verdict is healthy.")] = False,
) -> None:
    """Find out what the weights of a real network do to its gradient: scales, spectra, lengths, and what to blame."""
    opt.check_figure(out)
    inputs = None if stored.data is None else opt.matrix(stored.data)
    from vgtheory._atomic import write_text
    from vgtheory.cli.screen import print_inspection
    from vgtheory.reporting.tables import inspection_csv, inspection_json
    from vgtheory.study.inspection import inspect as findings_of

    found = findings_of(
        stored.weights,
        inputs,
        activation=stored.activation,
        order=stored.order,
        skip=stored.skip,
        output_activation=stored.output_activation,
        seed=stored.seed,
    )
    write_picture(out, lambda plot: plot.inspection(found))
    if csv is not None:
        write_text(csv, inspection_csv(found))
    if json:
        typer.echo(inspection_json(found))
    else:
        print_inspection(found, [path for path in (out, csv) if path is not None])
    if check and found.verdict != "healthy":
        raise typer.Exit(UNHEALTHY)
