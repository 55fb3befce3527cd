"""The law of ln R_l over networks, R_l = V_l − σ_b², layer by layer: a few points with their chances."""

from collections.abc import Callable, Hashable, Sequence
from functools import cache
from math import sqrt
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from vgtheory.kernels.quadrature import Array

POINTS = 16  # of a law: moments to degree 31; those of a normal law reach to 6.6 standard deviations
NOISE_NODES = 7  # Gauss–Hermite nodes for one normal of a layer; 15 change nothing in nine digits
_SAME = 1e-9
_DEGENERATE = 1e-8  # of a standard deviation: nothing is known beyond
Step = TypeVar("Step", bound=Hashable)


class Law(NamedTuple):
    """Points and their chances, shape (m,)."""

    points: Array
    chances: Array

    def moments(self, values: Array) -> tuple[float, float]:
        """Return mean and variance of a function, given its values at the points."""
        mean = float(self.chances @ values)
        return mean, float(self.chances @ (values - mean) ** 2)


@cache
def noise_rule() -> tuple[Array, Array]:
    """Return nodes and weights for the mean over a normal variable."""
    node, weight = hermegauss(NOISE_NODES)
    return node, weight / weight.sum()


def moved(law: Law, centre: Array, noise: Array) -> Law:
    """Return the law of centre + noise · g, g normal, both given at the law's points."""
    node, weight = noise_rule()
    return condensed(Law((centre[:, None] + noise[:, None] * node).ravel(), (law.chances[:, None] * weight).ravel()))


def condensed(law: Law) -> Law:
    """Return the law on at most 16 points that has the same moments, to degree 31 (Gauss quadrature by Lanczos)."""
    mean, variance = law.moments(law.points)
    scale = variance**0.5
    if scale <= 1e-14 * (1 + abs(mean)):
        return Law(np.array([mean]), np.ones(1))
    y = (law.points - mean) / scale
    basis = np.zeros((POINTS, len(y)))
    basis[0] = np.sqrt(law.chances)
    diagonal, beside = [], []
    for k in range(POINTS):
        known, image, along = basis[: k + 1], y * basis[k], 0.0
        for _ in range(2):  # once leaves the basis orthogonal to half the digits only
            parts = known @ image
            image -= parts @ known
            along += float(parts[k])
        diagonal.append(along)
        size = sqrt(float(image @ image))
        if k == POINTS - 1 or size < _DEGENERATE:
            break
        beside.append(size)
        basis[k + 1] = image / size
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, -1))  # which reads the lower triangle
    return Law(mean + scale * nodes, vectors[0] ** 2 / (vectors[0] @ vectors[0]))


def laws_along(first: Law, steps: Sequence[Step], move: Callable[[Step, Law], Law]) -> list[Law]:
    """Return the laws before, between and after the steps; equal steps that change nothing are made once."""
    laws = [first]
    for k, step in enumerate(steps):
        stays = k > 0 and step == steps[k - 1] and _same(*laws[-2:])
        laws.append(laws[-1] if stays else move(step, laws[-1]))
    return laws


def _same(a: Law, b: Law) -> bool:
    if a is b:
        return True
    return len(a.points) == len(b.points) and float(np.abs(a.points - b.points).max()) < _SAME
