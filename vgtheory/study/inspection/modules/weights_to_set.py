"""Which weights of a watched module may be set anew, and which parameters set the scale of its residual branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vgtheory.study.inspection.modules.graph import Branch
from vgtheory.study.inspection.modules.pooling import VIEWS
from vgtheory.study.inspection.modules.products import short_name
from vgtheory.study.inspection.modules.sight import Sight
from vgtheory.study.inspection.modules.uses import Call

_UNSCALED = "; nothing scales the branch that ends there"
GATES = {"LSTM": 4, "GRU": 3}


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights of one product, or of one recurrent module.

    Attributes
    ----------
    name : of the first call that uses them.
    users : the names of all such calls.
    matrices, vectors : the parameters.
    fan_in : how many numbers a product sums.
    recurrent : the module, where it is one.
    """

    name: str
    users: frozenset[str]
    matrices: tuple[Any, ...]
    vectors: tuple[Any, ...]
    fan_in: int
    recurrent: Any = None

    @property
    def scaled(self) -> tuple[Any, ...]:
        """Return the matrices that the gradient's gain hangs on: of recurrent modules the recurrent ones."""
        if self.recurrent is None:
            return self.matrices
        named = self.recurrent.named_parameters(recurse=False)
        return tuple(p for name, p in named if name.startswith("weight_hh"))

    @property
    def sigma_w(self) -> float:
        """Return σ_w = √(fan_in·mean W_ij²), of recurrent modules that of the recurrent weights."""
        return float((self.fan_in * self.scaled[0].detach().double().square().mean()).sqrt())


@dataclass(frozen=True, eq=False)
class BranchEnd:
    """What the size of a residual branch is proportional to: its last weights with their biases, or its norm's gain."""

    name: str
    parameters: tuple[Any, ...]
    fan_in: int

    @property
    def sigma_w(self) -> float:
        """Return σ_w of the weights, or the root mean square of the gain."""
        return float((self.fan_in * self.parameters[0].detach().double().square().mean()).sqrt())


@dataclass(frozen=True, eq=False)
class Settable:
    """What may be set of a model: `layers` that are drawn anew, `ends` that are scaled; `kept` are others, by why.

    `branches` counts the residual branches, `streams` are the calls whose output is added to a stream as it is: the
    gradient there is that of the stream.
    """

    layers: tuple[Layer, ...]
    ends: tuple[BranchEnd, ...]
    branches: int
    streams: frozenset[str]
    kept: dict[str, list[str]]

    @property
    def parameters(self) -> tuple[Any, ...]:
        """Return all parameters that may change, each once."""
        layers = [p for layer in self.layers for p in (*layer.matrices, *layer.vectors)]
        return tuple(dict.fromkeys((*layers, *(p for end in self.ends for p in end.parameters))))


def settable(torch: Any, model: Any, sight: Sight) -> Settable:
    """Return what may be set of a model.

    Layers whose weights stand as parameters in one product, or recurrent modules; not where a skip connection leads
    past, a normalisation takes the output, anything is frozen, or a use of another kind shares the weights.
    """
    calls, paths, why = sight.watch.calls if sight.paths is None else sight.calls, sight.paths, dict[str, str]()
    found: dict[str, Layer] = {}
    for k, call in enumerate(calls):
        layer = _layer(torch, model, call, sight)
        if layer is None:
            why.setdefault(call.name, "of another kind")
        elif not all(p.requires_grad for p in (*layer.matrices, *layer.vectors)):
            why.setdefault(call.name, "frozen: requires_grad=False")
        elif paths is not None and paths.bypassed[k]:
            why.setdefault(call.name, "a skip connection leads past")
        elif paths is not None and paths.normalised[k]:
            why.setdefault(call.name, "its output is normalised")
        if layer is not None:
            found.setdefault(call.name, layer)
    uses = _uses(model, calls, found)
    for name, layer in found.items():
        others = {user for matrix in layer.matrices for user in uses[matrix]} - {name}
        held = [user for user in others if user in why]
        if name not in why and held:
            why[name] = "its weights are those of another layer, which keeps them"
    layers = _tied([layer for name, layer in found.items() if name not in why], uses)
    branches = () if paths is None else paths.branches
    ends = _ends(model, calls, branches, found, uses, sight)
    for branch in branches:
        name = calls[branch.end].name
        if name in why and _end(model, calls[branch.end], branch, found, sight) is None:
            why[name] = f"{why[name].removesuffix(_UNSCALED)}{_UNSCALED}"  # several branches may end there
    streams = frozenset(calls[branch.end].name for branch in branches if all(map(_passes, branch.tail)))
    reasons: dict[str, list[str]] = {}
    for name in dict.fromkeys(call.name for call in calls):
        if name in why:
            reasons.setdefault(why[name], []).append(name)
    return Settable(layers, ends, len(branches), streams, reasons)


def _layer(torch: Any, model: Any, call: Call, sight: Sight) -> Layer | None:
    """Return the weights of a call; None where they are computed, several, or no product is all that there is of it."""
    module = sight.watch.named_modules.get(call.name)
    if isinstance(module, torch.nn.RNNBase):
        own = tuple(module.parameters(recurse=False))
        matrices, vectors = (tuple(p for p in own if (p.dim() > 1) is wanted) for wanted in (True, False))
        return Layer(call.name, frozenset({call.name}), matrices, vectors, module.hidden_size, module)
    if isinstance(module, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)):
        weight, bias = module._parameters.get("weight"), module._parameters.get("bias")
        if weight is None:
            return None
        vectors = () if bias is None else (bias,)
        return Layer(call.name, frozenset({call.name}), (weight,), vectors, weight[0].numel())
    if not call.operation:
        return None
    parameters, twins = dict(model.named_parameters()), sight.copies.parameters
    matrices = tuple(name for name in call.weights if twins[name].dim() > 1)
    if len(matrices) != 1 or not _is(twins[matrices[0]], call.matrix):
        return None
    vectors = tuple(parameters[name] for name, twin in twins.items() if _is(twin, call.shift))
    return Layer(call.name, frozenset({call.name}), (parameters[matrices[0]],), vectors, call.matrix[0].numel())


def _is(twin: Any, used: Any) -> bool:
    """Return whether the weights, or biases, that were used are a parameter, as it is or transposed."""
    return used is not None and twin.numel() == used.numel() and bool(twin.data_ptr() == used.data_ptr())


def _uses(model: Any, calls: Sequence[Call], found: dict[str, Layer]) -> dict[Any, list[str]]:
    """Return the names of the calls that use a parameter, by parameter."""
    modules, parameters = dict(model.named_modules()), dict(model.named_parameters())
    out: dict[Any, list[str]] = {}
    for call in calls:
        module = modules.get(call.name)
        own = () if module is None else module.parameters()
        layer = found.get(call.name)
        held = () if layer is None else (*layer.matrices, *layer.vectors)
        for parameter in dict.fromkeys((*own, *held, *(parameters[name] for name in call.weights))):
            names = out.setdefault(parameter, [])
            if call.name not in names:
                names.append(call.name)
    return out


def _tied(layers: Sequence[Layer], uses: dict[Any, list[str]]) -> tuple[Layer, ...]:
    """Return the layers, those with the same matrix as one."""
    by_matrix: dict[Any, list[Layer]] = {}
    for layer in layers:
        by_matrix.setdefault(layer.matrices[0], []).append(layer)
    out = []
    for same in by_matrix.values():
        first = same[0]
        vectors = tuple(dict.fromkeys(p for layer in same for p in layer.vectors))
        users = frozenset(name for matrix in first.matrices for name in uses[matrix])
        out.append(Layer(first.name, users, first.matrices, vectors, first.fan_in, first.recurrent))
    return tuple(out)


def _ends(
    model: Any,
    calls: Sequence[Call],
    branches: Sequence[Branch],
    found: dict[str, Layer],
    uses: dict[Any, list[str]],
    sight: Sight,
) -> tuple[BranchEnd, ...]:
    """Return the parameters that scale the branches, each once; none that are frozen or that anything else uses."""
    last, out = {calls[branch.end].name for branch in branches}, dict[Any, BranchEnd]()
    for branch in branches:
        end = _end(model, calls[branch.end], branch, found, sight)
        if end is None or not all(p.requires_grad for p in end.parameters):
            continue
        if not any(set(uses.get(p, ())) - last for p in end.parameters):
            out.setdefault(end.parameters[0], end)
    return tuple(out.values())


def _end(model: Any, call: Call, branch: Branch, found: dict[str, Layer], sight: Sight) -> BranchEnd | None:
    """Return what scales one branch: the gain of the norm that ends it, or else its last weights."""
    if None in branch.tail:
        return None
    names = {id(twin): name for name, twin in sight.copies.parameters.items()}
    parameters = dict(model.named_parameters())
    norm = next((node for node in branch.tail if "Norm" in node.name()), None)
    if norm is not None:
        twins = [getattr(n, "variable", None) for n, _ in norm.next_functions[1:]]
        own = [names[id(twin)] for twin in twins if id(twin) in names]
        return BranchEnd(short_name(own[0]), tuple(parameters[n] for n in own), 1) if own else None
    layer = found.get(call.name)
    if layer is not None:
        return (
            None
            if layer.recurrent is not None
            else BranchEnd(call.name, (*layer.matrices, *layer.vectors), layer.fan_in)
        )
    if call.kind == "MultiheadAttention":
        out = model.get_submodule(call.name).out_proj
        own_parameters = tuple(p for p in (out.weight, out.bias) if p is not None)
        return BranchEnd(f"{call.name}.out_proj", own_parameters, out.weight.shape[1])
    return None


def _passes(node: Any) -> bool:
    """Return whether a node hands on the gradient as it is."""
    return node is not None and node.name().startswith(VIEWS)
