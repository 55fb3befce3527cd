"""`watch`: what happens to the gradient of a PyTorch module while it is trained, every so many steps."""

from __future__ import annotations

import sys
import warnings
from math import log
from types import TracebackType
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, VanishingWarning
from vgtheory.study.inspection.modules.calls import has_weights
from vgtheory.study.inspection.modules.model_copy import tensors_in

_ALARM = log(1e3)  # by how much a gradient may fall, relative to the last call's, before it is said


class Training:
    """A module that is watched while it is trained; see :func:`watch`.

    Attributes
    ----------
    alarms : what fell, and when, in sentences.
    """

    def __init__(self, torch: Any, model: Any, every: int) -> None:
        self.alarms: list[str] = []
        self._torch, self._model, self._every = torch, model, every
        self._modules = {name: module for name, module in model.named_modules() if has_weights(module)}
        self._step = -1
        self._top: Any = None
        self._handles: list[Any] = []
        self._seen: dict[str, dict[str, float]] = {}
        self._rows: list[tuple[int, dict[str, dict[str, float]]]] = []

    def __enter__(self) -> Training:
        self._top = self._model.register_forward_pre_hook(self._begin)
        return self

    def __exit__(self, kind: type | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._end()
        self._top.remove()

    @property
    def record(self) -> xr.Dataset:
        """Return what was seen so far, over `step` (forward passes with gradients, from 0) and `module`.

        `rms` of the first output in the step; `gradient_norm` there, in float64; `relative` = ln of that norm over the
        one at the last module, which no scaling of the loss changes; `update_ratio` = ‖∂W‖/‖W‖ of all its matrices,
        as their gradients stand at the end of the step.  NaN where nothing arrived.
        """
        self._end()
        names = list(dict.fromkeys(name for _, row in self._rows for name in row))
        columns = {}
        for quantity in ("rms", "gradient_norm", "relative", "update_ratio"):
            values = [[row.get(name, {}).get(quantity, np.nan) for name in names] for _, row in self._rows]
            columns[quantity] = (("step", "module"), np.array(values, dtype=float).reshape(len(values), len(names)))
        steps = np.array([step for step, _ in self._rows], dtype=int)
        return xr.Dataset(columns, coords={"step": steps, "module": np.array(names, dtype=str)})

    def _begin(self, model: Any, arguments: Any) -> None:
        if not self._torch.is_grad_enabled() or not model.training:
            return
        self._end()
        self._step += 1
        if self._step % self._every == 0:
            for name, module in self._modules.items():
                self._handles.append(module.register_forward_hook(self._listener(name)))
                for parameter in module.parameters(recurse=False):
                    if parameter.requires_grad and parameter.dim() >= 2:
                        self._handles.append(parameter.register_post_accumulate_grad_hook(self._weigher(name)))

    def _listener(self, name: str) -> Any:
        def listen(module: Any, arguments: Any, output: Any) -> None:
            out = next((t for t in tensors_in(self._torch, output) if t.requires_grad), None)
            if out is None or name in self._seen:
                return
            row = self._seen[name] = {"rms": float(out.detach().double().square().mean().sqrt())}

            def arrived(gradient: Any) -> None:
                row["gradient_norm"] = float(gradient.detach().double().norm())

            out.register_hook(arrived)

        return listen

    def _weigher(self, name: str) -> Any:
        def weigh(parameter: Any) -> None:
            row = self._seen.get(name)
            if row is not None:  # several matrices of one module: their squares add up
                row["gradients"] = row.get("gradients", 0.0) + float(parameter.grad.double().norm()) ** 2
                row["weights"] = row.get("weights", 0.0) + float(parameter.detach().double().norm()) ** 2

        return weigh

    def _end(self) -> None:
        """Close the step that is being watched, if one is, and say what fell since the first one."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if not self._seen:
            return
        arrived = [row["gradient_norm"] for row in self._seen.values() if row.get("gradient_norm", 0.0) > 0]
        for row in self._seen.values():
            if arrived:
                norm = row.get("gradient_norm", 0.0)
                row["relative"] = log(norm) - log(arrived[-1]) if norm > 0 else -np.inf
            if row.get("weights", 0.0) > 0:
                row["update_ratio"] = (row.pop("gradients") / row.pop("weights")) ** 0.5
        self._rows.append((self._step // self._every * self._every, self._seen))
        self._seen = {}
        self._alarm()

    def _alarm(self) -> None:
        step, now = self._rows[-1]
        first = self._rows[0][1]
        for name, row in now.items():
            before, here = first.get(name, {}).get("relative"), row.get("relative")
            if before is not None and here is not None and before - here > _ALARM:
                size = f"{np.exp(before - here):.2g} times below step 0's"
                said = f"{name}: at step {step} its gradient, beside the last module's, is {size}"
                if not any(alarm.startswith(f"{name}:") for alarm in self.alarms):
                    self.alarms.append(said)
                    warnings.warn(said, VanishingWarning, stacklevel=2)


def watch(model: Any, every: int = 100) -> Training:
    """Return a context in which the gradient of a PyTorch module is recorded in every `every`-th step of its training.

    Steps are forward passes in training mode with gradients.  In the steps between nothing but a counter runs.  A
    module whose gradient falls by more than 1000, relative to the last module's, raises a warning once.

    ``with vg.watch(model) as seen:`` around a training loop; then ``seen.record`` and ``seen.alarms``.

    Raises
    ------
    InputError : no PyTorch module; `every` below 1.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        raise InputError("model", "a PyTorch module", "e.g. vg.watch(model, every=100)", got=type(model).__name__)
    if not isinstance(every, int) or every < 1:
        raise InputError("every", "a whole number of at least 1", "e.g. every=100", got=repr(every))
    return Training(torch, model, every)
