"""A block as a straight-line program over named streams: what a layer, or a step in time, does.

    Ask(matrix, x)       x times a random matrix, plus its bias
    Map(expressions)     SymPy expressions, component by component
    Mix(kind, x)         what acts across components or columns: a norm, attention, a window, a source of numbers
    Add(x, y)            keep·x + scale·y: skip connections

A stream is an array (column, component); its number of components is a multiple of the network's width.  Forward is
written once; the adjoint and the tangent program are read off it, step by step: Map by its derivatives, Ask by the
transposed matrix, Mix by its registered adjoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from vgtheory._errors import InputError, shown
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix, Step, step_from, step_spec
from vgtheory.model.streams import stream
from vgtheory.model.windows import strided
from vgtheory.symbolic.building import CONSTANTS
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.symbolic.parser import IDENTIFIER
from vgtheory.symbolic.specification import described, flag_of, need_known, text_of


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

    Examples
    --------
    >>> import vgtheory as vg
    >>> block = vg.blocks.gru(vg.Weights.gaussian(1))
    >>> block.name, block.recurrent
    ('GRU, reset after', True)
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
        if not isinstance(self.tied, bool):
            raise InputError("tied", "True or False", "e.g. tied=False", got=shown(self.tied))
        known = {m.name: m for m in self.matrices}
        if len(known) != len(self.matrices):
            raise InputError(f"the matrices of {self.name}", "names that differ", "rename one")
        sizes: dict[str, int] = {name: 1 for name, _ in self.streams}
        for step in self.steps:
            self._check_names(step, sizes, known)
            sizes.update(self._written(step, sizes, known))
        self._check_strides()
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

    def mixes(self, *kinds: str) -> tuple[Mix, ...]:
        """Return the steps of these kinds that act across components or columns."""
        return tuple(step for step in self.steps if isinstance(step, Mix) and step.kind in kinds)

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
            if name in CONSTANTS:
                hint = f"{name} is a number: rename it"
                raise InputError(f"the stream {name!r} in {self.name}", "a name that is no number's", hint)
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
        taps = step.taps if isinstance(step, Mix) else 1
        return dict.fromkeys(step.out, read.pop() * taps)

    @cached_property
    def strides(self) -> dict[str, int]:
        """Return by stream how many positions of the map that comes in lie from one of its own to the next."""
        found = dict.fromkeys(self.carried, 1)
        for step in self.steps:
            before = max((found[name] for name in step.reads), default=1)
            found.update(dict.fromkeys(step.out, before * (step.stride if isinstance(step, Mix) else 1)))
        return found

    @property
    def stride(self) -> int:
        """Return how many positions before a layer one after it stands for, along each dimension."""
        return self.strides[self.streams[0][1]]

    def _check_strides(self) -> None:
        """Raise InputError for a step that reads maps of different strides."""
        for step in self.steps:
            if len({self.strides[name] for name in step.reads}) > 1:
                raise InputError(
                    f"streams of different strides, {', '.join(step.reads)}, in {self.name}", "one stride",
                    "project the skip connection, as vg.blocks.resnet does",
                )  # fmt: skip

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description; equal blocks have equal specs.

        >>> from vgtheory.model.blocks import rnn
        >>> from vgtheory.model.weights import Weights
        >>> Block.from_spec(rnn("tanh", Weights.orthogonal(1)).spec) == rnn("tanh", Weights.orthogonal(1))
        True
        """
        return {
            "name": self.name,
            "streams": [list(pair) for pair in self.streams],
            "steps": [step_spec(step) for step in self.steps],
            "matrices": [matrix.spec for matrix in self.matrices],
            "tied": self.tied,
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Block:
        """Return the block that a :attr:`spec` describes; its texts are parsed, never evaluated.

        Raises InputError or FormulaError where the description is not one that :attr:`spec` gives.
        """
        with described("a block"):
            need_known(spec, "a block", frozenset({"name", "streams", "steps", "matrices", "tied"}))
            return cls(
                text_of(spec, "name"),
                tuple((str(name), str(new)) for name, new in spec["streams"]),
                tuple(step_from(step) for step in spec["steps"]),
                tuple(map(Matrix.from_spec, spec["matrices"])),
                flag_of(spec, "tied"),
            )


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


def reading(step: Step, names: Mapping[str, str]) -> Step:
    """Return the step with other streams to read, by the names of those that it reads."""
    match step:
        case Ask():
            return replace(step, x=names.get(step.x, step.x))
        case Map():
            symbols = {stream(old): stream(new) for old, new in names.items()}
            return replace(step, expressions=tuple(e.xreplace(symbols) for e in step.expressions))
        case Mix():
            return replace(step, x=tuple(names.get(name, name) for name in step.x))
        case Add():
            return replace(step, x=names.get(step.x, step.x), y=names.get(step.y, step.y))


def on_maps(block: Block, dimensions: int) -> Block:
    """Return the block with windows along so many dimensions, and matrices that take what these give."""
    steps = tuple(
        replace(step, options=(*step.options[:2], dimensions, step.stride)) if step in block.mixes("window") else step
        for step in block.steps
    )
    windows = {step.out[0]: step.taps for step in steps if isinstance(step, Mix) and step.kind == "window"}
    before = {step.out[0]: step.taps for step in block.mixes("window")}
    grown = {s.matrix: (windows[s.x], before[s.x]) for s in steps if isinstance(s, Ask) and s.x in windows}
    matrices = tuple(
        replace(m, inputs=m.inputs // grown[m.name][1] * grown[m.name][0]) if m.name in grown else m
        for m in block.matrices
    )
    return replace(block, steps=steps, matrices=matrices)


def _check_factors(block: Block, depth: int) -> None:
    """Raise InputError for scales of branches or matrices that are no finite real numbers at this depth."""
    adds = [number for step in block.steps if isinstance(step, Add) for number in (step.keep, step.scale)]
    for expr in (*adds, *(m.scale for m in block.matrices)):
        value = expr.subs(depth_symbol, depth)
        if not (value.is_real and value.is_finite):
            raise InputError(
                f"the scale {expr} at depth {depth}", "a finite real number", "change it, or the depth", got=f"{value}"
            )


def check_fit(block: Block, width: int, depth: int, shape: tuple[int, ...]) -> None:
    """Raise InputError where a block's norms, heads, kernels or scales do not fit the width, the depth or the map."""
    _check_factors(block, depth)
    if width == 1 and block.mixes("layer"):
        raise InputError("width of a network with layer norm", "at least 2", "e.g. width=64", got="1")
    for step in block.mixes("attention"):
        heads = step.options[0]
        if width % heads:
            near = max(heads, round(width / heads) * heads)
            raise InputError("width", f"a multiple of the {heads} heads", f"e.g. width={near}", got=f"{width}")
    for layer in range(1, (depth if block.stride > 1 else 1) + 1):
        for step in block.mixes("window"):
            _check_window(step, strided(shape, block.strides[step.x[0]]), layer)
        shape = strided(shape, block.stride)


def _check_window(step: Mix, shape: tuple[int, ...], layer: int) -> None:
    kernel, zeros, _, stride = step.options
    # Three taps among zeros are usual on maps of one or two positions, the last ones of a network.
    if kernel > max(min(shape), 3 if zeros else 1):
        raise InputError(
            f"kernel {kernel} on a map of shape {shape}", "a kernel that is no larger than the map",
            f"e.g. kernel={min(shape) - 1 + min(shape) % 2}, or a larger shape",
        )  # fmt: skip
    if stride > 1 and stride >= min(shape):
        raise InputError(
            f"stride {stride} on a map of shape {shape}, at layer {layer}", "a stride that is smaller than the map",
            f"take a larger shape, or depth={layer - 1}" if layer > 1 else "take a larger shape, or stride=1",
        )  # fmt: skip
