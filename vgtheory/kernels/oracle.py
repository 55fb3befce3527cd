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
from numba import boolean, float64, int64, types, uint64, void

from vgtheory.kernels._jit import called, entry, piece
from vgtheory.kernels.entries import ENTRIES
from vgtheory.kernels.knowledge import ARRAYS, FRAMES, Array, Frames
from vgtheory.kernels.memory import empty
from vgtheory.kernels.normals import fill, fill_normal_pairs
from vgtheory.kernels.rows import (
    cholesky,
    combine,
    gram,
    invert_lower,
    products,
    square_lengths,
    times_lower,
)
from vgtheory.kernels.signals import scaled

ROW_BITS = np.int64(21)  # a matrix has at most 2^20 rows
BLOCK = 32  # questions that are taken together
# Shares of a squared length: what is left of a question that lies in the span of earlier ones, of one that is
# orthogonal enough after one subtraction, and of one beside the others of its block that is far enough from dependent
# for one Gram matrix, or for two.
DEPENDENT, LITTLE, FAR, NEAR = 1e-24, 1e-2, 3e-2, 1e-6


class Draw(NamedTuple):
    """Where the fresh normals of one block of questions come from: a counter of its own for each of them."""

    key: np.uint64
    first: np.int64
    layer: np.int64
    purpose: np.int64


DRAWS = types.NamedTuple((uint64, int64, int64, int64), Draw)


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
def _orthonormal(out, work):
    """Set leading rows of `out` to orthonormal ones, rest = factor·out, and return how many, at least one.

    They end where a row is almost a combination of those before.  The factors are Cholesky's, of Gram matrices, twice
    where rows are not far from dependent (Yamamoto, Nakatsukasa, Yanagisawa & Fukaya (2015)).
    """
    count, factor = out.shape[0], work.factor
    if count == 1:
        factor[0, 0] = math.sqrt(work.left[0])
        scaled(out[0], work.rest[0], 1.0 / factor[0, 0])
        return 1
    gram(factor, work.rest[:count])
    count, least = cholesky(factor, count, NEAR)
    if count == 0:  # a square that is no number, or none: callers go on by what is taken, and none would be for ever
        out[0] = factor[0, 0] = math.nan
        return 1
    out = out[:count]
    _unmixed(out, factor, work.rest[:count], work.inverse)
    if least < FAR:
        spare = work.rest[:count]
        spare[:] = out
        gram(work.product, spare)
        cholesky(work.product, count, 0.0)
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


@piece
def _far(work, most):
    """Return how many leading questions, at most so many, are far from what is known."""
    far = 0
    while far < most and work.left[far] > NEAR * work.lengths[far]:
        far += 1
    return far


@called
def _answer_known(frame, rows, answered, answers, work, v, scale):
    """Answer leading questions scale·v by what is known, and append what is left of them to the frame's `rows` rows.

    Return how many are answered, at least one, and how many rows are appended: as many, or none.  Questions that are
    not finite, or whose squares are not, have no answer: NaN.
    """
    count, room, taken = v.shape[0], frame.shape[0] - rows, 0
    for i in range(count):
        scaled(work.rest[i], v[i], scale)
    _split(frame[:rows], count, work)
    new = _far(work, min(count, room))
    while taken < count and not (room > 0 and work.left[taken] > DEPENDENT * work.lengths[taken]):
        taken += 1
    if taken == 0:  # a first question that is near what is known, but not in its span, stands alone
        taken = new = _orthonormal(frame[rows : rows + max(new, 1)], work)
    for i in range(taken):
        answers[i] = 0.0 if work.lengths[i] < math.inf else math.nan
    combine(answers[:taken], work.along, 1.0, answered[:rows], False)
    return taken, new


@piece
def _drawn(rows, draws, sample, start):
    """Fill rows with independent normals; row c takes the counters of column start + c."""
    for c in range(rows.shape[0]):
        place = (start + c) * rows.shape[1]
        fill(fill_normal_pairs, rows[c], draws.key, draws.first + sample, draws.layer, draws.purpose, place)


@called
def _condition(fresh, asked, left, left_answers, work):
    """Turn independent normals into answers to questions: their parts along the left questions are known.

    The answers (question, ·) are in units in which entries have variance 1.
    """
    count, known = fresh.shape[0], left.shape[0]
    if count == 0 or known == 0:
        return
    products(work.again, fresh, left)
    products(work.along, asked, left_answers)
    for i in range(count):
        for j in range(known):
            work.along[i, j] -= work.again[i, j]
    combine(fresh, work.along, 1.0, left, False)


@called
def _answer_last(answers, spare, questions, left, left_answers, draws, sample, work, scale):
    """Answer the only questions from this side, none of which is remembered; return whether they were answered.

    It is not done where they are almost dependent: the factor of their Gram matrix would not be accurate.
    """
    count = questions.shape[0]
    for i in range(count):
        scaled(work.rest[i], questions[i], scale)
    gram(work.factor, work.rest[:count])
    if cholesky(work.factor, count, NEAR)[0] < count:
        return False
    _drawn(spare[:count], draws, sample, 0)
    answers[:] = 0.0
    combine(answers, work.factor, 1.0, spare[:count], True)
    _condition(answers, work.rest[:count], left, left_answers, work)
    return True


def ask_gaussian(
    frames: Frames, draws: Draw, questions: Array, answers: Array, sigma: float, last: bool = False
) -> None:
    """Set answers = W questions, (sample, column, ·), for matrices with independent N(0, sigma²) entries.

    There must be room for the questions (``with_room``).  What is not finite, or whose square is not, is answered NaN.
    The `last` questions of all are not remembered.
    """
    _, columns, inputs = questions.shape
    last = last and columns <= BLOCK and not frames.asked.any()
    _ask_gaussian(frames, draws, questions, answers, empty(min(columns, BLOCK), inputs), sigma, last)


@entry(void(FRAMES, DRAWS, ARRAYS, ARRAYS, float64[:, ::1], float64, boolean))
def _ask_gaussian(frames, draws, questions, answers, rest, sigma, last):
    samples, columns, _ = questions.shape
    work = _work(rest, max(frames.right.shape[1], frames.left.shape[1]))
    for s in range(samples):
        q, wq, k, m = frames.right[s], frames.right_answers[s], frames.asked[s], frames.asked_left[s]
        p, wtp = frames.left[s, :m], frames.left_answers[s, :m]
        if last and _answer_last(answers[s], wq, questions[s], p, wtp, draws, s, work, sigma):
            continue
        start = 0
        while start < columns:
            end = min(start + BLOCK, columns)
            taken, new = _answer_known(q, k, wq, answers[s, start:end], work, questions[s, start:end], sigma)
            fresh = wq[k : k + new]
            _drawn(fresh, draws, s, start)
            _condition(fresh, q[k : k + new], p, wtp, work)
            combine(answers[s, start : start + taken], work.factor, 1.0, fresh, True)
            k += new
            start += taken
        frames.asked[s] = k


def ask_haar(frames: Frames, draws: Draw, questions: Array, answers: Array, scale: float = 1.0) -> None:
    """Set answers = scale·W questions for Haar-distributed orthogonal matrices; only the right frames are used.

    As ``ask_gaussian`` does.
    """
    _, columns, size = questions.shape
    _ask_haar(frames, draws, questions, answers, empty(2, min(columns, BLOCK), size), scale)


@called
def _drawn_across(known, rows, draws, sample, start, work, new):
    """Append to the rows `known` that many orthonormal ones across them, uniform: of independent normals."""
    _drawn(work.rest[:new], draws, sample, start)
    _split(known[:rows], new, work)
    far = _far(work, new)
    done = _orthonormal(known[rows : rows + far], work) if far > 0 else 0
    for c in range(done, new):  # hardly any dimension is left
        work.rest[0] = work.rest[c]
        _split(known[: rows + c], 1, work)
        scaled(known[rows + c], work.rest[0], 1.0 / math.sqrt(work.left[0]))


@entry(void(FRAMES, DRAWS, ARRAYS, ARRAYS, ARRAYS, float64))
def _ask_haar(frames, draws, questions, answers, rests, scale):
    samples, columns, _ = questions.shape
    work, other = _work(rests[0], frames.right.shape[1]), _work(rests[1], frames.right.shape[1])
    for s in range(samples):
        q, wq, k = frames.right[s], frames.right_answers[s], frames.asked[s]
        start = 0
        while start < columns:
            end = min(start + BLOCK, columns)
            taken, new = _answer_known(q, k, wq, answers[s, start:end], work, questions[s, start:end], scale)
            _drawn_across(wq, k, draws, s, start, other, new)
            combine(answers[s, start : start + taken], work.factor, 1.0, wq[k : k + new], True)
            k += new
            start += taken
        frames.asked[s] = k


@entry(void(ENTRIES, float64[::1], ARRAYS, DRAWS))
def filled_rows(entries, data, out, draws):
    """Fill matrices (sample, row, ·) with independent entries of variance 1; every row has a purpose of its own."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            entries(out[s, i], data, draws.key, draws.first + s, draws.layer, (draws.purpose << ROW_BITS) + i)
