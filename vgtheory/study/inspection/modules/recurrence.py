"""How the gradient of a recurrent module falls or grows with the time that it goes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from math import nan
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.inspection import change_of
from vgtheory.study.inspection.modules.calls import Watch
from vgtheory.study.inspection.modules.model_copy import tensors_in
from vgtheory.study.inspection.modules.norms import norm_of
from vgtheory.study.inspection.modules.uses import Call, Unrolled
from vgtheory.theory.regime import LOST

_PIECE = 64  # steps


def listen(watch: Watch) -> None:
    """Have the loss gradient kept at every recurrent module's input and output."""

    def arrived(gradient: Any, sequence: Unrolled, side: str) -> None:
        if watch.open:
            sequence.gradients[side] = gradient.detach()

    for sequence in watch.sequences:
        for side in ("source", "output"):
            tensor = getattr(sequence, side)
            if tensor is not None and tensor.requires_grad:
                tensor.register_hook(partial(arrived, sequence=sequence, side=side))


def recurrence_of(torch: Any, sequences: Sequence[Unrolled], calls: Sequence[Call], seed: int) -> xr.Dataset | None:
    """Return the steepest fall over time among recurrent modules, and among cells that are called step by step.

    `log_gradient_norm` is that of the loss.  Where this looks at other outputs than the last, they hide how far a
    gradient goes back: `log_norm_from_last` is what the last output's alone would be (of the loss, if it looks at no
    other; else in a fixed random direction), sent back with one more pass through the module; NaN of cells.
    """
    found = []
    for sequence in sequences:
        last = _from_the_end(torch, sequence, seed)
        if last is not None and len(last) > 1:
            found.append((sequence.name, sequence.kind, _of_the_loss(sequence, last), last))
    for name in dict.fromkeys(call.name for call in calls if call.kind.endswith("Cell")):
        steps = [call for call in calls if call.name == name]
        if len(steps) > 1:
            norms = np.nan_to_num(np.array([call.gradient_norm for call in steps]))
            found.append((name, steps[0].kind, _log_norm(norms**2), np.full(len(steps), nan)))
    if not found:
        return None
    name, kind, logs, last = max(found, key=lambda one: max(abs(change_of(one[2])), abs(change_of(one[3]))))
    data = {"log_gradient_norm": ("time", logs), "log_norm_from_last": ("time", last)}
    return xr.Dataset(data, coords={"time": np.arange(len(logs))}, attrs={"module": name, "kind": kind})


def _from_the_end(torch: Any, sequence: Unrolled, seed: int) -> np.ndarray | None:
    """Return ln of the norm of the gradient at each step's input; None without a way back."""
    output, axis = sequence.output, sequence.axis
    if output is None or not output.requires_grad:
        return None
    last, direction = output.select(axis, -1), None
    if _last_only(sequence):
        direction = sequence.gradients["output"].select(axis, -1)
        here = sequence.gradients.get("source")
        if here is not None and (by_time := _by_time(here, axis)).min() > _range(torch, last.dtype) ** 2:
            return _log_norm(by_time)
    if direction is None:
        drawn = torch.randn(last.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        direction = (drawn / drawn.norm()).to(last.device, last.dtype)
    return back_in_time(torch, sequence, direction)


def _last_only(sequence: Unrolled) -> bool:
    """Return whether the loss looks at the last output and no other."""
    said = sequence.gradients.get("output")
    squares = np.zeros(1) if said is None else _by_time(said, sequence.axis)
    return bool(squares[-1] > 0 and not squares[:-1].any())


def _of_the_loss(sequence: Unrolled, last: np.ndarray) -> np.ndarray:
    """Return ln of the norm of the loss gradient at each step's input, which may be that of the last output alone."""
    here = sequence.gradients.get("source")
    return last if here is None or _last_only(sequence) else _log_norm(_by_time(here, sequence.axis))


def _range(torch: Any, kind: Any) -> float:
    """Return how small a norm may be for its components to be normal numbers."""
    return float(torch.finfo(kind).tiny) * 1e8


def back_in_time(torch: Any, sequence: Unrolled, gradient: Any) -> np.ndarray:
    """Return ln of the norm of a gradient at the last output, sent back to the input of each step.

    The way back is linear: it is gone in pieces of time, and between them the gradient is brought to size 1 and its
    logarithm kept, so that it never leaves the range of its precision.  A piece in which it would is gone in halves; a
    module of two directions, in which no piece comes before another, is one piece.
    """
    sequence.without_dropout = sequence.drops
    module, axis, length = sequence.module, sequence.axis, sequence.source.shape[sequence.axis]
    state = sequence.start
    pieces: list[tuple[int, Any, Any, Any]] = []  # first step, input, state before, what comes out
    size = length if module.bidirectional else _PIECE

    class Bare(torch.nn.Module):
        """The module without its user's hooks, and without dropout, of which every piece would draw other masks."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *given: Any) -> Any:
            rate, module.dropout = module.dropout, 0.0
            try:
                return module.forward(*given)
            finally:
                module.dropout = rate

    bare, weights = Bare(), {f"inner.{name}": weight for name, weight in sequence.weights.items()}

    def run(x: Any, before: Any) -> tuple[Any, Any, Any]:
        x = x.detach().requires_grad_()
        before = None if before is None else [t.detach().requires_grad_() for t in tensors_in(torch, before)]
        given = () if before is None else (before[0] if len(before) == 1 else tuple(before),)
        out, after = torch.func.functional_call(bare, weights, (x, *given))
        return x, before or [], (out, *tensors_in(torch, after))

    for first in range(0, length, size):
        x, before, out = run(sequence.source.narrow(axis, first, min(size, length - first)), state)
        pieces.append((first, x, before, out))
        state = out[1:]
    logs, scale = np.full(length, -np.inf), 0.0
    coming: list[Any] = [torch.zeros_like(t) for t in pieces[-1][3]]
    coming[0].select(axis, -1).copy_(gradient)
    while pieces:
        first, x, before, out = pieces.pop()
        found = torch.autograd.grad(out, [x, *before], coming, retain_graph=True)
        squares = _by_time(found[0], axis)
        steps = len(squares)
        if steps > 1 and size < length and squares.min() < _range(torch, x.dtype) ** 2:
            half = steps // 2
            early = run(x.narrow(axis, 0, half), before or None)
            late = run(x.narrow(axis, half, steps - half), early[2][1:])
            pieces += [(first, *early), (first + half, *late)]
            coming[0] = coming[0].narrow(axis, half, steps - half)
            continue
        logs[first : first + steps] = _log_norm(squares) + scale
        norm = math.hypot(*(norm_of(torch, t) for t in found[1:])) if found[1:] else 0.0
        if not pieces or not 0 < norm < math.inf:
            break
        scale += math.log(norm)
        coming = [torch.zeros_like(pieces[-1][3][0]), *(t / norm for t in found[1:])]
    return logs


def _by_time(gradient: Any, axis: int) -> np.ndarray:
    moved = gradient.detach().double().movedim(axis, 0)
    return moved.reshape(len(moved), -1).square().sum(1).cpu().numpy()


def _log_norm(squares: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(squares) / 2


def over_time(recurrence: xr.Dataset) -> Cause:
    """Return how the gradient goes with time: its change in ln over the steps, and where float32 loses it."""
    whole, logs = recurrence.log_gradient_norm.values, recurrence.log_norm_from_last.values
    alone = not np.isnan(logs[-1]) and not np.array_equal(whole, logs)
    logs = logs if alone else whole
    steps = len(logs) - 1
    found = {"steps": steps, "alone": alone, "fall": change_of(logs) if np.isfinite(logs[-1]) else nan}
    lost = np.flatnonzero(logs - logs[-1] < LOST)
    if len(lost) and np.isfinite(found["fall"]):
        found |= {"lost": steps - int(lost[-1]), "length": len(logs)}
    return Cause("time", recurrence.attrs["module"], found)
