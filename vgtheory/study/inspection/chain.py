"""Which of a model's arrays are the layers h_l = W_l x_{l−1} + b_l, and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory.study.inspection.files import Arrays

_WEIGHT = re.compile(r"(^|[._/])(weight|kernel|w)(s?)($|[._/:\d])|(weight|kernel)$", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_MOST_GROUPS = 6  # of names that differ by numbers only; their orders are tried one by one


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: its name, weight of shape (fan_out, fan_in), bias of shape (fan_out,) or None; float64."""

    name: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64] | None


@dataclass(frozen=True)
class Chain:
    """The layers in order, and what was noticed on the way (arrays left out, an order that is not the only one)."""

    layers: tuple[Layer, ...]
    notes: tuple[str, ...]


def chain_of(arrays: Arrays) -> Chain:
    """Return the fully connected layers among named arrays, in an order in which their shapes follow one another.

    A weight is a matrix whose name says so (weight, kernel, w); where no name does, every matrix is one.  Names that
    differ by numbers only are sorted by those numbers (layers.2 before layers.10).  A kernel has shape
    (fan_in, fan_out), as Flax and Keras store it, every other weight (fan_out, fan_in), as PyTorch does.

    Raises
    ------
    InputError : no matrix, NaN or infinite weights, or shapes that do not chain in any order.
    """
    matrices = {n: a for n, a in arrays.items() if a.ndim == 2 and min(a.shape) > 0}
    named = {n: a for n, a in matrices.items() if _WEIGHT.search(n)}
    if not (named or matrices):
        seen = ", ".join(f"{n} {tuple(a.shape)}" for n, a in list(arrays.items())[:4]) or "nothing"
        raise InputError(f"no weight matrix among {seen}", "two-dimensional weights", "name the file of an MLP")
    layers = [_layer(n, a, arrays) for n, a in (named or matrices).items()]
    ordered, orders = _in_order(layers)
    used = {layer.name for layer in layers} | {_bias_name(layer.name, arrays) for layer in layers}
    notes = [f"left out: {name} of shape {tuple(a.shape)}" for name, a in arrays.items() if name not in used]
    if orders > 1:
        notes.append("the shapes chain in more than one order; the one in which the names come was taken")
    return Chain(tuple(ordered), tuple(notes))


def _layer(name: str, array: NDArray, arrays: Arrays) -> Layer:
    weight = np.ascontiguousarray(array.T if "kernel" in name.lower() else array, dtype=np.float64)
    beside = _bias_name(name, arrays)
    bias = None if beside is None else np.asarray(arrays[beside], dtype=np.float64)
    for part, values in ((name, weight), (beside, bias)):
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise InputError(f"{part} has {bad} values that are NaN or infinite", "finite weights", "see its training")
    if bias is not None and bias.shape != (weight.shape[0],):
        raise InputError(f"bias {beside} of shape {bias.shape}", f"({weight.shape[0]},) beside {name}", "check both")
    return Layer(name, weight, bias)


def _bias_name(name: str, arrays: Arrays) -> str | None:
    """Return the name of the bias beside a weight: its own with bias for weight."""
    for ending, other in (("weight", "bias"), ("kernel", "bias"), ("W", "b"), ("w", "b")):
        start, found, end = name.rpartition(ending)
        if found and f"{start}{other}{end}" in arrays and arrays[f"{start}{other}{end}"].ndim == 1:
            return f"{start}{other}{end}"
    return None


def _in_order(layers: list[Layer]) -> tuple[list[Layer], int]:
    """Return the layers in the first order of their groups of names in which they chain, and how many orders do."""
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
        first, second = _break(chains[0]) or (layers[0], layers[0])
        problem = f"{second.name} takes {second.weight.shape[1]} values, {first.name} gives {first.weight.shape[0]}"
        raise InputError(problem, "weights whose shapes follow one another", "pass the layers of one chain only")
    return fitting[0], len({tuple(layer.name for layer in c) for c in fitting})


def _break(layers: list[Layer]) -> tuple[Layer, Layer] | None:
    for first, second in pairwise(layers):
        if second.weight.shape[1] != first.weight.shape[0]:
            return first, second
    return None
