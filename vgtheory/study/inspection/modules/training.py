"""`watch`: what happens to the gradient of a PyTorch module while it is trained, every so many steps."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from math import isfinite, log
from types import TracebackType
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, UnseenWarning, VanishingWarning
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.callbacks import Callback, Row, to_sink
from vgtheory.study.inspection.modules.steps import Steps
from vgtheory.theory.regime import LIMIT

_NOTHING = (
    "no step of the model was seen: none ran forward in training mode with gradients; a model that is compiled, or "
    "wrapped, is watched by passing what the loop calls, one in model.eval() not at all"
)


class Training(Callback):
    """A module that is watched while it is trained; see :func:`watch`.

    Attributes
    ----------
    falls : what fell, and when: causes of kind "fall", with `step` and `size`, the factor below step `since`, of kind
        "low", with `size`, the factor below the last module's as training begins, or of kind "no number".
    """

    def __init__(self, torch: Any, model: Any, every: int, sink: Callable[[int, Row], None] | None) -> None:
        self.falls: list[Cause] = []
        self._steps = Steps(torch, model, every, self._take)
        self._sink = sink
        self._rows: list[tuple[int, Row]] = []
        self._first: dict[tuple[str, str, str], tuple[int, float]] = {}  # by quantity, last module and module

    def __enter__(self) -> Training:
        self.begin()
        return self

    def __exit__(self, kind: type | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._steps.end()
        if problem is None:
            self._say_if_nothing_was_seen()

    def __repr__(self) -> str:
        steps = "no step" if not self._rows else "1 step" if len(self._rows) == 1 else f"{len(self._rows)} steps"
        return "\n".join(
            (f"{steps} watched, {len(self.falls)} {'alarm' if len(self.falls) == 1 else 'alarms'}", *self.alarms)
        )

    def begin(self) -> None:
        """Start watching; nothing if it is being watched."""
        self._steps.begin()

    def end(self) -> None:
        """Stop watching; nothing if it is not being watched."""
        self._steps.end()
        self._say_if_nothing_was_seen()

    def _say_if_nothing_was_seen(self) -> None:
        if not self._rows:
            warnings.warn(_NOTHING, UnseenWarning, stacklevel=3)

    @property
    def alarms(self) -> list[str]:
        """Return the falls in sentences."""
        return list(map(str, self.falls))

    @property
    def record(self) -> xr.Dataset:
        """Return what was seen so far, over `step` (from 0) and `module`.

        `rms` of the first output in a pass; `gradient_norm` there; `relative` = ln of that norm over the one at the
        last module, which no scaling of the loss changes; `update_ratio` = ‖∂W‖/‖W‖ of all its matrices, with the
        gradients that the optimiser's next step takes (accumulated, unscaled, clipped); as they stand after the pass
        without an optimiser of torch, and where another step is watched before it: with gradients accumulated over
        k > `every` passes, sums of fewer.  NaN where nothing arrived.
        """
        current = self._steps.current()
        rows = self._rows if current is None else [*self._rows, current]
        names = list(dict.fromkeys(name for _, row in rows for name in row))
        columns = {}
        for quantity in ("rms", "gradient_norm", "relative", "update_ratio"):
            values = [[row.get(name, {}).get(quantity, np.nan) for name in names] for _, row in rows]
            columns[quantity] = (("step", "module"), np.array(values, dtype=float).reshape(len(values), len(names)))
        steps = np.array([step for step, _ in rows], dtype=int)
        return xr.Dataset(columns, coords={"step": steps, "module": np.array(names, dtype=str)})

    def _take(self, step: int, row: Row) -> None:
        """Keep what was seen of a step, and say what fell."""
        self._rows.append((step, row))
        if self._sink is not None:
            self._sink(step, row)
        self._alarm_of_no_numbers()
        if len(self._rows) <= 2:
            self._alarm_of_the_beginning()
        for quantity, word in (("relative", "gradient"), ("update_ratio", "update ratio ‖∂W‖/‖W‖")):
            self._alarm(quantity, word)

    def _alarm_of_no_numbers(self) -> None:
        """Say once of which module's output, or gradient, is no finite number any more: the first on its way."""
        step, row = self._rows[-1]
        forward = [name for name, values in row.items() if not isfinite(values["rms"])]
        back = [name for name, values in row.items() if not isfinite(values.get("gradient_norm", 0.0))]
        if (forward or back) and all(cause.kind != "no number" for cause in self.falls):
            what = ("output", forward[0]) if forward else ("gradient", back[-1])
            self._say(Cause("no number", what[1], {"step": step}, what[:1]))

    def _alarm_of_the_beginning(self) -> None:
        """Say that the first module's gradient is more than 1000 times below the last one's as training begins.

        One that is exactly 0 is said if it still is in the second step: branches may begin with zeros.
        """
        step = self._rows[-1][0]
        seen = [_beside_the_last(row, "relative")[1] for _, row in self._rows]
        first = next(iter(seen[0]), "")
        sizes = [now.get(first, np.nan) for now in seen]
        low = all(size == -np.inf for size in sizes) if len(sizes) == 2 else -np.inf < sizes[0] < -LIMIT
        if low:
            self._say(Cause("low", first, {"step": step, "size": _times(-sizes[-1])}))

    def _say(self, cause: Cause) -> None:
        self.falls.append(cause)
        warnings.warn(str(cause), VanishingWarning, stacklevel=2)

    def _alarm(self, quantity: str, word: str) -> None:
        """Say once of every module that it has fallen, beside the last module, by more than 1000 since it was seen.

        What it is held against is the first step with the same last module: with another one numbers mean others.
        """
        step, row = self._rows[-1]
        last, now = _beside_the_last(row, quantity)
        for name, value in now.items():
            if isfinite(value):
                self._first.setdefault((quantity, last, name), (step, value))
            since, before = self._first.get((quantity, last, name), (step, np.nan))
            fall = before - value
            if fall > LIMIT and all(cause.where != name for cause in self.falls if cause.kind == "fall"):
                numbers = {"step": step, "since": since, "size": _times(fall)}
                self._say(Cause("fall", name, numbers, (word,)))


def _times(fall: float) -> float:
    """Return the factor that a fall in ln is; infinite where nothing is left."""
    with np.errstate(over="ignore"):
        return float(np.exp(fall))


def _log(value: float) -> float:
    return log(value) if value > 0 else -np.inf if value == 0 else np.nan


def _beside_the_last(row: Row, quantity: str) -> tuple[str, dict[str, float]]:
    """Return the last module that has a quantity, and ln of each module's over that; what is relative already stays."""
    values = {name: columns[quantity] for name, columns in row.items() if quantity in columns}
    if quantity != "relative":
        values = {name: _log(value) for name, value in values.items()}
    last = next((name for name in reversed(values) if isfinite(values[name])), "")
    start = values[last] if last and quantity != "relative" else 0.0
    return last, {name: size - start for name, size in values.items()} if last else {}


def watch(model: Any, every: int = 100, out: Any = None) -> Training:
    """Return a context in which the gradient of a PyTorch module is recorded in every `every`-th step of its training.

    A step is what runs forward, in training mode and with gradients, until a gradient comes back: one pass as a rule
    (of accumulated gradients, one of the passes), several for one loss, or passes of parts where the loop calls those,
    as Lightning's ``training_step`` may.  In the steps between nothing but a counter runs.  A module whose gradient, or
    the ratio ‖∂W‖/‖W‖, falls by more than 1000 relative to the last module's raises a warning once, and so do the first
    module if its gradient is as far below the last one's as training begins, the first one whose numbers are no longer
    finite, and a watch that saw no step.

    Of a compiled model pass what the loop calls; steps that are watched run without compilation.

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
