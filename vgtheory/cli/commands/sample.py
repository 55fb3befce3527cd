"""`vgtheory sample`: spectra of a random matrix ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.cli.named_values import NamedValues, named_values

EnsembleName = Annotated[
    str, typer.Argument(metavar="ENSEMBLE", help="Name of an ensemble, e.g. goe; any other word prints the list.")
]
SUFFIXES = (".npz", ".svg", ".pdf")


def sample(
    name: EnsembleName,
    n: Annotated[int, typer.Option("--n", help="Size of a matrix.", **opt.WHOLE)] = 500,
    samples: Annotated[int, typer.Option(help="Independent matrices.", **opt.WHOLE)] = 20,
    param: NamedValues = None,
    seed: opt.Seed = 0,
    out: Annotated[Path | None, typer.Option(help="File to write: .npz (eigenvalues), .svg or .pdf.")] = None,
) -> None:
    """Draw spectra of an ensemble by the cheapest exact model, and compare them with the limit law."""
    opt.check_run(samples, seed)
    if out is not None and out.suffix not in SUFFIXES:
        raise InputError("--out", "a name ending in .npz, .svg or .pdf", "e.g. --out spectra.npz", got=f"{out}")
    parameters = named_values(param)
    if "size" in parameters:
        raise InputError("--param size", "--n, the size of a matrix", f"give --n {str(parameters['size'])[:20]}")
    from vgtheory._atomic import write_arrays
    from vgtheory.cli.screen import print_pairs
    from vgtheory.random_matrices.naming import ensemble
    from vgtheory.reporting.law_tables import ensemble_rows

    drawn = ensemble(name, size=n, **parameters)
    values = drawn.spectra(samples, random_state=seed)
    if out is not None and out.suffix == ".npz":
        write_arrays(out, {"eigenvalues": values})
    elif out is not None:
        write_picture(out, lambda plot: plot.ensemble(values, drawn))
    print_pairs(ensemble_rows(values, drawn), out)
