"""`initialise`: weights of a PyTorch module set so that its gradient neither vanishes nor explodes, as measured."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, inf, isfinite, log
from typing import Any, Literal

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, TargetMissedWarning
from vgtheory.model.sizes import MAX_SEED, whole_number
from vgtheory.study.inspection.inspection import Inspection, change_of
from vgtheory.study.inspection.modules.model_copy import unwrapped
from vgtheory.study.inspection.modules.watched import inspect_module, listed

Scheme = Literal["critical", "orthogonal", "lsuv"]

SCHEMES = ("critical", "orthogonal", "lsuv")
_ROUNDS = 30
_CLOSE = 0.5  # |ln| of the change over the whole depth, or time, that is good enough
_WORST = 0.1  # |ln| of one layer's gain
_KEPT = log(10.0)  # |ln| of the change over the whole depth, or time, up to which a gradient keeps its size
_LIMIT = 50.0  # factor by which a scale may leave 1
_MOST = log(_LIMIT)
_GATES = {"LSTM": 4, "GRU": 3}


@dataclass(frozen=True, eq=False)
class Initialisation:
    """What :func:`initialise` did.

    Attributes
    ----------
    changed : Dataset over `module`, those whose weights are new, with `sigma_w` before and after as `before`, `after`.
    left_alone : modules with weights that kept them, and why.
    before, after : the inspections.
    keeps_size : whether the gradient norm now changes by a factor of less than 10 from the last call to the first (of
        recurrent modules also: from the last step to the first); None where `after` has no verdict.
    at_limit : modules whose weights are at the limit of their scale, 50 times or 1/50 of orthogonal ones.
    """

    changed: xr.Dataset
    left_alone: tuple[str, ...]
    before: Inspection
    after: Inspection
    keeps_size: bool | None
    at_limit: tuple[str, ...] = ()

    def __str__(self) -> str:
        missed = (_missed(self),) if self.keeps_size is False else ()
        rows = f"{self.changed.sizes['module']} modules have new weights."
        return "\n".join((*missed, rows, f"Before: {self.before.text}", f"After: {self.after.text}", *self.left_alone))


def _missed(found: Initialisation) -> str:
    """Return that the gradient does not keep its size, which layers cannot be scaled further, and what may help."""
    text = "Target missed: the gradient does not keep its size with these weights."
    if found.at_limit:
        text += f" At the limit of {_LIMIT:g} times the scale of orthogonal weights, or 1/{_LIMIT:g}: "
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

    Linear and convolutional layers get orthogonal weights (Saxe et al. 2014) and zero biases; recurrent modules
    orthogonal recurrent weights per gate.  Layers that a skip connection leads past, or whose output is normalised,
    keep their weights: their scale is not what the gradient hangs on.  Embeddings, norms, weights that are computed
    from others (weight_norm and the like) and layers with frozen parameters (``requires_grad=False``) are kept too.

    No scale of the weights may suffice, as in deep and narrow sigmoid networks.  Then `keeps_size` is False, the text
    says so first, and "critical", which aims at that, leaves the best weights that it met and warns.

    Parameters
    ----------
    model, x, loss : as in ``vg.inspect``.
    scheme : "critical": then each layer is scaled until the measured gain of the gradient norm is 1 from call to call
        (one layer that is used more than once: on average), recurrent weights of an RNN until it neither falls nor
        grows over time; LSTMs and GRUs get biases for memories as long as x is ("chrono", Tallec & Ollivier 2018).
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

    def look() -> Inspection:
        return inspect_module(torch, model, x, loss, seed)

    before = look()
    if before.table.sizes["call"] == 0:
        accepted = "a model with linear, convolutional or recurrent layers"
        raise InputError(
            f"{type(model).__name__}, in which no use of weights is seen", accepted, "pass the whole model"
        )
    chosen, left_alone = _chosen(torch, model, before)
    generator = torch.Generator().manual_seed(seed)
    old = {name: _scale(torch, module) for name, module in chosen.items()}
    steps = 0 if before.recurrence is None else before.recurrence.sizes["time"]
    with torch.no_grad():
        for module in chosen.values():
            _redraw(torch, module, generator, steps if scheme == "critical" else 0)
    if scheme == "lsuv":
        _unit_variance(torch, model, x, chosen.values())
    after = look()
    at_limit: tuple[str, ...] = ()
    if scheme == "critical":
        after, at_limit = _balanced(torch, chosen, after, look)
    columns = {"before": old, "after": {name: _scale(torch, module) for name, module in chosen.items()}}
    changed = xr.Dataset(
        {name: ("module", np.array([values[m] for m in chosen], dtype=float)) for name, values in columns.items()},
        coords={"module": np.array(list(chosen), dtype=str)},
    )
    kept = None if after.verdict == "no verdict" else abs(after.log_change) < _KEPT
    found = Initialisation(changed, tuple(left_alone), before, after, kept, at_limit)
    if scheme == "critical" and kept is False:
        warnings.warn(_missed(found), TargetMissedWarning, stacklevel=2)
    return found


def _chosen(torch: Any, model: Any, found: Inspection) -> tuple[dict[str, Any], list[str]]:
    """Return the modules whose weights are to be set, by name, and why the others that have weights are not."""
    chosen: dict[str, Any] = {}
    why: dict[str, list[str]] = {}
    parts = dict(model.named_modules())
    table = found.table
    for k, name in enumerate(table.name.values.tolist()):
        module = parts.get(name, model if name == type(model).__name__ else None)
        plain = isinstance(module, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)) and "weight" in module._parameters
        if module is None or not (plain or isinstance(module, torch.nn.RNNBase)):
            why.setdefault("of another kind", []).append(name)
        elif not all(parameter.requires_grad for parameter in module.parameters(recurse=False)):
            why.setdefault("frozen: requires_grad=False", []).append(name)
        elif bool(table.bypassed[k]):
            why.setdefault("a skip connection leads past", []).append(name)
        elif bool(table.normalised[k]):
            why.setdefault("its output is normalised", []).append(name)
        else:
            chosen[name] = module
    kept = [name for names in why.values() for name in names]
    chosen = {name: module for name, module in chosen.items() if name not in kept}
    return chosen, [f"kept ({reason}): {', '.join(dict.fromkeys(names))}" for reason, names in why.items()]


def _redraw(torch: Any, module: Any, generator: Any, steps: int) -> None:
    """Give a module orthogonal weights and zero biases; gates a memory of so many steps, if any."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.dim() < 2:
            parameter.zero_()
        else:
            gates = _GATES.get(type(module).__name__, 1)
            for block in parameter.chunk(gates):
                block.copy_(_orthogonal(torch, block, generator))
        if name.startswith("bias_ih") and type(module).__name__ in _GATES and steps > 2:
            width = module.hidden_size
            memory = torch.rand(width, generator=generator, dtype=torch.float64) * (steps - 2) + 1
            # PyTorch's order of gates: i, f, g, o (LSTM) and r, z, n (GRU), where z keeps the state.
            parameter[width : 2 * width] = memory.log().to(parameter)
            if type(module).__name__ == "LSTM":
                parameter[:width] = -memory.log().to(parameter)


def _orthogonal(torch: Any, like: Any, generator: Any) -> Any:
    """Return a Haar matrix with orthonormal rows or columns in the shape of a weight, outputs first."""
    rows, columns = like.shape[0], like[0].numel()
    normal = torch.randn(max(rows, columns), min(rows, columns), generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(normal)
    q = q * r.diagonal().sign()
    return (q if rows >= columns else q.T).reshape(like.shape).to(like)


def _unit_variance(torch: Any, model: Any, x: Any, modules: Iterable[Any]) -> None:
    def scale(module: Any, arguments: Any, output: Any) -> Any:
        size = float(output.double().std())
        if not size > 0:
            return output
        module.weight.data.div_(size)
        return output / size

    plain = [module for module in modules if hasattr(module, "weight")]
    handles = [module.register_forward_hook(scale) for module in plain]
    mode = model.training
    model.eval()  # running averages and random numbers stay
    try:
        with torch.no_grad():
            model(**x) if isinstance(x, dict) else model(*x) if isinstance(x, (tuple, list)) else model(x)
    finally:
        model.train(mode)
        for handle in handles:
            handle.remove()


def _balanced(
    torch: Any, chosen: dict[str, Any], found: Inspection, look: Callable[[], Inspection]
) -> tuple[Inspection, tuple[str, ...]]:
    """Scale, round by round, every chosen module by what its step lacks of gain 1; of all rounds the best one stays.

    Returns its inspection and the modules that are at the limit of their scale.
    """
    logs = dict.fromkeys(chosen, 0.0)
    best, nearest = logs, inf
    for turn in range(_ROUNDS + 1):
        wanted = _wanted(torch, chosen, found)
        worst, total = max((abs(step) for step in wanted.values()), default=0.0), abs(found.log_change)
        done = not wanted or (worst < _WORST and total < _CLOSE)
        if done or max(worst, total) < nearest:
            best, nearest = logs, max(worst, total)
        if done or turn == _ROUNDS:
            break
        goal = {name: float(np.clip(logs[name] + np.clip(s, -2, 2), -_MOST, _MOST)) for name, s in wanted.items()}
        logs, found = _rescaled(torch, chosen, logs, {**logs, **goal}), look()
    if logs != best:
        logs, found = _rescaled(torch, chosen, logs, best), look()
    return found, tuple(name for name, size in logs.items() if abs(size) >= _MOST)


def _rescaled(torch: Any, chosen: dict[str, Any], logs: dict[str, float], goal: dict[str, float]) -> dict[str, float]:
    """Bring the scales of modules from one ln to another, and return that."""
    with torch.no_grad():
        for name, module in chosen.items():
            for parameter in _scaled(torch, module):
                parameter.mul_(exp(goal[name] - logs[name]))
    return goal


def _wanted(torch: Any, chosen: dict[str, Any], found: Inspection) -> dict[str, float]:
    """Return by module the ln of the factor that its weights should have: minus the mean ln gain of its calls."""
    table = found.table
    logs, names = table.log_gradient_norm.values, table.name.values.tolist()
    gains: dict[str, list[float]] = {}
    for k, parent in enumerate(table.parent.values):
        name = names[k]
        # From a branch that is bypassed the step says nothing of the stream.
        if name not in chosen or parent == 0 or bool(table.bypassed[parent - 1]):
            continue
        if not isinstance(chosen[name], torch.nn.RNNBase):
            with np.errstate(invalid="ignore"):  # nothing there, nothing here: not a number, left out below
                gains.setdefault(name, []).append(float(logs[parent - 1] - logs[k]))
    wanted = {name: -float(np.mean(steps)) for name, steps in gains.items() if all(map(isfinite, steps))}
    over_time = found.recurrence
    if over_time is not None and over_time.attrs["kind"] == "RNN" and over_time.attrs["module"] in chosen:
        wanted[over_time.attrs["module"]] = -change_of(over_time.log_gradient_norm.values) / (
            over_time.sizes["time"] - 1
        )
    return wanted


def _scaled(torch: Any, module: Any) -> list[Any]:
    if isinstance(module, torch.nn.RNNBase):
        return [p for name, p in module.named_parameters(recurse=False) if name.startswith("weight_hh")]
    return [module.weight]


def _scale(torch: Any, module: Any) -> float:
    """Return σ_w = √(fan_in·mean W_ij²) of a layer, of the recurrent weights of a recurrent module."""
    weight = _scaled(torch, module)[0].detach().double()
    return float((weight[0].numel() * weight.square().mean()).sqrt())
