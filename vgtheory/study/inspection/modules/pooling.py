"""What stands between an activation and the next weights: views, pooling, dropout; read from autograd's graph."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# Every unit keeps its place beside the others, so that weights behind these read an activation as it was.
VIEWS = ("View", "Reshape", "Alias", "Squeeze", "Unsqueeze", "UnsafeView", "Clone")


@dataclass(frozen=True)
class Pool:
    """One step behind an activation that has no weights.

    Attributes
    ----------
    kind : "mean" over windows that do not overlap; "drop", units left out; "max", any other pooling: which entry of a
        window passes the gradient, and with which slope, depends on how neighbours are correlated.
    before, after : sides of the maps that go in and come out.
    keep : share of the units that stay.
    """

    kind: Literal["mean", "drop", "max"]
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    keep: float = 1.0

    def back(self, square: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squared gradient by position in front of a mean or dropout, from that behind it.

        Every position of a window of K gets 1/K of its gradient, so 1/K² of the square; what no window reads, 0.
        """
        if self.kind == "drop":
            return square / self.keep
        sides = [one // other for one, other in zip(self.before, self.after, strict=True)]
        out = square.reshape(self.after)
        for axis, (side, whole) in enumerate(zip(sides, self.before, strict=True)):
            out = np.repeat(out, side, axis) / side**2
            rest = [(0, whole - out.shape[axis] if k == axis else 0) for k in range(out.ndim)]
            out = np.pad(out, rest)
        return out.ravel()


def behind_pools(node: Any, drops: dict[Any, float]) -> tuple[tuple[Pool, ...], Any]:
    """Return the pooling and dropout that end in a node, first to last, and the node in front of them all."""
    found: list[Pool] = []
    while True:
        ahead = [n for n, _ in node.next_functions if n is not None]
        name = node.name()
        if len(ahead) != 1:
            break
        if node in drops:
            found.append(Pool("drop", keep=1 - drops[node]))
        elif "Pool" in name or name.startswith("MeanBackward"):
            pool = _pool(node, ahead[0])
            if pool is None:
                break
            found.append(pool)
        elif not name.startswith(VIEWS):
            break
        node = ahead[0]
    return tuple(found[::-1]), node


def _pool(node: Any, ahead: Any) -> Pool | None:
    """Return the pooling that a node is; None of a mean over other axes than all positions of a map."""
    inside, outside = (tuple(n._input_metadata[0].shape) for n in (ahead, node))
    before, after = inside[2:], outside[2:] or (1,) * len(inside[2:])
    if "Mean" in node.name():
        axes = {axis - 2**64 if axis > 2**63 else axis for axis in node._saved_dim}
        whole = len(inside) > 2 and {axis % len(inside) for axis in axes} == set(range(2, len(inside)))
        return Pool("mean", before, (1,) * len(before)) if whole else None
    if "Avg" not in node.name() or len(before) != len(after) or not prod(after):
        return Pool("max", before, after)
    if "Adaptive" in node.name():
        apart = all(one % other == 0 for one, other in zip(before, after, strict=True))
    else:
        kernel, divisor = tuple(node._saved_kernel_size), node._saved_divisor_override
        moved = tuple(node._saved_stride) or kernel  # none said: the kernel
        same = moved == kernel and not any(node._saved_padding) and divisor in (None, prod(kernel))
        apart = same and tuple(one // side for one, side in zip(before, kernel, strict=True)) == after
    return Pool("mean" if apart else "max", before, after)
