"""What draws the matrices of a block and multiplies by them, forward and back: in NumPy, and by PyTorch's autograd.

Everything is float64 and one network: a block, or an LSTM over its steps, with a gradient that comes from behind.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGMA = 1.2


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(width: int, steps: int) -> Callable[[], object]:
    """Return what draws the matrix of all gates, runs the cell forward, and its gradient back."""
    rng = np.random.default_rng(1)

    def sample() -> float:
        u = rng.standard_normal((4 * width, width)) / width**0.5
        h, c, tape = np.zeros(width), np.zeros(width), []
        for _ in range(steps):
            a = u @ h + rng.standard_normal(4 * width)
            i, f, o = (sigmoid(x) for x in (a[:width], a[width : 2 * width] + 1, a[3 * width :]))
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


def _normed(x: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return the layer norm of rows, and what takes a gradient back through it."""
    centred = x - x.mean(1, keepdims=True)
    size = np.sqrt((centred * centred).mean(1, keepdims=True))
    n = centred / size
    return n, lambda g: (g - g.mean(1, keepdims=True) - n * (g * n).mean(1, keepdims=True)) / size


def transformer(width: int, tokens: int, heads: int) -> Callable[[], object]:
    """Return what runs a pre-norm block with a gated MLP of four times the width, and its gradient back."""
    rng = np.random.default_rng(1)

    def drawn(rows: int, columns: int) -> Array:
        return rng.standard_normal((rows, columns)) * (SIGMA / columns**0.5)

    def by_head(x: Array) -> Array:
        return x.reshape(tokens, heads, -1).swapaxes(0, 1)

    def whole(x: Array) -> Array:
        return x.swapaxes(0, 1).reshape(tokens, width)

    def block() -> float:
        qkv, out, up, down = (
            drawn(rows * width, columns * width) for rows, columns in ((3, 1), (1, 1), (8, 1), (1, 4))
        )
        x, scale = rng.standard_normal((tokens, width)), (width / heads) ** -0.5
        n, norm_back = _normed(x)
        q, k, v = (by_head(part) for part in np.split(n @ qkv.T, 3, axis=1))
        a = np.exp(scale * q @ k.swapaxes(1, 2))
        a /= a.sum(2, keepdims=True)
        y = x + whole(a @ v) @ out.T
        m, second_back = _normed(y)
        gate, value = np.split(m @ up.T, 2, axis=1)
        s = sigmoid(gate)
        inner = gate * s
        z = y + (inner * value) @ down.T
        g = rng.standard_normal(z.shape)
        at = (g / np.linalg.norm(g)) @ down
        slope = s * (1 + gate * (1 - s))
        g = g + second_back(np.concatenate([at * value * slope, at * inner], axis=1) @ up)
        at_v = by_head(g @ out)
        at_a = at_v @ v.swapaxes(1, 2)
        at_s = scale * a * (at_a - (at_a * a).sum(2, keepdims=True))
        parts = (at_s @ k, at_s.swapaxes(1, 2) @ q, a.swapaxes(1, 2) @ at_v)
        g = g + norm_back(np.concatenate([whole(part) for part in parts], axis=1) @ qkv)
        return float(np.sum(g * g) + np.sum(z * z))

    return block


def convolution(width: int, positions: int) -> Callable[[], object]:
    """Return what runs a layer of three taps on a ring, and its gradient back."""
    rng = np.random.default_rng(1)

    def layer() -> float:
        w = rng.standard_normal((width, 3 * width)) * (SIGMA / (3 * width) ** 0.5)
        x = rng.standard_normal((positions, width))
        y = np.tanh(np.concatenate([np.roll(x, tap, axis=0) for tap in (1, 0, -1)], axis=1) @ w.T)
        g = rng.standard_normal(y.shape)
        parts = np.split((g / np.linalg.norm(g) * (1 - y * y)) @ w, 3, axis=1)
        back = sum(np.roll(part, -tap, axis=0) for part, tap in zip(parts, (1, 0, -1), strict=True))
        return float(np.sum(back * back) + np.sum(y * y))

    return layer


def torch_transformer(width: int, tokens: int, heads: int) -> Callable[[], object]:
    import torch

    def block() -> object:
        def drawn(rows: int, columns: int) -> torch.Tensor:
            w = torch.empty(rows, columns, dtype=torch.float64).normal_(0.0, SIGMA / columns**0.5)
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
        w = torch.empty(width, width, 3, dtype=torch.float64).normal_(0.0, SIGMA / (3 * width) ** 0.5).requires_grad_()
        x = torch.randn(1, width, positions, dtype=torch.float64, requires_grad=True)
        y = torch.tanh(torch.nn.functional.conv1d(torch.nn.functional.pad(x, (1, 1), mode="circular"), w))
        g = torch.randn_like(y)
        return [part.norm() for part in torch.autograd.grad(y, [x, w], g / g.norm())]

    return layer
