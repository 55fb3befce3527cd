"""The operations of a program in the words of PyTorch and JAX."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from vgtheory.codegen.export.scaled_erfc import CENTER, chebyshev_coefficients
from vgtheory.codegen.program import NO_EXPONENT

MOST = 2200.0  # 2^±MOST is ∞ or 0 as a factor of any number
_SPLITTERS = {8: 134217729.0, 4: 4097.0}  # 2^⌈p/2⌉ + 1 for numbers of p bits, by their bytes (Dekker 1971)


def torch_operations(torch: ModuleType) -> dict[str, Callable]:
    """Return the operations on ``torch.Tensor``, by name."""
    special = torch.special

    def scaled(a: Any, k: Any) -> Any:
        limited = torch.clip(k, -MOST, MOST)
        half = torch.floor(limited / 2)  # torch multiplies by 2^k, which may overflow where the product does not
        return torch.ldexp(torch.ldexp(a, half), limited - half)

    shared = {name: getattr(torch, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan")}
    more = {"erf": special.erf, "erfc": special.erfc, "erfcx": special.erfcx, "atan": torch.atan, "asinh": torch.asinh}
    return _operations(torch.where, torch.exp, torch.expm1, torch.abs, torch.sqrt) | shared | more | {
        "full_like": torch.full_like, "log1p_unit": torch.log1p, "min": torch.minimum, "max": torch.maximum,
        "floor": torch.floor,
        "exponent": lambda a: torch.where(a == 0.0, NO_EXPONENT, torch.frexp(a).exponent.to(a.dtype)),
        "scaled": scaled,
    }  # fmt: skip


def jax_operations(numpy: ModuleType, jax: ModuleType) -> dict[str, Callable]:
    """Return the operations on JAX arrays, by name."""

    def full_like(x: Any, constant: float) -> Any:
        with np.errstate(over="ignore"):  # float32 has no 1e300: infinity serves
            return numpy.full_like(x, np.asarray(constant, dtype=x.dtype))

    shared = {name: getattr(numpy, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan")}
    special = jax.scipy.special
    more = {"erf": special.erf, "erfc": special.erfc, "atan": numpy.arctan, "asinh": numpy.arcsinh}
    return _operations(numpy.where, numpy.exp, numpy.expm1, numpy.abs, numpy.sqrt) | shared | more | {
        "full_like": full_like,
        "erfcx": lambda x: _scaled_erfc(x, numpy.where, numpy.exp),
        "log1p_unit": numpy.log1p,
        "min": numpy.minimum,
        "max": numpy.maximum,
        "floor": numpy.floor,
        "exponent": lambda a: numpy.where(a == 0.0, NO_EXPONENT, numpy.frexp(a)[1].astype(a.dtype)),
        "scaled": lambda a, k: numpy.ldexp(a, numpy.clip(k, -MOST, MOST).astype(int)),
    }  # fmt: skip


def _operations(where: Callable, exp: Callable, expm1: Callable, absolute: Callable, sqrt: Callable) -> dict:
    """Return the operations that are the same in every framework of arrays."""

    def halves(a: Any) -> tuple[Any, Any]:
        c = _SPLITTERS[a.dtype.itemsize] * a
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
