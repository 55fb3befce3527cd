"""How flat a model's own activations are at the numbers that reach them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from vgtheory.study.inspection.functions import PROBES
from vgtheory.symbolic.saturation import GRID, flat_slope

# fmt: off
ELEMENTWISE = frozenset({
    "arctan", "atan", "celu", "clamp", "clip", "cos", "elu", "erf", "gelu", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "logsigmoid", "mish", "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid",
    "silu", "sin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
})
# fmt: on
_NUMBERS = 2**15  # of a larger batch the first rows decide how many are flat
_BESIDE = 1e-3  # beside 0, where a kink may be


@dataclass(frozen=True, eq=False)
class Slopes:
    """Where an activation stands in autograd's graph, the share of flat entries and that of dead units.

    `outgrown` is the share of entries that are flat for their size: near 0, on their side of it, they would not be.
    `name` is that of the function, `probe` its values at :data:`PROBES` where it has no other tensors for arguments;
    `exact` says whether it has a kink at 0 with slope 0 on one side, so that a slope of 0 is no rounded one.
    """

    node: Any
    name: str
    saturated: float
    dead: float
    outgrown: float
    probe: tuple[float, ...]
    phi: Any  # the function
    exact: bool = False
    rms: float = math.nan  # of what reaches it, where pooling stands in front of it


@dataclass(frozen=True)
class Shape:
    """What does not depend on the numbers: the largest |φ'| on [−12, 12], its values beside 0, φ at the probes."""

    largest: float = 0.0
    left: float = 0.0
    right: float = 0.0
    probe: tuple[float, ...] = ()


SHAPES: dict[Any, Shape] = {}  # of torch's own functions


def is_elementwise_module(module: Any) -> bool:
    """Return whether a module may be an activation of the user's own: no parameters, no parts, not one of torch's."""
    alone = not module._parameters and not module._modules and not module._buffers
    return alone and not type(module).__module__.startswith("torch.")


def shape_of(
    torch: Any,
    function: Any,
    rest: tuple[Any, ...],
    named: dict[str, Any],
    key: tuple[Any, ...],
    known: dict[Any, Shape],
) -> Shape:
    """Return what is true of a function whatever reaches it; once computed, it is `known` under its key.

    A function with other tensors among its arguments (PReLU's slopes) is known by its slopes at the entries alone.
    """
    if any(torch.is_tensor(a) for a in (*rest, *named.values())):
        return Shape(left=float("nan"), right=float("nan"))
    try:
        if key in known:
            return known[key]
    except TypeError:  # no hash: arguments that may change
        key = ()
    with torch.enable_grad():
        grid = torch.from_numpy(GRID)
        at = torch.cat((grid, grid.new_tensor((-_BESIDE, _BESIDE))))
        slopes = _slopes(torch, partial(applied, function, rest, named), at)
    probe = tuple(function(torch.tensor(PROBES, dtype=torch.float64), *rest, **named).tolist())
    found = Shape(float(slopes.max()), float(slopes[-2]), float(slopes[-1]), probe)
    if key:
        known[key] = found
    return found


def slopes_at(
    torch: Any, function: Any, arguments: tuple[Any, ...], named: dict[str, Any], output: Any, before: Any
) -> Any:
    """Return |φ'| at every entry of the first argument, or at its first rows where these leave no unit dead.

    Where the output is one step of autograd's graph away from `before`, the argument's node, that step is asked: it
    knows φ' there, also where it worked in place and h is no longer there.
    """
    h, node = arguments[0], output.grad_fn
    if callable(node) and output.shape == h.shape and _one_step(node, before):  # steps written in Python are not
        return node(torch.ones_like(output)).detach().abs_()
    rows = _rows(h)
    whole = h.dim() == 0 or len(h) <= rows
    phi = partial(applied, function, arguments[1:], named)
    with torch.enable_grad():
        slopes = _slopes(torch, phi, h.detach() if whole else h.detach()[:rows])
        return slopes if whole or not bool((_best(slopes) == 0).any()) else _slopes(torch, phi, h.detach())


def _one_step(node: Any, before: Any) -> bool:
    return len(node.next_functions) == 1 and node.next_functions[0][0] is before


def applied(function: Any, rest: tuple[Any, ...], named: dict[str, Any], z: Any) -> Any:
    """Return a function of z, whose further arguments are known; of a copy, since it may work in place."""
    return function(z.clone(), *rest, **named)


def _slopes(torch: Any, function: Any, at: Any) -> Any:
    z = at.clone().requires_grad_()
    return torch.autograd.grad(function(z).sum(), z)[0].abs()


def slopes_of(slopes: Any, h: Any, shape: Shape, node: Any, name: str, phi: Any) -> Slopes:
    """Return how many of the slopes at h are flat, and how many units have none but 0."""
    first = slopes[: _rows(slopes)] if slopes.dim() else slopes
    least, most = (float(one) for one in first.aminmax())
    limit = flat_slope(max(shape.largest, most))
    if least > limit:
        return Slopes(node, name, 0.0, 0.0, 0.0, shape.probe, phi)
    flat = first <= limit
    saturated = _share(flat)
    sides = (shape.left > limit, shape.right > limit)
    if all(sides):
        outgrown = saturated
    elif any(sides):
        h = h[: len(first)] if h.dim() else h
        outgrown = _share(flat & ((h < 0) if sides[0] else (h > 0)))
    else:
        outgrown = 0.0
    dead = 0.0
    if least == 0:
        dead = _share(_best(slopes) == 0)
    return Slopes(node, name, saturated, dead, outgrown, shape.probe, phi, 0.0 in (shape.left, shape.right))


def _rows(numbers: Any) -> int:
    """Return how many of the first rows hold 2^15 numbers; one at least."""
    return max(_NUMBERS // max(numbers[0].numel(), 1), 1) if numbers.dim() and len(numbers) else 1


def _best(slopes: Any) -> Any:
    """Return the largest slope of every unit: of the last axis, or the channels of images."""
    unit = 1 if slopes.dim() == 4 else slopes.dim() - 1
    others = [axis for axis in range(slopes.dim()) if axis != unit]
    return slopes.amax(others) if others else slopes


def _share(true: Any) -> float:
    return int(true.count_nonzero()) / max(true.numel(), 1)  # several times as fast as any sum


def takes_entries(torch: Any, function: Any, h: Any, output: Any) -> bool:
    """Return whether a function takes each entry by itself: where every other one comes from elsewhere, so does φ.

    One that cannot be asked again takes more than its entries.
    """
    if not torch.is_tensor(output) or output.shape != h.shape or h.numel() < 2:
        return False
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            mixed = function(_mixed(h.detach()))
        except Exception:  # of the user's own code
            return False
        close = 1e-9 if h.dtype == torch.float64 else 1e-5
        return bool(torch.allclose(_mixed(output.detach()), mixed, rtol=close, atol=0.0, equal_nan=True))


def _mixed(tensor: Any) -> Any:
    """Return a tensor in which every other entry is the one that is as far from the end."""
    flat = tensor.flatten()
    out = flat.clone()
    out[::2] = flat.flip(0)[::2]
    return out.reshape(tensor.shape)


def of_a_row(torch: Any, function: Any, shape: tuple[int, ...]) -> Any:
    """Return a function of entries for numbers in a row, which come to it in the one shape that it was seen to take."""

    def phi(numbers: Any) -> Any:
        padded = torch.cat((numbers.flatten(), numbers.new_zeros(-numbers.numel() % prod(shape))))
        pieces = [function(piece).flatten() for piece in padded.reshape(-1, *shape)]
        return torch.cat(pieces)[: numbers.numel()].reshape(numbers.shape)

    return phi
