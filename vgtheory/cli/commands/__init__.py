"""The commands, one module each, in the order in which `vgtheory --help` lists them.

A command checks its own options, announces what it is about to compute, and only then imports the heavy half of the
package, so that `--help` and refusals answer at once.
"""

from collections.abc import Callable
from inspect import signature

from vgtheory.cli.commands.advise import advise
from vgtheory.cli.commands.bounds import bounds
from vgtheory.cli.commands.capabilities import capabilities
from vgtheory.cli.commands.certify import certify
from vgtheory.cli.commands.compare import compare
from vgtheory.cli.commands.cookbook import cookbook
from vgtheory.cli.commands.critical import critical, critical_of_a_network
from vgtheory.cli.commands.derive import derive
from vgtheory.cli.commands.derive_catalogue import catalogue
from vgtheory.cli.commands.doctor import doctor
from vgtheory.cli.commands.inspect_weights import inspect
from vgtheory.cli.commands.law import law
from vgtheory.cli.commands.list_activations import list_activations
from vgtheory.cli.commands.lyapunov import lyapunov
from vgtheory.cli.commands.phase import phase
from vgtheory.cli.commands.predict import predict
from vgtheory.cli.commands.report import report
from vgtheory.cli.commands.sample import sample
from vgtheory.cli.commands.simulate import simulate
from vgtheory.cli.commands.spectrum import spectrum
from vgtheory.cli.commands.sweep import sweep
from vgtheory.cli.commands.warm import warm

COMMANDS: dict[str, Callable[..., None]] = {
    "report": report,
    "derive": derive,
    "bounds": bounds,
    "certify": certify,
    "predict": predict,
    "simulate": simulate,
    "sweep": sweep,
    "spectrum": spectrum,
    "lyapunov": lyapunov,
    "law": law,
    "sample": sample,
    "phase": phase,
    "critical": critical,
    "compare": compare,
    "advise": advise,
    "inspect": inspect,
    "capabilities": capabilities,
    "cookbook": cookbook,
    "catalogue": catalogue,
    "list": list_activations,
    "doctor": doctor,
    "warm": warm,
}

# Those that take networks, and so blocks, as they are called of these.
OF_NETWORKS = {
    name: command
    for name, command in {**COMMANDS, "critical": critical_of_a_network}.items()
    if not {"network", "variants"}.isdisjoint(signature(getattr(command, "asked", command)).parameters)
}

__all__ = ["COMMANDS", "OF_NETWORKS"]
