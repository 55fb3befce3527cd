"""Random matrices that are asked and never drawn: W v and Wᵀu, adaptively, in any order, with the law of a drawn W.

What is known of W are answers to orthonormal questions: WQ for a frame Q on the right, WᵀP for a frame P on the left.
Given these, each question having been chosen from earlier answers and outside randomness,

    W = WQ Qᵀ + P (WᵀP)ᵀ (I − QQᵀ) + (I − PPᵀ) W̃ (I − QQᵀ),   W̃ a fresh copy of W with independent normal entries

(Bolthausen (2014), who conditions on the past in this way; here it is an algorithm at finite size).  Of a Haar matrix
every answer is known from both sides, W x = y ⇔ Wᵀy = x, so it has one pair of frames; a matrix with orthonormal rows
or columns is a part of a square one.  Questions are orthogonalised twice where once is not enough (Daniel, Gragg,
Kaufman & Stewart (1976)), many at a time.
A question inside the span of earlier ones gets the answer that is known, so more questions than dimensions are legal.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64, types, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import called, entry, piece
from vgtheory.kernels.entries import ENTRIES
from vgtheory.kernels.memory import empty
from vgtheory.kernels.normals import fill, fill_normal_pairs
from vgtheory.kernels.rows import (
    cholesky,
    combine,
    gram,
    invert_lower,
    products,
    scale_rows,
    square_lengths,
    times_lower,
)
from vgtheory.kernels.signals import scaled

Array = NDArray[np.float64]

ROW_BITS = np.int64(21)  # a matrix has at most 2^20 rows
DEPENDENT = 1e-12  # a question whose rest is smaller than this share of it lies in the span of earlier ones
BLOCK = 32  # questions that are taken together
# Shares of a squared length: what is left of a question that is orthogonal enough after one subtraction, and of one
# beside the others of its block that is far enough from dependent for one Gram matrix, or for two.
LITTLE, FAR, NEAR = 1e-2, 3e-2, 1e-6


class Frames(NamedTuple):
    """What is known of a batch of matrices, one per sample.

    Parameters
    ----------
    right, right_answers : orthonormal questions (sample, question, input) and W times them (sample, question, output).
    left, left_answers : orthonormal questions (sample, question, output) and Wᵀ times them (sample, question, input).
    asked, asked_left : how many of them are set, by sample.
    """

    right: Array
    right_answers: Array
    left: Array
    left_answers: Array
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
        empty(samples, right, inputs),
        empty(samples, right, outputs),
        empty(samples, left, outputs),
        empty(samples, left, inputs),
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


class Work(NamedTuple):
    """Scratch of one call, for a block of questions: what is left of them, and square tables of coefficients.

    Parameters
    ----------
    rest : (question, input).
    along, again : coefficients (question, known question), of either side.
    factor, inverse, product : lower triangular (question, question).
    lengths, left : squared lengths of questions, and of their rests.
    """

    rest: Array
    along: Array
    again: Array
    factor: Array
    inverse: Array
    product: Array
    lengths: Array
    left: Array


@piece
def _work(rest, known):
    block = rest.shape[0]
    return Work(
        rest,
        np.empty((block, known)), np.empty((block, known)),
        np.empty((block, block)), np.empty((block, block)), np.empty((block, block)), np.empty(block), np.empty(block),
    )  # fmt: skip


@called
def _split(frame, count, work):
    """Take from the first `count` rows of `rest` their parts in the frame's span, with coefficients `along`.

    Twice where little is `left`: then rounding is no longer small beside it.
    """
    rest = work.rest[:count]
    square_lengths(work.lengths, rest)
    work.left[:count] = work.lengths[:count]
    known = frame.shape[0]
    if known == 0:
        return
    products(work.along, rest, frame)
    combine(rest, work.along, -1.0, frame, False)
    square_lengths(work.left, rest)
    once = True
    for i in range(count):
        once = once and work.left[i] > LITTLE * work.lengths[i]
    if once:
        return
    products(work.again, rest, frame)
    combine(rest, work.again, -1.0, frame, False)
    square_lengths(work.left, rest)
    for i in range(count):
        work.along[i, :known] += work.again[i, :known]


@called
def _appended(out, work):
    """Set the rows of `out` to orthonormal ones, rest = factor·out; return their number, 0 or −1 for none.

    A single row is left out (0) where nothing but rounding is left of it.  Several are made orthonormal by Cholesky
    factors of Gram matrices, twice where they are not far from dependent (Yamamoto, Nakatsukasa, Yanagisawa & Fukaya
    (2015)), and not at all (−1) where that is not accurate.
    """
    count, factor = out.shape[0], work.factor
    if count == 1:
        length = math.sqrt(work.left[0])
        if not (length > DEPENDENT * math.sqrt(work.lengths[0]) and length < math.inf):
            return 0
        scaled(out[0], work.rest[0], 1.0 / length)
        factor[0, 0] = length
        return 1
    gram(factor, work.rest[:count])
    for i in range(count):
        if not factor[i, i] > NEAR * work.lengths[i]:
            return -1
    least = cholesky(factor, count)
    if not least > NEAR:
        return -1
    _unmixed(out, factor, work.rest[:count], work.inverse)
    if least < FAR:
        spare = work.rest[:count]
        spare[:] = out
        gram(work.product, spare)
        cholesky(work.product, count)
        _unmixed(out, work.product, spare, work.inverse)
        work.inverse[:] = factor
        times_lower(factor, work.inverse, work.product, count)
    return count


@called
def _unmixed(out, factor, rows, inverse):
    """Set out = factor⁻¹ rows, for a lower triangular factor."""
    invert_lower(inverse, factor, out.shape[0])
    out[:] = 0.0
    combine(out, inverse, 1.0, rows, True)


@called
def _new_questions(frame, rows, answered, answers, work, v):
    """Answer the questions v by what is known, and append what is left of them to the frame of `rows` questions.

    Return how many are new: all, none where a single one is known, or −1 where they must be asked one by one.
    Questions that are not finite, or whose squares are not, have no answer: NaN.
    """
    count, new = v.shape[0], 0
    work.rest[:count] = v
    _split(frame[:rows], count, work)
    if rows + count <= frame.shape[0]:
        new = _appended(frame[rows : rows + count], work)
    elif count > 1:
        return -1
    if new >= 0:
        answers[:] = 0.0 if count > 1 or work.lengths[0] < math.inf else math.nan
        combine(answers, work.along, 1.0, answered[:rows], False)
    return new


@piece
def _drawn(rows, draws, sample, start):
    """Fill rows with independent normals; row c takes the counters of column start + c."""
    for c in range(rows.shape[0]):
        place = (start + c) * rows.shape[1]
        fill(fill_normal_pairs, rows[c], draws.key, draws.first + sample, draws.layer, draws.purpose, place)


def ask_gaussian(frames: Frames, draws: Draw, questions: Array, answers: Array, sigma: float) -> None:
    """Set answers = W questions, (sample, column, ·), for matrices with independent N(0, sigma²) entries.

    There must be room for the questions (``with_room``).  What is not finite, or whose square is not, is answered NaN.
    """
    _, columns, inputs = questions.shape
    _ask_gaussian(frames, draws, questions, answers, empty(min(columns, BLOCK), inputs), sigma)


@entry(void(FRAMES, DRAWS, _ARRAY, _ARRAY, float64[:, ::1], float64))
def _ask_gaussian(frames, draws, questions, answers, rest, sigma):
    samples, columns, _ = questions.shape
    work = _work(rest, max(frames.right.shape[1], frames.left.shape[1]))
    for s in range(samples):
        q, wq, k, m = frames.right[s], frames.right_answers[s], frames.asked[s], frames.asked_left[s]
        p, wtp = frames.left[s, :m], frames.left_answers[s, :m]
        start = apart = 0
        while start < columns:
            end = start + 1 if start < apart else min(start + BLOCK, columns)
            new = _new_questions(q, k, wq, answers[s, start:end], work, questions[s, start:end])
            if new < 0:
                apart = end
                continue
            fresh = wq[k : k + new]
            _drawn(fresh, draws, s, start)
            scale_rows(fresh, sigma)
            if m > 0 and new > 0:
                along = work.along[:new]
                products(along, fresh, p)
                combine(fresh, along, -1.0, p, False)
                products(along, q[k : k + new], wtp)
                combine(fresh, along, 1.0, p, False)
            combine(answers[s, start:end], work.factor, 1.0, fresh, True)
            k += new
            start = end
        frames.asked[s] = k


def ask_haar(frames: Frames, draws: Draw, questions: Array, answers: Array) -> None:
    """Set answers = W questions for Haar-distributed orthogonal matrices; only the right frames are used.

    As ``ask_gaussian`` does.
    """
    _, columns, size = questions.shape
    _ask_haar(frames, draws, questions, answers, empty(2, min(columns, BLOCK), size))


@entry(void(FRAMES, DRAWS, _ARRAY, _ARRAY, _ARRAY))
def _ask_haar(frames, draws, questions, answers, rests):
    samples, columns, _ = questions.shape
    work, other = _work(rests[0], frames.right.shape[1]), _work(rests[1], frames.right.shape[1])
    for s in range(samples):
        q, wq, k = frames.right[s], frames.right_answers[s], frames.asked[s]
        start = apart = 0
        while start < columns:
            end = start + 1 if start < apart else min(start + BLOCK, columns)
            new = _new_questions(q, k, wq, answers[s, start:end], work, questions[s, start:end])
            if new < 0:
                apart = end
                continue
            fresh = wq[k : k + new]
            _drawn(other.rest[:new], draws, s, start)
            _split(wq[:k], new, other)
            if new > 0 and _appended(fresh, other) <= 0:
                for c in range(new):  # hardly any dimension is left
                    other.rest[0] = other.rest[c]
                    _split(wq[: k + c], 1, other)
                    scaled(fresh[c], other.rest[0], 1.0 / math.sqrt(other.left[0]))
            combine(answers[s, start:end], work.factor, 1.0, fresh, True)
            k += new
            start = end
        frames.asked[s] = k


@entry(void(ENTRIES, float64[::1], _ARRAY, DRAWS))
def filled_rows(entries, data, out, draws):
    """Fill matrices (sample, row, ·) with independent entries of variance 1; every row has a purpose of its own."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            entries(out[s, i], data, draws.key, draws.first + s, draws.layer, (draws.purpose << ROW_BITS) + i)
