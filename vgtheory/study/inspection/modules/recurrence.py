"""How the gradient of a recurrent module falls or grows with the time that it goes back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import nan
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.inspection import change_of
from vgtheory.study.inspection.modules.calls import Watch
from vgtheory.study.inspection.modules.uses import Call, Unrolled
from vgtheory.theory.regime import LOST


def listen(watch: Watch) -> None:
    """Have the squares of the loss gradient by time gathered at every recurrent module's input and output."""

    def arrived(gradient: Any, sequence: Unrolled, side: str) -> None:
        if watch.open:
            sequence.squares[side] = _by_time(gradient, sequence.axis)

    for sequence in watch.sequences:
        for side in ("source", "output"):
            tensor = getattr(sequence, side)
            if tensor is not None and tensor.requires_grad:
                tensor.register_hook(partial(arrived, sequence=sequence, side=side))


def recurrence_of(torch: Any, sequences: Sequence[Unrolled], calls: Sequence[Call], seed: int) -> xr.Dataset | None:
    """Return the steepest fall over time among recurrent modules, and among cells that are called step by step.

    A loss that looks at the last output only gives its own gradient at the module's input.  Where it looks at others
    too, they would hide how far a gradient goes back: then the last output's gradient alone is sent back (a fixed
    random direction where it has none), with one more pass through the module.
    """
    found = []
    for sequence in sequences:
        squares = _squares_from_the_end(torch, sequence, seed)
        if squares is not None and len(squares) > 1:
            found.append((sequence.name, sequence.kind, _log_norm(squares)))
    for name in dict.fromkeys(call.name for call in calls if call.kind.endswith("Cell")):
        steps = [call for call in calls if call.name == name]
        if len(steps) > 1:
            norms = np.nan_to_num(np.array([call.gradient_norm for call in steps]))
            found.append((name, steps[0].kind, _log_norm(norms**2)))
    if not found:
        return None
    name, kind, logs = max(found, key=lambda one: abs(change_of(one[2])))
    data = {"log_gradient_norm": ("time", logs)}
    return xr.Dataset(data, coords={"time": np.arange(len(logs))}, attrs={"module": name, "kind": kind})


def _squares_from_the_end(torch: Any, sequence: Unrolled, seed: int) -> np.ndarray | None:
    output, source, axis = sequence.output, sequence.source, sequence.axis
    if output is None or not output.requires_grad:
        return None
    at_output = sequence.squares.get("output")
    if at_output is not None and "source" in sequence.squares and not at_output[:-1].any() and at_output[-1] > 0:
        return sequence.squares["source"]
    last = output.select(axis, -1)
    direction = torch.randn(last.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    direction = direction.to(last.device)
    direction = (direction / direction.norm()).to(last.dtype)
    (gradient,) = torch.autograd.grad((last * direction).sum(), source, retain_graph=True)
    return _by_time(gradient, axis)


def _by_time(gradient: Any, axis: int) -> np.ndarray:
    moved = gradient.detach().double().movedim(axis, 0)
    return moved.reshape(len(moved), -1).square().sum(1).cpu().numpy()


def _log_norm(squares: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(squares) / 2


def over_time(recurrence: xr.Dataset) -> Cause:
    """Return how the gradient goes with time: its change in ln over the steps, and where float32 loses it."""
    logs = recurrence.log_gradient_norm.values
    steps = len(logs) - 1
    found = {"steps": steps, "fall": change_of(logs) if np.isfinite(logs[-1]) else nan}
    lost = np.flatnonzero(logs - logs[-1] < LOST)
    if len(lost) and np.isfinite(found["fall"]):
        found |= {"lost": steps - int(lost[-1]), "length": len(logs)}
    return Cause("time", recurrence.attrs["module"], found)
