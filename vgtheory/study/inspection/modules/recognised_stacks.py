"""The stack of blocks of this package that the repeated modules of a watched model are: transformers, residual MLPs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import VgtheoryError
from vgtheory.model.blocks import attention, dense, gated, mlp, normalised, residual, sequence
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.model.weights import Weights
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.comparison import Comparison
from vgtheory.study.inspection.functions import of_the_catalogue
from vgtheory.study.inspection.modules.block_by_trial import Parts, Plan, plan_of, plans
from vgtheory.study.inspection.modules.repeated import Repeated
from vgtheory.study.inspection.modules.slopes import Slopes
from vgtheory.study.inspection.modules.uses import Call, first_tensor
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.prediction import predict

_ROWS = 16  # of a batch without tokens that a trial takes
_WORTH, _SHARE = math.log(3), 0.1  # change, and share of the whole, that are worth a word
_MOST_HEADS = 64
_ONE = Weights.gaussian(1)


@dataclass(frozen=True, eq=False)
class Stack:
    """Blocks of one plan, one after another, as they were when seen.

    Attributes
    ----------
    plan : what each computes.
    function, probe : its φ.
    width, tokens, hidden : components of the stream, columns that see each other, units of the MLP.
    names : of the modules.
    sigmas : (σ_w, σ_b) of the matrices in the order of calls, medians over the blocks.
    start : rms of the stream that goes in.
    logs : ln of the gradient norm of the stream before the first block and after each.
    """

    plan: Plan
    function: str
    probe: tuple[float, ...]
    width: int
    tokens: int
    hidden: int
    names: tuple[str, ...]
    sigmas: tuple[tuple[float, float], ...]
    start: float
    logs: tuple[float, ...]

    def network(self) -> BlockNetwork | None:
        """Return the network that they are, weights Gaussian with their scales; None where no block has its shapes.

        Its stream begins with mean square 1: a pre-norm stream is told in units of its start.
        """
        return self._network(self.plan)

    def _network(self, plan: Plan) -> BlockNetwork | None:
        act = of_the_catalogue(self.function, self.probe)
        if act is None or self.hidden % self.width or not self.start > 0:
            return None
        try:
            return BlockNetwork(self._block(plan, act), self.width, len(self.names), tokens=self.tokens)
        except VgtheoryError:
            return None

    def _block(self, plan: Plan, act: Activation) -> Block:
        wide, laws = self.hidden // self.width, [Weights.gaussian(*pair) for pair in self.sigmas]
        inner = {1: lambda: dense(act, _ONE), 2: lambda: mlp(act, _ONE, _ONE, wide),
                 3: lambda: gated(act, _ONE, _ONE, _ONE, wide)}[plan.wide]()  # fmt: skip
        parts = [_drawn(inner, laws[plan.matrices :])]
        if plan.matrices:
            first = laws[:1] * 3 + laws[1:2] if plan.matrices == 2 else [*(laws[k] for k in plan.order), laws[3]]
            parts.insert(0, _drawn(attention(_ONE, plan.heads, plan.causal), first))
        scale = 1 / self.start if plan.norm == "pre" else 1
        return sequence(*(_sublayer(part, plan, scale) for part in parts))

    def theory(self, table: xr.Dataset) -> Comparison | None:
        """Return ln of the gradient norm of the stream around the blocks, as measured and as predicted.

        None without a prediction.
        """
        predicted = self._predicted(self.plan)
        if predicted is None:
            return None
        numbers = np.arange(1, len(self.names) + 1)
        return Comparison("block", np.array(self.names, dtype=str), numbers, np.array(self.logs), predicted)

    def _predicted(self, plan: Plan) -> np.ndarray | None:
        network = self._network(plan)
        try:
            return None if network is None else predict(network).log_stream_gradient_norm.values[:, 0]
        except VgtheoryError:
            return None

    def causes(self, log_change: float) -> tuple[Cause, ...]:
        """Return what theory blames: the place of the norms, missing skip connections."""
        now = self._predicted(self.plan)
        if now is None:
            return ()
        if not self.plan.skip:
            return self._told("missing skips", now, replace(self.plan, skip=True))
        if self.plan.norm == "post":
            return self._told("norm place", now, replace(self.plan, norm="pre"))
        return ()

    def _told(self, kind: str, now: np.ndarray, plan: Plan) -> tuple[Cause, ...]:
        """Return the cause that blocks of another plan have not, if theory thinks much better of them."""
        other = self._predicted(plan)
        if other is None:
            return ()
        as_is, instead = (float(logs[0] - logs[-1]) for logs in (now, other))
        if abs(as_is) - abs(instead) < max(_WORTH, _SHARE * abs(as_is)):
            return ()
        return (Cause(kind, numbers={"as_is": as_is, "instead": instead}),)


def _drawn(block: Block, laws: Sequence[Weights]) -> Block:
    """Return the block with distributions of their own for its matrices."""
    matrices = tuple(replace(m, weights=law) for m, law in zip(block.matrices, laws, strict=True))
    return replace(block, matrices=matrices)


def _sublayer(part: Block, plan: Plan, scale: float) -> Block:
    inside = normalised(part, plan.kind) if plan.norm == "pre" else part
    around = residual(inside, scale) if plan.skip else inside
    return normalised(around, plan.kind, "after") if plan.norm == "post" else around


@dataclass(frozen=True, eq=False)
class _Sample:
    """A module's weights, and columns that went in and came out, as they may lie in its tensors."""

    parts: Parts
    columns: tuple[tuple[Any, Any], ...]
    norms: tuple[Any, ...]
    function: Slopes


def stack_of(torch: Any, repeated: Sequence[Repeated], calls: Sequence[Call], copies: Any) -> Stack | str | None:
    """Return the longest run of repeated modules that are all one block of this package; None where they are none.

    In words why theory does not know them where they are blocks of none or of several kinds, or all hold the same
    numbers, as torch.nn.TransformerEncoder makes them.
    """
    run = _longest(repeated)
    if len(run) < 2 or not run[0].stream.dim() > 1:
        return None
    width = run[0].stream.shape[-1]
    samples = [_sample(torch, one, calls, copies) for one in run]
    known = [sample for sample in samples if sample is not None]
    if len(known) < len(run) or len({sample.function.probe for sample in known}) > 1:
        return None
    first = known[0]
    heads, normed = _heads(run[0].module, width), {_kind(norm) for norm in first.norms}
    for x, y in first.columns:
        plan = plan_of(torch, first.parts, x, y, plans(first.parts.weights, width, heads, sorted(normed)))
        if plan is not None:
            break
    else:
        return f"{run[0].name}, of kind {type(run[0].module).__name__}, computes none of the blocks that were tried"
    for one, sample in zip(run[1:], known[1:], strict=True):
        if not any(plan_of(torch, sample.parts, x, y, [plan]) for x, y in sample.columns):
            return f"{one.name} computes another block than {run[0].name}"
    firsts = [sample.parts.weights[0] for sample in known]
    if all(torch.equal(weight, firsts[0]) for weight in firsts[1:]):
        return f"{run[0].name} to {run[-1].name} start as copies of one block, where theory knows independent ones"
    scales = [[_sigmas(w, b) for w, b in zip(s.parts.weights, s.parts.biases, strict=True)] for s in known]
    sigmas = tuple(
        (median(s[k][0] for s in scales), median(s[k][1] for s in scales)) for k in range(len(first.parts.weights))
    )
    norms = [run[0].entering, *(one.gradient_norm for one in run)]
    if not all(norm > 0 for norm in norms):
        return None
    hidden = len(first.parts.weights[plan.matrices]) if plan.wide > 1 else width
    tokens, start = len(x) if plan.matrices else 1, float(run[0].stream.detach().double().square().mean().sqrt())
    names, logs = tuple(one.name for one in run), tuple(map(math.log, norms))
    function = first.function
    return Stack(plan, function.name, function.probe, width, tokens, hidden, names, sigmas, start, logs)


def _longest(repeated: Sequence[Repeated]) -> list[Repeated]:
    """Return the longest run of modules of one kind of which each takes what the one before it gives."""
    runs: list[list[Repeated]] = [[]]
    for one in repeated:
        before = runs[-1][-1] if runs[-1] else None
        joined = before is not None and type(before.module) is type(one.module) and _same(before.output, one.stream)
        if joined:
            runs[-1].append(one)
        else:
            runs.append([one])
    return max(runs, key=len)


def _same(one: Any, other: Any) -> bool:
    shapes = getattr(one, "shape", None), getattr(other, "shape", ())
    return shapes[0] == shapes[1] and bool(one.data_ptr() == other.data_ptr())


def _sample(torch: Any, one: Repeated, calls: Sequence[Call], copies: Any) -> _Sample | None:
    """Return what a module's trial takes; None with other weights than matrices, and where norms have gains or shifts.

    With dropout the module runs once more without it.
    """
    own = [call for call in calls if call.name.startswith(f"{one.name}.")]
    norms = tuple(part for part in one.module.modules() if "Norm" in type(part).__name__)
    pairs = [pair for call in own for pair in _weights(call, copies.parameters)]
    x, y = one.stream.detach(), one.output
    if (
        not pairs
        or one.function is None
        or not all(map(_plain, norms))
        or any(weight is None or weight.dim() != 2 for weight, _ in pairs)
        or len({call.name for call in own}) < len(own)
        or x.shape != y.shape
    ):
        return None
    if _drops(one.module):
        y = _without_dropout(torch, one, copies)
        if y is None:
            return None
    eps = next((_eps(torch, norm, x) for norm in norms), 0.0)
    parts = Parts([weight for weight, _ in pairs], [bias for _, bias in pairs], one.function.phi, eps)
    columns = ((x[0], y[0]), (x[:, 0], y[:, 0])) if x.dim() == 3 else ((x[:_ROWS], y[:_ROWS]), (x, y))
    return _Sample(parts, columns, norms, one.function)


def _weights(call: Call, parameters: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return the weights and biases of a call; torch's attention, which is one function, has two."""
    if call.kind != "MultiheadAttention":
        return [(call.matrix, call.shift)]
    named = {name.removeprefix(f"{call.name}."): parameters[name].detach() for name in call.weights}
    keys = (("in_proj_weight", "in_proj_bias"), ("out_proj.weight", "out_proj.bias"))
    return [(named.get(weight), named.get(bias)) for weight, bias in keys]


def _plain(norm: Any) -> bool:
    """Return whether a norm has no gain but 1 and no shift but 0."""
    gain, shift = norm._parameters.get("weight"), norm._parameters.get("bias")
    flat = gain is None or bool((gain == 1).all())
    return flat and (shift is None or not bool(shift.any())) and not norm._buffers


def _eps(torch: Any, norm: Any, x: Any) -> float:
    """Return what a norm adds to the variance; torch's RMS norm, where it says nothing, the precision's unit."""
    said = (getattr(norm, name, None) for name in ("eps", "variance_epsilon"))
    unit = torch.finfo(x.dtype).eps if hasattr(norm, "eps") else 0.0
    return next((float(eps) for eps in said if eps is not None), float(unit))


def _kind(norm: Any) -> str:
    return "rms" if "RMS" in type(norm).__name__ else "layer"


def _drops(module: Any) -> bool:
    if not module.training:
        return False
    rates = [value for part in module.modules() for name, value in vars(part).items() if _is_rate(name, value)]
    return any(rate > 0 for rate in rates)


def _is_rate(name: str, value: Any) -> bool:
    return (name == "p" or "drop" in name) and isinstance(value, float)


def _without_dropout(torch: Any, one: Repeated, copies: Any) -> Any:
    """Return what the module gives without dropout; None where it does not run by itself."""
    modes = [(part, part.training) for part in one.module.modules()]
    start = f"{one.name}."
    tensors = {**copies.parameters, **copies.buffers}
    own = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
    try:
        one.module.eval()
        with torch.enable_grad():  # without, some of torch's modules take other ways
            return first_tensor(torch, torch.func.functional_call(one.module, own, one.arguments, one.named)).detach()
    except (RuntimeError, TypeError, ValueError, AttributeError):
        return None
    finally:
        for part, mode in modes:
            part.training = mode


def _heads(module: Any, width: int) -> list[int]:
    """Return the numbers of heads that there may be: those that a part of the module says, or all."""
    said = [value for part in module.modules() for name, value in vars(part).items() if "head" in name]
    likely = [value for value in said if isinstance(value, int) and not isinstance(value, bool) and value > 0]
    return [n for n in dict.fromkeys(likely or range(1, _MOST_HEADS + 1)) if width % n == 0]


def _sigmas(weight: Any, bias: Any) -> tuple[float, float]:
    sigma_w = math.sqrt(weight.shape[1]) * float(weight.double().square().mean().sqrt())
    return sigma_w, 0.0 if bias is None else float(bias.double().square().mean().sqrt())
