"""Whole networks forward and backward, layer by layer; what is wanted of them is noted on the way.

Gradients are carried with a logarithmic unit per sample, so that no depth under- or overflows.  Where every layer has
its own matrices only the streams at every √L-th layer are kept, and the layers between are run again from their
counters; a tied matrix remembers its answers.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.arguments import RUNNING
from vgtheory.kernels.streams import largest_log_norms, take_unit
from vgtheory.model.program import Block
from vgtheory.model.windows import strided
from vgtheory.study.programs.numbers import LOSS, START, TIED, Array, Batch, Layer, Streams
from vgtheory.study.programs.oracles import Place
from vgtheory.study.programs.steps import backward, forward, give

Flag = NDArray[np.int64]


class Notes(Protocol):
    """What is wanted of a pass; layers are told in order, going up once and coming down once."""

    def before(self, layer: int, state: Streams) -> None:
        """Note the streams that go into layer + 1."""

    def up(self, layer: Layer) -> None:
        """Note what a layer has computed."""

    def down(self, layer: Layer, gradients: Streams, unit: Array) -> None:
        """Note the gradients at a layer's streams, in units of e^unit."""

    def after(self, layer: int, gradients: Streams, unit: Array) -> None:
        """Note the gradients at the streams that go into layer + 1."""


def there_and_back(batch: Batch, notes: Notes, stop: Flag = RUNNING) -> None:
    """Run a batch of samples forward and backward; once ``stop[0]`` is not 0 the work ends, and notes are not whole."""
    machine = batch.machine
    depth, segment = machine.depth, machine.segment(batch.samples)
    kept: list[Streams] = []
    tape: list[Layer] = []
    state = start(batch)
    for index in range(depth):
        if stop[0] != 0:
            return
        if index % segment == 0:
            kept.append(state)
            tape = []
        notes.before(index, state)
        tape.append(run_layer(index + 1, state, batch))
        notes.up(tape[-1])
        state = carried_on(tape[-1], machine.block)
    notes.before(depth, state)
    gradients, unit = _loss(batch), np.zeros(batch.samples)
    notes.after(depth, gradients, unit)
    for number in reversed(range(len(kept))):
        if number < len(kept) - 1:
            tape = _segment(number * segment, kept[number], batch)
        for layer in reversed(tape):
            if stop[0] != 0:
                return
            gradients, unit = back(layer, gradients, unit, batch, notes)
            notes.after(layer.index - 1, gradients, unit)


def _segment(start: int, state: Streams, batch: Batch) -> list[Layer]:
    """Return the layers after `start` up to the end of its segment, run once more."""
    tape: list[Layer] = []
    for index in range(start, start + batch.machine.segment(batch.samples)):
        tape.append(run_layer(index + 1, state, batch))
        state = carried_on(tape[-1], batch.machine.block)
    return tape


def run_layer(index: int, state: Streams, batch: Batch) -> Layer:
    """Return a layer that has run."""
    layer = Layer(index, dict(state))
    for at, step in enumerate(batch.machine.block.steps):
        forward(step, at, layer, batch)
    return layer


def carried_on(layer: Layer, block: Block) -> Streams:
    """Return the streams that a layer hands to the next."""
    return {name: layer.streams[new] for name, new in block.streams}


def back(layer: Layer, after: Streams, unit: Array, batch: Batch, notes: Notes) -> tuple[Streams, Array]:
    """Return the gradients before a layer from those after it, and the logarithm of the unit that they are in."""
    block = batch.machine.block
    gradients: Streams = {}
    for name, new in block.streams:
        if name in after:
            give(gradients, new, after[name])
    for at in reversed(range(len(block.steps))):
        backward(block.steps[at], at, layer, gradients, batch)
    notes.down(layer, gradients, unit)
    before = {name: np.ascontiguousarray(gradients[name]) for name in block.carried if name in gradients}
    sizes = np.full(batch.samples, -np.inf)
    for gradient in before.values():
        largest_log_norms(gradient, sizes)
    for gradient in before.values():
        take_unit(gradient, sizes)
    return before, unit + np.where(np.isfinite(sizes), sizes, 0.0)


def start(batch: Batch) -> Streams:
    """Return the streams that a network begins with: x_0 on the sphere, or the state of a cell."""
    machine = batch.machine
    shape = (batch.samples, machine.columns, machine.width_of(0))
    states = {name: np.zeros(shape) for name in machine.block.carried}
    square = machine.inputs.start if machine.block.recurrent else 1.0
    if square > 0.0:
        place = Place(batch.key, batch.first, batch.samples, START)
        x = batch.numbers(place, TIED, shape[2], machine.columns)
        lengths = np.sqrt(np.einsum("scn,scn->sc", x, x))[..., None]
        states[machine.block.carried[0]] = x * (math.sqrt(square * shape[2]) / lengths)
    return states


def _loss(batch: Batch) -> Streams:
    """Return a loss gradient that is uniform on the unit sphere of the whole output stream."""
    machine = batch.machine
    place = Place(batch.key, batch.first, batch.samples, LOSS)
    last = strided(machine.shape, machine.block.stride**machine.depth)
    g = batch.numbers(place, TIED, machine.width_of(machine.depth), machine.batch * math.prod(last))
    return {machine.block.carried[0]: g / np.sqrt(np.einsum("scn,scn->s", g, g))[:, None, None]}
