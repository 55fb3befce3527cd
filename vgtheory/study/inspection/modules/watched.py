"""`inspect_module`: what follows from one forward and one backward pass of a PyTorch module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import isfinite, log
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.inspection import Inspection, Subject, Verdict, change_of, judged_calls, verdict_of
from vgtheory.study.inspection.modules.blame import blame
from vgtheory.study.inspection.modules.graph import NONE, Paths
from vgtheory.study.inspection.modules.located import located
from vgtheory.study.inspection.modules.model_copy import Copies, unwrapped
from vgtheory.study.inspection.modules.norms import norms_of
from vgtheory.study.inspection.modules.recognise import recognise
from vgtheory.study.inspection.modules.recognised_maps import Maps
from vgtheory.study.inspection.modules.recurrence import over_time
from vgtheory.study.inspection.modules.sight import Sight, sight_of
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.theory.regime import LOST, power

_NAMED = 6  # modules that a sentence names; more are counted


def inspect_module(torch: Any, model: Any, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> Inspection:
    """Return what the hooks see of a PyTorch module; the arguments are those of ``vg.inspect``."""
    return seen(torch, model, x, loss, seed)[0]


def seen(torch: Any, model: Any, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> tuple[Inspection, Sight]:
    """Return that, and the pass that it is of, which holds autograd's graph."""
    model = unwrapped(torch, model)
    sight = sight_of(torch, model, x, loss, seed)
    used = Counter((slopes.name, slopes.probe) for slopes in sight.watch.slopes if slopes.probe)
    function = max(used, key=lambda one: used[one]) if used else None
    found = _found(sight)
    if found.reasons and found.reasons[0].kind == "unlike gain":  # neither weights nor units say why
        again = Copies(torch, model, double=sight.copies.precision == torch.float64)
        cause = located(torch, again, x, loss, seed, found.reasons[0])
        found = replace(found, culprit=cause.where or None, reasons=(cause, *found.reasons[1:]))
    return replace(found, subject=Subject(torch, model, x, loss, seed, function)), sight


def _unseen(sight: Sight) -> list[str]:
    """Return what weights and calls play no part in the findings."""
    out, watch, copies = [], sight.watch, sight.copies
    severed, derived = _names(sight.severed), _names(sight.derived)
    if sight.paths is None or sight.broken is not None:
        return []  # no gradient comes back from what is no number
    seen = {call.name for call in sight.calls}
    silent = [call for call in watch.calls if call.name not in {*seen, *severed, *derived}]
    stray, bare = _names(c for c in silent if c.node is not None), _names(c for c in silent if c.node is None)
    if severed:
        cut = "the graph is cut behind them (detach, .data or torch.no_grad)"
        out.append(f"{listed(severed)}: {cut}, so that no gradient gets there, though the loss depends on them")
    if derived:
        out.append(
            f"{listed(derived)}: their weights get a gradient, though none arrives at the output: a derivative is taken"
        )
    if bare:
        out.append(f"{listed(bare)}: run without gradients (torch.no_grad, or detached)")
    if stray:
        out.append(f"{listed(stray)}: the loss (without loss=, the model's first output) does not depend on them")
    used = {name for call in watch.calls for name in call.weights}
    matrices = {n: p for n, p in copies.parameters.items() if p.dim() >= 2 and p.is_floating_point()}
    idle = [n for n in matrices if n not in used and matrices[n].grad is None]
    hidden = [n for n in matrices if n not in used and matrices[n].grad is not None]
    if idle:
        out.append(f"{listed(idle)}: not used on this x")
    if hidden:
        out.append(f"{listed(hidden)}: used otherwise than in a product, which is not watched")
    vectors = [n for n, p in copies.parameters.items() if p.dim() < 2]
    if vectors and not watch.calls:
        out.append(f"{listed(vectors)}: bare parameters that are no matrices, which are not watched")
    return out


def _names(calls: Iterable[Call]) -> list[str]:
    return list(dict.fromkeys(call.name for call in calls))


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence takes them: the first few, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def _found(sight: Sight) -> Inspection:
    calls, paths, recurrence = sight.calls, sight.paths, sight.recurrence
    left_out = (*sight.watch.unseen, *_unseen(sight), *sight.doubts)
    if sight.nan is not None:
        return _without_paths(sight.watch.calls, "no verdict", f"No verdict: {sight.nan}", sight.nan, left_out)
    if paths is None or sight.broken is not None:
        cause = Cause("overflow", "" if sight.broken is None else sight.broken.name)
        return _without_paths(sight.watch.calls, "explodes", f"Explodes: {cause}", cause, left_out)
    table = _table(calls, paths, sight)
    in_steps = 0.0 if recurrence is None else change_of(recurrence.log_gradient_norm.values)
    judged = judged_calls(table)
    over_depth, reached = change_of(table.log_gradient_norm.values[judged]), [calls[k] for k in judged]
    why = _no_verdict(sight)
    in_time = abs(in_steps) > abs(over_depth)
    total = in_steps if in_time else over_depth
    verdict, found = blame(calls, paths, "no verdict" if why else verdict_of(total))
    culprit, causes = found.culprit, found.causes
    if recurrence is not None:
        causes = (over_time(recurrence), *causes)
        if verdict == verdict_of(in_steps) != "healthy" and abs(in_steps) > abs(over_depth) / 2:
            culprit, causes = str(recurrence.attrs["module"]), causes[:1]
    text = f"No verdict: {why}." if why else _sentence(reached, verdict, total, in_time)
    if not why and verdict != verdict_of(total):  # one layer alone makes it so
        text = f"{verdict.capitalize()} at {listed(_names_of(causes))}; {text.partition(': ')[2]}"
    text += "" if why or in_time else _frozen(reached, sight.copies) + _waiting(calls, paths)
    left_out = (*left_out, why) if why else left_out
    lost = np.zeros(0, dtype=int) if why else _lost(table, judged)
    lost_at = int(table.call.values[lost[-1]]) if len(lost) else None
    aside = [calls[k].name for k in lost if k not in paths.main]
    if aside and verdict != "vanishes":
        causes = (*causes, Cause("lost aside", calls[judged[-1]].name, names=tuple(dict.fromkeys(aside))))
        text += f" But hardly any reaches {listed(causes[-1].names)}."
    known, unknown = recognise(sight.watch, calls, paths, sight.copies)
    told = any("here" in cause.numbers for cause in causes)  # steps of several modules are to blame
    told = told or (
        isinstance(known, Maps) and 2 * len(known.filters) <= len(paths.main)
    )  # of a part, not of the whole
    if known is not None and culprit is None and not told and verdict in ("vanishes", "explodes"):
        causes = _with_theory(causes, known.causes(total))
    return Inspection(table, verdict, text, culprit, causes, left_out, lost_at, recurrence, known, unknown)


def _lost(table: xr.Dataset, judged: np.ndarray) -> np.ndarray:
    """Return the places of the calls whose gradient is below 2^−24 of the last one's, and not only for want of time."""
    logs = table.log_gradient_norm.values
    if not len(judged) or not isfinite(logs[judged[-1]]):
        return np.zeros(0, dtype=int)
    return np.flatnonzero(~table.waiting.values & (logs - logs[judged[-1]] < LOST))


def _with_theory(measured: tuple[Cause, ...], predicted: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Return all causes; what theory says of the weights stands in place of what is measured of them.

    Where units are saturated larger weights would saturate more still, so that no weights are said to be too small.
    """
    saturated = any(cause.kind == "saturation" for cause in measured)
    known = {cause.kind: cause for cause in predicted if not (saturated and cause.numbers.get("size", 0) < 0)}
    kept = [known.pop(cause.kind, cause) for cause in measured]
    return (*kept, *known.values())


def _names_of(causes: Sequence[Cause]) -> list[str]:
    """Return the modules that steps of the gradient are blamed on."""
    first = [cause.where for cause in causes if cause.where and ("here" in cause.numbers or cause is causes[0])]
    return list(dict.fromkeys(first))


def _no_verdict(sight: Sight) -> str | None:
    """Return why nothing can be said of a model's gradient; None if something can."""
    calls = sight.calls
    if sight.cut_at is not None:
        return f"the graph is cut in front of {sight.cut_at.name}: what is measured goes back to there only"
    if sight.derived:
        return "the model takes derivatives of its own, and the gradient goes back through these"
    if not calls and not sight.copies.parameters:
        return (
            "the model has no parameters, and products with buffers or quantised weights are not watched; inspect it "
            "before it is quantised, with its weights as nn.Parameter"
        )
    if len(calls) < 2 and sight.recurrence is None:
        return "fewer than two uses of weights were seen: there is no way for a gradient to change"
    if not any(call.gradient_norm > 0 for call in calls[-1:]):
        return "the gradient of this loss is 0 where it enters the model; say another loss="
    if sight.noise:
        return "the gradient of this loss is 0 up to rounding where it enters the model; say another loss="
    return None


def _sentence(calls: Sequence[Call], verdict: Verdict, total: float, in_time: bool) -> str:
    way = "from the last step to the first" if in_time else f"from {calls[-1].name} back to {calls[0].name}"
    if not isfinite(total):
        return f"Vanishes: no gradient at all arrives {way}."
    return f"{verdict.capitalize()}: the gradient norm changes by {_factor(total)} {way}."


def _frozen(calls: Sequence[Call], copies: Copies) -> str:
    """Return what becomes of the gradient of what learns, where a model begins with layers that are frozen."""
    learning = (k for k, c in enumerate(calls) if not (c.weights and copies.frozen.issuperset(c.weights)))
    count = next(learning, len(calls))
    if not count:
        return ""
    if count == len(calls):
        return " All of these layers are frozen: none of them learns."
    learns, last = calls[count], calls[-1]
    said = f" {calls[0].name}, the first layer, is frozen"
    if count > 1:
        said = f" The first {count} layers, {calls[0].name} to {calls[count - 1].name}, are frozen"
    if count == len(calls) - 1:
        return f"{said}; only {last.name} learns, which the gradient reaches as it comes from the loss."
    if not learns.gradient_norm > 0:
        return f"{said}."
    change = log(learns.gradient_norm / last.gradient_norm)
    return f"{said}; back to {learns.name}, the first that learns, the gradient changes by {_factor(change)}."


def _factor(change: float) -> str:
    return f"a factor of {power(change)} ({change:+.1f} in ln)"


def _waiting(calls: Sequence[Call], paths: Paths) -> str:
    """Return which calls get no gradient before the zeros that their branches begin with have learnt."""
    names = [call.name for call, waits in zip(calls, paths.waiting, strict=True) if waits]
    if not names:
        return ""
    behind = "the layer behind it starts" if len(names) == 1 else "the layers behind them start"
    learnt = "that has" if len(names) == 1 else "those have"
    return f" In the first step no gradient reaches {listed(names)}, as {behind} at 0; once {learnt} learnt, it does."


def _without_paths(
    calls: Sequence[Call], verdict: Verdict, text: str, cause: Cause, left_out: tuple[str, ...]
) -> Inspection:
    n = len(calls)
    none, no, unknown = (NONE,) * n, (False,) * n, (float("nan"),) * n
    bare = Paths(none, none, (), no, (), unknown, unknown, unknown, no, no, no, no)
    left_out = (*left_out, str(cause).rstrip(".")) if verdict == "no verdict" else left_out
    return Inspection(_table(calls, bare, None), verdict, text, cause.where or None, (cause,), left_out)


def _table(calls: Sequence[Call], paths: Paths, sight: Sight | None) -> xr.Dataset:
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
        "outgrown": paths.outgrown,
        "log_gradient_norm": logs,
        "parent": np.array(paths.parent, dtype=int) + 1,
        "bypassed": np.array(paths.bypassed, dtype=bool),
        "normalised": np.array(paths.normalised, dtype=bool),
        "waiting": np.array(paths.waiting, dtype=bool),
        "inner": np.array(paths.inner, dtype=bool),
        "sigma_w": [call.sigma_w for call in calls],
        "update_ratio": [np.nan] * len(calls) if sight is None else _update_ratios(calls, sight),
    }
    return xr.Dataset(
        {name: ("call", np.asarray(values)) for name, values in columns.items()},
        coords={"call": np.arange(1, len(calls) + 1)},
    )


def _update_ratios(calls: Sequence[Call], sight: Sight) -> list[float]:
    """Return ‖∂ℓ/∂W‖/‖W‖ over the matrices of every call (of all its calls, where there are several)."""
    torch, sizes = sight.watch.torch, sight.watch.sizes
    used = dict.fromkeys(name for call in calls for name in call.weights)
    matrices = {n: p for n in used if (p := sight.copies.parameters[n]).dim() >= 2}
    trained = [n for n, p in matrices.items() if p.grad is not None]
    gradients = dict(zip(trained, norms_of(torch, [matrices[n].grad for n in trained]), strict=True))
    unknown = [n for n in matrices if n not in sizes]
    sizes |= zip(unknown, norms_of(torch, [matrices[n].detach() for n in unknown]), strict=True)
    known: dict[tuple[str, ...], float] = {}
    for names in {call.weights for call in calls}:
        gradient, size = (sum(norms.get(n, 0.0) ** 2 for n in names) for norms in (gradients, sizes))
        known[names] = (gradient / size) ** 0.5 if size > 0 else float("nan")
    return [known[call.weights] for call in calls]
