"""`vgtheory law`: a law of random matrices."""

from __future__ import annotations

from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.cli.named_values import NamedValues, named_values

LawName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a law, e.g. marchenko_pastur; any other word prints the list.")
]


def law(name: LawName, param: NamedValues = None, out: opt.Figure = None) -> None:
    """Show a law of random matrices: support, moments, quantiles, transforms, and a figure of its density."""
    opt.check_figure(out)
    parameters = named_values(param)
    from vgtheory.cli.screen import print_pairs
    from vgtheory.random_matrices.naming import law as by_name
    from vgtheory.reporting.law_tables import law_rows

    found = by_name(name, **parameters)
    write_picture(out, lambda plot: plot.law(found, name.replace("_", " ")))
    print_pairs(law_rows(found), out)
