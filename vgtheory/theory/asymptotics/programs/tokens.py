"""Columns in the limit of large width: a chain of Gram matrices, forward and backward, through a stack of blocks.

Between an Ask and the next what matters of T tokens is their Gram matrix G (means over components), and of gradients
theirs, Γ (sums).  An Ask multiplies G by σ_w², a Map takes kernels E φ(h_t) φ(h_s), a norm divides, an Add adds.  With
wide heads the scores of a head are normal, S = R_q Ξ R_k with R R = G and Ξ independent standard normal numbers, and
attention A = softmax(S) makes the Gram matrix mean_h A G_v Aᵀ.  Back through the values goes Σ_h AᵀΓA/heads; at A the
gradient is normal with covariance Γ ⊗ G_v/heads, and goes on through softmax to queries and keys.  Attention matrices
do not average out over the width: the chain is drawn anew many times, and its spread is that of wide networks.  Of the
positions of a map a window has the Gram matrix that each of its taps reads, and an Ask takes their average; nothing is
drawn, Γ holds what gradients of different positions have in common (Xiao et al. (2018)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix
from vgtheory.model.windows import neighbours, strided
from vgtheory.theory.asymptotics.programs.kernel_tables import alike, kernel
from vgtheory.theory.asymptotics.programs.unit_products import mean, polynomial

DRAWS = 64
BYTES = 2.0**28  # of one batch of draws


@dataclass(frozen=True)
class Known:
    """Of a stream: means (draw, token), Gram matrices (draw, token, token), and whether a matrix made it.

    Of a window: of what each tap reads, (draw, tap, …).
    """

    mean: Array
    gram: Array
    normal: bool = False


@dataclass
class Layer:
    """One layer of a batch of draws; `left` are attention matrices (draw, head, query, key)."""

    width: int
    depth: int
    shape: tuple[int, ...]
    rng: np.random.Generator
    streams: dict[str, Known]
    left: dict[int, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    weights: Array | float = 0.0


def tokens_profile(block: Block, width: int, depth: int, shape: tuple[int, ...]) -> dict[str, Array]:
    """Return by draw and layer 0..L: ``square``, ln of squared gradients ``gradient``, mean ``cosine``, and for layers
    1..L ln of squared gradients at matrices, ``weights``, and of attention the ``entropy``; of maps that do not shrink
    the ``gram`` matrices.

    Raises
    ------
    NoSolutionError : lengths that leave the range of float64.
    UnsupportedError : maps whose kernels are not known, tokens beyond the memory that a prediction takes.
    """
    tokens, needed = math.prod(shape), DRAWS if block.mixes("attention") else 1
    matrices = len(block.steps) + sum(2 * step.options[0] for step in block.mixes("attention"))
    each = 8.0 * tokens**2 * depth * (matrices + sum(step.taps for step in block.mixes("window")))
    if each > BYTES:
        raise UnsupportedError(
            f"{tokens} columns through {depth} layers take {each / 2**30:.1f} GiB a draw; use fewer tokens or layers"
        )
    batch = min(needed, int(BYTES / each))
    parts = [
        _draws(block, width, depth, shape, min(batch, needed - first), np.random.default_rng([20183, first]))
        for first in range(0, needed, batch)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _draws(
    block: Block, width: int, depth: int, shape: tuple[int, ...], draws: int, rng: np.random.Generator
) -> dict[str, Array]:
    tokens = math.prod(shape)
    states = [Known(np.zeros((draws, tokens)), _identities(draws, tokens))]
    layers: list[Layer] = []
    for index in range(depth):
        at_layer = strided(shape, block.stride**index)
        layers.append(Layer(width, depth, at_layer, rng, {block.carried[0]: states[-1]}))
        for at, step in enumerate(block.steps):
            forward(step, at, layers[-1], block)
        states.append(layers[-1].streams[block.streams[0][1]])
        if not np.isfinite(states[-1].gram).all():
            raise NoSolutionError(
                f"the stream of {block.name} overflows at layer {index + 1}; add a norm, or scale the branches"
            )
    last = states[-1].gram.shape[-1]
    gradient, logs, weights = _identities(draws, last) / last, [np.zeros(draws)], []
    for layer in reversed(layers):
        layer.gradients = {block.streams[0][1]: gradient}
        for at, step in reversed(list(enumerate(block.steps))):
            backward(step, at, layer, block)
        total = np.einsum("mtt->m", layer.gradients[block.carried[0]])
        with np.errstate(divide="ignore"):  # streams that have underflowed to 0
            weights.append(logs[-1] + np.log(layer.weights))
            logs.append(logs[-1] + np.log(total))
        gradient = layer.gradients[block.carried[0]] / np.where(total > 0, total, 1.0)[:, None, None]
    found = {
        "square": np.array([np.einsum("mtt->m", state.gram) / state.gram.shape[-1] for state in states]).T,
        "cosine": np.array([_cosine(state.gram) for state in states]).T,
        "gradient": np.array(logs[::-1]).T,
        "weights": np.array(weights[::-1]).T,
    }
    if block.mixes("attention"):
        entropies = [np.mean([_entropy(a) for a in layer.left.values()], axis=0) for layer in layers]
        found["entropy"] = np.array(entropies).T
    elif block.stride == 1:
        found["gram"] = np.array([state.gram for state in states]).swapaxes(0, 1)
    return found


def _identities(draws: int, size: int) -> Array:
    return np.broadcast_to(np.eye(size), (draws, size, size))


def _cosine(gram: Array) -> Array:
    lengths = np.sqrt(np.einsum("mtt->mt", gram))
    tokens = gram.shape[1]
    scales = lengths[:, :, None] * lengths[:, None, :]
    cosines = np.divide(gram, scales, out=np.zeros_like(gram), where=scales > 0)
    own = np.einsum("mtt->m", cosines)
    return (cosines.sum(axis=(1, 2)) - own) / max(tokens * (tokens - 1), 1)


def _entropy(weights: Array) -> Array:
    logs = np.log(np.where(weights > 0, weights, 1.0))
    return -(weights * logs).sum(axis=3).mean(axis=(1, 2))


@singledispatch
def forward(step: Any, at: int, layer: Layer, block: Block) -> None:
    """Write what is known of the streams that a step gives."""
    raise UnsupportedError(f"no Gram matrices are worked out for a step {type(step).__name__}")


@forward.register
def _(step: Ask, at: int, layer: Layer, block: Block) -> None:
    sigma_w, sigma_b = block.matrix(step.matrix).sigmas(layer.width, layer.depth)
    read = _read(block.matrix(step.matrix), layer.streams[step.x].gram)
    known = Known(np.zeros(read.shape[:2]), sigma_w**2 * read + sigma_b**2, normal=True)
    layer.streams.update(dict.fromkeys(step.out, known))


def _read(matrix: Matrix, gram: Array) -> Array:
    """Return the Gram matrices of what the entries of a matrix read, of all taps or of the middle one."""
    if gram.ndim == 3:
        return gram
    return gram[:, gram.shape[1] // 2] if matrix.centre else gram.mean(axis=1)


@forward.register
def _(step: Map, at: int, layer: Layer, block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        parts = [(layer.streams[s.name], factor) for s, factor in _factors_of(expr, layer).items()]
        gram = np.prod([kernel(factor, 0, known.gram) for known, factor in parts], axis=0)
        variances = {s: alike(np.einsum("mtt->mt", layer.streams[s.name].gram)) for s in expr.free_symbols}
        layer.streams[name] = Known(mean(polynomial(expr), variances), gram)


@forward.register
def _(step: Mix, at: int, layer: Layer, block: Block) -> None:
    known = tuple(layer.streams[name] for name in step.x)
    if step.kind == "attention":
        layer.streams[step.out[0]] = _attention(step, at, known, layer)
    elif step.kind in ("layer", "rms"):
        gram, lengths = _centred(step, known[0])
        layer.streams[step.out[0]] = Known(
            np.zeros_like(known[0].mean) if step.kind == "layer" else known[0].mean / lengths,
            gram / (lengths[:, :, None] * lengths[:, None, :]), known[0].normal,
        )  # fmt: skip
    elif step.kind == "window":
        table = _table(step, layer, block)
        mean, gram = (np.pad(a, ((0, 0), *[(0, 1)] * (a.ndim - 1))) for a in (known[0].mean, known[0].gram))
        layer.streams[step.out[0]] = Known(mean[:, table], gram[:, table[:, :, None], table[:, None, :]])
    else:
        raise UnsupportedError(f"{block.name}: the Gram matrices of its columns are not followed through {step.kind}")


def _table(step: Mix, layer: Layer, block: Block) -> NDArray[np.int64]:
    """Return (tap, result) the positions that the taps of a window read."""
    kernel, zeros, _, stride = step.options
    return neighbours(strided(layer.shape, block.strides[step.x[0]]), kernel, bool(zeros), stride)


@forward.register
def _(step: Add, at: int, layer: Layer, block: Block) -> None:
    keep, scale = step.factors(layer.depth)
    x, y = layer.streams[step.x], layer.streams[step.y]
    cross = keep * scale * (x.mean[:, :, None] * y.mean[:, None, :])
    gram = keep**2 * x.gram + scale**2 * y.gram + cross + cross.swapaxes(1, 2)
    layer.streams[step.out[0]] = Known(keep * x.mean + scale * y.mean, gram)


def _attention(step: Mix, at: int, known: tuple[Known, ...], layer: Layer) -> Known:
    heads, causal = step.options
    q, k, v = known
    draws, tokens = v.mean.shape
    noise = layer.rng.standard_normal((draws, heads, tokens, tokens))
    scores = _root(q.gram)[:, None] @ noise @ _root(k.gram)[:, None]
    if causal:
        scores[..., np.triu(np.ones((tokens, tokens), dtype=bool), 1)] = -np.inf
    a = np.exp(scores - scores.max(axis=3, keepdims=True))
    a /= a.sum(axis=3, keepdims=True)
    layer.left[at] = a
    return Known(np.zeros_like(v.mean), (a @ v.gram[:, None] @ a.swapaxes(2, 3)).mean(axis=1))


@singledispatch
def backward(step: Any, at: int, layer: Layer, block: Block) -> None:
    """Pass Gram matrices of gradients at a step's results on to what it read."""
    raise UnsupportedError(f"no Gram matrices are worked out for a step {type(step).__name__}")


@backward.register
def _(step: Ask, at: int, layer: Layer, block: Block) -> None:
    matrix = block.matrix(step.matrix)
    gamma = np.asarray(sum((layer.gradients[name] for name in step.out if name in layer.gradients), np.zeros(1)))
    gram, given = layer.streams[step.x].gram, matrix.sigmas(layer.width, layer.depth)[0] ** 2 * gamma
    taps = gram.shape[1] if gram.ndim > 3 else 1
    whole = gram.sum(axis=1) if gram.ndim > 3 else gram
    layer.weights = layer.weights + (gamma * whole).sum(axis=(1, 2)) * (matrix.inputs // taps) * layer.width
    if gram.ndim > 3:
        shares = np.arange(taps) == taps // 2 if matrix.centre else np.full(taps, 1 / taps)
        given = shares[:, None, None] * given[:, None]
    _give(layer, step.x, given)


@backward.register
def _(step: Map, at: int, layer: Layer, block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        factors = _factors_of(expr, layer)
        for symbol in factors:
            parts = [kernel(f, int(s == symbol), layer.streams[s.name].gram) for s, f in factors.items()]
            _give(layer, symbol.name, layer.gradients[name] * np.prod(parts, axis=0))


@backward.register
def _(step: Mix, at: int, layer: Layer, block: Block) -> None:
    gamma = layer.gradients[step.out[0]]
    known = tuple(layer.streams[name] for name in step.x)
    if step.kind == "attention":
        for name, part in zip(step.x, _attention_back(step, layer.left[at], known, gamma, layer), strict=True):
            _give(layer, name, part)
    elif step.kind == "window":
        table, size = _table(step, layer, block), known[0].gram.shape[-1] + 1
        total = np.zeros((len(gamma), size, size))
        for tap, read in enumerate(table):  # every position once; what is read twice are zeros
            total[:, read[:, None], read[None, :]] += gamma[:, tap]
        _give(layer, step.x[0], total[:, :-1, :-1])
    else:
        _, lengths = _centred(step, known[0])
        _give(layer, step.x[0], gamma / (lengths[:, :, None] * lengths[:, None, :]))


@backward.register
def _(step: Add, at: int, layer: Layer, block: Block) -> None:
    keep, scale = step.factors(layer.depth)
    _give(layer, step.x, keep**2 * layer.gradients[step.out[0]])
    _give(layer, step.y, scale**2 * layer.gradients[step.out[0]])


def _attention_back(
    step: Mix, a: Array, known: tuple[Known, ...], gamma: Array, layer: Layer
) -> tuple[Array, Array, Array]:
    q, k = (stream.gram[:, None] for stream in known[:2])
    share = gamma / step.options[0]
    at_a = _root(share)[:, None] @ layer.rng.standard_normal(a.shape) @ _root(known[2].gram)[:, None]
    at_s = a * (at_a - (at_a * a).sum(axis=3, keepdims=True))
    back = at_s.swapaxes(2, 3)
    values = a.swapaxes(2, 3) @ share[:, None] @ a
    return (at_s @ k @ back).sum(axis=1), (back @ q @ at_s).sum(axis=1), values.sum(axis=1)


def _centred(step: Mix, known: Known) -> tuple[Array, Array]:
    """Return the Gram matrices of what a norm divides, and the lengths that it divides by."""
    mean = known.mean if step.kind == "layer" else np.zeros_like(known.mean)
    gram = known.gram - mean[:, :, None] * mean[:, None, :]
    return gram, np.sqrt(np.einsum("mtt->mt", gram))


def _root(gram: Array) -> Array:
    """Return the symmetric square roots of Gram matrices, singular ones too."""
    values, vectors = np.linalg.eigh(gram)
    return (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ vectors.swapaxes(1, 2)


def _factors_of(expr: sp.Expr, layer: Layer) -> dict[sp.Symbol, sp.Expr]:
    """Return a product of functions of one stream each, by stream; the streams must be answers of matrices."""
    parts: dict[sp.Symbol, sp.Expr] = {}
    number, rest = expr.as_coeff_Mul()
    whole = (expr,) if len(expr.free_symbols) == 1 else sp.Mul.make_args(rest)
    for part in whole:
        if len(part.free_symbols) != 1:
            raise UnsupportedError(
                f"the mean field of {expr} between tokens: no product of functions of one stream each"
            )
        (symbol,) = part.free_symbols
        parts[symbol] = parts.get(symbol, sp.S.One) * part
    if len(expr.free_symbols) > 1 and number != 1:
        parts[symbol] *= number
    if not all(layer.streams[s.name].normal for s in parts):
        raise UnsupportedError(
            f"the mean field of {expr} between tokens, which reads no output of a matrix; use vg.simulate"
        )
    return parts


def _give(layer: Layer, name: str, gamma: Array) -> None:
    layer.gradients[name] = layer.gradients[name] + gamma if name in layer.gradients else gamma
