"""φ, φ' and ln|φ'| of an activation with NumPy alone: for theory and quadrature, where nothing is worth compiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from vgtheory.codegen.form import StableForm
from vgtheory.codegen.program import Operand, live
from vgtheory.codegen.stabilise import stabilise
from vgtheory.symbolic.activation import Activation

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
    "reciprocal": np.reciprocal,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "select_le": lambda x, end, a, b: np.where(x <= end, a, b),
    "keep_nan": lambda x, a: np.where(x == x, a, x),
    "exp_sum": _exp_sum,
    "expm1_sum": lambda high, low: np.expm1(high) + np.exp(high) * low,
    "two_product": _two_product,
    "two_sum": _two_sum,
    "high": lambda pair: pair[0],
    "low": lambda pair: pair[1],
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "log1p_unit": np.log1p,
    "tanh": np.tanh,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfcx": special.erfcx,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "asinh": np.arcsinh,
}


@dataclass(frozen=True)
class Evaluator:
    """φ of one activation on float64 arrays of any shape: finite wherever the true value is, NaN for NaN."""

    origin: Activation
    form: StableForm

    def value(self, h: ArrayLike) -> Array:
        """Return φ(h)."""
        return self._run(h, self.form.value)[0]

    def slope(self, h: ArrayLike) -> Array:
        """Return φ'(h); at a kink the derivative from the left."""
        return self._run(h, self.form.slope)[0]

    def log_slope(self, h: ArrayLike) -> Array:
        """Return ln|φ'(h)|, −inf where φ' = 0; right also where φ' itself underflows exponentially."""
        rest, exponent = self._run(h, self.form.slope_rest, self.form.slope_exponent)
        with np.errstate(all="ignore"):
            return np.log(np.abs(rest)) - exponent

    def _run(self, h: ArrayLike, *outputs: Operand) -> list[Array]:
        x = np.asarray(h, dtype=np.float64)
        registers: dict[int, Array | tuple[Array, Array]] = {0: x}
        with np.errstate(all="ignore"):
            for index in live(self.form.instructions, outputs):
                instruction = self.form.instructions[index]
                if index:
                    operands = (registers[a] if isinstance(a, int) else a for a in instruction.args)
                    registers[index] = OPERATIONS[instruction.op](*operands)
        found = (registers[o] if isinstance(o, int) else o for o in outputs)
        return [np.array(np.broadcast_to(np.asarray(v, dtype=np.float64), x.shape)) for v in found]


@lru_cache(maxsize=256)
def evaluator(act: Activation) -> Evaluator:
    """Return the NumPy evaluator of an activation, made once per activation.

    Raises InputError for an activation with symbolic parameters, UnsupportedError for functions that have no code.

    >>> from vgtheory.symbolic.catalogue import activation
    >>> evaluator(activation("tanh")).log_slope([0.0, 1000.0])
    array([    0.        , -1998.61370564])
    """
    return Evaluator(act, stabilise(act))
