"""Mean field of stacks in which a map reads a sum with a skip connection, such as the stages of residual networks.

The components of φ(x + W u) are not normal, and the gradient that comes back along the skip connection knows them, so
that E φ'(r_1)² φ'(r_2)² is no product.  Every position has a population of components instead, which are independent of
each other as the width grows: answers of matrices are independent normal numbers, everything else happens component by
component.  Quantiles of the normal distribution in a random order make averages over one stream exact up to 1/n, and
leave errors of some 0.1/√n in those over several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import scipy

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.codegen.map_form import map_form
from vgtheory.kernels.quadrature import Array
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix, Step
from vgtheory.model.windows import neighbours, strided

MOST_UNITS, NUMBERS = 2**14, 2**22  # of a position, and of a stream


def reads_sums(block: Block) -> bool:
    """Return whether some map of a stack reads what is not the answer of a matrix, or a sum or norm of answers.

    >>> from vgtheory.model.blocks import mlp, resnet
    >>> from vgtheory.model.weights import Weights
    >>> [reads_sums(b) for b in (mlp("relu", Weights.he(), Weights.he()), resnet("relu", Weights.he(), norm=None))]
    [False, True]
    """
    made: set[str] = set()
    for step in block.steps:
        if isinstance(step, Map) and not made.issuperset(step.reads):
            return True
        norm = isinstance(step, Mix) and step.kind in ("layer", "rms", "batch")
        if isinstance(step, Ask) or ((norm or isinstance(step, Add)) and made.issuperset(step.reads)):
            made.update(step.out)
    return False


@dataclass
class Layer:
    """One layer: components (position, unit) of its streams, and the squared gradients at them, by unit."""

    width: int
    depth: int
    shape: tuple[int, ...]
    quantiles: Array
    rng: np.random.Generator
    streams: dict[str, Array]
    windows: dict[str, Array] = field(default_factory=dict)  # mean squares (tap, position) of what windows read
    left: dict[int, Any] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    weights: float = 0.0

    def normal(self, square: Array) -> Array:
        """Return new normal components of these mean squares by position."""
        order = self.rng.permuted(np.broadcast_to(self.quantiles, (len(square), len(self.quantiles))), axis=1)
        return np.sqrt(square)[:, None] * order


def population_stack(block: Block, width: int, depth: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return by layer: ``square`` (0..L), ln of squared gradients ``gradient`` (0..L) and of the matrices' ``weights``.

    Raises NoSolutionError where the lengths leave the range of float64, UnsupportedError for steps that are not known.
    """
    positions = math.prod(shape) if block.mixes("window") else 1
    units = int(min(MOST_UNITS, max(256, NUMBERS // positions)))
    quantiles = scipy.special.ndtri((np.arange(units) + 0.5) / units)
    quantiles /= math.sqrt(float(np.mean(quantiles**2)))
    rng = np.random.default_rng([20187])
    at = Layer(width, depth, shape, quantiles, rng, {})
    state, squares, layers = at.normal(np.ones(positions)), [1.0], []
    for index in range(depth):
        layer = Layer(width, depth, shape, quantiles, rng, {block.carried[0]: state})
        for place, step in enumerate(block.steps):
            _forward(step, place, layer, block)
        state, shape = layer.streams[block.streams[0][1]], strided(shape, block.stride)
        squares.append(float(np.mean(state**2)))
        layers.append(layer)
        if not np.isfinite(squares[-1]):
            raise NoSolutionError(
                f"the stream of {block.name} overflows at layer {index + 1}; add a norm, or scale the branches"
            )
    gradient, logs, weights = np.full(state.shape, 1.0 / len(state)), [0.0], []
    with np.errstate(divide="ignore"):
        for layer in reversed(layers):
            layer.gradients = {block.streams[0][1]: gradient}
            for place, step in reversed(list(enumerate(block.steps))):
                _backward(step, place, layer, block)
            weights.append(logs[-1] + np.log(layer.weights))
            gradient = layer.gradients.get(block.carried[0], np.zeros(1))
            total = float(gradient.mean(axis=-1).sum())
            logs.append(logs[-1] + float(np.log(total)))
            gradient = gradient / total if total > 0 else gradient
    return {"square": np.array(squares), "gradient": np.array(logs[::-1]), "weights": np.array(weights[::-1])}


@singledispatch
def _forward(step: Any, place: int, layer: Layer, block: Block) -> None:
    """Write the components of the streams that a step gives."""
    raise UnsupportedError(f"no mean field is worked out for a step {type(step).__name__}")


@_forward.register
def _(step: Ask, place: int, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    sigma_w, sigma_b = matrix.sigmas(layer.width, layer.depth)
    square = sigma_w**2 * _read(matrix, step.x, layer) + sigma_b**2
    layer.streams.update({name: layer.normal(square) for name in step.out})


def _read(matrix: Matrix, x: str, layer: Layer) -> Array:
    """Return the mean square by position of what the entries of a matrix read, of all taps or of the middle one."""
    if x not in layer.windows:
        return np.mean(layer.streams[x] ** 2, axis=1)
    taps = layer.windows[x]
    return taps[len(taps) // 2] if matrix.centre else taps.mean(axis=0)


@_forward.register
def _(step: Map, place: int, layer: Layer, block: Block) -> None:
    form = map_form(step.expressions, step.symbols)
    values, layer.left[place] = form.evaluate(*(layer.streams[name] for name in step.reads))
    layer.streams.update(zip(step.out, values, strict=True))


@_forward.register
def _(step: Add, place: int, layer: Layer, block: Block) -> None:
    keep, scale = step.factors(layer.depth)
    layer.streams[step.out[0]] = keep * layer.streams[step.x] + scale * layer.streams[step.y]


@_forward.register
def _(step: Mix, place: int, layer: Layer, block: Block) -> None:
    x = layer.streams[step.x[0]]
    if step.kind == "window":
        layer.windows[step.out[0]] = np.append(np.mean(x**2, axis=1), 0.0)[_table(step, layer, block)]
    elif step.kind in ("layer", "rms"):
        x = x - x.mean(axis=1, keepdims=True) if step.kind == "layer" else x
        layer.left[place] = size = np.sqrt(np.mean(x**2, axis=1, keepdims=True))
        layer.streams[step.out[0]] = np.divide(x, size, out=np.zeros_like(x), where=size > 0)
    else:
        raise UnsupportedError(f"no mean field of {step.kind} is worked out, as in {block.name}; use vg.simulate")


def _table(step: Mix, layer: Layer, block: Block) -> np.ndarray:
    kernel, zeros, _, stride = step.options
    return neighbours(strided(layer.shape, block.strides[step.x[0]]), kernel, bool(zeros), stride)


def _backward(step: Step, place: int, layer: Layer, block: Block) -> None:
    """Pass squared gradients at a step's results on to what it read."""
    given = {name: layer.gradients[name] for name in step.out if name in layer.gradients}
    if not given:
        return
    if isinstance(step, Ask):
        _to_what_is_asked(step, np.mean(sum(given.values()), axis=-1), layer, block)
    elif isinstance(step, Map):
        for (k, symbol), partial in layer.left[place].items():
            if step.out[k] in given:
                _give(layer, symbol.name, given[step.out[k]] * partial**2)
    elif isinstance(step, Add):
        for name, factor in zip((step.x, step.y), step.factors(layer.depth), strict=True):
            _give(layer, name, factor**2 * given[step.out[0]])
    elif step.kind == "window":
        total = np.zeros(len(layer.streams[step.x[0]]) + 1)
        np.add.at(total, _table(step, layer, block), given[step.out[0]])
        _give(layer, step.x[0], total[:-1, None])
    else:
        size = layer.left[place]
        inverse = np.divide(1.0, size**2, out=np.zeros_like(size), where=size > 0)
        _give(layer, step.x[0], given[step.out[0]] * inverse)


def _to_what_is_asked(step: Ask, square: Array, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    back = matrix.sigmas(layer.width, layer.depth)[0] ** 2 * square
    if step.x not in layer.windows:
        layer.weights += float((square * _read(matrix, step.x, layer)).sum()) * matrix.inputs * layer.width
        return _give(layer, step.x, back[:, None])
    read = layer.windows[step.x]
    taps = len(read)
    layer.weights += float((square * read).sum()) * (matrix.inputs // taps) * layer.width
    shares = np.arange(taps) == taps // 2 if matrix.centre else np.full(taps, 1 / taps)
    return _give(layer, step.x, shares[:, None] * back)


def _give(layer: Layer, name: str, square: Array) -> None:
    layer.gradients[name] = layer.gradients[name] + square if name in layer.gradients else square
