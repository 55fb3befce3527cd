"""What an ONNX graph says that its numbers alone do not: which layers follow one another, φ between them, and skips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAME = ("Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
# Operators that are activations of the catalogue, with their parameters' names here and there, and defaults there.
_ACTIVATIONS: dict[str, tuple[str, tuple[tuple[str, str, float], ...]]] = {
    "Elu": ("elu", (("alpha", "alpha", 1.0),)),
    "Gelu": ("gelu", ()),
    "LeakyRelu": ("leaky_relu", (("alpha", "alpha", 0.01),)),
    "Mish": ("mish", ()),
    "Relu": ("relu", ()),
    "Selu": ("selu", ()),
    "Sigmoid": ("sigmoid", ()),
    "Sin": ("sin(x)", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "Tanh": ("tanh", ()),
}
Function = tuple[str, tuple[tuple[str, float], ...]]


@dataclass(frozen=True)
class Program:
    """A chain of layers as a graph calls them.

    Attributes
    ----------
    arrays : weights (out, in) and biases, named "….weight" and "….bias".
    order : names of the weights in the order of calls; one that is used twice is there twice.
    activation : name and parameters of the function between the layers.
    skip : a of x + a·φ(W x + b), the same around every square layer; 0 for none.
    output_activation : whether the last layer has φ, too.
    """

    arrays: dict[str, NDArray]
    order: tuple[str, ...]
    activation: Function
    skip: float
    output_activation: bool


@dataclass(frozen=True)
class _Signal:
    """A tensor on the way: after so many layers; h (pre-activation) or x; the tensor that went into its last layer."""

    layer: int
    function: Function | None  # None: no φ since the last layer
    source: str
    skip: float = 0.0


class _Unread(Exception):
    """The graph is no chain that this reads; the message says at which operator."""


def program_of(
    nodes: Sequence[Any], inputs: Sequence[str], outputs: Sequence[str], arrays: Mapping[str, NDArray]
) -> Any:
    """Return the Program of a graph's nodes (in topological order), or in words what it has that is no chain."""
    try:
        return _Reader(arrays, inputs).read(nodes, outputs)
    except _Unread as reason:
        return str(reason)


class _Reader:
    def __init__(self, arrays: Mapping[str, NDArray], inputs: Sequence[str]) -> None:
        self.constants: dict[str, NDArray] = dict(arrays)
        data = [name for name in inputs if name not in arrays]
        self.signals = {name: _Signal(0, None, name) for name in data[:1]}
        self.same: dict[str, str] = {}  # tensors that are another one in another shape
        self.arrays: dict[str, NDArray] = {}
        self.order: list[str] = []
        self.functions: list[Function | None] = []
        self.skips: list[float] = []

    def read(self, nodes: Sequence[Any], outputs: Sequence[str]) -> Program:
        for node in nodes:
            self._node(node)
        last = self.signals.get(self._name(outputs[0])) if outputs else None
        if last is None or last.layer != len(self.order) or not self.order:
            raise _Unread("what it returns is not the last of its layers")
        between = {function for function in self.functions[:-1] if function is not None}
        if len(between) != 1 or None in self.functions[:-1]:
            raise _Unread(f"{len(between)} activations between its layers, where a chain has one")
        (function,) = between
        if self.functions[-1] not in (None, function):
            raise _Unread("another activation behind the last layer")
        square = [skip for name, skip in zip(self.order, self.skips, strict=True) if _square(self.arrays[name])]
        others = [skip for name, skip in zip(self.order, self.skips, strict=True) if not _square(self.arrays[name])]
        if len(set(square)) > 1 or any(others):
            raise _Unread("skip connections past some square layers and not past others")
        return Program(
            self.arrays, tuple(self.order), function, square[0] if square else 0.0, self.functions[-1] is not None
        )

    def _name(self, tensor: str) -> str:
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def _node(self, node: Any) -> None:
        names = [self._name(name) for name in node.input]
        attributes = {a.name: a for a in node.attribute}
        if node.op_type == "Constant":
            return  # its value is among the arrays
        if node.op_type in ("Identity", "Transpose") and names[0] in self.constants:
            array = self.constants[names[0]]
            axes = attributes["perm"].ints if "perm" in attributes else None
            self.constants[node.output[0]] = array if node.op_type == "Identity" else np.transpose(array, axes)
            return
        if node.op_type in _SAME and names[0] in self.signals:
            self.same[node.output[0]] = names[0]
        elif node.op_type in _ACTIVATIONS:
            self._function(node, names[0], attributes)
        elif node.op_type in ("Gemm", "MatMul"):
            self._layer(node, names, attributes)
        elif node.op_type in ("Add", "Mul"):
            self._arithmetic(node, names)
        elif any(name in self.signals for name in names):
            raise _Unread(f"the operator {node.op_type}")

    def _function(self, node: Any, name: str, attributes: Mapping[str, Any]) -> None:
        before = self.signals.get(name)
        if before is None:
            raise _Unread(f"{node.op_type} of what is no layer")
        known, parameters = _ACTIVATIONS[node.op_type]
        values = tuple((ours, float(attributes[t].f if t in attributes else d)) for ours, t, d in parameters)
        if before.layer == 0 or before.function is not None:
            raise _Unread(f"{node.op_type} that is not directly behind a layer")
        self._set(node, _Signal(before.layer, (known, values), before.source))

    def _layer(self, node: Any, names: Sequence[str], attributes: Mapping[str, Any]) -> None:
        before, weight = self.signals.get(names[0]), self.constants.get(names[1])
        if before is None or weight is None or weight.ndim != 2:
            raise _Unread(f"{node.op_type} of two computed tensors")
        flags = {name: (a.i or a.f) for name, a in attributes.items()}
        if flags.get("transA", 0) or flags.get("alpha", 1) != 1 or flags.get("beta", 1) != 1:
            raise _Unread("Gemm with a transposed input or with factors")
        if before.layer != len(self.order):
            raise _Unread("parallel branches")
        if before.layer and before.function is None:
            raise _Unread("two layers without an activation between")
        outputs_first = weight if flags.get("transB", 0) else weight.T
        name = f"{names[1].removesuffix('.weight').removesuffix('.kernel')}.weight"
        self.arrays[name] = np.asarray(outputs_first, dtype=np.float64)
        self.order.append(name)
        self.functions.append(None)
        self.skips.append(0.0)
        if len(names) > 2:
            self._bias(names[2])
        self._set(node, _Signal(len(self.order), None, names[0]))

    def _bias(self, name: str) -> None:
        weight = self.arrays[self.order[-1]]
        bias = self.constants.get(name)
        if bias is None or bias.size not in (1, len(weight)):
            raise _Unread("a bias that is computed")
        values = np.broadcast_to(np.asarray(bias, dtype=np.float64).ravel(), (len(weight),))
        self.arrays[self.order[-1].removesuffix("weight") + "bias"] = values

    def _arithmetic(self, node: Any, names: Sequence[str]) -> None:
        known = [name for name in names if name in self.signals]
        if len(known) == 1:
            constant = next((self.constants.get(name) for name in names if name not in self.signals), None)
            before = self.signals[known[0]]
            if constant is None:
                raise _Unread(f"{node.op_type} with a computed tensor")
            if node.op_type == "Add" and before.layer and before.function is None:
                self._bias(next(name for name in names if name not in self.signals))
                self._set(node, before)
            elif node.op_type == "Mul" and constant.size == 1 and before.function is not None:
                scale = float(constant.ravel()[0]) * (before.skip or 1.0)
                self.signals[node.output[0]] = _Signal(before.layer, before.function, before.source, scale)
            else:
                raise _Unread(f"{node.op_type} with a constant")
            return
        self._joined(node, known)

    def _joined(self, node: Any, names: Sequence[str]) -> None:
        """Take the sum of a layer's output and what went into it, or h times the sigmoid of h."""
        branch = next((n for n in names if self.signals[n].function is not None), None)
        if len(names) == 2 and branch is not None:
            signal, other = self.signals[branch], names[0] if branch == names[1] else names[1]
            for one, stream in ((branch, other), (other, branch)):
                inner = self.signals[one]
                if node.op_type == "Add" and inner.function is not None and inner.source == stream:
                    self.skips[-1] = inner.skip or 1.0
                    self._set(node, _Signal(inner.layer, inner.function, inner.source))
                    return
            beside = self.signals[other]
            gate = signal.function == ("sigmoid", ()) and beside.layer == signal.layer and beside.function is None
            if node.op_type == "Mul" and gate:
                self._set(node, _Signal(signal.layer, ("silu", ()), signal.source))
                return
        raise _Unread(f"{node.op_type} of two computed tensors")

    def _set(self, node: Any, signal: _Signal) -> None:
        self.signals[node.output[0]] = signal
        if signal.layer:
            self.functions[signal.layer - 1] = signal.function


def _square(weight: NDArray) -> bool:
    return weight.shape[0] == weight.shape[1]
