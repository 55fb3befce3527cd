"""`vgtheory spectrum`: the singular values, or the eigenvalues, of the Jacobian."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network


@opt.network_options("spectrum")
def spectrum(
    network: Network,
    q: Annotated[str, typer.Option(help="profile (q_l from ‖x_0‖² = N_0), stationary, or a number.")] = "profile",
    widths: Annotated[
        str | None, typer.Option(metavar="N0,N1,...", help="Widths of all layers, N_0 first; sets the depth.")
    ] = None,
    eigenvalues: Annotated[
        bool, typer.Option("--eigenvalues", help="Eigenvalues of J instead of its singular values.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Networks to sample beside the law.", **opt.WHOLE)] = 0,
    seed: opt.Seed = 0,
    out: opt.Figure = None,
) -> None:
    """Compute the law of ln s for the singular values s of the Jacobian J at this depth (width → ∞)."""
    at = opt.variance(q)
    if samples < 0:
        raise InputError("--samples", "a whole number of at least 0", "e.g. --samples 1", got=f"{samples}")
    opt.check_run(max(samples, 1), seed)
    opt.check_figure(out)
    if widths is not None:
        sizes = _widths(widths)
        network = replace(network, width=sizes, depth=len(sizes) - 1)
    if eigenvalues:
        require(network, "eigenvalues")
    opt.announce(network, samples or None, seed)
    from vgtheory.cli.screen import print_moduli, print_spectrum
    from vgtheory.spectra.eigenvalues import eigenvalues as law_of_eigenvalues
    from vgtheory.spectra.jacobian import spectrum as law_of
    from vgtheory.study.sample import sample as draw

    law: Any = law_of_eigenvalues(network, q=at) if eigenvalues else law_of(network, q=at)
    drawn = (
        draw(network, of="eigenvalues" if eigenvalues else "singular values", samples=samples, seed=seed)
        if samples
        else None
    )
    values = None if drawn is None else drawn.log_modulus.values if eigenvalues else _padded(drawn, network.widths[-1])
    if eigenvalues:
        write_picture(out, lambda plot: plot.jacobian_eigenvalues(law, drawn))
        print_moduli(law, out, values)
    else:
        write_picture(out, lambda plot: plot.spectrum(law, values))
        print_spectrum(law, out, values)


def _padded(drawn: Any, size: int) -> Any:
    """Return ln s of J Jᵀ of this size, what J of fewer inputs leaves at zero included, as the law counts them."""
    import numpy as np

    values = drawn.log_singular_value.values
    return np.pad(values, ((0, 0), (0, max(size - values.shape[1], 0))), constant_values=-np.inf)


def _widths(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) < 2 or min(sizes) < 1:
        raise InputError(
            "--widths", "two or more whole numbers, N_0 first", "e.g. --widths 900,600,700", got=f"{text[:40]}"
        )
    return sizes
