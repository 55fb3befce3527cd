"""The exact simulation beside what drawing two normals per neuron and layer costs with NumPy alone; ReLU's chain."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import vgtheory as vg
from benchmarks.measure import Line, in_turn, machine, ratio
from vgtheory.study.norms import SINGLE_NORMALS, single_chunk
from vgtheory.study.prepared import prepare

DEPTH = 1000
REACH = {"double": {"gaussian": 0.5, "orthogonal": 0.6}, "single": {"gaussian": 0.25, "orthogonal": 0.3}}


def numpy_normals() -> tuple[Callable[[], object], int]:
    """Return NumPy's fastest source of normals, SFC64 filling an array that stays in the cache, and how many."""
    generator = np.random.Generator(np.random.SFC64(1))
    out = np.empty(1 << 14)
    return lambda: [generator.standard_normal(out=out) for _ in range(32)], 32 * out.size


def tanh_network(kind: str, width: int, sigma_b: float) -> vg.Network:
    return vg.Network("tanh", getattr(vg.Weights, kind)(1.5, sigma_b), width=width, depth=DEPTH)


def payload_of(network: vg.Network, method: str, single: bool = False) -> dict[str, object]:
    payload = {"prepared": prepare(network), "method": method, "seed": 1, "stop": np.zeros(1, np.int64)}
    return payload | ({"normals": SINGLE_NORMALS} if single else {})


def per_neuron(kind: str, width: int, sigma_b: float, single: bool) -> tuple[float, float, float]:
    """Return (ns per neuron and layer, NumPy's ns per normal, ours over two normals), on one thread."""
    payload = payload_of(tanh_network(kind, width, sigma_b), "exact", single)
    count = max(1, 2048 // width)
    normals, drawn = numpy_normals()
    mine, theirs, quotient = ratio(lambda: single_chunk(payload, 0, count), normals, 11, time.thread_time)
    units = count * width * DEPTH
    return mine / units * 1e9, theirs / drawn * 1e9, quotient * drawn / (2 * units)


def chain_beside_vectors(width: int, depth: int = 10_000) -> float:
    """Return how many times faster the scalar chain runs a ReLU network than vectors do, on one thread."""
    network = vg.Network("relu", vg.Weights.he(), width=width, depth=depth)
    runs = {"exact": max(1, 1024 // width), "chain": 256}
    payloads = {method: payload_of(network, method) for method in runs}
    actions = [lambda m=method, n=count: single_chunk(payloads[m], 0, n) for method, count in runs.items()]
    vectors, chain = in_turn(*actions, repeats=5)
    return (vectors / runs["exact"]) / (chain / runs["chain"])


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found = []
    head = ("weights", "width", "sigma_b", "precision", "ns", "NumPy", "ratio")
    text = ["".join(f"{word:>11}" for word in head) + "   ns per neuron, per normal, CPU time"]
    for width, precision in itertools.product((512, 4096), ("double", "single")):
        for kind, reach in REACH[precision].items():
            worst = 0.0
            for sigma_b in (0.0, 0.05):
                ours, numpy, quotient = per_neuron(kind, width, sigma_b, precision == "single")
                row = (kind, str(width), str(sigma_b), precision, f"{ours:.2f}", f"{numpy:.2f}", f"{quotient:.3f}")
                text.append("".join(f"{cell:>11}" for cell in row))
                worst = max(worst, quotient)
            what = f"exact simulation, {kind}, {precision} precision, tanh, N = {width}, L = {DEPTH}, one thread"
            found.append(Line(what, "two normals of NumPy's SFC64", f"<= {reach}", f"{worst:.3f}", worst <= reach))
    for width in (64, 512, 4096):
        factor = chain_beside_vectors(width)
        what = f"ReLU without bias, N = {width}, L = 10000"
        found.append(Line(what, "the vector path", f">= {width / 10:.0f} x", f"{factor:.1f} x", factor >= width / 10))
    network = tanh_network("gaussian", 512, 0.05)
    for threads in (1, 2):
        with ThreadPoolExecutor(threads) as pool:
            took = in_turn(lambda pool=pool: vg.simulate(network, 64, executor=pool), repeats=7)[0]
        text.append(
            f"64 networks of width 512 and depth {DEPTH}, from call to Dataset, {threads} threads: {took:.3f} s"
        )
    return found, "\n".join(text)


def main() -> None:
    found, details = lines()
    print(machine(), details, *(f"{line.what}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
