"""Blocks whose matrices are asked, beside drawing: in NumPy, by the same program, and by PyTorch's autograd on the CPU.

CPU time of one thread, in turn: a busy machine slows all alike.
"""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from threadpoolctl import threadpool_limits

import vgtheory as vg
from benchmarks import drawing
from benchmarks.engine import payload_of
from benchmarks.measure import Line, in_turn
from vgtheory.study.norms import single_chunk
from vgtheory.study.programs.numbers import Batch
from vgtheory.study.programs.passes import there_and_back
from vgtheory.study.programs.recorded_norms import OfStreams, streams_and_gradients
from vgtheory.study.programs.streams import Program

WEIGHTS = vg.Weights.gaussian(drawing.SIGMA)
STEPS = 32
YARDSTICKS = ("drawn and multiplied in NumPy", "the same program, drawn", "PyTorch: draw, forward, autograd")


@dataclass(frozen=True)
class Case:
    """A block, how much of it runs at a time, the factor to reach over drawing in NumPy, and PyTorch's peer."""

    what: str
    block: vg.blocks.Block
    width: int
    depth: int
    shape: tuple[int, ...]
    samples: int
    reach: int
    numpy: Callable[[], object]
    torch: Callable[[], Callable[[], object]] | None = None

    def ours(self, asked: bool) -> Callable[[], object]:
        network = vg.Network(
            self.block, self.width, self.depth, **({} if self.shape == (1,) else {"shape": self.shape})
        )
        machine = Program(network, vg.Inputs(), "exact" if asked else "dense").machine
        return lambda: streams_and_gradients(machine, 1, 0, self.samples)

    def repeated(self, one: Callable[[], object]) -> Callable[[], object]:
        return lambda: [one() for _ in range(self.samples)]


def _lstm(width: int, reach: int) -> Case:
    what, cell = f"tied LSTM, N = {width}, T = {STEPS}", vg.blocks.lstm(vg.Weights.gaussian(1))
    return Case(what, cell, width, STEPS, (1,), 1, reach, drawing.lstm(width, STEPS))


def _transformer(width: int, tokens: int, heads: int, samples: int, reach: int) -> Case:
    block = vg.blocks.transformer("silu", WEIGHTS, heads, mlp="gated")
    sizes = width, tokens, heads
    peers = drawing.transformer(*sizes), lambda: drawing.torch_transformer(*sizes)
    return Case(f"transformer, d = {width}, T = {tokens}", block, width, 1, (tokens,), samples, reach, *peers)


def _convolution(width: int, positions: int, reach: int) -> Case:
    peers = drawing.convolution(width, positions), lambda: drawing.torch_convolution(width, positions)
    what = f"convolution, C = {width}, P = {positions}"
    return Case(what, vg.blocks.conv("tanh", WEIGHTS), width, 1, (positions,), 128, reach, *peers)


CASES = (
    _lstm(1024, 9),
    _lstm(2048, 28),
    _transformer(512, 16, 8, 16, 20),
    _transformer(2048, 32, 16, 1, 25),
    _convolution(64, 16, 12),
    _convolution(256, 16, 0),
)


def in_one_pass(width: int = 512, depth: int = 100, samples: int = 32) -> tuple[list[Line], list[str]]:
    """Return what blocks cost in the compiled pass over vectors: beside the pass that is written for a network without
    parts, and beside the same program step by step.
    """
    weights, blocks = vg.Weights.gaussian(1.0, 0.1), vg.blocks
    dense = blocks.dense("tanh", weights)
    cases = (
        ("plain", dense),
        ("skip", blocks.residual(dense)),
        ("skip, RMS norm", blocks.residual(blocks.normalised(dense, "rms"))),
        (
            "gated, RMS norm",
            blocks.residual(blocks.normalised(blocks.gated("silu", weights, weights, weights, 2), "rms")),
        ),
    )
    payload = payload_of(vg.Network("tanh", weights, width, depth), "exact")
    found, text = [], []
    for name, block in cases:
        machine = Program(vg.Network(block, width, depth), vg.Inputs(), "exact").machine
        together = partial(there_and_back, Batch(machine, 1, 0, samples), OfStreams(machine, samples))
        own, program, steps = in_turn(
            partial(single_chunk, payload, 0, samples),
            partial(streams_and_gradients, machine, 1, 0, samples),
            together,
            clock=time.process_time,
        )
        what = f"{name} block, N = {width}"
        if block is dense:
            yardstick = "the pass written for networks without parts"
            found.append(Line(what, yardstick, "<= 1.3 x", f"{program / own:.2f} x", program <= 1.3 * own))
        found.append(Line(what, "the same program, step by step", "said", f"{program / steps:.2f} x", True))
        each = ", ".join(f"{1e9 * s / (width * depth * samples):.1f} ns" for s in (program, steps, own))
        text.append(f"{what}: one pass, step by step, network without parts: {each} per neuron and layer")
    return found, text


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    torch = importlib.util.find_spec("torch") is not None
    with threadpool_limits(limits=1):
        found, text = in_one_pass()
        for case in CASES:
            actions = [case.ours(True), case.repeated(case.numpy), case.ours(False)]
            if torch and case.torch is not None:
                actions.append(case.repeated(case.torch()))
            asked, *others = in_turn(*actions, repeats=5, clock=time.process_time)
            yardsticks = (
                "drawn and multiplied in NumPy",
                "the same program, drawn",
                "PyTorch: draw, forward, autograd",
            )
            for yardstick, seconds in zip(yardsticks, others, strict=False):
                times, goal = seconds / asked, case.reach if yardstick == yardsticks[0] else 0
                found.append(
                    Line(case.what, yardstick, f">= {goal} x" if goal else "said", f"{times:.1f} x", times >= goal)
                )
            parts = ", ".join(f"{1e3 * s / case.samples:.2f} ms" for s in (asked, *others))
            text.append(f"{case.what}: asked, NumPy, drawn, PyTorch: {parts} of CPU time")
    return found, "\n".join(text)
