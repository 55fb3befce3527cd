"""One use of weights, and one recurrent module unrolled: what is seen of them in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vgtheory.study.inspection.modules.model_copy import tensors_in

_ALIKE = 1e-12  # variance between units, relative to their mean square, below which all are one
_NEAR = 1e-4  # of the rms: two units further apart are not the same


@dataclass(eq=False)
class Call:
    """One use of weights: what came out of it, later the gradient there, and where it stands in autograd's graph."""

    name: str
    kind: str
    function: bool  # of torch with a weight; else a module
    weights: tuple[str, ...]
    operation: str = ""  # "linear", "convolution" or "product" where one with the weights is all that there is of it
    sigma_w: float = math.nan
    matrix: Any = None  # the weights as they are used, outputs first
    shift: Any = None  # the biases
    shape: tuple[int, ...] = ()  # of the output
    read: tuple[int, ...] = ()  # of the input
    rms: float = math.nan
    identical: bool = False  # all units of the output equal
    node: Any = None
    others: tuple[Any, ...] = ()  # nodes of further outputs: of a recurrent module its last state
    inputs: tuple[Any, ...] = ()
    cuts: frozenset[int] = frozenset()  # of the graph, that the output's value has come through
    gradient_norm: float = math.nan  # nan: no gradient arrived

    @property
    def size(self) -> int:
        """Return how many numbers come out."""
        return max(math.prod(self.shape), 1)

    @cached_property
    def constant(self) -> bool:
        """Return whether all weights are equal."""
        if self.matrix is None or self.matrix.numel() < 2:
            return False
        first = self.matrix.flatten()[:2].tolist() if self.matrix.is_contiguous() else (0, 0)
        return first[0] == first[1] and bool(self.matrix.min() == self.matrix.max())

    @property
    def bias(self) -> float:
        """Return the mean of the biases, 0 without any."""
        return 0.0 if self.shift is None else float(self.shift.double().mean())


@dataclass(eq=False)
class Unrolled:
    """The input and output of a recurrent module, its weights and first state, and the loss gradient there."""

    name: str
    module: Any
    axis: int
    source: Any
    weights: dict[str, Any]
    start: Any  # None: zeros
    output: Any = None
    gradients: dict[str, Any] = field(default_factory=dict)  # at "source" and "output"
    without_dropout: bool = False  # whether it was run again without that between its layers

    @property
    def kind(self) -> str:
        """Return the type of the module."""
        return type(self.module).__name__

    @property
    def drops(self) -> bool:
        """Return whether dropout stands between its layers."""
        return bool(self.module.training and self.module.dropout > 0 and self.module.num_layers > 1)


def all_units_alike(numbers: Any, rms: float) -> bool:
    """Return whether all units, along the last axis, say the same on every input."""
    start = numbers[(0,) * (numbers.dim() - 1)][:2].tolist()  # nearly always enough to see that they are not
    if abs(start[0] - start[1]) > _NEAR * rms or float((numbers[..., 0] - numbers[..., 1]).abs().max()) > _NEAR * rms:
        return False
    numbers = numbers.double()
    shared = numbers.mean(-1, keepdim=True)
    return float((numbers - shared).square().mean()) < _ALIKE * rms**2


def first_tensor(torch: Any, output: Any) -> Any:
    """Return the first floating-point tensor of what a module returns, None without one."""
    if torch.is_tensor(output):
        return output if output.is_floating_point() else None
    return next((t for t in tensors_in(torch, output) if t.is_floating_point()), None)


def has_weights(module: Any) -> bool:
    """Return whether a module multiplies by matrices of its own, as they are or computed from others; norms do not."""
    own = any(p is not None and p.dim() >= 2 for p in module._parameters.values())
    return (own or "parametrizations" in module._modules) and "Norm" not in type(module).__name__
