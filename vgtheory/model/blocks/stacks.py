"""Blocks of feed-forward stacks over one stream x: dense and gated layers, skip connections and norms around them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.model.program import Block, reading, renamed
from vgtheory.model.steps import MAX_FACTOR, Add, Ask, Map, Matrix, Mix
from vgtheory.model.streams import factor, stream
from vgtheory.model.weights import Weights
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation

Place = Literal["before", "after"]
X = "x"


def dense(act: Any, weights: Weights) -> Block:
    """Return x' = φ(W x + b).

    Parameters
    ----------
    act : activation φ, a catalogue name or a formula.
    weights : distribution of the matrix and its bias.

    Raises
    ------
    InputError : what is not an activation, or not weights.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network(dense("tanh", vg.Weights.gaussian(1.5)), width=16, depth=4)
    >>> network.block.name
    'dense tanh'
    """
    act, weights = numeric(act), to_weights(weights)
    steps = (Ask(("h",), "W", X), Map(("y",), (applied(act, "h"),)))
    return Block(f"dense {act.name}", ((X, "y"),), steps, (Matrix("W", weights),))


def mlp(act: Any, w1: Weights, w2: Weights, expansion: int = 4) -> Block:
    """Return x' = W_2 φ(W_1 x + b_1) + b_2, with expansion·width hidden units.

    Parameters
    ----------
    act : activation.
    w1, w2 : distributions of the matrices and their biases; variances are σ²/fan_in of each matrix.
    expansion : hidden units over width.

    Raises
    ------
    InputError : an expansion that is no whole number of at least 1.

    Examples
    --------
    >>> import vgtheory as vg
    >>> weights = vg.Weights.gaussian(1)
    >>> mlp("relu", weights, weights).name
    'MLP relu'
    """
    act, wide = numeric(act), whole("expansion", expansion)
    steps = (Ask(("h",), "W1", X), Map(("u",), (applied(act, "h"),)), Ask(("y",), "W2", "u"))
    matrices = (Matrix("W1", to_weights(w1), wide, 1), Matrix("W2", to_weights(w2), 1, wide))
    return Block(f"MLP {act.name}", ((X, "y"),), steps, matrices)


def gated(act: Any, gate: Weights, value: Weights, out: Weights, expansion: int = 4) -> Block:
    """Return x' = W_out(φ(W_gate x)·(W_value x)): GLU (φ = sigmoid), ReGLU, GEGLU, SwiGLU (silu), bilinear (identity).

    Parameters
    ----------
    act : activation of the gate.
    gate, value, out : distributions of the matrices and their biases; variances are σ²/fan_in of each matrix.
    expansion : hidden units over width.

    Notes
    -----
    Shazeer (2020), "GLU variants improve transformer".

    Examples
    --------
    >>> import vgtheory as vg
    >>> weights = vg.Weights.gaussian(1)
    >>> swiglu = gated("silu", weights, weights, weights, expansion=2)
    >>> vg.Network(residual(swiglu), width=16, depth=4).block.name
    'residual gated silu'
    """
    act, wide = numeric(act), whole("expansion", expansion)
    product = applied(act, "h") * stream("v")
    steps = (Ask(("h",), "Wgate", X), Ask(("v",), "Wvalue", X), Map(("u",), (product,)), Ask(("y",), "Wout", "u"))
    shapes = (("Wgate", gate, wide, 1), ("Wvalue", value, wide, 1), ("Wout", out, 1, wide))
    matrices = tuple(Matrix(name, to_weights(law), rows, columns) for name, law, rows, columns in shapes)
    return Block(f"gated {act.name}", ((X, "y"),), steps, matrices)


def residual(block: Block, scale: Any = 1, keep: Any = 1) -> Block:
    """Return x' = keep·x + scale·f(x) for the block f.

    Parameters
    ----------
    block : f.
    scale, keep : numbers, or expressions in ``depth``.

    Examples
    --------
    >>> residual(dense("relu", Weights.he()), scale="1/sqrt(depth)").name
    'residual dense relu'
    """
    inner = renamed(_single(block), "f_")
    step = Add(("r",), X, inner.streams[0][1], factor(scale, "scale"), factor(keep, "keep"))
    return replace(inner, name=f"residual {block.name}", streams=((X, "r"),), steps=(*inner.steps, step))


def normalised(block: Block, kind: Literal["layer", "rms"] = "layer", place: Place = "before") -> Block:
    """Return f(norm(x)), or norm(f(x)) with place="after"; norms have no gain and shift and eps = 0.

    ``residual(normalised(f, "rms"))`` is pre-norm, ``normalised(residual(f), "layer", "after")`` post-norm.

    Parameters
    ----------
    block : f.
    kind : "layer" or "rms", to mean 0 and mean square 1 or to mean square 1.
    place : "before" f or "after" it.

    Raises
    ------
    InputError : another kind or place.

    Examples
    --------
    >>> import vgtheory as vg
    >>> weights = vg.Weights.gaussian(1)
    >>> normalised(mlp("relu", weights, weights), "rms").name
    'pre-rms MLP relu'
    """
    if kind not in ("layer", "rms"):
        raise InputError("kind", '"layer" or "rms"', 'e.g. kind="rms"', got=f"{kind!r}"[:60])
    if place not in get_args(Place):
        raise InputError("place", '"before" or "after"', 'e.g. place="before"', got=f"{place!r}"[:60])
    inner = renamed(_single(block), "g_")
    if place == "after":
        step = Mix(("n",), kind, (inner.streams[0][1],))
        return replace(inner, name=f"post-{kind} {block.name}", streams=((X, "n"),), steps=(*inner.steps, step))
    steps = tuple(reading(step, {X: "n"}) for step in inner.steps)
    return replace(inner, name=f"pre-{kind} {block.name}", steps=(Mix(("n",), kind, (X,)), *steps))


def sequence(*blocks: Block) -> Block:
    """Return one layer that is these blocks, one after the other.

    >>> sequence(residual(dense("relu", Weights.he())), normalised(dense("tanh", Weights.lecun()))).name
    'residual dense relu, pre-layer dense tanh'
    """
    if not blocks:
        raise InputError("a sequence of no blocks", "one block or more", 'e.g. sequence(dense("tanh", weights))')
    parts = [renamed(_single(block), f"p{k}_") for k, block in enumerate(blocks, 1)]
    at, steps = X, []
    for part in parts:
        steps += [reading(step, {X: at}) for step in part.steps]
        at = part.streams[0][1]
    matrices = tuple(matrix for part in parts for matrix in part.matrices)
    return Block(", ".join(block.name for block in blocks), ((X, at),), tuple(steps), matrices)


def applied(act: Activation, name: str) -> sp.Expr:
    """Return φ of a stream."""
    return act.expr.xreplace({act.symbol: stream(name)})


def numeric(act: Any) -> Activation:
    """Return an activation that has numbers for all its parameters; raise InputError for another."""
    act = to_activation(act)
    if not act.is_numeric:
        raise InputError(f"activation {act.name} with symbolic parameters", "numbers", "give them values")
    return act


def to_weights(weights: Any) -> Weights:
    """Return weights that a block can ask: numbers everywhere, drawn by a distribution, not given and not low rank.

    Raises InputError for anything else.
    """
    if not isinstance(weights, Weights):
        raise InputError("weights", "a Weights", "e.g. vg.Weights.gaussian(1)", got=f"{weights!r}"[:60])
    if weights.arrays is not None or weights.family == "low_rank":
        raise InputError(f"{weights.text} weights of a block", "independent entries or orthogonal", "use gaussian ones")
    if weights.tied:
        raise InputError("tied weights of a block", "weights that are not", "cells are tied by tied=True of their own")
    return weights


def whole(name: str, value: Any) -> int:
    """Return a whole number from 1 to 1024; raise InputError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_FACTOR:
        raise InputError(name, f"a whole number from 1 to {MAX_FACTOR}", f"e.g. {name}=4", got=f"{value!r}"[:60])
    return value


def _single(block: Any) -> Block:
    if not isinstance(block, Block):
        raise InputError(
            "block", "a block of vg.blocks", 'e.g. vg.blocks.dense("tanh", weights)', got=f"{block!r}"[:60]
        )
    if block.carried != (X,):
        raise InputError(
            f"{block.name} with the streams {', '.join(block.carried)}", "a block over one stream x",
            "skip connections and norms go around dense, mlp and gated blocks",
        )  # fmt: skip
    return block
