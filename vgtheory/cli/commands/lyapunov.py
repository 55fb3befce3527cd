"""`vgtheory lyapunov`: exponents of growth per layer as the depth grows."""

from __future__ import annotations

from typing import Annotated

import typer

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.model.network import Network


@opt.network_options("lyapunov")
def lyapunov(
    network: Network,
    q: Annotated[str, typer.Option(help="stationary (what q_l tends to), or a number.")] = "stationary",
    samples: Annotated[
        int, typer.Option(help="Networks to sample at this width and depth; 0 for the law alone.", **opt.WHOLE)
    ] = 0,
    seed: opt.Seed = 0,
    out: opt.Figure = None,
) -> None:
    """Compute the Lyapunov exponents lim ln s/L of J: their limit law, those at finite width, and sampled ones."""
    at = opt.variance(q)
    if samples < 0:
        raise InputError("--samples", "a whole number of at least 0", "e.g. --samples 4", got=f"{samples}")
    opt.check_run(max(samples, 1), seed)
    opt.check_figure(out)
    opt.announce(network, samples or None, seed)
    from vgtheory.cli.screen import print_exponents
    from vgtheory.spectra.lyapunov import lyapunov as law_of
    from vgtheory.study.sample import sample as draw

    law = law_of(network, at)
    try:
        finite = law.at_width(network.widths[0])
    except (InputError, UnsupportedError):  # no closed form: the table has a column less
        finite = None
    drawn = draw(network, of="exponents", samples=samples, seed=seed) if samples else None
    write_picture(out, lambda plot: plot.exponents(law, drawn, finite=finite))
    print_exponents(law, network.widths[0], finite, drawn, out)
