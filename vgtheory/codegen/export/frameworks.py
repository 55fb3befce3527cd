"""An activation as a function of PyTorch tensors or JAX arrays, with φ', φ'', … as its derivatives.

The same straight-line program that Numba compiles is run with the framework's operations, so that nothing overflows
where φ and φ' are finite.  Differentiating that program again, with its |x| and selects, would be wrong at 0 and at the
joints; every order of derivative has a program of its own, from the symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.codegen.export.array_operations import jax_operations, torch_operations
from vgtheory.codegen.form import StableForm
from vgtheory.codegen.interpret import run
from vgtheory.codegen.program import Operand, live
from vgtheory.codegen.stabilise import stabilise
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation


def to_pytorch(act: Any, **parameters: Any) -> Callable[[Any], Any]:
    """Return φ as a function of a floating-point ``torch.Tensor``; its derivatives of every order are exact ones.

    Computed in float64 and rounded to the tensor's dtype.  Works under ``torch.autograd.grad(…, create_graph=True)``
    and ``torch.func``'s ``grad``, ``jvp``, ``vmap`` and ``hessian``.  At a kink a derivative is the one from the left.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula; `parameters` as in ``vg.activation``.

    Raises
    ------
    UnsupportedError : torch is not installed; a function that has no code.
    InputError : an activation with symbolic parameters; when called, a tensor that is not of floating-point numbers.

    Examples
    --------
    >>> import torch
    >>> float(to_pytorch("x**3")(torch.tensor(2.0)))
    8.0
    """
    torch = _module("torch")
    chosen = activation(act, **parameters)
    stabilise(chosen)
    operations = torch_operations(torch)

    @cache
    def derivative(order: int) -> Callable[[Any], Any]:
        form, name = _program(chosen, order)
        limits = _limits(form, name)

        class Elementwise(torch.autograd.Function):  # type: ignore[name-defined]
            generate_vmap_rule = True

            @staticmethod
            def forward(h: Any) -> Any:
                return _run(form, operations, h.double(), name, limits, torch.finfo(h.dtype).max).to(h.dtype)

            @staticmethod
            def setup_context(ctx: Any, inputs: tuple[Any], output: Any) -> None:
                ctx.save_for_backward(*inputs)
                ctx.save_for_forward(*inputs)

            @staticmethod
            def backward(ctx: Any, gradient: Any) -> Any:
                (h,) = ctx.saved_tensors
                return gradient * derivative(order + 1)(h)

            @staticmethod
            def jvp(ctx: Any, direction: Any) -> Any:
                (h,) = ctx.saved_tensors
                return direction * derivative(order + 1)(h)

        return Elementwise.apply

    def phi(h: Any) -> Any:
        if not (isinstance(h, torch.Tensor) and h.is_floating_point()):
            kind = getattr(h, "dtype", type(h).__name__)
            raise InputError("the argument", "a torch.Tensor of floating-point numbers", "convert it", got=f"{kind}")
        return derivative(0)(h)

    return _named(phi, chosen)


def to_jax(act: Any, **parameters: Any) -> Callable[[Any], Any]:
    """Return φ as a function of JAX arrays; its derivatives of every order are exact ones.

    Works under ``jax.grad``, ``jax.jvp``, ``jax.hessian``, ``jax.vmap`` and ``jax.jit``, nested to any depth.  At a
    kink a derivative is the one from the left.  Computed in float64 where JAX has it enabled (``jax_enable_x64``), else
    in float32, where |x| beyond 1e5 may leave the range.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula; `parameters` as in ``vg.activation``.

    Raises
    ------
    UnsupportedError : jax is not installed; a function that has no code.
    InputError : an activation with symbolic parameters.

    Examples
    --------
    >>> import jax
    >>> phi = to_jax("mish")
    >>> jax.vmap(jax.grad(phi))(jax.numpy.linspace(-3, 3, 7)).shape
    (7,)
    """
    jax = _module("jax")
    numpy = _module("jax.numpy")
    chosen = activation(act, **parameters)
    stabilise(chosen)
    operations = jax_operations(numpy, jax)

    @cache
    def derivative(order: int) -> Callable[[Any], Any]:
        form, name = _program(chosen, order)
        limits = _limits(form, name)

        @jax.custom_jvp
        def phi(h: Any) -> Any:
            x = numpy.asarray(h, dtype=float)
            return _run(form, operations, x, name, limits, float(numpy.finfo(x.dtype).max))

        @phi.defjvp
        def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
            (h,), (direction,) = primals, tangents
            return phi(h), direction * derivative(order + 1)(h)

        return phi

    return _named(derivative(0), chosen)


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise UnsupportedError(f"{package} is not installed; pip install {package}, or export to C") from None


def _named(phi: Any, act: Activation) -> Callable[[Any], Any]:
    phi.__name__ = act.name or "activation"
    phi.__doc__ = f"φ(x) = {act.expr}, elementwise."
    return phi


def _program(act: Activation, order: int) -> tuple[StableForm, str]:
    """Return the form that holds φ's derivative of this order, and its name there; one form holds two orders."""
    return stabilise(act, order - order % 2), "slope" if order % 2 else "value"


def _limits(form: StableForm, name: str) -> list[float]:
    """Return one output of a form at −∞ and ∞."""
    return [float(value) for value in run(form, [-math.inf, math.inf], name)[0]]


def _run(
    form: StableForm, operations: Mapping[str, Callable], x: Any, name: str, limits: list[float], largest: float
) -> Any:
    """Return one output of a form on an array of the framework, whose finite numbers are at most `largest` in size."""
    usual = _output(form, operations, x, getattr(form, name))
    if form.far is None:
        return usual
    if form.reach < largest:
        beyond = _output(form.far, operations, x, getattr(form.far, name))
    else:  # only the infinities are: the form for far out takes ten times as long
        zero, *ends = (operations["full_like"](x, v) for v in (0.0, *limits))
        beyond = operations["keep_nan"](x, operations["select_le"](x, zero, *ends))
    return operations["select_le"](operations["abs"](x), operations["full_like"](x, form.reach), usual, beyond)


def _output(form: StableForm, operations: Mapping[str, Callable], x: Any, output: Operand) -> Any:
    registers: dict[int, Any] = {0: x}
    for index in live(form.instructions, (output,)):
        if index:
            instruction = form.instructions[index]
            # A constant becomes an array: torch has no torch.exp(1.0).
            operands = [registers[a] if isinstance(a, int) else operations["full_like"](x, a) for a in instruction.args]
            registers[index] = operations[instruction.op](*operands)
    return registers[output] if isinstance(output, int) else operations["full_like"](x, output)
