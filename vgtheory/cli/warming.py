"""The smallest calls that make every verb compile what it needs; the machine code stays in the cache."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import vgtheory as vg
from vgtheory.kernels._cache import private_directory

ACTIVATIONS = ("tanh", "relu", "sigmoid", "gelu", "silu")


class Warmed(NamedTuple):
    """What was called, how long it took, and how many files of machine code it added."""

    what: str
    seconds: float
    files: int


def calls() -> dict[str, Callable[[], Any]]:
    """Return the calls by what they are for."""
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
        "activations": lambda: [vg.compile(act).both([0.5]) for act in ACTIVATIONS],
        "simulate, exact": lambda: [
            vg.simulate(net(weights=w), 2) for w in (gaussian, vg.Weights.orthogonal(1.5, 0.1))
        ],
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
        "spectrum": lambda: [vg.spectrum(net(act)).ppf_log([0.2, 0.8]) for act in ("tanh", "relu")],
        "sample, singular values": lambda: sampled("singular values"),
        "sample, eigenvalues": lambda: sampled("eigenvalues"),
        "sample, exponents": lambda: sampled("exponents"),
        "coordinate check": lambda: vg.coordinate_check(net(), widths=[8, 16], steps=1, learning_rate=0.1),
    }


def warmed(progress: Callable[[int, int], object] | None = None) -> list[Warmed]:
    """Make the calls, and return what each of them compiled."""
    rows, todo = [], calls()
    for done, (what, call) in enumerate(todo.items()):
        before, start = _files(), time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # so few samples conclude nothing, and nothing is concluded
            call()
        rows.append(Warmed(what, time.perf_counter() - start, _files() - before))
        if progress is not None:
            progress(done + 1, len(todo))
    return rows


def _files() -> int:
    """Return how many functions' machine code the cache holds."""
    place = private_directory()
    return 0 if place is None else sum(1 for _ in place.rglob("*.nbc"))
