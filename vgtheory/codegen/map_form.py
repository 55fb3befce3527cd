"""Maps of several symbols as programs of float operations: values and all partial derivatives.

An expression such as s(f)·c + s(i)·tanh(g) is taken apart into functions of one quantity, each of which has the stable
form that an activation has, and into sums and products of their values; derivatives follow by the chain rule on the
registers, where equal ones are shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.interpret import run_instructions
from vgtheory.codegen.program import INPUT, Builder, Instruction, Operand, live
from vgtheory.codegen.stabilise import stabilise
from vgtheory.symbolic.activation import Activation

Array = NDArray[np.float64]
QUANTITY = sp.Symbol("x", real=True)
MOST_FACTORS = 64  # of a power that is multiplied out
Gradient = dict[sp.Symbol, Operand]  # of a register by the arguments; what is left out is 0
Partials = dict[tuple[int, sp.Symbol], Any]


@dataclass(frozen=True)
class MapForm:
    """Expressions in several symbols as one program.

    Parameters
    ----------
    symbols : the arguments, in order.
    instructions : operations in order.
    inputs : the registers of the arguments.
    outputs : the registers that are asked for.
    values : for each expression its place among the outputs, or the number that it is.
    partials : for each expression and symbol, where it is not 0, the same for the derivative.
    """

    symbols: tuple[sp.Symbol, ...]
    instructions: tuple[Instruction, ...]
    inputs: tuple[Operand, ...]
    outputs: tuple[int, ...]
    values: tuple[int | float, ...]
    partials: tuple[tuple[int, sp.Symbol, int | float], ...]

    @cached_property
    def _needed(self) -> tuple[int, ...]:
        return live(self.instructions, self.outputs)

    def named(self, out: list[Array], shape: tuple[int, ...]) -> tuple[list[Array], Partials]:
        """Return the expressions' values, and {(expression, symbol): derivative}, from the outputs as arrays."""

        def filled(place: int | float) -> Any:
            return out[place].reshape(shape) if isinstance(place, int) else place

        values = [filled(place) if isinstance(place, int) else np.full(shape, place) for place in self.values]
        return values, {(k, symbol): filled(place) for k, symbol, place in self.partials}

    def evaluate(self, *arguments: Array) -> tuple[list[Array], Partials]:
        """Return values and partial derivatives with NumPy alone, for theory, where nothing is worth compiling.

        >>> x, y = sp.symbols("x y", real=True)
        >>> values, partials = map_form((x * sp.tanh(y),), (x, y)).evaluate(np.array([2.0]), np.array([0.0]))
        >>> float(values[0][0]), float(partials[0, x][0]), float(partials[0, y][0])
        (0.0, 0.0, 2.0)
        """
        registers = dict(zip(self.inputs, arguments, strict=True))
        values = run_instructions(self.instructions, registers, self.outputs, self._needed)
        return self.named(values, arguments[0].shape)


@lru_cache(maxsize=256)
def map_form(expressions: tuple[sp.Expr, ...], symbols: tuple[sp.Symbol, ...]) -> MapForm:
    """Return the program of expressions and their partial derivatives by the symbols.

    Raises UnsupportedError for an expression that is not made of sums, products, powers and functions of one quantity.
    """
    taken = _TakenApart(symbols)
    found = [taken.visit(expr) for expr in expressions]
    outputs: dict[int, int] = {}

    def place(operand: Operand) -> int | float:
        return outputs.setdefault(operand, len(outputs)) if isinstance(operand, int) else operand

    values = tuple(place(value) for value, _ in found)
    slopes = [(k, s, d) for k, (_, gradient) in enumerate(found) for s, d in gradient.items()]
    partials = tuple((k, s, place(d)) for k, s, d in slopes if isinstance(d, int) or d != 0.0)
    registers = tuple(taken.builder.instructions), tuple(taken.inputs.values()), tuple(outputs)
    return MapForm(symbols, *registers, values, partials)


def _of_one_quantity(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """Return (f, u) with expr = f(u) for the innermost sum or product u through which alone expr knows its symbols.

    Rational functions need no stable form.

    >>> f, b = sp.symbols("f b", real=True)
    >>> _of_one_quantity(1 / (1 + sp.exp(-b - f)))
    (1/(exp(x) + 1), -b - f)
    """
    for inner in reversed(list(sp.preorder_traversal(expr))):
        if inner is not expr and isinstance(inner, (sp.Add, sp.Mul)) and inner.free_symbols == expr.free_symbols:
            outer = expr.xreplace({inner: QUANTITY, -inner: -QUANTITY})
            if outer.free_symbols == {QUANTITY} and not outer.is_rational_function(QUANTITY):
                return outer, inner
    return None


class _TakenApart:
    """Registers of expressions and of their gradients."""

    def __init__(self, symbols: tuple[sp.Symbol, ...]) -> None:
        self.builder = Builder()
        self.inputs: dict[sp.Symbol, Operand] = {symbols[0]: INPUT}
        for symbol in symbols[1:]:
            self.builder.instructions.append(Instruction("input", ()))
            self.inputs[symbol] = len(self.builder.instructions) - 1
        self.done: dict[sp.Expr, tuple[Operand, Gradient]] = {}

    def visit(self, expr: sp.Expr) -> tuple[Operand, Gradient]:
        if expr not in self.done:
            self.done[expr] = self._visit(expr)
        return self.done[expr]

    def _visit(self, expr: sp.Expr) -> tuple[Operand, Gradient]:
        if expr.is_number:
            return float(expr), {}
        if expr in self.inputs:
            return self.inputs[expr], {expr: 1.0}
        if len(expr.free_symbols) == 1:
            (symbol,) = expr.free_symbols
            return self._function(expr, symbol, *self.visit(symbol))
        alone = _of_one_quantity(expr)
        if alone is not None:
            return self._function(alone[0], QUANTITY, *self.visit(alone[1]))
        if isinstance(expr, sp.Add):
            return self._folded("add", expr.args)
        if isinstance(expr, sp.Mul):
            return self._folded("mul", expr.args)
        if isinstance(expr, sp.Pow) and expr.exp == -1:
            return self._inverse(*self.visit(expr.base))
        if isinstance(expr, sp.Pow) and expr.exp.is_Integer and abs(expr.exp) <= MOST_FACTORS:
            base = expr.base if expr.exp > 0 else 1 / expr.base
            return self._folded("mul", (base,) * abs(int(expr.exp)))
        raise UnsupportedError(
            f"{expr} in a map of several streams: it is not made of sums, products, powers and functions of one "
            "quantity; write it in such steps"
        )

    def _inverse(self, value: Operand, gradient: Gradient) -> tuple[Operand, Gradient]:
        inverse = self.builder.op("div", 1.0, value)
        return inverse, self._times(gradient, self.builder.op("neg", self.builder.op("mul", inverse, inverse)))

    def _folded(self, operation: str, parts: tuple[sp.Expr, ...]) -> tuple[Operand, Gradient]:
        own = [part for part in parts if len(part.free_symbols) <= 1]
        # What depends on one symbol alone is one function: 1 − s(x) keeps its digits.
        grouped = {s: [p for p in own if p.free_symbols == {s}] for s in set().union(*(p.free_symbols for p in own))}
        joined = [(sp.Add if operation == "add" else sp.Mul)(*group) for group in grouped.values()]
        number = (sp.Add if operation == "add" else sp.Mul)(*(p for p in own if p.is_number))
        rest = [part for part in parts if len(part.free_symbols) > 1]
        value, gradient = self.visit(number)
        for part in sorted((*joined, *rest), key=sp.default_sort_key):
            other, slopes = self.visit(part)
            gradient = (
                self._sum(gradient, slopes) if operation == "add" else self._product((value, gradient), (other, slopes))
            )
            value = self.builder.op(operation, value, other)
        return value, gradient

    def _sum(self, a: Gradient, b: Gradient) -> Gradient:
        return {s: self.builder.op("add", a.get(s, 0.0), b.get(s, 0.0)) for s in {**a, **b}}

    def _product(self, a: tuple[Operand, Gradient], b: tuple[Operand, Gradient]) -> Gradient:
        return self._sum(self._times(a[1], b[0]), self._times(b[1], a[0]))

    def _times(self, gradient: Gradient, factor: Operand) -> Gradient:
        return {s: self.builder.op("mul", d, factor) for s, d in gradient.items()}

    def _function(self, expr: sp.Expr, symbol: sp.Symbol, at: Operand, gradient: Gradient) -> tuple[Operand, Gradient]:
        """Return the registers of a function of one quantity, by its stable form."""
        form = stabilise(Activation(expr.xreplace({symbol: QUANTITY})))
        register: dict[Operand, Operand] = {INPUT: at}
        for index in live(form.instructions, (form.value, form.slope)):
            if index != INPUT:
                instruction = form.instructions[index]
                operands = (register[a] if isinstance(a, int) else a for a in instruction.args)
                register[index] = self.builder.op(instruction.op, *operands)
        value, slope = (register[o] if isinstance(o, int) else o for o in (form.value, form.slope))
        return value, self._times(gradient, slope)
