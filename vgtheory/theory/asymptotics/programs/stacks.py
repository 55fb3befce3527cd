"""Mean field of stacks of blocks, width → ∞: mean squares of streams and of their gradients, step by step.

The program is read forward with means and mean squares instead of numbers, for every position of a map: an Ask makes
independent normal components of variance σ_w²E x² + σ_b², a Map takes Gaussian means, a norm divides, an Add adds
squares and means.  A window has what each of its taps reads, (tap, position), and an Ask takes their average, or the
middle tap.  Backward the squared gradient is multiplied by σ_w² (Ask), E(∂map)² (Map), 1/s² (norm) and the factors'
squares (Add), and every tap gives its share back to where it read: gradients at different positions stay uncorrelated,
since taps have independent weights.  Exact up to O(1/width); of a pre-norm stream it gives ∏(1 + a²B/q_l), of a
post-norm one (1 + a²B)/(1 + a²F) per layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix
from vgtheory.model.windows import neighbours, strided
from vgtheory.theory.asymptotics.programs.unit_products import derivative, mean, polynomial


@dataclass(frozen=True)
class Size:
    """What is known of a stream's components by position: their mean, mean square, and whether a matrix made them.

    Of a window: of what each tap reads, (tap, position).
    """

    mean: Array
    square: Array
    normal: bool = False


@dataclass
class Layer:
    """One layer in the limit: sizes of its streams, and by position the squared gradient at each of them."""

    width: int
    depth: int
    shape: tuple[int, ...]
    sizes: dict[str, Size]
    gradients: dict[str, Array] = field(default_factory=dict)
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
    if block.mixes("attention") or any(step.options[1] for step in block.mixes("window")):
        raise UnsupportedError(
            f"the gains of {block.name}, which depend on its other tokens or positions; use vg.predict of a network"
        )
    layer = through(block, UNIT, width=1, depth=1)
    back(block, layer, np.ones(1))
    return BlockGains(float(layer.sizes[block.streams[0][1]].square[0]), float(layer.gradients[block.carried[0]][0]))


UNIT = Size(np.zeros(1), np.ones(1))


def require_stack(block: Block) -> None:
    """Raise UnsupportedError unless the block is a layer of a stack over one stream."""
    if block.recurrent or len(block.carried) != 1:
        raise UnsupportedError(
            f"the gains of {block.name}, a recurrent cell, whose steps depend on each other; use vg.critical, or "
            "vg.predict of a network"
        )


def through(block: Block, start: Size, width: int, depth: int, shape: tuple[int, ...] = (1,)) -> Layer:
    """Return one layer in the limit of large width, from the size of the stream that comes in.

    `width` only sets the unit of the matrices' gradients, `depth` the factors that depend on it.
    """
    layer = Layer(width, depth, shape, {block.carried[0]: start})
    for step in block.steps:
        forward(step, layer, block)
    return layer


def back(block: Block, layer: Layer, after: Array) -> None:
    """Write the squared gradients of a layer's streams from those after it."""
    layer.gradients = {block.streams[0][1]: after}
    for step in reversed(block.steps):
        backward(step, layer, block)
    layer.gradients.setdefault(block.carried[0], np.zeros_like(after))


@singledispatch
def forward(step: Any, layer: Layer, block: Block) -> None:
    """Write the sizes of the streams that a step gives."""
    raise UnsupportedError(f"no mean field is worked out for a step {type(step).__name__}")


@forward.register
def _(step: Ask, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    sigma_w, sigma_b = matrix.sigmas(layer.width, layer.depth)
    square = sigma_w**2 * _read(matrix, layer.sizes[step.x].square) + sigma_b**2
    layer.sizes.update(dict.fromkeys(step.out, Size(np.zeros_like(square), square, normal=True)))


def _read(matrix: Matrix, square: Array) -> Array:
    """Return the mean square by position of what the entries of a matrix read, of all taps or of the middle one."""
    if square.ndim == 1:
        return square
    return square[len(square) // 2] if matrix.centre else square.mean(axis=0)


@forward.register
def _(step: Map, layer: Layer, block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        form, variances = polynomial(expr), _variances(expr, layer)
        layer.sizes[name] = Size(mean(form, variances), mean(form**2, variances))


@forward.register
def _(step: Mix, layer: Layer, block: Block) -> None:
    layer.sizes[step.out[0]] = _mixed(step, layer, block)


def _mixed(step: Mix, layer: Layer, block: Block) -> Size:
    if step.kind == "window":
        size = layer.sizes[step.x[0]]
        table = _table(step, layer, block)
        return Size(np.append(size.mean, 0.0)[table], np.append(size.square, 0.0)[table])
    if step.kind == "attention":  # of one token, or of tokens that are alike
        return layer.sizes[step.x[2]]
    if step.kind not in ("layer", "rms"):
        raise UnsupportedError(f"the mean field of {step.kind} in {block.name}; use vg.simulate")
    size = layer.sizes[step.x[0]]
    spread = _spread(step, size)
    centre = np.zeros_like(spread) if step.kind == "layer" else size.mean * _inverse(spread) ** 0.5
    return Size(centre, (spread > 0).astype(float), normal=size.normal)


def _table(step: Mix, layer: Layer, block: Block) -> NDArray[np.int64]:
    """Return (tap, result) the positions that the taps of a window read."""
    kernel, zeros, _, stride = step.options
    return neighbours(strided(layer.shape, block.strides[step.x[0]]), kernel, bool(zeros), stride)


@forward.register
def _(step: Add, layer: Layer, block: Block) -> None:
    keep, scale = step.factors(layer.depth)
    x, y = layer.sizes[step.x], layer.sizes[step.y]
    square = keep**2 * x.square + scale**2 * y.square + 2 * keep * scale * x.mean * y.mean
    made = x.normal and y.normal and step.x != step.y  # answers of different matrices
    layer.sizes[step.out[0]] = Size(keep * x.mean + scale * y.mean, square, normal=made)


@singledispatch
def backward(step: Any, layer: Layer, block: Block) -> None:
    """Pass squared gradients at a step's results on to what it read."""
    raise UnsupportedError(f"no mean field is worked out for a step {type(step).__name__}")


@backward.register
def _(step: Ask, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    square = sum((layer.gradients[name] for name in step.out if name in layer.gradients), np.zeros(1))
    read = layer.sizes[step.x].square
    taps = len(read) if read.ndim > 1 else 1
    layer.weights += float((square * read).sum()) * (matrix.inputs // taps) * layer.width
    given = matrix.sigmas(layer.width, layer.depth)[0] ** 2 * square
    if read.ndim > 1:
        shares = np.arange(taps) == taps // 2 if matrix.centre else np.full(taps, 1 / taps)
        given = shares[:, None] * given
    _give(layer, step.x, given)


@backward.register
def _(step: Map, layer: Layer, block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        form, variances = polynomial(expr), _variances(expr, layer)
        for symbol in variances:
            slope = mean(derivative(form, symbol) ** 2, variances)
            _give(layer, symbol.name, slope * layer.gradients.get(name, np.zeros(1)))


@backward.register
def _(step: Mix, layer: Layer, block: Block) -> None:
    given = layer.gradients.get(step.out[0])
    if given is None:
        return
    if step.kind == "window":
        total = np.zeros(layer.sizes[step.x[0]].square.size + 1)
        np.add.at(total, _table(step, layer, block), given)
        _give(layer, step.x[0], total[:-1])
    elif step.kind == "attention":
        _give(layer, step.x[2], given)
    else:
        _give(layer, step.x[0], given * _inverse(_spread(step, layer.sizes[step.x[0]])))


@backward.register
def _(step: Add, layer: Layer, block: Block) -> None:
    keep, scale = step.factors(layer.depth)
    square = layer.gradients.get(step.out[0], np.zeros(1))
    _give(layer, step.x, keep**2 * square)
    _give(layer, step.y, scale**2 * square)


def _give(layer: Layer, name: str, square: Array) -> None:
    layer.gradients[name] = layer.gradients[name] + square if name in layer.gradients else square


def _inverse(spread: Array) -> Array:
    return np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)


def _spread(step: Mix, size: Size) -> Array:
    return size.square - (size.mean**2 if step.kind == "layer" else 0.0)


def _variances(expr: sp.Expr, layer: Layer) -> dict[sp.Symbol, Array]:
    """Return the variances of the streams of a map, which must be answers of matrices."""
    found = {}
    for symbol in sorted(expr.free_symbols, key=str):
        size = layer.sizes[symbol.name]
        if not size.normal:
            raise UnsupportedError(f"the mean field of {expr}: {symbol} is not the answer of a matrix; use vg.simulate")
        found[symbol] = size.square
    return found


def stack_profile(block: Block, width: int, depth: int, shape: tuple[int, ...] = (1,)) -> dict[str, np.ndarray]:
    """Return by layer: ``square`` (0..L), ln of squared gradients ``gradient`` (0..L) and of the matrices' ``weights``.

    Raises NoSolutionError where the lengths leave the range of float64.
    """
    require_stack(block)
    positions = math.prod(shape) if block.mixes("window") else 1  # alike without windows
    layers, size = [], Size(np.zeros(positions), np.ones(positions))
    for index in range(depth):
        with np.errstate(over="ignore", invalid="ignore"):  # said below, with its layer
            layers.append(through(block, size, width, depth, shape))
        size, shape = layers[-1].sizes[block.streams[0][1]], strided(shape, block.stride)
        if not np.isfinite(size.square).all():
            raise NoSolutionError(
                f"the stream of {block.name} overflows at layer {index + 1}; add a norm, or scale the branches"
            )
    squares = [1.0, *(float(layer.sizes[block.streams[0][1]].square.mean()) for layer in layers)]
    last = size.square.size
    gradient, logs, weights = np.full(last, 1.0 / last), [0.0], []
    with np.errstate(divide="ignore"):
        for layer in reversed(layers):
            back(block, layer, gradient)
            weights.append(logs[-1] + np.log(layer.weights))
            gradient = layer.gradients[block.carried[0]]
            total = float(gradient.sum())
            logs.append(logs[-1] + float(np.log(total)))
            gradient = gradient / total if total > 0 else gradient
    return {"square": np.array(squares), "gradient": np.array(logs[::-1]), "weights": np.array(weights[::-1])}
