"""The network of this package that a watched module is, where it is one: a plain chain with one activation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.inspection.modules.calls import Call
from vgtheory.study.inspection.modules.graph import Paths
from vgtheory.study.inspection.modules.slopes import PROBES, Slopes
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


def network_of(
    calls: Sequence[Call], paths: Paths, slopes: Sequence[Slopes], parameters: dict[str, Any]
) -> Network | None:
    """Return the network of the hidden layers; None unless they are φ(W x + b) one after another, of one distribution.

    That is read from autograd's graph: between two calls there is one function, which has the values of an activation
    of the catalogue.  The last layer, without φ, is left out: a gradient enters behind it.
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
    if not all(_alone(after, before) for before, after in pairwise(calls)):
        return None
    act = _of_the_catalogue(first)
    layers = [layer for call in calls[:-1] if (layer := _layer(call, parameters)) is not None]
    if act is None or len(layers) < hidden:
        return None
    weights = _distribution(layers)
    widths = (layers[0].weight.shape[1], *(len(layer.weight) for layer in layers))
    return None if weights is None else Network(act, weights, width=widths, depth=hidden)


def _alone(after: Call, before: Call) -> bool:
    """Return whether one function, besides views, leads from one call to the next."""
    if len(after.inputs) != 1:
        return False
    node, functions = after.inputs[0], 0
    while node is not before.node:
        ahead = [n for n, _ in node.next_functions if n is not None]
        if len(ahead) != 1:
            return False
        functions += not node.name().startswith(_VIEWS)
        node = ahead[0]
    return functions == 1


def _of_the_catalogue(found: Slopes) -> Activation | None:
    if not found.probe:
        return None
    names = [found.name] if found.name in catalogue else []
    for name in [*names, *(n for n in catalogue if n not in names)]:
        act = activation(name)
        values = [complex(act.expr.subs(act.symbol, at).evalf()) for at in PROBES]
        if np.allclose(values, found.probe, rtol=1e-9, atol=1e-9):
            return act
    return None


def _layer(call: Call, parameters: dict[str, Any]) -> Layer | None:
    """Return the weight and bias of a module that keeps them as they are used."""
    named = {name.rpartition(".")[2]: parameters[name].detach().cpu().numpy() for name in call.weights}
    if set(named) - {"weight", "bias"} or "weight" not in named:
        return None
    return Layer(call.name, named["weight"].astype(float), named.get("bias"))


def _distribution(layers: Sequence[Layer]) -> Weights | None:
    moments = [EntryMoments.of(layer.weight.ravel()) for layer in layers]
    scales = [float(np.sqrt(layer.weight.shape[1] * one.square)) for layer, one in zip(layers, moments, strict=True)]
    if not 0 < max(scales) <= _SPREAD * min(scales):
        return None
    biases = [0.0 if layer.bias is None else float(np.sqrt(np.mean(layer.bias**2))) for layer in layers]
    sigma_b = float(np.sqrt(np.mean(np.square(biases))))
    if all(_is_orthogonal(layer.weight) for layer in layers):
        return Weights.orthogonal(float(np.median(scales)), sigma_b)
    names = set.intersection(*(set(initialisers_of(layer, one)) for layer, one in zip(layers, moments, strict=True)))
    for name, make in _KNOWN.items():
        if name in names and (name == "PyTorch default" or sigma_b == 0):
            return make()
    return Weights.gaussian(float(np.median(scales)), sigma_b)


def _is_orthogonal(weight: np.ndarray) -> bool:
    gram = weight @ weight.T if len(weight) <= weight.shape[1] else weight.T @ weight
    size = np.trace(gram) / len(gram)
    return len(gram) > 1 and bool(np.abs(gram - size * np.eye(len(gram))).max() <= 2 * EQUAL * size)
