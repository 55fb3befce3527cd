"""What tools say of 21 real models, beside the truth by float64 hooks: the table of docs/explanation/same-models.md.

``python -m benchmarks.peers_on_models`` prints it; a peer that is not installed has empty cells.
"""

import copy
import statistics
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from math import isfinite, log, nan
from typing import Any

import torch
from torch import nn

from benchmarks import models
from vgtheory import initialise, inspect

CHOSEN = (
    *(name for name in models.NAMES[: models.NAMES.index("one constant layer")] if name != "batch norm, sigmoid"),
    *("all weights 0.01", "dead ReLU, bias −1"),
    *("RNN, 3 layers", "SwiGLU transformer", "mixture of experts", "MultiheadAttention"),
)
HEADER = (
    "model", "truth", "vgtheory", "rms, first · middle · last", "torchinfo", "AnyInit, analytic", "AnyInit, empirical",
    "vgtheory, initialise", "WeightWatcher",
)  # fmt: skip
_WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)


def measured(model: Any, x: Any, loss: Callable[[Any], Any]) -> tuple[float, list[float]]:
    """Return ln of the gradient norm at the first over that at the last weighted module in float64, and rms by module.

    Of recurrent modules, at the input of step 0 over that of the last one.
    """
    model, norms, times, rms = copy.deepcopy(model).double(), list[float](), list[Any](), list[float]()

    def seen(module: Any, arguments: Any, output: Any) -> None:
        out = output[0] if isinstance(output, tuple) else output
        if isinstance(module, nn.RNNBase):
            arguments[0].register_hook(times.append)
        if torch.is_tensor(out) and out.requires_grad:
            rms.append(float(out.detach().square().mean().sqrt()))
            place = len(norms)
            norms.append(0.0)
            out.register_hook(lambda gradient: norms.__setitem__(place, float(gradient.norm())))

    handles = [m.register_forward_hook(seen) for m in model.modules() if isinstance(m, _WEIGHTED)]
    loss(model(x.double() if x.is_floating_point() else x)).backward()
    for handle in handles:
        handle.remove()
    if times:
        by_time = times[0].square().sum((0, 2)).sqrt().tolist()
        norms = [by_time[0], by_time[-1]]
    first, last = norms[0], norms[-1]
    return (log(first / last) if first > 0 and last > 0 else -float("inf") if last > 0 else nan), rms


def _number(value: float) -> str:
    if not isfinite(value):
        return "no gradient" if value < 0 else "no number"
    shown = f"{value:+.1f}".replace("-", "−")
    return shown if shown[1:] != "0.0" else "0.0"


def _peer(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def _after(case: Any, change: Callable[[Any], object]) -> str:
    """Return the truth of a copy of a model that something has changed, or what was raised instead."""
    model = copy.deepcopy(case.model)
    try:
        change(model)
    except Exception as problem:  # whatever a peer raises is its answer
        return f"raises {type(problem).__name__}"
    return _number(measured(model, case.x, case.loss)[0])


def _watched(case: Any) -> str:
    peer = _peer("weightwatcher")
    if peer is None:
        return ""
    try:
        with redirect_stdout(StringIO()):
            details = peer.WeightWatcher(model=copy.deepcopy(case.model)).analyze()
    except Exception as problem:
        return f"raises {type(problem).__name__}"
    alphas = [a for a in details.alpha if isfinite(a) and a > 0] if "alpha" in details else []
    counts = Counter(w for w in details.warning if w) if "warning" in details else Counter()
    said = ", ".join(f"{count} × {word}" for word, count in counts.items()) or "no warning"
    return f"α {statistics.median(alphas):.1f}; {said}" if alphas else f"no fit; {said}"


def row(name: str) -> tuple[str, ...]:
    """Return the cells of one model."""
    case = models.case(name)
    truth, rms = measured(*case)
    found = inspect(*case)
    ours = found.verdict + (f": {found.culprit}" if found.culprit else "") + f", {_number(found.log_change)}"
    torchinfo, anyinit = _peer("torchinfo"), _peer("anyinit")
    counted, cells = "", ["", ""]
    if torchinfo is not None:
        said = torchinfo.summary(copy.deepcopy(case.model), input_data=case.x, verbose=0)
        counted = f"{len(said.summary_list)} modules, {said.total_params:,} parameters"
    if anyinit is not None:
        cells = [
            _after(case, lambda model: anyinit.initialize(model, seed=0)),
            _after(case, lambda model: anyinit.initialize(model, "empirical", case.x, seed=0)),
        ]
    mine = _after(case, lambda model: initialise(model, case.x, loss=case.loss))
    signal = " · ".join(f"{rms[k]:.2g}" for k in (0, len(rms) // 2, -1))
    return (name, _number(truth), ours, signal, counted, *cells, mine, _watched(case))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    for chosen in sys.argv[1:] or CHOSEN:
        print("| " + " | ".join(row(chosen)) + " |", flush=True)
