"""Moments of a layer's logarithms by Laplace transforms, at all lengths and angles of the layers of one kind.

Layers of one width and bias whose lengths drift need the same functions of ln R and θ², each on a stretch of its own:
they are worked out once, over all stretches together, at as many lengths as they need.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from vgtheory.kernels.quadrature import Array
from vgtheory.theory.asymptotics.layer_logs import Conditions, exact_logs
from vgtheory.theory.asymptotics.layer_sums import LogMoments
from vgtheory.theory.asymptotics.moments import MomentTable

FEW_ANGLES = 7  # what is nearly linear in θ²
FEW_LENGTHS, MOST_LENGTHS = 8, 128  # intervals between lengths, twice as many until they resolve
PER_UNIT = 8  # lengths per unit of ln R, two looks at least: what these leave is seldom for want of lengths
RESOLVED = 3e-6  # last coefficients in ln R, in units of a logarithm, below which its lengths are enough


class Span(NamedTuple):
    """The ends of ln R, and the largest θ²."""

    low: float
    high: float
    most: float


class Transforms:
    """The moments of layers of `width` units with biases of deviation `sigma_b`, wherever in `span` they are asked.

    Attributes
    ----------
    unresolved : the last coefficients in ln R of what was asked up to now, in units of a logarithm.
    """

    def __init__(self, table: MomentTable, span: Span, width: int, sigma_b: float) -> None:
        self._table, self._span, self._width, self._sigma_b = table, span, width, sigma_b
        self._known: dict[Conditions, Array] = {}
        self.unresolved = 0.0

    def upright(self, log_weight: Array, conditions: Conditions) -> tuple[LogMoments, Array]:
        """Return the moments at θ = 0 at these ln R, and the chance left out."""
        *moments, lost = chebyshev.chebval(self._place(log_weight), self._upright(conditions).T)
        return LogMoments(*moments), np.clip(lost, 0, 1)

    def inclined(self, log_weight: Array, cosine: Array) -> LogMoments:
        """Return the moments without conditions at all pairs of these ln R and θ, θ changing first."""
        across = (
            chebyshev.chebvander(2 * cosine**2 / self._span.most - 1, FEW_ANGLES - 1) @ with_ends(FEW_ANGLES - 1)[1]
        )
        upright, _ = self.upright(log_weight, Conditions())
        turned = chebyshev.chebval(self._place(log_weight), self._turned.T)  # (5 · angles, m)
        parts = zip(upright, np.split(turned, len(upright)), strict=True)
        return LogMoments(*((base[:, None] + change.T @ across[:, :-1].T).ravel() for base, change in parts))

    def _place(self, log_weight: Array) -> Array:
        low, high, _ = self._span
        return (2 * log_weight - low - high) / (high - low)

    def _lengths(self, nodes: Array) -> Array:
        low, high, _ = self._span
        return (low + high) / 2 + (high - low) / 2 * nodes

    def _upright(self, conditions: Conditions) -> Array:
        """Return the coefficients of the five moments at θ = 0 and of the chance left out, shape (6, n)."""

        def find(nodes: Array) -> Array:
            scales, upright = (self._lengths(nodes), self._sigma_b), np.zeros(len(nodes))
            exact, lost = exact_logs(self._table, scales, upright, self._width, conditions)
            return np.stack([*exact, lost])

        if conditions not in self._known:
            self._known[conditions] = self._resolved(find)
        return self._known[conditions]

    @cached_property
    def _turned(self) -> Array:
        """Return the coefficients of what a few angles change, shape (5 · angles, n)."""
        few = np.sqrt(self._span.most * (1 + with_ends(FEW_ANGLES - 1)[0][:-1]) / 2)

        def find(nodes: Array) -> Array:
            lengths = self._lengths(nodes)
            # Without conditions z may stand for h/√V, whose correlation with W t is that of (x, bias) with (t, 0).
            share = np.sqrt(1 / (1 + self._sigma_b**2 * np.exp(-lengths)))
            log_v = np.repeat(np.log(np.exp(lengths) + self._sigma_b**2), len(few))
            cosine = np.outer(share, few).ravel()
            found, _ = exact_logs(self._table, (log_v, 0.0), cosine, self._width, Conditions())
            upright, _ = self.upright(lengths, Conditions())
            return np.concatenate([a.reshape(len(lengths), -1).T - b for a, b in zip(found, upright, strict=True)])

        return self._resolved(find)

    def _resolved(self, find: Callable[[Array], Array]) -> Array:
        """Return Chebyshev coefficients in ln R of functions, from values at as many lengths as they need.

        Finer looks keep the lengths of coarser ones.  Layers with more noise bend more: 17 lengths leave an error of
        1e-7 in most, 33 one of 1e-2 in a GELU of 16 units.
        """
        low, high, _ = self._span
        count, enough = FEW_LENGTHS, min(max((high - low) * PER_UNIT, 2 * FEW_LENGTHS), MOST_LENGTHS)
        nodes, matrix = with_ends(count)
        values = find(nodes)
        while (left := float(np.abs(values @ matrix[-3:].T).max())) >= RESOLVED and count < enough:
            count *= 2
            nodes, matrix = with_ends(count)
            finer = np.empty((len(values), count + 1))
            finer[:, ::2], finer[:, 1::2] = values, find(nodes[1::2])
            values = finer
        self.unresolved = max(self.unresolved, left)
        return np.asarray(values @ matrix.T)


@cache
def with_ends(degree: int) -> tuple[Array, Array]:
    """Return the extrema of a Chebyshev polynomial, every other one of half its degree, and values → coefficients."""
    nodes = np.asarray(np.cos(np.pi * np.arange(degree + 1) / degree), dtype=np.float64)
    half = np.where(np.isin(np.arange(degree + 1), (0, degree)), 0.5, 1.0)
    return nodes, np.asarray(chebyshev.chebvander(nodes, degree).T * half * half[:, None] * (2 / degree))
