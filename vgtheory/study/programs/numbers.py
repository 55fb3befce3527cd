"""A network's program with numbers in it, and the random numbers of a batch of its samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.codegen.maps import CompiledMap, compile_map
from vgtheory.kernels.streams import normals, uniforms
from vgtheory.model.inputs import Inputs
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Map, Mix, width_symbol
from vgtheory.study.programs.oracles import Oracle, Place
from vgtheory.symbolic.notation import depth as depth_symbol

Array = NDArray[np.float64]
Streams = dict[str, Array]

# Purposes of random numbers: the start, the loss's gradient, then 8 for every matrix and every step.
START, LOSS, MATRICES, PER_ITEM = 0, 1, 16, 8
ASK, BIAS, DRIVE, SOURCE = 0, 2, 3, 4
TIED = 0  # the layer whose numbers are every layer's


@dataclass(frozen=True)
class Machine:
    """A network's program with numbers in it: what a worker is sent.

    Parameters
    ----------
    block, width, depth, shape : the network.
    inputs : what drives it.
    asked : whether matrices are asked (else drawn).
    """

    block: Block
    width: int
    depth: int
    inputs: Inputs
    asked: bool
    shape: tuple[int, ...] = (1,)

    @property
    def columns(self) -> int:
        """Return how many tokens, positions or inputs a stream holds."""
        return math.prod(self.shape)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the shape (out, in) of every matrix."""
        return {m.name: (m.outputs * self.width, m.inputs * self.width) for m in self.block.matrices}

    @cached_property
    def scales(self) -> dict[str, tuple[float, float]]:
        """Return (σ_w, σ_b) of every matrix."""
        return {m.name: m.sigmas(self.width, self.depth) for m in self.block.matrices}

    @cached_property
    def maps(self) -> dict[int, CompiledMap]:
        """Return the machine code of every Map, by its place."""
        steps = enumerate(self.block.steps)
        return {at: compile_map(step.expressions, step.symbols) for at, step in steps if isinstance(step, Map)}

    @cached_property
    def factors(self) -> dict[int, tuple[float, ...]]:
        """Return the numbers of every step that has some, by its place: keep and scale of an Add, a source's ends."""
        at = {depth_symbol: self.depth, width_symbol: self.width}
        found = {}
        for place, step in enumerate(self.block.steps):
            given = (step.keep, step.scale) if isinstance(step, Add) else step.ends if isinstance(step, Mix) else ()
            found[place] = tuple(float(number.subs(at)) for number in given)
        return found

    @property
    def segment(self) -> int:
        """Return the number of layers whose streams are kept at a time."""
        return self.depth if self.block.tied else math.isqrt(self.depth - 1) + 1


@dataclass
class Layer:
    """One layer while it runs: its streams, what steps leave for the way back, and what matrices were asked."""

    index: int
    streams: Streams
    left: dict[int, Any] = field(default_factory=dict)
    asked: dict[str, list[tuple[Array, Array]]] = field(default_factory=dict)
    oracles: dict[str, Oracle] = field(default_factory=dict)


@dataclass
class Batch:
    """A machine with the random numbers of a batch of samples."""

    machine: Machine
    key: int
    first: int
    samples: int
    tied: dict[str, Oracle] = field(default_factory=dict)
    fixed: dict[tuple[int, int], Array] = field(default_factory=dict)

    def place(self, item: int, role: int = 0) -> Place:
        """Return where the random numbers of a matrix or a step come from."""
        return Place(self.key, self.first, self.samples, MATRICES + PER_ITEM * item + role)

    def numbers(self, place: Place, layer: int, size: int, columns: int = 1, uniform: bool = False) -> Array:
        """Return fresh normal, or uniform, numbers (sample, column, component)."""
        out = np.empty((self.samples, columns, size))
        (uniforms if uniform else normals)(place.draw(layer), out)
        return out

    def once(self, item: int, role: int, make: Callable[[], Array]) -> Array:
        """Return numbers that are the same in every layer."""
        if (item, role) not in self.fixed:
            self.fixed[item, role] = make()
        return self.fixed[item, role]
