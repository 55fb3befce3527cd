"""How things are timed: ours and a peer's in turn, in one run, so that a busy machine slows both, not the ratio."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import llvmlite.binding

PACKAGES = ("vgtheory", "numpy", "numba", "llvmlite", "torch", "jax", "numexpr", "heyoka")


@dataclass(frozen=True)
class Line:
    """One line of the table: what was asked for and what came out; `met` is None where the peer is not installed."""

    what: str
    yardstick: str
    reach: str
    measured: str
    met: bool | None


def seconds(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    action()
    return clock() - start


def in_turn(
    *actions: Callable[[], object], repeats: int = 9, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the median seconds of each action, all run once per round after one round that is not counted."""
    for action in actions:
        action()
    rounds = [[seconds(action, clock) for action in actions] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def ratio(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    repeats: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float, float]:
    """Return (median seconds of ours, of theirs, median of the rounds' ratios ours/theirs)."""
    ours(), theirs()
    rounds = [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(repeats)]
    mine, other = zip(*rounds, strict=True)
    return statistics.median(mine), statistics.median(other), statistics.median(a / b for a, b in rounds)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    system = f"{llvmlite.binding.get_host_cpu_name()}, {cores()} cores, {platform.system()} {platform.release()}"
    return f"{system}\nPython {platform.python_version()}, {', '.join(found)}"


def show(lines: Sequence[Line]) -> str:
    """Return the lines as a table of text."""
    rows = [("what", "yardstick in the same run", "reach", "measured", "")]
    words = {True: "met", False: "missed", None: "peer absent"}
    rows += [(line.what, line.yardstick, line.reach, line.measured, words[line.met]) for line in lines]
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
