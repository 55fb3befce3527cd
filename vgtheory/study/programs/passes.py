"""Whole networks forward and backward: streams, their gradients and the matrices', layer by layer.

Gradients are carried with a logarithmic unit per sample, so that no depth under- or overflows.  Where every layer has
its own matrices only the streams at every √L-th layer are kept, and the layers between are run again from their
counters; a tied matrix remembers its answers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.arguments import RUNNING
from vgtheory.kernels.streams import log_norms, outer_squares
from vgtheory.model.program import Block
from vgtheory.study.programs.mixes import entropies
from vgtheory.study.programs.numbers import LOSS, START, TIED, Array, Batch, Layer, Machine, Streams
from vgtheory.study.programs.oracles import Place
from vgtheory.study.programs.steps import backward, forward, give


def streams_and_gradients(
    machine: Machine, key: int, first: int, samples: int, stop: NDArray[np.int64] = RUNNING
) -> dict[str, Array]:
    """Return what a batch of samples shows of its streams, their gradients and the matrices' gradients.

    Arrays by name: ``square S`` and ``gradient S`` for every stream S that goes from layer to layer, its mean square
    and ln of its gradient's norm, (sample, layer 0..L); ``share S``, the share of its components that carry the
    gradient, (Σg²)²/(n Σg⁴); ``weights``, ln of the norm of the gradient at the layer's matrices, (sample, layer 1..L);
    those of ``columns_shown``, (sample, layer 0..L).
    Once ``stop[0]`` is not 0 the work ends, with arrays that are not whole.
    """
    batch = Batch(machine, key, first, samples)
    depth, segment = machine.depth, machine.segment
    shape = (samples, depth + 1)
    found = {
        f"{what} {name}": np.empty(shape) for what in ("square", "gradient", "share") for name in machine.block.carried
    }
    found |= {name: np.full(shape, np.nan) for name in columns_shown(machine)}
    found["weights"] = np.empty((samples, depth))
    kept: list[Streams] = []
    tape: list[Layer] = []
    state = _start(batch)
    for index in range(depth):
        if stop[0] != 0:
            return found
        if index % segment == 0:
            kept.append(state)
            tape = []
        _note_squares(found, index, state)
        tape.append(_run(index + 1, state, batch))
        state = _carried(tape[-1], machine.block)
        _note_entropy(found, tape[-1], machine.block)
    _note_squares(found, depth, state)
    gradients, unit = _loss(batch), np.zeros(samples)
    _note_gradients(found, depth, gradients, unit)
    for number in reversed(range(len(kept))):
        if number < len(kept) - 1:
            tape = _segment(number * segment, kept[number], batch)
        for layer in reversed(tape):
            if stop[0] != 0:
                return found
            gradients, unit = _back(found, layer, gradients, unit, batch)
            _note_gradients(found, layer.index - 1, gradients, unit)
    return found


def columns_shown(machine: Machine) -> tuple[str, ...]:
    """Return what is shown of columns side by side: ``cosine``, the mean over their pairs in the first stream, and of
    attention inside a layer 1..L the ``entropy``.
    """
    attends = bool(machine.block.mixes("attention"))
    return (("cosine",) if machine.columns > 1 else ()) + (("entropy",) if attends else ())


def _segment(start: int, state: Streams, batch: Batch) -> list[Layer]:
    """Return the layers after `start` up to the end of its segment, run once more."""
    tape: list[Layer] = []
    for index in range(start, start + batch.machine.segment):
        tape.append(_run(index + 1, state, batch))
        state = _carried(tape[-1], batch.machine.block)
    return tape


def _run(index: int, state: Streams, batch: Batch) -> Layer:
    layer = Layer(index, dict(state))
    for at, step in enumerate(batch.machine.block.steps):
        forward(step, at, layer, batch)
    return layer


def _carried(layer: Layer, block: Block) -> Streams:
    return {name: layer.streams[new] for name, new in block.streams}


def _back(found: dict[str, Array], layer: Layer, after: Streams, unit: Array, batch: Batch) -> tuple[Streams, Array]:
    """Return the gradients before a layer from those after it, and the logarithm of the unit that they are in."""
    block = batch.machine.block
    gradients: Streams = {}
    for name, new in block.streams:
        if name in after:
            give(gradients, new, after[name])
    for at in reversed(range(len(block.steps))):
        backward(block.steps[at], at, layer, gradients, batch)
    found["weights"][:, layer.index - 1] = unit + _log_matrix_gradient(layer, block, batch.samples)
    before = {name: np.ascontiguousarray(gradients[name]) for name in block.carried if name in gradients}
    sizes = np.full(batch.samples, -np.inf)
    for gradient in before.values():
        sizes = np.maximum(sizes, _log_norm(gradient))
    shift = np.where(np.isfinite(sizes), sizes, 0.0)
    factor = np.exp(-shift)[:, None, None]
    return {name: gradient * factor for name, gradient in before.items()}, unit + shift


def _log_matrix_gradient(layer: Layer, block: Block, samples: int) -> Array:
    """Return ln of the norm of the gradient at all matrices of a layer together."""
    total, square = np.zeros(samples), np.empty(samples)
    for matrix in block.matrices:
        pairs = layer.asked.get(matrix.name, [])
        if pairs:
            x, delta = (np.concatenate([pair[k] for pair in pairs], axis=1) for k in (0, 1))
            outer_squares(x, delta, square)
            total += square
    with np.errstate(divide="ignore"):
        return 0.5 * np.log(total)


def _start(batch: Batch) -> Streams:
    """Return the streams that a network begins with: x_0 on the sphere, or the state of a cell."""
    machine = batch.machine
    shape = (batch.samples, machine.columns, machine.width)
    states = {name: np.zeros(shape) for name in machine.block.carried}
    square = machine.inputs.start if machine.block.recurrent else 1.0
    if square > 0.0:
        place = Place(batch.key, batch.first, batch.samples, START)
        x = batch.numbers(place, TIED, machine.width, machine.columns)
        lengths = np.sqrt(np.einsum("scn,scn->sc", x, x))[..., None]
        states[machine.block.carried[0]] = x * (math.sqrt(square * machine.width) / lengths)
    return states


def _loss(batch: Batch) -> Streams:
    """Return a loss gradient that is uniform on the unit sphere of the whole output stream."""
    machine = batch.machine
    place = Place(batch.key, batch.first, batch.samples, LOSS)
    g = batch.numbers(place, TIED, machine.width, machine.columns)
    return {machine.block.carried[0]: g / np.sqrt(np.einsum("scn,scn->s", g, g))[:, None, None]}


def _log_norm(x: Array) -> Array:
    out = np.empty(x.shape[0])
    log_norms(np.ascontiguousarray(x), out)
    return out


def _note_squares(found: dict[str, Array], index: int, state: Streams) -> None:
    for name, x in state.items():
        found[f"square {name}"][:, index] = np.einsum("scn,scn->s", x, x) / (x.shape[1] * x.shape[2])

    if "cosine" in found:
        found["cosine"][:, index] = _cosine(next(iter(state.values())))


def _note_entropy(found: dict[str, Array], layer: Layer, block: Block) -> None:
    if "entropy" in found:
        attended = block.mixes("attention")
        parts = [entropies(layer.left[at]) for at, step in enumerate(block.steps) if step in attended]
        found["entropy"][:, layer.index] = np.mean(parts, axis=0)


def _cosine(x: Array) -> Array:
    """Return the mean cosine over pairs of columns; a column of zeros has cosine 0 with all."""
    lengths = np.sqrt(np.einsum("scn,scn->sc", x, x))[..., None]
    unit = np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)
    total, columns = unit.sum(axis=1), x.shape[1]
    own = np.einsum("scn,scn->s", unit, unit)
    return (np.einsum("sn,sn->s", total, total) - own) / (columns * (columns - 1))


def _note_gradients(found: dict[str, Array], index: int, gradients: Streams, unit: Array) -> None:
    for key in found:
        what, _, name = key.partition(" ")
        if what == "gradient":
            g = gradients.get(name)
            found[key][:, index] = -np.inf if g is None else unit + _log_norm(g)
            found[f"share {name}"][:, index] = np.nan if g is None else _share(g)


def _share(g: Array) -> Array:
    """Return the share of components that carry a gradient, (Σg²)²/(n Σg⁴): 1 if all do alike, 1/n if one does."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = g / np.abs(g).max(axis=(1, 2), keepdims=True)
        squares = scaled * scaled
        second, fourth = squares.sum(axis=(1, 2)), (squares * squares).sum(axis=(1, 2))
        return second * second / (fourth * g.shape[1] * g.shape[2])
