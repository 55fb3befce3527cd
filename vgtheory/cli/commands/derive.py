"""`vgtheory derive`: what is true of one activation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.symbolic.activation import Activation


@opt.activation_options
def derive(
    activation: Activation,
    eps: Annotated[
        float, typer.Option(**opt.REAL, help="Threshold of |φ'| below which a neuron counts as saturated.")
    ] = 0.01,
    latex: Annotated[Path | None, typer.Option(help="Also write the derivation as a LaTeX document.")] = None,
) -> None:
    """Derive φ', φ'', their ranges, where φ' saturates, the Gaussian means, and what follows for a deep network."""
    from vgtheory.cli.screen import print_derivation
    from vgtheory.reporting.derivation import derivation
    from vgtheory.reporting.latex import latex as latex_of

    found = derivation(activation, eps)
    if latex is not None:
        latex_of(found, latex)
    print_derivation(found, latex)
