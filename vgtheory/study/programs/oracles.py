"""The matrices of a batch of samples behind one interface, W x and Wᵀu: asked and never drawn, or drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.entries import gaussian_entries
from vgtheory.kernels.knowledge import unasked, with_room
from vgtheory.kernels.matrices import NONE, drawn_matrices
from vgtheory.kernels.memory import empty
from vgtheory.kernels.operators import backward_all, forward_all
from vgtheory.kernels.oracle import Draw, ask_gaussian, ask_haar, filled_rows
from vgtheory.model.program import Block
from vgtheory.model.steps import Ask, Matrix

Array = NDArray[np.float64]
# Asked, a question costs about as much as three multiplications with the part of the matrix that it meets.
QUESTIONS_PER_WIDTH = 1 / 3
LEFT, RIGHT = 5, 6  # purposes of the factors of a matrix of low rank, beside its own
LAYERS, MOST = 2**24, 2**8 - 1  # more than a network has; how many matrices have counters of layers of their own


def takes_one_question(block: Block, item: int) -> bool:
    """Return whether one column asks a matrix once from either side, and its answer stays as it is: no drive is added
    to it, no bias that is not normal.
    """
    matrix = block.matrices[item]
    asks = [step for step in block.steps if isinstance(step, Ask) and step.matrix == matrix.name]
    plain = matrix.weights.bias_family == "gaussian" and matrix.weights.arrays is None and not matrix.centre
    return plain and not block.tied and item < MOST and len(asks) == 1 and not asks[0].driven


def layer_of_question(item: Any, layer: Any) -> Any:
    """Return the layer among the counters of random numbers that belongs to a matrix which takes one question."""
    return layer + (item + 1) * LAYERS


@dataclass(frozen=True)
class Place:
    """Which random numbers a matrix of a batch of samples is made of: the seed, the first sample, a purpose."""

    key: int
    first: int
    samples: int
    purpose: int

    def draw(self, layer: int, backward: bool = False) -> Draw:
        """Return the counters of the questions of a layer."""
        return Draw(np.uint64(self.key), np.int64(self.first), np.int64(layer), np.int64(self.purpose + int(backward)))


class Oracle(Protocol):
    """Random matrices, one per sample, that answer questions (sample, column, component)."""

    def ask(self, x: Array, layer: int) -> Array:
        """Return W x."""

    def ask_transposed(self, u: Array, layer: int) -> Array:
        """Return Wᵀu."""


class Gaussian:
    """Independent N(0, sigma²) entries, asked; `once`: from the left only once, after which nothing more is asked."""

    def __init__(self, place: Place, shape: tuple[int, int], sigma: float, questions: int, once: bool) -> None:
        self.place, self.sigma, (self.outputs, self.inputs) = place, sigma, shape
        self.once, self.over = once, False
        self.frames = unasked(place.samples, shape, questions, questions)

    def ask(self, x: Array, layer: int) -> Array:
        """Return W x."""
        assert not self.over  # what was asked last is forgotten
        answers = empty(*x.shape[:2], self.outputs)
        self.frames = with_room(self.frames, x.shape[1])
        ask_gaussian(self.frames, self.place.draw(layer), x, answers, self.sigma)
        return answers

    def ask_transposed(self, u: Array, layer: int) -> Array:
        """Return Wᵀu."""
        assert not self.over
        self.over = self.once
        answers = empty(*u.shape[:2], self.inputs)
        frames = with_room(self.frames.transposed, u.shape[1])
        self.frames = frames.transposed
        ask_gaussian(frames, self.place.draw(layer, backward=True), u, answers, self.sigma, self.once)
        return answers


class Haar:
    """Scale times orthonormal rows or columns, a part of a Haar-distributed square matrix that is asked."""

    def __init__(self, place: Place, shape: tuple[int, int], scale: float, questions: int, once: bool) -> None:
        self.place, self.scale, (self.outputs, self.inputs) = place, scale, shape
        size = max(shape)
        self.frames = unasked(place.samples, (size, size), 2 * questions, 0)

    def ask(self, x: Array, layer: int) -> Array:
        """Return W x."""
        return self._answer(x, layer, self.outputs, backward=False)

    def ask_transposed(self, u: Array, layer: int) -> Array:
        """Return Wᵀu."""
        return self._answer(u, layer, self.inputs, backward=True)

    def _answer(self, given: Array, layer: int, size: int, backward: bool) -> Array:
        whole, answers = empty(2, *given.shape[:2], self.frames.right.shape[2])
        whole[..., : given.shape[2]] = given
        whole[..., given.shape[2] :] = 0.0
        self.frames = frames = with_room(self.frames, given.shape[1])
        if backward:  # an answer is known from both sides: the frames of Wᵀ are those of W exchanged
            frames = frames._replace(right=frames.right_answers, right_answers=frames.right)
        ask_haar(frames, self.place.draw(layer, backward), whole, answers, self.scale)
        return np.ascontiguousarray(answers[..., :size])


class Single:
    """Matrices of one layer that are asked one question from the right and then one from the left; they add their bias.

    Nothing is remembered but the question and its answer, which the way back through a layer needs anyway.
    """

    def __init__(self, haar: bool, scale: float, bias: float, draws: Draw, outputs: int) -> None:
        self.haar, self.scales, self.draws, self.outputs = haar, (scale, bias), draws, outputs
        self.known: tuple[Array, Array] | None = None

    def ask(self, x: Array, layer: int) -> Array:
        """Return W x + b."""
        assert self.known is None
        h, x = empty(*x.shape[:2], self.outputs), np.ascontiguousarray(x)
        forward_all(self.haar, self.draws, h, x, *self.scales)
        self.known = h, x
        return h

    def ask_transposed(self, u: Array, layer: int) -> Array:
        """Return Wᵀu."""
        assert self.known is not None
        g = empty(*self.known[1].shape)
        backward_all(self.haar, self.draws, g, np.ascontiguousarray(u), *self.known, *self.scales)
        return g


class Drawn:
    """Matrices of any distribution, times a scale, that are drawn and multiplied."""

    def __init__(self, matrices: Array, scale: float = 1.0) -> None:
        self.matrices, self.scale = matrices, scale

    def ask(self, x: Array, layer: int) -> Array:
        """Return W x."""
        answers = empty(*x.shape[:2], self.matrices.shape[1])
        return np.matmul(self.scale * x, self.matrices.transpose(0, 2, 1), out=answers)

    def ask_transposed(self, u: Array, layer: int) -> Array:
        """Return Wᵀu."""
        return np.matmul(self.scale * u, self.matrices, out=empty(*u.shape[:2], self.matrices.shape[2]))


class Centre:
    """Matrices of which only the middle part of every row is not zero: a convolution with weights at one tap."""

    def __init__(self, middle: Oracle, parts: int, inputs: int) -> None:
        self.middle, self.parts, self.inputs = middle, parts, inputs

    def ask(self, x: Array, layer: int) -> Array:
        """Return W x."""
        part = x.reshape(*x.shape[:2], self.parts, -1)[:, :, self.parts // 2]
        return self.middle.ask(np.ascontiguousarray(part), layer)

    def ask_transposed(self, u: Array, layer: int) -> Array:
        """Return Wᵀu."""
        answers = np.zeros((*u.shape[:2], self.parts, self.inputs // self.parts))
        answers[:, :, self.parts // 2] = self.middle.ask_transposed(u, layer)
        return answers.reshape(*u.shape[:2], self.inputs)


def _scale(matrix: Matrix, sigma_w: float, shape: tuple[int, int]) -> float:
    """Return the standard deviation of an entry, or of orthogonal weights the length that W gives a unit vector."""
    outputs, inputs = shape
    if matrix.weights.family == "orthogonal":
        return sigma_w * math.sqrt(max(1.0, outputs / inputs))
    return sigma_w / math.sqrt(inputs)


def oracle(
    matrix: Matrix,
    sigma_w: float,
    shape: tuple[int, int],
    place: Place,
    questions: int,
    drawn: bool,
    layer: int,
    once: bool = False,
) -> Oracle:
    """Return the oracle of a matrix; `questions` from either side is the most that it will be asked.

    `layer` is where its entries are drawn: 0 for a tied matrix.  `once` says that it is asked from the left only once,
    and nothing after that.
    """
    if matrix.centre:
        middle, (outputs, inputs) = replace(matrix, inputs=1, centre=False), shape
        part = (outputs, inputs // matrix.inputs)
        return Centre(oracle(middle, sigma_w, part, place, questions, drawn, layer, once), matrix.inputs, inputs)
    scale = _scale(matrix, sigma_w, shape)
    if drawn:
        return Drawn(_drawn(matrix, shape, place, layer), scale)
    kind = Haar if matrix.weights.family == "orthogonal" else Gaussian
    return kind(place, shape, scale, questions, once)


def single(matrix: Matrix, sigmas: tuple[float, float], shape: tuple[int, int], draws: Draw) -> Single:
    """Return the matrices of one layer that are asked once from either side; σ_w and σ_b are `sigmas`."""
    return Single(matrix.weights.family == "orthogonal", _scale(matrix, sigmas[0], shape), sigmas[1], draws, shape[0])


def _drawn(matrix: Matrix, shape: tuple[int, int], place: Place, layer: int) -> Array:
    """Return matrices (sample, output, input) of unit variance, or with orthonormal rows or columns."""
    weights = matrix.weights
    options = {name: float(value) for name, value in weights.options}
    if weights.family == "low_rank":
        return _low_rank(int(options["rank"]), options["noise"], shape, place, layer)
    law = drawn_matrices(weights.family, options)
    out = _rows(law.entries, law.data, shape, place, layer)
    if weights.family != "orthogonal":
        return out
    tall = out if shape[0] >= shape[1] else out.transpose(0, 2, 1)
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]  # else not Haar (Mezzadri (2007))
    return np.ascontiguousarray(q if shape[0] >= shape[1] else q.transpose(0, 2, 1))


def _rows(entries: Any, data: Array, shape: tuple[int, int], place: Place, layer: int) -> Array:
    out = np.empty((place.samples, *shape))
    filled_rows(entries, data, out, place.draw(layer))
    return out


def _low_rank(rank: int, noise: float, shape: tuple[int, int], place: Place, layer: int) -> Array:
    """Return √((1 − noise)/rank) U Vᵀ + √noise G for independent normal U, V and G."""

    def normal(size: tuple[int, int], role: int) -> Array:
        return _rows(gaussian_entries, NONE, size, replace(place, purpose=place.purpose + role), layer)

    left, right = normal((rank, shape[0]), LEFT), normal((rank, shape[1]), RIGHT)
    outer = math.sqrt((1.0 - noise) / rank) * np.matmul(left.transpose(0, 2, 1), right)
    return outer + math.sqrt(noise) * normal(shape, 0) if noise > 0.0 else outer
