"""`vgtheory advise`: what goes wrong, and what to change."""

from __future__ import annotations

from vgtheory.cli import options as opt
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import Network


@opt.network_options("advise")
def advise(network: Network, inputs: Inputs | int, samples: opt.Samples = opt.SAMPLES, seed: opt.Seed = 0) -> None:
    """Diagnose the gradient and rank remedies, each of them simulated, with code to copy."""
    opt.check_run(samples, seed)
    opt.announce(network, samples, seed)
    from vgtheory.cli.console import progress_bar
    from vgtheory.cli.screen import print_advice
    from vgtheory.study.advice.advise import advise as advice_for

    with progress_bar("advise") as progress:
        advice = advice_for(network, samples=samples, seed=seed, inputs=inputs, progress=progress)
    print_advice(advice)
