"""Blocks whose matrices are asked beside the same blocks with drawn ones, and beside PyTorch on the CPU by autograd.

CPU time of one thread, in turn: a busy machine slows all alike.  PyTorch draws its weights, runs forward, and asks
autograd for the gradients at the streams and at the weights, in float64 as we do.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits

import vgtheory as vg
from benchmarks.measure import Line, machine
from vgtheory.study.programs.notes import streams_and_gradients
from vgtheory.study.programs.numbers import Machine

WEIGHTS = vg.Weights.gaussian(1.2)
# name, block, width, shape, heads (0: a convolution), samples at a time, factor to reach over drawing
CASES = (
    ("transformer, d = 512, T = 16", vg.blocks.transformer("silu", WEIGHTS, 8, mlp="gated"), 512, (16,), 8, 2, 20),
    ("transformer, d = 2048, T = 32", vg.blocks.transformer("silu", WEIGHTS, 16, mlp="gated"), 2048, (32,), 16, 1, 25),
    ("convolution, C = 64, P = 16", vg.blocks.conv("tanh", WEIGHTS), 64, (16,), 0, 32, 12),
)  # fmt: skip


def cpu_seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def in_turn(*actions: Callable[[], object], repeats: int = 5) -> list[float]:
    """Return the median CPU seconds of each action, after one round that is not counted."""
    for action in actions:
        action()
    rounds = [[cpu_seconds(action) for action in actions] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def ours(block: vg.blocks.Block, width: int, shape: tuple[int, ...], samples: int, asked: bool) -> Callable[[], object]:
    network = vg.Network(block, width, 1, shape=shape)
    program = Machine(network.block, width, 1, vg.Inputs(), asked, shape)
    return lambda: streams_and_gradients(program, 1, 0, samples)


def torch_transformer(width: int, tokens: int, heads: int) -> Callable[[], object]:
    import torch

    def block() -> object:
        def drawn(rows: int, columns: int) -> torch.Tensor:
            w = torch.empty(rows, columns, dtype=torch.float64).normal_(0.0, 1.2 / columns**0.5)
            return w.requires_grad_()

        qkv, out = drawn(3 * width, width), drawn(width, width)
        gate, value, down = drawn(4 * width, width), drawn(4 * width, width), drawn(width, 4 * width)
        x = torch.randn(tokens, width, dtype=torch.float64, requires_grad=True)
        normed = torch.nn.functional.layer_norm(x, (width,))
        q, k, v = (part.view(tokens, heads, -1).transpose(0, 1) for part in (normed @ qkv.T).chunk(3, dim=1))
        attended = torch.softmax(q @ k.transpose(1, 2) / (width / heads) ** 0.5, dim=2) @ v
        y = x + attended.transpose(0, 1).reshape(tokens, width) @ out.T
        normed = torch.nn.functional.layer_norm(y, (width,))
        z = y + (torch.nn.functional.silu(normed @ gate.T) * (normed @ value.T)) @ down.T
        g = torch.randn_like(z)
        found = torch.autograd.grad(z, [x, qkv, out, gate, value, down], g / g.norm())
        return [part.norm() for part in found]

    return block


def torch_convolution(width: int, positions: int) -> Callable[[], object]:
    import torch

    def layer() -> object:
        w = torch.empty(width, width, 3, dtype=torch.float64).normal_(0.0, 1.2 / (3 * width) ** 0.5).requires_grad_()
        x = torch.randn(1, width, positions, dtype=torch.float64, requires_grad=True)
        y = torch.tanh(torch.nn.functional.conv1d(torch.nn.functional.pad(x, (1, 1), mode="circular"), w))
        g = torch.randn_like(y)
        return [part.norm() for part in torch.autograd.grad(y, [x, w], g / g.norm())]

    return layer


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found, text = [], []
    with threadpool_limits(limits=1):
        for what, block, width, shape, heads, samples, reach in CASES:
            actions = [ours(block, width, shape, samples, asked) for asked in (True, False)]
            peer = importlib.util.find_spec("torch") is not None
            if peer:
                import torch

                torch.set_num_threads(1)
                one = torch_transformer(width, shape[0], heads) if heads else torch_convolution(width, shape[0])
                actions.append(lambda one=one, samples=samples: [one() for _ in range(samples)])
            seconds = in_turn(*actions)
            asked, drawn = seconds[:2]
            found.append(Line(what, "drawn, ours", f">= {reach} x", f"{drawn / asked:.1f} x", drawn / asked >= reach))
            theirs = f"{seconds[2] / asked:.1f} x" if peer else "-"
            found.append(Line(what, "PyTorch CPU float64: draw, forward, autograd", "said", theirs, peer or None))
            parts = ", ".join(f"{1e3 * s / samples:.2f} ms" for s in seconds)
            text.append(f"{what}: asked, drawn, PyTorch: {parts} of CPU time")
    return found, "\n".join(text)


def main() -> None:
    found, details = lines()
    print(machine(), details, *(f"{line.what}, {line.yardstick}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
