"""Uses of weights while a module runs, seen from outside: module hooks, and every function that torch is asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any

from vgtheory.study.inspection.modules.cuts import Cuts
from vgtheory.study.inspection.modules.model_copy import tensors_in
from vgtheory.study.inspection.modules.norms import norm_of
from vgtheory.study.inspection.modules.products import INPUTS_FIRST, PRODUCTS, SUMMED, kind_of, short_name
from vgtheory.study.inspection.modules.repeated import Repeated, listen_to_blocks
from vgtheory.study.inspection.modules.slopes import (
    ELEMENTWISE,
    SHAPES,
    Shape,
    Slopes,
    applied,
    is_elementwise_module,
    of_a_row,
    shape_of,
    slopes_at,
    slopes_of,
    takes_entries,
)
from vgtheory.study.inspection.modules.uses import Call, Unrolled, all_units_alike, first_tensor, has_weights

_DROPOUT = ("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout")
# On tensors that are computed from weights alone (masked, normalised, transposed): the name of the first; "" on those
# that are computed from buffers alone; behind the number of the pass, as the user may keep such a tensor.
_MARK = "_vgtheory_weight"


class Watch:
    """Everything that is seen of one forward pass of a model with the parameters and buffers of its copies."""

    def __init__(self, torch: Any, copies: Any) -> None:
        model, parameters = copies.model, copies.parameters
        self.torch, self.model, self.parameters = torch, model, parameters
        self.calls: list[Call] = []
        self.sequences: list[Unrolled] = []
        self.slopes: list[Slopes] = []
        self.repeated: list[Repeated] = []
        self.drops: dict[Any, float] = {}  # rates of dropout by its nodes in autograd's graph
        self.unseen: list[str] = []
        self.cuts = Cuts(torch)
        self.open = False  # while the gradient of the loss comes through: not derivatives that the model takes inside
        self.entering = 0.0  # norm of the gradient at what the model returns
        self.sizes: dict[str, float] = {}  # norms of weights that are used as they are, by name
        self._raised = copies.precision if copies.raised else None
        self._owner = {id(p): n for n, p in parameters.items() if p.dim() >= 2}
        self._open: list[tuple[Any, int, tuple[Any, ...]]] = []
        self._pause = 0
        self._still = {id(p) for p in parameters.values() if p.dim() < 2} | {id(b) for b in copies.buffers.values()}
        self._weights: dict[Any, tuple[str, ...]] = {}
        self._paths = {m: n for n, m in model.named_modules()}
        self._names = {m: n.replace("_orig_mod.", "") or type(m).__name__ for m, n in self._paths.items()}
        self._functions: list[tuple[Any, Any]] = []  # the user's own activations that are running: h, its node
        self._shapes: dict[Any, Shape] = {}
        self._entrywise: dict[type, bool] = {}

    @property
    def named_modules(self) -> dict[str, Any]:
        """Return the modules by the names that calls have."""
        return {name: module for module, name in self._names.items()}

    # --- module hooks -----------------------------------------------------------------------------------------

    def install(self) -> list[Any]:
        """Return the handles of hooks on all modules that have weights, or are an activation of their own."""
        handles = listen_to_blocks(self.torch, self.model, self.repeated, self.slopes)
        inside: dict[str, list[str]] = {}  # parameters by every module that they are in
        for name in self.parameters:
            parts = name.split(".")
            for length in range(len(parts)):
                inside.setdefault(".".join(parts[:length]), []).append(name)
        for module, name in self._paths.items():
            if type(module).__name__ == "ParametrizationList":
                handles.append(module.register_forward_pre_hook(self._enter_weight))
                handles.append(module.register_forward_hook(self._leave_weight))
            if ".parametrizations." in f".{name}.":
                continue
            if has_weights(module):
                self._weights[module] = tuple(inside.get(name, ()))
                handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
                handles.append(module.register_forward_hook(self._leave, with_kwargs=True))
            elif is_elementwise_module(module):
                handles.append(module.register_forward_pre_hook(self._enter_activation))
                handles.append(module.register_forward_hook(self._leave_activation))
        return handles

    def _enter(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        with self.torch._C.DisableTorchFunction():
            if isinstance(module, self.torch.nn.RNNBase):
                bound = signature(module.forward).bind(*arguments, **named)  # whichever of them come by name
                arguments, named = self._follow(module, bound.args), bound.kwargs
            given = tensors_in(self.torch, (arguments, *named.values()))
            nodes = tuple(node for t in given if (node := t.grad_fn) is not None)
        self._open.append((module, len(self.calls), nodes))
        return arguments, named

    def _leave(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        _, start, nodes = self._open.pop()
        inner = self.calls[start:]
        if len(inner) > 1 or (inner and not inner[0].function):
            return  # its parts are the calls
        weights = self._weights[module]
        name, kind = self._names[module], kind_of(module)
        with self.torch._C.DisableTorchFunction():
            out, read = first_tensor(self.torch, output), first_tensor(self.torch, arguments)
            node = None if out is None else out.grad_fn
        if inner and node is not None and inner[0].node is node:
            one = inner[0]  # the function with which the module applies its weight, and nothing after it
            one.name, one.kind, one.function, one.weights, one.inputs = name, kind, False, weights, nodes
            one.read = () if read is None else tuple(read.shape)
            return
        call = Call(name, kind, False, weights, inputs=nodes)
        if inner:
            call.sigma_w, call.matrix, call.shift = inner[0].sigma_w, inner[0].matrix, inner[0].shift
        elif isinstance(module, self.torch.nn.RNNBase):
            matrix = self.parameters[f"{self._prefix(module)}weight_hh_l0"]
            call.sigma_w = math.sqrt(matrix.shape[1] * float(matrix.detach().square().mean()))
        self._record(call, output, start)
        if self.sequences and self.sequences[-1].output is None:
            self.sequences[-1].output = next(tensors_in(self.torch, output))

    def _prefix(self, module: Any) -> str:
        return f"{self._paths[module]}." if self._paths[module] else ""

    def _follow(self, module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of a recurrent module with an input whose gradient can be read."""
        source, name = arguments[0], self._names[module]
        if not self.torch.is_tensor(source):
            self.unseen.append(f"the gradient against time in {name}: a packed sequence; pass padded ones")
            return arguments
        source = source if source.requires_grad else source.detach().clone().requires_grad_()
        axis = 1 if module.batch_first and source.dim() == 3 else 0
        start = arguments[1] if len(arguments) > 1 else None
        weights = {n: p.detach() for n, p in module.named_parameters()}
        self.sequences.append(Unrolled(name, module, axis, source, weights, start))
        return (source, *arguments[1:])

    def _enter_weight(self, module: Any, arguments: tuple[Any, ...]) -> None:
        self._pause += 1

    def _leave_weight(self, module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        self._pause -= 1
        setattr(output, _MARK, (self.cuts.number, f"{self._paths[module]}.original"))

    def _enter_activation(self, module: Any, arguments: tuple[Any, ...]) -> None:
        h = arguments[0] if len(arguments) == 1 and self.torch.is_tensor(arguments[0]) else None
        self._functions.append((h, None if h is None else h.grad_fn))
        self._pause += 1

    def _leave_activation(self, module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        self._pause -= 1
        (h, node), torch = self._functions.pop(), self.torch
        if self._pause or node is None or self._weight_of(h) is not None:
            return
        with torch._C.DisableTorchFunction():
            key = type(module)
            if key not in self._entrywise:
                self._entrywise[key] = takes_entries(torch, module.forward, h, output)
            if self._entrywise[key]:
                state = {n: v for n, v in vars(module).items() if not n.startswith("_")}
                phi = of_a_row(torch, module.forward, tuple(h.shape))
                try:
                    self._activation(phi, arguments, {}, output, node, (key, *state.items()), self._shapes)
                except Exception:  # of the user's own code, which other numbers or no second gradient suit
                    self._entrywise[key] = False

    def listen_to(self, output: Any) -> None:
        """Take the norm of the gradient at the first tensor of what the model returns."""
        torch, out = self.torch, first_tensor(self.torch, output)

        def arrived(gradient: Any) -> None:
            if self.open:
                self.entering = norm_of(torch, gradient.detach())

        if out is not None and out.requires_grad:
            out.register_hook(arrived)

    # --- functions of torch -----------------------------------------------------------------------------------

    def mode(self) -> Any:
        """Return the context in which every function asked of torch is seen, and runs in the copies' precision."""
        watch, kind = self, self.torch.Tensor

        class Seen(self.torch.overrides.TorchFunctionMode):  # type: ignore[name-defined]
            def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
                named = named or {}
                name = getattr(function, "__name__", "")
                if watch._raised is not None and name != "__get__":
                    arguments = watch.promoted(name, arguments)
                before = None
                if (
                    watch._pause == 0
                    and name.strip("_") in ELEMENTWISE
                    and arguments
                    and isinstance(arguments[0], kind)
                ):
                    before = arguments[0].grad_fn
                if name == "detach_":
                    watch.cuts.detach_in_place(arguments[0])
                output = function(*arguments, **named)
                watch.cuts.follow(name, arguments, named, output)
                if watch._pause == 0 and isinstance(output, kind):
                    if before is not None and watch._weight_of(arguments[0]) is None:
                        watch._function_of_entries(function, arguments, named, output, before)
                    else:
                        watch._function(name, arguments, named, output)
                    if name in _DROPOUT:
                        watch._dropout(arguments, named, output)
                return output

        return Seen()

    def promoted(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments in the copies' precision where some are: models hold constants in their own."""
        torch, wanted = self.torch, self._raised
        if name.endswith("_"):  # works in place: what it writes to must stay
            return arguments
        kinds = {a.dtype for a in arguments if torch.is_tensor(a) and a.is_floating_point()}
        if wanted not in kinds or len(kinds) == 1:
            return arguments
        return tuple(a.to(wanted) if torch.is_tensor(a) and a.is_floating_point() else a for a in arguments)

    def _function(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        given = list(tensors_in(self.torch, arguments))
        given += tensors_in(self.torch, tuple(named.values())) if named else ()
        owned, others = [], []
        for t in given:
            weight = self._weight_of(t)
            if weight:
                owned.append((t, weight))
            elif weight is None and id(t) not in self._still:
                others.append(t)
        if given and not others:
            setattr(output, _MARK, (self.cuts.number, owned[0][1] if owned else ""))
        elif owned and name in SUMMED:
            weight = max((t for t, _ in owned), key=lambda t: t.dim())
            names = tuple(dict.fromkeys(n for _, n in owned))
            matrix = weight.detach()
            call = Call(short_name(names[0]), name, True, names, matrix=matrix.mT if name in INPUTS_FIRST else matrix)
            call.operation = PRODUCTS.get(name, "")
            call.shift = next((t.detach() for t in given if t.dim() == 1 and not any(t is o for o in others)), None)
            fan_in = SUMMED[name](tuple(weight.shape))
            if fan_in:
                call.sigma_w = math.sqrt(fan_in / weight.numel()) * self._size(weight)
            call.inputs = tuple(t.grad_fn for t in others if t.grad_fn is not None)
            call.read = tuple(others[0].shape)
            self._record(call, output, len(self.calls))

    def _dropout(self, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        rate, runs = (named.get(n, (*arguments, *d)[k]) for k, n, d in ((1, "p", (0.5,)), (2, "training", (0.5, True))))
        if runs and rate > 0 and output.grad_fn is not None:
            self.drops[output.grad_fn] = float(rate)

    def _size(self, weight: Any) -> float:
        """Return the norm of a weight; of one that is used as it is only once."""
        name = self._owner.get(id(weight))
        if name is None:
            return norm_of(self.torch, weight.detach())
        if name not in self.sizes:
            self.sizes[name] = norm_of(self.torch, weight.detach())
        return self.sizes[name]

    def _weight_of(self, tensor: Any) -> str | None:
        """Return the weight that a tensor is made of, "" if it is made of buffers, None if it depends on the input."""
        owner = self._owner.get(id(tensor))
        if owner is None and (mark := getattr(tensor, _MARK, None)) is not None and mark[0] == self.cuts.number:
            return mark[1]
        return owner

    def _function_of_entries(
        self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any], output: Any, before: Any
    ) -> None:
        named = {name: value for name, value in named.items() if name != "inplace"}
        key = (function, *arguments[1:], *named.items())
        self._activation(function, arguments, named, output, before, key, SHAPES)

    def _activation(
        self,
        function: Any,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        output: Any,
        before: Any,
        key: tuple[Any, ...],
        known: dict[Any, Shape],
    ) -> None:
        torch, h = self.torch, arguments[0]
        shape = shape_of(torch, function, arguments[1:], named, key, known)
        slopes = slopes_at(torch, function, arguments, named, output, before)
        name = getattr(function, "__name__", "")
        phi = partial(applied, function, arguments[1:], named)
        found = slopes_of(slopes, h.detach(), shape, before, name, phi)
        if "Pool" in before.name() or before.name().startswith("Mean"):
            found = replace(found, rms=norm_of(torch, h.detach()) / math.sqrt(max(h.numel(), 1)))
        self.slopes.append(found)

    def _record(self, call: Call, output: Any, place: int) -> None:
        """Take what there is to see of the output now (it may be changed in place), and the gradient when it comes."""
        torch, out = self.torch, first_tensor(self.torch, output)
        if out is None:
            return
        with torch.no_grad(), torch._C.DisableTorchFunction():
            numbers = out.detach()
            call.shape = tuple(numbers.shape)
            call.rms = norm_of(torch, numbers) / math.sqrt(call.size)
            axis = 1 if "conv" in call.kind.lower() and numbers.dim() > 2 else -1
            if numbers.dim() and numbers.shape[axis] > 1 and call.rms > 0:
                call.identical = all_units_alike(numbers.movedim(axis, -1), call.rms)
            call.node, call.cuts = out.grad_fn, self.cuts.of(out)
            del self.calls[place:]
            self.calls.append(call)
            further = [] if torch.is_tensor(output) else [t for t in tensors_in(torch, output) if t is not out]
            given = [t for t in (out, *further) if t.requires_grad]
            call.others = tuple(t.grad_fn for t in given if t is not out and t.grad_fn is not None)

            def arrived(gradient: Any, first: bool) -> None:
                if self.open and (first or math.isnan(call.gradient_norm)):
                    call.gradient_norm = norm_of(torch, gradient.detach())

            for tensor in given:
                tensor.register_hook(partial(arrived, first=tensor is out))
