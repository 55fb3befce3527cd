"""A PyTorch module run without a trace: its parameters, buffers, mode, gradients and random numbers stay."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from copy import deepcopy
from typing import Any

from vgtheory._errors import InputError, UnsupportedError

_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}

aside: ContextVar[bool] = ContextVar("aside", default=False)  # whether passes are run that are no part of a training


def unwrapped(torch: Any, model: Any) -> Any:
    """Return the module inside ``torch.compile`` and data-parallel wrappers, whose calls can be seen.

    Raises InputError where parameters hold no numbers, UnsupportedError for TorchScript.
    """
    while type(model).__name__ in _WRAPPERS:
        model = getattr(model, _WRAPPERS[type(model).__name__])
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedError("a TorchScript module shows none of its calls; pass the module it was made from")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
            raise InputError(f"{name} without initialisation", "parameters with numbers", "call model(x) once")
        if tensor.is_meta:
            step = 'with torch.device("cpu"): model = ... builds it with numbers'
            raise InputError(f"{name} on the meta device", "parameters with numbers", step)
        if tensor.is_quantized or tensor.is_complex():
            why = "gradients of complex numbers are not measured" if tensor.is_complex() else "which has no gradient"
            raise UnsupportedError(f"{name} has type {tensor.dtype}: {why}; inspect the model in real numbers")
    return model


class Copies:
    """Twins of a module's parameters, which collect the gradient, and of its buffers, in one precision.

    That is the widest one among the parameters, at least float32, or float64.  `raised` says whether some are not kept
    in it: then what the model computes with constants of its own has to be raised, too.
    """

    def __init__(self, torch: Any, model: Any, double: bool) -> None:
        self.torch, self.model = torch, model
        kinds = {p.dtype for p in model.parameters() if p.is_floating_point()}
        wide = double or torch.float64 in kinds
        self.precision = torch.float64 if wide else torch.float32
        self.raised = kinds != {self.precision}
        self.inputs: list[Any] = []  # with a place in the graph of their own, so that paths from them are seen
        self.leaves: list[Any] = []  # what those are made from
        self.frozen = frozenset(n for n, p in model.named_parameters() if not p.requires_grad)
        self.parameters: dict[str, Any] = {}
        self.buffers: dict[str, Any] = {}
        self._places: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = []  # a module's own, and twins
        known: dict[int, Any] = {}  # tied ones have one twin
        for path, module in model.named_modules():
            for own, twins in ((module._parameters, self.parameters), (module._buffers, self.buffers)):
                given = {key: tensor for key, tensor in own.items() if tensor is not None}
                for key, tensor in given.items():
                    if id(tensor) not in known:
                        twin = known[id(tensor)] = self._twin(tensor, twins is self.parameters)
                        twins[f"{path}.{key}" if path else key] = twin
                if given:
                    self._places.append((own, given, {key: known[id(tensor)] for key, tensor in given.items()}))

    def _twin(self, tensor: Any, trained: bool) -> Any:
        # A parameter's is an alias of its own, so that a gradient gathers there and not in the user's parameter.
        twin = tensor.detach() if trained else tensor.detach().clone()
        if not twin.is_floating_point():
            return twin
        return twin.to(self.precision).requires_grad_(trained)

    def trained(self) -> list[Any]:
        """Return the parameters that a gradient goes back to."""
        return [p for p in self.parameters.values() if p.requires_grad]

    def call(self, x: Any) -> Any:
        """Return what the module returns for x: a tensor, a tuple of arguments or a dict of named ones."""
        arguments, named = (), {}
        if isinstance(x, Mapping):
            named = {str(name): self._cast(value) for name, value in x.items()}
        else:
            arguments = tuple(self._cast(value) for value in (x if isinstance(x, (tuple, list)) else (x,)))
        try:
            for own, _, twins in self._places:
                own.update(twins)
            return self.model(*arguments, **named)
        finally:
            for own, given, _ in self._places:
                own.update(given)

    def _cast(self, value: Any) -> Any:
        """Return an input with its floating-point tensors in that precision and cut from any graph."""
        torch = self.torch
        if type(value).__module__ == "numpy":
            value = torch.from_numpy(value)
        if torch.is_tensor(value):
            if value.dim() and len(value) == 0:
                raise InputError("x", "a batch of at least one sample", "pass data", got=f"shape {tuple(value.shape)}")
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise InputError("x with NaN or infinities", "finite numbers", "clean the data")
            if not value.is_floating_point():
                return value.clone()
            # A copy of a leaf: a model may change its input in place.
            self.leaves.append(value.detach().to(self.precision).requires_grad_())
            self.inputs.append(self.leaves[-1].clone())
            return self.inputs[-1]
        if isinstance(value, Mapping):
            return {name: self._cast(part) for name, part in value.items()}
        if type(value) in (tuple, list):
            return type(value)(self._cast(part) for part in value)
        return value


def copied(torch: Any, model: Any) -> Any:
    """Return a deep copy of a module, also of one that keeps weights which it computed as plain attributes.

    Pruning and old-style weight_norm and spectral_norm do; torch copies no tensor that has a history.
    """
    computed = [v for m in model.modules() for v in vars(m).values() if isinstance(v, torch.Tensor) and not v.is_leaf]
    return deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed})


@contextmanager
def undisturbed(torch: Any, model: Any, seed: int) -> Iterator[None]:
    """Run what is inside with gradients, without compilation and checkpoints, from a seed; then all is as before."""
    # Old-style weight_norm and spectral_norm leave the weight that they computed as a plain attribute.
    kept = [(m, n, v) for m in model.modules() for n, v in vars(m).items() if isinstance(v, torch.Tensor)]
    devices = {p.device.index for p in model.parameters() if p.is_cuda}
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.random.fork_rng(devices=sorted(devices)))
        stack.enter_context(_without_checkpoints())
        stack.callback(aside.reset, aside.set(True))
        if "torch._dynamo" in sys.modules:  # nothing is compiled before
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        torch.default_generator.manual_seed(seed)
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(seed)
        try:
            yield
        finally:
            for module, name, value in kept:
                vars(module)[name] = value


@contextmanager
def _without_checkpoints() -> Iterator[None]:
    """Keep what checkpoints would compute again on the way back, unseen and with the user's own parameters."""
    module = sys.modules.get("torch.utils.checkpoint")
    ways = {"CheckpointFunction": _Kept, "_checkpoint_without_reentrant_generator": _nothing_again}
    own = {name: getattr(module, name) for name in ways if hasattr(module, name)}
    try:
        vars(module).update({name: ways[name] for name in own}) if module else None
        yield
    finally:
        vars(module).update(own) if module else None


class _Kept:
    """Stands in for the function that runs a part of a model again."""

    @staticmethod
    def apply(run: Callable[..., Any], preserve: bool, *arguments: Any) -> Any:
        """Return what the part returns."""
        return run(*arguments)


def _nothing_again(*_: Any, **__: Any) -> Iterator[None]:
    yield


def scalar_loss(torch: Any, output: Any, loss: Callable[[Any], Any] | None, seed: int) -> Any:
    """Return the loss of a model's output; without one, its first differentiable tensor along a fixed direction.

    Raises InputError unless that is one number with a gradient.
    """
    if loss is not None:
        value = loss(output)
        if not (torch.is_tensor(value) and value.numel() == 1 and value.requires_grad):
            shape = f" of shape {tuple(value.shape)}" if torch.is_tensor(value) else ""
            got = type(value).__name__ + shape
            raise InputError("loss(model(x))", "a tensor of one number that has a gradient", "take its mean", got=got)
        return value.reshape(())
    found = next((t for t in tensors_in(torch, output) if t.requires_grad and t.is_floating_point()), None)
    if found is None:
        raise InputError("the model's output", "a tensor that depends on its parameters", "say loss=lambda out: ...")
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(found.shape, generator=generator, dtype=torch.float64).to(found.device)
    return (found * (direction / direction.norm())).sum()


def tensors_in(torch: Any, value: Any) -> Iterator[Any]:
    """Yield the tensors in nested tuples, lists, mappings and objects with tensors for attributes, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif value is None or isinstance(value, (int, float, str, bytes)):
        return  # most of what is no tensor, and quickly seen
    elif type(value) in (tuple, list):
        for part in value:
            if isinstance(part, torch.Tensor):  # as a rule
                yield part
            else:
                yield from tensors_in(torch, part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(torch, part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from tensors_in(torch, part)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(torch, getattr(value, name))
