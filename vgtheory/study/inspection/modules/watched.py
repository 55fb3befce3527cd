"""`inspect_module`: a PyTorch module, watched through one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import exp, isfinite, isnan, log
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, VgtheoryError
from vgtheory.study.inspection.findings import Inspection, Verdict, verdict_of
from vgtheory.study.inspection.modules.blame import blame
from vgtheory.study.inspection.modules.calls import Call, Watch
from vgtheory.study.inspection.modules.graph import NONE, Paths, paths_of
from vgtheory.study.inspection.modules.model_copy import Copies, scalar_loss, undisturbed, unwrapped
from vgtheory.study.inspection.modules.recognised import network_of
from vgtheory.study.inspection.modules.recurrence import change, listen, recurrence_of, sentence

_LOST = -24 * log(2)  # below float32's unit round-off, relative to the last call
_NAMED = 6  # modules that a sentence names; more are counted


def inspect_module(torch: Any, model: Any, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> Inspection:
    """Return what the hooks see of a PyTorch module; the arguments are those of ``vg.inspect``."""
    if x is None:
        step = "vg.inspect(model, x); of weights alone: vg.inspect(model.state_dict(), activation=...)"
        raise InputError("x", "a batch as the model takes it: a tensor, a tuple or a dict", step, got="None")
    model = unwrapped(torch, model)
    copies = Copies(torch, model, torch.float64)
    try:
        return _seen(torch, copies, x, loss, seed)
    except InputError as problem:
        if "double" not in str(problem).lower():
            raise
        # Some kernels exist in the precisions of training only.
        found = _seen(torch, Copies(torch, model, torch.float32), x, loss, seed)
        least = "gradients below 1e-38: a function of the model needs float32"
        return replace(found, left_out=(*found.left_out, least))


def _seen(torch: Any, copies: Copies, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> Inspection:
    watch = Watch(torch, copies.model, copies.parameters, copies.buffers.values())
    with undisturbed(torch, copies.model, seed):
        value, recurrence = _run(torch, watch, copies, x, loss, seed)
        calls = _reached(watch)
        sound = isfinite(float(value.detach()))
        paths = paths_of(calls, watch.slopes, value.grad_fn, copies.inputs) if sound else None
    left_out = [*watch.unseen, *_unseen(watch, copies)]
    broken = next((call for call in watch.calls if not isfinite(call.rms)), None)
    if paths is None or broken is not None:
        return _overflown(watch.calls, broken, left_out)
    network = network_of(calls, paths, watch.slopes, copies.parameters)
    return replace(_found(calls, paths, recurrence, tuple(left_out), copies), network=network)


def _run(torch: Any, watch: Watch, copies: Copies, x: Any, loss: Any, seed: int) -> tuple[Any, xr.Dataset | None]:
    handles = watch.install()
    try:
        with _raised("model(x)", "a batch that model(x), and loss(model(x)), take", "try both by hand"), watch.mode():
            value = scalar_loss(torch, copies.call(x), loss, seed)
    finally:
        for handle in handles:
            handle.remove()
    listen(watch.sequences)
    step = "try it by hand; a tensor that is changed in place (+=, mul_, relu_) may still be needed"
    with _raised("loss(model(x)).backward()", "a model that autograd can go back through", step):
        value.backward(retain_graph=bool(watch.sequences))
        return value, recurrence_of(torch, watch.sequences, watch.calls, seed)


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


def _reached(watch: Watch) -> list[Call]:
    return [call for call in watch.calls if not isnan(call.gradient_norm)]


def _unseen(watch: Watch, copies: Copies) -> list[str]:
    """Return what weights and calls play no part in the findings."""
    out = []
    stray = list(dict.fromkeys(call.name for call in watch.calls if isnan(call.gradient_norm)))
    if stray:
        out.append(f"the loss does not depend on {listed(stray)}; say loss= to choose another")
    used = {name for call in watch.calls for name in call.weights}
    matrices = {n: p for n, p in copies.parameters.items() if p.dim() >= 2 and p.is_floating_point()}
    idle = [n for n in matrices if n not in used and matrices[n].grad is None]
    hidden = [n for n in matrices if n not in used and matrices[n].grad is not None]
    if idle:
        out.append(f"not used on this x: {listed(idle)}")
    if hidden:
        out.append(f"used otherwise than in a product, which is not watched: {listed(hidden)}")
    vectors = [n for n, p in copies.parameters.items() if p.dim() < 2]
    if vectors and not watch.calls:
        out.append(f"bare parameters that are no matrices are not watched: {listed(vectors)}")
    return out


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence takes them: the first few, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def _found(
    calls: Sequence[Call], paths: Paths, recurrence: xr.Dataset | None, left_out: tuple[str, ...], copies: Copies
) -> Inspection:
    table = _table(calls, paths, copies)
    over_time = 0.0 if recurrence is None else change(recurrence.log_gradient_norm.values)
    logs = table.log_gradient_norm.values
    over_depth = float(logs[0] - logs[-1]) if len(calls) > 1 and isfinite(logs[-1]) else 0.0
    verdict, text, left_out = _verdict(calls, over_depth, over_time, recurrence, left_out)
    found = blame(calls, paths, verdict)
    culprit, causes = found.culprit, found.causes
    if recurrence is not None:
        causes = (sentence(recurrence), *causes)
        if verdict == verdict_of(over_time) != "healthy" and abs(over_time) > abs(over_depth) / 2:
            culprit, causes = str(recurrence.attrs["module"]), causes[:1]
    lost = table.call.values[logs - logs[-1] < _LOST] if len(calls) and isfinite(logs[-1]) else []
    lost_at = int(lost[-1]) if len(lost) and verdict == "vanishes" else None
    return Inspection(table, verdict, text, culprit, causes, left_out, lost_at, recurrence)


def _verdict(
    calls: Sequence[Call], over_depth: float, over_time: float, recurrence: xr.Dataset | None, left_out: tuple[str, ...]
) -> tuple[Verdict, str, tuple[str, ...]]:
    why = None
    if len(calls) < 2 and recurrence is None:
        why = "fewer than two uses of weights were seen: there is no way for a gradient to change"
    elif not any(call.gradient_norm > 0 for call in calls[-1:]):
        why = "the gradient of this loss is 0 where it enters the model; say another loss="
    if why is not None:
        return "no verdict", f"No verdict: {why}.", (*left_out, why)
    in_time = abs(over_time) > abs(over_depth)
    total = over_time if in_time else over_depth
    verdict = verdict_of(total)
    way = "from the last step to the first" if in_time else f"from {calls[-1].name} back to {calls[0].name}"
    if not isfinite(total):
        return verdict, f"Vanishes: no gradient at all arrives {way}.", left_out
    factor = f"by a factor of {exp(total):.3g} ({total:+.1f} in ln)" if abs(total) < 700 else f"by {total:+.1f} in ln"
    return verdict, f"{verdict.capitalize()}: the gradient norm changes {factor} {way}.", left_out


def _overflown(calls: Sequence[Call], broken: Call | None, left_out: list[str]) -> Inspection:
    name = None if broken is None else broken.name
    where = "in the loss" if broken is None else f"at {broken.name}"
    n = len(calls)
    none, no, unknown = (NONE,) * n, (False,) * n, (float("nan"),) * n
    bare = Paths(none, none, (), no, unknown, unknown, unknown, no)
    text = f"Explodes: the signal leaves the range of float64 {where}."
    return Inspection(_table(calls, bare, None), "explodes", text, name, (text,), tuple(left_out))


def _table(calls: Sequence[Call], paths: Paths, copies: Copies | None) -> xr.Dataset:
    norms = np.array([call.gradient_norm for call in calls], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(norms)
        ahead = np.array([logs[k] if k != NONE else np.nan for k in paths.following], dtype=float)
        gain = np.exp(logs - ahead)
    columns: dict[str, Any] = {
        "name": np.array([call.name for call in calls], dtype=str),
        "kind": np.array([call.kind for call in calls], dtype=str),
        "rms": [call.rms for call in calls],
        "gradient_norm": norms,
        "gain": gain,
        "saturated": paths.saturated,
        "dead": paths.dead,
        "log_gradient_norm": logs,
        "parent": np.array(paths.parent, dtype=int) + 1,
        "bypassed": np.array(paths.bypassed, dtype=bool),
        "normalised": np.array(paths.normalised, dtype=bool),
        "sigma_w": [call.sigma_w for call in calls],
        "update_ratio": [np.nan if copies is None else _update_ratio(call, copies) for call in calls],
    }
    return xr.Dataset(
        {name: ("call", np.asarray(values)) for name, values in columns.items()},
        coords={"call": np.arange(1, len(calls) + 1)},
    )


def _update_ratio(call: Call, copies: Copies) -> float:
    """Return ‖∂ℓ/∂W‖/‖W‖ over the matrices of a call (of all its calls, where there are several)."""
    matrices = [copies.parameters[name] for name in call.weights if copies.parameters[name].dim() >= 2]
    gradient = sum(float(p.grad.double().square().sum()) for p in matrices if p.grad is not None)
    size = sum(float(p.detach().double().square().sum()) for p in matrices)
    return float(np.sqrt(gradient / size)) if size > 0 else float("nan")
