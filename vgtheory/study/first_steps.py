"""The first steps of training of finite networks, without their matrices: what moves, and how it scales with width.

A step of gradient descent on a batch of B inputs adds to every matrix a part of rank B, so after t steps
W v = W(0) v − η Σ_s Δ_s (X_sᵀ v), where W(0) v is an answer of a random matrix that is asked and never drawn: exact in
law at any width, O(N t B) per layer and step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.codegen.compiled import CompiledActivation, compile_activation
from vgtheory.kernels.streams import normals
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.model.sizes import MAX_SAMPLES, MAX_SEED, MAX_WIDTH, whole_number
from vgtheory.model.steps import Matrix
from vgtheory.study.engine import work, worker_pool
from vgtheory.study.experiment import GENERATOR
from vgtheory.study.limits import check_work, need_executor
from vgtheory.study.machine import available_bytes
from vgtheory.study.programs.oracles import Oracle, Place, oracle
from vgtheory.study.scaling_with_width import TEXTS, steps_dataset

Array = NDArray[np.float64]
Rule = Literal["standard", "mup"]
MOST_STEPS, MOST_INPUTS = 1000, 1024
# Purposes of random numbers: inputs, readout, biases by layer, then the matrices.
INPUT, READOUT, BIASES, MATRICES = 0, 1, 1024, 512


@dataclass(frozen=True)
class _Training:
    """What is trained, at one width."""

    act: CompiledActivation
    network: Network
    width: int
    depth: int
    steps: int
    batch: int
    features: int
    rates: tuple[float, float, float]
    readout: float
    seed: int


@dataclass
class _Moved:
    """A matrix W(0) + Σ U_s V_sᵀ: what it was, asked or drawn, and the steps that it has made."""

    start: Oracle
    square: Array | float = 0.0  # of the Frobenius norm of what the steps have added
    left: list[Array] = field(default_factory=list)
    right: list[Array] = field(default_factory=list)

    def ask(self, x: Array, step: int) -> Array:
        """Return W x for x (sample, input of the batch, component)."""
        return self._moved(self.start.ask(x, step), x, self.right, self.left)

    def ask_transposed(self, u: Array, step: int) -> Array:
        """Return Wᵀu."""
        return self._moved(self.start.ask_transposed(u, step), u, self.left, self.right)

    def _moved(self, answer: Array, x: Array, take: list[Array], give: list[Array]) -> Array:
        for a, b in zip(take, give, strict=True):
            answer += np.matmul(np.matmul(x, a.transpose(0, 2, 1)), b)
        return answer

    def step(self, rate: float, delta: Array, x: Array) -> None:
        """Go down the gradient Σ_b δ_b x_bᵀ."""
        new = -rate * delta, x
        along = sum((_inner(new, old) for old in zip(self.left, self.right, strict=True)), np.zeros(len(x)))
        self.square = self.square + 2 * along + _inner(new, new)
        self.left.append(new[0])
        self.right.append(x)


def _inner(a: tuple[Array, Array], b: tuple[Array, Array]) -> Array:
    """Return ⟨Σ u vᵀ, Σ u' v'ᵀ⟩ of two steps (u, v), by sample."""
    grams = (np.matmul(p, q.transpose(0, 2, 1)) for p, q in zip(a, b, strict=True))
    return np.asarray(np.prod(list(grams), axis=0).sum(axis=(1, 2)))


def coordinate_check(
    network: Network,
    widths: Sequence[int],
    steps: int,
    learning_rate: float,
    rule: Rule = "standard",
    batch: int = 2,
    features: int = 8,
    samples: int = 8,
    seed: int = 0,
    executor: Executor | None = None,
) -> xr.Dataset:
    """Return sizes of signals, gradients and outputs over the first steps of training, by width: a coordinate check.

    A network of ``network.depth`` hidden layers on inputs of `features` numbers, then a linear readout whose weights
    have variance 1/N ("standard") or 1/N² ("mup"); plain gradient descent on all matrices for the loss
    mean (f − y)²/2 over a fixed batch, y = +1, −1, …, with rate η ("standard"), or ηN (first matrix), η (hidden), η/N
    (readout) ("mup", Yang & Hu (2021), table 3 for SGD).  Biases are not trained.  Exact in law at every width: no
    hidden matrix is drawn, whatever the number of steps.

    Parameters
    ----------
    network : a plain one with gaussian or orthogonal weights; its width is replaced by each of `widths`.
    widths : N, different whole numbers.
    steps : number of updates, 1 to 1000; the result has the states 0..steps.
    learning_rate : η > 0.
    rule : "standard" or "mup".
    batch : inputs, uniform on the sphere of mean square 1, drawn anew for every sample.
    features : numbers of an input.
    samples, seed, executor : as in ``simulate``.

    Returns
    -------
    Dataset with ``rms``, ``feature_change``, ``weight_change`` and ``log_gradient_norm`` over (sample, width, step,
    layer = 1..L), ``output`` and ``output_change`` over (sample, width, step).  attrs: ``verdict``, whether what the
    steps change scales with the width, from ``output_slope`` and ``feature_slope``, the slopes of ln of the mean output
    change, and feature change of the last layer, after the last step against ln N, with their 95 % intervals
    ``output_slope_interval`` and ``feature_slope_interval``; ``gradient``, whether the gradient vanishes or explodes on
    its way to layer 1, before the first step and after the last.

    Raises
    ------
    InputError : a value outside what is accepted, or widths whose samples do not fit into the memory.
    UnsupportedError : another network, e.g. one with a normalisation, or weights that have to be drawn; rule="adam",
        whose steps are not of low rank: the first one is a matrix of signs.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> found = coordinate_check(Network("tanh", Weights.lecun(), 64, 3), [64, 256], steps=2, learning_rate=0.1)
    >>> dict(found.rms.sizes)
    {'sample': 8, 'width': 2, 'step': 3, 'layer': 3}
    """
    require(network, "coordinate_check")
    sizes = _widths(widths)
    steps = whole_number("steps", steps, 1, MOST_STEPS, "4")
    batch = whole_number("batch", batch, 1, MOST_INPUTS, "2")
    features = whole_number("features", features, 1, MAX_WIDTH, "8")
    samples = whole_number("samples", samples, 1, MAX_SAMPLES, "8")
    seed = whole_number("seed", seed, 0, MAX_SEED, "0")
    rate = _rate(learning_rate)
    if isinstance(rule, str) and rule.lower() in ("adam", "adamw"):
        raise UnsupportedError(
            "Adam divides every entry of a gradient by its own size, so that a step is not of low rank and takes all "
            'N × N entries; use rule="standard" or rule="mup", whose steps are plain gradient descent'
        )
    if not isinstance(rule, str) or rule not in get_args(Rule):
        raise InputError("rule", '"standard" or "mup"', 'e.g. rule="mup"', got=shown(rule))
    act, depth = compile_activation(network.activation), int(network.depth)
    found = []
    need_executor(executor)
    with worker_pool(executor) as pool:
        for width in sizes:
            rates = (rate * width, rate, rate / width) if rule == "mup" else (rate, rate, rate)
            readout = 1 / width if rule == "mup" else width**-0.5
            training = _Training(act, network, width, depth, steps, batch, features, rates, readout, seed)
            at_once = _samples_at_once(training)
            starts = range(0, samples, at_once)
            check_work(
                samples, 3e-9 * width * depth * batch * (steps + 1) * (batch * steps + 20) * 4, executor is not None
            )
            parts = list(pool.map(partial(work, _train, training), starts, [min(at_once, samples - s) for s in starts]))
            found.append({name: np.concatenate([part[name] for part in parts]) for name in TEXTS})
    whole = {name: np.stack([f[name] for f in found], axis=1) for name in TEXTS}
    return steps_dataset(network, sizes, whole, {"rule": rule, "seed": seed, "generator": GENERATOR})


def _train(training: _Training, first: int, count: int) -> dict[str, Array]:
    """Return the sizes of samples first, …, first + count − 1 by step and layer."""
    t, shape = training, (count, training.batch)
    x_0 = _numbers(t, first, count, INPUT, t.features, t.batch)
    x_0 *= math.sqrt(t.features) / np.linalg.norm(x_0, axis=2, keepdims=True)
    target = np.where(np.arange(t.batch) % 2, -1.0, 1.0)
    matrices = [_matrix(t, first, count, layer) for layer in range(t.depth)]
    biases = [_bias(t, first, count, layer) for layer in range(t.depth)]
    readout = t.readout * _numbers(t, first, count, READOUT, t.width)
    by_layer = {name: () if name.startswith("output") else (t.depth,) for name in TEXTS}
    found = {name: np.empty((count, t.steps + 1, *layers)) for name, layers in by_layer.items()}
    before: list[Array] = []  # the signals and the outputs of the first step
    for step in range(t.steps + 1):
        signals, slopes = [x_0], []
        for layer, matrix in enumerate(matrices):
            value, slope = t.act.both(matrix.ask(signals[-1], step) + biases[layer])
            signals.append(value)
            slopes.append(slope)
        f = np.matmul(signals[-1], readout.transpose(0, 2, 1))[..., 0]
        before = before or [*signals, f]
        for layer, value in enumerate(signals[1:]):
            found["rms"][:, step, layer] = _rms(value)
            found["feature_change"][:, step, layer] = _rms(value - before[layer + 1])
            found["weight_change"][:, step, layer] = np.sqrt(matrices[layer].square)
        found["output"][:, step] = np.abs(f).mean(axis=1)
        found["output_change"][:, step] = np.abs(f - before[-1]).mean(axis=1)
        error = ((f - target) / t.batch).reshape(*shape, 1)
        gradient, updates = error * readout, []
        for layer in reversed(range(t.depth)):
            delta = gradient * slopes[layer]
            found["log_gradient_norm"][:, step, layer] = 0.5 * np.log(np.einsum("sbn,sbn->s", delta, delta))
            updates.append((layer, delta))
            if layer:
                gradient = matrices[layer].ask_transposed(delta, step)
        if step < t.steps:
            readout = readout - t.rates[2] * np.matmul(error.transpose(0, 2, 1), signals[-1])
            for layer, delta in updates:
                matrices[layer].step(t.rates[1 if layer else 0], delta, signals[layer])
    return found


def _rms(x: Array) -> Array:
    """Return the root mean square over the inputs and components of every sample."""
    return np.sqrt(np.einsum("sbn,sbn->s", x, x) / (x.shape[1] * x.shape[2]))


def _matrix(t: _Training, first: int, count: int, layer: int) -> _Moved:
    shape = (t.width, t.width if layer else t.features)
    sigma_w = float(t.network.weights.sigma_at(shape[1], shape[0])[0])
    place = Place(t.seed, first, count, MATRICES + 2 * layer)
    # The first matrix has few columns: it is drawn.
    start = oracle(Matrix("W", t.network.weights), sigma_w, shape, place, t.batch * (t.steps + 1), not layer, 0)
    return _Moved(start)


def _bias(t: _Training, first: int, count: int, layer: int) -> Array | float:
    sigma_b = float(t.network.weights.sigma_at(t.width if layer else t.features, t.width)[1])
    return sigma_b * _numbers(t, first, count, BIASES + layer, t.width) if sigma_b else 0.0


def _numbers(t: _Training, first: int, count: int, purpose: int, size: int, columns: int = 1) -> Array:
    out = np.empty((count, columns, size))
    normals(Place(t.seed, first, count, purpose).draw(0), out)
    return out


def _widths(widths: Any) -> list[int]:
    accepted = "different whole numbers, e.g. [128, 1024, 8192]"
    if isinstance(widths, (str, bytes)) or not isinstance(widths, (Sequence, np.ndarray)) or len(widths) == 0:
        raise InputError("widths", accepted, "e.g. widths=[128, 1024]", got=shown(widths))
    sizes = [whole_number("width", n, 2, MAX_WIDTH, "128") for n in widths]
    if len(set(sizes)) < len(sizes):
        raise InputError("widths", accepted, "drop what is there twice", got=shown(widths))
    return sizes


def _rate(value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError("learning_rate", "a positive number", "e.g. learning_rate=0.1", got=shown(value))
    return number


def _samples_at_once(t: _Training) -> int:
    """Return how many samples are trained together; raise InputError where not even one fits into the memory."""
    numbers = t.width * t.batch * (t.steps + 1) * 6 * t.depth + t.width * t.features
    limit = available_bytes() / 8
    if 8 * numbers > limit:
        raise InputError(
            "widths",
            f"widths whose samples take up to {limit / 2**30:.1f} GiB each, an eighth of this machine's memory",
            "take fewer steps, a smaller batch or a smaller width",
            got=f"{t.width:,} at {t.steps} steps ({8 * numbers / 2**30:.1f} GiB)",
        )
    return int(max(1, min(256, 2**26 / (8 * numbers))))
