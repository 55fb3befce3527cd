"""New weights of layers: orthogonal ones, and scales at which outputs have variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def unit_variance(torch: Any, model: Any, x: Any, layers: Sequence[Layer]) -> None:
    """Scale the layers that are modules of their own, in the order of calls, to outputs of variance 1."""
    parts, done = dict(model.named_modules()), set[Any]()

    def scale(module: Any, arguments: Any, output: Any) -> Any:
        size = float(output.double().std()) if output.numel() > 1 else 0.0
        if not size > 0 or module.weight in done:
            return output
        done.add(module.weight)
        module.weight.data.div_(size)
        return output / size

    names = [name for layer in layers if layer.recurrent is None for name in layer.users]
    plain = [part for name in names if (part := parts.get(name, model if len(parts) == 1 else None)) is not None]
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
