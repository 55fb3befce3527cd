"""Maps of several symbols as machine code: values and all partial derivatives in one pass over arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from vgtheory.codegen.compiled import load
from vgtheory.codegen.map_form import Array, MapForm, Partials, map_form
from vgtheory.codegen.source import map_source
from vgtheory.kernels.memory import empty


@dataclass(frozen=True)
class CompiledMap:
    """Expressions in several symbols as one pass over arrays.

    Parameters
    ----------
    form : the program.
    source : text of the generated module.
    """

    form: MapForm
    source: str

    def __call__(self, *arguments: Array) -> tuple[list[Array], Partials]:
        """Return the expressions' values and their partial derivatives {(expression, symbol): array or number}.

        The arguments are float64 arrays of one shape, in the order of the form's symbols.
        """
        whole = (a if a.flags.carray else np.require(a, None, ["C", "W"]) for a in arguments)
        flat = tuple(a.reshape(-1) for a in whole)
        out = tuple(empty(flat[0].size) for _ in self.form.outputs)
        if out:
            _loaded(self.source).row(flat, out)
        return self.form.named(list(out), arguments[0].shape)

    @property
    def in_tape(self) -> Callable[..., None]:
        """Return the pass over arrays of one tape, (tape, where arguments and then results begin, their length).

        It is a Numba first-class function of type :data:`vgtheory.kernels.program.MAP_PASS`.
        """
        return _loaded(self.source).in_tape


@lru_cache(maxsize=256)
def _loaded(source: str) -> Any:
    return load(source)


@lru_cache(maxsize=256)
def compile_map(expressions: tuple[sp.Expr, ...], symbols: tuple[sp.Symbol, ...]) -> CompiledMap:
    """Return machine code for expressions and their partial derivatives by the symbols.

    Raises UnsupportedError for an expression that is not made of sums, products, powers and functions of one quantity.

    Examples
    --------
    >>> x, y = sp.symbols("x y", real=True)
    >>> values, partials = compile_map((x * sp.tanh(y),), (x, y))(np.array([2.0]), np.array([0.0]))
    >>> float(values[0][0]), float(partials[0, x][0]), float(partials[0, y][0])
    (0.0, 0.0, 2.0)
    """
    form = map_form(expressions, symbols)
    return CompiledMap(form, map_source(form.instructions, form.inputs, form.outputs))
