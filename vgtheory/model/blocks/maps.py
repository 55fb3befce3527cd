"""Blocks over the positions of a map: convolutions, and the stages of residual networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.model.blocks.stacks import X, applied, numeric, sequence, to_weights, whole
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix, Step
from vgtheory.model.weights import Weights
from vgtheory.symbolic.activation import Activation

Padding = Literal["circular", "zeros"]
Norm = Literal["layer", "rms", "batch"]


def conv(
    act: Any,
    weights: Weights,
    kernel: int = 3,
    padding: Padding = "circular",
    norm: Norm | None = None,
    *,
    stride: int = 1,
    delta: bool = False,
) -> Block:
    """Return x'_p = φ(norm(Σ_o W_o x_{sp+o} + b)) over the positions p of a map, one- or two-dimensional.

    Parameters
    ----------
    act : activation φ, a catalogue name or a formula.
    weights : distribution, for the K·C inputs of a channel; K = kernel, kernel² in two dimensions,
        also at edges.  One bias per channel.
    kernel : an odd number of taps along each dimension.
    padding : "circular", the map is closed to a ring or torus; "zeros", there are zeros outside.
    norm : "layer" or "rms", over the channels of a position; "batch", of a channel over a batch's inputs and positions.
    stride : s, positions from one result to the next along each dimension; a layer's map is the s-th part of the one
        before, rounded up.
    delta : whether only the tap in the middle has weights, with variance σ_w²/C; of orthogonal weights these are
        delta-orthogonal ones, which keep every pattern over the positions (Xiao et al. (2018)).

    Raises
    ------
    InputError : a kernel that is no odd whole number, a stride that is none, another padding or norm.

    Examples
    --------
    >>> conv("relu", Weights.he(), padding="zeros").name
    'convolution relu'
    >>> conv("tanh", Weights.orthogonal(1), stride=2, delta=True).matrices[0].inputs
    3
    """
    act, window = numeric(act), _window(kernel, padding, stride)
    _check_norm(norm)
    if not isinstance(delta, bool):
        raise InputError("delta", "True or False", "e.g. delta=True", got=shown(delta))
    steps = _filtered(X, "", window, norm)
    last = Map(("y",), (applied(act, steps[-1].out[0]),))
    law = Matrix("W", to_weights(weights), 1, window.taps, centre=delta)
    return Block(f"convolution {act.name}", ((X, "y"),), (*steps, last), (law,))


def resnet(
    act: Any,
    weights: Weights,
    units: int = 2,
    stride: int = 2,
    norm: Norm | None = "batch",
    kernel: int = 3,
    padding: Padding = "zeros",
) -> Block:
    """Return a stage of a residual network: units φ(norm(W_2 * φ(norm(W_1 * x))) + skip), the first one with a stride.

    A network of depth L has L stages, each on a map that is the stride-th part of the one before.  Where there is a
    stride the skip connection is norm(P x), P a 1 × 1 convolution with that stride, and x itself elsewhere.

    Parameters
    ----------
    act : activation φ, a catalogue name or a formula.
    weights : distribution of all matrices; variances σ²/fan_in.
    units : of a stage, each of two convolutions.
    stride, norm, kernel, padding : as in ``conv``.

    Raises
    ------
    InputError : as ``conv``; units that are no whole number.

    Notes
    -----
    He et al. (2016), figures 3 and 5, option B.  The number of channels is the network's width in every stage;
    published ones double it.

    Examples
    --------
    >>> [m.name for m in resnet("relu", Weights.he(), units=1).matrices]
    ['p1_W1', 'p1_W2', 'p1_WP']
    """
    act, law = numeric(act), to_weights(weights)
    window = _window(kernel, padding, stride)
    _check_norm(norm)
    first, other = (_unit(act, law, replace(window, options=(*window.options[:3], s)), norm) for s in (stride, 1))
    stage = sequence(first, *[other] * (whole("units", units) - 1))
    return replace(stage, name=f"residual stage {act.name}")


def _unit(act: Activation, law: Weights, window: Mix, norm: Norm | None) -> Block:
    """Return φ(norm(W_2 * φ(norm(W_1 * x))) + skip); the skip is projected where the window has a stride."""
    kernel, zeros, dimensions, stride = window.options
    outer = _filtered(X, "1", window, norm)
    inner = _filtered("u", "2", replace(window, options=(kernel, zeros, dimensions, 1)), norm)
    skip = _filtered(X, "P", replace(window, options=(1, zeros, dimensions, stride)), norm) if stride > 1 else ()
    steps = (
        *outer, Map(("u",), (applied(act, outer[-1].out[0]),)), *inner, *skip,
        Add(("r",), skip[-1].out[0] if skip else X, inner[-1].out[0]), Map(("y",), (applied(act, "r"),)),
    )  # fmt: skip
    matrices = (Matrix("W1", law, 1, window.taps), Matrix("W2", law, 1, window.taps), Matrix("WP", law))
    return Block("unit", ((X, "y"),), steps, matrices if skip else matrices[:2])


def _filtered(x: str, name: str, window: Mix, norm: Norm | None) -> tuple[Step, ...]:
    """Return norm(W * x): a window, the matrix W followed by `name`, and the norm."""
    steps = (replace(window, out=(f"w{name}",), x=(x,)), Ask((f"h{name}",), f"W{name}", f"w{name}"))
    numbers = (sp.S.Zero,) if norm == "batch" else ()
    return steps if norm is None else (*steps, Mix((f"n{name}",), norm, (f"h{name}",), numbers=numbers))


def _window(kernel: Any, padding: Any, stride: Any) -> Mix:
    """Return the window of a convolution along one dimension; raise InputError for what is none."""
    if whole("kernel", kernel) % 2 == 0:
        raise InputError("kernel", "an odd number of taps", "e.g. kernel=3", got=shown(kernel))
    if padding not in get_args(Padding):
        raise InputError("padding", '"circular" or "zeros"', 'e.g. padding="zeros"', got=shown(padding))
    return Mix(("w",), "window", (X,), options=(kernel, int(padding == "zeros"), 1, whole("stride", stride)))


def _check_norm(norm: Any) -> None:
    if norm not in (*get_args(Norm), None):
        raise InputError("norm", '"layer", "rms", "batch" or None', 'e.g. norm="batch"', got=shown(norm))
