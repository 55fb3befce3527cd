"""`sight_of`: one forward and one backward pass of a PyTorch module, in the precision that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite, isnan
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, VgtheoryError
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.calls import Watch
from vgtheory.study.inspection.modules.first_nan import first_nan
from vgtheory.study.inspection.modules.graph import NONE, Paths, paths_of, reads_weights
from vgtheory.study.inspection.modules.model_copy import Copies, scalar_loss, undisturbed
from vgtheory.study.inspection.modules.recurrence import listen, recurrence_of
from vgtheory.study.inspection.modules.uses import Call

_TINY = 1e-35  # rms of a gradient whose smaller components float32 loses
_SMALL = 1e-5  # of the loss, or of 1, below which its gradient may be what rounding left
_ROUNDED = 1e-14  # of the loss, below which what an output of size 1 changes in it is rounding of float64
_FINER = 1e-6  # what is that much smaller in float64 than in float32 is rounding in both
_CANCELLED = 1e-4  # of the size of weight and gradient, from which on what is left of their product is in doubt


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen of one forward and backward pass; `paths` is None where the loss is no finite number."""

    watch: Watch
    copies: Copies
    calls: tuple[Call, ...]  # those that a gradient arrived at
    paths: Paths | None
    recurrence: xr.Dataset | None
    doubts: tuple[str, ...] = ()  # what its precision does not resolve
    severed: tuple[Call, ...] = ()  # calls that learn nothing, though the loss depends on them: the graph is cut
    derived: tuple[Call, ...] = ()  # calls whose weights get a gradient, though none arrives at their output
    size: float = 0.0  # the loss
    noise: bool = False  # whether the gradient that enters is what rounding left of 0
    nan: Cause | None = None  # where one arises
    cut_at: Call | None = None  # the first call of the main path, where what it reads is computed from some of these

    @property
    def broken(self) -> Call | None:
        """Return the first call whose output is not finite."""
        return next((call for call in self.watch.calls if not isfinite(call.rms)), None)


def sight_of(torch: Any, model: Any, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> Sight:
    """Return what the hooks see of a module without wrappers; the arguments are those of ``vg.inspect``."""
    if x is None:
        step = "vg.inspect(model, x); of weights alone: vg.inspect(model.state_dict(), activation=...)"
        raise InputError("x", "a batch as the model takes it: a tensor, a tuple or a dict", step, got="None")
    sight: Sight | None = None
    doubt = "recurrent modules of two directions, whose gradients leave float32's range as a rule"
    if not any(isinstance(module, torch.nn.RNNBase) and module.bidirectional for module in model.modules()):
        sight = _seen(torch, Copies(torch, model, double=False), x, loss, seed)
        doubt = _unresolved(torch, sight)
    if sight is not None and (sight.paths is None or sight.broken is not None):
        nan = first_nan(torch, sight.copies, x, loss, seed)
        if nan is not None:
            return replace(sight, nan=nan)
    if not doubt:
        assert sight is not None  # two directions are in doubt
        return sight
    try:
        double = _seen(torch, Copies(torch, model, double=True), x, loss, seed)
        return double if sight is None else replace(double, noise=double.noise or _shrinks(sight, double))
    except InputError as problem:
        if "double" not in str(problem).lower():
            raise
        # Some kernels exist in the precisions of training only.
        sight = sight or _seen(torch, Copies(torch, model, double=False), x, loss, seed)
        return replace(sight, doubts=(f"{doubt}: a function of the model needs float32",))


def _seen(torch: Any, copies: Copies, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> Sight:
    watch = Watch(torch, copies)
    with undisturbed(torch, copies.model, seed):
        value, recurrence = _run(torch, watch, copies, x, loss, seed)
        calls = tuple(call for call in watch.calls if not isnan(call.gradient_norm))
        size = float(value.detach())
        sound = isfinite(size)
        paths = paths_of(calls, watch.slopes, value.grad_fn, copies.inputs) if sound else None
    silent = [c for c in watch.calls if isnan(c.gradient_norm) and not copies.frozen.issuperset(c.weights)]
    severed = watch.cuts.behind(watch.cuts.of(value), silent) if silent else []
    first = calls[paths.main[0]] if severed and paths is not None and paths.main else None
    at = first if first is not None and watch.cuts.behind(first.cuts, severed) else None
    names = {call.name for call in calls} | {call.name for call in severed}
    beside = [c for c in silent if c.name not in names and any(_has_gradient(copies, n) for n in c.weights)]
    moved = watch.entering * max(calls[-1].rms, 1.0) * calls[-1].size ** 0.5 if calls else 0.0
    noise = copies.precision == torch.float64 and 0 < moved < _ROUNDED * abs(size)
    return Sight(watch, copies, calls, paths, recurrence, (), tuple(severed), tuple(beside), size, noise, cut_at=at)


def _has_gradient(copies: Copies, name: str) -> bool:
    return copies.parameters[name].grad is not None


def _shrinks(single: Sight, double: Sight) -> bool:
    """Return whether the gradient that enters the last call is rounding: with finer rounding it is as much smaller."""
    if not single.calls or not double.calls:
        return False
    coarse, fine = single.calls[-1].gradient_norm, double.calls[-1].gradient_norm
    return bool(coarse > 0 and fine < _FINER * coarse)


def _unresolved(torch: Any, sight: Sight) -> str:
    """Return what float32 did not resolve of what was seen in it, "" if all is sound.

    A product with weights may cancel: what is left far below ‖W‖ times the gradient is rounding.
    """
    if sight.copies.precision == torch.float64:
        return ""
    if sight.paths is None or sight.broken is not None:
        return "numbers beyond 1e38"
    if sight.recurrence is not None and not np.isfinite(sight.recurrence.log_gradient_norm.values).all():
        return "the gradient against time"
    if sight.watch.entering < _SMALL * max(1.0, abs(sight.size)):
        return "whether the gradient of the loss is 0"
    calls, following = sight.calls, sight.paths.following
    nothing: set[int] = set()  # calls whose gradient is exactly 0, with no slopes but 0 behind them or a later one
    for k in reversed(range(len(calls))):
        if calls[k].gradient_norm == 0 and (sight.paths.cut[k] or following[k] in nothing):
            nothing.add(k)
    left = [k for k in range(len(calls)) if k not in nothing]
    if any(calls[k].gradient_norm < _TINY * calls[k].size ** 0.5 for k in left):
        return "gradients below 1e-35"
    for call, k in ((calls[k], following[k]) for k in left):
        ahead = sight.watch.entering if k == NONE else calls[k].gradient_norm * min(calls[k].sigma_w, 1.0)
        if call.gradient_norm < _CANCELLED * ahead:
            return f"whether the gradient at {call.name} is 0"
    return ""


def _run(torch: Any, watch: Watch, copies: Copies, x: Any, loss: Any, seed: int) -> tuple[Any, xr.Dataset | None]:
    handles = watch.install()
    try:
        with _raised("model(x)", "a batch that model(x), and loss(model(x)), take", "try both by hand"), watch.mode():
            output = copies.call(x)
            watch.listen_to(output)
            value = scalar_loss(torch, output, loss, seed)
    finally:
        for handle in handles:
            handle.remove()
    listen(watch)
    step = "try it by hand; a tensor that is changed in place (+=, mul_, relu_) may still be needed"
    with _raised("loss(model(x)).backward()", "a model that autograd can go back through", step):
        watch.open = True
        if wanted := _wanted(watch, copies):
            value.backward(inputs=wanted)
        watch.open = False
        recurrence = recurrence_of(torch, watch.sequences, watch.calls, seed)
    undropped = [one.name for one in watch.sequences if one.without_dropout]
    watch.unseen += [
        f"dropout between the layers of {name}, when the last output's gradient is sent back" for name in undropped
    ]
    return value, recurrence


def _wanted(watch: Watch, copies: Copies) -> list[Any]:
    """Return the tensors that the gradient has to go back to: the weights, and inputs where it is watched there."""
    weights = copies.trained()
    starts = [one.stream.grad_fn for one in watch.repeated if one.stream.requires_grad]
    if watch.sequences or not weights or not all(reads_weights(start, copies.inputs) for start in starts):
        sources = [sequence.source for sequence in watch.sequences if sequence.source.is_leaf]
        return [*weights, *copies.leaves, *sources]
    return weights


@contextmanager
def _raised(what: str, accepted: str, step: str) -> Iterator[None]:
    """Say as an InputError whatever the user's own code raises inside."""
    try:
        yield
    except VgtheoryError:
        raise
    except Exception as problem:
        said = str(problem).strip().partition("\n")[0][:200]
        raise InputError(f"{what} raises {type(problem).__name__}: {said}", accepted, step) from problem
