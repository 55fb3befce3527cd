"""A PyTorch module run without a trace: its parameters, buffers, mode, gradients and random numbers stay."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from vgtheory._errors import InputError, UnsupportedError

_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


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
            raise UnsupportedError(
                f"{name} has type {tensor.dtype}, which has no gradient; inspect the model in floating-point numbers"
            )
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
        self.parameters = {n: self._twin(p.detach()) for n, p in model.named_parameters()}
        for parameter in self.parameters.values():
            parameter.requires_grad_(parameter.is_floating_point())
        self.inputs: list[Any] = []  # with a place in the graph of their own, so that paths from them are seen
        self.buffers = {n: self._twin(b.detach().clone()) for n, b in model.named_buffers()}

    def _twin(self, tensor: Any) -> Any:
        # An alias of its own, so that a gradient gathers here and not in the user's parameter.
        return tensor.to(self.precision) if tensor.is_floating_point() else tensor

    def call(self, x: Any) -> Any:
        """Return what the module returns for x: a tensor, a tuple of arguments or a dict of named ones."""
        arguments, named = (), {}
        if isinstance(x, Mapping):
            named = {str(name): self._cast(value) for name, value in x.items()}
        else:
            arguments = tuple(self._cast(value) for value in (x if isinstance(x, (tuple, list)) else (x,)))
        run = self.torch.func.functional_call
        return run(self.model, {**self.parameters, **self.buffers}, arguments, named)

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
            self.inputs.append(value.detach().to(self.precision).requires_grad_().clone())
            return self.inputs[-1]
        if isinstance(value, Mapping):
            return {name: self._cast(part) for name, part in value.items()}
        if type(value) in (tuple, list):
            return type(value)(self._cast(part) for part in value)
        return value


@contextmanager
def undisturbed(torch: Any, model: Any, seed: int) -> Iterator[None]:
    """Run what is inside with gradients, without compilation, from a seed; afterwards all is as it was before."""
    # Old-style weight_norm and spectral_norm leave the weight that they computed as a plain attribute.
    kept = [(m, n, v) for m in model.modules() for n, v in vars(m).items() if isinstance(v, torch.Tensor)]
    devices = {p.device.index for p in model.parameters() if p.is_cuda}
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.random.fork_rng(devices=sorted(devices)))
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
