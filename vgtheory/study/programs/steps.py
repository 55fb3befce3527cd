"""The four steps of a program, forward and backward.

Backward an Ask multiplies by the transposed matrix, a Map by its partial derivatives, a Mix has its adjoint and an Add
its factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import singledispatch
from typing import Any

import numpy as np
import sympy as sp

from vgtheory.kernels.arguments import Activation
from vgtheory.kernels.memory import empty
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix
from vgtheory.study.programs.mixes import MIXES, Around
from vgtheory.study.programs.numbers import ASK, BIAS, DRIVE, SOURCE, TIED, Array, Batch, Layer, Streams
from vgtheory.study.programs.oracles import Drawn, Oracle, Single, layer_of_question, oracle, single, takes_one_question

# ------------------------------------------------------------------ forward


@singledispatch
def forward(step: Any, at: int, layer: Layer, batch: Batch) -> None:
    """Write the streams that a step gives; `at` is its place in the program."""
    raise TypeError(f"a program has no step {step!r}")


@forward.register
def _(step: Ask, at: int, layer: Layer, batch: Batch) -> None:
    x, block = layer.streams[step.x], batch.machine.block
    matrix = block.matrix(step.matrix)
    asked = oracle_of(matrix, layer, batch)
    y = asked.ask(x, layer.index)
    if not isinstance(asked, Single):
        y = _with_bias(matrix, y, layer, batch)
    if step.driven:
        y = _with_drive(at, y, layer, batch)
    size = y.shape[2] // len(step.out)
    for k, name in enumerate(step.out):
        layer.streams[name] = _part(y, k * size, size)


@forward.register
def _(step: Map, at: int, layer: Layer, batch: Batch) -> None:
    passed = batch.machine.maps[at]
    if isinstance(passed, Activation):
        h = np.ascontiguousarray(layer.streams[step.reads[0]])
        value, slope = empty(*h.shape), empty(*h.shape)
        passed.row(h.reshape(-1), value.reshape(-1), slope.reshape(-1))
        layer.streams[step.out[0]], layer.left[at] = value, {(0, step.symbols[0]): slope}
        return
    values, partials = passed(*_same_shape(passed.form.symbols, layer.streams))
    layer.streams.update(zip(step.out, values, strict=True))
    layer.left[at] = partials


@forward.register
def _(step: Mix, at: int, layer: Layer, batch: Batch) -> None:
    if step.kind in MIXES:
        given = by_input(step, (layer.streams[name] for name in step.x), batch)
        mixed, layer.left[at] = MIXES[step.kind][0](step, given, around(step, at, layer, batch))
        out = mixed.reshape(batch.samples, -1, mixed.shape[2])
    elif step.kind in ("uniform", "log_uniform"):
        out = batch.once(at, SOURCE, lambda: _source(step, at, batch))
    else:
        out = _with_drive(at, np.zeros((batch.samples, batch.machine.columns, batch.machine.width)), layer, batch)
    layer.streams[step.out[0]] = out


@forward.register
def _(step: Add, at: int, layer: Layer, batch: Batch) -> None:
    keep, scale = batch.machine.factors[at]
    x, y = layer.streams[step.x], layer.streams[step.y]
    out = np.multiply(y, scale, out=empty(*y.shape))
    layer.streams[step.out[0]] = np.add(out, x if keep == 1.0 else keep * x, out=out)


def _part(y: Array, start: int, size: int) -> Array:
    """Return components of a stream as a stream of its own."""
    if y.shape[2] == size:
        return y
    out = empty(*y.shape[:2], size)
    out[:] = y[..., start : start + size]
    return out


def around(step: Mix, at: int, layer: Layer, batch: Batch) -> Around:
    """Return what a step that mixes knows besides streams."""
    return Around(batch.machine.map_of(step.x[0], layer.index), batch.machine.factors[at])


def by_input(step: Mix, streams: Iterable[Array], batch: Batch) -> tuple[Array, ...]:
    """Return streams as a step meets them: inputs of a batch apart from each other, but for their norm."""
    apart = batch.samples if step.kind == "batch" else batch.samples * batch.machine.batch
    return tuple(x.reshape(apart, -1, x.shape[2]) for x in streams)


def _source(step: Mix, at: int, batch: Batch) -> Array:
    machine = batch.machine
    low, high = machine.factors[at]
    u = low + (high - low) * batch.numbers(batch.place(_item(at, batch), SOURCE), TIED, machine.width, uniform=True)
    return np.broadcast_to(np.log(u) if step.kind == "log_uniform" else u, (*u.shape[:1], machine.columns, u.shape[2]))


def _same_shape(symbols: tuple[sp.Symbol, ...], streams: Streams) -> tuple[Array, ...]:
    given = tuple(streams[symbol.name] for symbol in symbols)
    return given if len({x.shape for x in given}) == 1 else np.broadcast_arrays(*given)


def oracle_of(matrix: Matrix, layer: Layer, batch: Batch) -> Oracle:
    """Return the oracle of a matrix: the batch's own if it is tied, else one for this layer alone."""
    machine = batch.machine
    kept = batch.tied if machine.block.tied else layer.oracles
    if matrix.name not in kept:
        block, arrays = machine.block, matrix.weights.arrays
        if arrays is not None:
            return Drawn(arrays.weights[layer.index - 1][None])
        uses = [step for step in block.steps if isinstance(step, Ask) and step.matrix == matrix.name]
        once = not block.tied and len(uses) == 1
        item = block.matrices.index(matrix)
        one = machine.asked and machine.columns == 1 and not batch.remembers
        if one and takes_one_question(block, item):
            scales, shape = machine.scale_of(matrix, layer.index), machine.shape_of(matrix, layer.index)
            draws = batch.place(item, ASK).draw(layer_of_question(item, layer.index))
            kept[matrix.name] = single(matrix, scales, shape, draws)
            return kept[matrix.name]
        questions = len(uses) * machine.columns * (machine.depth if block.tied else 1)
        kept[matrix.name] = oracle(
            matrix, machine.scale_of(matrix, layer.index)[0], machine.shape_of(matrix, layer.index),
            batch.place(item, ASK), questions, not machine.asked, TIED if block.tied else layer.index,
            once=once,
        )  # fmt: skip
    return kept[matrix.name]


def _with_bias(matrix: Matrix, y: Array, layer: Layer, batch: Batch) -> Array:
    machine, arrays = batch.machine, matrix.weights.arrays
    sigma_b = machine.scale_of(matrix, layer.index)[1]
    if sigma_b == 0.0:
        return y
    if arrays is not None:
        return y + arrays.biases[layer.index - 1]
    item = machine.block.matrices.index(matrix)
    uniform = matrix.weights.bias_family == "uniform"

    def bias(at: int) -> Array:
        numbers = batch.numbers(batch.place(item, BIAS), at, y.shape[2], uniform=uniform)
        return sigma_b * (math.sqrt(3.0) * (2.0 * numbers - 1.0) if uniform else numbers)

    y += batch.once(item, BIAS, lambda: bias(TIED)) if machine.block.tied else bias(layer.index)
    return y


def _with_drive(at: int, y: Array, layer: Layer, batch: Batch) -> Array:
    """Return pre-activations plus what the network is given at this step."""
    inputs = batch.machine.inputs
    if inputs.drive == 0.0:
        return y
    place, size = batch.place(_item(at, batch), DRIVE), y.shape[2]

    def numbers(at_layer: int, count: int = y.shape[1]) -> Array:
        return math.sqrt(inputs.drive) * batch.numbers(place, at_layer, size, count)

    if inputs.kind == "given":  # the same for all columns
        factors = inputs.factors
        fixed = batch.once(at, DRIVE, lambda: numbers(TIED, len(factors)))
        y += np.einsum("r,srn->sn", factors[:, layer.index - 1], fixed)[:, None, :]
    else:
        y += batch.once(at, DRIVE, lambda: numbers(TIED)) if inputs.kind == "same" else numbers(layer.index)
    return y


def _item(at: int, batch: Batch) -> int:
    """Return the number of a step among matrices and steps."""
    return len(batch.machine.block.matrices) + at


# ------------------------------------------------------------------ backward


@singledispatch
def backward(step: Any, at: int, layer: Layer, gradients: Streams, batch: Batch) -> None:
    """Pass the gradients at a step's results on to what it read."""
    raise TypeError(f"a program has no step {step!r}")


@backward.register
def _(step: Ask, at: int, layer: Layer, gradients: Streams, batch: Batch) -> None:
    shape = layer.streams[step.out[0]].shape
    parts = [gradients.get(name) for name in step.out]
    if all(part is None for part in parts):
        return
    filled = [np.zeros(shape) if part is None else part for part in parts]
    whole = (*shape[:2], shape[2] * len(filled))
    delta = filled[0] if len(filled) == 1 else np.concatenate(filled, axis=2, out=empty(*whole))
    layer.asked.setdefault(step.matrix, []).append((layer.streams[step.x], delta))
    give(gradients, step.x, oracle_of(batch.machine.block.matrix(step.matrix), layer, batch).ask_transposed(
        delta, layer.index
    ))  # fmt: skip


@backward.register
def _(step: Map, at: int, layer: Layer, gradients: Streams, batch: Batch) -> None:
    for (k, symbol), partial in layer.left[at].items():
        given = gradients.get(step.out[k])
        if given is not None:
            give(gradients, symbol.name, np.multiply(given, partial, out=empty(*given.shape)))


@backward.register
def _(step: Mix, at: int, layer: Layer, gradients: Streams, batch: Batch) -> None:
    after = gradients.get(step.out[0])
    if after is not None and step.kind in MIXES:
        *given, gradient = by_input(step, (*(layer.streams[name] for name in step.x), after), batch)
        passed = MIXES[step.kind][1](step, tuple(given), around(step, at, layer, batch), layer.left[at], gradient)
        for name, part in zip(step.x, passed, strict=True):
            give(gradients, name, part.reshape(layer.streams[name].shape))


@backward.register
def _(step: Add, at: int, layer: Layer, gradients: Streams, batch: Batch) -> None:
    given = gradients.get(step.out[0])
    if given is not None:
        keep, scale = batch.machine.factors[at]
        give(gradients, step.x, keep * given)
        give(gradients, step.y, scale * given)


def give(gradients: Streams, name: str, part: Array) -> None:
    """Add a part to the gradient at a stream."""
    known = gradients.get(name)
    gradients[name] = part if known is None else np.add(known, part, out=empty(*part.shape))
