"""Convolutions and linear layers with what stands behind their activations, as a watched model has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.study.inspection.modules.pooling import Pool
from vgtheory.study.inspection.modules.recognised import layer_of, scales_of
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.study.inspection.weights.chain import Layer


@dataclass(frozen=True, eq=False)
class Filter:
    """A convolution as it was when seen: `number` of its call, the map that goes in, how the window moves.

    A linear layer is one of a map of one position.  `zeros` is how many zeros are around the map, at most half a
    window, None where the map is periodic; `square` the mean square of what comes out, `pools` what stands between its
    activation and the next weights, `early` what stands in front of that activation, and `inner` the mean square there.
    """

    number: int
    layer: Layer
    shape: tuple[int, ...]
    kernel: int
    stride: int
    zeros: int | None
    square: float
    flat: bool = False
    pools: tuple[Pool, ...] = ()
    early: tuple[Pool, ...] = ()
    inner: float = math.nan

    @property
    def made(self) -> tuple[int, ...]:
        """Return the sides of the map that comes out of the product."""
        return tuple(len(range(side)[rows]) for side, rows in zip(self.shape, self._rows, strict=True))

    @property
    def _rows(self) -> tuple[slice, ...]:
        """Return, by side, where in the map that goes in the windows have their middle."""
        first = 0 if self.zeros is None else self.kernel // 2 - self.zeros
        return tuple(slice(first, side - first, self.stride) for side in self.shape)

    @property
    def middles(self) -> NDArray[np.int64]:
        """Return that as numbers of positions, counted row by row."""
        return np.arange(math.prod(self.shape)).reshape(self.shape)[self._rows].ravel()

    @property
    def centred(self) -> bool:
        """Return whether there is a window around every position."""
        return self.made == self.shape

    @property
    def returned(self) -> tuple[int, ...]:
        """Return the sides of the map that comes out, behind all pools."""
        sides = [pool.after for pool in (*self.early, *self.pools) if pool.after]
        return sides[-1] if sides else self.made

    @property
    def measured_only(self) -> bool:
        """Return whether no theory knows how the gradient passes from the next weights back to these.

        What reaches an activation through a mean is normal, through a maximum or dropout not.
        """
        lost = bool(self.early) and not (self.inner > 0 and all(pool.kind == "mean" for pool in self.early))
        return lost or any(pool.kind == "max" for pool in self.pools)

    @property
    def averaged(self) -> bool:
        """Return whether theory knows what a mean in front of the activation does."""
        return bool(self.early) and not self.measured_only

    @property
    def sigmas(self) -> tuple[float, float]:
        """Return (σ_w, σ_b)."""
        return scales_of(self.layer)

    @property
    def channels(self) -> tuple[int, int]:
        """Return the channels that go in and come out."""
        return self.layer.weight.shape[1] // self.kernel ** len(self.shape), len(self.layer.weight)

    def before_pools(self, gradient: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
        """Return the squared gradient by position behind the activation, from that where the next weights read.

        Behind the product itself where there is a mean in between, and an activation of mean squared `slope`.  What a
        linear layer reads of a map it reads evenly, and so is what max pooling gives back taken to be.
        """
        places = math.prod(self.made if self.measured_only else self.returned)
        if len(gradient) != places:
            gradient = np.full(places, gradient.sum() / places)
        for pool in () if self.measured_only else reversed(self.pools):
            gradient = pool.back(gradient)
        if not self.averaged:
            return gradient
        gradient = slope * gradient
        for pool in reversed(self.early):
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
        return Filter(number, layer_of(call), (1,), 1, 1, None, square, flat=True)
    if call.operation != "convolution" or call.function or (module := modules.get(call.name)) is None:
        return None
    (kernel, *more), (stride, *strides), sides = module.kernel_size, module.stride, len(module.kernel_size)
    said = {"same": (kernel // 2,), "valid": (0,)}.get(module.padding, module.padding)
    periodic = module.padding_mode == "circular"
    fits = (
        kernel % 2 == 1 and len(set(said)) == 1 and (said[0] == kernel // 2 or (not periodic and said[0] < kernel // 2))
    )
    plain = module.groups == 1 and set(module.dilation) == {1} and set(more) <= {kernel} and set(strides) <= {stride}
    if not (plain and fits and (periodic or module.padding_mode == "zeros")):
        return None
    zeros = None if periodic else said[0]
    one = Filter(number, layer_of(call), call.read[-sides:], kernel, stride, zeros, square)
    return one if one.made == call.shape[-sides:] else None
