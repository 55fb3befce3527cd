"""64 networks in both precisions beside PyTorch on the CPU: drawing the weights, forward pass, autograd in float32.

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
PRECISIONS = ("single", "double")
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


def our_seconds(width: int) -> dict[str, float]:
    """Return the seconds in each precision."""
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), width=width, depth=DEPTH)
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [lambda p=p: vg.simulate(network, NETWORKS, executor=pool, precision=p) for p in PRECISIONS]
        return dict(zip(PRECISIONS, in_turn(*runs, repeats=5), strict=True))


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found, text = [], []
    for width, layers, reach in CASES:
        yardstick, peer = "PyTorch CPU float32: draw, forward, autograd", importlib.util.find_spec("torch") is not None
        theirs = torch_seconds_per_layer(width, layers) * DEPTH * NETWORKS if peer else 0.0
        for precision, ours in our_seconds(width).items():
            what = f"{NETWORKS} networks, {width} x {DEPTH}, tanh, {THREADS} threads, {precision} precision"
            if not peer:
                found.append(Line(what, yardstick, f">= {reach} x", "-", None))
                continue
            found.append(Line(what, yardstick, f">= {reach} x", f"{theirs / ours:.0f} x", theirs / ours >= reach))
            text.append(f"width {width}, {precision}: ours {ours:.3f} s, PyTorch {theirs:.0f} s (from {layers} layers)")
    return found, "\n".join(text)


def main() -> None:
    found, details = lines()
    print(machine(), details, *(f"{line.what}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
