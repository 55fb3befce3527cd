"""The distribution of the weights from what was typed: a family with its options, or a named initialiser."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from enum import StrEnum

from vgtheory._errors import InputError
from vgtheory.model.weights import Weights

SIGMA_W, SIGMA_B = 1.5, 0.05
# Each with the options that its constructor takes besides the scales.
FAMILIES = {
    name: {key: p.default for key, p in inspect.signature(getattr(Weights, name)).parameters.items()
           if key not in ("sigma_w", "sigma_b")}
    for name in ("gaussian", "orthogonal", "uniform", "truncated_normal", "rademacher", "sparse", "low_rank")
}  # fmt: skip


def written(names: Iterable[str]) -> str:
    """Return distributions as they are typed, options with their defaults.

    >>> written(["gaussian", "low_rank"])
    'gaussian, low_rank:rank=1,noise=0'
    """
    options = {name: ",".join(f"{key}={value}" for key, value in FAMILIES[name].items()) for name in names}
    return ", ".join(f"{name}:{text}" if text else name for name, text in options.items())


class Initialiser(StrEnum):
    """Initialisers by the name that frameworks give them."""

    he = "he"
    xavier = "xavier"
    lecun = "lecun"
    pytorch_default = "pytorch-default"


def weight_law(sigma_w: float | None, sigma_b: float | None, family: str | None, init: Initialiser | None) -> Weights:
    """Return the distribution of the weights that --sigma-w, --sigma-b and --weights, or --init, describe.

    Examples
    --------
    >>> weight_law(1.2, None, "sparse:density=0.2", None).text
    'sparse (density 0.2)'
    """
    if init is None:
        return _family(
            family or "gaussian", SIGMA_W if sigma_w is None else sigma_w, SIGMA_B if sigma_b is None else sigma_b
        )
    if sigma_w is not None or family is not None:
        given = "--sigma-w" if sigma_w is not None else "--weights"
        raise InputError("--init", "one of them", f"drop {given} or --init", got=f"{init.value} together with {given}")
    if init is Initialiser.pytorch_default:
        if sigma_b is not None:
            raise InputError(
                "--init pytorch-default together with --sigma-b",
                "one of them",
                "it brings its own biases: drop --sigma-b",
            )
        return Weights.pytorch_default()
    return getattr(Weights, init.value)(sigma_b or 0)


def _family(text: str, sigma_w: float, sigma_b: float) -> Weights:
    name, colon, rest = text.partition(":")
    name = name.strip().replace("-", "_")
    if name not in FAMILIES:
        raise InputError(f"--weights {text[:40]}", written(FAMILIES), "e.g. --weights sparse:density=0.2")
    options = {}
    for item in rest.split(",") if colon else []:
        key, _, value = item.partition("=")
        if key.strip() not in FAMILIES[name]:
            accepted = ", ".join(FAMILIES[name]) or "none"
            raise InputError(f"--weights {text[:40]}: option {key.strip()[:20]!r}", accepted, f"e.g. --weights {name}")
        options[key.strip()] = _number(text, value)
    return getattr(Weights, name)(sigma_w, sigma_b, **options)


def _number(text: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            "--weights", "NAME=NUMBER", "e.g. --weights sparse:density=0.2", got=f"{text[:40]}: {value[:20]!r}"
        )
    return int(number) if number.is_integer() else number
