"""The tangent program of a block: perturbations of its streams go forward with them, through the same matrices.

Ask multiplies them, Map by its partial derivatives, Add adds them, and a Mix has a row below.  Perturbations are arrays
(sample · direction, column, component), those of one sample next to each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.arguments import RUNNING
from vgtheory.model.steps import Add, Ask, Map, Mix
from vgtheory.study.programs.mixes import (
    MIXES,
    Around,
    Given,
    batch_norm_back,
    by_head,
    norm_back,
    side_by_side,
    window,
)
from vgtheory.study.programs.numbers import LOSS, TIED, Array, Batch, Layer, Machine, Streams
from vgtheory.study.programs.oracles import Place
from vgtheory.study.programs.passes import carried_on, in_units, start
from vgtheory.study.programs.steps import around, forward, give, oracle_of

Along = Callable[[Mix, Given, Around, Any, Given], Array]


def growth_of_perturbations(
    machine: Machine, key: int, first: int, samples: int, ends: NDArray[np.int64], directions: int,
    stop: NDArray[np.int64] = RUNNING,
) -> Array:  # fmt: skip
    """Return Σ ln (R_l)_jj over the layers of every block of layers, (sample, block, direction).

    Perturbations of all streams that go from layer to layer together, T_l = J_l T_{l−1} = Q_l R_l, are made orthonormal
    in every layer, and begin with a uniform frame (Benettin, Galgani, Giorgilli & Strelcyn 1980); NaN where a stream
    is not finite.  `ends` are the last layers of the blocks.  Once ``stop[0]`` is not 0 the work ends, with an array
    that is not whole.
    """
    batch = Batch(machine, key, first, samples, remembers=True)
    state, growth = start(batch), np.zeros((samples, len(ends), directions))
    place = Place(key, first, samples, LOSS)
    size = sum(x.shape[1] * x.shape[2] for x in state.values())
    frame, _ = _orthonormal(batch.numbers(place, TIED, size, directions))
    for index in range(machine.depth):
        if stop[0] != 0:
            return growth
        moved = _of_streams(frame, state)
        layer = Layer(index + 1, dict(state))
        for at, step in enumerate(machine.block.steps):
            forward(step, at, layer, batch)
            push(step, at, layer, moved, batch)
        state, _ = in_units(carried_on(layer, machine.block), np.zeros(samples), machine)
        after = [
            moved[new].reshape(samples, directions, -1) if new in moved else np.zeros((samples, directions, x[0].size))
            for (_, new), x in zip(machine.block.streams, state.values(), strict=True)
        ]
        frame, sizes = _orthonormal(np.concatenate(after, axis=2))
        growth[:, int(np.searchsorted(ends, index + 1))] += sizes
        for x in state.values():
            growth[~np.isfinite(x).all(axis=(1, 2))] = np.nan
    return growth


def _of_streams(frame: Array, state: Streams) -> Streams:
    """Return the rows of a frame (sample, direction, ·) as perturbations of streams."""
    cuts = np.cumsum([x.shape[1] * x.shape[2] for x in state.values()])[:-1]
    parts = zip(state.items(), np.split(frame, cuts, axis=2), strict=True)
    return {name: np.ascontiguousarray(part).reshape(-1, *x.shape[1:]) for (name, x), part in parts}


def _orthonormal(rows: Array) -> tuple[Array, Array]:
    """Return orthonormal rows (sample, direction, ·) in place of these, and ln of what each had grown to."""
    q, r = np.linalg.qr(rows.transpose(0, 2, 1))
    with np.errstate(divide="ignore"):
        return np.ascontiguousarray(q.transpose(0, 2, 1)), np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))


def push(step: Any, at: int, layer: Layer, moved: Streams, batch: Batch) -> None:
    """Write the perturbations of what a step gives; what is not moved is left out."""
    match step:
        case Ask():
            if step.x in moved:
                _asked(step, layer, moved, batch)
        case Map():
            for (k, symbol), partial in layer.left[at].items():
                if symbol.name in moved:
                    along = moved[symbol.name]
                    give(moved, step.out[k], along * _repeated(partial, len(along)))
        case Mix():
            if step.kind in MIXES and any(name in moved for name in step.x):
                count = len(next(moved[name] for name in step.x if name in moved))
                given = tuple(_repeated(layer.streams[name], count) for name in step.x)
                pushed = tuple(moved.get(name, np.zeros_like(x)) for name, x in zip(step.x, given, strict=True))
                left = _repeated(layer.left[at], count)
                moved[step.out[0]] = ALONG[step.kind](step, given, around(step, at, layer, batch), left, pushed)
        case Add():
            for name, factor in zip((step.x, step.y), batch.machine.factors[at], strict=True):
                if name in moved:
                    give(moved, step.out[0], factor * moved[name])


def _asked(step: Ask, layer: Layer, moved: Streams, batch: Batch) -> None:
    along = moved[step.x]
    matrix = batch.machine.block.matrix(step.matrix)
    questions = along.reshape(batch.samples, -1, along.shape[2])
    # Beyond the layers of the network are the counters of what perturbations are answered.
    answers = oracle_of(matrix, layer, batch).ask(questions, layer.index + batch.machine.depth)
    parts = np.split(answers.reshape(len(along), along.shape[1], -1), len(step.out), axis=2)
    for name, part in zip(step.out, parts, strict=True):
        moved[name] = np.ascontiguousarray(part)


def _repeated(kept: Any, count: int) -> Any:
    """Return what belongs to samples once for each of their directions."""
    if isinstance(kept, tuple):
        return tuple(_repeated(part, count) for part in kept)
    return np.repeat(kept, count // len(kept), axis=0) if isinstance(kept, np.ndarray) else kept


def _self_adjoint(back: Callable[[Mix, Given, Around, Any, Array], Given]) -> Along:
    """Return how perturbations pass what has a symmetric Jacobian: as gradients do."""
    return lambda step, given, around, left, moved: back(step, given, around, left, moved[0])[0]


def _attention(step: Mix, given: Given, around: Around, left: Any, moved: Given) -> Array:
    """Return the perturbation of softmax(QᵀK/√d) V."""
    (heads, _), (weights, _) = step.options, left
    (q, k, v), (dq, dk, dv) = ([by_head(x, heads) for x in streams] for streams in (given, moved))
    scores = (dq @ k.swapaxes(2, 3) + q @ dk.swapaxes(2, 3)) / math.sqrt(q.shape[3])
    moved_weights = weights * (scores - (weights * scores).sum(axis=3, keepdims=True))
    return side_by_side(moved_weights @ v + weights @ dv)


ALONG: dict[str, Along] = {
    "layer": _self_adjoint(norm_back),
    "rms": _self_adjoint(norm_back),
    "batch": _self_adjoint(batch_norm_back),
    "attention": _attention,
    "window": lambda step, given, around, left, moved: window(step, moved, around)[0],
}
