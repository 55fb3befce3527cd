"""φ and φ' together, 10⁷ values, float64 and float32, beside whatever peers are installed; time to a first result.

``python -m benchmarks.activations [NAME ...]``, by default every row of the catalogue.  It runs in a process that may
use one core only, so that no peer takes two.  Every peer gets the textbook formulas, derived by SymPy; where it can
write into arrays that are there it does, as we do.  All peers are timed once on the 10⁷ values; those that took at most
1.4 times the best are then timed in turn with ours, most often where the ratio is close to what is asked for.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy import POINTS, worst_ulp
from benchmarks.measure import Line, in_turn, machine, seconds
from benchmarks.peers import PEERS, installed
from vgtheory.codegen.compiled import compile_activation
from vgtheory.symbolic.catalogue import activation, catalogue

SIZE = 10**7
NEAR = 1.4  # peers this many times slower than the best of one run cannot win
CLEAR, FEW, MANY = 2.0, 3, 9  # rounds where the best peer takes CLEAR times our time or more, and else
ULP = 4.0
SECONDS = 500  # then no further activation is begun, so that the whole table stays below ten minutes
REACH = 1.2
# A formula that no cache can hold; kernels are compiled once per machine, by the first simulation.
FIRST = """
import sys, time
import vgtheory as vg
vg.simulate(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=64, depth=10), 4)
start = time.perf_counter()
vg.simulate(vg.Network(sys.argv[1], vg.Weights.gaussian(1.5, 0.1), width=64, depth=10), 4)
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Row:
    """One activation and type: ns per value, ours and every peer's that could be asked; the ratio best/ours; ulp."""

    name: str
    dtype: str
    ours: float
    peers: dict[str, float]
    best: str
    ratio: float
    ulp: float

    @property
    def met(self) -> bool:
        return self.ratio >= REACH and self.ulp <= ULP


def _ours(name: str, h: np.ndarray) -> Callable[[], object]:
    f, out = compile_activation(name), (np.empty_like(h), np.empty_like(h))
    return lambda: f.both(h, out=out)


def row(name: str, dtype: str) -> Row:
    h = (np.random.default_rng(0).standard_normal(SIZE) * 3).astype(dtype)
    actions, times = {}, {}
    for peer in installed():
        try:
            action = PEERS[peer](activation(name), h)
            action()  # compiles
            times[peer], actions[peer] = seconds(action), action
        except Exception as problem:  # what a peer cannot do, each says in its own way
            print(f"    {peer} has no {name} in {dtype}: {type(problem).__name__}", file=sys.stderr)
    near = [peer for peer, took in times.items() if took <= NEAR * min(times.values())]
    ours = _ours(name, h)
    ours()
    repeats = FEW if min(times.values()) >= CLEAR * seconds(ours) else MANY
    mine, *theirs = in_turn(ours, *(actions[peer] for peer in near), repeats=repeats)
    times |= dict(zip(near, theirs, strict=True))
    best = near[theirs.index(min(theirs))]
    each = {peer: took / SIZE * 1e9 for peer, took in times.items()}
    error = worst_ulp(activation(name), h[:POINTS])
    return Row(name, dtype, mine / SIZE * 1e9, each, best, min(theirs) / mine, error)


def first_result() -> tuple[float, float]:
    """Return seconds from a new formula to its first simulated result: with an empty cache of formulas, and again."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "VGTHEORY_CACHE_DIR": cache}
        formula = "x/(1.37+exp(-x))+0.21*tanh(x)"

        def run(text: str) -> float:
            return float(subprocess.check_output([sys.executable, "-c", FIRST, text], env=environment))

        run("x/(1.38+exp(-x))")  # compiles the kernels
        return run(formula), run(formula)


def pinned(names: list[str]) -> list[Row]:
    """Return the rows, measured in a process on one core."""
    command = [sys.executable, "-m", "benchmarks.activations", "--rows", *names]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Row(**json.loads(line)) for line in result.stdout.splitlines() if line.startswith("{")]


def table(rows: list[Row]) -> str:
    peers = list(PEERS)
    head = f"{'':20s}{'type':>9s}{'ours':>8s}" + "".join(f"{p:>9s}" for p in peers)
    out = [f"{head}{'best/ours':>11s}{'ulp':>6s}   ns per value"]
    for r in rows:
        cells = "".join(f"{r.peers[p]:9.2f}" if p in r.peers else f"{'-':>9s}" for p in peers)
        out.append(f"{r.name:20s}{r.dtype:>9s}{r.ours:8.2f}{cells}{r.ratio:11.2f}{r.ulp:6.1f}   {r.best}")
    out.append(
        f"peers beyond {NEAR} times the best are timed once; ulp: worst of {POINTS} values, next to a zero of x f'"
    )
    return "\n".join(out)


def lines(names: list[str] | None = None) -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    wanted = list(names or catalogue)
    rows = pinned(wanted)
    least, worst = min(rows, key=lambda r: r.ratio), max(rows, key=lambda r: r.ulp)
    missed = [f"{r.name} {r.dtype} {r.ratio:.2f} {r.ulp:.1f} ulp" for r in rows if not r.met]
    measured = (
        f"{least.ratio:.2f} x at least ({least.name} {least.dtype}, {least.best}), "
        f"{worst.ulp:.1f} ulp at most; {len(missed)} of {len(rows)} missed"
    )
    untimed = 2 * len(wanted) - len(rows)
    if untimed:
        measured += f", {untimed} not timed"
    cold, cached = first_result()
    reach = ">= 1.2 x the best, <= 4 ulp"
    found = [
        Line("phi and phi' together, 1e7 values", ", ".join(installed()), reach, measured, not (missed or untimed)),
        Line("new activation: first result, cold", "", "<= 1.5 s", f"{cold:.2f} s", cold <= 1.5),
        Line("new activation: first result, cached", "", "<= 0.1 s", f"{cached:.3f} s", cached <= 0.1),
    ]
    return found, table(rows) + ("\nmissed: " + ", ".join(missed) if missed else "")


def main() -> None:
    if sys.argv[1:2] == ["--rows"]:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        begin = time.perf_counter()
        for name in sys.argv[2:]:
            if time.perf_counter() - begin > SECONDS:
                print(f"    {name} and what follows: no time left", file=sys.stderr)
                break
            for dtype in ("float64", "float32"):
                print(json.dumps(vars(row(name, dtype))), flush=True)
        return
    print(machine())
    start = time.perf_counter()
    found, details = lines(sys.argv[1:] or None)
    print(details)
    for line in found:
        print(f"{line.what}: {line.measured}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
