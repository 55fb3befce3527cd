"""The convolutions of this package that the calls of a watched module are, where one follows the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import VgtheoryError
from vgtheory.model.blocks import conv, residual
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block, on_maps
from vgtheory.model.steps import Ask
from vgtheory.model.weights import Weights
from vgtheory.model.windows import strided
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.comparison import Comparison
from vgtheory.study.inspection.functions import of_the_catalogue
from vgtheory.study.inspection.modules.recognised import (
    Link,
    distribution,
    layer_of,
    scale_beside_critical,
    scales_of,
)
from vgtheory.study.inspection.modules.unrecognised import between
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.study.inspection.weights.chain import Layer
from vgtheory.theory.asymptotics.programs.padding import padding_factor
from vgtheory.theory.asymptotics.programs.stacks import Size, back, through

_KINDS = ("Conv1d", "Conv2d")
_MOST = 2**22  # positions times taps times layers that a prediction follows
_WORTH, _SHARE = math.log(3), 0.1  # change, and share of the whole, that are worth a word


@dataclass(frozen=True, eq=False)
class Filter:
    """A convolution as it was when seen: `number` of its call, the map that goes in, how the window moves."""

    number: int
    layer: Layer
    shape: tuple[int, ...]
    kernel: int
    stride: int
    zeros: bool

    @property
    def sigmas(self) -> tuple[float, float]:
        """Return (σ_w, σ_b)."""
        return scales_of(self.layer)

    @property
    def channels(self) -> tuple[int, int]:
        """Return the channels that go in and come out."""
        return self.layer.weight.shape[1] // self.kernel ** len(self.shape), len(self.layer.weight)


@dataclass(frozen=True, eq=False)
class Maps:
    """Convolutions φ(W * x + b), or x + φ(W * x + b), one after another: the longest such part of a model.

    With a `norm`, φ(norm(W * x + b)).  `square` is the mean square of what comes out of the first; `beyond` says what
    stands between them and the others; "" where they are all calls but the last.
    """

    filters: tuple[Filter, ...]
    function: str
    probe: tuple[float, ...]
    skip: bool
    norm: str
    square: float
    beyond: str

    def network(self) -> BlockNetwork | None:
        """Return the network that they are; None unless they are all alike, and alone with a last layer.

        Besides the first, which may read other channels.
        """
        act, inner = of_the_catalogue(self.function, self.probe), self.filters[1:]
        shapes = {(f.shape, f.kernel, f.stride, f.zeros, f.channels) for f in inner}
        (shape, _, stride, _, channels), *others = shapes
        if act is None or self.beyond or others or stride > 1 or channels[0] != channels[1]:
            return None
        weights = distribution([f.layer for f in self.filters])
        if weights is None:
            return None
        block = self._block(act, inner[0], weights, inner[0].zeros)
        return BlockNetwork(block, channels[0], len(self.filters), shape=shape)

    def theory(self, table: xr.Dataset) -> Comparison | None:
        """Return ln of the gradient norm at the convolutions, as measured and as predicted; None without a prediction.

        Each has the scales of its own weights; mean squares by position, width → ∞.  No mean field knows batch norm.
        """
        predicted = self._predicted()
        if predicted is None:
            return None
        rows = table.sel(call=[f.number for f in self.filters])
        return Comparison("call", rows.name.values, rows.call.values, rows.log_gradient_norm.values, predicted)

    def causes(self, log_change: float) -> tuple[Cause, ...]:
        """Return what theory blames: scales that are not critical, zeros around small maps.

        These leave a share λ of the mean square per layer, by the map's size (exactly, in the long run, of ReLU).
        """
        if self.norm:
            return ()
        act = of_the_catalogue(self.function, self.probe)
        middle = sorted(self.filters[1:], key=lambda f: f.sigmas[0])[len(self.filters) // 2 - 1]
        found = () if act is None else scale_beside_critical(act, middle.sigmas)
        cost = sum(_kept(f.kernel, side) for f in self.filters[1:] if f.zeros for side in f.shape) / 2
        if cost > min(-_WORTH, -_SHARE * abs(log_change)):
            return found
        smallest = " × ".join(map(str, min(f.shape for f in self.filters)))
        return (*found, Cause("padding", numbers={"cost": cost}, names=(smallest,)))

    def _block(self, act: Any, one: Filter, weights: Weights, zeros: bool) -> Block:
        padding, norm = "zeros" if zeros else "circular", self.norm or None
        block = conv(act, weights, one.kernel, padding, norm, stride=one.stride)  # type: ignore[arg-type]
        return residual(block) if self.skip else block

    def _predicted(self) -> np.ndarray | None:
        """Return ln of the gradient norm at what comes out of each matrix."""
        act = of_the_catalogue(self.function, self.probe)
        work = sum(math.prod(f.shape) * f.kernel ** len(f.shape) for f in self.filters)
        if act is None or work > _MOST:
            return None
        sigma_w, sigma_b = self.filters[0].sigmas
        start = max(self.square - sigma_b**2, 0.0) / sigma_w**2 if sigma_w > 0 else 1.0
        empty = np.zeros(math.prod(self.filters[0].shape))
        size, layers = Size(empty, empty + start), []
        try:
            for one in self.filters:
                block = self._block(act, one, Weights.gaussian(*one.sigmas), one.zeros)
                block = on_maps(block, len(one.shape))
                layers.append((block, through(block, size, 1, 1, one.shape)))
                size = layers[-1][1].sizes[block.streams[0][1]]
        except VgtheoryError:
            return None
        gradient, scale, logs = np.full(size.square.size, 1 / size.square.size), 0.0, []
        for block, layer in reversed(layers):
            back(block, layer, gradient)
            (at,) = (step.out[0] for step in block.steps if isinstance(step, Ask))
            gradient = layer.gradients[block.carried[0]]
            totals = float(layer.gradients[at].sum()), float(gradient.sum())
            if not min(totals) > 0:
                return None
            logs.append(scale + math.log(totals[0]) / 2)
            gradient, scale = gradient / totals[1], scale + math.log(totals[1]) / 2
        return np.array(logs[::-1])


@cache
def _kept(kernel: int, side: int) -> float:
    """Return ln λ of zeros around a row."""
    return math.log(float(padding_factor(kernel, side).value()))


def maps_of(
    calls: Sequence[Call], links: Sequence[Link | None], modules: dict[str, Any], parameters: dict[str, Any]
) -> Maps | None:
    """Return the longest run of convolutions, each behind the activation of the one before it; None below two."""
    filters = [_filter(k, call, modules, parameters) for k, call in enumerate(calls, 1)]
    runs: list[list[int]] = [[]]
    for k, one in enumerate(filters):
        link = links[k - 1] if k else None
        first = links[runs[-1][0]] if len(runs[-1]) > 1 else link
        fits = bool(runs[-1]) and link is not None and first is not None and link.like(first)
        if one is None:
            runs.append([])
        elif fits and _follows(filters[k - 1], one):
            runs[-1].append(k)
        else:
            runs.append([k])
    best = max(runs, key=len)
    names = {calls[k].name for k in best}
    link = links[best[0]] if len(best) > 1 else None
    if link is None or len(names) < len(best):
        return None
    found = tuple(one for k in best if (one := filters[k]) is not None)
    square, function = calls[best[0]].rms ** 2, link.function
    return Maps(found, function.name, function.probe, link.skip, link.norm, square, _beyond(calls, best))


def _beyond(calls: Sequence[Call], run: Sequence[int]) -> str:
    """Return what stands before and behind a run of calls; "" of all but the last."""
    ends = [(run[0] - 1, run[0])] * (run[0] > 0) + [(run[-1], run[-1] + 1)] * (run[-1] < len(calls) - 2)
    return "; ".join(between(calls[one], calls[two], calls) for one, two in ends)


def _follows(before: Filter | None, after: Filter) -> bool:
    """Return whether a convolution takes the map that the one before it gives."""
    return before is not None and strided(before.shape, before.stride) == after.shape


def _filter(number: int, call: Call, modules: dict[str, Any], parameters: dict[str, Any]) -> Filter | None:
    """Return the convolution that a call is; None unless its window is one of this package's."""
    if call.kind not in _KINDS or call.function or (module := modules.get(call.name)) is None:
        return None
    layer = layer_of(call, parameters)
    (kernel, *more), (stride, *strides) = module.kernel_size, module.stride
    zeros = module.padding_mode == "zeros"
    padding = module.padding if isinstance(module.padding, tuple) else (kernel // 2,) * len(module.kernel_size)
    centred = kernel % 2 == 1 and set(padding) == {kernel // 2} and module.padding != "valid"
    plain = module.groups == 1 and set(module.dilation) == {1} and set(more) <= {kernel} and set(strides) <= {stride}
    if layer is None or not (plain and centred and (zeros or module.padding_mode == "circular")):
        return None
    after = call.shape[-len(module.kernel_size) :]
    shape = call.read[-len(module.kernel_size) :]
    right = strided(shape, stride) == after
    return Filter(number, layer, shape, kernel, stride, zeros) if right else None
