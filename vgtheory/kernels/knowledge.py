"""What is known of random matrices that are asked and never drawn: orthonormal questions, and their answers."""

from typing import NamedTuple

import numpy as np
from numba import float64, int64, types
from numpy.typing import NDArray

from vgtheory.kernels.memory import empty

Array = NDArray[np.float64]


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


ARRAYS, _COUNTS = float64[:, :, ::1], int64[::1]
FRAMES = types.NamedTuple((ARRAYS, ARRAYS, ARRAYS, ARRAYS, _COUNTS, _COUNTS), Frames)


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
