"""`initialise`: weights of a PyTorch module set so that its gradient neither vanishes nor explodes, as measured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Any, Literal

import numpy as np
import xarray as xr

from vgtheory._errors import InputError
from vgtheory.study.inspection.findings import Inspection
from vgtheory.study.inspection.modules.recurrence import change
from vgtheory.study.inspection.modules.watched import inspect_module

Scheme = Literal["critical", "orthogonal", "lsuv"]

SCHEMES = ("critical", "orthogonal", "lsuv")
_ROUNDS = 30
_CLOSE = 0.5  # |ln| of the change over the whole depth, or time, that is good enough
_WORST = 0.1  # |ln| of one layer's gain
_MOST = log(50.0)  # |ln| by which a scale may leave 1
_GATES = {"LSTM": 4, "GRU": 3}


@dataclass(frozen=True, eq=False)
class Initialisation:
    """What :func:`initialise` did.

    Attributes
    ----------
    changed : Dataset over `module`, those whose weights are new, with `sigma_w` before and after as `before`, `after`.
    left_alone : modules with weights that kept them, and why.
    before, after : the inspections.
    """

    changed: xr.Dataset
    left_alone: tuple[str, ...]
    before: Inspection
    after: Inspection

    def __str__(self) -> str:
        rows = f"{self.changed.sizes['module']} modules have new weights."
        return "\n".join((rows, f"Before: {self.before.text}", f"After: {self.after.text}", *self.left_alone))


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
    keep their weights: their scale is not what the gradient hangs on.  Embeddings, norms and weights that are computed
    from others (weight_norm and the like) are kept too.

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
    InputError : no PyTorch module, or what ``vg.inspect`` refuses; another scheme.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        raise InputError("model", "a PyTorch module", "e.g. vg.initialise(model, x)", got=type(model).__name__)
    if scheme not in SCHEMES:
        raise InputError("scheme", "one of " + ", ".join(SCHEMES), 'e.g. scheme="critical"', got=repr(scheme))
    before = inspect_module(torch, model, x, loss, seed)
    chosen, left_alone = _chosen(torch, model, before)
    generator = torch.Generator().manual_seed(seed)
    old = {name: _scale(torch, module) for name, module in chosen.items()}
    steps = 0 if before.recurrence is None else before.recurrence.sizes["time"]
    with torch.no_grad():
        for module in chosen.values():
            _redraw(torch, module, generator, steps if scheme == "critical" else 0)
    if scheme == "lsuv":
        _unit_variance(torch, model, x, chosen.values())
    after = inspect_module(torch, model, x, loss, seed)
    if scheme == "critical":
        after = _balanced(torch, model, x, loss, seed, chosen, after)
    columns = {"before": old, "after": {name: _scale(torch, module) for name, module in chosen.items()}}
    changed = xr.Dataset(
        {name: ("module", np.array([values[m] for m in chosen], dtype=float)) for name, values in columns.items()},
        coords={"module": np.array(list(chosen), dtype=str)},
    )
    return Initialisation(changed, tuple(left_alone), before, after)


def _chosen(torch: Any, model: Any, found: Inspection) -> tuple[dict[str, Any], list[str]]:
    """Return the modules whose weights are to be set, by name, and why the others that have weights are not."""
    chosen: dict[str, Any] = {}
    why: dict[str, list[str]] = {}
    parts = dict(model.named_modules())
    table = found.table
    for k, name in enumerate(table.name.values.tolist()):
        module = parts.get(name, model if name == type(model).__name__ else None)
        plain = isinstance(module, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)) and "weight" in module._parameters
        if not plain and not isinstance(module, torch.nn.RNNBase):
            why.setdefault("of another kind", []).append(name)
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
    torch: Any, model: Any, x: Any, loss: Any, seed: int, chosen: dict[str, Any], found: Inspection
) -> Inspection:
    """Return the inspection after scaling, round by round, every chosen module by what its step lacks of gain 1."""
    logs = dict.fromkeys(chosen, 0.0)
    for _ in range(_ROUNDS):
        wanted = _wanted(torch, chosen, found)
        worst = max((abs(step) for step in wanted.values()), default=0.0)
        if worst < _WORST and abs(_whole(found)) < _CLOSE:
            break
        for name, step in wanted.items():
            step = float(np.clip(logs[name] + np.clip(step, -2, 2), -_MOST, _MOST)) - logs[name]
            logs[name] += step
            with torch.no_grad():
                for parameter in _scaled(torch, chosen[name]):
                    parameter.mul_(exp(step))
        found = inspect_module(torch, model, x, loss, seed)
    return found


def _whole(found: Inspection) -> float:
    logs = found.table.log_gradient_norm.values
    if found.recurrence is not None:
        return change(found.recurrence.log_gradient_norm.values)
    return float(logs[0] - logs[-1])


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
            gains.setdefault(name, []).append(float(logs[parent - 1] - logs[k]))
    wanted = {name: -float(np.mean(steps)) for name, steps in gains.items() if all(map(isfinite, steps))}
    over_time = found.recurrence
    if over_time is not None and over_time.attrs["kind"] == "RNN" and over_time.attrs["module"] in chosen:
        wanted[over_time.attrs["module"]] = -change(over_time.log_gradient_norm.values) / (over_time.sizes["time"] - 1)
    return wanted


def _scaled(torch: Any, module: Any) -> list[Any]:
    if isinstance(module, torch.nn.RNNBase):
        return [p for name, p in module.named_parameters(recurse=False) if name.startswith("weight_hh")]
    return [module.weight]


def _scale(torch: Any, module: Any) -> float:
    """Return σ_w = √(fan_in·mean W_ij²) of a layer, of the recurrent weights of a recurrent module."""
    weight = _scaled(torch, module)[0].detach().double()
    return float((weight[0].numel() * weight.square().mean()).sqrt())
