"""Which module between two calls changes the gradient: told by one more pass that watches all modules without parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp, inf, log, nan
from typing import Any

from vgtheory.model.sizes import LOG_DOUBLE
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.model_copy import Copies, scalar_loss, undisturbed
from vgtheory.study.inspection.modules.norms import norm_of
from vgtheory.study.inspection.modules.uses import first_tensor

_MOST = 0.75  # of the step's change, in ln, that one place must make


@dataclass(eq=False)
class _Run:
    """One run of a module, and the gradient norms at its output and input; NaN where none arrives."""

    name: str
    output: float = nan
    input: float = nan


def located(torch: Any, copies: Copies, x: Any, loss: Callable[[Any], Any] | None, seed: int, cause: Cause) -> Cause:
    """Return what is to blame for the step that a cause is about: the one module on it, or what runs between them.

    The cause itself stays where it is the later call, or where the modules on the step do not follow one another.
    """
    runs = _runs(torch, copies, x, loss, seed)
    places = [[k for k, run in enumerate(runs) if run.name == name] for name in cause.names]
    if [len(found) for found in places] != [1, 1]:
        return cause
    path = runs[places[0][0] : places[1][0] + 1]
    whole = _change(path[0].output, path[-1].output)
    for before, here in zip(path[-2::-1], path[:0:-1], strict=True):
        inside, outside = _change(here.input, here.output), _change(before.output, here.input)
        for change, module in ((inside, here.name), (outside, "")):
            if change == whole or (change * whole > 0 and abs(change) >= _MOST * abs(whole)):
                numbers = {**cause.numbers, "here": exp(min(change, LOG_DOUBLE))}
                names = (before.name, here.name)
                return Cause("unlike gain" if module else "between", module, numbers, names)
    return cause


def _change(before: float, after: float) -> float:
    """Return ln of what is left of a gradient on its way back; NaN where it was not seen, or was 0 already."""
    return log(before / after) if before > 0 and after > 0 else -inf if before == 0 and after > 0 else nan


def _runs(torch: Any, copies: Copies, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> list[_Run]:
    runs, open_runs, handles = list[_Run](), list[_Run](), list[Any]()
    coming = False

    def listen(tensor: Any, run: _Run, side: str) -> None:
        def arrived(gradient: Any) -> None:
            if coming:
                setattr(run, side, norm_of(torch, gradient.detach()))

        with torch._C.DisableTorchFunction():
            if tensor is not None and tensor.requires_grad:
                tensor.register_hook(arrived)

    def enter(module: Any, given: Any, name: str) -> None:
        open_runs.append(_Run(name))
        listen(first_tensor(torch, given), open_runs[-1], "input")

    def leave(module: Any, given: Any, output: Any) -> None:
        runs.append(open_runs.pop())
        listen(first_tensor(torch, output), runs[-1], "output")

    for name, module in copies.model.named_modules():
        if not module._modules:
            handles.append(module.register_forward_pre_hook(partial(enter, name=name)))
            handles.append(module.register_forward_hook(leave))
    try:
        with undisturbed(torch, copies.model, seed):
            value = scalar_loss(torch, copies.call(x), loss, seed)
            coming = True
            value.backward(inputs=[*copies.trained(), *copies.leaves])
    finally:
        for handle in handles:
            handle.remove()
    return runs
