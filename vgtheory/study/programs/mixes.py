"""What acts across components or columns, each kind with its adjoint: norms, attention, windows of a map.

Streams are arrays (sample, column, component).  A row of the table takes a step, the streams that it reads and the
shape of the map, and returns the new stream and what the way back needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from vgtheory.kernels.normalise import LAYER, RMS
from vgtheory.kernels.streams import normalised, normalised_back
from vgtheory.model.steps import Mix
from vgtheory.model.windows import neighbours
from vgtheory.study.programs.numbers import Array

Given = tuple[Array, ...]
Shape = tuple[int, ...]
Forward = Callable[[Mix, Given, Shape], tuple[Array, Any]]
Backward = Callable[[Mix, Given, Shape, Any, Array], Given]
KINDS = {"layer": LAYER, "rms": RMS}


def norm(step: Mix, given: Given, shape: Shape) -> tuple[Array, Any]:
    """Return the normalised columns, and 1/s of each."""
    (x,) = given
    out, slopes = np.empty_like(x), np.empty(x.shape[:2])
    normalised(KINDS[step.kind], x, out, slopes)
    return out, slopes


def norm_back(step: Mix, given: Given, shape: Shape, left: Any, gradient: Array) -> Given:
    """Return the gradient at the columns before a norm."""
    passed = np.ascontiguousarray(gradient).copy()
    normalised_back(KINDS[step.kind], passed, given[0], left)
    return (passed,)


def attention(step: Mix, given: Given, shape: Shape) -> tuple[Array, Any]:
    """Return the values averaged with weights softmax(QᵀK/√d), and these weights (sample, head, query, key)."""
    heads, causal = step.options
    q, k, v = (_by_head(x, heads) for x in given)
    scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[3])
    if causal:
        scores[..., np.triu(np.ones(scores.shape[2:], dtype=bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=3, keepdims=True))
    weights /= weights.sum(axis=3, keepdims=True)
    return _together(weights @ v), weights


def attention_back(step: Mix, given: Given, shape: Shape, left: Any, gradient: Array) -> Given:
    """Return the gradients at queries, keys and values."""
    heads, _ = step.options
    q, k, v = (_by_head(x, heads) for x in given)
    g = _by_head(gradient, heads)
    at_weights = g @ v.swapaxes(2, 3)
    at_scores = left * (at_weights - (at_weights * left).sum(axis=3, keepdims=True)) / math.sqrt(q.shape[3])
    return _together(at_scores @ k), _together(at_scores.swapaxes(2, 3) @ q), _together(left.swapaxes(2, 3) @ g)


def entropies(weights: Array) -> Array:
    """Return the entropy of attention weights in nats, mean over heads and queries, by sample."""
    logs = np.log(np.where(weights > 0, weights, 1.0))
    return -np.einsum("shqk,shqk->s", weights, logs) / (weights.shape[1] * weights.shape[2])


def window(step: Mix, given: Given, shape: Shape) -> tuple[Array, Any]:
    """Return for every position the columns around it, one below the other."""
    (x,) = given
    kernel, zeros, _ = step.options
    around = _with_zero(x)[:, neighbours(shape, kernel, bool(zeros)).T]
    return np.ascontiguousarray(around.reshape(*x.shape[:2], -1)), None


def window_back(step: Mix, given: Given, shape: Shape, left: Any, gradient: Array) -> Given:
    """Return the gradient at the columns: a shift's adjoint is the opposite shift."""
    (x,) = given
    kernel, zeros, _ = step.options
    table = neighbours(shape, kernel, bool(zeros))
    taps = gradient.reshape(*x.shape[:2], len(table), x.shape[2])
    total = np.zeros_like(x)
    for tap, opposite in enumerate(table[::-1]):
        total += _with_zero(taps[:, :, tap])[:, opposite]
    return (total,)


MIXES: dict[str, tuple[Forward, Backward]] = {
    "layer": (norm, norm_back),
    "rms": (norm, norm_back),
    "attention": (attention, attention_back),
    "window": (window, window_back),
}


def _by_head(x: Array, heads: int) -> Array:
    """Return a stream as (sample, head, column, component of the head)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _together(x: Array) -> Array:
    """Return heads side by side as one stream."""
    whole = x.swapaxes(1, 2)
    return np.ascontiguousarray(whole.reshape(*whole.shape[:2], -1))


def _with_zero(x: Array) -> Array:
    """Return a stream with one more column, of zeros."""
    return np.concatenate([x, np.zeros((x.shape[0], 1, x.shape[2]))], axis=1)
