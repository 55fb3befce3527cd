"""Whole networks forward and backward, layer by layer; what is wanted of them is noted on the way.

Gradients are carried with a logarithmic unit per sample, and so are small streams where layers are linear: no depth
underflows.  Where every layer has its own matrices only the streams at every √L-th layer are kept, and the layers
between are run again from their counters; a tied matrix remembers its answers.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.arguments import RUNNING
from vgtheory.kernels.streams import largest_log_norms, take_unit, to_lengths
from vgtheory.model.program import Block
from vgtheory.model.windows import strided
from vgtheory.study.programs.numbers import LOSS, START, TIED, Array, Batch, Layer, Machine, Streams
from vgtheory.study.programs.oracles import Place
from vgtheory.study.programs.steps import backward, forward, give

Flag = NDArray[np.int64]
SMALL = math.log(1e-80)  # of a norm: squares of what a layer makes of it stay far from the end of float64


class Notes(Protocol):
    """What is wanted of a pass; layers are told in order, going up once and coming down once."""

    def before(self, layer: int, state: Streams, unit: Array) -> None:
        """Note the streams that go into layer + 1, in units of e^unit."""

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
    kept: list[tuple[int, Streams, Array]] = []
    tape: list[Layer] = []
    state, unit = start(batch), np.zeros(batch.samples)
    for index in range(depth):
        if stop[0] != 0:
            return
        if index == 0 or (depth - index) % segment == 0:  # the last segment is whole: it need not run again
            kept.append((index, state, unit))
            tape = []
        notes.before(index, state, unit)
        tape.append(run_layer(index + 1, state, batch, unit))
        notes.up(tape[-1])
        state, unit = in_units(carried_on(tape[-1], machine.block), unit, machine)
    notes.before(depth, state, unit)
    gradients, unit = _loss(batch), np.zeros(batch.samples)
    notes.after(depth, gradients, unit)
    end = depth
    for index, before, its_unit in reversed(kept):
        if end < depth:
            tape = _segment(range(index + 1, end + 1), before, its_unit, batch)
        end = index
        for layer in reversed(tape):
            if stop[0] != 0:
                return
            gradients, unit = back(layer, gradients, unit, batch, notes)
            notes.after(layer.index - 1, gradients, unit)


def _segment(layers: range, state: Streams, unit: Array, batch: Batch) -> list[Layer]:
    """Return layers run once more from the streams before them."""
    tape: list[Layer] = []
    for index in layers:
        tape.append(run_layer(index, state, batch, unit))
        state, unit = in_units(carried_on(tape[-1], batch.machine.block), unit, batch.machine)
    return tape


def in_units(state: Streams, unit: Array, machine: Machine) -> tuple[Streams, Array]:
    """Return the streams between two layers, and the logarithm of their unit, so that they do not underflow.

    Where layers are linear at 0 small signals are carried at the size at which they were first seen to be.
    """
    if not machine.linear_at_zero:
        return state, unit
    sizes = np.full(len(unit), -np.inf)
    for x in state.values():
        largest_log_norms(np.ascontiguousarray(x), sizes)
    shift = np.where(np.isfinite(sizes), np.minimum(sizes - SMALL, 0.0), 0.0)
    if not shift.any():
        return state, unit
    return {name: x * np.exp(-shift)[:, None, None] for name, x in state.items()}, unit + shift


def run_layer(index: int, state: Streams, batch: Batch, unit: Array | float = 0.0) -> Layer:
    """Return a layer that has run."""
    layer = Layer(index, dict(state), unit)
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
        to_lengths(x, math.sqrt(square * shape[2]), False)
        states[machine.block.carried[0]] = x
    return states


def _loss(batch: Batch) -> Streams:
    """Return a loss gradient that is uniform on the unit sphere of the whole output stream."""
    machine = batch.machine
    place = Place(batch.key, batch.first, batch.samples, LOSS)
    last = strided(machine.shape, machine.block.stride**machine.depth)
    g = batch.numbers(place, TIED, machine.width_of(machine.depth), machine.batch * math.prod(last))
    to_lengths(g, 1.0, True)
    return {machine.block.carried[0]: g}
