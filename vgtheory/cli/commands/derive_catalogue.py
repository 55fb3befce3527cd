"""`vgtheory catalogue`: what is true of every activation of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.symbolic.catalogue import catalogue as activations


def catalogue(
    latex: Annotated[Path | None, typer.Option(help="Also write the tables as a LaTeX document.")] = None,
) -> None:
    """Derive every activation: largest slope, saturated set, Gaussian means, how each is known, reference."""
    from vgtheory.cli.screen import print_catalogue
    from vgtheory.reporting.latex import latex as latex_of

    if latex is not None:
        latex_of(activations, latex)
    print_catalogue(latex)
