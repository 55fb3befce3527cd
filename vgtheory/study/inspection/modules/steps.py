"""Steps of training, seen from outside: which passes of a model they are, and what is heard of some of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from vgtheory.study.inspection.modules.callbacks import Row
from vgtheory.study.inspection.modules.model_copy import aside, tensors_in, unwrapped
from vgtheory.study.inspection.modules.norms import norm_of
from vgtheory.study.inspection.modules.uses import has_weights


class Ear:
    """A hook of one model, which hears nothing of a copy of it, nor of passes aside, and is not saved with it."""

    def __init__(self, act: Callable[..., None] | None = None) -> None:
        self._act = act

    def __call__(self, *given: Any) -> None:
        """Hear what a hook is told."""
        if self._act is not None and not aside.get():
            self._act(*given)

    def __deepcopy__(self, memo: Any) -> Ear:
        return Ear()

    def __reduce__(self) -> tuple[type[Ear], tuple[()]]:
        return Ear, ()


class Steps:
    """Steps of a model's training, of which every so many are listened to.

    A step is all that runs forward in training mode with gradients until a gradient comes back: one pass of the model,
    several for one loss, or passes of its parts where the loop calls these and not the model.  Gradients of weights are
    those that an optimiser steps with (accumulated, unscaled, clipped); without one, as they stand after the pass.
    """

    def __init__(self, torch: Any, model: Any, every: int, closed: Callable[[int, Row], None]) -> None:
        self.count = 0  # of steps so far
        self._torch, self._model, self._every, self._closed = torch, model, every, closed
        self._inside = unwrapped(torch, model)
        self._tops: dict[Any, Any] = {}  # what the loop may call, and what ends that it is heard
        self._ears: list[Any] = []  # handles of hooks on modules and weights
        self._given: list[Any] = []  # handles of hooks on what the passes of a step returned
        self._optimisers: Any = None  # handle of the hook on all optimisers
        self._runs = False  # a pass
        self._undo: list[Callable[[], Any]] = []  # what it needs only while it runs
        self._came = True  # a gradient since the last pass: the next one begins a step
        self._stepped = False  # an optimiser since the row began
        self._row: Row = {}
        self._place = 0  # the step that the row is of
        self._weighed: dict[str, dict[int, tuple[float, float]]] = {}  # norms of gradients and weights, by module

    def begin(self) -> None:
        """Start watching; nothing if it is being watched."""
        if not self._tops:
            parts = called_parts(self._model) if self._inside is self._model else []
            self._tops = {top: self._attend(top) for top in (self._model, *parts)}

    def end(self) -> None:
        """Stop watching; nothing if it is not being watched."""
        self._leave()
        self._close()
        self._forget_given()
        for undo in self._tops.values():
            undo()
        self._tops, self._came = {}, True

    def current(self) -> tuple[int, Row] | None:
        """Return the step that is being listened to and what was heard so far; None between these."""
        return (self._place, self._finished()) if self._row else None

    def _attend(self, top: Any) -> Callable[[], None]:
        """Have passes of a module begin and end with a word to this; return what undoes that."""
        compiled = getattr(top, "_compiled_call_impl", None)
        if compiled is None:
            return top.register_forward_pre_hook(Ear(self._hooked)).remove

        def call(*given: Any, **named: Any) -> Any:  # by module.compile(), with hooks inside what is compiled
            if aside.get() or not self._enters(top):
                return compiled(*given, **named)
            output = None
            try:
                output = (top._call_impl if self._ears else compiled)(*given, **named)
            finally:
                self._leave(top, given, output)
            return output

        top._compiled_call_impl = call
        return partial(setattr, top, "_compiled_call_impl", compiled)

    def _hooked(self, top: Any, *_: Any) -> None:
        if self._enters(top):
            self._undo.append(top.register_forward_hook(Ear(self._leave), always_call=True).remove)

    def _enters(self, top: Any) -> bool:
        """Begin a pass, and a step where it is one; return whether it may be of one at all."""
        torch = self._torch
        again = torch._C._current_graph_task_id() != -1  # what a checkpoint runs again, on the way back
        if self._runs or again or not (torch.is_grad_enabled() and top.training):
            return False
        if top is self._model and getattr(top, "_compiled_call_impl", None) is not None:  # compiled without hooks
            for part in self._tops.keys() - {top}:
                self._tops.pop(part)()
        self._runs = True
        if self._came:
            self._came, place, self.count = False, self.count, self.count + 1
            self._stop_listening()
            self._forget_given()
            watched = place % self._every == 0
            if watched or self._stepped:
                self._close()
            if watched:
                self._place = place
                self._listen()
        elif self._ears:  # another pass for the same gradient: of what runs twice, the later one is heard
            again_run = set(top.modules())
            for name in [name for name, module in self._modules.items() if module in again_run]:
                self._row.pop(name, None)
        if self._ears and "torch._dynamo" in sys.modules:  # compiled code has no ears
            stance = torch.compiler.set_stance("force_eager")
            stance.__enter__()
            self._undo.append(partial(stance.__exit__, None, None, None))
        return True

    def _leave(self, top: Any = None, arguments: Any = None, output: Any = None) -> None:
        for undo in self._undo:
            undo()
        self._runs, self._undo = False, []
        given = [t for t in tensors_in(self._torch, output) if t.grad_fn is not None]  # no parameter as it is
        self._given += [tensor.register_hook(self._back) for tensor in given]
        failed = output is None and sys.exc_info()[0] is not None
        if top is not None and not given and not failed:  # the model keeps its loss: when a gradient comes is unseen
            self._came = True

    def _back(self, gradient: Any) -> None:
        self._came = True

    def _listen(self) -> None:
        self._modules = {
            name: module
            for name, module in self._inside.named_modules()
            if has_weights(module) and ".parametrizations." not in f".{name}."
        }
        for name, module in self._modules.items():
            self._ears.append(module.register_forward_hook(Ear(partial(self._hear, name))))
            for parameter in matrices_of(module):
                if parameter.requires_grad:
                    ear = Ear(partial(self._weigh, name))
                    self._ears.append(parameter.register_post_accumulate_grad_hook(ear))
        optimiser = sys.modules["torch.optim.optimizer"]
        self._optimisers = optimiser.register_optimizer_step_pre_hook(Ear(self._step))

    def _hear(self, name: str, module: Any, arguments: Any, output: Any) -> None:
        out = next((t for t in tensors_in(self._torch, output) if t.requires_grad), None)
        if out is None or name in self._row:
            return
        row = self._row[name] = {"rms": norm_of(self._torch, out.detach()) / max(out.numel(), 1) ** 0.5}

        def arrived(gradient: Any) -> None:
            self._came = True
            row["gradient_norm"] = norm_of(self._torch, gradient.detach())

        handle = out.register_hook(arrived)
        if out.is_leaf:  # a parameter, which stays
            self._ears.append(handle)

    def _weigh(self, name: str, parameter: Any, scale: float = 1.0) -> None:
        if parameter.grad is not None:
            gradient, weight = (norm_of(self._torch, t.detach()) for t in (parameter.grad, parameter))
            self._weighed.setdefault(name, {})[id(parameter)] = (gradient / scale, weight)

    def _step(self, optimiser: Any, *_: Any) -> None:
        """Take the gradients that an optimiser uses, of the weights that got some in the step that is heard."""
        scale = getattr(optimiser, "grad_scale", None)  # a fused one unscales while it steps
        own = {id(p): p for group in optimiser.param_groups for p in group["params"]}
        for name, weights in self._weighed.items():
            for key in own.keys() & weights.keys():
                self._weigh(name, own[key], 1.0 if scale is None else float(scale))
                self._stepped = True

    def _stop_listening(self) -> None:
        for handle in self._ears:
            handle.remove()
        self._ears = []

    def _forget_given(self) -> None:
        for handle in self._given:
            handle.remove()
        self._given = []

    def _close(self) -> None:
        """Hand on what was heard of a step, if anything was."""
        self._stop_listening()
        if self._optimisers is not None:
            self._optimisers.remove()
            self._optimisers = None
        if self._row:
            place, row = self._place, self._finished()
            self._row, self._weighed, self._stepped = {}, {}, False
            self._closed(place, row)

    def _finished(self) -> Row:
        """Return the row with what follows from its numbers."""
        row = {name: dict(values) for name, values in self._row.items()}
        arrived = [norm for values in row.values() if 0 < (norm := values.get("gradient_norm", 0.0)) < math.inf]
        for name, values in row.items():
            norm = values.get("gradient_norm", 0.0)
            if arrived:
                values["relative"] = math.log(norm) - math.log(arrived[-1]) if norm > 0 else norm - np.inf
            pairs = self._weighed.get(name, {}).values()
            gradients, weights = (math.hypot(*(pair[side] for pair in pairs)) for side in (0, 1))
            if weights > 0:
                values["update_ratio"] = gradients / weights
        return row


def called_parts(model: Any) -> Sequence[Any]:
    """Return the modules next to the top that can be called: lists and mappings of modules stand for theirs."""
    return list(_callable(model.children()))


def _callable(modules: Any) -> Iterator[Any]:
    for module in modules:
        if type(module).__name__ in ("ModuleList", "ModuleDict"):
            yield from _callable(module.children())
        else:
            yield module


def matrices_of(module: Any) -> list[Any]:
    """Return a module's own weights of two axes or more, or those that they are computed from."""
    inner = module._modules.get("parametrizations")
    own = [*module.parameters(recurse=False), *(() if inner is None else inner.parameters())]
    return [p for p in own if p.dim() >= 2]
