"""Recurrent cells in the limit of large width: a population of independent units whose pre-activations are correlated.

At fixed depth and width → ∞ the pre-activations of a unit are a Gaussian process over the steps, with covariance
σ_w² E h_t h_s + σ_b² + (what the inputs share); the gradient that comes back through the transposed matrix is one too,
independent of the unit's own past.  With tied weights both are correlated over time, which is what a theory of fresh
weights at every step misses; untied, only equal times are correlated.  The expectations have no closed form (a gated
state is a perpetuity), so they are taken over populations of n units, drawn step by step from the conditional law: the
result has an error of order 1/√n, which several populations measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.map_form import Array, map_form
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork
from vgtheory.model.steps import Add, Ask, Map, Mix, width_symbol
from vgtheory.symbolic.notation import depth as depth_symbol

POPULATIONS = 4
UNITS, FEWEST_UNITS = 8192, 2048
WORK = 1e9  # units times squared steps of one population: some seconds
CARRIERS = 50  # a gradient carried by fewer units of a population does not average


@dataclass
class Remembered:
    """What a population knows of a tied matrix: orthonormal questions over the steps, and their answers.

    Questions are unit vectors; answers are independent standard normal numbers.
    """

    steps: int
    count: int = 0
    questions: Array | None = None
    answers: Array | None = None

    def ask(self, x: Array, size: int, rng: np.random.Generator) -> Array:
        """Return `size` numbers of variance |x|²/`units of x`, correlated with earlier ones as x is with its past."""
        if self.questions is None or self.answers is None:
            self.questions, self.answers = np.empty((self.steps, len(x))), np.empty((self.steps, size))
        rest = x / math.sqrt(len(x))
        whole = math.sqrt(float(rest @ rest))
        q, along = self.questions[: self.count], np.zeros(self.count)
        for _ in range(2):
            part = q @ rest
            rest, along = rest - part @ q, along + part
        known = along @ self.answers[: self.count]
        length = math.sqrt(float(rest @ rest))
        if length <= 1e-12 * whole:
            return known
        self.questions[self.count], self.answers[self.count] = rest / length, rng.standard_normal(size)
        self.count += 1
        return known + length * self.answers[self.count - 1]


@dataclass
class Population:
    """n units of a network of cells, with what they have drawn."""

    network: BlockNetwork
    inputs: Inputs
    units: int
    rng: np.random.Generator
    forward: dict[str, Remembered] = field(default_factory=dict)
    backward: dict[str, Remembered] = field(default_factory=dict)
    fixed: dict[Any, Array] = field(default_factory=dict)
    step: int = 0  # counted from 0

    def matrix(self, name: str, transposed: bool = False) -> Remembered:
        """Return what is known of a matrix, or of its transpose: nothing where every step has its own."""
        if not self.network.block.tied:
            return Remembered(1)
        known = self.backward if transposed else self.forward
        uses = sum(isinstance(step, Ask) and step.matrix == name for step in self.network.block.steps)
        return known.setdefault(name, Remembered(uses * int(self.network.depth)))

    def once(self, key: Any, size: int) -> Array:
        """Return normal numbers that are the same at every step."""
        if key not in self.fixed:
            self.fixed[key] = self.rng.standard_normal(size)
        return self.fixed[key]


def population_profile(network: BlockNetwork, inputs: Inputs) -> dict[str, Array]:
    """Return by (layer 0..L, stream) mean squares and ln gradient norms with their standard errors, and ``weights``.

    Arrays: ``square``, ``gradient``, ``gradient_error``, ``share`` (layer 0..L, stream), ``weights`` (layer 1..L).

    Raises UnsupportedError for streams that leave the range of float64.
    """
    depth = int(network.depth)
    units = int(min(UNITS, max(FEWEST_UNITS, WORK / (depth * depth * 4))))
    runs = [_run(Population(network, inputs, units, np.random.default_rng([20181, k]))) for k in range(POPULATIONS)]
    found = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
    if not np.isfinite(found["square"]).all():
        raise UnsupportedError(f"the streams of {network.block.name} leave the range of float64; reduce the depth")
    with np.errstate(invalid="ignore"):
        spread = np.std([run["gradient"] for run in runs], axis=0, ddof=1)
    return found | {"gradient_error": spread / math.sqrt(POPULATIONS), "units": np.array(float(units))}


def _run(population: Population) -> dict[str, Array]:
    network, n = population.network, population.units
    block, depth, carried = network.block, int(network.depth), network.block.carried
    state = {name: np.zeros(n) for name in carried}
    if population.inputs.start > 0:
        state[carried[0]] = math.sqrt(population.inputs.start) * population.rng.standard_normal(n)
    squares = [[float(state[name] @ state[name]) / n for name in carried]]
    tape: list[tuple[dict[str, Array], dict[int, Any]]] = []
    for population.step in range(depth):
        streams = dict(state)
        left: dict[int, Any] = {}
        for at, step in enumerate(block.steps):
            forward(step, at, streams, left, population)
        tape.append((streams, left))
        state = {name: streams[new] for name, new in block.streams}
        squares.append([float(state[name] @ state[name]) / n for name in carried])
    g = population.rng.standard_normal(n)
    after, unit = {carried[0]: g / math.sqrt(float(g @ g))}, 0.0
    gradients, shares, weights = [_logs(after, carried, unit)], [_shares(after, carried)], []
    for streams, left in reversed(tape):
        given: dict[str, Array] = {new: after[name] for name, new in block.streams if name in after}
        square = 0.0
        for at in reversed(range(len(block.steps))):
            square += backward(block.steps[at], at, streams, left, given, population)
        weights.append(unit + 0.5 * (math.log(square) if square > 0 else -math.inf))
        after = {name: given[name] for name in carried if name in given}
        size = max((float(np.sqrt(x @ x)) for x in after.values()), default=0.0)
        if size > 0:
            after, unit = {name: x / size for name, x in after.items()}, unit + math.log(size)
        gradients.append(_logs(after, carried, unit))
        shares.append(_shares(after, carried))
    return {
        "square": np.array(squares),
        "gradient": np.array(gradients[::-1]),
        "share": np.array(shares[::-1]),
        "weights": np.array(weights[::-1]),
    }


def _logs(gradients: dict[str, Array], carried: tuple[str, ...], unit: float) -> list[float]:
    sizes = (float(np.sqrt(gradients[name] @ gradients[name])) if name in gradients else 0.0 for name in carried)
    return [unit + math.log(size) if size > 0 else -math.inf for size in sizes]


def _shares(gradients: dict[str, Array], carried: tuple[str, ...]) -> list[float]:
    squares = (gradients[name] ** 2 if name in gradients else np.zeros(1) for name in carried)
    return [float(s.sum() ** 2 / (len(s) * (s @ s))) if s.any() else math.nan for s in squares]


# ------------------------------------------------------------------ the steps


@singledispatch
def forward(step: Any, at: int, streams: dict[str, Array], left: dict[int, Any], population: Population) -> None:
    """Write the streams of a step of a population."""
    raise UnsupportedError(f"no limit of infinite width is worked out for a step {type(step).__name__}")


@forward.register
def _(step: Ask, at: int, streams: dict[str, Array], left: dict[int, Any], population: Population) -> None:
    n, x = population.units, streams[step.x]
    block, network = population.network.block, population.network
    matrix = block.matrix(step.matrix)
    sigma_w, sigma_b = matrix.sigmas(network.widths[0], int(network.depth))
    rows = matrix.outputs // matrix.inputs
    if matrix.inputs != 1 or rows * matrix.inputs != matrix.outputs:
        raise UnsupportedError(f"the limit of {block.name}: a matrix of shape ({matrix.outputs}N, {matrix.inputs}N)")
    y = sigma_w * population.matrix(matrix.name).ask(x, rows * n, population.rng)
    if sigma_b > 0:
        y = y + sigma_b * (
            population.once(matrix.name, rows * n) if block.tied else population.rng.standard_normal(rows * n)
        )
    if step.driven:
        y = y + _drive(at, rows * n, population)
    for k, name in enumerate(step.out):
        streams[name] = y[k * n : (k + 1) * n]


@forward.register
def _(step: Map, at: int, streams: dict[str, Array], left: dict[int, Any], population: Population) -> None:
    form = map_form(step.expressions, step.symbols)
    values, left[at] = form.evaluate(*(streams[name] for name in step.reads))
    streams.update(zip(step.out, values, strict=True))


@forward.register
def _(step: Mix, at: int, streams: dict[str, Array], left: dict[int, Any], population: Population) -> None:
    n = population.units
    if step.kind in ("layer", "rms"):
        x = streams[step.x[0]]
        x = x - x.mean() if step.kind == "layer" else x
        size = math.sqrt(float(x @ x) / n)
        left[at] = size
        streams[step.out[0]] = x / size if size > 0 else np.zeros(n)
    elif step.kind == "input":
        streams[step.out[0]] = _drive(at, n, population)
    else:
        low, high = (float(end.subs({width_symbol: population.network.width})) for end in step.numbers)
        if (at, "u") not in population.fixed:
            population.fixed[at, "u"] = population.rng.uniform(low, high, n)
        u = population.fixed[at, "u"]
        streams[step.out[0]] = np.log(u) if step.kind == "log_uniform" else u


@forward.register
def _(step: Add, at: int, streams: dict[str, Array], left: dict[int, Any], population: Population) -> None:
    keep, scale = _factors(step, population)
    streams[step.out[0]] = keep * streams[step.x] + scale * streams[step.y]


def _drive(at: int, size: int, population: Population) -> Array:
    inputs = population.inputs
    if inputs.drive == 0:
        return np.zeros(size)
    if inputs.kind == "given":
        factors = inputs.factors
        numbers = factors[:, population.step] @ population.once(at, len(factors) * size).reshape(-1, size)
    else:
        numbers = population.once(at, size) if inputs.kind == "same" else population.rng.standard_normal(size)
    return math.sqrt(inputs.drive) * numbers


def _factors(step: Add, population: Population) -> tuple[float, float]:
    at = {depth_symbol: population.network.depth}
    return float(step.keep.subs(at)), float(step.scale.subs(at))


@singledispatch
def backward(
    step: Any, at: int, streams: dict[str, Array], left: dict[int, Any], given: dict[str, Array], population: Population
) -> float:
    """Pass gradients on to what a step read; return the squared gradient at the matrix that it asked, else 0."""
    raise UnsupportedError(f"no limit of infinite width is worked out for a step {type(step).__name__}")


@backward.register
def _(
    step: Ask, at: int, streams: dict[str, Array], left: dict[int, Any], given: dict[str, Array], population: Population
) -> float:
    n, x = population.units, streams[step.x]
    matrix = population.network.block.matrix(step.matrix)
    parts = [given.get(name, np.zeros(n)) for name in step.out]
    if not any(part.any() for part in parts):
        return 0.0
    delta = np.concatenate(parts)
    sigma_w, _ = matrix.sigmas(population.network.widths[0], int(population.network.depth))
    # Wᵀδ: components of variance σ_w² |δ|²/n, correlated over the steps as δ is.
    answer = population.matrix(matrix.name, transposed=True).ask(delta, n, population.rng)
    _give(given, step.x, sigma_w * math.sqrt(len(delta) / n) * answer)
    return float(delta @ delta) * float(x @ x)


@backward.register
def _(
    step: Map, at: int, streams: dict[str, Array], left: dict[int, Any], given: dict[str, Array], population: Population
) -> float:
    for (k, symbol), partial in left[at].items():
        if step.out[k] in given:
            _give(given, symbol.name, given[step.out[k]] * partial)
    return 0.0


@backward.register
def _(
    step: Mix, at: int, streams: dict[str, Array], left: dict[int, Any], given: dict[str, Array], population: Population
) -> float:
    if step.kind in ("layer", "rms") and step.out[0] in given and left[at] > 0:
        _give(given, step.x[0], given[step.out[0]] / left[at])
    return 0.0


@backward.register
def _(
    step: Add, at: int, streams: dict[str, Array], left: dict[int, Any], given: dict[str, Array], population: Population
) -> float:
    if step.out[0] in given:
        keep, scale = _factors(step, population)
        _give(given, step.x, keep * given[step.out[0]])
        _give(given, step.y, scale * given[step.out[0]])
    return 0.0


def _give(given: dict[str, Array], name: str, part: Array) -> None:
    given[name] = given[name] + part if name in given else part
