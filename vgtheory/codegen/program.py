"""Straight-line programs of float operations: stage 1 makes them, NumPy evaluates them, stage 2 prints them."""

from __future__ import annotations

import math
from dataclasses import dataclass

# A register (int, an index of an earlier instruction) or a constant (float).
Operand = int | float
INPUT: Operand = 0
LARGEST = 1.7976931348623157e308
NO_EXPONENT = -1e300  # less than that of any number

# Operation -> how it is written in source; `{}` are its operands.  The functions are those of kernels/elementary.
TEMPLATES: dict[str, str] = {
    "add": "{} + {}",
    "mul": "{} * {}",
    "product": "(0.0 if {0} == 0.0 else {0} * {1})",  # 0·∞ = 0: the first factor underflowed faster than any power
    "div": "{} / {}",
    "neg": "-{}",
    "abs": "abs({})",
    "sqrt": "math.sqrt({})",
    "pow": "{} ** {}",
    "min": "({0} if {0} < {1} else {1})",
    "max": "({0} if {0} > {1} else {1})",
    "select_le": "({2} if {0} <= {1} else {3})",
    "keep_nan": "({1} if {0} == {0} else {0})",
    "floor": "np.floor({})",
    "exponent": "exponent({})",  # E with x = m·2^E, 1/2 ≤ |m| < 1; NO_EXPONENT for 0
    "scaled": "scaled({}, {})",  # x·2^k, ±∞ or 0 where that leaves the range
    "exp_sum": "exp_sum({}, {})",
    "expm1_sum": "expm1_sum({}, {})",
    "two_product": "two_product({}, {})",
    "two_sum": "two_sum({}, {})",
    "exp": "exp({})",
    "expm1": "expm1({})",
    "log": "log({})",
    "log1p": "log1p({})",
    "log1p_unit": "log1p_unit({})",  # of numbers between 0 and 1
    "tanh": "tanh({})",
    "erf": "erf({})",
    "erfc": "erfc({})",
    "erfcx": "erfcx({})",
    "sin": "sin_near({})",
    "cos": "cos_near({})",
    "tan": "tan_near({})",
    "atan": "atan({})",
    "asinh": "asinh({})",
}
ACCEPTED = frozenset({"input", "high", "low", *TEMPLATES})
# Those that hold up to NEAR only.
PERIODIC = frozenset({"sin", "cos", "tan"})
# The same by the system's library: beyond NEAR, and as a reference.  It has no erfcx.
LIBRARY: dict[str, str] = {
    **{name: f"math.{name}({{}})" for name in ("exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "asinh", "atan")},
    **{name: f"math.{name}({{}})" for name in PERIODIC},
    "log1p_unit": "math.log1p({})",
    "exp_sum": "(math.exp({0}) * (1.0 + {1}))",
    "expm1_sum": "(math.expm1({0}) + math.exp({0}) * {1})",
}
PAIRS = frozenset({"two_product", "two_sum"})  # these make two numbers, taken out by "high" and "low"


@dataclass(frozen=True)
class Instruction:
    """One operation on registers and constants."""

    op: str
    args: tuple[Operand, ...]


class Builder:
    """Collects instructions, each distinct one once, so that common subexpressions are shared."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = [Instruction("input", ())]
        self._known: dict[tuple, int] = {}

    def op(self, name: str, *args: Operand) -> Operand:
        """Return the register of the operation's result; trivial operations are folded."""
        folded = _fold(name, args)
        if folded is not None:
            return folded
        if name in ("add", "mul"):
            args = tuple(sorted(args, key=lambda a: (isinstance(a, float), a)))
        key = (name, *((type(a), a) for a in args))
        if key not in self._known:
            self.instructions.append(Instruction(name, args))
            self._known[key] = len(self.instructions) - 1
        return self._known[key]

    def power(self, base: Operand, exponent: int) -> Operand:
        """Return base**exponent for an integer exponent of at least 0, by repeated squaring."""
        result: Operand = 1.0
        while exponent:
            if exponent & 1:
                result = self.op("mul", result, base)
            exponent >>= 1
            if exponent:
                base = self.op("mul", base, base)
        return result


def _fold(name: str, args: tuple[Operand, ...]) -> Operand | None:
    def is_number(a: Operand, value: float) -> bool:
        return isinstance(a, float) and a == value

    match name, args:
        case "add", (a, b) if is_number(a, 0.0):
            return b
        case "add", (a, b) if is_number(b, 0.0):
            return a
        case "mul", (a, b) if is_number(a, 1.0):
            return b
        case (("mul" | "div"), (a, b)) if is_number(b, 1.0):
            return a
        case "select_le", (_, _, a, b) if type(a) is type(b) and a == b:
            return a
        case "neg", (a,) if isinstance(a, float):
            return -a if a else 0.0
        case "exponent", (a,) if isinstance(a, float):
            return float(math.frexp(a)[1]) if a else NO_EXPONENT
        case "scaled", (a, b) if isinstance(a, float) and isinstance(b, float) and abs(b) < 900:
            return math.ldexp(a, int(b))
        case "scaled", (a, b) if is_number(b, 0.0):
            return a
        case (("max" | "min"), (a, b)) if isinstance(a, float) and isinstance(b, float):
            return max(a, b) if name == "max" else min(a, b)
        case (("add" | "mul"), (a, b)) if isinstance(a, float) and isinstance(b, float):
            return a + b if name == "add" else a * b
    return None


def live(instructions: tuple[Instruction, ...], outputs: tuple[Operand, ...]) -> tuple[int, ...]:
    """Return the registers that the outputs need, in order."""
    needed = {o for o in outputs if isinstance(o, int)}
    for index in range(len(instructions) - 1, -1, -1):
        if index in needed:
            needed.update(a for a in instructions[index].args if isinstance(a, int))
    return tuple(sorted(needed))
