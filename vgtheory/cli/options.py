"""The options that describe an activation, a network and a run, and their translation into those.

A command asks for what it needs by its parameters: under :func:`network_options` it receives `network`, under
:func:`activation_options` `activation`; the decorator gives it the options on the command line.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import typer

from vgtheory._errors import InputError, StudyInterrupted, UnknownNameError
from vgtheory.cli.exit_codes import Interruption
from vgtheory.cli.named_values import given_twice, read_number
from vgtheory.cli.variants import of_network
from vgtheory.cli.weight_law import FAMILIES, SIGMA_B, SIGMA_W, Initialiser, weight_law, written
from vgtheory.model.architecture import NORMS, to_dropout, to_norm, to_skip
from vgtheory.model.blocks.named import names as block_names
from vgtheory.model.capabilities import require, works
from vgtheory.model.network import Network
from vgtheory.model.sizes import MAX_SAMPLES, MAX_SEED, whole_number
from vgtheory.model.weights import Weights
from vgtheory.reporting.wording import describe
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.catalogue import catalogue

T = TypeVar("T")


WIDTH, DEPTH, SAMPLES = 512, 1000, 64


def _parser(kind: Callable[[str], T], accepted: str) -> Callable[[str], T]:
    """Return a parser whose refusal names the value, which typer's own does not."""

    def parse(text: str) -> T:
        try:
            return read_number(str(text), kind)
        except ValueError:
            raise typer.BadParameter(f"{str(text)[:40]!r}; accepted is {accepted}") from None

    return parse


WHOLE: dict[str, Any] = {"parser": _parser(int, "a whole number"), "metavar": "INTEGER"}
REAL: dict[str, Any] = {"parser": _parser(float, "a number"), "metavar": "NUMBER"}

ActivationName = Annotated[
    str, typer.Argument(metavar="ACT", help="Name (see `vgtheory list`) or formula, e.g. 'x/(1+exp(-x))'.")
]
NetworkName = Annotated[
    str,
    typer.Argument(
        metavar="ACT",
        help="Name or formula of an activation, name of a block (see `vgtheory list`), or a .json file with the spec "
        "of a network.  A block has options of its own: `vgtheory COMMAND BLOCK --help`.",
    ),
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
        metavar="NAME",
        show_default=False,
        autocompletion=lambda: list(FAMILIES),
    ),
]
Tied = Annotated[bool, typer.Option("--tied", help="Tie the weights: one W and one b, drawn once, in all layers.")]
Init = Annotated[Initialiser | None, typer.Option(help="Named initialiser, instead of --sigma-w and --weights.")]
Width = Annotated[int, typer.Option(help="N, neurons per layer.", **WHOLE)]
Depth = Annotated[int, typer.Option(help="L, the number of layers.", **WHOLE)]
SkipScale = Annotated[
    str | None,
    typer.Option("--skip", metavar="A", help="Skip connections x + A φ(h): a number, or e.g. '1/sqrt(depth)'."),
]
NormName = Annotated[
    str | None,
    typer.Option("--norm", metavar="NORM"),
]
Dropout = Annotated[float | None, typer.Option(help="Rate of dropout, 0 <= p < 1.", show_default=False, **REAL)]
Samples = Annotated[int, typer.Option(help="Random networks to simulate.", **WHOLE)]
Figure = Annotated[Path | None, typer.Option(help="Figure to write, .svg or .pdf.")]
Seed = Annotated[int, typer.Option(help="Seed of the random networks.", **WHOLE)]


Decorator = Callable[[Callable[..., None]], Callable[..., None]]
REQUIRED = inspect.Parameter.empty
# What describes an activation, and a network: option → annotation and default, in the order of --help.
OF_ACTIVATION = {"act": (ActivationName, REQUIRED), "param": (Params, None)}
OF_NETWORK = {"act": (NetworkName, REQUIRED), "param": (Params, None)}
OF_WEIGHTS = {
    "sigma_w": (SigmaW, None),
    "sigma_b": (SigmaB, None),
    "weights": (WeightLaw, None),
    "init": (Init, None),
    "tied": (Tied, False),
}
OF_SHAPE = {
    "width": (Width, WIDTH),
    "depth": (Depth, DEPTH),
    "skip": (SkipScale, None),
    "norm": (NormName, None),
    "dropout": (Dropout, None),
}


def activation(act: str, param: list[str] | None = None) -> Activation:
    """Return the activation of a name or formula with its --param values."""
    values = {}
    for item in param or []:
        name, equals, text = item.partition("=")
        try:
            number = read_number(text, float) if equals and name.strip() else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError("--param", "NAME=NUMBER", "e.g. --param alpha=0.2", got=f"{item[:40]}")
        if name.strip() in values:
            raise given_twice(name.strip())
        values[name.strip()] = number
    if not act.strip():
        raise InputError("an empty activation", "a name or a formula", "e.g. tanh or 'x/(1+exp(-x))'")
    return to_activation(act, **values)


def network(act: str, param: list[str] | None, given: Mapping[str, Any]) -> Network:
    """Return the network of an activation and the values of :data:`OF_WEIGHTS` and :data:`OF_SHAPE`."""
    law = weight_law(*(given[name] for name in ("sigma_w", "sigma_b", "weights", "init")))
    law = law.tie() if given["tied"] else law
    try:
        return Network(activation(act, param), law, **{name: given[name] for name in OF_SHAPE})
    except UnknownNameError:
        raise UnknownNameError.among("activation or block", act, (*catalogue, *block_names())) from None


def network_options(*verbs: str, act: Any = OF_NETWORK["act"]) -> Decorator:
    """Return a decorator: the command's parameter `network` becomes the options that describe one.

    What the table of capabilities refuses for every verb (none given: nothing) is not offered by --help; what it
    refuses for the only one is refused before the command begins.  `act` is the annotation and default of the
    activation; where none is typed there is no network.
    """

    def build(given: dict[str, Any]) -> Network | None:
        name, param = given.pop("act"), given.pop("param")
        if name is None:
            return None
        made = network(name, param, given)
        if len(verbs) == 1:
            require(made, verbs[0])
        return made

    options = {**OF_NETWORK, "act": act, **offered(*verbs)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        made = expanded(command, *of_network(command, options, build), inputs=1)
        made.verbs = verbs  # type: ignore[attr-defined]
        return made

    return decorate


def several_networks_options(verb: str, depth: int, make: Callable[..., Network]) -> Decorator:
    """Return a decorator: the command's parameter `networks` becomes names and the options that all share.

    `make` makes a network of a name and the values of the options.
    """
    help_text = "Names or formulas of activations, or names of blocks or .json files with networks, one or more."
    acts = Annotated[list[str], typer.Argument(metavar="ACT...", help=help_text)]

    def build(given: dict[str, Any]) -> list[Network]:
        made = [make(name, given) for name in dict.fromkeys(given.pop("act"))]
        for one in made:
            require(one, verb)
        return made

    return lambda command: expanded(
        command, "networks", {"act": (acts, REQUIRED), **offered(verb), "depth": (Depth, depth)}, build
    )


def activation_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its parameter `activation` replaced by the options of :func:`activation`."""
    return expanded(command, "activation", OF_ACTIVATION, lambda given: activation(**given))


def offered(*verbs: str) -> dict[str, tuple[Any, Any]]:
    """Return the options of weights and shape; --help hides those, and names no value, that all verbs refuse."""
    plain = Network("tanh", Weights.gaussian(1), 8, 3)

    def answers(**changes: Any) -> bool:
        return not verbs or any(works(replace(plain, **changes), verb) for verb in verbs)

    norms = [name for name in NORMS if answers(norm=to_norm(name))]
    families = [name for name in FAMILIES if answers(weights=getattr(Weights, name)(1))]
    shown = {
        "skip": answers(skip=to_skip(1)),
        "norm": bool(norms),
        "dropout": answers(dropout=to_dropout(0.5)),
        "tied": answers(weights=Weights.gaussian(1).tie()),
    }
    texts = {
        "norm": f"Normalisation: {', '.join(norms)}; before φ unless it says after.",
        "weights": f"Distribution of the weights: {written(families)}.  [default: gaussian]",
    }
    options = {**OF_WEIGHTS, **OF_SHAPE}
    return {
        name: (_described(annotation, texts.get(name), hidden=not shown.get(name, True)), default)
        for name, (annotation, default) in options.items()
    }


def _described(annotation: Any, text: str | None, hidden: bool) -> Any:
    kind, option = get_args(annotation)
    option = copy(option)
    option.hidden, option.help = hidden, text or option.help
    return Annotated[kind, option]


def expanded(
    command: Callable[..., None],
    name: str,
    options: Mapping[str, tuple[Any, Any]],
    build: Callable[..., Any],
    **fixed: Any,
) -> Callable[..., None]:
    """Return the command with one parameter replaced by options, which `build` makes its value of; typer reads them.

    `fixed` are values of parameters that no option has, for commands that take them.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters_of = inspect.signature(command).parameters
    others = [p for p in parameters_of.values() if p.name != name and p.name not in fixed]
    known = {key: value for key, value in fixed.items() if key in parameters_of}

    def run(**given: Any) -> None:
        built = build({key: given.pop(key) for key in options})
        try:
            command(**{name: built}, **known, **given)
        except StudyInterrupted as stop:  # the command line's library makes a bare exit code of a KeyboardInterrupt
            raise Interruption(str(stop)) from stop

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    parameters = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in options.items()
    ]
    parameters += [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in others]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.asked = command  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def check_figure(out: Path | None) -> None:
    """Raise InputError unless a figure can be written under this name."""
    if out is not None and out.suffix not in (".svg", ".pdf"):
        raise InputError("--out", "a name ending in .svg or .pdf", "e.g. --out figure.svg", got=f"{out}")
    if out is not None and not out.absolute().parent.is_dir():
        raise InputError("--out", "a name in a folder that exists", "create it or choose another", got=f"{out}")


def variance(text: str) -> Literal["profile", "stationary"] | float:
    """Return --q: "profile", "stationary" or a positive number."""
    if text == "profile":
        return "profile"
    if text == "stationary":
        return "stationary"
    try:
        number = read_number(text, float)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InputError("--q", "profile, stationary or a positive number", "e.g. --q stationary", got=f"{text[:40]}")
    return number


def matrix(path: Path, option: str = "--data", holds: str = "one row per input") -> Any:
    """Return the array of a .npy file; nothing in it is executed."""
    import numpy as np

    if not path.is_file():  # opening a pipe would wait for ever
        raise InputError(option, f"a .npy file of {holds}", "write it with np.save", got=f"{path}: no file")
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        said = str(problem).partition("\n")[0]
        raise InputError(f"{option} {path} ({said})", f"a .npy file of {holds}", "write it with np.save") from None


def check_run(samples: int, seed: int) -> None:
    """Raise InputError unless samples and seed can be used; before anything heavy is loaded or written."""
    whole_number("samples", samples, 1, MAX_SAMPLES, "64")
    whole_number("seed", seed, 0, MAX_SEED, "0")


def announce(net: Network, samples: int | None = None, seed: int | None = None) -> None:
    """Print what is about to be computed, defaults included, to stderr."""
    run = "" if samples is None else f", {samples} samples, seed {seed}"
    print(describe(net) + run, file=sys.stderr)
