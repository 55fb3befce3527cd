"""The options that describe an activation, a network and a run, and their translation into those.

A command asks for what it needs by its parameters: under :func:`network_options` it receives `network`, under
:func:`activation_options` `activation`; the decorator gives it the options on the command line.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import typer

from vgtheory._errors import InputError, StudyInterrupted
from vgtheory.cli.weight_law import FAMILIES, SHOWN, SIGMA_B, SIGMA_W, Initialiser, weight_law
from vgtheory.model.network import Network
from vgtheory.reporting.describe import describe
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation

T = TypeVar("T")


class Interruption(Exception):
    """Ctrl-C, with what is kept in words."""


WIDTH, DEPTH, SAMPLES = 512, 1000, 64
MAX_SAMPLES = 10**6


def _parser(kind: Callable[[str], T], accepted: str) -> Callable[[str], T]:
    """Return a parser whose refusal names the value, which typer's own does not."""

    def parse(text: str) -> T:
        try:
            return kind(str(text))
        except ValueError:
            raise typer.BadParameter(f"{str(text)[:40]!r}; accepted is {accepted}") from None

    return parse


WHOLE: dict[str, Any] = {"parser": _parser(int, "a whole number"), "metavar": "INTEGER"}
REAL: dict[str, Any] = {"parser": _parser(float, "a number"), "metavar": "NUMBER"}

ActivationName = Annotated[
    str, typer.Argument(metavar="ACT", help="Name (see `vgtheory list`) or formula, e.g. 'x/(1+exp(-x))'.")
]
Params = Annotated[
    list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Parameter of ACT; repeatable.")
]
SigmaW = Annotated[
    float | None,
    typer.Option(help=f"σ_w: a weight has variance σ_w²/fan_in.  [default: {SIGMA_W}]", show_default=False, **REAL),
]
SigmaB = Annotated[
    float | None,
    typer.Option(
        help=f"σ_b: standard deviation of a bias.  [default: {SIGMA_B}; 0 with --init]", show_default=False, **REAL
    ),
]
WeightLaw = Annotated[
    str | None,
    typer.Option(
        metavar="LAW",
        help=f"Law of the weights: {SHOWN}.  [default: gaussian]",
        show_default=False,
        autocompletion=lambda: list(FAMILIES),
    ),
]
Recurrent = Annotated[bool, typer.Option("--recurrent", help="One W and one b, drawn once, for all layers.")]
Init = Annotated[Initialiser | None, typer.Option(help="Named initialiser, instead of --sigma-w and --weights.")]
Width = Annotated[int, typer.Option(help="N, neurons per layer.", **WHOLE)]
Depth = Annotated[int, typer.Option(help="L, layers.", **WHOLE)]
SkipScale = Annotated[
    str | None,
    typer.Option("--skip", metavar="A", help="Skip connections x + A φ(h): a number, or e.g. '1/sqrt(depth)'."),
]
NormName = Annotated[
    str | None,
    typer.Option("--norm", metavar="NORM", help="layer, rms or batch (before φ), layer-after or rms-after."),
]
Dropout = Annotated[float | None, typer.Option(help="Rate of dropout, 0 <= p < 1.", show_default=False, **REAL)]
Samples = Annotated[int, typer.Option(help="Random networks to simulate.", **WHOLE)]
Figure = Annotated[Path | None, typer.Option(help="Figure to write, .svg or .pdf.")]
Seed = Annotated[int, typer.Option(help="Seed of the random networks.", **WHOLE)]


def activation(act: ActivationName, param: Params = None) -> Activation:
    """Return the activation of a name or formula with its --param values."""
    values = {}
    for item in param or []:
        name, equals, text = item.partition("=")
        try:
            number = float(text) if equals and name.strip() else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError("--param", "NAME=NUMBER", "e.g. --param alpha=0.2", got=f"{item[:40]}")
        values[name.strip()] = number
    if not act.strip():
        raise InputError("an empty activation", "a name or a formula", "e.g. tanh or 'x/(1+exp(-x))'")
    return to_activation(act, **values)


def network(
    act: ActivationName,
    param: Params = None,
    sigma_w: SigmaW = None,
    sigma_b: SigmaB = None,
    weights: WeightLaw = None,
    init: Init = None,
    recurrent: Recurrent = False,
    width: Width = WIDTH,
    depth: Depth = DEPTH,
    skip: SkipScale = None,
    norm: NormName = None,
    dropout: Dropout = None,
) -> Network:
    """Return the network that the options describe."""
    law = weight_law(sigma_w, sigma_b, weights, init)
    return Network(activation(act, param), law.recurrent() if recurrent else law, width, depth, skip, norm, dropout)


def network_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its parameter `network` replaced by the options of :func:`network`."""
    return _expanded(command, "network", network)


def activation_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its parameter `activation` replaced by the options of :func:`activation`."""
    return _expanded(command, "activation", activation)


def _expanded(command: Callable[..., None], name: str, build: Callable[..., Any]) -> Callable[..., None]:
    """Return the command with one parameter replaced by those of the function that builds it; typer reads them."""
    hints = {**get_type_hints(build, include_extras=True), **get_type_hints(command, include_extras=True)}
    options = inspect.signature(build).parameters
    others = [p for p in inspect.signature(command).parameters.values() if p.name != name]

    def run(**given: Any) -> None:
        built = build(**{key: given.pop(key) for key in options})
        try:
            command(**{name: built}, **given)
        except StudyInterrupted as stop:  # the command line's library makes a bare exit code of a KeyboardInterrupt
            raise Interruption(str(stop)) from stop

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    parameters = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in (*options.values(), *others)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def check_figure(out: Path | None) -> None:
    """Raise InputError unless a figure can be written under this name."""
    if out is not None and out.suffix not in (".svg", ".pdf"):
        raise InputError("--out", "a name ending in .svg or .pdf", "e.g. --out figure.svg", got=f"{out}")


def variance(text: str) -> Literal["profile", "stationary"] | float:
    """Return --q: "profile", "stationary" or a positive number."""
    if text == "profile":
        return "profile"
    if text == "stationary":
        return "stationary"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InputError("--q", "profile, stationary or a positive number", "e.g. --q stationary", got=f"{text[:40]}")
    return number


def matrix(path: Path) -> Any:
    """Return the array of a .npy file; nothing in it is executed."""
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        said = str(problem).partition("\n")[0]
        raise InputError(
            f"--data {path} ({said})", "a .npy file of one row per input", "write it with np.save"
        ) from None


def check_run(samples: int, seed: int) -> None:
    """Raise InputError unless samples and seed can be used; before anything heavy is loaded or written."""
    if not 1 <= samples <= MAX_SAMPLES:
        raise InputError("samples", f"a whole number from 1 to {MAX_SAMPLES:,}", "e.g. --samples 64", got=f"{samples}")
    if not 0 <= seed < 2**63:
        raise InputError("seed", "a whole number from 0 to 2^63 - 1", "e.g. --seed 0", got=f"{seed}")


def announce(net: Network, samples: int | None = None, seed: int | None = None) -> None:
    """Print what is about to be computed, defaults included, to stderr."""
    run = "" if samples is None else f", {samples} samples, seed {seed}"
    print(describe(net) + run, file=sys.stderr)
