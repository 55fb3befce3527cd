"""A block as a straight-line program over named streams: what a layer, or a step in time, does.

    Ask(matrix, x)       x times a random matrix, plus its bias
    Map(expressions)     SymPy expressions, component by component
    Mix(kind, x)         what acts across components or columns: a norm, a source of random numbers
    Add(x, y)            keep·x + scale·y: skip connections

A stream is an array (column, component); its number of components is a multiple of the network's width.  Forward is
written once; the adjoint and the tangent program are read off it, step by step: Map by its derivatives, Ask by the
transposed matrix, Mix by its registered adjoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.model.streams import expression, stream
from vgtheory.model.weights import Weights
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.symbolic.parser import IDENTIFIER, read

Kind = Literal["layer", "rms", "uniform", "log_uniform", "input"]
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
    """

    name: str
    weights: Weights
    outputs: int = 1
    inputs: int = 1

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description."""
        return {"name": self.name, **self.weights.spec, "outputs": self.outputs, "inputs": self.inputs}


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


@dataclass(frozen=True)
class Mix:
    """The stream `out` is made of the components, or the columns, of `x`; a source takes no stream.

    Parameters
    ----------
    kind : "layer" or "rms", the normalisation of every column to mean square 1 (with eps = 0, no gain and shift);
        "uniform" and "log_uniform", sources of numbers u or ln u, u uniform between two ends, drawn once for all layers
        of a sample; "input", what the network is given at this step (``Inputs``).
    ends : of a source: expressions in the symbol ``width``.
    """

    out: tuple[str, ...]
    kind: Kind
    x: tuple[str, ...] = ()
    ends: tuple[sp.Expr, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the streams that the step takes."""
        return self.x


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


Step = Ask | Map | Mix | Add


@dataclass(frozen=True)
class Block:
    """A program that a network repeats: streams in, streams out.

    Parameters
    ----------
    name : what the block is called in reports.
    streams : the streams that go from layer to layer, as (name, name that the block gives to the new value); the loss
        reads the first.
    steps : in order; every name is given once.
    matrices : what the steps ask.
    tied : whether all layers ask the same matrices and take the same biases (a recurrent cell), or each its own.

    Raises
    ------
    InputError : a step that reads a stream which nothing has written, a name written twice, shapes that do not fit.
    """

    name: str
    streams: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    matrices: tuple[Matrix, ...]
    tied: bool = False

    def __post_init__(self) -> None:
        for argument, values, kind in (
            ("streams", self.streams, tuple),
            ("steps", self.steps, Step),
            ("matrices", self.matrices, Matrix),
        ):
            if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
                accepted = f"a tuple of {'pairs of names' if kind is tuple else argument}"
                raise InputError(argument, accepted, "see vg.blocks for blocks to start from", got=shown(values))
        known = {m.name: m for m in self.matrices}
        if len(known) != len(self.matrices):
            raise InputError(f"the matrices of {self.name}", "names that differ", "rename one")
        sizes: dict[str, int] = {name: 1 for name, _ in self.streams}
        for step in self.steps:
            self._check_names(step, sizes, known)
            sizes.update(self._written(step, sizes, known))
        for name, new in self.streams:
            if sizes.get(new) != 1:
                raise InputError(f"the stream {name} of {self.name}", "a new value of the network's width", "write one")

    @property
    def carried(self) -> tuple[str, ...]:
        """Return the names of the streams that go from layer to layer; the loss reads the first."""
        return tuple(name for name, _ in self.streams)

    @property
    def recurrent(self) -> bool:
        """Return whether the block is driven by inputs at every step: its layers are steps in time."""
        return any(
            step.driven if isinstance(step, Ask) else isinstance(step, Mix) and step.kind == "input"
            for step in self.steps
        )

    def size_of(self) -> dict[str, int]:
        """Return the number of components of every stream, in multiples of the width."""
        known = {m.name: m for m in self.matrices}
        sizes = {name: 1 for name, _ in self.streams}
        for step in self.steps:
            sizes.update(self._written(step, sizes, known))
        return sizes

    def matrix(self, name: str) -> Matrix:
        """Return the matrix of this name."""
        return next(m for m in self.matrices if m.name == name)

    def _check_names(self, step: Step, sizes: Mapping[str, int], known: Mapping[str, Matrix]) -> None:
        for name in step.reads:
            if name not in sizes:
                near = ", ".join(sorted(sizes))
                raise InputError(f"the stream {name!r} in {self.name}", f"one of {near}", "write it before it is read")
        for name in step.out:
            if name in sizes or not IDENTIFIER.match(name):
                raise InputError(f"the stream {name!r} in {self.name}", "a new name for every result", "rename it")
        if isinstance(step, Ask) and step.matrix not in known:
            raise InputError(f"the matrix {step.matrix!r} in {self.name}", "one of " + ", ".join(known), "add it")

    def _written(self, step: Step, sizes: Mapping[str, int], known: Mapping[str, Matrix]) -> dict[str, int]:
        """Return the sizes of the streams that a step writes."""
        if isinstance(step, Ask):
            matrix = known[step.matrix]
            if matrix.inputs != sizes[step.x] or matrix.outputs % len(step.out):
                raise InputError(
                    f"the matrix {matrix.name} of shape ({matrix.outputs}N, {matrix.inputs}N) from {step.x} to "
                    f"{', '.join(step.out)} in {self.name}",
                    f"{sizes[step.x]}N inputs and outputs of equal sizes",
                    "change its shape",
                )
            return dict.fromkeys(step.out, matrix.outputs // len(step.out))
        read = {sizes[name] for name in step.reads} or {1}
        if len(read) > 1:
            raise InputError(
                f"streams of different sizes, {', '.join(step.reads)}, in {self.name}", "one size", "match"
            )
        return dict.fromkeys(step.out, read.pop())

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description; equal blocks have equal specs.

        >>> from vgtheory.model.blocks import rnn
        >>> Block.from_spec(rnn("tanh", Weights.orthogonal(1)).spec) == rnn("tanh", Weights.orthogonal(1))
        True
        """
        return {
            "name": self.name,
            "streams": [list(pair) for pair in self.streams],
            "steps": [_step_spec(step) for step in self.steps],
            "matrices": [matrix.spec for matrix in self.matrices],
            "tied": self.tied,
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Block:
        """Return the block that a :attr:`spec` describes; its texts are parsed, never evaluated.

        Raises InputError or FormulaError where the description is not one that :attr:`spec` gives.
        """
        try:
            return cls(
                str(spec["name"]),
                tuple((str(name), str(new)) for name, new in spec["streams"]),
                tuple(_step_from(step) for step in spec["steps"]),
                tuple(
                    Matrix(str(m["name"]), Weights.from_spec(m, {}), int(m["outputs"]), int(m["inputs"]))
                    for m in spec["matrices"]
                ),
                spec["tied"] is True,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            if isinstance(problem, InputError):
                raise
            raise InputError("a description of a block", "what Block.spec gives", "see Block.spec") from None


_STEPS: dict[str, type[Step]] = {"ask": Ask, "map": Map, "mix": Mix, "add": Add}


def _step_spec(step: Step) -> dict[str, Any]:
    kind = next(name for name, cls in _STEPS.items() if isinstance(step, cls))
    found = {f.name: getattr(step, f.name) for f in fields(step)}
    plain = {
        name: [str(v) for v in value] if isinstance(value, tuple) else value if isinstance(value, bool) else str(value)
        for name, value in found.items()
    }
    return {"step": kind, **plain}


def _step_from(spec: Mapping[str, Any]) -> Step:
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in spec.items()}
    kind = _STEPS[str(given.pop("step"))]
    if kind is Map:
        given["expressions"] = tuple(map(expression, given["expressions"]))
    if kind is Mix:
        if given["kind"] not in get_args(Kind):
            raise InputError(
                "kind of a step", "one of " + ", ".join(get_args(Kind)), "change it", got=f"{given['kind']!r}"
            )
        given["ends"] = tuple(read(str(end), {"width": width_symbol}) for end in given["ends"])
    if kind is Add:
        given |= {name: read(str(given[name]), {"depth": depth_symbol}) for name in ("scale", "keep")}
    return kind(**given)  # type: ignore[arg-type]


def renamed(block: Block, prefix: str) -> Block:
    """Return the block with names of its own for everything but the streams that come in."""
    kept = set(block.carried)
    every = {name for step in block.steps for name in step.out}
    new = {name: name if name in kept else f"{prefix}{name}" for name in kept | every}
    symbols = {stream(name): stream(to) for name, to in new.items()}

    def step_renamed(step: Step) -> Step:
        out = tuple(new[name] for name in step.out)
        match step:
            case Ask():
                return replace(step, out=out, matrix=f"{prefix}{step.matrix}", x=new[step.x])
            case Map():
                return replace(step, out=out, expressions=tuple(e.xreplace(symbols) for e in step.expressions))
            case Mix():
                return replace(step, out=out, x=tuple(new[name] for name in step.x))
            case Add():
                return replace(step, out=out, x=new[step.x], y=new[step.y])

    return replace(
        block,
        streams=tuple((name, new[to]) for name, to in block.streams),
        steps=tuple(map(step_renamed, block.steps)),
        matrices=tuple(replace(m, name=f"{prefix}{m.name}") for m in block.matrices),
    )
