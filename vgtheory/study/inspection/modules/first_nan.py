"""Where NaN first arises in a model's forward pass: in a parameter, or in a function of torch inside a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.cuts import torch_tensor
from vgtheory.study.inspection.modules.model_copy import Copies, tensors_in, undisturbed
from vgtheory.study.inspection.modules.products import SUMMED


def first_nan(torch: Any, copies: Copies, x: Any, loss: Callable[[Any], Any] | None, seed: int) -> Cause | None:
    """Return where NaN comes from in one more forward pass; None where numbers leave the range before any is NaN."""
    for name, tensor in (*copies.parameters.items(), *copies.buffers.items()):
        if tensor.is_floating_point() and bool(tensor.detach().isnan().any()):
            return Cause("nan", name)
    running, found = [""], list[Cause | None]()
    kind = torch.Tensor

    class Asked(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
            output = function(*arguments, **(named or {}))
            name, one = getattr(function, "__name__", ""), torch_tensor(torch, output)
            if found or name == "__get__" or not isinstance(one, kind) or not one.is_floating_point():
                return output
            numbers = [t.detach() for t in tensors_in(torch, output) if t.is_floating_point()]
            if name.startswith(("empty", "new_empty")) or all(bool(t.isfinite().all()) for t in numbers):
                return output
            # Products of finite numbers are NaN only where they have left the range.
            arises = name not in SUMMED and not any(bool(t.isinf().any()) for t in numbers)
            found.append(Cause("nan", running[-1], names=(name,)) if arises else None)
            return output

    handles = []
    for path, module in copies.model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda m, a, path=path: running.append(path)))
        handles.append(module.register_forward_hook(lambda m, a, out: running.__delitem__(-1)))
    try:
        with undisturbed(torch, copies.model, seed), Asked():
            output = copies.call(x)
            running[:] = ["the loss"]
            if loss is not None:
                loss(output)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None
