"""The simulation engine beside what drawing its two normals per neuron and layer costs with NumPy alone."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import llvmlite.binding
import numpy as np

import vgtheory as vg
from vgtheory.study.methods import simulate_chunk

REPEATS = 11
DEPTH = 1000


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def numpy_normals() -> tuple[Callable[[], object], int]:
    """Return NumPy's fastest source of normals, SFC64 filling an array that stays in the cache, and how many."""
    generator = np.random.Generator(np.random.SFC64(1))
    out = np.empty(1 << 14)
    return lambda: [generator.standard_normal(out=out) for _ in range(32)], 32 * out.size


def beside_numpy(action: Callable[[], object], units: int) -> tuple[float, float, float]:
    """Return medians: our ns per unit, NumPy's ns per normal, and ours over two of NumPy's.

    Both are timed in turn, so that a machine that is busy for a while slows both and leaves the ratio alone.
    """
    normals, count = numpy_normals()
    action()
    normals()
    pairs = [(seconds(action) / units * 1e9, seconds(normals) / count * 1e9) for _ in range(REPEATS)]
    ours, theirs = zip(*pairs, strict=True)
    ratios = [a / (2 * b) for a, b in pairs]
    return statistics.median(ours), statistics.median(theirs), statistics.median(ratios)


def tanh_network(kind: str, width: int, sigma_b: float) -> vg.Network:
    return vg.Network("tanh", getattr(vg.Weights, kind)(1.5, sigma_b), width=width, depth=DEPTH)


def per_neuron(kind: str, width: int, sigma_b: float) -> tuple[float, float, float]:
    """Return (ns per neuron and layer, NumPy's ns per normal, ratio), forward and backward, on one thread."""
    payload = {"network": tanh_network(kind, width, sigma_b), "method": "exact", "seed": 1}
    count = max(1, 2048 // width)
    return beside_numpy(lambda: simulate_chunk(payload, 0, count), count * width * DEPTH)


def chain_beside_vectors(width: int, depth: int = 200) -> tuple[float, float]:
    """Return median ns per layer of ReLU networks without bias: (vectors, scalar chain), timed in turn."""
    network = vg.Network("relu", vg.Weights.he(), width=width, depth=depth)
    runs = {"exact": max(1, 8192 // width), "chain": 400}
    payloads = {method: {"network": network, "method": method, "seed": 1} for method in runs}
    for method, count in runs.items():
        simulate_chunk(payloads[method], 0, count)
    times: dict[str, list[float]] = {method: [] for method in runs}
    for _ in range(REPEATS):
        for method, count in runs.items():
            took = seconds(lambda method=method, count=count: simulate_chunk(payloads[method], 0, count))
            times[method].append(took / (count * depth) * 1e9)
    return statistics.median(times["exact"]), statistics.median(times["chain"])


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("vgtheory", "numpy", "numba", "llvmlite"))
    return f"{llvmlite.binding.get_host_cpu_name()}, {cores} cores, Python {platform.python_version()}, {packages}"


def main() -> None:
    print(machine())
    print(f"\nexact simulation, forward and backward, tanh, float64, one thread, depth {DEPTH}: medians of {REPEATS}")
    print("ns per neuron and layer; NumPy's Generator(SFC64).standard_normal, ns per normal; ours over two normals")
    print(f"{'weights':<12}{'width':>7}{'sigma_b':>9}{'ns':>8}{'NumPy':>8}{'ratio':>8}")
    for kind in ("gaussian", "orthogonal"):
        for width in (512, 4096):
            for sigma_b in (0.0, 0.05):
                ours, numpy, ratio = per_neuron(kind, width, sigma_b)
                print(f"{kind:<12}{width:>7}{sigma_b:>9}{ours:>8.2f}{numpy:>8.2f}{ratio:>8.3f}")
    print("\nReLU, gaussian weights, no bias, one thread: ns per layer, forward and backward")
    print(f"{'width':>7}{'vectors':>10}{'chain':>8}{'ratio':>8}")
    for width in (64, 512, 4096):
        vectors, chain = chain_beside_vectors(width)
        print(f"{width:>7}{vectors:>10.0f}{chain:>8.0f}{vectors / chain:>8.1f}")
    network = tanh_network("gaussian", 512, 0.05)
    print("\n64 networks of width 512 and depth 1000, vg.simulate from call to Dataset: median and least of", REPEATS)
    for threads in (1, 2):
        with ThreadPoolExecutor(threads) as pool:
            vg.simulate(network, 64, executor=pool)
            times = [seconds(lambda pool=pool: vg.simulate(network, 64, executor=pool)) for _ in range(REPEATS)]
        print(f"{threads} thread{'s' if threads > 1 else ' '}: {statistics.median(times):.3f} s ({min(times):.3f} s)")
