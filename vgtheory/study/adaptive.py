"""`Until`: run a study until the confidence interval of one of its statistics is short enough, or a cap is reached."""

from __future__ import annotations

import math
import os
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory.study.engine import Arrays, Progress, Study, run, worker_pool
from vgtheory.study.intervals import Estimate, mean_interval, quantile_interval, variance_interval
from vgtheory.study.variables import SUMMARISED, with_logarithms

Statistic = Literal["mean", "variance", "median"]
# Samples at the first look: after fewer, intervals that are short by chance would end studies too early.
FIRST_LOOK = 64
MOST_GROWTH = 8


@dataclass(frozen=True)
class Until:
    """A study's end: half the length of a confidence interval is at most `half_width`.

    The study is looked at after 64 samples or its first chunk, and then where the interval's length so far says that
    it will suffice; those places depend on the samples alone, so that a study ends at the same sample on any machine.
    Looking again and again makes the final interval cover a little less often than its level says.

    Parameters
    ----------
    half_width : target, in the statistic's units (natural logarithms).
    variable : "log_gradient_norm", "log_weight_gradient_norm" or "log_q".
    layer : l, from 1.
    statistic : "mean", "variance" or "median".
    level : of the interval.

    Examples
    --------
    >>> from vgtheory import Network, Weights, simulate
    >>> network = Network("tanh", Weights.gaussian(1.5, 0.1), width=32, depth=10)
    >>> study = simulate(network, samples=10_000, until=Until(0.05))
    >>> study.sizes["sample"] < 10_000
    True
    """

    half_width: float
    variable: str = "log_gradient_norm"
    layer: int = 1
    statistic: Statistic = "mean"
    level: float = 0.95

    def __post_init__(self) -> None:
        names = [name for name, _ in SUMMARISED]
        if isinstance(self.half_width, (bool, str)) or not 0 < float(self.half_width) < math.inf:
            raise InputError("half_width", "a positive number", "e.g. 0.05", got=f"{self.half_width!r}")
        if self.variable not in names:
            raise InputError("variable", "one of " + ", ".join(names), "correct the name", got=f"{self.variable!r}")
        if self.statistic not in get_args(Statistic):
            raise InputError("statistic", "mean, variance or median", "e.g. 'mean'", got=f"{self.statistic!r}")
        if not 0 < self.level < 1:
            raise InputError("level", "a number between 0 and 1", "e.g. 0.95", got=f"{self.level!r}")

    def interval(self, samples: dict[str, NDArray[np.float64]]) -> Estimate:
        """Return the statistic and its interval, arrays of one number; `samples` by variable: (sample, layer)."""
        values = samples[self.variable][:, self.layer - 1 : self.layer]
        if self.statistic == "median":
            return quantile_interval(values, 0.5, self.level)
        return (mean_interval if self.statistic == "mean" else variance_interval)(values, self.level)

    def outcome(self, arrays: Arrays) -> str:
        """Return the target and what became of it, in one line."""
        half = float(self.interval(with_logarithms(arrays)).half_width[0])
        word = "reached" if half <= self.half_width else "not reached"
        return (
            f"{word}: {self.level:g} interval of the {self.statistic} of {self.variable} at layer {self.layer}, "
            f"half width {half:.4g}, target {self.half_width:g}"
        )

    def wanted(self, samples: dict[str, NDArray[np.float64]]) -> int:
        """Return how many samples the study needs as far as these tell; no more than these if they suffice."""
        n = len(samples[self.variable])
        half = float(self.interval(samples).half_width[0])
        if half <= self.half_width:
            return n
        if not math.isfinite(half):
            return 2 * n
        # Lengths shrink as n^−½; a twentieth more, since this one is itself uncertain.
        growth = 1.05 * (half / self.half_width) ** 2
        return n + max(1, math.ceil(n * min(growth - 1, MOST_GROWTH)))


def run_until(
    study: Study,
    until: Until,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """Return the arrays of ``engine.run`` for as many of the study's samples, at most all, as `until` asks for.

    Raises InputError for a layer that the study does not have, and what ``engine.run`` raises.
    """
    if not isinstance(until, Until):
        raise InputError("until", "an Until", "e.g. until=vg.Until(0.05)", got=f"{until!r}")
    if isinstance(until.layer, bool) or not 1 <= until.layer <= study.depth:
        raise InputError("layer", f"a layer from 1 to {study.depth}", "e.g. layer=1", got=f"{until.layer} of Until")
    parts: list[Arrays] = []
    done, wanted = 0, FIRST_LOOK
    with worker_pool(executor) as pool:
        while True:
            end = min(-(-wanted // study.chunk) * study.chunk, study.samples)  # whole chunks
            parts.append(run(replace(study, start=done, samples=end), pool, checkpoint, progress))
            done = end
            arrays = {name: np.concatenate([part[name] for part in parts]) for name in study.fields}
            wanted = until.wanted(with_logarithms(arrays)) if done < study.samples else done
            if wanted <= done:
                return arrays
            parts = [arrays]
