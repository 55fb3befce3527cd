"""`vgtheory capabilities`: which verb works for which network, and why not."""

from __future__ import annotations

from typing import Annotated

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.model.network import Network

MaybeActivation = Annotated[
    str | None, typer.Argument(metavar="[ACT]", help="Name or formula.  [default: all kinds of networks]")
]


@opt.network_options(act=(MaybeActivation, None))
def capabilities(
    network: Network | None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the documentation's table, as Markdown.")] = False,
) -> None:
    """Say which verb works for a network, and why not; without ACT, for all kinds of networks."""
    if markdown and network is not None:
        raise InputError("--markdown together with an activation", "one of them", "drop one")
    from vgtheory.cli.screen import print_capabilities, print_kinds
    from vgtheory.reporting.capability_table import markdown as page

    if markdown:
        print(page(), end="")
    elif network is None:
        print_kinds()
    else:
        opt.announce(network)
        print_capabilities(network)
