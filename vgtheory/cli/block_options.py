"""Commands for networks of blocks: a block's name, or a file with a network, where an activation may stand.

A command that takes a network has for every block the options that the block's own function asks for; nothing here
knows a block.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from vgtheory._errors import InputError
from vgtheory.cli import options as opt
from vgtheory.cli.named_values import read_number
from vgtheory.cli.variants import of_network
from vgtheory.cli.weight_law import FAMILIES, weight_law, written
from vgtheory.model.blocks.named import REQUIRED, Argument, Named, is_name, named
from vgtheory.model.blocks.stacks import to_weights
from vgtheory.model.capabilities import require, works
from vgtheory.model.inputs import Drive, Inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.weights import Weights

DEPTH, SIGMA_W, SIGMA_B = 100, 1.0, 0.0
NETWORK_FILE = ".json"
Options = dict[str, tuple[Any, Any]]
Command = Callable[..., None]


def _fitting() -> list[str]:
    """Return the distributions that blocks can have."""
    found = []
    for name in FAMILIES:
        with suppress(InputError):
            to_weights(getattr(Weights, name)(1))
            found.append(name)
    return found


_LAYERS = typer.Option("--depth", help="L, the number of layers.", **opt.WHOLE)
_STEPS = typer.Option("--steps", "--depth", help="L, steps in time.", **opt.WHOLE)
OF_SIZES: Options = {
    "width": (Annotated[int, typer.Option(help="N, components of a stream.", **opt.WHOLE)], opt.WIDTH),
    "depth": (Annotated[int, _LAYERS], DEPTH),
    "tokens": (
        Annotated[int | None, typer.Option(help="Columns side by side.", show_default=False, **opt.WHOLE)],
        None,
    ),
    "shape": (
        Annotated[str | None, typer.Option(metavar="HxW", help="Positions of a map instead, e.g. 28x28.")],
        None,
    ),
}
OF_WEIGHTS: Options = {
    "sigma_w": (
        Annotated[float, typer.Option(help="σ_w: a weight has variance σ_w²/fan_in.", **opt.REAL)],
        SIGMA_W,
    ),
    "sigma_b": (Annotated[float, typer.Option(help="σ_b: standard deviation of a bias.", **opt.REAL)], SIGMA_B),
    "weights": (
        Annotated[str, typer.Option(metavar="NAME", help=f"Distribution of all weights: {written(_fitting())}.")],
        "gaussian",
    ),
}
_KINDS = tuple(kind for kind in get_args(Drive) if kind != "given")
OF_INPUTS: Options = {
    "inputs": (
        Annotated[
            str,
            typer.Option(
                metavar="|".join((*_KINDS, "FILE.npy")),
                help="What cells are given: new numbers at every step, the same, none, or the columns of an array.",
            ),
        ],
        "fresh",
    ),
    "input_variance": (
        Annotated[float, typer.Option(help="Variance that the inputs add to every pre-activation.", **opt.REAL)],
        1.0,
    ),
    "start": (
        Annotated[float, typer.Option(help="Mean square of the state at the start.", **opt.REAL)],
        0.0,
    ),
}


def place_of(words: list[str]) -> int | None:
    """Return where a block or a network's file is named: the first such word that is no option's value.

    >>> place_of(["simulate", "--samples", "8", "lstm"]), place_of(["simulate", "--out", "net.json", "tanh"])
    (3, None)
    """
    for at, word in enumerate(words):
        of_option = at > 0 and words[at - 1].startswith("--") and "=" not in words[at - 1]
        if not word.startswith("-") and not of_option and (word.endswith(NETWORK_FILE) or is_name(word)):
            return at
    return None


def for_network(verb: str, command: Command, word: str) -> Command:
    """Return a command, made by ``options.network_options``, for the block or the file that is named.

    Raises InputError for a name of no block, and a file that describes no network.
    """
    if word.endswith(NETWORK_FILE):
        network = _read(Path(word).expanduser())
        driven = isinstance(network, BlockNetwork) and network.block.recurrent
        batched = works(network, "simulate (batch)")
        return _command(command, {}, lambda _: network, f"The network of {word}.", driven, batched)
    block = named(word)
    text = f"{block.name}: {block.text}.{_example(verb, command, block)}"
    takes_weights = any(argument.kind is Weights for argument in block.arguments)
    options = {**_of_block(block), **(OF_WEIGHTS if takes_weights else {}), **OF_SIZES}
    if block.recurrent:
        options["depth"] = Annotated[int, _STEPS], DEPTH
    batched = any("batch" in _choices(argument) for argument in block.arguments)
    return _command(command, options, lambda given: _built(block, given), text, block.recurrent, batched)


def any_network(name: str, given: Mapping[str, Any]) -> Network:
    """Return the network of a name, or of a file, with the options that several networks share.

    Raises InputError for a block that needs more than they say, and for options of layers beside a block.
    """
    if name.endswith(NETWORK_FILE):
        return _read(Path(name).expanduser())
    if not is_name(name):
        return opt.network(name, None, given)
    block = named(name)
    for option in ("init", "tied", "skip", "norm", "dropout"):
        if given[option]:
            raise InputError(f"{_flag(option)} beside {name}", "options of every block", "describe it in a .json file")
    if lacking := [_flag(a.name) for a in block.arguments if _is_typed(a) and a.default is REQUIRED]:
        problem, hint = f"{name} without {' and '.join(lacking)}", "write it with Path.write_text(network.spec_json)"
        raise InputError(problem, "a .json file with the spec of such a network", hint)
    values = {a.name: a.default for a in block.arguments if _is_typed(a)}
    scales = (SIGMA_W if given["sigma_w"] is None else given["sigma_w"], given["sigma_b"] or SIGMA_B)
    law = weight_law(*scales, given["weights"] or "gaussian", None)
    return BlockNetwork(block.built(values, law), given["width"], given["depth"])


def _command(
    command: Command, options: Options, build: Callable[..., Network], text: str, driven: bool, batched: bool
) -> Command:
    """Return the command under these options, those of inputs where cells are driven by some, and of batches."""
    asked: Command = command.asked  # type: ignore[attr-defined]
    verbs: tuple[str, ...] = command.verbs  # type: ignore[attr-defined]

    def checked(given: Mapping[str, Any]) -> Network:
        network = build(given)
        if len(verbs) == 1:
            require(network, verbs[0])
        return network

    fixed: dict[str, Any] = {} if batched else {"batch": None}
    made = opt.expanded(asked, *of_network(asked, options, checked), **fixed)
    if "inputs" in inspect.signature(asked).parameters:
        made = opt.expanded(made, "inputs", OF_INPUTS if driven else {}, _inputs)
    made.__doc__ = f"{text}\n\n{asked.__doc__}"
    return made


def _is_typed(argument: Argument) -> bool:
    return argument.kind is not Weights


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _sample(argument: Argument) -> Any:
    return {"h": "tanh(a)"} if get_origin(argument.kind) is Mapping else 4


def _example(verb: str, command: Command, block: Named) -> str:
    """Return a line to type that is answered; nothing where the verb is not for such a block."""
    needed = {a.name: _sample(a) for a in block.arguments if _is_typed(a) and a.default is REQUIRED}
    made = block.built({a.name: a.default for a in block.arguments} | needed, Weights.gaussian(SIGMA_W))
    columns: dict[str, Any] = {"shape": (32, 32)} if made.mixes("window") else {}
    if made.mixes("attention"):
        columns = {"tokens": 16}
    if made.mixes("batch") and "batch" in inspect.signature(command.asked).parameters:  # type: ignore[attr-defined]
        needed |= {"batch": 32}
    verbs: tuple[str, ...] = command.verbs  # type: ignore[attr-defined]
    if len(verbs) == 1 and not works(BlockNetwork(made, width=256, depth=4, **columns), verbs[0]):
        return ""
    typed = "".join(f" {_flag(name)} {_typed(value)}" for name, value in (needed | columns).items())
    return f"\n\nExample: vgtheory {verb} {block.name}{typed} --width 256 --depth {4 if columns else 50}"


def _typed(value: Any) -> str:
    """Return a value as it is typed in a shell."""
    if isinstance(value, dict):
        return " ".join(f"{name}='{text}'" for name, text in value.items())
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _of_block(block: Named) -> Options:
    """Return an option for everything that a block takes besides weights."""
    return {argument.name: _option(argument) for argument in block.arguments if _is_typed(argument)}


def _option(argument: Argument) -> tuple[Any, Any]:
    """Return annotation and default of the option of an argument."""
    help_text = argument.text.replace("``", "")
    choices = _choices(argument)
    default = argument.default
    if argument.kind is bool:
        return Annotated[bool, typer.Option(help=help_text)], default
    if argument.kind is int:
        return Annotated[int, typer.Option(help=help_text, **opt.WHOLE)], default
    if get_origin(argument.kind) is Mapping:
        text = typer.Option(metavar="NAME=FORMULA", help=f"{help_text}  Repeatable, in order.")
        return Annotated[list[str], text], default
    shown = typer.Option(
        metavar="|".join(choices) or argument.name.upper(), help=help_text, parser=_choice(choices) if choices else str
    )
    kind = str | None if default is None else str
    return Annotated[kind, shown], default if default in (None, REQUIRED) else str(default)


def _choices(argument: Argument) -> list[str]:
    """Return the names of which an argument is one; none where it may be something else."""
    kinds = (argument.kind, *get_args(argument.kind))
    return [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]


def _choice(choices: list[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{str(text)[:40]!r}; accepted is {', '.join(choices)}")
        return text

    return parse


def _built(block: Named, given: Mapping[str, Any]) -> Network:
    values = {
        a.name: _formulas(given[a.name], _flag(a.name)) if get_origin(a.kind) is Mapping else given[a.name]
        for a in block.arguments
        if _is_typed(a)
    }
    law = weight_law(given["sigma_w"], given["sigma_b"], given["weights"], None) if "sigma_w" in given else None
    sizes = {name: given[name] for name in ("width", "depth", "tokens")}
    return BlockNetwork(block.built(values, law), **sizes, shape=_shape(given["shape"]))


def _formulas(items: list[str], option: str) -> dict[str, str]:
    found = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            raise InputError(option, "NAME=FORMULA", f"e.g. {option} h='tanh(a)'", got=item[:40])
        found[name.strip()] = text
    return found


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(read_number(part, int) for part in text.split("x"))
    except ValueError:
        raise InputError("--shape", "one or two whole numbers", "e.g. --shape 28x28", got=text[:40]) from None


def _inputs(given: Mapping[str, Any]) -> Inputs | int:
    if not given:
        return 1
    kind, more = given["inputs"], {"variance": given["input_variance"], "start": given["start"]}
    if kind.endswith(".npy"):
        array = opt.matrix(Path(kind).expanduser(), "--inputs", "a column per step")
        return Inputs(sequence=array, **more)
    if kind not in _KINDS:
        raise InputError("--inputs", f"{', '.join(_KINDS)} or a .npy file", "e.g. --inputs fresh", got=kind[:40])
    return Inputs(kind=kind, **more)


def _read(path: Path) -> Network:
    """Return the network that a file describes."""
    accepted, hint = "a .json file with the spec of a network", "write it with Path.write_text(network.spec_json)"
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"{path}", accepted, hint, got=problem.strerror or "no file") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}", accepted, hint, got="no JSON") from None
    return Network.from_spec(spec, path.parent)
