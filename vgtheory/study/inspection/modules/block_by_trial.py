"""Which block of this package a module computes: tried out, with the module's own weights, on what went into it.

Nothing is read from names or source.  Of every way in which the weights may stand in a pre-norm, post-norm or bare
layer, with attention or without, the one that gives what the module gave is what it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_CLOSE = {"float64": 1e-9, "float32": 3e-5}  # of the rms of what comes out


@dataclass(frozen=True)
class Plan:
    """How the weights of a module are used.

    Attributes
    ----------
    matrices : how many there are before the MLP: 0, 2 (queries, keys and values in one) or 4.
    order : which of the three are queries, keys, values.
    heads, causal : of the attention.
    wide : matrices of the MLP: 1, φ(W x); 2, W_2 φ(W_1 x); 3, with a gate.
    norm : where norms stand: "pre", "post" or "none".
    kind : "layer" or "rms".
    skip : whether what goes into each part is added to what it gives.
    """

    matrices: int
    order: tuple[int, int, int]
    heads: int
    causal: bool
    wide: int
    norm: Literal["pre", "post", "none"]
    kind: Literal["layer", "rms"]
    skip: bool


@dataclass(frozen=True, eq=False)
class Parts:
    """The weights (outputs first) and biases of a module in the order of calls, its φ, and eps of its norms."""

    weights: Sequence[Any]
    biases: Sequence[Any]
    phi: Any
    eps: float


def plans(weights: Sequence[Any], width: int, heads: Sequence[int], normed: Sequence[str]) -> Iterator[Plan]:
    """Yield every plan that the shapes of the weights allow."""
    for before, wide in ((0, 1), (0, 2), (0, 3), (2, 2), (2, 3), (4, 2), (4, 3)):
        if before + wide != len(weights) or not _fits(weights, width, before, wide):
            continue
        orders = list(itertools.permutations(range(3))) if before else [(0, 1, 2)]
        sights = itertools.product(orders, heads, (False, True)) if before else [((0, 1, 2), 1, False)]
        for order, count, causal in sights:
            for place, kind, skip in itertools.product(("pre", "post", "none"), ("layer", "rms"), (True, False)):
                if kind in normed or (place == "none" and kind == "layer"):
                    yield Plan(before, order, count, causal, wide, place, kind, skip)  # type: ignore[arg-type]


def _fits(weights: Sequence[Any], width: int, before: int, wide: int) -> bool:
    shapes = [tuple(w.shape) for w in weights]
    square = (width, width)
    first = {0: [], 2: [(3 * width, width), square], 4: [square] * 4}[before]
    inner = shapes[before][0]
    last = [square] if wide == 1 else [(inner, width)] * (wide - 1) + [(width, inner)]
    return shapes == [*first, *last]


def plan_of(torch: Any, parts: Parts, x: Any, y: Any, tried: Iterable[Plan]) -> Plan | None:
    """Return the first plan that makes y of x, (column, component) each; None if none does."""
    close = _CLOSE[str(x.dtype).rpartition(".")[2]] * float(y.square().mean().sqrt())
    with torch.no_grad(), torch._C.DisableTorchFunction():
        return next((plan for plan in tried if float((_run(torch, plan, parts, x) - y).abs().max()) < close), None)


def _run(torch: Any, plan: Plan, parts: Parts, x: Any) -> Any:
    for part in (_attention, _mlp) if plan.matrices else (_mlp,):
        inside = part(torch, plan, parts, _norm(torch, plan, parts, x) if plan.norm == "pre" else x)
        x = x + inside if plan.skip else inside
        x = _norm(torch, plan, parts, x) if plan.norm == "post" else x
    return x


def _norm(torch: Any, plan: Plan, parts: Parts, x: Any) -> Any:
    centred = x - x.mean(-1, keepdim=True) if plan.kind == "layer" else x
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + parts.eps)


def _linear(torch: Any, parts: Parts, k: int, x: Any) -> Any:
    return torch.nn.functional.linear(x, parts.weights[k], parts.biases[k])


def _attention(torch: Any, plan: Plan, parts: Parts, x: Any) -> Any:
    if plan.matrices == 2:
        three = _linear(torch, parts, 0, x).chunk(3, dim=-1)
    else:
        three = tuple(_linear(torch, parts, k, x) for k in range(3))
    columns, width = x.shape
    q, k, v = (three[at].reshape(columns, plan.heads, width // plan.heads).transpose(0, 1) for at in plan.order)
    scores = q @ k.transpose(1, 2) / (width // plan.heads) ** 0.5
    if plan.causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), float("-inf"))
    mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(columns, width)
    return _linear(torch, parts, plan.matrices - 1, mixed)


def _mlp(torch: Any, plan: Plan, parts: Parts, x: Any) -> Any:
    first = plan.matrices
    hidden = parts.phi(_linear(torch, parts, first, x))
    if plan.wide == 3:
        hidden = hidden * _linear(torch, parts, first + 1, x)
    return hidden if plan.wide == 1 else _linear(torch, parts, first + plan.wide - 1, hidden)
