"""Why the gradient of a watched model vanishes or explodes, and which module is to blame if it is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, inf, isfinite, isnan, log
from statistics import median

import numpy as np

from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.inspection import Verdict
from vgtheory.study.inspection.modules.graph import Paths
from vgtheory.study.inspection.modules.uses import Call
from vgtheory.theory.regime import LIMIT

_OUTLIER = log(10)  # by how much more one step changes the gradient than others of its kind, to be the one to blame
_SHARE = 0.25  # of the whole change that such a step must make
_MAIN = 0.75  # of a step's change, that must be unlike any other's where none is between layers of the same names
_SCALE = 3.0  # factor between σ_w of one layer and that of the others that is to blame
_ALIKE = 3  # steps between layers of the same names that make a usual one
_DEEP = 10  # steps from which on a plain network needs skip connections or normalisation
_DYING = 0.25  # share of dead units, or of those that their signals' size has saturated, that is worth a word
_FLAT = 0.6  # share of flat or dead units that is to blame
_WORTH = log(10)  # change of the whole below which no layer is to blame for anything
_MOST_WORDS = 4


@dataclass(frozen=True)
class Blame:
    """The one module to blame, if it is one, and the causes."""

    culprit: str | None
    causes: tuple[Cause, ...]


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
        found = [_unlike(calls, paths, step) for step in _outliers(steps, judged)]
        if any(found):
            return judged, _accused(found, calls, paths)
    if verdict == "healthy":
        return verdict, Blame(None, tuple(_peculiar(calls, paths)))
    outliers = [] if _most_are_constant(calls) else _outliers(steps, verdict)
    found = [_unlike(calls, paths, step) for step in outliers]
    if not any(found):  # one that only its gain shows must make much of the change itself
        found = [
            _odd(calls, paths, step) for step in outliers if abs(step.change - step.typical) >= _SHARE * abs(whole)
        ]
    if any(found):
        return verdict, _accused(found, calls, paths)
    saturation, habits = _saturation(paths), _habits(calls, paths, steps, verdict)
    first = (*saturation, *_common(calls, paths)) if verdict == "vanishes" else ()
    last = () if verdict == "vanishes" else saturation
    return verdict, Blame(None, (*first, *habits, *last, *_states(calls, paths)))


def _accused(found: Sequence[Cause | None], calls: Sequence[Call], paths: Paths) -> Blame:
    """Return the one module that some causes are about, None where they are about several, with all of them."""
    first = {cause.where: cause for cause in reversed(found) if cause is not None}
    named = sorted(first.values(), key=found.index)
    culprit = named[0].where if len(named) == 1 else None
    return Blame(culprit, (*named, *_saturation(paths), *_states(calls, paths)))


def _log(norm: float) -> float:
    return log(norm) if norm > 0 else -inf


def _steps(calls: Sequence[Call], paths: Paths) -> list[_Step]:
    """Return the steps along the main path, each with the median of the others between layers of the same names."""
    plain = []
    outside = next((place for place, k in enumerate(paths.main) if not paths.inner[k]), 0)
    for before, after in pairwise(paths.main[outside:]):  # a branch that the path begins in is past
        ahead, here = _log(calls[after].gradient_norm), _log(calls[before].gradient_norm)
        if ahead > -inf:  # where nothing is left, nothing can be lost
            plain.append((before, after, here - ahead))
    kinds = [tuple(_pattern(calls[k].name) for k in step[:2]) for step in plain]
    out = []
    for place, (before, after, change) in enumerate(plain):
        alike = [s[2] for k, s in enumerate(plain) if k != place and kinds[k] == kinds[place]]
        enough = len(alike) >= _ALIKE
        others = alike if enough else [s[2] for k, s in enumerate(plain) if k != place]
        others = [x for x in others if isfinite(x)]
        out.append(_Step(before, after, change, median(others) if others else 0.0, enough))
    return out


def _pattern(name: str) -> str:
    """Return a name without the numbers of its blocks: layers of one pattern stand at the same place in theirs.

    >>> _pattern("blocks.3.2"), _pattern("stages.1.blocks.3.conv"), _pattern("layers.14")
    ('blocks.#.2', 'stages.#.blocks.#.conv', 'layers.#')
    """
    blocks, _, last = name.rpartition(".")
    if last.isdigit() and any(map(str.isdigit, blocks)):
        return re.sub(r"\d+", "#", blocks) + f".{last}"
    return re.sub(r"\d+", "#", name)


def _outliers(steps: Sequence[_Step], verdict: Verdict) -> list[_Step]:
    """Return the steps that change the gradient unlike others, alike in size and enough to matter, the worst first."""
    sign = -1 if verdict == "vanishes" else 1
    whole = abs(sum(step.change for step in steps))
    excess = {k: sign * (step.change - step.typical) for k, step in enumerate(steps)}
    apart = {k: size for k, size in excess.items() if size > _OUTLIER and size >= max(excess.values()) / 2}
    if not sum(apart.values()) >= _SHARE * whole:
        return []
    return [steps[k] for k in sorted(apart, key=lambda k: -excess[k])]


def _odd(calls: Sequence[Call], paths: Paths, step: _Step) -> Cause | None:
    """Return that a step lacks a skip connection or changes the gradient unlike steps between layers of its names."""
    alone = abs(step.change - step.typical) > max(LIMIT, _MAIN * abs(step.change))
    if not step.alike and (paths.bypassed[step.before] or not alone):  # out of a branch is like no other step
        return None
    bare = step.alike and not paths.bypassed[step.after] and sum(paths.bypassed) > len(calls) / 2
    found = _at("missing skip" if bare else "unlike gain", calls[step.after].name, step)
    return replace(found, names=(calls[step.before].name, calls[step.after].name))


def _at(kind: str, name: str, step: _Step, **numbers: float) -> Cause:
    with np.errstate(over="ignore"):
        here, usual = float(np.exp(step.change)), float(np.exp(step.typical))
    return Cause(kind, name, {**numbers, "here": here, "usual": usual})


def _unlike(calls: Sequence[Call], paths: Paths, step: _Step) -> Cause | None:
    """Return how the weights or the state of a module on a step are unlike those of others; None if they are not."""
    before, after = calls[step.before], calls[step.after]
    dead, saturated = paths.dead[step.before], paths.saturated[step.before]
    scale, others = after.sigma_w, _others(calls, step.after)
    if scale == 0:
        return _at("zero weights", after.name, step, others=others)
    if after.constant and not _most_are_constant(calls):
        return _at("equal weights", after.name, step)
    if dead > _FLAT:
        # Nothing comes out of a dead layer, and those behind it are dead for want of a signal: the first one began.
        first = next(k for k in paths.main if paths.dead[k] > _FLAT)
        if _usual_bias(calls, first):
            return None
        return Cause("dead layer", calls[first].name, {"share": paths.dead[first], "bias": calls[first].bias})
    usual = [s for k, s in enumerate(paths.saturated) if k != step.before and not isnan(s)]
    if saturated > _FLAT and saturated > 0.25 + (median(usual) if usual else 0.0):
        return _at("saturated layer", before.name, step, share=saturated, rms=before.rms)
    if not isnan(scale) and not isnan(others) and not others / _SCALE < scale < others * _SCALE:
        return _at("unlike scale", after.name, step, sigma_w=scale, others=others)
    return None


def _most_are_constant(calls: Sequence[Call]) -> bool:
    return sum(call.constant for call in calls) > len(calls) / 2


def _usual_bias(calls: Sequence[Call], place: int) -> bool:
    """Return whether a layer has large biases that are like the others': then it is not the one to blame."""
    own, others = calls[place].bias, [c.bias for k, c in enumerate(calls) if k != place and c.shift is not None]
    return abs(own) > 0.1 and bool(others) and abs(own - median(others)) < abs(own) / 2


def _common(calls: Sequence[Call], paths: Paths) -> list[Cause]:
    """Return what nearly all layers have that no random network has: equal weights, biases that kill units."""
    out = []
    if _most_are_constant(calls):
        count = sum(call.constant for call in calls)
        out.append(Cause("symmetric units", numbers={"count": count, "calls": len(calls)}))
    dead = [k for k in paths.main if paths.dead[k] > _FLAT]
    if dead and _usual_bias(calls, dead[0]):
        bias = median(call.bias for call in calls if call.shift is not None)
        out.append(Cause("biases", calls[dead[0]].name, {"bias": bias, "share": paths.dead[dead[0]]}))
    return out


def _peculiar(calls: Sequence[Call], paths: Paths) -> list[Cause]:
    """Return what single layers of a healthy model have that keeps their units from learning."""
    out = []
    for kind, shares in (("saturated units", paths.saturated), ("dead units", paths.dead)):
        known = [share for share in shares if not isnan(share)]
        usual = median(known) if known else 0.0
        for call, share in zip(calls, shares, strict=True):
            if share > _FLAT and share > usual + 0.25:
                out.append(Cause(kind, call.name, {"share": share, "usual": usual}))
    return out[:_MOST_WORDS]


def _others(calls: Sequence[Call], place: int) -> float:
    """Return the median scale of other weights: of those at the same place in other blocks, where they are enough."""
    own = calls[place]
    others = [c for c in calls if c.weights != own.weights and c.sigma_w > 0]
    alike = [c for c in others if _pattern(c.name) == _pattern(own.name)]
    scales = [c.sigma_w for c in (alike if len(alike) >= _ALIKE else others)]
    return median(scales) if scales else float("nan")


def _habits(calls: Sequence[Call], paths: Paths, steps: Sequence[_Step], verdict: Verdict) -> list[Cause]:
    """Return what all layers have in common that makes the gradient fall or grow."""
    changes = [step.change for step in steps if isfinite(step.change)]
    if not changes:
        return [Cause("no path")]
    out, usual, vanishes = [], median(changes), verdict == "vanishes"
    if (usual < 0) == vanishes:  # what most steps do is not to blame for the opposite
        out.append(Cause("depth", numbers={"steps": len(steps), "factor": exp(usual)}))
    scales = [calls[k].sigma_w for k in paths.main[1:] if not isnan(calls[k].sigma_w)]
    if scales:
        # Where units are saturated, larger weights would saturate more of them.
        size = 1 if not vanishes else 0 if _mean(paths, paths.outgrown) > _DYING else -1
        found = {"sigma_w": median(scales), "least": min(scales), "most": max(scales), "size": size}
        out.append(Cause("weights", numbers=found))
    if vanishes and len(steps) >= _DEEP:
        parts = {"skip connections": any(paths.bypassed), "normalisation": any(paths.normalised)}
        lacking = tuple(name for name, there in parts.items() if not there)
        out += [Cause("missing parts", names=lacking)] if lacking else []
    return out


def _mean(paths: Paths, shares: Sequence[float]) -> float:
    """Return the mean share over the calls of the main path that have an activation behind them; 0 without any."""
    known = [shares[k] for k in paths.main if not isnan(shares[k])]
    return float(np.mean(known)) if known else 0.0


def _saturation(paths: Paths) -> list[Cause]:
    """Return how many units are saturated, where that is many, or more than a few for the size of their signals.

    Units that are flat whatever the size of their signals, and on every input, are dead, and said to be that.
    """
    saturated, outgrown = _mean(paths, paths.saturated), _mean(paths, paths.outgrown)
    dead = outgrown <= _DYING and _mean(paths, paths.dead) > saturated / 2
    if (saturated <= _FLAT and outgrown <= _DYING) or dead:
        return []
    return [Cause("saturation", numbers={"share": saturated})]


def _states(calls: Sequence[Call], paths: Paths) -> list[Cause]:
    """Return in which other state the units are, where it is one that stops gradients."""
    out, dead = [], _mean(paths, paths.dead)
    if dead > _DYING:
        out.append(Cause("dead share", numbers={"share": dead}))
    alike = tuple(call.name for call in calls if call.identical)
    if alike:
        out.append(Cause("identical units", names=alike[:_MOST_WORDS]))
    return out
