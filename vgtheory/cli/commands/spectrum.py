"""`vgtheory spectrum`: the singular values of the Jacobian."""

from __future__ import annotations

from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.model.network import Network


@opt.network_options
def spectrum(
    network: Network,
    q: Annotated[str, typer.Option(help="profile (q_l from ‖x_0‖² = N_0), stationary, or a number.")] = "profile",
    out: opt.Figure = None,
) -> None:
    """Compute the law of ln s for the singular values s of the Jacobian J at this depth (width → ∞)."""
    at = opt.variance(q)
    opt.check_figure(out)
    opt.announce(network)
    from vgtheory.cli.screen import print_spectrum
    from vgtheory.reporting import plot
    from vgtheory.reporting.files import write_figure
    from vgtheory.spectra.jacobian import spectrum as law_of

    law = law_of(network, q=at)
    if out is not None:
        write_figure(plot.figure_of(plot.spectrum(law)), out)
    print_spectrum(law, out)
