"""When a study may end: once the confidence intervals of its means are as short as was asked for."""

from __future__ import annotations

import math
import os
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory.study.engine import Arrays, Progress, Study, run, worker_pool
from vgtheory.study.intervals import mean_interval

LEVEL = 0.95
# Samples at the first look: after fewer, intervals that are short by chance would end studies too early.
FIRST_LOOK = 64
MOST_GROWTH = 8


def to_half_width(value: Any) -> float | None:
    """Return the half width as a float, None for None; raise InputError unless it is a positive number."""
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError("half_width", "a positive number", "e.g. half_width=0.05", got=f"{value!r}"[:60])
    return number


def doubled(first: int, last: int) -> list[int]:
    """Return the numbers of samples at which a study is looked at that ends with `last` of them at most.

    >>> doubled(8, 40)
    [8, 16, 32, 40]
    """
    looks = []
    while first < last:
        looks.append(first)
        first *= 2
    return [*looks, last]


def half_width_of(values: NDArray[np.float64]) -> float:
    """Return half the length of the longest 95 % interval of the columns' means, over living networks."""
    return float(np.max(mean_interval(values, LEVEL).half_width))


def outcome(reached: float, wanted: float, watched: str) -> str:
    """Return the target and what became of it, in one line; `watched` says of what."""
    word = "reached" if reached <= wanted else "not reached"
    return f"{word}: half width {reached:.4g} of the {LEVEL:g} interval of the mean of {watched}, target {wanted:g}"


def run_until(
    study: Study,
    watched: tuple[str, ...],
    half_width: float,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """Return the arrays of ``engine.run`` for as many of the study's samples, at most all, as the half width needs.

    The study is looked at after 64 samples or its first chunk, and then where the interval's length so far says that
    it will suffice; those places depend on the samples alone, so that a study ends at the same sample on any machine.
    Looking again and again makes the final interval cover a little less often than its level says.
    """
    parts: list[Arrays] = []
    done, wanted = 0, FIRST_LOOK
    with worker_pool(executor) as pool:
        while True:
            end = min(-(-wanted // study.chunk) * study.chunk, study.samples)  # whole chunks
            parts.append(run(replace(study, start=done, samples=end), pool, checkpoint, progress))
            done = end
            arrays = {name: np.concatenate([part[name] for part in parts]) for name in study.fields}
            half = half_width_of(np.stack([arrays[name][:, 0] for name in watched], axis=1))
            wanted = _wanted(done, half, half_width)
            if wanted <= done or done == study.samples:
                return arrays
            parts = [arrays]


def _wanted(done: int, half: float, target: float) -> int:
    """Return how many samples the study needs as far as these tell; no more than these if they suffice."""
    if half <= target:
        return done
    if not math.isfinite(half):
        return 2 * done
    # Lengths shrink as n^−½; a twentieth more, since this one is itself uncertain.
    growth = 1.05 * (half / target) ** 2
    return done + max(1, math.ceil(done * min(growth - 1, MOST_GROWTH)))
