"""`vgtheory bounds`: every bound that holds for a network, with its value."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.model.network import Network


@opt.network_options("bounds")
def bounds(
    network: Network,
    p: Annotated[float, typer.Option("--p", **opt.REAL, help="p: the probability with which a bound may fail.")] = 0.01,
    eps: Annotated[
        float, typer.Option(**opt.REAL, help="ε: slope of a saturated neuron, norm of a vanished gradient.")
    ] = 0.001,
    latex: Annotated[Path | None, typer.Option(help="Also write table and formulas as a LaTeX document.")] = None,
) -> None:
    """Print every bound that holds for a network: value at its depth, how it is known, what it assumes."""
    opt.announce(network)
    from vgtheory._atomic import write_text
    from vgtheory.cli.screen import print_bounds
    from vgtheory.reporting.bound_table import bound_table, table_document

    found = bound_table(network, p, eps)
    if latex is not None:
        write_text(latex, table_document(found))
    print_bounds(found, latex)
