"""`watch`: what happens to the gradient of a PyTorch module while it is trained, every so many steps."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from math import log
from types import TracebackType
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, VanishingWarning
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.callbacks import Callback, Row, to_sink
from vgtheory.study.inspection.modules.model_copy import tensors_in
from vgtheory.study.inspection.modules.uses import has_weights
from vgtheory.theory.regime import LIMIT


class Training(Callback):
    """A module that is watched while it is trained; see :func:`watch`.

    Attributes
    ----------
    falls : what fell, and when: causes of kind "fall", with `step` and `size`, the factor below step 0.
    """

    def __init__(self, torch: Any, model: Any, every: int, sink: Callable[[int, Row], None] | None) -> None:
        self.falls: list[Cause] = []
        self._torch, self._model, self._every = torch, model, every
        self._modules = {name: module for name, module in model.named_modules() if has_weights(module)}
        self._sink = sink
        self._step = -1
        self._top: Any = None
        self._handles: list[Any] = []
        self._seen: Row = {}
        self._rows: list[tuple[int, Row]] = []

    def __enter__(self) -> Training:
        self.begin()
        return self

    def __exit__(self, kind: type | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def begin(self) -> None:
        """Start watching; nothing if it is being watched."""
        if self._top is None:
            self._top = self._model.register_forward_pre_hook(self._begin)

    def end(self) -> None:
        """Stop watching; nothing if it is not being watched."""
        self._end()
        if self._top is not None:
            self._top.remove()
            self._top = None

    @property
    def alarms(self) -> list[str]:
        """Return the falls in sentences."""
        return list(map(str, self.falls))

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
        if self._sink is not None:
            self._sink(*self._rows[-1])
        for quantity, word in (("relative", "gradient"), ("update_ratio", "update ratio ‖∂W‖/‖W‖")):
            self._alarm(quantity, word)

    def _alarm(self, quantity: str, word: str) -> None:
        """Say once of every module that it has fallen since step 0, beside the last module, by more than 1000."""
        step, now = self._rows[-1]
        before, here = (_beside_the_last(row, quantity) for row in (self._rows[0][1], now))
        for name, value in here.items():
            fall = before.get(name, -np.inf) - value
            if fall > LIMIT and all(cause.where != name for cause in self.falls):
                numbers = {"step": step, "size": float(np.exp(min(fall, 700.0)))}
                self.falls.append(Cause("fall", name, numbers, (word,)))
                warnings.warn(str(self.falls[-1]), VanishingWarning, stacklevel=2)


def _beside_the_last(row: Row, quantity: str) -> dict[str, float]:
    """Return ln of a quantity over that of the last module that has one; what is relative already stays."""
    values = {name: columns[quantity] for name, columns in row.items() if quantity in columns}
    if quantity == "relative" or not values:
        return values
    logs = {name: log(value) if value > 0 else -np.inf for name, value in values.items()}
    last = next((size for size in reversed(logs.values()) if size > -np.inf), None)
    return {} if last is None else {name: size - last for name, size in logs.items()}


def watch(model: Any, every: int = 100, out: Any = None) -> Training:
    """Return a context in which the gradient of a PyTorch module is recorded in every `every`-th step of its training.

    Steps are forward passes in training mode with gradients.  In the steps between nothing but a counter runs.  A
    module whose gradient, or the ratio ‖∂W‖/‖W‖, falls by more than 1000 relative to the last module's raises a warning
    once.

    ``with vg.watch(model) as seen:`` around a training loop; or ``seen = vg.watch(model)`` among the callbacks of
    transformers' or Lightning's ``Trainer(callbacks=[seen])``.  Then ``seen.record`` and ``seen.alarms``.

    Parameters
    ----------
    model : a PyTorch module.
    every : steps from one that is watched to the next.
    out : where the numbers of each watched step go as well: a .csv path, written line by line, or an object with
        ``add_scalar(tag, value, step)`` such as TensorBoard's ``SummaryWriter``.

    Raises
    ------
    InputError : no PyTorch module; `every` below 1; another `out`.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> with watch(model, every=1) as training:
    ...     for _ in range(2):
    ...         model(torch.randn(4, 8)).square().mean().backward()
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        raise InputError("model", "a PyTorch module", "e.g. vg.watch(model, every=100)", got=type(model).__name__)
    if not isinstance(every, int) or every < 1:
        raise InputError("every", "a whole number of at least 1", "e.g. every=100", got=repr(every))
    return Training(torch, model, every, to_sink(out))
