"""`initialise`: weights of a PyTorch module set so that its gradient neither vanishes nor explodes, as measured."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf, isfinite, log
from typing import Any, Literal

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, TargetMissedWarning
from vgtheory.model.sizes import MAX_SEED, whole_number
from vgtheory.study.inspection.inspection import Inspection
from vgtheory.study.inspection.modules.balance import CLOSE, LIMIT, balanced, quietened, size_of
from vgtheory.study.inspection.modules.drawing import draw, unit_variance
from vgtheory.study.inspection.modules.model_copy import unwrapped
from vgtheory.study.inspection.modules.watched import inspect_module, listed, seen
from vgtheory.study.inspection.modules.weights_to_set import BranchEnd, Layer, Settable, settable

Scheme = Literal["critical", "orthogonal", "lsuv"]

SCHEMES = ("critical", "orthogonal", "lsuv")
_KEPT = log(10.0)  # |ln| of the change over the whole depth, or time, up to which a gradient keeps its size


@dataclass(frozen=True, eq=False)
class Initialisation:
    """What :func:`initialise` did.

    Attributes
    ----------
    changed : Dataset over `module`, those whose weights are new: `before` and `after`, their σ_w; `drawn`, whether they
        were drawn anew, and not only scaled, as the last layers of residual branches are (of a norm: its gain).
    left_alone : modules with weights that kept them, and why.
    before, after : the inspections.
    keeps_size : whether the gradient norm now changes by a factor of less than 10 from the last call to the first (of
        recurrent modules also: from the last step to the first); None where `after` has no verdict.
    at_limit : modules whose weights are at the limit of their scale, 50 times or 1/50 of orthogonal ones.
    branches : how many residual branches the model has, and `branch_scale` the factor by which they are smaller now.
    drawn, zeroed, scaled : names of parameters: with new numbers, set to 0, and `branch_scale` times what they were.
    """

    changed: xr.Dataset
    left_alone: tuple[str, ...]
    before: Inspection
    after: Inspection
    keeps_size: bool | None
    at_limit: tuple[str, ...] = ()
    branches: int = 0
    branch_scale: float = 1.0
    drawn: tuple[str, ...] = ()
    zeroed: tuple[str, ...] = ()
    scaled: tuple[str, ...] = ()

    def __str__(self) -> str:
        drawn = self.changed.drawn.values
        lines = [_missed(self)] if self.keeps_size is False else []
        lines.append("1 module has new weights." if drawn.sum() == 1 else f"{drawn.sum()} modules have new weights.")
        if not drawn.all():
            lines.append(
                f"Ends of residual branches are {self.branch_scale:.3g} times what they were: {(~drawn).sum()}."
            )
        return "\n".join((*lines, f"Before: {self.before.text}", f"After: {self.after.text}", *self.left_alone))


def _missed(found: Initialisation) -> str:
    """Return that the gradient does not keep its size, which layers cannot be scaled further, and what may help."""
    text = "Target missed: the gradient does not keep its size with these weights."
    if found.at_limit:
        text += f" At the limit of {LIMIT:g} times the scale of orthogonal weights, or 1/{LIMIT:g}: "
        text += f"{listed(found.at_limit)}."
    first = "Skip" if found.after.recurrence is None else "Shorter sequences, skip"
    return f"{text} {first} connections, normalisation or another activation may help."


def initialise(
    model: Any,
    x: Any,
    scheme: Scheme = "critical",
    loss: Callable[[Any], Any] | None = None,
    *,
    seed: int = 0,
) -> Initialisation:
    """Return what was changed in a PyTorch module whose weights have been set, in place, for a gradient that survives.

    Linear and convolutional layers, and products with bare matrices, get orthogonal weights (Saxe et al. 2014) and zero
    biases; recurrent modules orthogonal recurrent weights per gate.  Layers that a skip connection leads past, or whose
    output is normalised, keep their weights: their scale is not what the gradient hangs on.  Embeddings, what shares
    its weights with them, norms, weights that are computed from others (weight_norm and the like) and layers with
    frozen parameters (``requires_grad=False``) are kept too.

    The gradient is measured before and after.  Where it would change by more than before, and by more than a factor of
    √e, or no verdict is possible, no layer is drawn anew ("critical" may still make residual branches smaller), and
    `left_alone` says so.

    No scale of the weights may suffice, as in deep and narrow sigmoid networks.  Then `keeps_size` is False, the text
    says so first, and "critical", which aims at that, leaves the best weights that it met and warns.

    Parameters
    ----------
    model, x, loss : as in ``vg.inspect``.
    scheme : "critical": then each layer is scaled until the measured gain of the gradient norm is 1 from call to call
        (weights that are used more than once: on average), recurrent weights of an RNN until it neither falls nor
        grows over time; LSTMs and GRUs get biases for memories as long as x is ("chrono", Tallec & Ollivier 2018).
        Where the gradient grows through B residual branches, the last layer of each, or the gain of the norm that ends
        it, is made smaller, so that each adds about 1/B of the stream's mean square: then it grows by about √e,
        where norms do not interfere (Hanin & Rolnick 2018).
        "lsuv": each layer is scaled until its output has variance 1 (Mishkin & Matas 2016).  "orthogonal": gain 1.
    seed : of the new weights; and as in ``vg.inspect``.

    Raises
    ------
    InputError : no PyTorch module, or what ``vg.inspect`` refuses; a model without uses of weights; another scheme.

    Warns
    -----
    TargetMissedWarning : scheme "critical", and `keeps_size` is False.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.Tanh(), torch.nn.Linear(32, 32))
    >>> found = initialise(model, torch.randn(16, 32))
    >>> type(found).__name__
    'Initialisation'
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        raise InputError("model", "a PyTorch module", "e.g. vg.initialise(model, x)", got=type(model).__name__)
    if scheme not in SCHEMES:
        raise InputError("scheme", "one of " + ", ".join(SCHEMES), 'e.g. scheme="critical"', got=repr(scheme))
    seed, model = whole_number("seed", seed, 0, MAX_SEED, "0"), unwrapped(torch, model)
    before, sight = seen(torch, model, x, loss, seed)
    if before.table.sizes["call"] == 0:
        accepted = "a model with linear, convolutional or recurrent layers"
        raise InputError(
            f"{type(model).__name__}, in which no use of weights is seen", accepted, "pass the whole model"
        )
    chosen = settable(torch, model, sight)
    del sight  # and with it the graph
    things: tuple[Layer | BranchEnd, ...] = (*chosen.layers, *chosen.ends)
    old, start = [thing.sigma_w for thing in things], [p.detach().clone() for p in chosen.parameters]
    drawn, better = [layer.name for layer in chosen.layers], list[str]()

    def look() -> Inspection:
        return inspect_module(torch, model, x, loss, seed)

    def put_back() -> None:
        for parameter, value in zip(chosen.parameters, start, strict=True):
            parameter.data.copy_(value)

    if not _judged(before):
        left = (*_kept(chosen, 1.0), *((f"kept ({before.text.rstrip('.')}): {listed(drawn)}",) if drawn else ()))
        return Initialisation(_changed(things, old, [], 1.0), left, before, before, None, (), chosen.branches)
    steps = 0 if before.recurrence is None or scheme != "critical" else before.recurrence.sizes["time"]
    try:
        with torch.no_grad():
            draw(torch, chosen.layers, torch.Generator().manual_seed(seed), steps)
        if scheme == "lsuv":
            unit_variance(torch, model, x, chosen.layers, seed)
        after, at_limit, scale = look(), tuple[str, ...](), 1.0
        if scheme == "critical" and size_of(after) == inf:  # the signal is lost, or leaves the range of numbers
            unit_variance(torch, model, x, chosen.layers, seed)
            after = look()
        if scheme == "critical":
            after, at_limit, scale = _settled(chosen, after, look)
        if size_of(after) == inf or size_of(after) > max(size_of(before), CLOSE):
            put_back()
            if drawn:
                better = [_better_before(before, after, scheme, drawn)]
            after, at_limit, scale, drawn = before, (), 1.0, []
            if scheme == "critical":
                after, scale = quietened(chosen.ends, chosen.branches, before, look)
    except BaseException:  # the user's model and loss run in there, and Ctrl-C comes at any time
        put_back()
        raise
    changed = _changed(things, old, drawn, scale)
    keeps = None if after.verdict == "no verdict" else abs(after.log_change) < _KEPT
    left = (*_kept(chosen, scale), *better)
    names = _parameters(model, chosen.layers if drawn else (), chosen.ends if scale != 1 else ())
    found = Initialisation(changed, left, before, after, keeps, at_limit, chosen.branches, scale, *names)
    if scheme == "critical" and keeps is False:
        warnings.warn(_missed(found), TargetMissedWarning, stacklevel=2)
    return found


def _judged(before: Inspection) -> bool:
    """Return whether an inspection saw a gradient, or that the signal is lost or no number, which weights can cure."""
    if before.verdict != "no verdict" or any(cause.kind == "nan" for cause in before.reasons):
        return True
    last = before.table.isel(call=-1)
    return before.table.sizes["call"] > 1 and bool(last.rms == 0 or last.dead == 1)


def _settled(
    chosen: Settable, found: Inspection, look: Callable[[], Inspection]
) -> tuple[Inspection, tuple[str, ...], float]:
    """Scale the layers and, where the gradient grows through them, the branches.

    Returns the inspection, the layers at the limit of their scale, and the factor of the branches.
    """
    found, logs = balanced(chosen, found, look, dict.fromkeys((layer.name for layer in chosen.layers), 0.0))
    found, scale = quietened(chosen.ends, chosen.branches, found, look)
    if scale != 1:  # what a readout lacks of gain 1 hangs on the size of the stream
        found, logs = balanced(chosen, found, look, logs)
    return found, tuple(name for name, size in logs.items() if abs(size) >= log(LIMIT)), scale


def _kept(chosen: Settable, scale: float) -> tuple[str, ...]:
    """Return which weights are as they were, and why."""
    scaled = {end.name for end in chosen.ends} if scale != 1 else set()
    left = {reason: [name for name in names if name not in scaled] for reason, names in chosen.kept.items()}
    return tuple(f"kept ({reason}): {', '.join(names)}" for reason, names in left.items() if names)


def _better_before(before: Inspection, after: Inspection, scheme: Scheme, names: Sequence[str]) -> str:
    """Return why weights stay as they were."""
    reached = f"make that {after.log_change:+.2f}"
    if after.verdict == "no verdict":
        reached = f"have no verdict: {after.text.partition(': ')[2].rstrip('.')}"
    elif not isfinite(size_of(after)):
        reached = "make that more than float64 holds"
    text = f'with them the gradient changes by {before.log_change:+.2f} in ln; scheme "{scheme}" would {reached}'
    return f"kept ({text}): {listed(names)}"


def _parameters(model: Any, layers: Sequence[Layer], ends: Sequence[BranchEnd]) -> tuple[tuple[str, ...], ...]:
    """Return the names of the parameters of layers with new numbers, and with 0, and of what is scaled alone."""
    names, vectors = {p: name for name, p in model.named_parameters()}, [p for one in layers for p in one.vectors]
    zeroed = {names[p]: None for p in vectors if not bool(p.any())}
    drawn = dict.fromkeys(names[p] for p in (*(p for one in layers for p in one.matrices), *vectors))
    scaled = dict.fromkeys(names[p] for end in ends for p in end.parameters)
    return tuple(n for n in drawn if n not in zeroed), tuple(zeroed), tuple(n for n in scaled if n not in drawn)


def _changed(
    things: Sequence[Layer | BranchEnd], old: Sequence[float], drawn: Collection[str], scale: float
) -> xr.Dataset:
    """Return the scales before and after of what has changed."""
    new = [isinstance(thing, Layer) for thing in things]
    rows = [k for k, t in enumerate(things) if (t.name in drawn if new[k] else scale != 1)]
    columns: dict[str, Any] = {
        "before": np.array([old[k] for k in rows], dtype=float),
        "after": np.array([things[k].sigma_w for k in rows], dtype=float),
        "drawn": np.array([new[k] for k in rows], dtype=bool),
    }
    names = np.array([things[k].name for k in rows], dtype=str)
    return xr.Dataset({name: ("module", values) for name, values in columns.items()}, coords={"module": names})
