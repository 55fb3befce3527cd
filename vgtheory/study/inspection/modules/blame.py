"""Why the gradient of a watched model vanishes or explodes, and which module is to blame if it is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, isfinite, isnan, log
from statistics import median

import numpy as np

from vgtheory.study.inspection.findings import Verdict
from vgtheory.study.inspection.modules.graph import Paths
from vgtheory.study.inspection.modules.uses import Call

_OUTLIER = log(10)  # by how much more one step changes the gradient than others of its kind, to be the one to blame
_SHARE = 0.25  # of the whole change that such a step must make
_SCALE = 3.0  # factor between σ_w of one layer and that of the others that is to blame
_ALIKE = 3  # steps between layers of the same names that make a usual one
_DEEP = 10  # steps from which on a plain network needs skip connections or normalisation
_DYING = 0.25  # share of dead units, or of those that their signals' size has saturated, that is worth a word
_FLAT = 0.6  # share of flat or dead units that is to blame
_WORTH = log(10)  # change of the whole below which no layer is to blame for anything
_MOST_WORDS = 4


@dataclass(frozen=True)
class Blame:
    """The one module to blame, if it is one, and the causes in words."""

    culprit: str | None
    causes: tuple[str, ...]


@dataclass(frozen=True)
class _Step:
    """The way of the gradient from call `after` back to call `before`: ln of the factor, and of the usual one.

    `alike` says whether that is the median over steps between layers of the same names, or over all others.
    """

    before: int
    after: int
    change: float
    typical: float
    alike: bool


def blame(calls: Sequence[Call], paths: Paths, verdict: Verdict) -> tuple[Verdict, Blame]:
    """Return what makes the gradient of a model vanish or explode, and the verdict when that is known.

    A change of less than 1000 that one layer alone makes, and by what is unlike in it, is one that vanishes or explodes
    there.  Of a healthy model, states are said that keep some layers from learning.
    """
    if verdict == "no verdict":
        return verdict, Blame(None, ())
    steps = _steps(calls, paths)
    whole = sum(step.change for step in steps)
    judged: Verdict = "vanishes" if whole < 0 else "explodes"
    if verdict == "healthy" and abs(whole) > _WORTH:
        for step in _outliers(steps, judged):
            found = _unlike(calls, paths, step)
            if found is not None:
                return judged, Blame(found[0], (found[1], *_saturation(paths), *_states(calls, paths)))
    if verdict == "healthy":
        return verdict, Blame(None, tuple(_peculiar(calls, paths)))
    for step in [] if _most_are_constant(calls) else _outliers(steps, verdict):
        found = _explained(calls, paths, step)
        if found is not None:
            return verdict, Blame(found[0], (found[1], *_saturation(paths), *_states(calls, paths)))
    saturation, habits = _saturation(paths), _habits(calls, paths, steps, verdict)
    first = (*saturation, *_common(calls, paths)) if verdict == "vanishes" else ()
    last = () if verdict == "vanishes" else saturation
    return verdict, Blame(None, (*first, *habits, *last, *_states(calls, paths)))


def _log(norm: float) -> float:
    return log(norm) if norm > 0 else -inf


def _steps(calls: Sequence[Call], paths: Paths) -> list[_Step]:
    """Return the steps along the main path, each with the median of the others between layers of the same names."""
    plain = []
    for before, after in pairwise(paths.main):
        ahead, here = _log(calls[after].gradient_norm), _log(calls[before].gradient_norm)
        if ahead > -inf:  # where nothing is left, nothing can be lost
            plain.append((before, after, here - ahead))
    kinds = [tuple(re.sub(r"\d+", "#", calls[k].name) for k in step[:2]) for step in plain]
    out = []
    for place, (before, after, change) in enumerate(plain):
        alike = [s[2] for k, s in enumerate(plain) if k != place and kinds[k] == kinds[place]]
        enough = len(alike) >= _ALIKE
        others = alike if enough else [s[2] for k, s in enumerate(plain) if k != place]
        others = [x for x in others if isfinite(x)]
        out.append(_Step(before, after, change, median(others) if others else 0.0, enough))
    return out


def _outliers(steps: Sequence[_Step], verdict: Verdict) -> list[_Step]:
    """Return the steps that change the gradient unlike others and enough to matter, the worst first."""
    sign = -1 if verdict == "vanishes" else 1
    whole = abs(sum(step.change for step in steps))
    excess = {k: sign * (step.change - step.typical) for k, step in enumerate(steps)}
    apart = [k for k, size in excess.items() if size > _OUTLIER and (size == inf or size >= _SHARE * whole)]
    return [steps[k] for k in sorted(apart, key=lambda k: -excess[k])]


def _explained(calls: Sequence[Call], paths: Paths, step: _Step) -> tuple[str, str] | None:
    """Return the module that makes one step of the gradient unlike the others, and how; None if nothing shows it."""
    found = _unlike(calls, paths, step)
    if found is not None or not step.alike:
        return found
    name = calls[step.after].name
    if not paths.bypassed[step.after] and sum(paths.bypassed) > len(calls) / 2:
        return name, f"{name}: no skip connection leads past it, as it does past others; {_numbers(step)}."
    return name, f"{name}: {_numbers(step)}."


def _numbers(step: _Step) -> str:
    with np.errstate(over="ignore"):
        here, elsewhere = np.exp(step.change), np.exp(step.typical)
    return f"the gradient changes by a factor of {here:.2g} here, by {elsewhere:.2g} at others"


def _unlike(calls: Sequence[Call], paths: Paths, step: _Step) -> tuple[str, str] | None:
    """Return the module on a step whose weights or state are unlike those of others, and how they are."""
    before, after = calls[step.before], calls[step.after]
    dead, saturated = paths.dead[step.before], paths.saturated[step.before]
    if after.constant and not _most_are_constant(calls):
        return after.name, f"{after.name}: all its weights are equal; {_numbers(step)}."
    scale, others = after.sigma_w, _others(calls, step.after)
    if scale == 0:
        return after.name, f"{after.name}: its weights are 0 (others have σ_w = {others:.3g}); {_numbers(step)}."
    if dead > _FLAT:
        # Nothing comes out of a dead layer, and those behind it are dead for want of a signal: the first one began.
        first = next(k for k in paths.main if paths.dead[k] > _FLAT)
        name, share = calls[first].name, paths.dead[first]
        said = f"{name}: φ' = 0 on every input for {share:.0%} of its units; no gradient gets past them"
        if _usual_bias(calls, first):
            return None
        biases = f"; its biases are {calls[first].bias:.3g} on average" if abs(calls[first].bias) > 0.1 else ""
        return name, f"{said}{biases}."
    usual = [s for k, s in enumerate(paths.saturated) if k != step.before and not isnan(s)]
    if saturated > _FLAT and saturated > 0.25 + (median(usual) if usual else 0.0):
        said = f"{before.name}: {saturated:.0%} of its units are saturated (rms {before.rms:.3g})"
        return before.name, f"{said}; {_numbers(step)}."
    if not isnan(scale) and not isnan(others) and not others / _SCALE < scale < others * _SCALE:
        return after.name, f"{after.name}: σ_w = {scale:.3g}, others have {others:.3g}; {_numbers(step)}."
    return None


def _most_are_constant(calls: Sequence[Call]) -> bool:
    return sum(call.constant for call in calls) > len(calls) / 2


def _usual_bias(calls: Sequence[Call], place: int) -> bool:
    """Return whether a layer has large biases that are like the others': then it is not the one to blame."""
    own, others = calls[place].bias, [c.bias for k, c in enumerate(calls) if k != place and c.shift is not None]
    return abs(own) > 0.1 and bool(others) and abs(own - median(others)) < abs(own) / 2


def _common(calls: Sequence[Call], paths: Paths) -> list[str]:
    """Return what nearly all layers have that no random network has: equal weights, biases that kill units."""
    out = []
    if _most_are_constant(calls):
        count = sum(call.constant for call in calls)
        out.append(f"symmetric units: in {count} of {len(calls)} calls all weights are equal, so all units are one.")
    dead = [k for k in paths.main if paths.dead[k] > _FLAT]
    if dead and _usual_bias(calls, dead[0]):
        biases = [call.bias for call in calls if call.shift is not None]
        said = f"biases: {median(biases):.3g} on average; from {calls[dead[0]].name} on"
        out.append(f"{said} φ' = 0 on every input for {paths.dead[dead[0]]:.0%} of the units and more.")
    return out


def _peculiar(calls: Sequence[Call], paths: Paths) -> list[str]:
    """Return what single layers of a healthy model have that keeps their units from learning."""
    out = []
    for word, shares in (("saturated", paths.saturated), ("dead", paths.dead)):
        known = [share for share in shares if not isnan(share)]
        usual = median(known) if known else 0.0
        for call, share in zip(calls, shares, strict=True):
            if share > _FLAT and share > usual + 0.25:
                out.append(f"{call.name}: {share:.0%} of its units are {word}, of others {usual:.0%}.")
    return out[:_MOST_WORDS]


def _others(calls: Sequence[Call], place: int) -> float:
    scales = [c.sigma_w for k, c in enumerate(calls) if k != place and c.sigma_w > 0]
    return median(scales) if scales else float("nan")


def _habits(calls: Sequence[Call], paths: Paths, steps: Sequence[_Step], verdict: Verdict) -> list[str]:
    """Return what all layers have in common that makes the gradient fall or grow, with numbers."""
    changes = [step.change for step in steps if isfinite(step.change)]
    if not changes:
        return ["no gradient passes from one call to another."]
    out = [f"depth: {len(steps)} times a factor whose median is {exp(median(changes)):.3g} per call."]
    scales = [calls[k].sigma_w for k in paths.main[1:] if not isnan(calls[k].sigma_w)]
    if scales:
        size = ", too large here" if verdict == "explodes" else ", too small here"
        if verdict == "vanishes" and _mean(paths, paths.outgrown) > _DYING:
            size = ""  # larger ones would saturate more units still
        out.append(f"weights: σ_w = {median(scales):.3g} ({min(scales):.3g} to {max(scales):.3g}){size}.")
    if verdict == "vanishes" and len(steps) >= _DEEP:
        parts = {"skip connections": any(paths.bypassed), "normalisation": any(paths.normalised)}
        lacking = [name for name, there in parts.items() if not there]
        out += [f"{' and '.join(lacking)}: none."] if lacking else []
    return out


def _mean(paths: Paths, shares: Sequence[float]) -> float:
    """Return the mean share over the calls of the main path that have an activation behind them; 0 without any."""
    known = [shares[k] for k in paths.main if not isnan(shares[k])]
    return float(np.mean(known)) if known else 0.0


def _saturation(paths: Paths) -> list[str]:
    """Return how many units are saturated, where that is many, or more than a few for the size of their signals."""
    saturated = _mean(paths, paths.saturated)
    if saturated <= _FLAT and _mean(paths, paths.outgrown) <= _DYING:
        return []
    return [f"saturation: on average {saturated:.0%} of the units have |φ'| below 1 % of its largest."]


def _states(calls: Sequence[Call], paths: Paths) -> list[str]:
    """Return in which other state the units are, where it is one that stops gradients."""
    out, dead = [], _mean(paths, paths.dead)
    if dead > _DYING:
        out.append(f"dead units: on average {dead:.0%} have φ' = 0 on every input.")
    alike = [call.name for call in calls if call.identical]
    if alike:
        out.append(f"identical units: all those of {', '.join(alike[:4])} say the same.")
    return out
