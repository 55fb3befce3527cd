"""The convolutions of this package that the calls of a watched module are, and the layers behind them, in a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import VgtheoryError
from vgtheory.model.blocks import conv, dense, residual
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block, on_maps
from vgtheory.model.steps import Ask
from vgtheory.model.weights import Weights
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.comparison import Comparison
from vgtheory.study.inspection.functions import of_the_catalogue
from vgtheory.study.inspection.modules.filters import Filter, filter_of, follows
from vgtheory.study.inspection.modules.recognised import Link, distribution, kept, scale_beside_critical
from vgtheory.study.inspection.modules.unrecognised import between
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.asymptotics.programs.padding import padding_factor
from vgtheory.theory.asymptotics.programs.stacks import Layer as LimitLayer
from vgtheory.theory.asymptotics.programs.stacks import Size, back, through

_MOST = 2**22  # positions times taps times layers that a prediction follows
_WORTH, _SHARE = math.log(3), 0.1  # change, and share of the whole, that are worth a word


@dataclass(frozen=True, eq=False)
class Maps:
    """Convolutions φ(W * x + b), or x + φ(W * x + b), and linear layers behind them: the longest such part of a model.

    With a `norm`, φ(norm(W * x + b)).  `beyond` says what stands between them and the others; "" where they are all.
    """

    filters: tuple[Filter, ...]
    function: str
    probe: tuple[float, ...]
    skip: bool
    norm: str
    beyond: str

    @property
    def unknown(self) -> str:
        """Return in words what of the model theory has nothing to say of; "" of all."""
        first, last = (f.layer.name for f in (self.filters[0], self.filters[-1]))
        if self.norm:
            last = [f.layer.name for f in self.filters if not f.flat][-1]
            named = first if first == last else f"{first} to {last}"
            missing = (
                "their mean field hangs on how all positions of all samples are correlated, which is not worked out"
            )
            return f"convolutions with {self.norm} norm, {named}: {missing}"
        pooled = [f.layer.name for f in self.filters[:-1] if f.measured_only]
        gaps = f", but no max pooling nor windows that overlap: behind {', '.join(pooled)}" if pooled else ""
        ends = f"; {self.beyond}" if self.beyond else ""
        return f"theory covers {first} to {last}{gaps}{ends}" if gaps or ends else ""

    def network(self) -> BlockNetwork | None:
        """Return the network that they are; None unless they are all alike, and alone with a last layer.

        Besides the channels that the first reads.
        """
        act = of_the_catalogue(self.function, self.probe)
        filters = self.filters[:-1] if self.filters[-1].flat else self.filters
        inner = filters[1:]
        shapes = {(f.shape, f.kernel, f.centred, f.zeros is None, f.channels[1], f.flat) for f in filters}
        pooled = any(f.pools or f.early for f in filters[:-1]) or bool(filters[-1].early)
        if act is None or self.beyond or pooled or not inner or len(shapes) != 1:
            return None
        ((shape, _, centred, _, channels, flat),) = shapes
        weights = distribution([f.layer for f in filters])
        if weights is None or flat or not centred or any(f.channels[0] != channels for f in inner):
            return None
        block = self._block(act, inner[0], weights)
        return BlockNetwork(block, channels, len(filters), shape=shape)

    def theory(self, table: xr.Dataset) -> Comparison | None:
        """Return ln of the gradient norm at the layers, as measured and as predicted; None without a prediction.

        Each has the scales of its own weights; mean squares by position, width → ∞, behind pooling those that were
        measured.  No mean field knows batch norm.
        """
        predicted = self._predicted()
        if predicted is None:
            return None
        rows = table.sel(call=[f.number for f in self.filters])
        measured = rows.log_gradient_norm.values
        gaps = np.array([f.measured_only for f in self.filters[:-1]], dtype=bool)
        return Comparison("call", rows.name.values, rows.call.values, measured, predicted, gaps)

    def causes(self, log_change: float) -> tuple[Cause, ...]:
        """Return what theory blames: scales that are not critical, zeros around small maps.

        These leave a share λ of the mean square per layer, by the map's size (exactly, in the long run, of ReLU).
        """
        if self.norm:
            return ()
        act = of_the_catalogue(self.function, self.probe)
        middle = sorted(self.filters[1:], key=lambda f: f.sigmas[0])[(len(self.filters) - 1) // 2]
        found = () if act is None else scale_beside_critical(act, middle.sigmas)
        cost = sum(_kept(f.kernel, side) for f in self.filters[1:] if f.centred and f.zeros for side in f.shape) / 2
        if cost > min(-_WORTH, -_SHARE * abs(log_change)):
            return found
        smallest = " × ".join(map(str, min(f.shape for f in self.filters)))
        return (*found, Cause("padding", numbers={"cost": cost}, names=(smallest,)))

    def _block(self, act: Any, one: Filter, weights: Weights) -> Block:
        act = activation("x") if one.averaged else act  # what stands behind the mean is asked for alone
        if one.flat:
            block = dense(act, weights)
        else:
            padding, norm = "circular" if one.zeros is None else "zeros", self.norm or None
            block = conv(act, weights, one.kernel, padding, norm)  # type: ignore[arg-type]
        return residual(block) if self.skip else block

    def _predicted(self) -> np.ndarray | None:
        """Return ln of the gradient norm at what comes out of each matrix."""
        act = of_the_catalogue(self.function, self.probe)
        work = sum(math.prod(f.shape) * f.kernel ** len(f.shape) for f in self.filters)
        if act is None or work > _MOST:
            return None
        blocks = [self._block(act, f, Weights.gaussian(*f.sigmas)) for f in self.filters]
        blocks = [
            block if f.flat else on_maps(block, len(f.shape)) for f, block in zip(self.filters, blocks, strict=True)
        ]
        try:
            layers = self._forward(blocks)
        except VgtheoryError:
            return None
        return self._backward(act, blocks, layers)

    def _forward(self, blocks: Sequence[Block]) -> list[LimitLayer]:
        """Return the layers in the limit; behind pooling they start from the mean square that was measured there."""
        layers: list[LimitLayer] = []
        size: Size | None = None
        for one, block in zip(self.filters, blocks, strict=True):
            if size is None:
                size = _started(one, block)
            elif one.flat:
                size = Size(*(values.mean(keepdims=True) for values in (size.mean, size.square)))
            layers.append(through(block, size, 1, 1, one.shape))
            whole = layers[-1].sizes[block.streams[0][1]]
            size = Size(whole.mean[one.middles], whole.square[one.middles])
            if one.early or any(pool.kind != "drop" for pool in one.pools):
                size = None
            elif one.pools:
                size = Size(size.mean, size.square / math.prod(pool.keep for pool in one.pools))
        return layers

    def _backward(self, act: Activation, blocks: Sequence[Block], layers: Sequence[LimitLayer]) -> np.ndarray | None:
        last = len(self.filters[-1].middles)
        gradient, scale, logs = np.full(last, 1 / last), 0.0, []
        for one, block, layer in reversed(list(zip(self.filters, blocks, layers, strict=True))):
            after = np.zeros(math.prod(one.shape))
            after[one.middles] = one.before_pools(gradient, _slope(act, one.inner) if one.averaged else 1.0)
            back(block, layer, after)
            (at,) = (step.out[0] for step in block.steps if isinstance(step, Ask))
            gradient = layer.gradients[block.carried[0]]
            totals = float(layer.gradients[at].sum()), float(gradient.sum())
            if not min(totals) > 0:
                return None
            logs.append(scale + math.log(totals[0]) / 2)
            gradient, scale = gradient / totals[1], scale + math.log(totals[1]) / 2
        return np.array(logs[::-1])


def _started(one: Filter, block: Block) -> Size:
    """Return the same mean square everywhere that makes what comes out of a matrix as large as it was measured."""
    empty, (sigma_w, sigma_b) = np.zeros(math.prod(one.shape)), one.sigmas
    layer = through(block, Size(empty, empty + 1), 1, 1, one.shape)
    (at,) = (step.out[0] for step in block.steps if isinstance(step, Ask))
    read = float(layer.sizes[at].square[one.middles].mean()) - sigma_b**2
    return Size(empty, empty + (max(one.square - sigma_b**2, 0.0) / read if sigma_w > 0 else 1.0))


def _slope(act: Activation, square: float) -> float:
    """Return E φ'² over normal numbers of a mean square."""
    block = dense(act, Weights.gaussian(1))
    layer = through(block, Size(np.zeros(1), np.full(1, square)), 1, 1)
    back(block, layer, np.ones(1))
    return float(layer.gradients[block.carried[0]][0])


@cache
def _kept(kernel: int, side: int) -> float:
    """Return ln λ of zeros around a row."""
    return math.log(float(padding_factor(kernel, side).value()))


def maps_of(calls: Sequence[Call], links: Sequence[Link | None], modules: dict[str, Any]) -> Maps | None:
    """Return the longest run of convolutions and of linear layers behind them, each behind the activation of the last.

    None below two, and without a convolution.
    """
    filters = [filter_of(k, call, modules) for k, call in enumerate(calls, 1)]
    runs: list[list[int]] = [[]]
    for k, one in enumerate(filters):
        link = links[k - 1] if k else None
        before = filters[k - 1] if k else None
        first = links[runs[-1][0]] if len(runs[-1]) > 1 else link
        if link is not None and before is not None:
            inner = link.function.rms**2
            filters[k - 1] = before = replace(before, pools=link.pools, early=link.early, inner=inner)
        if one is None:
            runs.append([])
        elif runs[-1] and link is not None and first is not None and link.like(first) and follows(before, one):
            runs[-1].append(k)
        else:
            runs.append([k])
    best = max(runs, key=len)
    found = tuple(one for k in best if (one := filters[k]) is not None)
    link = links[best[0]] if len(best) > 1 else None
    if link is None or len({calls[k].name for k in best}) < len(best) or found[0].flat:
        return None
    found = tuple(replace(one, layer=kept(one.layer)) for one in found)
    function = link.function
    found = (*found[:-1], replace(found[-1], pools=(), early=()))  # what comes behind is not looked at
    return Maps(found, function.name, function.probe, link.skip, link.norm, _beyond(calls, best))


def _beyond(calls: Sequence[Call], run: Sequence[int]) -> str:
    """Return what stands before and behind a run of calls; "" of all but the last."""
    ends = [(run[0] - 1, run[0])] * (run[0] > 0) + [(run[-1], run[-1] + 1)] * (run[-1] < len(calls) - 2)
    return "; ".join(between(calls[one], calls[two], calls) for one, two in ends)
