"""`vgtheory phase`: where lengths, gradients and correlations go, over a grid of σ_w and σ_b."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.symbolic.activation import Activation

MOST_POINTS = 400


@opt.activation_options
def phase(
    activation: Activation,
    sigma_w: Annotated[str, typer.Option(metavar="LO:HI", help="Range of σ_w.")] = "0.5:3",
    sigma_b: Annotated[str, typer.Option(metavar="LO:HI", help="Range of σ_b.")] = "0:1",
    points: Annotated[int, typer.Option(help="Points on each axis.", **opt.WHOLE)] = 80,
    out: opt.Figure = None,
    data: Annotated[Path | None, typer.Option(help="Also write the data, .nc.")] = None,
) -> None:
    """Compute the phase diagram: q, χ, χ_q, c*, ξ_q, ξ_c and the phase for every pair of scales."""
    wide, high = _ends("--sigma-w", sigma_w), _ends("--sigma-b", sigma_b)
    if not 2 <= points <= MOST_POINTS:
        raise InputError("--points", f"a whole number from 2 to {MOST_POINTS}", "e.g. --points 80", got=f"{points}")
    opt.check_figure(out)
    import numpy as np

    from vgtheory.cli.screen import print_phase
    from vgtheory.reporting.result_files import write_dataset
    from vgtheory.study.phase import phase_diagram

    diagram = phase_diagram(activation, np.linspace(*wide, points), np.linspace(*high, points))

    def picture(plot: Any) -> Any:
        from vgtheory.reporting.plot.phase import line_of

        return plot.phase(diagram, line_of(activation))

    write_picture(out, picture)
    if data is not None:
        write_dataset(data, diagram)
    print_phase(diagram, [path for path in (out, data) if path is not None])


def _ends(option: str, text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and 0 <= low < high):
        raise InputError(f"{option} {text[:40]}", "LO:HI with 0 <= LO < HI", f"e.g. {option} 0.5:3")
    return low, high
