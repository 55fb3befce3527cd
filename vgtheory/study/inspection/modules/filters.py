"""Convolutions and linear layers with what stands behind their activations, as a watched model has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.model.windows import strided
from vgtheory.study.inspection.modules.pooling import Pool
from vgtheory.study.inspection.modules.recognised import layer_of, scales_of
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.study.inspection.weights.chain import Layer


@dataclass(frozen=True, eq=False)
class Filter:
    """A convolution as it was when seen: `number` of its call, the map that goes in, how the window moves.

    A linear layer is one of a map of one position.  `square` is the mean square of what comes out, `pools` what stands
    between its activation and the next weights.
    """

    number: int
    layer: Layer
    shape: tuple[int, ...]
    kernel: int
    stride: int
    zeros: bool
    square: float
    flat: bool = False
    pools: tuple[Pool, ...] = ()

    @property
    def returned(self) -> tuple[int, ...]:
        """Return the sides of the map that comes out, behind the pools."""
        sides = [pool.after for pool in self.pools if pool.after]
        return sides[-1] if sides else strided(self.shape, self.stride)

    @property
    def measured_only(self) -> bool:
        """Return whether no theory knows how the gradient passes from the next weights back to these."""
        return any(pool.kind == "max" for pool in self.pools)

    @property
    def sigmas(self) -> tuple[float, float]:
        """Return (σ_w, σ_b)."""
        return scales_of(self.layer)

    @property
    def channels(self) -> tuple[int, int]:
        """Return the channels that go in and come out."""
        return self.layer.weight.shape[1] // self.kernel ** len(self.shape), len(self.layer.weight)

    def before_pools(self, gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squared gradient by position behind the activation, from that where the next weights read.

        What a linear layer reads of a map it reads evenly, and so is what max pooling gives back taken to be.
        """
        pools = () if self.measured_only else self.pools
        places = math.prod(strided(self.shape, self.stride) if self.measured_only else self.returned)
        if len(gradient) != places:
            gradient = np.full(places, gradient.sum() / places)
        for pool in reversed(pools):
            gradient = pool.back(gradient)
        return gradient


def follows(before: Filter | None, after: Filter) -> bool:
    """Return whether a layer takes the map that the one before it gives."""
    if before is None:
        return False
    if after.flat:
        return before.channels[1] * math.prod(before.returned) == after.channels[0]
    return not before.flat and before.returned[-len(after.shape) :] == after.shape


def filter_of(number: int, call: Call, modules: dict[str, Any]) -> Filter | None:
    """Return the convolution or layer that a call is; None unless its window is one of this package's."""
    square = call.rms**2
    if call.operation == "linear" and len(call.read) == 2:
        return Filter(number, layer_of(call), (1,), 1, 1, False, square, flat=True)
    if call.operation != "convolution" or call.function or (module := modules.get(call.name)) is None:
        return None
    (kernel, *more), (stride, *strides) = module.kernel_size, module.stride
    zeros = module.padding_mode == "zeros"
    padding = module.padding if isinstance(module.padding, tuple) else (kernel // 2,) * len(module.kernel_size)
    centred = kernel % 2 == 1 and set(padding) == {kernel // 2} and module.padding != "valid"
    plain = module.groups == 1 and set(module.dilation) == {1} and set(more) <= {kernel} and set(strides) <= {stride}
    if not (plain and centred and (zeros or module.padding_mode == "circular")):
        return None
    after = call.shape[-len(module.kernel_size) :]
    shape = call.read[-len(module.kernel_size) :]
    right = strided(shape, stride) == after
    return Filter(number, layer_of(call), shape, kernel, stride, zeros, square) if right else None
