"""The options that describe a network, and their translation into one."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

import typer

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.reporting.describe import describe
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation

T = TypeVar("T")
SIGMA_W, SIGMA_B, WIDTH, DEPTH, SAMPLES = 1.5, 0.05, 512, 1000, 64
MAX_SAMPLES = 10**6


class Family(StrEnum):
    """Weight laws by name."""

    gaussian = "gaussian"
    orthogonal = "orthogonal"
    uniform = "uniform"


class Initialiser(StrEnum):
    """Initialisers by the name that frameworks give them."""

    he = "he"
    xavier = "xavier"
    lecun = "lecun"
    pytorch_default = "pytorch-default"


def _parser(kind: Callable[[str], T], accepted: str) -> Callable[[str], T]:
    """Return a parser whose refusal names the value, which typer's own does not."""

    def parse(text: str) -> T:
        try:
            return kind(str(text))
        except ValueError:
            raise typer.BadParameter(f"{str(text)[:40]!r}; accepted is {accepted}") from None

    return parse


_WHOLE: dict[str, Any] = {"parser": _parser(int, "a whole number"), "metavar": "INTEGER"}
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
WeightLaw = Annotated[Family | None, typer.Option(help="Law of the weights.  [default: gaussian]", show_default=False)]
Init = Annotated[Initialiser | None, typer.Option(help="Named initialiser, instead of --sigma-w and --weights.")]
Width = Annotated[int, typer.Option(help="N, neurons per layer.", **_WHOLE)]
Depth = Annotated[int, typer.Option(help="L, layers.", **_WHOLE)]
Samples = Annotated[int, typer.Option(help="Random networks to simulate.", **_WHOLE)]
Seed = Annotated[int, typer.Option(help="Seed of the random networks.", **_WHOLE)]


def activation(source: str, param: list[str] | None) -> Activation:
    """Return the activation of a name or formula with its --param values."""
    values = {}
    for item in param or []:
        name, equals, text = item.partition("=")
        try:
            number = float(text) if equals and name.strip() else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"--param {item[:40]}", "NAME=NUMBER", "e.g. --param alpha=0.2")
        values[name.strip()] = number
    if not source.strip():
        raise InputError("an empty activation", "a name or a formula", "e.g. tanh or 'x/(1+exp(-x))'")
    return to_activation(source, **values)


def weights(sigma_w: float | None, sigma_b: float | None, family: Family | None, init: Initialiser | None) -> Weights:
    """Return the weight law of --sigma-w, --sigma-b, --weights or of --init."""
    if init is None:
        law = getattr(Weights, (family or Family.gaussian).value)
        return law(SIGMA_W if sigma_w is None else sigma_w, SIGMA_B if sigma_b is None else sigma_b)
    if sigma_w is not None or family is not None:
        given = "--sigma-w" if sigma_w is not None else "--weights"
        raise InputError(f"--init {init.value} together with {given}", "one of them", f"drop {given} or --init")
    if init is Initialiser.pytorch_default:
        if sigma_b is not None:
            raise InputError(
                "--init pytorch-default together with --sigma-b",
                "one of them",
                "it brings its own biases: drop --sigma-b",
            )
        return Weights.pytorch_default()
    return getattr(Weights, init.value)(sigma_b or 0)


def network(
    source: str,
    param: list[str] | None,
    sigma_w: float | None,
    sigma_b: float | None,
    family: Family | None,
    init: Initialiser | None,
    width: int,
    depth: int,
) -> Network:
    """Return the network that the options describe."""
    return Network(activation(source, param), weights(sigma_w, sigma_b, family, init), width=width, depth=depth)


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
        raise InputError(f"--q {text[:40]}", "profile, stationary or a positive number", "e.g. --q stationary")
    return number


def check_run(samples: int, seed: int) -> None:
    """Raise InputError unless samples and seed can be used; before anything heavy is loaded or written."""
    if not 1 <= samples <= MAX_SAMPLES:
        raise InputError(f"samples = {samples}", f"a whole number from 1 to {MAX_SAMPLES:,}", "e.g. --samples 64")
    if not 0 <= seed < 2**63:
        raise InputError(f"seed = {seed}", "a whole number from 0 to 2^63 - 1", "e.g. --seed 0")


def announce(net: Network, samples: int | None = None, seed: int | None = None) -> None:
    """Print what is about to be computed, defaults included, to stderr."""
    run = "" if samples is None else f", {samples} samples, seed {seed}"
    print(describe(net) + run, file=sys.stderr)
