"""What a watched module is of this package: a plain chain with one activation; what leads from call to call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import VgtheoryError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.comparison import Comparison
from vgtheory.study.inspection.functions import of_the_catalogue
from vgtheory.study.inspection.modules.graph import Paths
from vgtheory.study.inspection.modules.pooling import VIEWS, Pool, behind_pools
from vgtheory.study.inspection.modules.slopes import Slopes
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.study.inspection.weights.chain import Layer
from vgtheory.study.inspection.weights.entries import EntryMoments
from vgtheory.study.inspection.weights.initialisers import initialisers_of
from vgtheory.study.inspection.weights.matrix import EQUAL
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.fixed_points import critical
from vgtheory.theory.asymptotics.prediction import predict

_SPREAD = 1.3  # factor between the σ_w of layers that are of one distribution
_FAR = 1.1  # factor between σ_w and the critical one below which they are about the same
_KNOWN = {
    "PyTorch default": Weights.pytorch_default,
    "Xavier uniform": Weights.xavier,
    "He normal": Weights.he,
    "LeCun normal": Weights.lecun,
}


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers φ(W x + b), or x + skip·φ(W x + b), one after another, as they were when seen.

    With a `norm`, φ(norm(W x + b)).  φ is `act` where that is said, else what of the catalogue has the name `function`
    and the values `probe`.
    """

    layers: tuple[Layer, ...]
    function: str = ""
    probe: tuple[float, ...] = ()
    skip: float = 0.0
    norm: str = ""
    act: Activation | None = None

    @property
    def activation(self) -> Activation | None:
        """Return φ; None where the catalogue does not have it."""
        return of_the_catalogue(self.function, self.probe) if self.act is None else self.act

    def network(self) -> Network | None:
        """Return the network that they are; None unless φ is known and the weights are of one distribution."""
        act = self.activation
        weights = None if act is None else distribution(self.layers)
        if act is None or weights is None:
            return None
        widths = (self.layers[0].weight.shape[1], *(len(layer.weight) for layer in self.layers))
        norm, depth = self.norm or None, len(self.layers)
        if not self.skip:
            return Network(act, weights, width=widths, depth=depth, norm=norm)
        return None if len(set(widths)) > 1 else Network(act, weights, widths[0], depth, skip=self.skip, norm=norm)

    def theory(self, table: xr.Dataset) -> Comparison | None:
        """Return ln of the gradient norm at the layers, as measured and as predicted; None without a prediction."""
        network = self.network()
        if network is None:
            return None
        try:
            predicted = predict(network).log_gradient_norm.values
        except VgtheoryError:
            return None
        hidden = table.isel(call=slice(0, len(predicted)))
        return Comparison("call", hidden.name.values, hidden.call.values, hidden.log_gradient_norm.values, predicted)

    def causes(self, log_change: float) -> tuple[Cause, ...]:
        """Return what theory blames: scales that are not critical, where no normalisation makes them all alike."""
        if self.norm:
            return ()
        act = self.activation
        pairs = [scales_of(layer) for layer in self.layers]
        return (
            ()
            if act is None
            else scale_beside_critical(act, (median(w for w, _ in pairs), median(b for _, b in pairs)))
        )


def scales_of(layer: Layer) -> tuple[float, float]:
    """Return (σ_w, σ_b) of a layer, of its entries as they are."""
    sigma_w = math.sqrt(layer.weight.shape[1] * float(np.square(layer.weight).mean()))
    return sigma_w, 0.0 if layer.bias is None else math.sqrt(float(np.square(layer.bias).mean()))


def scale_beside_critical(act: Activation, sigmas: tuple[float, float]) -> tuple[Cause, ...]:
    """Return how far σ_w is from the one at which gradients keep their size; () where none is known."""
    sigma_w, sigma_b = sigmas
    right = _critical(act, float(f"{sigma_b:.2g}")) or _critical(
        act, 0.0
    )  # kinked φ at 0 are critical without biases only
    if right is None:
        return ()
    near = 1 / _FAR < sigma_w / right < _FAR
    size = 0 if near else -1 if sigma_w < right else 1
    return (Cause("weights", numbers={"sigma_w": sigma_w, "critical": right, "size": size}, names=(act.name,)),)


@cache
def _critical(act: Activation, sigma_b: float) -> float | None:
    try:
        return critical(act, sigma_b).sigma_w
    except VgtheoryError:
        return None


@dataclass(frozen=True)
class Link:
    """What leads from one call to the next: one activation, and whether a skip connection leads past the former.

    `norm` is the kind of the normalisation in front of the activation, "" without one; `pools` stand behind it all,
    `early` ones in front of the activation.
    """

    function: Slopes
    skip: bool
    norm: str
    pools: tuple[Pool, ...] = ()
    early: tuple[Pool, ...] = ()

    def like(self, other: Link) -> bool:
        """Return whether the activation, the normalisation and the skip connection are the same there."""
        one, two = self.function, other.function
        return (one.probe, self.skip, self.norm) == (two.probe, other.skip, other.norm)


def links_of(
    calls: Sequence[Call], paths: Paths, slopes: Sequence[Slopes], drops: dict[Any, float]
) -> list[Link | None]:
    """Return what leads from every call to the one after it; None where that is not an activation, alone or added.

    That is read from autograd's graph: between the two there is one function, a normalisation without gain and shift in
    front of it or none, at most a sum with what went in, and any pooling and dropout (`drops`: by node, the rate).
    """
    behind: dict[Any, tuple[Slopes | None, str, tuple[Pool, ...]]] = {found.node: (found, "", ()) for found in slopes}
    normed = ((found, _norm(found.node)) for found in slopes)
    behind |= {found.node.next_functions[0][0]: (found, kind, ()) for found, kind in normed if kind}
    pooled = ((found, *behind_pools(found.node, drops)) for found in slopes)
    behind |= {node: (found, "", early) for found, early, node in pooled if early}
    out: list[Link | None] = []
    for k, (before, after) in enumerate(pairwise(calls)):
        found, norm, early = behind.get(before.node, (None, "", ()))
        single = found is not None and len(after.inputs) == 1 and paths.parent[k + 1] == k
        pools, end = behind_pools(after.inputs[0], drops) if single else ((), None)
        skip = _skips(end, before, norm, len(early)) if single else None
        if skip is False and _read_elsewhere(after.inputs[0], before.node, paths.shared):
            skip = None
        out.append(None if found is None or skip is None else Link(found, skip, norm, pools, early))
    return out


def _norm(node: Any) -> str:
    """Return the kind of normalisation that a node of autograd's graph is, "" of any that is not one of theory's.

    Those have no gain but 1 and no shift but 0, and layer norm is over one axis.
    """
    name = node.name()
    kind = "batch" if "BatchNorm" in name else "layer" if "LayerNorm" in name else ""
    theirs = [getattr(n, "variable", None) for n, _ in node.next_functions[1:]] if kind else []
    flat = all(v is None or bool((v == wanted).all()) for v, wanted in zip(theirs, (1, 0), strict=False))
    if not flat or (kind == "layer" and len(node._saved_normalized_shape) > 1):
        return ""
    return "" if kind == "batch" and not node._saved_training else kind


def chain_of(calls: Sequence[Call], links: Sequence[Link | None]) -> Chain | None:
    """Return the hidden layers of a model; None unless they are φ(W x + b), or all x + φ(W x + b), one after another.

    The last layer, without φ, is left out: a gradient enters behind it.
    """
    hidden = len(calls) - 1
    first = links[0] if hidden >= 2 else None
    if (
        first is None
        or len({call.name for call in calls}) <= hidden
        or any(call.operation != "linear" for call in calls)
        or not all(link is not None and link.like(first) and not link.pools and not link.early for link in links)
    ):
        return None
    layers = tuple(kept(layer_of(call)) for call in calls[:-1])
    return Chain(layers, first.function.name, first.function.probe, float(first.skip), first.norm)


def _skips(node: Any, before: Call, norm: str, early: int) -> bool | None:
    """Return whether what a node gives is φ of the call before plus what went in there; None if it is neither."""
    if len(before.inputs) > 1:
        return None
    if not node.name().startswith("AddBackward"):
        return False if _alone(node, before, norm, early) else None
    ways = [n for n, _ in node.next_functions]
    # The stream that a skip connection takes past the call is the one that goes into it.
    stream = before.inputs[0] if before.inputs else None
    branch = [way for way in ways if way is not stream]
    plain = getattr(node, "_saved_alpha", 1) == 1 and len(ways) == 2 and len(branch) == 1
    return True if plain and branch[0] is not None and _alone(branch[0], before, norm, early) else None


def _read_elsewhere(node: Any, first: Any, shared: frozenset[Any]) -> bool:
    """Return whether anything on the way from a call's node to another node is read by others, too."""
    while node is not first and node not in shared:
        node = node.next_functions[0][0]
    return node in shared


def _alone(node: Any, before: Call, norm: str, early: int) -> bool:
    """Return whether one function leads from a call to a node, besides views, normalisation and `early` pools."""
    functions = 0
    while node is not before.node:
        ahead = [n for n, _ in node.next_functions if n is not None]
        if norm and "Norm" in node.name():
            ahead = ahead[:1]  # the others are its gain and shift
        if len(ahead) != 1:
            return False
        functions += not node.name().startswith(VIEWS)
        node = ahead[0]
    return functions == (2 if norm else 1) + early


def layer_of(call: Call) -> Layer:
    """Return the weight (outputs, all inputs of one) and bias of a product, as they are used, however computed."""
    weight, bias = (None if t is None else t.cpu().numpy() for t in (call.matrix, call.shift))
    assert weight is not None  # of a product
    return Layer(call.name, weight.reshape(len(weight), -1), bias)


def kept(layer: Layer) -> Layer:
    """Return a layer that stays as it is when the model is trained."""
    return replace(layer, weight=layer.weight.copy(), bias=None if layer.bias is None else layer.bias.copy())


def distribution(layers: Sequence[Layer]) -> Weights | None:
    """Return the distribution that the weights of all layers seem to be of; None where their scales differ."""
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
