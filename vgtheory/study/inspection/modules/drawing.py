"""New weights of layers: orthogonal ones, and scales at which outputs have variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vgtheory.study.inspection.modules.calls import Watch
from vgtheory.study.inspection.modules.model_copy import Copies, tensors_in, undisturbed
from vgtheory.study.inspection.modules.products import SUMMED
from vgtheory.study.inspection.modules.weights_to_set import GATES, Layer


def draw(torch: Any, layers: Sequence[Layer], generator: Any, steps: int) -> None:
    """Give layers orthogonal weights and zero biases; gates a memory of so many steps, if any."""
    for layer in layers:
        _redraw(torch, layer, generator, steps)


def _redraw(torch: Any, layer: Layer, generator: Any, steps: int) -> None:
    for parameter in layer.vectors:
        parameter.zero_()
    kind = type(layer.recurrent).__name__
    for parameter in layer.matrices:
        for block in parameter.chunk(GATES.get(kind, 1)):
            block.copy_(_orthogonal(torch, block, generator))
    if kind in GATES and steps > 2:
        width = layer.recurrent.hidden_size
        for name, parameter in layer.recurrent.named_parameters(recurse=False):
            if name.startswith("bias_ih"):
                memory = torch.rand(width, generator=generator, dtype=torch.float64) * (steps - 2) + 1
                # PyTorch's order of gates: i, f, g, o (LSTM) and r, z, n (GRU), where z keeps the state.
                parameter[width : 2 * width] = memory.log().to(parameter)
                if kind == "LSTM":
                    parameter[:width] = -memory.log().to(parameter)


def _orthogonal(torch: Any, like: Any, generator: Any) -> Any:
    """Return a Haar matrix with orthonormal rows or columns in the shape of a weight, outputs first."""
    rows, columns = like.shape[0], like[0].numel()
    normal = torch.randn(max(rows, columns), min(rows, columns), generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(normal)
    q = q * r.diagonal().sign()
    return (q if rows >= columns else q.T).reshape(like.shape).to(like)


def unit_variance(torch: Any, model: Any, x: Any, layers: Sequence[Layer], seed: int) -> None:
    """Scale the layers that are not recurrent, each at its first use, to outputs of variance 1."""
    copies, names = Copies(torch, model, double=False), {p: name for name, p in model.named_parameters()}
    watch, left = Watch(torch, copies), dict[tuple[int, int], tuple[Any, Any]]()
    for parameter in (layer.matrices[0] for layer in layers if layer.recurrent is None):
        twin = copies.parameters[names[parameter]]
        left[twin.data_ptr(), twin.numel()] = twin, parameter

    class Scaled(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
            name, named = getattr(function, "__name__", ""), named or {}
            output = function(*(arguments if name == "__get__" else watch.promoted(name, arguments)), **named)
            if name not in SUMMED:
                return output
            given = tensors_in(torch, (*arguments, *named.values()))
            found = next((key for t in given if (key := (t.data_ptr(), t.numel())) in left), None)
            size = 0.0 if found is None or output.numel() < 2 else float(output.detach().double().std())
            if found is None or not size > 0:
                return output
            twin, parameter = left.pop(found)
            twin.data.div_(size)
            parameter.data.copy_(twin.data)
            return output / size

    with undisturbed(torch, model, seed), Scaled():
        copies.call(x)
