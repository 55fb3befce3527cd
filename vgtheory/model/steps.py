"""The steps of a program and the matrices that they ask: plain data, and its description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError, UnknownNameError
from vgtheory.model.sizes import number, standard_deviation
from vgtheory.model.streams import expression
from vgtheory.model.weights import WEIGHT_ENTRIES, Weights
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.symbolic.parser import read
from vgtheory.symbolic.specification import flag_of, need_known, part_of, text_of, whole_of

Kind = Literal["layer", "rms", "batch", "uniform", "log_uniform", "input", "attention", "window"]
OPTIONS = {"attention": 2, "window": 4}  # how many numbers a kind takes
MAX_FACTOR = 1024
width_symbol = sp.Symbol("width", integer=True, positive=True)


@dataclass(frozen=True)
class Matrix:
    """A random matrix that a block asks.

    Parameters
    ----------
    name : its identity: the same name is the same matrix.
    weights : the distribution of its entries and biases; a variance is divided by the number of inputs.
    outputs, inputs : its shape, in multiples of the width.
    scale : multiplies the matrix, not its bias; a number or an expression in the symbol ``depth``.
    centre : whether only the middle one of the `inputs` parts of a row is not zero: a delta-orthogonal convolution.
    """

    name: str
    weights: Weights
    outputs: int = 1
    inputs: int = 1
    scale: sp.Expr = sp.S.One
    centre: bool = False

    @property
    def read(self) -> int:
        """Return how many inputs the entries that are not zero read, in multiples of the width."""
        return 1 if self.centre else self.inputs

    def sigmas(self, width: int, depth: int) -> tuple[float, float]:
        """Return (σ_w, σ_b) in a network of this width and depth, σ_w with the scale in it."""
        return _sigmas(self, width, depth)

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description."""
        sizes = {"outputs": self.outputs, "inputs": self.inputs, "scale": str(self.scale)}
        sizes |= {"centre": True} if self.centre else {}
        return {"name": self.name, **self.weights.spec, **sizes}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Matrix:
        """Return the matrix that a :attr:`spec` describes; its texts are parsed, never evaluated."""
        need_known(spec, "a matrix", WEIGHT_ENTRIES | {"name", "outputs", "inputs", "scale", "centre"})
        scale = read(text_of(spec, "scale"), {"depth": depth_symbol})
        weights = Weights.from_spec(part_of(spec, WEIGHT_ENTRIES), {})
        sizes = whole_of(spec, "outputs"), whole_of(spec, "inputs")
        return cls(text_of(spec, "name"), weights, *sizes, scale, flag_of(spec, "centre"))


@lru_cache(maxsize=1024)
def _sigmas(matrix: Matrix, width: int, depth: int) -> tuple[float, float]:
    sigma_w, sigma_b = matrix.weights.sigma_at(matrix.read * width, matrix.outputs * width)
    scale = number(f"scale of {matrix.name}", matrix.scale.subs(depth_symbol, depth))
    return standard_deviation("sigma_w", sigma_w) * scale, standard_deviation("sigma_b", sigma_b)


@dataclass(frozen=True)
class Ask:
    """The streams `out`, side by side, are the matrix times the stream `x`, plus the matrix's bias.

    `driven` streams also receive what a network is given at every step (``Inputs``).
    """

    out: tuple[str, ...]
    matrix: str
    x: str
    driven: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the streams that the step takes."""
        return (self.x,)


@dataclass(frozen=True)
class Map:
    """Every stream of `out` is an expression in other streams, component by component; all are computed at once."""

    out: tuple[str, ...]
    expressions: tuple[sp.Expr, ...]

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Return the symbols of the streams that the expressions take, in the order of their names."""
        free = set().union(*(e.free_symbols for e in self.expressions))
        return tuple(sorted(free, key=lambda s: s.name))

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the streams that the step takes."""
        return tuple(s.name for s in self.symbols)

    @property
    def functions(self) -> tuple[Activation, ...]:
        """Return the functions of one stream each that the expressions are made of."""
        return tuple(dict.fromkeys(_activation(f) for expr in self.expressions for f in _functions(expr)))


def _functions(expr: sp.Expr) -> Iterator[sp.Expr]:
    """Yield the largest parts of an expression with one symbol."""
    if len(expr.free_symbols) == 1:
        yield expr
        return
    for part in expr.args:
        yield from _functions(part)


@lru_cache(maxsize=1024)
def _activation(expr: sp.Expr) -> Activation:
    (symbol,) = expr.free_symbols
    return Activation(expr.xreplace({symbol: sp.Symbol("x", real=True)}))


@dataclass(frozen=True)
class Mix:
    """The stream `out` is made of the components, or the columns, of the streams `x`; a source takes no stream.

    Parameters
    ----------
    kind : "layer" or "rms", the normalisation of every column to mean square 1 (with eps = 0, no gain and shift);
        "batch", that of every component over the columns of all inputs, which no theory of blocks knows;
        "uniform" and "log_uniform", sources of numbers u or ln u, u uniform between two ends, drawn once for all layers
        of a sample; "input", what the network is given at this step (``Inputs``); "attention", softmax of
        QᵀK/√(components of a head) times V for the streams (q, k, v), head by head; "window", the columns around each
        position, one below the other.
    numbers : of a source its two ends, expressions in the symbol ``width``; of "batch" its eps.
    options : of an attention: heads, and whether a token sees only itself and the tokens before (1 or 0).  Of a window:
        its length along each dimension, whether there are zeros outside (1, else the map is closed to a ring, 0), the
        number of dimensions of the map, and its stride along each.
    """

    out: tuple[str, ...]
    kind: Kind
    x: tuple[str, ...] = ()
    numbers: tuple[sp.Expr, ...] = ()
    options: tuple[int, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the streams that the step takes."""
        return self.x

    @property
    def taps(self) -> int:
        """Return how many columns a column of `out` is made of, one below the other."""
        return self.options[0] ** self.options[2] if self.kind == "window" else 1

    @property
    def stride(self) -> int:
        """Return how many columns of a map lie from one result to the next, along each dimension."""
        return self.options[3] if self.kind == "window" else 1


@dataclass(frozen=True)
class Add:
    """The stream `out` is keep·x + scale·y; both numbers may be expressions in the symbol ``depth``."""

    out: tuple[str, ...]
    x: str
    y: str
    scale: sp.Expr = sp.S.One
    keep: sp.Expr = sp.S.One

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the streams that the step takes."""
        return (self.x, self.y)

    def factors(self, depth: int) -> tuple[float, float]:
        """Return (keep, scale) in a network of this depth."""
        return float(self.keep.subs(depth_symbol, depth)), float(self.scale.subs(depth_symbol, depth))


Step = Ask | Map | Mix | Add


_STEPS: dict[str, type[Step]] = {"ask": Ask, "map": Map, "mix": Mix, "add": Add}


def step_spec(step: Step) -> dict[str, Any]:
    """Return a plain, JSON-ready description of a step."""
    kind = next(name for name, cls in _STEPS.items() if isinstance(step, cls))
    found = {f.name: getattr(step, f.name) for f in fields(step)}
    plain = {
        name: [str(v) for v in value] if isinstance(value, tuple) else value if isinstance(value, bool) else str(value)
        for name, value in found.items()
    }
    return {"step": kind, **plain}


def step_from(spec: Mapping[str, Any]) -> Step:
    """Return the step that a description is of; its texts are parsed, never evaluated.

    Raises InputError or FormulaError, or what Python raises for data of other shapes.
    """
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in spec.items()}
    name = str(given.pop("step"))
    if name not in _STEPS:
        raise UnknownNameError.among("step", name, _STEPS)
    kind = _STEPS[name]
    need_known(given, f"a step of kind {name}", frozenset(f.name for f in fields(kind)))
    if kind is Map:
        given["expressions"] = tuple(map(expression, given["expressions"]))
    if kind is Mix:
        kinds = [kind for kind in get_args(Kind) if kind != "batch"]
        if given["kind"] not in kinds:
            raise InputError("kind of a step", "one of " + ", ".join(kinds), "change it", got=f"{given['kind']!r}")
        given["numbers"] = tuple(read(str(number), {"width": width_symbol}) for number in given["numbers"])
        given["options"] = tuple(map(int, given["options"]))
        count = OPTIONS.get(str(given["kind"]), 0)
        if len(given["options"]) != count:
            raise InputError(
                f"options of a step {given['kind']}", f"{count} numbers", "see Block.spec", got=str(given["options"])
            )
    if kind is Add:
        given |= {name: read(str(given[name]), {"depth": depth_symbol}) for name in ("scale", "keep")}
    return kind(**given)  # type: ignore[arg-type]
