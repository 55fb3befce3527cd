"""Which of a model's arrays are the layers h_l = W_l x_{l−1} + b_l, and in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnknownNameError
from vgtheory.study.inspection.weights.files import Arrays

MAX_LAYERS = 10_000
_WEIGHT = re.compile(r"(^|[._/])(weight|kernel|w)(s?)($|[._/:\d])|(weight|kernel)$", re.IGNORECASE)
# Arrays from which a module computes its weights, or copies of them: no layer uses these numbers as they are.
_INDIRECT = re.compile(
    r"weight_(orig|mask|g|v|u)$|parametrizations|original[01]?$|exp_avg|momentum|(^|[._/])ema([._/]|$)|lora_[ab]", re.I
)
_CONV1D = re.compile(r"(^|[._/])(c_attn|c_fc|c_proj|q_attn)\.weight$")
_NUMBER = re.compile(r"\d+")
_MOST_GROUPS = 6  # of names that differ by numbers only; their orders are tried one by one
_NAMED = 6  # arrays that a sentence names; more are counted


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: its name, weight of shape (fan_out, fan_in), bias of shape (fan_out,) or None; float64."""

    name: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64] | None


@dataclass(frozen=True)
class Chain:
    """The layers in order, whether they follow one another, and what the arrays alone do not tell."""

    layers: tuple[Layer, ...]
    fits: bool
    left_out: tuple[str, ...]


def chain_of(arrays: Arrays, order: str | Sequence[str] | None = None) -> Chain:
    """Return the fully connected layers among named arrays, in an order in which their shapes follow one another.

    A weight is a matrix whose name says so (weight, kernel, w); where no name does, every matrix is one.  A kernel has
    shape (fan_in, fan_out), as Flax and Keras store it, and so has transformers' Conv1D, and what a bias shows to have;
    every other weight (fan_out, fan_in), as PyTorch does.

    Parameters
    ----------
    order : "file" (as the arrays lie there), "names" (numbers in them count as numbers: layers.2 before layers.10) or
        the names themselves, also one that is used twice.  By default names that differ by numbers only are sorted by
        those numbers, and such groups come in the first order in which the shapes follow one another.

    Raises
    ------
    InputError : no matrix, more than 10,000, NaN or infinite weights, a bias of another length; shapes that do not
        follow one another in the order that was asked for.
    """
    matrices = {n: a for n, a in arrays.items() if a.ndim == 2 and min(a.shape) > 0 and not _INDIRECT.search(n)}
    named = {n: a for n, a in matrices.items() if _WEIGHT.search(n)} or matrices
    if not named:
        if not arrays:
            accepted, step = "floating-point numbers", "of a quantised model, save its weights as float32"
            raise InputError("no array of weights (whole numbers are not read)", accepted, step)
        seen = ", ".join(f"{n} {tuple(a.shape)}" for n, a in list(arrays.items())[:4])
        raise InputError(f"no weight matrix among {seen}", "two-dimensional weights", "name the file of an MLP")
    if len(named) > MAX_LAYERS:
        raise InputError("weights", f"up to {MAX_LAYERS:,} matrices", "pass those of one chain", got=f"{len(named):,}")
    layers = {n: _layer(n, a, arrays) for n, a in named.items()}
    chosen, said = _ordered(layers, order)
    used = {*layers, *(_bias_name(name, arrays) for name in layers)}
    unread = [name for name in arrays if name not in used]
    return Chain(tuple(chosen), _break(chosen) is None, (*said, *_unread(unread), *_orientation(layers)))


def _layer(name: str, array: NDArray, arrays: Arrays) -> Layer:
    beside = _bias_name(name, arrays)
    bias = None if beside is None else np.asarray(arrays[beside], dtype=np.float64)
    turned = _inputs_first(name) or (bias is not None and bias.shape == (array.shape[1],) != (array.shape[0],))
    weight = np.ascontiguousarray(array.T if turned else array, dtype=np.float64)
    for part, values in ((name, weight), (beside, bias)):
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise InputError(f"{part} has {bad} values that are NaN or infinite", "finite weights", "see its training")
    if bias is not None and bias.shape != (weight.shape[0],):
        raise InputError(f"bias {beside} of shape {bias.shape}", f"({weight.shape[0]},) beside {name}", "check both")
    return Layer(name, weight, bias)


def _inputs_first(name: str) -> bool:
    """Return whether a name is that of a weight of shape (in, out): Keras' and Flax' kernels, transformers' Conv1D."""
    return "kernel" in name.lower() or bool(_CONV1D.search(name))


def _bias_name(name: str, arrays: Arrays) -> str | None:
    """Return the name of the bias beside a weight: its own with bias for weight."""
    for ending, other in (("weight", "bias"), ("kernel", "bias"), ("W", "b"), ("w", "b")):
        start, found, end = name.rpartition(ending)
        if found and f"{start}{other}{end}" in arrays and arrays[f"{start}{other}{end}"].ndim == 1:
            return f"{start}{other}{end}"
    return None


def _ordered(layers: dict[str, Layer], order: str | Sequence[str] | None) -> tuple[list[Layer], list[str]]:
    """Return the layers in the order asked for, and what is not known of it."""
    if order is None:
        return _guessed(list(layers.values()))
    if order == "file":
        chosen = list(layers.values())
    elif order == "names":
        chosen = [layers[name] for name in sorted(layers, key=_natural)]
    elif isinstance(order, str):
        raise InputError("order", '"file", "names" or a sequence of names', "see the names in .table", got=repr(order))
    else:
        for name in order:
            if name not in layers:
                raise UnknownNameError.among("layer", str(name), layers)
        chosen = [layers[name] for name in order]
    broken = _break(chosen)
    if not chosen or broken is not None:
        raise InputError(
            _gap(*broken) if broken else "order is empty", "weights that follow one another", "name them all in order"
        )
    unused = [name for name in layers if name not in {layer.name for layer in chosen}]
    return chosen, _unread(unused)


def _guessed(layers: list[Layer]) -> tuple[list[Layer], list[str]]:
    """Return the layers in the first order of their groups of names in which they chain, and the question left."""
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(_NUMBER.sub("#", layer.name), []).append(layer)
    for group in groups.values():
        group.sort(key=lambda layer: [int(n) for n in _NUMBER.findall(layer.name)])
    orders = permutations(groups.values()) if len(groups) <= _MOST_GROUPS else [tuple(groups.values())]
    chains = [[layer for group in order for layer in group] for order in orders]
    if len(groups) > 1:
        chains.insert(0, layers)  # the order in which they came
    fitting = [chain for chain in chains if _break(chain) is None]
    if not fitting:
        return chains[0], [f"the order: {_gap(*(_break(chains[0]) or layers[:2]))}; say order=[names in call order]"]
    several = len({tuple(layer.name for layer in chain) for chain in fitting}) > 1
    doubt = "the shapes follow one another in more than one order" if several else "names and shapes suggest one"
    return fitting[0], [f'the order of calls, and layers that are used twice: {doubt}; say order="names" or the names']


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _unread(names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    shown = ", ".join(names[:_NAMED])
    return [f"no part of the chain: {shown}{more}; vg.inspect(module, x) sees what they do"]


def _orientation(layers: dict[str, Layer]) -> list[str]:
    """Return the question whether square matrices without a telling name are (out, in): y = x W has (in, out)."""
    if all(_WEIGHT.search(n) for n in layers):
        return []
    if any(len(set(layer.weight.shape)) > 1 and layer.bias is not None for layer in layers.values()):
        return []
    return ["whether W is (out, in) or (in, out); name the arrays ….weight or ….kernel"]


def _gap(first: Layer, second: Layer) -> str:
    return f"{second.name} takes {second.weight.shape[1]} values, {first.name} gives {first.weight.shape[0]}"


def _break(layers: Sequence[Layer]) -> tuple[Layer, Layer] | None:
    for first, second in pairwise(layers):
        if second.weight.shape[1] != first.weight.shape[0]:
            return first, second
    return None
