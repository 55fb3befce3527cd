"""Uses of weights while a module runs, seen from outside: module hooks, and every function that torch is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from vgtheory.study.inspection.modules.model_copy import tensors_in
from vgtheory.study.inspection.modules.slopes import ELEMENTWISE, Slopes, is_elementwise_module, slopes_of

# Functions that multiply by a weight, and which axes of it are summed over.
_SUMMED: dict[str, Callable[[tuple[int, ...]], int]] = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), lambda shape: math.prod(shape[1:])),
    **dict.fromkeys(
        ("matmul", "__matmul__", "__rmatmul__", "mm", "addmm", "bmm", "baddbmm", "_grouped_mm", "grouped_mm"),
        lambda shape: shape[-2],
    ),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), lambda shape: shape[0]),
    **dict.fromkeys(("einsum", "tensordot", "bilinear", "embedding", "embedding_bag"), lambda shape: 0),
}
_ALIKE = 1e-12  # variance between units, relative to their mean square, below which all are one
# On tensors that are computed from weights alone (masked, normalised, transposed): the name of the first; "" on those
# that are computed from buffers alone.
_MARK = "_vgtheory_weight"


@dataclass(eq=False)
class Call:
    """One use of weights: what came out of it, later the gradient there, and where it stands in autograd's graph."""

    name: str
    kind: str
    function: bool  # of torch with a weight; else a module
    weights: tuple[str, ...]
    sigma_w: float = math.nan
    constant: bool = False  # all weights equal
    rms: float = math.nan
    identical: bool = False  # all units of the output equal
    node: Any = None
    inputs: tuple[Any, ...] = ()
    gradient_norm: float = math.nan  # nan: no gradient arrived


@dataclass(eq=False)
class Unrolled:
    """The input and output of a recurrent module, and the squares of the gradient there, by time."""

    name: str
    kind: str
    axis: int
    source: Any
    output: Any = None
    squares: dict[str, Any] = field(default_factory=dict)


class Watch:
    """Everything that is seen of one forward pass of `model`, whose parameters and buffers are the given twins."""

    def __init__(self, torch: Any, model: Any, parameters: dict[str, Any], buffers: Iterable[Any]) -> None:
        self.torch, self.model, self.parameters = torch, model, parameters
        self.calls: list[Call] = []
        self.sequences: list[Unrolled] = []
        self.slopes: list[Slopes] = []
        self.unseen: list[str] = []
        self._owner = {id(p): n for n, p in parameters.items() if p.dim() >= 2}
        self._open: list[tuple[Any, int, tuple[Any, ...]]] = []
        self._pause = 0
        self._still = {id(p) for p in parameters.values() if p.dim() < 2} | {id(b) for b in buffers}
        self._paths = {m: n for n, m in model.named_modules()}
        self._names = {m: n.replace("_orig_mod.", "") or type(m).__name__ for m, n in self._paths.items()}

    # --- module hooks -----------------------------------------------------------------------------------------

    def install(self) -> list[Any]:
        """Return the handles of hooks on all modules that have weights, or are an activation of their own."""
        handles = []
        for name, module in self.model.named_modules():
            if type(module).__name__ == "ParametrizationList":
                handles.append(module.register_forward_pre_hook(self._enter_weight))
                handles.append(module.register_forward_hook(self._leave_weight))
            if ".parametrizations." in f".{name}.":
                continue
            if has_weights(module):
                handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
                handles.append(module.register_forward_hook(self._leave, with_kwargs=True))
            elif is_elementwise_module(module):
                handles.append(module.register_forward_pre_hook(self._enter_activation))
                handles.append(module.register_forward_hook(self._leave_activation))
        return handles

    def _enter(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if isinstance(module, self.torch.nn.RNNBase):
            arguments = self._follow(module, arguments)
        nodes = tuple(t.grad_fn for t in tensors_in(self.torch, [arguments, named]) if t.grad_fn is not None)
        self._open.append((module, len(self.calls), nodes))
        return arguments, named

    def _leave(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        _, start, nodes = self._open.pop()
        inner = self.calls[start:]
        if len(inner) > 1 or (inner and not inner[0].function):
            return  # its parts are the calls
        weights = tuple(n for n in self.parameters if n.startswith(self._prefix(module)))
        call = Call(self._names[module], type(module).__name__, False, weights, inputs=nodes)
        if inner:  # the function with which the module applies its weight
            call.sigma_w, call.constant = inner[0].sigma_w, inner[0].constant
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
        self.sequences.append(Unrolled(name, type(module).__name__, axis, source))
        return (source, *arguments[1:])

    def _enter_weight(self, module: Any, arguments: tuple[Any, ...]) -> None:
        self._pause += 1

    def _leave_weight(self, module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        self._pause -= 1
        setattr(output, _MARK, f"{self._paths[module]}.original")

    def _enter_activation(self, module: Any, arguments: tuple[Any, ...]) -> None:
        if self._pause == 0 and len(arguments) == 1 and self.torch.is_tensor(arguments[0]):
            self._activation(module.forward, arguments, {}, checked=False)
        self._pause += 1

    def _leave_activation(self, module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        self._pause -= 1

    # --- functions of torch -----------------------------------------------------------------------------------

    def mode(self) -> Any:
        """Return the context in which every function that torch is asked for is seen, and runs in float64."""
        watch = self

        class Seen(self.torch.overrides.TorchFunctionMode):  # type: ignore[name-defined]
            def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
                named = named or {}
                name = getattr(function, "__name__", "")
                arguments = arguments if name == "__get__" else watch.promoted(name, arguments)
                if name.rstrip("_") in ELEMENTWISE and watch._pause == 0:
                    watch._activation(function, arguments, named, checked=True)
                output = function(*arguments, **named)
                if watch._pause == 0 and watch.torch.is_tensor(output):
                    watch._function(name, arguments, named, output)
                return output

        return Seen()

    def promoted(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments in float64 where some are: models and losses hold float32 constants of their own."""
        torch = self.torch
        if name.endswith("_"):  # works in place: what it writes to must stay
            return arguments
        kinds = {a.dtype for a in arguments if torch.is_tensor(a) and a.is_floating_point()}
        if torch.float64 not in kinds or len(kinds) == 1:
            return arguments
        return tuple(a.to(torch.float64) if torch.is_tensor(a) and a.is_floating_point() else a for a in arguments)

    def _function(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        given = list(tensors_in(self.torch, [*arguments, *named.values()]))
        owned = [t for t in given if self._weight_of(t)]
        others = [t for t in given if self._weight_of(t) is None and id(t) not in self._still]
        if given and not others:
            setattr(output, _MARK, self._weight_of(owned[0]) if owned else "")
        elif owned and name in _SUMMED:
            weight = max(owned, key=lambda t: t.dim())
            names = tuple(dict.fromkeys(str(self._weight_of(t)) for t in owned))
            call = Call(_short(names[0]), name, True, names)
            numbers = weight.detach()
            fan_in = _SUMMED[name](tuple(weight.shape))
            if fan_in:
                call.sigma_w = math.sqrt(fan_in * float(numbers.square().mean()))
            call.constant = weight.numel() > 1 and bool(numbers.min() == numbers.max())
            call.inputs = tuple(t.grad_fn for t in others if t.grad_fn is not None)
            self._record(call, output, len(self.calls))

    def _weight_of(self, tensor: Any) -> str | None:
        """Return the weight that a tensor is made of, "" if it is made of buffers, None if it depends on the input."""
        return self._owner.get(id(tensor)) or getattr(tensor, _MARK, None)

    def _activation(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any], *, checked: bool) -> None:
        h: Any = arguments[0] if arguments else None
        if self.torch.is_tensor(h) and h.grad_fn is not None and not self._weight_of(h):
            found = slopes_of(self.torch, function, arguments, named, checked=checked)
            if found is not None:
                self.slopes.append(found)

    def _record(self, call: Call, output: Any, place: int) -> None:
        """Take what there is to see of the output now (it may be changed in place), and the gradient when it comes."""
        torch = self.torch
        out = next((t for t in tensors_in(torch, output) if t.is_floating_point()), None)
        if out is None:
            return
        with torch.no_grad(), torch._C.DisableTorchFunction():
            numbers = out.detach().double()
            call.rms = float(numbers.norm()) / math.sqrt(max(numbers.numel(), 1))
            axis = 1 if "conv" in call.kind.lower() and numbers.dim() > 2 else -1
            if numbers.dim() and numbers.shape[axis] > 1 and call.rms > 0:
                shared = numbers.mean(axis)  # of all units; what varies between them is what it lacks of the square
                square = float(shared.norm()) ** 2 / max(shared.numel(), 1)
                call.identical = call.rms**2 - square < _ALIKE * call.rms**2
        call.node = out.grad_fn
        del self.calls[place:]
        self.calls.append(call)
        if out.requires_grad:

            def arrived(gradient: Any) -> None:
                call.gradient_norm = float(gradient.detach().double().norm())

            out.register_hook(arrived)


def has_weights(module: Any) -> bool:
    """Return whether a module multiplies by matrices of its own, as they are or computed from others; norms do not."""
    own = any(p is not None and p.dim() >= 2 for p in module._parameters.values())
    return (own or "parametrizations" in module._modules) and "Norm" not in type(module).__name__


def _short(name: str) -> str:
    start, _, end = name.rpartition(".")
    return start if start and end in ("weight", "kernel", "weight_orig", "weight_v") else name
