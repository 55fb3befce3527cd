"""What acts across components or columns, each kind with its adjoint: norms, attention, windows of a map.

Streams are arrays (sample, column, component), of attention and windows (sample and input, column, component).  A row
of the table takes a step, the streams that it reads and what there is around, and returns the new stream and what the
way back needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.memory import empty
from vgtheory.kernels.normalise import EQUAL, KINDS, ROUNDING
from vgtheory.kernels.streams import gathered, normalised, normalised_back, scattered
from vgtheory.model.steps import Mix
from vgtheory.model.windows import neighbours
from vgtheory.study.programs.numbers import Array

Given = tuple[Array, ...]


class Around(NamedTuple):
    """What a step that mixes knows besides streams: the shape of the map, and its own numbers."""

    shape: tuple[int, ...]
    numbers: tuple[float, ...]


Forward = Callable[[Mix, Given, Around], tuple[Array, Any]]
Backward = Callable[[Mix, Given, Around, Any, Array], Given]


def norm(step: Mix, given: Given, around: Around) -> tuple[Array, Any]:
    """Return the normalised columns, and 1/s of each."""
    (x,) = given
    out, slopes = empty(*x.shape), np.empty(x.shape[:2])
    normalised(KINDS[step.kind], x, out, slopes)
    return out, slopes


def norm_back(step: Mix, given: Given, around: Around, left: Any, gradient: Array) -> Given:
    """Return the gradient at the columns before a norm."""
    passed = empty(*gradient.shape)
    passed[:] = gradient
    normalised_back(KINDS[step.kind], passed, given[0], left)
    return (passed,)


def batch_norm(step: Mix, given: Given, around: Around) -> tuple[Array, Any]:
    """Return n = (x − m)/√(s² + eps), m and s² of each component over the columns, with n and 1/√(s² + eps).

    Ioffe & Szegedy (2015); 0 for equal numbers where eps is 0, NaN where float64 does not hold their squares.
    """
    (x,), (eps,) = given, around.numbers
    mean = x.mean(axis=1, keepdims=True)
    centred = x - mean
    centred -= centred.mean(axis=1, keepdims=True)  # the mean of nearly equal numbers is off by as much as they differ
    with np.errstate(over="ignore"):
        square = np.mean(centred * centred, axis=1, keepdims=True)
    square = np.where(np.sqrt(square) <= EQUAL * np.abs(mean), 0.0, np.where(np.isfinite(square), square, np.nan))
    with np.errstate(divide="ignore"):
        inverse = np.where(square + eps == 0.0, 0.0, 1.0 / np.sqrt(square + eps))
    centred *= inverse
    return centred, (centred, inverse)


def batch_norm_back(step: Mix, given: Given, around: Around, left: Any, gradient: Array) -> Given:
    """Return (b − mean(b) − n mean(b∘n))/√(s² + eps) for b = ∂ℓ/∂n: along n only the share eps/(s² + eps) passes."""
    (n, inverse), (eps,) = left, around.numbers
    square = np.mean(n * n, axis=1, keepdims=True)
    along = n * (np.mean(gradient * n, axis=1, keepdims=True) / np.where(square > 0.0, square, 1.0))
    across = gradient - gradient.mean(axis=1, keepdims=True)
    across -= along
    noise = ROUNDING * np.sqrt(np.mean(gradient * gradient, axis=1, keepdims=True))
    across[np.abs(across) <= noise * (1.0 + np.abs(n))] = 0.0  # rounding alone: no gradient passes
    if eps > 0.0:
        along *= eps * inverse**2
        across += along
    across *= inverse
    return (across,)


def attention(step: Mix, given: Given, around: Around) -> tuple[Array, Any]:
    """Return the values averaged with weights softmax(QᵀK/√d), and these weights (sample, head, query, key) with the
    root mean square deviation of scores from the mean of their query's.
    """
    heads, causal = step.options
    q, k, v = (by_head(x, heads) for x in given)
    scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[3])
    if causal:
        scores[..., np.triu(np.ones(scores.shape[2:], dtype=bool), 1)] = -np.inf
    spread = _spread(scores)
    weights = np.exp(scores - scores.max(axis=3, keepdims=True))
    weights /= weights.sum(axis=3, keepdims=True)
    return side_by_side(weights @ v), (weights, spread)


def attention_back(step: Mix, given: Given, around: Around, left: Any, gradient: Array) -> Given:
    """Return the gradients at queries, keys and values."""
    heads, _ = step.options
    q, k, v = (by_head(x, heads) for x in given)
    g = by_head(gradient, heads)
    weights, _ = left
    at_weights = g @ v.swapaxes(2, 3)
    at_scores = weights * (at_weights - (at_weights * weights).sum(axis=3, keepdims=True)) / math.sqrt(q.shape[3])
    return (
        side_by_side(at_scores @ k),
        side_by_side(at_scores.swapaxes(2, 3) @ q),
        side_by_side(weights.swapaxes(2, 3) @ g),
    )


def entropies(weights: Array) -> Array:
    """Return the entropy of attention weights in nats, mean over heads and queries, by sample."""
    logs = np.log(np.where(weights > 0, weights, 1.0))
    return -np.einsum("shqk,shqk->s", weights, logs) / (weights.shape[1] * weights.shape[2])


def _spread(scores: Array) -> Array:
    """Return by sample the root mean square deviation of scores from the mean of their query's; −∞ is masked."""
    seen = scores > -np.inf
    counts = seen.sum(axis=3, keepdims=True)
    plain = np.where(seen, scores, 0.0)
    deviations = np.where(seen, plain - plain.sum(axis=3, keepdims=True) / counts, 0.0)
    squares = np.einsum("shqk,shqk->shq", deviations, deviations) / counts[..., 0]
    return np.sqrt(squares.mean(axis=(1, 2)))


def window(step: Mix, given: Given, around: Around) -> tuple[Array, Any]:
    """Return for every position the columns around it, one below the other."""
    (x,), table = given, _table(step, around)
    out = empty(len(x), table.shape[1], len(table) * x.shape[2])
    gathered(table, np.ascontiguousarray(x), out)
    return out, None


def window_back(step: Mix, given: Given, around: Around, left: Any, gradient: Array) -> Given:
    """Return the gradient at the columns: a tap gives back to the columns that it read."""
    total = np.zeros(given[0].shape)
    scattered(_table(step, around), np.ascontiguousarray(gradient), total)
    return (total,)


def _table(step: Mix, around: Around) -> NDArray[np.int64]:
    """Return (tap, result) which column a tap reads; one beyond the last stands for a zero."""
    kernel, zeros, _, stride = step.options
    return neighbours(around.shape, kernel, bool(zeros), stride)


MIXES: dict[str, tuple[Forward, Backward]] = {
    "layer": (norm, norm_back),
    "rms": (norm, norm_back),
    "batch": (batch_norm, batch_norm_back),
    "attention": (attention, attention_back),
    "window": (window, window_back),
}


def by_head(x: Array, heads: int) -> Array:
    """Return a stream as (sample, head, column, component of the head)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def side_by_side(x: Array) -> Array:
    """Return heads side by side as one stream."""
    whole = x.swapaxes(1, 2)
    return np.ascontiguousarray(whole.reshape(*whole.shape[:2], -1))
