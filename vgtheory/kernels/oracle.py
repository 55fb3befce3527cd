"""Random matrices that are asked and never drawn: W v and Wᵀu, adaptively, in any order, with the law of a drawn W.

What is known of W are answers to orthonormal questions: WQ for a frame Q on the right, WᵀP for a frame P on the left.
Given these, each question having been chosen from earlier answers and outside randomness,

    W = WQ Qᵀ + P (WᵀP)ᵀ (I − QQᵀ) + (I − PPᵀ) W̃ (I − QQᵀ),   W̃ a fresh copy of W with independent normal entries

(Bolthausen (2014), who conditions on the past in this way; here it is an algorithm at finite size).  Of a Haar matrix
every answer is known from both sides, W x = y ⇔ Wᵀy = x, so it has one pair of frames; a matrix with orthonormal rows
or columns is a part of a square one.  Questions are orthogonalised twice (Daniel, Gragg, Kaufman & Stewart (1976)).
A question inside the span of earlier ones gets the answer that is known, so more questions than dimensions are legal.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64, types, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import entry, piece
from vgtheory.kernels.entries import ENTRIES
from vgtheory.kernels.normals import fill, fill_normal_pairs
from vgtheory.kernels.signals import accumulate, dot, scaled

ROW_BITS = np.int64(21)  # a matrix has at most 2^20 rows
DEPENDENT = 1e-12  # a question whose rest is smaller than this share of it lies in the span of earlier ones


class Frames(NamedTuple):
    """What is known of a batch of matrices, one per sample.

    Parameters
    ----------
    right, right_answers : orthonormal questions (sample, question, input) and W times them (sample, question, output).
    left, left_answers : orthonormal questions (sample, question, output) and Wᵀ times them (sample, question, input).
    asked, asked_left : how many of them are set, by sample.
    """

    right: NDArray[np.float64]
    right_answers: NDArray[np.float64]
    left: NDArray[np.float64]
    left_answers: NDArray[np.float64]
    asked: NDArray[np.int64]
    asked_left: NDArray[np.int64]

    @property
    def transposed(self) -> "Frames":
        """Return the same knowledge as one of Wᵀ."""
        return Frames(self.left, self.left_answers, self.right, self.right_answers, self.asked_left, self.asked)


class Draw(NamedTuple):
    """Where the fresh normals of one block of questions come from: a counter of its own for each of them."""

    key: np.uint64
    first: np.int64
    layer: np.int64
    purpose: np.int64


_ARRAY, _COUNTS = float64[:, :, ::1], int64[::1]
FRAMES = types.NamedTuple((_ARRAY, _ARRAY, _ARRAY, _ARRAY, _COUNTS, _COUNTS), Frames)
DRAWS = types.NamedTuple((uint64, int64, int64, int64), Draw)


def unasked(samples: int, shape: tuple[int, int], right: int, left: int) -> Frames:
    """Return the knowledge of nothing, with room for so many questions from either side; `shape` is (out, in)."""
    outputs, inputs = shape
    right, left = min(right, inputs), min(left, outputs)
    return Frames(
        np.empty((samples, right, inputs)),
        np.empty((samples, right, outputs)),
        np.empty((samples, left, outputs)),
        np.empty((samples, left, inputs)),
        np.zeros(samples, np.int64),
        np.zeros(samples, np.int64),
    )


def with_room(frames: Frames, questions: int) -> Frames:
    """Return the same knowledge with room for so many more questions from the right, as far as dimensions go."""
    room, dimensions = frames.right.shape[1:]
    needed = min(int(frames.asked.max()) + questions, dimensions)
    if needed <= room:
        return frames
    more = min(max(needed, 2 * room), dimensions) - room
    right, answers = (
        np.concatenate([known, np.empty((len(known), more, known.shape[2]))], axis=1)
        for known in (frames.right, frames.right_answers)
    )
    return frames._replace(right=right, right_answers=answers)


@piece
def _split(frame, count, rest, coefficients):
    """Take from `rest` its part in the frame's span, twice; `coefficients` are those of what was taken."""
    coefficients[:count] = 0.0
    for _ in range(2):
        for j in range(count):
            along = dot(frame[j], rest)
            accumulate(rest, frame[j], -along)
            coefficients[j] += along


@piece
def _known(q, wq, k, v, rest, answer, coefficients):
    """Set answer to what is known of W v, `rest` to what is left of v; return its length, 0 where nothing is left."""
    rest[:] = v
    _split(q, k, rest, coefficients)
    answer[:] = 0.0
    for j in range(k):
        accumulate(answer, wq[j], coefficients[j])
    length = math.sqrt(dot(rest, rest))
    return 0.0 if length <= DEPENDENT * math.sqrt(dot(v, v)) or k >= v.size else length


@entry(void(FRAMES, DRAWS, _ARRAY, _ARRAY, float64))
def ask_gaussian(frames, draws, questions, answers, sigma):
    """Set answers = W questions, (sample, column, ·), for matrices with independent N(0, sigma²) entries.

    There must be room for the questions (``with_room``).
    """
    samples, columns, inputs = questions.shape
    outputs = answers.shape[2]
    rest, fresh = np.empty(inputs), np.empty(outputs)
    coefficients = np.empty(max(frames.right.shape[1], frames.left.shape[1]) + 1)
    for s in range(samples):
        q, wq, p, wtp = frames.right[s], frames.right_answers[s], frames.left[s], frames.left_answers[s]
        k, m = frames.asked[s], frames.asked_left[s]
        for c in range(columns):
            v, answer = questions[s, c], answers[s, c]
            length = _known(q, wq, k, v, rest, answer, coefficients)
            if length == 0.0:
                continue
            scaled(rest, rest, 1.0 / length)
            fill(fill_normal_pairs, fresh, draws.key, draws.first + s, draws.layer, draws.purpose, c * outputs)
            scaled(fresh, fresh, sigma)
            _split(p, m, fresh, coefficients)
            for j in range(m):
                accumulate(fresh, p[j], dot(wtp[j], rest))
            accumulate(answer, fresh, length)
            q[k], wq[k] = rest, fresh
            k += 1
        frames.asked[s] = k


@entry(void(FRAMES, DRAWS, _ARRAY, _ARRAY))
def ask_haar(frames, draws, questions, answers):
    """Set answers = W questions for Haar-distributed orthogonal matrices; only the right frames are used.

    There must be room for the questions (``with_room``).
    """
    samples, columns, size = questions.shape
    rest, fresh = np.empty(size), np.empty(size)
    coefficients = np.empty(frames.right.shape[1] + 1)
    for s in range(samples):
        q, wq, k = frames.right[s], frames.right_answers[s], frames.asked[s]
        for c in range(columns):
            v, answer = questions[s, c], answers[s, c]
            length = _known(q, wq, k, v, rest, answer, coefficients)
            if length == 0.0:
                continue
            fill(fill_normal_pairs, fresh, draws.key, draws.first + s, draws.layer, draws.purpose, c * size)
            _split(wq, k, fresh, coefficients)
            scaled(fresh, fresh, 1.0 / math.sqrt(dot(fresh, fresh)))
            accumulate(answer, fresh, length)
            scaled(q[k], rest, 1.0 / length)
            wq[k] = fresh
            k += 1
        frames.asked[s] = k


@entry(void(ENTRIES, float64[::1], _ARRAY, DRAWS))
def filled_rows(entries, data, out, draws):
    """Fill matrices (sample, row, ·) with independent entries of variance 1; every row has a purpose of its own."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            entries(out[s, i], data, draws.key, draws.first + s, draws.layer, (draws.purpose << ROW_BITS) + i)
