"""Integrals against densities on an interval: a rule for any powers at the ends, and the one of √((b − t)(t − a))/t."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vgtheory.random_matrices.laws.law import Array


def double_exponential(
    pdf: Callable[[np.ndarray], Array], a: float, b: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights for ∫_a^b f(x) pdf(x) dx that converge whatever powers pdf has at the ends.

    The rule of Takahasi and Mori (1974); a point that falls on an end is dropped.
    """
    # An end at 0 is approached to 1e-300, any other one to rounding and beyond.
    t = np.linspace(-6.1 if a == 0 else -4.6, 4.6, count)
    u = np.pi / 2 * np.sinh(t)
    far = 1 / (1 + np.exp(2 * np.abs(u)))  # the distance to the nearer end, in units of b − a
    x = np.where(t < 0, a + (b - a) * far, b - (b - a) * far)
    jacobian = (b - a) * np.pi * np.cosh(t) * far * (1 - far) * (t[1] - t[0])
    inside = (x > a) & (x < b)
    x, jacobian = x[inside], jacobian[inside]
    return x, jacobian * np.asarray(pdf(x), dtype=float)


def integral_over_x(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return ∫_a^x √((b − t)(t − a))/t dt for 0 ≤ a ≤ x ≤ b, with half-angles instead of arcsines near ±1."""
    left, right = np.sqrt(x - a), np.sqrt(b - x)
    first = np.arctan2(left, right)
    second = np.arctan2(np.sqrt(b) * left, np.sqrt(a) * right)
    return left * right + (a + b) * first - 2 * np.sqrt(a * b) * second
