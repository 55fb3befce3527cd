"""A tied LSTM whose matrices are asked, beside drawing and multiplying in NumPy and by the same program, in turn.

CPU time of one thread: a busy machine slows all alike.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

import vgtheory as vg
from benchmarks.measure import Line, machine
from vgtheory.study.programs.numbers import Machine
from vgtheory.study.programs.notes import streams_and_gradients

STEPS, REPEATS = 32, 5
CASES = ((1024, 9.0), (2048, 28.0))  # width, factor to reach over drawing


def cpu_seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def ours(width: int, asked: bool) -> Callable[[], object]:
    program = Machine(vg.blocks.lstm(vg.Weights.gaussian(1)), width, STEPS, vg.Inputs(), asked)
    return lambda: streams_and_gradients(program, 1, 0, 1)


def in_numpy(width: int) -> Callable[[], object]:
    """Return what draws the matrix of all gates, runs the cell forward, and its gradient back."""
    rng = np.random.default_rng(1)

    def sample() -> float:
        u = rng.standard_normal((4 * width, width)) / width**0.5
        h, c, tape = np.zeros(width), np.zeros(width), []
        for _ in range(STEPS):
            a = u @ h + rng.standard_normal(4 * width)
            i, f, o = (1 / (1 + np.exp(-x)) for x in (a[:width], a[width : 2 * width] + 1, a[3 * width :]))
            g, before = np.tanh(a[2 * width : 3 * width]), c
            c = f * c + i * g
            t = np.tanh(c)
            h = o * t
            tape.append((i, f, g, o, before, t))
        dh, dc = rng.standard_normal(width) / width**0.5, np.zeros(width)
        for i, f, g, o, before, t in reversed(tape):
            dc = dc + dh * o * (1 - t * t)
            gates = (dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o))
            dh, dc = np.concatenate(gates) @ u, dc * f
        return float(dh @ dh + dc @ dc)

    return sample


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found, text = [], []
    with threadpool_limits(limits=1):
        for width, reach in CASES:
            actions = (ours(width, True), in_numpy(width), ours(width, False))
            for action in actions:
                action()
            rounds = [[cpu_seconds(action) for action in actions] for _ in range(REPEATS)]
            asked, theirs, drawn = (statistics.median(column) for column in zip(*rounds, strict=True))
            times, same = (statistics.median(row[k] / row[0] for row in rounds) for k in (1, 2))
            what = f"tied LSTM, N = {width}, T = {STEPS}, asked"
            found.append(
                Line(what, "drawn and multiplied in NumPy", f">= {reach:g} x", f"{times:.1f} x", times >= reach)
            )
            found.append(Line(what, "the same program, drawn", "said", f"{same:.1f} x", True))
            parts = ", ".join(f"{1e3 * s:.0f} ms" for s in (asked, theirs, drawn))
            text.append(f"{what}: asked, NumPy, drawn: {parts} of CPU time")
    return found, "\n".join(text)


def main() -> None:
    found, details = lines()
    print(machine(), details, *(f"{line.what}, {line.yardstick}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
