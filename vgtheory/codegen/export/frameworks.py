"""An activation as a function of PyTorch tensors or JAX arrays, with φ' as its derivative.

The same straight-line program that Numba compiles is run with the framework's operations, so that nothing overflows
where φ and φ' are finite; automatic differentiation of φ's own formula would give NaN there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.export.scaled_erfc import CENTER, chebyshev_coefficients
from vgtheory.codegen.program import Operand, live
from vgtheory.codegen.stabilise import StableForm, stabilise
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation

_SPLITTER = 134217729.0  # 2^27 + 1 (Dekker 1971)


def to_pytorch(act: Any, **parameters: Any) -> Callable[[Any], Any]:
    """Return φ as a function of a floating-point ``torch.Tensor``; its gradient is φ', exact where φ' is finite.

    Computed in float64 and rounded to the tensor's dtype.  Second derivatives are not defined.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula; `parameters` as in ``vg.activation``.

    Raises
    ------
    UnsupportedError : torch is not installed.
    InputError : an activation with symbolic parameters.

    Examples
    --------
    ``phi = vg.export.to_pytorch("mish")``; ``phi(torch.linspace(-3, 3, 7))``.
    """
    torch = _module("torch")
    chosen = activation(act, **parameters)
    form = stabilise(chosen)
    operations = _torch_operations(torch)

    class Elementwise(torch.autograd.Function):  # type: ignore[name-defined]
        @staticmethod
        def forward(ctx: Any, h: Any) -> Any:
            ctx.save_for_backward(h)
            return _run(form, operations, h.double(), form.value).to(h.dtype)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, gradient: Any) -> Any:
            (h,) = ctx.saved_tensors
            return gradient * _run(form, operations, h.double(), form.slope).to(h.dtype)

    def phi(h: Any) -> Any:
        return Elementwise.apply(h)

    return _named(phi, chosen)


def to_jax(act: Any, **parameters: Any) -> Callable[[Any], Any]:
    """Return φ as a function of JAX arrays, with φ' as its derivative under ``jax.grad``, ``jax.jvp`` and ``jax.jit``.

    Computed in float64 where JAX has it enabled (``jax_enable_x64``), else in float32.  Higher derivatives are those of
    φ's program.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula; `parameters` as in ``vg.activation``.

    Raises
    ------
    UnsupportedError : jax is not installed.
    InputError : an activation with symbolic parameters.

    Examples
    --------
    ``phi = vg.export.to_jax("mish")``; ``jax.vmap(jax.grad(phi))(jax.numpy.linspace(-3, 3, 7))``.
    """
    jax = _module("jax")
    numpy = _module("jax.numpy")
    chosen = activation(act, **parameters)
    form = stabilise(chosen)
    operations = _jax_operations(numpy, jax)

    @jax.custom_jvp
    def phi(h: Any) -> Any:
        return _run(form, operations, numpy.asarray(h, dtype=float), form.value)

    @phi.defjvp
    def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
        (h,), (direction,) = primals, tangents
        return phi(h), direction * _run(form, operations, numpy.asarray(h, dtype=float), form.slope)

    return _named(phi, chosen)


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


def _run(form: StableForm, operations: Mapping[str, Callable], x: Any, output: Operand) -> Any:
    """Return one output of the program on an array of the framework."""
    registers: dict[int, Any] = {0: x}
    for index in live(form.instructions, (output,)):
        if index:
            instruction = form.instructions[index]
            # A constant becomes an array: torch has no torch.exp(1.0).
            operands = [registers[a] if isinstance(a, int) else operations["full_like"](x, a) for a in instruction.args]
            registers[index] = operations[instruction.op](*operands)
    return registers[output] if isinstance(output, int) else operations["full_like"](x, output)


def _torch_operations(torch: ModuleType) -> dict[str, Callable]:
    special = torch.special
    shared = {name: getattr(torch, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan")}
    more = {"erf": special.erf, "erfc": special.erfc, "erfcx": special.erfcx, "atan": torch.atan, "asinh": torch.asinh}
    return _operations(torch.where, torch.exp, torch.expm1, torch.abs, torch.sqrt) | shared | more | {
        "full_like": torch.full_like, "log1p_unit": torch.log1p, "min": torch.minimum, "max": torch.maximum
    }  # fmt: skip


def _jax_operations(numpy: ModuleType, jax: ModuleType) -> dict[str, Callable]:
    shared = {name: getattr(numpy, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan")}
    special = jax.scipy.special
    more = {"erf": special.erf, "erfc": special.erfc, "atan": numpy.arctan, "asinh": numpy.arcsinh}
    return _operations(numpy.where, numpy.exp, numpy.expm1, numpy.abs, numpy.sqrt) | shared | more | {
        "full_like": numpy.full_like,
        "erfcx": lambda x: _scaled_erfc(x, numpy.where, numpy.exp),
        "log1p_unit": numpy.log1p,
        "min": numpy.minimum,
        "max": numpy.maximum,
    }  # fmt: skip


def _operations(where: Callable, exp: Callable, expm1: Callable, absolute: Callable, sqrt: Callable) -> dict:
    """Return the operations that are the same in every framework of arrays."""

    def halves(a: Any) -> tuple[Any, Any]:
        c = _SPLITTER * a
        high = c - (c - a)
        return high, a - high

    def two_product(a: Any, b: Any) -> tuple[Any, Any]:
        p = a * b
        (a1, a2), (b1, b2) = halves(a), halves(b)
        return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2

    def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
        s = a + b
        t = s - a
        return s, (a - (s - t)) + (b - t)

    def exp_sum(high: Any, low: Any) -> Any:
        e = exp(high)
        return where(e == float("inf"), e, e + e * low)

    return {
        "add": lambda a, b: a + b,
        "mul": lambda a, b: a * b,
        "product": lambda a, b: where(a == 0.0, 0.0 * a, a * b),
        "div": lambda a, b: a / b,
        "reciprocal": lambda a: 1.0 / a,
        "neg": lambda a: -a,
        "abs": absolute,
        "sqrt": sqrt,
        "pow": lambda a, b: a**b,
        "select_le": lambda x, end, a, b: where(x <= end, a, b),
        "keep_nan": lambda x, a: where(x == x, a, x),
        "exp_sum": exp_sum,
        "expm1_sum": lambda high, low: expm1(high) + exp(high) * low,
        "two_product": two_product,
        "two_sum": two_sum,
        "high": lambda pair: pair[0],
        "low": lambda pair: pair[1],
    }


def _scaled_erfc(x: Any, where: Callable, exp: Callable) -> Any:
    size = where(x < 0, -x, x)
    y = 1 - 2 * CENTER / (size + CENTER)
    first, second = 0.0 * y, 0.0 * y
    for c in reversed(chebyshev_coefficients()[1:]):  # Clenshaw's recurrence
        first, second = 2 * y * first - second + c, first
    value = (y * first - second + chebyshev_coefficients()[0]) / (1 + 2 * size)
    return where(x < 0, 2 * exp(x * x) - value, value)
