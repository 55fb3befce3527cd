"""The network of this package that a watched module is, where it is one: a plain chain with one activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.inspection.modules.graph import Paths
from vgtheory.study.inspection.modules.slopes import PROBES, Slopes
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.study.inspection.weights.chain import Layer
from vgtheory.study.inspection.weights.entries import EntryMoments
from vgtheory.study.inspection.weights.initialisers import initialisers_of
from vgtheory.study.inspection.weights.matrix import EQUAL
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue

_SPREAD = 1.3  # factor between the σ_w of layers that are of one distribution
_KNOWN = {
    "PyTorch default": Weights.pytorch_default,
    "Xavier uniform": Weights.xavier,
    "He normal": Weights.he,
    "LeCun normal": Weights.lecun,
}
_VIEWS = ("View", "Reshape", "Alias", "Squeeze", "Unsqueeze")


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers φ(W x + b), or x + φ(W x + b) with skip connections, one after another, as they were when seen."""

    layers: tuple[Layer, ...]
    function: str
    probe: tuple[float, ...]
    skip: bool

    def network(self) -> Network | None:
        """Return the network that they are; None unless φ is of the catalogue and the weights of one distribution."""
        act = of_the_catalogue(self.function, self.probe)
        weights = None if act is None else _distribution(self.layers)
        if act is None or weights is None:
            return None
        widths = (self.layers[0].weight.shape[1], *(len(layer.weight) for layer in self.layers))
        if not self.skip:
            return Network(act, weights, width=widths, depth=len(self.layers))
        return None if len(set(widths)) > 1 else Network(act, weights, width=widths[0], depth=len(self.layers), skip=1)


def chain_of(calls: Sequence[Call], paths: Paths, slopes: Sequence[Slopes], parameters: dict[str, Any]) -> Chain | None:
    """Return the hidden layers of a model; None unless they are φ(W x + b), or all x + φ(W x + b), one after another.

    That is read from autograd's graph: between two calls there is one function, the same one everywhere, and at most a
    sum with what went in.  The last layer, without φ, is left out: a gradient enters behind it.
    """
    hidden = len(calls) - 1
    if (
        hidden < 2
        or len({call.name for call in calls}) <= hidden
        or any(call.kind != "Linear" for call in calls)
        or paths.main != tuple(range(len(calls)))
    ):
        return None
    behind = {found.node: found for found in slopes}
    between = [behind.get(call.node) for call in calls[:-1]]
    first = between[0]
    if first is None or any(found is None or found.probe != first.probe for found in between):
        return None
    skips = {_skips(after, before) for before, after in pairwise(calls)}
    if len(skips) > 1 or None in skips:
        return None
    layers = tuple(layer for call in calls[:-1] if (layer := _layer(call, parameters)) is not None)
    return Chain(layers, first.name, first.probe, True in skips) if len(layers) == hidden else None


def _skips(after: Call, before: Call) -> bool | None:
    """Return whether what goes into a call is φ of the call before plus what went in there; None if it is neither."""
    if len(after.inputs) != 1 or len(before.inputs) > 1:
        return None
    node = after.inputs[0]
    if not node.name().startswith("AddBackward"):
        return False if _alone(node, before) else None
    ways = [n for n, _ in node.next_functions]
    # The stream that a skip connection takes past the call is the one that goes into it.
    stream = before.inputs[0] if before.inputs else None
    branch = [way for way in ways if way is not stream]
    plain = getattr(node, "_saved_alpha", 1) == 1 and len(ways) == 2 and len(branch) == 1
    return True if plain and branch[0] is not None and _alone(branch[0], before) else None


def _alone(node: Any, before: Call) -> bool:
    """Return whether one function, besides views, leads from a call to a node."""
    functions = 0
    while node is not before.node:
        ahead = [n for n, _ in node.next_functions if n is not None]
        if len(ahead) != 1:
            return False
        functions += not node.name().startswith(_VIEWS)
        node = ahead[0]
    return functions == 1


@cache
def of_the_catalogue(name: str, probe: tuple[float, ...]) -> Activation | None:
    """Return the activation of the catalogue that has these values at the probes, None if none has."""
    if not probe:
        return None
    names = [name] if name in catalogue else []
    for other in [*names, *(n for n in catalogue if n not in names)]:
        act = activation(other)
        values = [complex(act.expr.subs(act.symbol, at).evalf()) for at in PROBES]
        if np.allclose(values, probe, rtol=1e-9, atol=1e-9):
            return act
    return None


def _layer(call: Call, parameters: dict[str, Any]) -> Layer | None:
    """Return the weight and bias of a module that keeps them as they are used."""
    named = {name.rpartition(".")[2]: parameters[name].detach() for name in call.weights}
    if set(named) - {"weight", "bias"} or "weight" not in named:
        return None
    kept = {name: tensor.cpu().numpy().copy() for name, tensor in named.items()}  # they may be trained
    return Layer(call.name, kept["weight"], kept.get("bias"))


def _distribution(layers: Sequence[Layer]) -> Weights | None:
    moments = [EntryMoments.of(layer.weight.ravel().astype(float)) for layer in layers]
    scales = [float(np.sqrt(layer.weight.shape[1] * one.square)) for layer, one in zip(layers, moments, strict=True)]
    if not 0 < max(scales) <= _SPREAD * min(scales):
        return None
    biases = [0.0 if layer.bias is None else float(np.sqrt(np.mean(layer.bias**2))) for layer in layers]
    sigma_b = float(np.sqrt(np.mean(np.square(biases))))
    if all(is_orthogonal(layer.weight.astype(float)) for layer in layers):
        return Weights.orthogonal(float(np.median(scales)), sigma_b)
    names = set.intersection(*(set(initialisers_of(layer, one)) for layer, one in zip(layers, moments, strict=True)))
    for name, make in _KNOWN.items():
        if name in names and (name == "PyTorch default" or sigma_b == 0):
            return make()
    return Weights.gaussian(float(np.median(scales)), sigma_b)


def is_orthogonal(weight: np.ndarray) -> bool:
    """Return whether the rows, or the columns where they are fewer, are orthogonal and of one length."""
    gram = weight @ weight.T if len(weight) <= weight.shape[1] else weight.T @ weight
    size = np.trace(gram) / len(gram)
    return len(gram) > 1 and bool(np.abs(gram - size * np.eye(len(gram))).max() <= 2 * EQUAL * size)
