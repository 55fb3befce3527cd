"""How flat a model's own activations are at the numbers that reach them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# fmt: off
ELEMENTWISE = frozenset({
    "arctan", "atan", "celu", "cos", "elu", "erf", "gelu", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "logsigmoid", "mish", "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid",
    "silu", "sin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
})
# fmt: on
FLAT = 0.01  # of the largest slope: below it a unit counts as saturated
_NUMBERS = 2**18  # of a larger batch the first rows decide
_REACH = 12.0
PROBES = (-2.75, -0.6, 0.0, 0.3, 1.9)  # where a function is held against the formulas of the catalogue


@dataclass(frozen=True, eq=False)
class Slopes:
    """Where an activation stands in autograd's graph, the share of flat entries and that of dead units.

    `outgrown` is the share of entries that are flat for their size: at a thousandth of it they would not be.
    `name` is that of the function, `probe` its values at :data:`PROBES` where it has no other tensors for arguments.
    """

    node: Any
    name: str
    saturated: float
    dead: float
    outgrown: float
    probe: tuple[float, ...]


def is_elementwise_module(module: Any) -> bool:
    """Return whether a module may be an activation of the user's own: no parameters, no parts, not one of torch's."""
    alone = not module._parameters and not module._modules and not module._buffers
    return alone and not type(module).__module__.startswith("torch.")


def slopes_of(
    torch: Any, function: Any, arguments: tuple[Any, ...], named: dict[str, Any], *, checked: bool
) -> Slopes | None:
    """Return the slopes of a function of each entry at its first argument, by automatic differentiation.

    Unless `checked`, None for a function that does not take each entry by itself: it must commute with a permutation
    of the entries.  The largest slope is the one on a grid of [−12, 12] and at the entries.
    """
    h, rest = arguments[0], arguments[1:]
    row = max(h[0].numel() if h.dim() else 1, 1)
    sample = h.detach()[: max(_NUMBERS // row, 1)] if h.dim() else h.detach().reshape(1)
    named = {name: value for name, value in named.items() if name != "inplace"}

    def slope(at: Any) -> Any:
        z = at.clone().requires_grad_()
        # A copy goes in: the function may work in place.
        return torch.autograd.grad(function(z.clone(), *rest, **named).sum(), z)[0]

    with torch.enable_grad(), torch._C.DisableTorchFunction():
        if not checked and not _takes_entries(torch, function, sample):
            return None
        slopes, smaller = slope(sample).abs(), slope(sample / 1000).abs()
        largest, probe = slopes.max(), ()
        if not any(torch.is_tensor(a) for a in (*rest, *named.values())):
            grid = torch.linspace(-_REACH, _REACH, 2401, dtype=sample.dtype, device=sample.device)
            largest = torch.maximum(largest, slope(grid).abs().max())
            probe = tuple(function(torch.tensor(PROBES, dtype=torch.float64), *rest, **named).tolist())
    units = slopes.movedim(1, -1) if slopes.dim() == 4 else slopes
    dead = (units == 0).reshape(-1, units.shape[-1]).all(0).double().mean()
    flat, flat_anyway = slopes <= FLAT * largest, smaller <= FLAT * largest
    saturated, outgrown = (float(which.double().mean()) for which in (flat, flat & ~flat_anyway))
    return Slopes(h.grad_fn, getattr(function, "__name__", ""), saturated, float(dead), outgrown, probe)


def _takes_entries(torch: Any, function: Any, sample: Any) -> bool:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        value = function(sample.clone())
        if not torch.is_tensor(value) or value.shape != sample.shape:
            return False
        back = function(sample.flatten().flip(0).reshape(sample.shape)).flatten().flip(0).reshape(sample.shape)
        return bool(torch.allclose(value, back, rtol=1e-9, atol=0.0, equal_nan=True))
