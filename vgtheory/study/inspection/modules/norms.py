"""Norms of tensors as float64 would have them, at the price of the tensor's own precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

# Squares of components within a factor of 1e9 of these are normal numbers of float32.
_SMALLEST, _LARGEST = 1e-10, 1e15
_FEW = 2**14  # components whose norm in the tensor's own precision is off by a few units
_ROW = 1024  # components whose squares are added up in the tensor's precision; rows are added up in float64


def norm_of(torch: Any, tensor: Any) -> float:
    """Return the Frobenius norm of a tensor that is cut from its graph, to a few units of float32's round-off.

    Up to 2^14 components are summed in the tensor's own precision (by several sums side by side), of larger ones rows
    of 1024, and rows in float64; where squares would leave the range of that precision, every component is taken to
    float64: 3000 components of 1e-30 have the norm 5.4772e-29.
    """
    flat, norm = tensor.reshape(-1), torch.linalg.vector_norm
    if not flat.is_floating_point() or flat.dtype.itemsize < 4:
        flat = flat.float()
    count = flat.numel()
    if count <= _FEW:
        total = norm(flat).item()
    else:
        whole = count // _ROW * _ROW
        squares = norm(flat[:whole].view(-1, _ROW), dim=1).double().square_().sum().item()
        total = math.sqrt(squares + (norm(flat[whole:]).item() ** 2 if whole < count else 0.0))
    if _SMALLEST < total / math.sqrt(max(count, 1)) < _LARGEST or flat.dtype == torch.float64:
        return float(total)
    return float(norm(flat.double()).item())


def norms_of(torch: Any, tensors: Sequence[Any]) -> list[float]:
    """Return the Frobenius norms of tensors, of the small ones of one precision in one pass."""
    small = [k for k, t in enumerate(tensors) if t.dtype == torch.float32 and 0 < t.numel() <= _FEW]
    found = dict.fromkeys(range(len(tensors)), 0.0)
    if small:
        totals = torch.stack(torch._foreach_norm([tensors[k] for k in small])).tolist()
        found |= dict(zip(small, totals, strict=True))
    for k, t in enumerate(tensors):
        if not _SMALLEST < found[k] / math.sqrt(max(t.numel(), 1)) < _LARGEST:
            found[k] = norm_of(torch, t)
    return list(found.values())
