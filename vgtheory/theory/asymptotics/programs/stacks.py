"""Mean field of stacks of blocks, width → ∞: mean squares of streams and of their gradients, step by step.

The program is read forward with means and mean squares instead of numbers: an Ask makes independent normal components
of variance σ_w²E x² + σ_b², a Map takes Gaussian means, a norm divides, an Add adds squares and means.  Backward the
squared gradient is multiplied by σ_w² (Ask), E(∂map)² (Map), 1/s² (norm) and the factors' squares (Add).  Exact up to
O(1/width); of a pre-norm stream it gives ∏(1 + a²B/q_l), of a post-norm one (1 + a²B)/(1 + a²F) per layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import sympy as sp

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.model.program import Add, Ask, Block, Map, Mix
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.theory.asymptotics.programs.unit_products import derivative, mean, polynomial


@dataclass(frozen=True)
class Size:
    """What is known of a stream's components: their mean, their mean square, and whether a matrix made them."""

    mean: float
    square: float
    normal: bool = False


@dataclass
class Layer:
    """One layer in the limit: sizes of its streams, and the squared gradient at each per unit at the block's result."""

    width: int
    depth: int
    sizes: dict[str, Size]
    gradients: dict[str, float]
    weights: float = 0.0


@dataclass(frozen=True)
class BlockGains:
    """What a block does to a stream of mean square 1: the numbers F, B and D = B/F of the sub-layer law.

    Parameters
    ----------
    length : F, mean square of the components of the result.
    gradient : B, factor of the squared gradient norm from result to argument.
    """

    length: float
    gradient: float

    @property
    def ratio(self) -> float:
        """Return D = B/F: a pre-norm stream has |g_0|²/|g_L|² ≈ (q_L/q_0)^D."""
        return self.gradient / self.length


def block_gains(block: Block) -> BlockGains:
    """Return F and B of a block over one stream, at a stream of mean square 1.

    Raises UnsupportedError for recurrent cells, and for maps whose means are not known.

    Examples
    --------
    >>> from vgtheory.model.blocks import gated
    >>> from vgtheory.model.weights import Weights
    >>> w = Weights.gaussian(1)
    >>> round(block_gains(gated("relu", w, w, w)).ratio, 9)  # ReGLU: one more than ReLU
    2.0
    """
    require_stack(block)
    layer = through(block, Size(0.0, 1.0), width=1, depth=1)
    return BlockGains(layer.sizes[block.streams[0][1]].square, layer.gradients[block.carried[0]])


def require_stack(block: Block) -> None:
    """Raise UnsupportedError unless the block is a layer of a stack over one stream."""
    if block.recurrent or len(block.carried) != 1:
        raise UnsupportedError(
            f"the gains of {block.name}, a recurrent cell, whose steps depend on each other; use vg.critical, or "
            "vg.predict of a network"
        )


def through(block: Block, start: Size, width: int, depth: int) -> Layer:
    """Return one layer in the limit of large width, from the size of the stream that comes in.

    `width` only sets the unit of the matrices' gradients, `depth` the factors that depend on it.
    """
    layer = Layer(width, depth, {block.carried[0]: start}, {})
    for step in block.steps:
        forward(step, layer, block)
    layer.gradients = {block.streams[0][1]: 1.0}
    for step in reversed(block.steps):
        backward(step, layer, block)
    layer.gradients.setdefault(block.carried[0], 0.0)
    return layer


@singledispatch
def forward(step: Any, layer: Layer, block: Block) -> None:
    """Write the sizes of the streams that a step gives."""
    raise UnsupportedError(f"the mean field of {step!r}")


@forward.register
def _(step: Ask, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    sigma_w, sigma_b = _scales(matrix, layer.width)
    size = Size(0.0, sigma_w**2 * layer.sizes[step.x].square + sigma_b**2, normal=True)
    layer.sizes.update(dict.fromkeys(step.out, size))


@forward.register
def _(step: Map, layer: Layer, block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        form, variances = polynomial(expr), _variances(expr, layer)
        layer.sizes[name] = Size(mean(form, variances), mean(form**2, variances))


@forward.register
def _(step: Mix, layer: Layer, block: Block) -> None:
    if step.kind not in ("layer", "rms"):
        raise UnsupportedError(f"the mean field of a source of random numbers in {block.name}; use vg.simulate")
    size = layer.sizes[step.x[0]]
    spread = _spread(step, size)
    centre = 0.0 if step.kind == "layer" or spread == 0 else size.mean / spread**0.5
    layer.sizes[step.out[0]] = Size(centre, float(spread > 0), normal=size.normal)


@forward.register
def _(step: Add, layer: Layer, block: Block) -> None:
    keep, scale = _factors(step, layer)
    x, y = layer.sizes[step.x], layer.sizes[step.y]
    square = keep**2 * x.square + scale**2 * y.square + 2 * keep * scale * x.mean * y.mean
    layer.sizes[step.out[0]] = Size(keep * x.mean + scale * y.mean, square)


@singledispatch
def backward(step: Any, layer: Layer, block: Block) -> None:
    """Pass squared gradients at a step's results on to what it read."""
    raise UnsupportedError(f"the mean field of {step!r}")


@backward.register
def _(step: Ask, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    square = sum(layer.gradients.get(name, 0.0) for name in step.out)
    layer.weights += square * layer.sizes[step.x].square * matrix.inputs * layer.width
    _give(layer, step.x, _scales(matrix, layer.width)[0] ** 2 * square)


@backward.register
def _(step: Map, layer: Layer, block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        form, variances = polynomial(expr), _variances(expr, layer)
        for symbol in variances:
            slope = mean(derivative(form, symbol) ** 2, variances)
            _give(layer, symbol.name, slope * layer.gradients.get(name, 0.0))


@backward.register
def _(step: Mix, layer: Layer, block: Block) -> None:
    if step.kind in ("layer", "rms"):
        spread = _spread(step, layer.sizes[step.x[0]])
        _give(layer, step.x[0], layer.gradients.get(step.out[0], 0.0) / spread if spread > 0 else 0.0)


@backward.register
def _(step: Add, layer: Layer, block: Block) -> None:
    keep, scale = _factors(step, layer)
    square = layer.gradients.get(step.out[0], 0.0)
    _give(layer, step.x, keep**2 * square)
    _give(layer, step.y, scale**2 * square)


def _give(layer: Layer, name: str, square: float) -> None:
    layer.gradients[name] = layer.gradients.get(name, 0.0) + square


def _scales(matrix: Any, width: int) -> tuple[float, float]:
    sigma_w, sigma_b = matrix.weights.sigma_at(matrix.inputs * width, matrix.outputs * width)
    return float(sigma_w), float(sigma_b)


def _factors(step: Add, layer: Layer) -> tuple[float, float]:
    at = {depth_symbol: layer.depth}
    return float(step.keep.subs(at)), float(step.scale.subs(at))


def _spread(step: Mix, size: Size) -> float:
    return size.square - (size.mean**2 if step.kind == "layer" else 0.0)


def _variances(expr: sp.Expr, layer: Layer) -> dict[sp.Symbol, float]:
    """Return the variances of the streams of a map, which must be answers of matrices."""
    found = {}
    for symbol in sorted(expr.free_symbols, key=str):
        size = layer.sizes[symbol.name]
        if not size.normal:
            raise UnsupportedError(f"the mean field of {expr}: {symbol} is not the answer of a matrix; use vg.simulate")
        found[symbol] = size.square
    return found


def stack_profile(block: Block, width: int, depth: int) -> dict[str, np.ndarray]:
    """Return by layer: ``square`` (0..L), ln of squared gradients ``gradient`` (0..L) and of the matrices' ``weights``.

    Raises NoSolutionError where the lengths leave the range of float64.
    """
    require_stack(block)
    size, squares, gains, weights = Size(0.0, 1.0), [1.0], [], []
    for index in range(depth):
        layer = through(block, size, width, depth)
        size = layer.sizes[block.streams[0][1]]
        if not np.isfinite(size.square):
            raise NoSolutionError(
                f"the stream of {block.name} overflows at layer {index + 1}; add a norm, or scale the branches"
            )
        squares.append(size.square)
        gains.append(layer.gradients[block.carried[0]])
        weights.append(layer.weights)
    with np.errstate(divide="ignore"):
        steps = np.log(gains)
        after = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
        return {"square": np.array(squares), "gradient": after, "weights": after[1:] + np.log(weights)}
