"""64 networks beside PyTorch on the CPU: drawing the weights, forward pass and autograd in float32, two threads.

PyTorch is timed on as few layers of one network as give a steady figure, and multiplied up: its work per layer and
network is the same in all of them.
"""

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import vgtheory as vg
from benchmarks.measure import Line, in_turn, machine

NETWORKS, DEPTH, THREADS = 64, 1000, 2
CASES = ((512, 200, 1000), (4096, 6, 8000))  # width, layers that PyTorch is timed on, factor to reach
PEER = """
import statistics, sys, time
import torch
width, layers, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)

def network():
    weights = [torch.empty(width, width).normal_(0.0, 1.5 / width**0.5) for _ in range(layers)]
    x = torch.ones(width)
    hidden = []
    for w in weights:
        h = (w @ x).requires_grad_() if not hidden else w @ x
        hidden.append(h)
        x = torch.tanh(h)
    g = torch.randn(width)
    return torch.autograd.grad(x, hidden, g / g.norm())

network()
times = []
for _ in range(5):
    start = time.perf_counter()
    network()
    times.append(time.perf_counter() - start)
print(statistics.median(times) / layers)
"""


def torch_seconds_per_layer(width: int, layers: int) -> float:
    command = [sys.executable, "-c", PEER, *map(str, (width, layers, THREADS))]
    return float(subprocess.check_output(command, text=True))


def our_seconds(width: int) -> float:
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), width=width, depth=DEPTH)
    with ThreadPoolExecutor(THREADS) as pool:
        return in_turn(lambda: vg.simulate(network, NETWORKS, executor=pool), repeats=5)[0]


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found, text = [], []
    for width, layers, reach in CASES:
        what = f"{NETWORKS} networks, {width} x {DEPTH}, tanh, {THREADS} threads"
        yardstick = "PyTorch CPU float32: draw, forward, autograd"
        if importlib.util.find_spec("torch") is None:
            found.append(Line(what, yardstick, f">= {reach} x", "-", None))
            continue
        ours, theirs = our_seconds(width), torch_seconds_per_layer(width, layers) * DEPTH * NETWORKS
        found.append(Line(what, yardstick, f">= {reach} x", f"{theirs / ours:.0f} x", theirs / ours >= reach))
        text.append(f"width {width}: ours {ours:.3f} s, PyTorch {theirs:.0f} s (from {layers} layers)")
    return found, "\n".join(text)


def main() -> None:
    found, details = lines()
    print(machine(), details, *(f"{line.what}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
