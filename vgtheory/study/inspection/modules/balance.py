"""Scales at which a watched module's gradient keeps its norm: measured round by round; the best ones stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, isfinite, log
from typing import Any

import numpy as np

from vgtheory.study.inspection.inspection import Inspection, change_of
from vgtheory.study.inspection.modules.weights_to_set import BranchEnd, Settable

CLOSE = 0.5  # |ln| of the change over the whole depth, or time, that is good enough
LIMIT = 50.0  # factor by which the scale of a layer may leave 1
_ROUNDS = 30
_WORST = 0.1  # |ln| of one layer's gain
_STILL = 0.01  # change of the whole's ln in one round below which it hangs on something else
_MOST = log(LIMIT)
_AIM = 0.4  # ln of what residual branches may add to the gradient
_TURNS = 10
_WORTH = 0.05  # of the whole's ln, that a smaller branch must be better by


def size_of(found: Inspection) -> float:
    """Return |ln| of a gradient's change over depth, or time; infinite on overflow and without a verdict.

    >>> from types import SimpleNamespace
    >>> size_of(SimpleNamespace(log_change=-2.5, reasons=(), verdict="healthy"))
    2.5
    >>> size_of(SimpleNamespace(log_change=0.0, reasons=(), verdict="no verdict"))
    inf
    """
    unknown = found.verdict == "no verdict" or any(cause.kind == "overflow" for cause in found.reasons)
    return inf if unknown else abs(found.log_change)


def balanced(
    chosen: Settable, found: Inspection, look: Callable[[], Inspection], logs: dict[str, float]
) -> tuple[Inspection, dict[str, float]]:
    """Scale, round by round, every layer by what its step lacks of gain 1; of all rounds the best one stays.

    Returns its inspection and ln of the layers' scales, which begin at `logs`.
    """
    groups, begin = [layer.scaled for layer in chosen.layers], logs
    start = _numbers(groups)

    def set_to(goal: dict[str, float]) -> Inspection:
        _set(groups, start, [exp(goal[layer.name] - begin[layer.name]) for layer in chosen.layers])
        return look()

    best, nearest, last = logs, inf, inf
    for turn in range(_ROUNDS + 1):
        wanted = _wanted(chosen, found)
        worst, total = max((abs(step) for step in wanted.values()), default=0.0), size_of(found)
        done = not wanted or (worst < _WORST and (total < CLOSE or abs(total - last) < _STILL))
        if (done and isfinite(total)) or max(worst, total) < nearest:
            best, nearest = logs, max(worst, total)
        if done or turn == _ROUNDS:
            break
        last = total
        goal = {name: float(np.clip(logs[name] + np.clip(s, -2, 2), -_MOST, _MOST)) for name, s in wanted.items()}
        logs = {**logs, **goal}
        found = set_to(logs)
    return (found, logs) if logs == best else (set_to(best), best)


def _wanted(chosen: Settable, found: Inspection) -> dict[str, float]:
    """Return by layer the ln of the factor that its weights should have: minus the mean ln gain of its calls."""
    table, owner = found.table, {user: layer for layer in chosen.layers for user in layer.users}
    logs, names = table.log_gradient_norm.values, table.name.values.tolist()
    gains: dict[str, list[float]] = {}
    for k, parent in enumerate(table.parent.values):
        layer = owner.get(names[k])
        # From inside a branch the step says nothing of the stream.
        if layer is None or parent == 0 or (table.bypassed[parent - 1] and names[parent - 1] not in chosen.streams):
            continue
        if layer.recurrent is None:
            with np.errstate(invalid="ignore"):  # nothing there, nothing here: not a number, left out below
                gains.setdefault(layer.name, []).append(float(logs[parent - 1] - logs[k]))
    wanted = {name: -float(np.mean(steps)) for name, steps in gains.items() if all(map(isfinite, steps))}
    over_time = found.recurrence
    if over_time is not None and over_time.attrs["kind"] == "RNN" and over_time.attrs["module"] in owner:
        steps = over_time.sizes["time"] - 1
        wanted[owner[over_time.attrs["module"]].name] = -change_of(over_time.log_norm_from_last.values) / steps
    return wanted


def quietened(
    ends: Sequence[BranchEnd], branches: int, found: Inspection, look: Callable[[], Inspection]
) -> tuple[Inspection, float]:
    """Make the residual branches smaller, all by one factor, while the gradient grows through them; return that factor.

    Where B branches add v times the stream's mean square each, the squared gradient grows by (1 + v)^B; with v = 1/B it
    stays below e, however many there are (Hanin & Rolnick 2018; 1/√(2L) of L blocks of a transformer is that, Radford
    et al. 2019).  From the growth follows v, from v the factor; norms make both inexact: it is measured and repeated.
    Below 1/B they add little even where they all say the same: what grows still then, grows elsewhere.
    """
    groups, scale = [end.parameters for end in ends], 1.0
    start = _numbers(groups)
    for _ in range(_TURNS if ends else 0):
        if not (isfinite(found.log_change) and found.log_change > CLOSE and scale > 1 / branches):
            break
        smaller = max(scale * _shrink(found.log_change, branches), 1 / branches)
        _set(groups, start, [smaller] * len(ends))
        after = look()
        if not size_of(after) < size_of(found) - _WORTH:
            _set(groups, start, [scale] * len(ends))
            break
        found, scale = after, smaller
    return found, scale


def _shrink(growth: float, branches: int) -> float:
    """Return the factor of the branches that brings ln of the gradient's growth from one value to what is allowed.

    >>> print(f"{_shrink(24 * 0.5 * np.log(2), 24):.4f}")  # v = 1 becomes e^(0.8/24) − 1
    0.1841
    """
    each = min(2 * growth / branches, 100.0)
    return float(np.sqrt(np.expm1(2 * _AIM / branches) / np.expm1(each)))


def _numbers(groups: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [[parameter.detach().clone() for parameter in group] for group in groups]


def _set(groups: Sequence[Sequence[Any]], start: Sequence[Sequence[Any]], scales: Sequence[float]) -> None:
    """Give parameters the numbers that they began with times a scale: rounded once, however many rounds there are."""
    for group, values, scale in zip(groups, start, scales, strict=True):
        for parameter, value in zip(group, values, strict=True):
            parameter.data.copy_(value).mul_(scale)
