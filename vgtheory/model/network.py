"""`Network`: a network of layers, or of blocks, at initialisation, as a frozen description."""

from __future__ import annotations

import inspect
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import sympy as sp

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.model import sizes
from vgtheory.model.architecture import Norm, Skip, to_dropout, to_norm, to_skip
from vgtheory.model.constructing import check_arguments, check_widths, need_columns
from vgtheory.model.equations import layers_latex, program_latex
from vgtheory.model.program import Block, check_fit, on_maps
from vgtheory.model.weights import WEIGHT_ENTRIES, Weights, fan_in, fan_out
from vgtheory.symbolic.activation import ACTIVATION_ENTRIES, Activation, assumptions
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.symbolic.parser import read
from vgtheory.symbolic.printing import displayed
from vgtheory.symbolic.specification import described, need_known, part_of, symbols_of


@dataclass(frozen=True, init=False)
class Network:
    """h_l = W_l x_{l−1} + b_l, x_l = φ(h_l), l = 1..L: activation, distribution of the weights, widths, depth; parts.

    With every part x_l = x_{l−1} + a W'_l D_l norm(φ(norm(h_l))): the branch is normalised before the activation or
    after it, thinned by dropout, multiplied by W'_l (two matrices) and added to what skips it.

    Parameters
    ----------
    activation : an Activation, a catalogue name or a formula string.
    weights : the distribution of weights and biases.
    width : N for all layers (input included), or the widths N_0..N_L of input and layers as a sequence of depth + 1.
    depth : L, the number of layers. May be a SymPy symbol, as may the width, for formulas.
    skip : a Skip, or its scale a: a number, or an expression in ``depth`` such as ``"1/sqrt(depth)"``.  All widths must
        be equal.
    norm : "layer", "rms" or "batch" (before the activation), "layer-after" or "rms-after", or a Norm.
    dropout : rate p, 0 ≤ p < 1: every number is 0 with probability p, else divided by 1 − p; p = 0 is no dropout.

    Examples
    --------
    >>> Network("tanh", Weights.gaussian(1.5, 0.05), width=512, depth=1000).widths[:2]
    (512, 512)
    """

    activation: Activation
    weights: Weights
    width: sp.Expr | tuple[int, ...]
    depth: sp.Expr
    skip: Skip | None
    norm: Norm | None
    dropout: sp.Expr | None

    def __new__(cls, *given: Any, **named: Any) -> Network:
        """Return a network of layers, or of blocks where the first argument is a block."""
        return object.__new__(BlockNetwork if isinstance(check_arguments(given, named), Block) else cls)

    # fmt: off
    @overload
    def __init__(self, block: Block, /, *, width: Any, depth: Any, tokens: Any = None, shape: Any = None) -> None: ...
    @overload
    def __init__(self, activation: Any, weights: Weights, width: Any, depth: Any,
                 skip: Any = None, norm: Any = None, dropout: Any = None) -> None: ...
    # fmt: on
    def __init__(  # type: ignore[misc]  # of blocks, which __new__ makes networks of, BlockNetwork has its own
        self,
        activation: Any,
        weights: Weights,
        width: Any,
        depth: Any,
        skip: Any = None,
        norm: Any = None,
        dropout: Any = None,
    ) -> None:
        if not isinstance(weights, Weights):
            raise InputError("weights", "a Weights", "e.g. vg.Weights.gaussian(1.5, 0.05)", got=f"{weights!r}")
        object.__setattr__(self, "activation", to_activation(activation))
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "depth", sizes.size("depth", depth, sizes.MAX_DEPTH))
        if (widths := sizes.several_widths(width)) is not None:
            if self.depth.is_number and len(widths) != self.depth + 1:
                raise InputError(
                    f"{len(widths)} widths for depth {self.depth}",
                    "depth + 1 widths N_0..N_L",
                    f"e.g. depth={len(widths) - 1}",
                )
            object.__setattr__(self, "width", widths)
        else:
            object.__setattr__(self, "width", sizes.size("width", width, sizes.MAX_WIDTH))
        object.__setattr__(self, "skip", to_skip(skip))
        object.__setattr__(self, "norm", to_norm(norm))
        object.__setattr__(self, "dropout", to_dropout(dropout))
        check_widths(self.weights, self.width, self.depth, skips=self.skip is not None)

    @property
    def name(self) -> str:
        """Return what tables call the network: the name of its activation, or of its block."""
        return self.activation.name or str(self.activation.expr)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Return (N_0, ..., N_L). Raises InputError while width or depth is symbolic."""
        self.require_numbers()
        if isinstance(self.width, tuple):
            return self.width
        return (int(self.width),) * (int(self.depth) + 1)

    @cached_property
    def sigmas(self) -> tuple[tuple[float, float], ...]:
        """Return (σ_w, σ_b) of layers 1..L as floats."""
        if self.weights.arrays is not None:
            return self.weights.arrays.layer_scales
        if not isinstance(self.width, tuple):
            self.require_numbers()
            return (self.sigmas_between(self.width, self.width),) * int(self.depth)
        shapes = list(zip(self.widths, self.widths[1:], strict=False))
        distinct = {s: self.sigmas_between(*s) for s in set(shapes)}
        return tuple(distinct[s] for s in shapes)

    def sigmas_between(self, shape_in: Any, shape_out: Any) -> tuple[float, float]:
        """Return (σ_w, σ_b) of a layer of this shape as floats; raise InputError while they are symbolic."""
        sigma_w, sigma_b = self.weights.sigma_at(shape_in, shape_out)
        if sigma_w.free_symbols or sigma_b.free_symbols:
            raise InputError(f"symbolic scales {sigma_w}, {sigma_b}", "numbers", "give sigma_w and sigma_b values")
        return sizes.standard_deviation("sigma_w", sigma_w), sizes.standard_deviation("sigma_b", sigma_b)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what the network has besides weights and activation, in words; () for a plain one.

        >>> Network("tanh", Weights.lecun(), 8, 3, skip="1/sqrt(depth)", norm="layer").parts
        ('skip connections', 'layer norm')
        """
        norm = "" if self.norm is None else f"{self.norm.kind} norm"
        names = ("skip connections" if self.skip else "", norm, "" if self.dropout is None else "dropout")
        return tuple(name for name in names if name)

    @cached_property
    def skip_scales(self) -> tuple[float, float]:
        """Return (a, σ_w of W'); (0, 0) without skip connections.  Raises InputError while they are symbolic."""
        if self.skip is None:
            return 0.0, 0.0
        self.require_numbers()
        scale = sizes.number("scale of the skip", self.skip.at(self.depth))
        return scale, sizes.number("sigma_w of the skip", self.skip.sigma_w)

    @cached_property
    def drop_rate(self) -> float:
        """Return the rate of dropout, 0 without.  Raises InputError while it is symbolic."""
        return 0.0 if self.dropout is None else sizes.number("dropout", self.dropout)

    def _repr_latex_(self) -> str:
        return displayed(layers_latex(self))

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description; equal networks have equal specs."""
        scales = [self.weights.sigma_w, self.weights.sigma_b, *filter(None, [self.dropout])]
        scales += [self.skip.scale, self.skip.sigma_w] if self.skip else []
        sizes = (self.depth,) if isinstance(self.width, tuple) else (self.depth, self.width)
        bound = {fan_in, fan_out} if isinstance(self.depth, sp.Symbol) else {fan_in, fan_out, depth_symbol}
        open_symbols = set().union(*(e.free_symbols for e in (*scales, *sizes))) - bound
        spec = self.activation.spec
        symbols = {**spec.pop("symbols", {}), **assumptions(open_symbols)}
        width = list(self.width) if isinstance(self.width, tuple) else str(self.width)
        spec |= {**self.weights.spec, "width": width, "depth": str(self.depth)}
        # Only what is there: a plain network's description stays what it was before there were parts.
        spec |= {"skip": self.skip.spec} if self.skip else {}
        spec |= {"norm": self.norm.spec} if self.norm else {}
        spec |= {} if self.dropout is None else {"dropout": str(self.dropout)}
        return spec | ({"symbols": symbols} if symbols else {})

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], arrays: str | os.PathLike[str] | None = None) -> Network:
        """Return the network that a :attr:`spec` describes; its texts are parsed, never evaluated.

        Given weights are in a spec by their digest; `arrays` is the folder where ``weights.arrays.save`` put them.

        Raises FormulaError or InputError where the description is not one that :attr:`spec` gives.

        >>> network = Network("tanh", Weights.xavier(), width=[8, 16, 4], depth=2)
        >>> Network.from_spec(network.spec) == network
        True
        """
        with described("a network"):
            if "block" in spec:
                return BlockNetwork.from_block_spec(spec)
            symbols = symbols_of(spec)
            need_known(spec, "a network", sizes.ENTRIES | WEIGHT_ENTRIES | ACTIVATION_ENTRIES)
            weights = Weights.from_spec(part_of(spec, WEIGHT_ENTRIES), symbols, arrays)
            width = spec["width"] if isinstance(spec["width"], list) else read(spec["width"], symbols)
            skip = Skip.from_spec(spec["skip"], symbols) if "skip" in spec else None
            norm = Norm.from_spec(spec["norm"]) if "norm" in spec else None
            dropout = read(spec["dropout"], symbols) if "dropout" in spec else None
            depth = read(spec["depth"], symbols)
            act = Activation.from_spec(part_of(spec, ACTIVATION_ENTRIES))
            return cls(act, weights, width, depth, skip, norm, dropout)

    def __reduce__(self) -> tuple[Any, ...]:
        return object.__new__, (type(self),), self.__dict__

    @property
    def spec_json(self) -> str:
        """Return :attr:`spec` as one canonical JSON string."""
        return json.dumps(self.spec, sort_keys=True)

    def require_numbers(self) -> None:
        """Raise InputError while width or depth is symbolic."""
        sizes = [self.depth] if isinstance(self.width, tuple) else [self.depth, self.width]
        if symbols := set().union(*(s.free_symbols for s in sizes)):
            names = ", ".join(sorted(s.name for s in symbols))
            raise InputError(f"a network with symbolic {names}", "numbers", "give width and depth as integers")


class BlockNetwork(Network):
    """A block repeated: ``Network(block, width=…, depth=…)`` makes it.

    Parameters
    ----------
    block : of ``vg.blocks``; depth counts layers, or steps in time of a recurrent cell.
    width : N, the components of every stream that goes from layer to layer.
    depth : L.
    tokens : T, columns of the streams, side by side; attention mixes them.
    shape : of a map of positions instead, such as (28, 28); a window reaches along all of its dimensions.

    Raises
    ------
    InputError : sizes that are not whole numbers, a norm of a stream of width 1, heads that do not divide the width,
        a kernel or a stride that is larger than the map.

    Examples
    --------
    >>> from vgtheory.model import blocks
    >>> Network(blocks.lstm(Weights.gaussian(1)), width=64, depth=100)
    Network(LSTM, width=64, depth=100)
    """

    block: Block
    shape: tuple[int, ...]

    def __init__(self, block: Block, width: Any, depth: Any, tokens: Any = None, shape: Any = None) -> None:
        if tokens is None and shape is None:
            need_columns(block)
        object.__setattr__(self, "shape", sizes.to_shape(tokens, shape))
        object.__setattr__(self, "block", on_maps(block, len(self.shape)))
        object.__setattr__(self, "width", sizes.plain_size("width", width, sizes.MAX_WIDTH))
        object.__setattr__(self, "depth", sizes.plain_size("depth", depth, sizes.MAX_DEPTH))
        for name in ("skip", "norm", "dropout"):
            object.__setattr__(self, name, None)
        check_fit(self.block, self.widths[0], int(self.depth), self.shape)

    @cached_property
    def columns(self) -> int:
        """Return how many tokens or positions a stream holds."""
        return math.prod(self.shape)

    @property
    def name(self) -> str:
        """Return the name of the block."""
        return self.block.name

    @property
    def activation(self) -> Any:
        """Raise UnsupportedError: blocks have maps, not one activation."""
        raise self._refusal("activation")

    @property
    def weights(self) -> Any:
        """Raise UnsupportedError: a block's matrices have weights, the network has none of its own."""
        raise self._refusal("weights")

    def _refusal(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"a network of blocks ({self.block.name}) has no {what} of its own; use vg.simulate or vg.predict"
        )

    @property
    def identity(self) -> tuple[Any, ...]:
        """Return what tells it from other networks of blocks."""
        return self.block, self.width, self.depth, self.shape

    def __eq__(self, other: object) -> bool:
        return self.identity == other.identity if isinstance(other, BlockNetwork) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        shape = f", shape={self.shape}" * (self.columns > 1)
        return f"Network({self.block.name}, width={self.width}, depth={self.depth}{shape})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Network, (self.block, self.widths[0], int(self.depth), None, self.shape)

    def _repr_latex_(self) -> str:
        return displayed(program_latex(self.block, self.widths[0], int(self.depth), self.shape))

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description; equal networks have equal specs."""
        return {"block": self.block.spec, "width": f"{self.width}", "depth": f"{self.depth}", "shape": list(self.shape)}

    @classmethod
    def from_block_spec(cls, spec: Mapping[str, Any]) -> BlockNetwork:
        """Return the network that a :attr:`spec` describes; raise InputError or FormulaError where it is none."""
        need_known(spec, "a network of blocks", frozenset({"block", "width", "depth", "shape"}))
        width, depth = (read(str(spec[name]), {}) for name in ("width", "depth"))
        return cls(Block.from_spec(spec["block"]), width, depth, shape=spec["shape"])


for made in (Network, BlockNetwork):  # Python would show the signature of __new__
    _whole = inspect.signature(made.__init__)
    made.__signature__ = _whole.replace(parameters=[*_whole.parameters.values()][1:])  # type: ignore[union-attr]


def need_network(value: Any) -> Network:
    """Return the value; raise InputError unless it is a Network."""
    if not isinstance(value, Network):
        example = "e.g. vg.Network('tanh', vg.Weights.he(), width=64, depth=50)"
        raise InputError("network", "a Network", example, got=shown(value))
    return value
