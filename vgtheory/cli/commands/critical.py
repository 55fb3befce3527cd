"""`vgtheory critical`: the scales at which the gradient of an activation neither vanishes nor explodes."""

from __future__ import annotations

from typing import Annotated

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.symbolic.activation import Activation


@opt.activation_options
def critical(
    activation: Activation,
    sigma_b: Annotated[
        list[float] | None, typer.Option(help="σ_b, repeatable; eight from 0 to 1 if not given.", **opt.REAL)
    ] = None,
    out: opt.Figure = None,
) -> None:
    """Compute the critical line χ = 1: σ_w, q, χ_q and stability, formulas where they exist, and the gains."""
    opt.check_figure(out)
    from vgtheory.cli.screen import print_critical
    from vgtheory.reporting.mean_field_rows import BIASES
    from vgtheory.theory.asymptotics.critical_line import critical_curve

    curve = critical_curve(activation)
    write_picture(out, lambda plot: plot.critical_line(curve))
    print_critical(activation, curve, BIASES if sigma_b is None else sigma_b, out)


@opt.network_options()
def critical_of_a_network(network: Network) -> None:
    """Compute the scale of the weights at which the gradient of a cell or a convolution keeps its length."""
    if not isinstance(network, BlockNetwork):
        raise InputError(
            "a file of a network of layers", "a file of a network of blocks", "give the activation instead"
        )
    from vgtheory.cli.screen import print_critical_scale
    from vgtheory.theory.asymptotics.blocks_or_activations import critical as scale_of

    print_critical_scale(scale_of(network))
