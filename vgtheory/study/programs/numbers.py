"""A network's program with numbers in it, and the random numbers of a batch of its samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.codegen.compiled import compile_activation
from vgtheory.codegen.maps import CompiledMap, compile_map
from vgtheory.kernels.arguments import Activation, Layers
from vgtheory.kernels.memory import empty
from vgtheory.kernels.streams import normals, uniforms
from vgtheory.model.inputs import Inputs
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Map, Matrix, Mix, width_symbol
from vgtheory.model.windows import strided
from vgtheory.study.programs.oracles import Oracle, Place
from vgtheory.symbolic import activation as symbolic
from vgtheory.symbolic.notation import depth as depth_symbol

Array = NDArray[np.float64]
Streams = dict[str, Array]

# Purposes of random numbers: the start, the loss's gradient, then 8 for every matrix and every step.
START, LOSS, MATRICES, PER_ITEM = 0, 1, 16, 8
ASK, BIAS, DRIVE, SOURCE = 0, 2, 3, 4
CACHED, KEPT = 2**16, 2**23  # numbers of one layer, and of all that are kept
TIED = 0  # the layer whose numbers are every layer's


@dataclass(frozen=True)
class Machine:
    """A network's program with numbers in it: what a worker is sent.

    Parameters
    ----------
    block, width, depth : the network.
    inputs : what drives it.
    asked : whether matrices are asked (else drawn).
    shape : of the map of positions, or row of tokens, that comes in.
    layers : widths and scales where layers may differ, of a network with one matrix per layer.
    batch : inputs side by side; what acts across tokens or positions acts within an input.
    """

    block: Block
    width: int
    depth: int
    inputs: Inputs
    asked: bool
    shape: tuple[int, ...] = (1,)
    layers: Layers | None = None
    batch: int = 1

    @property
    def columns(self) -> int:
        """Return how many tokens, positions and inputs the stream holds that comes in: no later one holds more."""
        return self.batch * math.prod(self.shape)

    def map_of(self, name: str, layer: int) -> tuple[int, ...]:
        """Return the shape of a stream's map inside layer 1..L."""
        return strided(self.shape, self.block.strides[name] * self.block.stride ** (layer - 1))

    def width_of(self, layer: int) -> int:
        """Return the width of a layer, 0 the input's."""
        return self.width if self.layers is None else int(self.layers.widths[layer])

    def shape_of(self, matrix: Matrix, layer: int) -> tuple[int, int]:
        """Return the shape (out, in) of a layer's matrix."""
        return matrix.outputs * self.width_of(layer), matrix.inputs * self.width_of(layer - 1)

    def scale_of(self, matrix: Matrix, layer: int) -> tuple[float, float]:
        """Return (σ_w, σ_b) of a layer's matrix."""
        if self.layers is None:
            return self.scales[matrix.name]
        return float(self.layers.sigma_w[layer - 1]), float(self.layers.sigma_b[layer - 1])

    @cached_property
    def scales(self) -> dict[str, tuple[float, float]]:
        """Return (σ_w, σ_b) of every matrix of a network whose layers are alike."""
        return {m.name: m.sigmas(self.width, self.depth) for m in self.block.matrices}

    @cached_property
    def maps(self) -> dict[int, Activation | CompiledMap]:
        """Return the machine code of every Map, by its place."""
        steps = enumerate(self.block.steps)
        return {at: _compiled(step) for at, step in steps if isinstance(step, Map)}

    @cached_property
    def linear_at_zero(self) -> bool:
        """Return whether a layer of t times signals that are small enough gives t times what it gives of them."""
        biases = self.layers.sigma_b.any() if self.layers is not None else any(b for _, b in self.scales.values())
        driven = self.block.recurrent and self.inputs.drive > 0.0
        maps = (isinstance(code, Activation) and code.linear_at_zero for code in self.maps.values())
        mixed = any(isinstance(step, Mix) and step.kind != "window" for step in self.block.steps)
        return not (biases or driven or mixed) and all(maps)

    @cached_property
    def factors(self) -> dict[int, tuple[float, ...]]:
        """Return the numbers of every step that has some, by its place: keep and scale of an Add, a Mix's numbers."""
        at = {depth_symbol: self.depth, width_symbol: self.width}
        found = {}
        for place, step in enumerate(self.block.steps):
            given = (step.keep, step.scale) if isinstance(step, Add) else step.numbers if isinstance(step, Mix) else ()
            found[place] = tuple(float(number.subs(at)) for number in given)
        return found

    @cached_property
    def numbers_kept(self) -> int:
        """Return about how many numbers a layer of a sample leaves for the way back: streams, and drawn matrices."""
        widest = self.width if self.layers is None else int(self.layers.widths.max())
        entries = 0 if self.asked or self.block.tied else sum(m.outputs * m.inputs for m in self.block.matrices)
        return widest * (2 * self.columns * sum(self.block.size_of().values()) + widest * entries)

    @property
    def samples_in_cache(self) -> int:
        """Return how many samples, at least one, have a layer in the cache."""
        return max(1, CACHED // self.numbers_kept)

    def segment(self, samples: int) -> int:
        """Return the number of layers that are kept at a time: all where they fit, or a tied matrix remembers them."""
        if self.block.tied:
            return self.depth
        return min(self.depth, max(KEPT // (samples * self.numbers_kept), math.isqrt(self.depth - 1) + 1))


def _compiled(step: Map) -> Activation | CompiledMap:
    """Return the machine code of a Map; a function of one stream is an activation."""
    if len(step.symbols) == len(step.expressions) == 1:
        return compile_activation(symbolic.Activation(step.expressions[0])).for_kernels
    return compile_map(step.expressions, step.symbols)


@dataclass
class Layer:
    """One layer while it runs: its streams, what steps leave for the way back, and what matrices were asked.

    The streams are in units of e^unit, a number per sample.
    """

    index: int
    streams: Streams
    unit: Array | float = 0.0
    left: dict[int, Any] = field(default_factory=dict)
    asked: dict[str, list[tuple[Array, Array]]] = field(default_factory=dict)
    oracles: dict[str, Oracle] = field(default_factory=dict)


@dataclass
class Batch:
    """A machine with the random numbers of a batch of samples.

    `remembers` says that its matrices are asked more than once from a side, by tangents.
    """

    machine: Machine
    key: int
    first: int
    samples: int
    remembers: bool = False
    tied: dict[str, Oracle] = field(default_factory=dict)
    fixed: dict[tuple[int, int], Array] = field(default_factory=dict)

    def place(self, item: int, role: int = 0) -> Place:
        """Return where the random numbers of a matrix or a step come from."""
        return Place(self.key, self.first, self.samples, MATRICES + PER_ITEM * item + role)

    def numbers(self, place: Place, layer: int, size: int, columns: int = 1, uniform: bool = False) -> Array:
        """Return fresh normal, or uniform, numbers (sample, column, component)."""
        out = empty(self.samples, columns, size)
        (uniforms if uniform else normals)(place.draw(layer), out)
        return out

    def once(self, item: int, role: int, make: Callable[[], Array]) -> Array:
        """Return numbers that are the same in every layer."""
        if (item, role) not in self.fixed:
            self.fixed[item, role] = make()
        return self.fixed[item, role]
