"""The smallest calls that make every verb compile what it needs; the machine code stays in the cache."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import vgtheory as vg
from vgtheory.kernels._cache import private_directory
from vgtheory.study.machine import core_count

MOST_PROCESSES = 4  # calls share kernels: more processes would compile them more than once
ACTIVATIONS = ("tanh", "relu", "sigmoid", "gelu", "silu")


class Warmed(NamedTuple):
    """What was called, with the seconds that each took, and how many functions it compiled."""

    seconds: dict[str, float]
    compiled: int


def calls() -> dict[str, Callable[[], Any]]:
    """Return the calls by what they are for, the longest first."""
    gaussian, centred = vg.Weights.gaussian(1.5, 0.1), vg.Weights.gaussian(1.0)

    def net(act: str = "tanh", weights: Any = gaussian, **parts: Any) -> Any:
        return vg.Network(act, weights, width=8, depth=4, **parts)

    def of_blocks() -> list[Any]:
        cells = [vg.blocks.lstm(centred), vg.blocks.gru(centred), vg.blocks.rnn("tanh", centred)]
        found = [vg.Network(cell, width=8, depth=4) for cell in cells]
        found.append(vg.Network(vg.blocks.transformer("relu", centred, heads=2), width=8, depth=2, tokens=4))
        return [*found, vg.Network(vg.blocks.conv("relu", centred), width=8, depth=2, shape=(4, 4))]

    def sampled(of: Any) -> list[Any]:
        return [vg.sample(one, of=of, samples=1) for one in (net(), net(weights=vg.Weights.orthogonal(1.5, 0.1)))]

    return {
        "spectrum": lambda: [vg.spectrum(net(act)).ppf_log([0.2, 0.8]) for act in ("tanh", "relu")],
        "activations": lambda: [vg.compile(act).both([0.5]) for act in ACTIVATIONS],
        "simulate, exact": lambda: [
            vg.simulate(net(weights=w), 2) for w in (gaussian, vg.Weights.orthogonal(1.5, 0.1))
        ],
        "simulate, single precision": lambda: vg.simulate(net(weights=gaussian), 2, precision="single"),
        "simulate, chain": lambda: vg.simulate(net("relu", centred), 2),
        "simulate, dense": lambda: vg.simulate(net(), 2, method="dense"),
        "simulate, tied": lambda: vg.simulate(net(weights=gaussian.tie()), 2),
        "simulate, several inputs": lambda: vg.simulate(net(), 2, inputs=2),
        "simulate, skip and norm": lambda: [vg.simulate(net(skip=1, norm=norm), 2) for norm in ("layer", "rms")],
        "simulate, dropout": lambda: vg.simulate(net(dropout=0.1), 2),
        "simulate, batch norm": lambda: vg.simulate(net(norm="batch"), 2, batch=4),
        "simulate, blocks": lambda: [vg.simulate(one, 2) for one in of_blocks()],
        "predict": lambda: [vg.predict(net()), vg.predict(net(), inputs=vg.Inputs(correlation=0.5))],
        "phase diagram": lambda: vg.phase_diagram("tanh", [1.0, 2.0], [0.1, 0.5]),
        "sample, singular values": lambda: sampled("singular values"),
        "sample, eigenvalues": lambda: sampled("eigenvalues"),
        "sample, exponents": lambda: sampled("exponents"),
        "coordinate check": lambda: vg.coordinate_check(net(), widths=[8, 16], steps=1, learning_rate=0.1),
    }


def warmed(progress: Callable[[int, int], object] | None = None) -> Warmed:
    """Make the calls, in one process per core, and return what they compiled."""
    before, seconds, todo = _files(), {}, list(calls())
    workers = min(core_count(), MOST_PROCESSES)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for what, taken in zip(todo, pool.map(timed, todo), strict=True):
            seconds[what] = taken
            if progress is not None:
                progress(len(seconds), len(todo))
    return Warmed(seconds, _files() - before)


def timed(what: str) -> float:
    """Make one call and return how many seconds it took."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few samples conclude nothing, and nothing is concluded
        calls()[what]()
    return time.perf_counter() - start


def _files() -> int:
    """Return how many functions' machine code the cache holds."""
    place = private_directory()
    return 0 if place is None else sum(1 for _ in place.rglob("*.nbc"))
