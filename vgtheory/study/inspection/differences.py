"""Two inspections of one model, before and after something was changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError
from vgtheory.study.inspection.inspection import Inspection

_QUANTITIES = ("rms", "sigma_w", "saturated", "dead")


def before_and_after(before: Inspection, after: Any) -> xr.Dataset:
    """Return what became of every call that two inspections have in common; see ``vg.compare``.

    Calls are matched by the names of their modules and how often these were called before; wrapped modules, whose names
    begin with that of the wrapper's attribute, by the rest.

    Raises InputError unless both are inspections that share a call.
    """
    if not isinstance(after, Inspection):
        raise InputError("study", "the inspection afterwards", "vg.compare(before, after)", got=type(after).__name__)
    first, second = _keys(before), _keys(after)
    if not set(first) & set(second):
        second = _without_wrapper(second)
    shared = [key for key in first if key in second]
    if not shared:
        raise InputError(
            "two inspections without a call in common", "those of one model", "inspect the same model twice"
        )
    rows = [first[key] for key in shared], [second[key] for key in shared]
    columns: dict[str, Any] = {"name": np.array([name for name, _ in shared], dtype=str)}
    relative = []
    for word, found, places in zip(("before", "after"), (before, after), rows, strict=True):
        table = found.table.isel(call=places)
        columns |= {f"{q}_{word}": table[q].values for q in _QUANTITIES}
        logs = table.log_gradient_norm.values
        with np.errstate(invalid="ignore"):
            columns[f"relative_{word}"] = logs - logs[-1]
        relative.append(columns[f"relative_{word}"])
    with np.errstate(invalid="ignore"):
        columns["gained"] = relative[1] - relative[0]
    gone, appeared = [n for n, _ in first if not _any(n, second)], [n for n, _ in second if not _any(n, first)]
    return xr.Dataset(
        {name: ("call", values) for name, values in columns.items()},
        coords={"call": np.arange(1, len(shared) + 1)},
        attrs={
            "verdict_before": before.verdict,
            "verdict_after": after.verdict,
            "log_change_before": before.log_change,
            "log_change_after": after.log_change,
            "gone": list(dict.fromkeys(gone)),
            "appeared": list(dict.fromkeys(appeared)),
            "sentence": _sentence(before, after),
        },
    )


_Keys = dict[tuple[str, int], int]


def _keys(found: Inspection) -> _Keys:
    """Return the place of every call by its name and how often that came before."""
    seen: dict[str, int] = {}
    out = {}
    for place, name in enumerate(found.table.name.values.tolist()):
        out[name, seen.setdefault(name, 0)] = place
        seen[name] += 1
    return out


def _without_wrapper(keys: _Keys) -> _Keys:
    return {(name.partition(".")[2], count): place for (name, count), place in keys.items()}


def _any(name: str, keys: _Keys) -> bool:
    return (name, 0) in keys


def _sentence(before: Inspection, after: Inspection) -> str:
    was, now = before.log_change, after.log_change
    change = f"the gradient norm changes by {now:+.1f} in ln over the model, by {was:+.1f} before"
    if before.verdict == after.verdict:
        return f"Still {after.verdict}: {change}."
    return f"{after.verdict.capitalize()}, before: {before.verdict}; {change}."
