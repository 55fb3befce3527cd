"""Networks of blocks whose matrices are asked once from either side, in one compiled pass over vectors.

One rule says which these are: one column, a matrix of its own for every layer and step, nothing that drives them, and
steps that the pass knows.  All others are run step by step (``passes``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.codegen.maps import CompiledMap
from vgtheory.kernels.arguments import Activation, Samples
from vgtheory.kernels.instructions import ADD, ASK, ASKED, ASKED_HAAR, MAP, NORM, PASS
from vgtheory.kernels.matrices import drawn_matrices
from vgtheory.kernels.normalise import KINDS
from vgtheory.kernels.operators import GAUSSIAN_PAIR, HAAR_PAIR
from vgtheory.kernels.program import FUNCTIONS, Code, Scales, bytes_of_a_sample, program_samples, results
from vgtheory.kernels.tables import Tables, tables
from vgtheory.kernels.way_there import Step
from vgtheory.model.inputs import Inputs
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Mix
from vgtheory.study.programs.numbers import ASK as OF_ASK
from vgtheory.study.programs.numbers import LOSS, MATRICES, PER_ITEM, START, TIED, Array, Machine
from vgtheory.study.programs.oracles import layer_of_question, takes_one_question


@dataclass(frozen=True)
class VectorProgram:
    """A network's program as tables, with its machine code and its numbers."""

    tables: Tables
    code: Code
    scales: Scales

    @property
    def sample_bytes(self) -> int:
        """Return the memory that a sample takes while it runs."""
        return bytes_of_a_sample(self.tables, int(self.scales.widths.max()), len(self.scales.widths) - 1)

    def run(self, key: int, first: int, samples: int, stop: NDArray[np.int64]) -> dict[str, Array]:
        """Return what ``streams_and_gradients`` does but names of streams: arrays (sample, stream, layer)."""
        found = results(samples, self.tables.carried, len(self.scales.widths) - 1)
        ends = (START, TIED, LOSS, TIED)
        program_samples(self.tables, self.code, self.scales, ends, Samples(np.uint64(key), first, stop), found)
        return dict(zip(("square", "gradient", "share", "weights"), found, strict=True))


def vector_program(machine: Machine) -> VectorProgram | None:
    """Return the program for one compiled pass over vectors, None where it needs more."""
    alone = machine.layers is None and machine.columns == 1 and machine.asked
    return _vector_program(machine.block, machine.width, machine.depth) if alone else None


def _is_known(block: Block) -> bool:
    """Return whether a block has matrices, each takes one question, and the pass has its norms."""
    once = all(takes_one_question(block, item) for item in range(len(block.matrices)))
    return bool(block.matrices) and once and all(step.kind in KINDS for step in block.steps if isinstance(step, Mix))


@lru_cache(maxsize=64)
def _vector_program(block: Block, width: int, depth: int) -> VectorProgram | None:
    if not _is_known(block):
        return None
    machine = Machine(block, width, depth, Inputs(), True)
    rows: list[Activation] = []
    maps: list[Callable[..., None]] = []
    steps: list[Step] = []
    for at, step in enumerate(block.steps):
        match step:
            case Ask():
                item = [m.name for m in block.matrices].index(step.matrix)
                steps.append(Step(ASK, step.out, (step.x,), item))
            case Map():
                passed = machine.maps[at]
                if isinstance(passed, CompiledMap):
                    taken = _map(step, passed, _place(passed.in_tape, maps))
                    if taken is None:
                        return None
                    steps.append(taken)
                else:
                    item = _place(passed, rows)
                    steps.append(Step(PASS, (step.out[0], f"{step.out[0]}'"), step.reads, item))
            case Mix():
                steps.append(Step(NORM, step.out, step.x, int(KINDS[step.kind]), numbers=(-math.inf, 0.0)))
            case Add():
                steps.append(
                    Step(ADD, step.out, (step.x, step.y), numbers=(machine.factors[at][0], machine.factors[at][1]))
                )
    if max(len(rows), len(maps)) > FUNCTIONS:
        return None
    matrices = [
        (ASKED_HAAR if m.weights.family == "orthogonal" else ASKED, MATRICES + PER_ITEM * k + OF_ASK, True)
        for k, m in enumerate(block.matrices)
    ]
    operators = HAAR_PAIR if any(kind == ASKED_HAAR for kind, _, _ in matrices) else GAUSSIAN_PAIR
    code = Code(tuple(rows), tuple(maps), operators, drawn_matrices("gaussian", {}))
    return VectorProgram(tables(steps, block.streams, block.size_of(), matrices, watched=True), code, _scales(machine))


def _place(function: Any, known: list[Any]) -> int:
    """Return the place of a function among those known, which it joins where it is new."""
    if function not in known:
        known.append(function)
    return known.index(function)


def _map(step: Map, code: CompiledMap, item: int) -> Step | None:
    """Return a map of several streams as an instruction; None where a value is a number or another one's register."""
    form = code.form
    places = [place for place in form.values if isinstance(place, int)]
    if len(set(places)) < len(step.out):
        return None
    names = {place: f"{step.out[0]}'{place}" for place in range(len(form.outputs))}
    names |= dict(zip(places, step.out, strict=True))
    partials = tuple((step.out[k], s.name, names[d] if isinstance(d, int) else float(d)) for k, s, d in form.partials)
    reads = tuple(symbol.name for symbol in form.symbols)
    return Step(MAP, tuple(name for _, name in sorted(names.items())), reads, item, partials=partials)


def _scales(machine: Machine) -> Scales:
    """Return widths, σ_w and σ_b of every matrix and layer, and the counters of their random numbers."""
    depth, sigmas = machine.depth, [machine.scales[m.name] for m in machine.block.matrices]
    sigma_w, sigma_b = (np.repeat([[abs(pair[k])] for pair in sigmas], depth, axis=1) for k in (0, 1))
    places = np.zeros((len(sigmas), depth, 3), np.int64)
    places[:, :, 0] = layer_of_question(np.arange(len(sigmas))[:, None], np.arange(1, depth + 1))
    return Scales(np.full(depth + 1, machine.width), sigma_w, sigma_b, places)
