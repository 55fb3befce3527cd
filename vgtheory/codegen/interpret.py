"""A form on NumPy arrays, instruction by instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy  # its parts load at first use: special takes a tenth of a second
from numpy.typing import ArrayLike, NDArray

from vgtheory.codegen.form import StableForm
from vgtheory.codegen.program import INPUT, NO_EXPONENT, Instruction, Operand

Array = NDArray[np.float64]
_SPLITTER = 134217729.0  # 2^27 + 1


def _halves(a: Array) -> tuple[Array, Array]:
    c = _SPLITTER * np.asarray(a, dtype=float)
    high = c - (c - a)
    return high, a - high


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    p = np.multiply(a, b)
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    s = np.add(a, b)
    t = s - a
    return s, (a - (s - t)) + (b - t)


def _exp_sum(high: Array, low: Array) -> Array:
    e = np.exp(high)
    return np.where(np.isinf(e), e, e + e * low)  # ∞·0 is no number


OPERATIONS: dict[str, Callable] = {
    "add": np.add,
    "mul": np.multiply,
    "product": lambda a, b: np.where(a == 0.0, 0.0, a * b),
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "select_le": lambda x, end, a, b: np.where(x <= end, a, b),
    "keep_nan": lambda x, a: np.where(x == x, a, x),
    "floor": np.floor,
    "exponent": lambda a: np.where(a == 0.0, NO_EXPONENT, np.frexp(a)[1].astype(np.float64)),
    "scaled": lambda a, k: np.ldexp(a, np.clip(k, -2200.0, 2200.0).astype(np.int32)),
    "exp_sum": _exp_sum,
    "expm1_sum": lambda high, low: np.expm1(high) + np.exp(high) * low,
    "two_product": _two_product,
    "two_sum": _two_sum,
    "high": lambda pair: pair[0],
    "low": lambda pair: pair[1],
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log1p_unit": np.log1p,
    "tanh": np.tanh,
    "erf": lambda a: scipy.special.erf(a),
    "erfc": lambda a: scipy.special.erfc(a),
    "erfcx": lambda a: scipy.special.erfcx(a),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "asinh": np.arcsinh,
}


def run(form: StableForm, h: ArrayLike, *names: str) -> list[Array]:
    """Return the named outputs of a form for an array of arguments; beyond its reach those of the form for far out."""
    x = np.asarray(h, dtype=np.float64)
    found = _outputs(form, x, names)
    beyond = np.abs(x) > form.reach
    if form.far is not None and np.any(beyond):
        for mine, theirs in zip(found, _outputs(form.far, x[beyond], names), strict=True):
            mine[beyond] = theirs
    return found


def _outputs(form: StableForm, x: Array, names: tuple[str, ...]) -> list[Array]:
    outputs = tuple(getattr(form, name) for name in names)
    return run_instructions(form.instructions, {INPUT: x}, outputs, form.needed(names))


def run_instructions(
    instructions: tuple[Instruction, ...],
    inputs: Mapping[Operand, Array],
    outputs: Sequence[Operand],
    needed: Sequence[int],
) -> list[Array]:
    """Return registers of a program, given those of its inputs, as arrays of the inputs' shape.

    `needed` are the registers that the outputs are made of, in order.
    """
    registers: dict[Operand, Array | tuple[Array, Array]] = dict(inputs)
    with np.errstate(all="ignore"):
        for index in needed:
            if index not in inputs:
                operands = (registers[a] if isinstance(a, int) else a for a in instructions[index].args)
                registers[index] = OPERATIONS[instructions[index].op](*operands)
    shape = next(iter(inputs.values())).shape
    found = (registers[o] if isinstance(o, int) else o for o in outputs)
    return [np.array(np.broadcast_to(np.asarray(v, dtype=np.float64), shape)) for v in found]
