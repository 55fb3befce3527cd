"""What an ONNX graph says that its numbers alone do not: which layers follow one another, φ between them, and skips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.study.inspection.weights.onnx_functions import (
    BARE,
    Formula,
    Named,
    composed,
    constant,
    function_of,
    mean_of,
    norm_of,
)
from vgtheory.study.inspection.weights.onnx_operators import MOST, MOVED, NORM_WORDS, PARTS, SAME, Signal
from vgtheory.symbolic.catalogue import catalogue


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
    activation: Named
    skip: float
    output_activation: bool


class _Unread(Exception):
    """What comes out of an operator is not known; the message says of which."""


def program_of(
    nodes: Sequence[Any], inputs: Sequence[str], outputs: Sequence[str], arrays: Mapping[str, NDArray]
) -> Program | str:
    """Return the Program of a graph's nodes (in topological order), or in words what it has that is no chain."""
    if len(nodes) > MOST:
        return f"its graph has {len(nodes):,} operators; up to {MOST:,} are read"
    reader = _Reader(arrays, inputs)
    found = reader.read(nodes, outputs)
    if isinstance(found, Program):
        return found
    parts = ", ".join(f"{count} × {part}" for part, count in sorted(reader.parts.items()))
    return found + (f"; recognised in it: {parts}" if parts else "")


class _Reader:
    """Goes through a graph once; where it is no chain, on to its end, to say what parts it has."""

    def __init__(self, arrays: Mapping[str, NDArray], inputs: Sequence[str]) -> None:
        self.constants: dict[str, NDArray] = dict(arrays)
        data = [name for name in inputs if name not in arrays]
        self.signals = {name: Signal(0, BARE, name) for name in data}
        self.same: dict[str, str] = {}  # tensors that are another one in another shape
        self.arrays: dict[str, NDArray] = {}
        self.order: list[str] = []
        self.functions: list[Formula] = []
        self.skips: list[float] = []
        self.biased = 0  # the last call with a bias
        self.parts: Counter[str] = Counter()
        self.seen: set[Signal] = set()  # those whose parts are counted
        self.reason = "" if len(data) == 1 else f"{len(data)} inputs"  # why it is no chain, the first that was met

    @property
    def chain(self) -> bool:
        """Return whether all was a chain so far."""
        return not self.reason

    def no(self, reason: str) -> None:
        """Remember why it is no chain."""
        self.reason = self.reason or reason

    def read(self, nodes: Sequence[Any], outputs: Sequence[str]) -> Program | str:
        """Return the program, or the first reason why it is none."""
        for node in nodes:
            try:
                self._node(node)
            except _Unread as reason:
                self.no(str(reason))
                for name in node.output:
                    self.signals[name] = Signal(len(self.order), BARE, name)
        last = self.signals.get(self._name(outputs[0])) if outputs else None
        if last is not None:
            self._part(last)
            if last.skip:
                self.no("a factor behind the last activation")
            if self.order and last.layer == len(self.order) and not last.summed:
                self.functions[-1] = last.formula  # whatever else is made of the last layer
        if last is None or last.layer != len(self.order) or not self.order or (last.summed and not last.formula.bare):
            self.no("what it returns is not the last of its layers")
        return self._program() if self.chain else self.reason

    def _program(self) -> Program | str:
        functions = [function_of(formula) for formula in self.functions]
        between = {function for function in functions[:-1] if function is not None}
        if len(between) != 1 or None in functions[:-1]:
            return f"{len(between)} activations between its layers, where a chain has one"
        (function,) = between
        if not self.functions[-1].bare and functions[-1] != function:
            return "another activation behind the last layer"
        square = [skip for name, skip in zip(self.order, self.skips, strict=True) if _square(self.arrays[name])]
        others = [skip for name, skip in zip(self.order, self.skips, strict=True) if not _square(self.arrays[name])]
        if len(set(square)) > 1 or any(others):
            return "skip connections past some square layers and not past others"
        skip = square[0] if square else 0.0
        return Program(self.arrays, tuple(self.order), function, skip, functions[-1] is not None)

    def _name(self, tensor: str) -> str:
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def _node(self, node: Any) -> None:
        names = [self._name(name) for name in node.input]
        attributes = {a.name: a for a in node.attribute}
        kind, first = node.op_type, names[0] if names else ""
        if first in self.constants and kind in ("Identity", "Transpose", "Cast"):
            array = self.constants[first]
            turned = np.transpose(array, attributes["perm"].ints if "perm" in attributes else None)
            self.constants[node.output[0]] = turned if kind == "Transpose" else array
        elif kind in PARTS:
            self.parts[PARTS[kind]] += 1
            hint = ", which is read of PyTorch modules alone: vg.inspect(model, x)" if kind == "Conv" else ""
            raise _Unread(f"the operator {kind}{hint}")
        elif kind in (*SAME, *MOVED) and first in self.signals:
            if kind in MOVED:
                self.no(f"the operator {kind}")
            self.same[node.output[0]] = first
        elif kind == "ReduceMean" and first in self.signals and self._over_components(names, attributes):
            before = self.signals[first]
            self._set(node, replace(before, formula=mean_of(before.formula)))
        elif kind == "Softmax" and first in self.signals and self.signals[first].attention == 1:
            self.signals[node.output[0]] = replace(self.signals[first], attention=2)
        elif kind in ("Gemm", "MatMul"):
            self._product(node, names, {name: (a.i or a.f) for name, a in attributes.items()})
        elif known := [name for name in dict.fromkeys(names) if name in self.signals]:
            self._function(node, names, known, attributes)

    def _over_components(self, names: Sequence[str], attributes: Mapping[str, Any]) -> bool:
        axes = list(attributes["axes"].ints) if "axes" in attributes else []
        if len(names) > 1 and names[1] in self.constants:
            axes = [int(axis) for axis in self.constants[names[1]].ravel()[:8]]
        return axes == [-1]

    # --- products ---------------------------------------------------------------------------------------------

    def _product(self, node: Any, names: Sequence[str], flags: Mapping[str, float]) -> None:
        before, weight = self.signals.get(names[0]), self.constants.get(names[1])
        if before is not None and names[1] in self.signals:
            self._attention(node, before)
            return
        if before is None or weight is None or weight.ndim != 2 or weight.dtype.kind != "f":
            raise _Unread(f"{node.op_type} of two computed tensors")
        if flags.get("transA", 0) or flags.get("alpha", 1) != 1 or flags.get("beta", 1) != 1:
            raise _Unread("Gemm with a transposed input or with factors")
        self._part(before)
        self._follows(before)
        name = f"{names[1].removesuffix('.weight').removesuffix('.kernel')}.weight"
        self.arrays[name] = np.asarray(weight if flags.get("transB", 0) else weight.T, dtype=np.float64)
        self.order.append(name)
        self.functions.append(BARE)
        self.skips.append(0.0)
        if len(names) > 2:
            self._bias(names[2])
        self._set(node, Signal(len(self.order), BARE, names[0]))

    def _follows(self, before: Signal) -> None:
        """Say what stands between a layer and the one before it, if that is no activation."""
        if before.layer != len(self.order):
            self.no("parallel branches")
        norm = norm_of(before.formula)
        if norm is not None:
            self.no(f"{NORM_WORDS[norm[0]]} between layers")
        elif before.summed and not before.formula.bare:
            self.no("a function of what a skip connection adds to")
        elif before.layer and not before.summed and function_of(before.formula) is None:
            self.no("two layers without an activation between")
        elif before.skip:
            self.no("a factor behind an activation that no skip connection adds to")

    def _attention(self, node: Any, before: Signal) -> None:
        """Take MatMul of computed tensors: of queries with keys, or behind a Softmax with values."""
        self.no("a product of computed tensors")
        if before.attention == 2:
            self.parts["softmax attention"] += 1
        found = Signal(len(self.order), BARE, node.output[0], attention=0 if before.attention else 1)
        self.signals[node.output[0]] = found

    def _bias(self, name: str) -> None:
        weight = self.arrays[self.order[-1]]
        bias = self.constants.get(name)
        if bias is None or bias.size not in (1, len(weight)):
            raise _Unread("a bias that is computed")
        place = self.order[-1].removesuffix("weight") + "bias"
        values = np.broadcast_to(np.asarray(bias, dtype=np.float64).ravel(), (len(weight),))
        again = self.biased == len(self.order)  # a second one of the same call
        self.arrays[place] = self.arrays[place] + values if again else values
        self.biased = len(self.order)

    # --- functions --------------------------------------------------------------------------------------------

    def _function(self, node: Any, names: Sequence[str], known: Sequence[str], attributes: Mapping[str, Any]) -> None:
        kind, signals = node.op_type, [self.signals[name] for name in known]
        before = max(signals, key=lambda signal: signal.formula.expr.count_ops())
        arrays = [self.constants[name] for name in names if name in self.constants]
        vectors = [array for array in arrays if array.size > 1]
        if len({(signal.layer, signal.source, signal.biases) for signal in signals}) > 1:
            self._joined(node, known)
        elif before.attention:
            self.signals[node.output[0]] = before  # scores that are scaled or masked
        elif kind == "Add" and before.layer and before.formula.bare and not before.summed and set(names) - set(known):
            self._bias(next(name for name in names if name not in self.signals))
            self._set(node, replace(before, biases=before.biases + 1))
        elif kind in ("Add", "Mul") and vectors and (before.scaled or norm_of(before.formula) is not None):
            self._part(before)
            self._set(node, replace(before, scaled=True))  # a norm's own gain and shift
        elif kind == "Mul" and arrays and not vectors and arrays[0].any() and self._is_activation(before.formula):
            self.signals[node.output[0]] = replace(before, skip=float(arrays[0].ravel()[0]) * (before.skip or 1.0))
        else:
            self._composed(node, names, before, attributes)

    def _composed(self, node: Any, names: Sequence[str], before: Signal, attributes: Mapping[str, Any]) -> None:
        norm = norm_of(before.formula)
        if norm is not None:
            self._part(before)
            raise _Unread(f"{NORM_WORDS[norm[0]]} in front of {node.op_type}")
        flags = {name: (a.s if a.type == 3 else a.i if a.type == 2 else a.f) for name, a in attributes.items()}
        if node.op_type == "PRelu" and len(slopes := np.unique(self.constants.get(names[1], ()))) == 1:
            names, flags = names[:1], {"slope": float(slopes[0])}  # one for all units
        arguments = [self._argument(name) for name in names if name]
        whole = [argument for argument in arguments if argument is not None]
        found = composed(node.op_type, flags, whole) if len(whole) == len(arguments) else None
        if found is None or before.skip:
            raise _Unread(f"the operator {node.op_type}")
        if before.layer == 0:
            self.no(f"{node.op_type} that is not behind a layer")
        self._set(node, replace(before, formula=found))

    def _argument(self, name: str) -> Formula | None:
        if name in self.signals:
            return self.signals[name].formula
        array = self.constants.get(name)
        return constant(float(array.ravel()[0])) if array is not None and array.size == 1 else None

    def _is_activation(self, formula: Formula) -> bool:
        """Return whether a formula is of the catalogue, so that a factor behind it is that of a branch."""
        found = function_of(formula)
        return found is not None and found[0] in catalogue

    def _part(self, signal: Signal) -> None:
        """Count the norm or activation that a signal is, once."""
        bare = replace(signal, scaled=False, skip=0.0)
        if bare in self.seen:
            return
        self.seen.add(bare)
        norm, function = norm_of(signal.formula), function_of(signal.formula)
        if norm is not None:
            self.parts[NORM_WORDS[norm[0]]] += 1
        elif function is not None:
            self.parts[function[0]] += 1

    def _joined(self, node: Any, names: Sequence[str]) -> None:
        """Take the sum of a layer's output and what went into it, or a function times another layer's output."""
        if node.op_type == "Add" and len(names) == 2:
            for one, stream in (names, names[::-1]):
                inner = self.signals[one]
                if inner.layer == len(self.order) and inner.source == stream and self._is_activation(inner.formula):
                    self.skips[-1] = inner.skip or 1.0
                    self.signals[node.output[0]] = Signal(inner.layer, BARE, node.output[0], summed=True)
                    return
        gates = [f for name in names if (f := function_of(self.signals[name].formula)) is not None]
        if node.op_type == "Mul" and len(names) == 2 and len(gates) == 1:
            self.parts[f"gate ({gates[0][0]})"] += 1
        raise _Unread(f"{node.op_type} of two computed tensors")

    def _set(self, node: Any, signal: Signal) -> None:
        self.signals[node.output[0]] = signal
        if signal.layer and not signal.summed:
            self.functions[signal.layer - 1] = signal.formula


def _square(weight: NDArray) -> bool:
    return weight.shape[0] == weight.shape[1]
