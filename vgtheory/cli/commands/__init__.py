"""The commands, one module each, in the order in which `vgtheory --help` lists them.

Only the module of the command that is typed is loaded.  A command checks its own options, announces what it is about to
compute, and only then imports the heavy half of the package, so that `--help` and refusals answer at once.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

# Command -> "module:function".
COMMANDS: dict[str, str] = {
    "report": "report:report",
    "derive": "derive:derive",
    "bounds": "bounds:bounds",
    "certify": "certify:certify",
    "predict": "predict:predict",
    "simulate": "simulate:simulate",
    "sweep": "sweep:sweep",
    "spectrum": "spectrum:spectrum",
    "lyapunov": "lyapunov:lyapunov",
    "law": "law:law",
    "sample": "sample:sample",
    "phase": "phase:phase",
    "critical": "critical:critical",
    "compare": "compare:compare",
    "advise": "advise:advise",
    "inspect": "inspect_weights:inspect",
    "capabilities": "capabilities:capabilities",
    "cookbook": "cookbook:cookbook",
    "catalogue": "derive_catalogue:catalogue",
    "list": "list_activations:list_activations",
    "doctor": "doctor:doctor",
    "warm": "warm:warm",
}
# What answers for a network where the command itself is about an activation.
OF_NETWORKS = {"critical": "critical:critical_of_a_network"}


def load(place: str) -> Callable[..., None]:
    """Return the function at "module:function"."""
    module, _, name = place.partition(":")
    command: Callable[..., None] = getattr(import_module(f"{__name__}.{module}"), name)
    return command


def text_of(place: str) -> str:
    """Return the docstring of the function at "module:function", read from the source: nothing is loaded."""
    module, _, name = place.partition(":")
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text("utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return ast.get_docstring(found) or ""
