"""`vgtheory certify`: is vanishing or explosion proved, whatever the depth?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.model.network import Network


@opt.network_options("certificate")
def certify(
    network: Network,
    latex: Annotated[Path | None, typer.Option(help="Also write the proof as a LaTeX document.")] = None,
) -> None:
    """Prove that the mean squared gradient vanishes or explodes at every depth, or say that no certificate is known."""
    opt.announce(network)
    from vgtheory.cli.screen import print_certificate
    from vgtheory.theory.proofs import certificate

    found = certificate(network)
    written = None
    if latex is not None and found is not None:
        from vgtheory._atomic import write_text
        from vgtheory.reporting.certificate_proof import proof_document

        write_text(latex, proof_document(network, found))
        written = latex
    print_certificate(found, written)
