"""Blocks that mix columns: attention and transformers over tokens, convolutions over positions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.model.blocks import stacks
from vgtheory.model.blocks.stacks import X, applied, gated, normalised, numeric, residual, sequence, to_weights
from vgtheory.model.program import Block
from vgtheory.model.steps import MAX_FACTOR, Ask, Map, Matrix, Mix
from vgtheory.model.weights import Weights
from vgtheory.symbolic.notation import depth

Norm = Literal["pre", "post", "none", "deep"]
Inner = Literal["plain", "gated"]
Padding = Literal["circular", "zeros"]


def attention(weights: Weights, heads: int, causal: bool = False) -> Block:
    """Return x'_t = W_out Σ_u softmax_u(q_t·k_u/√d) v_u, head by head: queries W_q x, keys W_k x, values W_v x.

    Parameters
    ----------
    weights : distribution of the four matrices, without biases; variances σ²/width.
    heads : a divisor of the width; a head has d = width/heads components.
    causal : whether a token sees only itself and the tokens before it.

    Raises
    ------
    InputError : weights with biases, heads that are no whole number.

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need".
    """
    law, heads = _unbiased(weights), _whole("heads", heads)
    if not isinstance(causal, bool):
        raise InputError("causal", "True or False", "e.g. causal=True", got=f"{causal!r}"[:60])
    names = ("q", "k", "v")
    asks = tuple(Ask((name,), f"W{name}", X) for name in names)
    mix = Mix(("m",), "attention", names, options=(heads, int(causal)))
    matrices = tuple(Matrix(name, law) for name in ("Wq", "Wk", "Wv", "Wo"))
    return Block(
        "causal attention" if causal else "attention", ((X, "y"),), (*asks, mix, Ask(("y",), "Wo", "m")), matrices
    )


def transformer(
    act: Any,
    weights: Weights,
    heads: int,
    norm: Norm = "pre",
    mlp: Inner = "plain",
    scale: Any = 1,
    *,
    causal: bool = False,
    kind: Literal["layer", "rms"] = "layer",
    expansion: int = 4,
) -> Block:
    """Return a transformer's layer: attention, then an MLP, each with a norm and a skip connection of its own.

    Parameters
    ----------
    act : activation of the MLP.
    weights : distribution of all matrices, without biases; variances σ²/fan_in.
    heads, causal : of the attention.
    norm : "pre", x + scale·f(LN x); "post", LN(x + scale·f(x)); "none", x + scale·f(x); "deep" (DeepNorm),
        LN(αx + scale·f(x)) with α = (2L)^¼, and the weights of values, outputs and the MLP times (8L)^−¼.
    mlp : "plain", W_2 φ(W_1 x), or "gated", W_out(φ(W_gate x)·(W_value x)), with expansion·width hidden units.
    scale : of the branches: a number or an expression in ``depth``.
    kind : "layer" or "rms".

    Raises
    ------
    InputError : weights with biases, heads or an expansion that are no whole numbers, another norm or mlp.

    Notes
    -----
    Xiong et al. (2020) on pre- and post-norm; Wang et al. (2022), "DeepNet", for DeepNorm.

    Examples
    --------
    >>> transformer("silu", Weights.gaussian(1), heads=8, mlp="gated", scale="1/sqrt(2*depth)", kind="rms").name
    'pre-norm transformer'
    """
    if norm not in get_args(Norm) or mlp not in get_args(Inner):
        raise InputError(
            "transformer", 'norm "pre", "post", "none" or "deep", mlp "plain" or "gated"',
            'e.g. transformer("gelu", weights, 8, norm="pre")', got=f"{norm!r}, {mlp!r}",
        )  # fmt: skip
    law = _unbiased(weights)
    inner = stacks.mlp(act, law, law, expansion) if mlp == "plain" else gated(act, law, law, law, expansion)
    parts = [attention(law, heads, causal), inner]
    if norm == "deep":
        parts = [_scaled(part, (8 * depth) ** sp.Rational(-1, 4)) for part in parts]
    keep = (2 * depth) ** sp.Rational(1, 4) if norm == "deep" else 1
    whole = sequence(*(_sublayer(part, norm, kind, scale, keep) for part in parts))
    return replace(whole, name="transformer" if norm == "none" else f"{norm}-norm transformer")


def _sublayer(part: Block, norm: Norm, kind: Literal["layer", "rms"], scale: Any, keep: Any) -> Block:
    if norm == "pre":
        return residual(normalised(part, kind), scale)
    whole = residual(part, scale, keep)
    return whole if norm == "none" else normalised(whole, kind, "after")


def _scaled(block: Block, scale: sp.Expr) -> Block:
    """Return the block with all matrices scaled but those of queries and keys."""
    matrices = tuple(m if m.name in ("Wq", "Wk") else replace(m, scale=scale * m.scale) for m in block.matrices)
    return replace(block, matrices=matrices)


def conv(
    act: Any,
    weights: Weights,
    kernel: int = 3,
    padding: Padding = "circular",
    norm: Literal["layer", "rms"] | None = None,
) -> Block:
    """Return x'_p = φ(norm(Σ_o W_o x_{p+o} + b)) over the positions p of a map, one- or two-dimensional.

    Parameters
    ----------
    act, weights : activation, and distribution of the K·C inputs of a channel; K = kernel, kernel² in two dimensions,
        also at edges.  One bias per channel.
    kernel : an odd number of taps along each dimension.
    padding : "circular", the map is closed to a ring or torus; "zeros", there are zeros outside.
    norm : over the channels of a position.

    Raises
    ------
    InputError : a kernel that is no odd whole number, another padding or norm.

    Examples
    --------
    >>> conv("relu", Weights.he(), padding="zeros").name
    'convolution relu'
    """
    act, law = numeric(act), to_weights(weights)
    kernel = _whole("kernel", kernel)
    if kernel % 2 == 0:
        raise InputError("kernel", "an odd number of taps", "e.g. kernel=3", got=shown(kernel))
    if padding not in get_args(Padding) or norm not in ("layer", "rms", None):
        raise InputError(
            "conv", 'padding "circular" or "zeros", norm "layer", "rms" or None',
            'e.g. conv("relu", weights, 3, "zeros")', got=f"{padding!r}, {norm!r}",
        )  # fmt: skip
    window = Mix(("w",), "window", (X,), options=(kernel, int(padding == "zeros"), 1))
    steps = (window, Ask(("h",), "W", "w"), *(() if norm is None else (Mix(("n",), norm, ("h",)),)))
    last = Map(("y",), (applied(act, "h" if norm is None else "n"),))
    return Block(f"convolution {act.name}", ((X, "y"),), (*steps, last), (Matrix("W", law, 1, kernel),))


def _unbiased(weights: Any) -> Weights:
    law = to_weights(weights)
    if law.sigma_b != 0:
        raise InputError("sigma_b of a transformer's weights", "0", "give weights without biases", got=f"{law.sigma_b}")
    return law


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_FACTOR:
        raise InputError(name, f"a whole number from 1 to {MAX_FACTOR}", f"e.g. {name}=3", got=f"{value!r}"[:60])
    return value
