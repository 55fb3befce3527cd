"""Modules that a model repeats: what went into each and came out, and the gradient of the stream between them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vgtheory.study.inspection.modules.norms import norm_of
from vgtheory.study.inspection.modules.slopes import Slopes
from vgtheory.study.inspection.modules.uses import first_tensor, has_weights

_FEWEST = 2  # modules of one kind that make a stack


@dataclass(eq=False)
class Repeated:
    """One module of several that follow one another, with its arguments and what came out."""

    name: str
    module: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    output: Any
    function: Slopes | None  # the last activation before its end
    gradient_norm: float = math.nan  # at the output
    entering: float = math.nan  # of the gradient, at the input

    @property
    def stream(self) -> Any:
        """Return what goes in, None where that is no tensor."""
        return self.arguments[0] if self.arguments else next(iter(self.named.values()), None)


def candidates(torch: Any, model: Any) -> list[tuple[str, Any]]:
    """Return modules, by name, that stand in a list with others of their kind and have weights in parts of theirs."""
    out = []
    for name, container in model.named_modules():
        if not isinstance(container, (torch.nn.ModuleList, torch.nn.Sequential)):
            continue
        kinds = Counter(type(part) for part in container)
        for key, part in container.named_children():
            if kinds[type(part)] >= _FEWEST and not has_weights(part) and any(map(has_weights, part.modules())):
                out.append((f"{name}.{key}" if name else key, part))
    return out


def listen_to_blocks(torch: Any, model: Any, found: list[Repeated], slopes: Sequence[Slopes]) -> list[Any]:
    """Return the handles of hooks that append to `found` what the candidates take and give while the model runs.

    `slopes` grows meanwhile by the activations that run.
    """

    def listener(name: str) -> Callable[..., None]:
        def listen(module: Any, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            with torch._C.DisableTorchFunction():
                out = first_tensor(torch, output)
                one = Repeated(name, module, arguments, named, None, slopes[-1] if slopes else None)
                if out is None or not out.requires_grad or not torch.is_tensor(one.stream):
                    return
                one.output = out.detach()

                def arrived(gradient: Any, what: str) -> None:
                    if math.isnan(getattr(one, what)):  # the first time, of the loss
                        setattr(one, what, norm_of(torch, gradient.detach()))

                out.register_hook(partial(arrived, what="gradient_norm"))
                if one.stream.requires_grad:
                    one.stream.register_hook(partial(arrived, what="entering"))
                found.append(one)

        return listen

    return [part.register_forward_hook(listener(name), with_kwargs=True) for name, part in candidates(torch, model)]
