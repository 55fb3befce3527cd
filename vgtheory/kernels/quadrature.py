"""Means over normal variables, E f(√q z) and E f(u) f(v), by composite Gauss–Legendre rules fitted to the integrand.

Two length scales meet in f(√q z): the normal density's (1 in z) and the function's own (1/√q in z, tiny for large q,
and zero at a kink).  Panels are therefore the union of a uniform grid in z and of a grid in h = √q z that is made
once per function: it starts at the kinks and is bisected until every panel is resolved.  The cost grows with ln q.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# h of any shape -> the values of k functions, stacked on a new first axis.
Functions = Callable[[Array], Array]

CUT = 13.0  # the density is 1e-37 there: enough for anything that grows like a power
FAR_CUT = 37.0  # the last place where the density is a normal number: for exponential growth
NODES = 24  # per panel; panels are accepted with TEST_NODES, so that products with the density keep a margin
TEST_NODES = 14
PANEL = 1.3  # width of the uniform panels in z
MAX_PANELS = 2500
# A normal variable of standard deviation √q ≥ 2 T is uniform modulo T to e^{−2π²q/T²} ≤ 5e-35 (Poisson's summation).
UNIFORM = 2.0
_TOLERANCE = 1e-13
_TAIL = 1e-15
_NOISE = 1e-15  # of the mean size of what is averaged: a smaller mean is rounding
# Panels in −ln(distance) from a point up to which a function is not smooth: fine while its next orders count.
_FINE, _COARSE, _LAST_FINE, _LAST = 2.0, 12.0, 60.0, 660.0
_GRADES = 4.0 ** -np.arange(21)  # of the same where means are over two variables


class UnresolvedError(ArithmeticError):
    """The function varies too fast over the range that the question needs."""


class Rough(NamedTuple):
    """A point up to which functions behave like powers of the distance, unbounded ones among them.

    Parameters
    ----------
    at : the point; `at` − radius and `at` + radius are breakpoints of the grid.
    radius : within which there is no other breakpoint.
    functions : the functions of h − `at`, so that no digit of the distance is lost.
    """

    at: float
    radius: float
    functions: Functions


@cache
def _legendre(nodes: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(nodes)


def composite(edges: Array, nodes: int = NODES) -> tuple[Array, Array]:
    """Return nodes and weights of the Gauss–Legendre rule on consecutive panels.

    Parameters
    ----------
    edges : shape (..., P + 1), increasing along the last axis; panels of width zero get weight zero.

    Returns
    -------
    x, w : shape (..., P · nodes).
    """
    x, w = _legendre(nodes)
    half = np.diff(edges, axis=-1)[..., None] / 2
    middle = (edges[..., 1:, None] + edges[..., :-1, None]) / 2
    shape = (*edges.shape[:-1], -1)
    return (middle + half * x).reshape(shape), (half * w).reshape(shape)


class PanelGrid:
    """Panels in h on which the given functions are resolved; made outwards from the origin as far as was asked.

    Parameters
    ----------
    functions : the integrands (see `Functions`), smooth between the breakpoints.
    breakpoints : where they or their derivatives jump.
    rough : points and radii; within them panels shrink geometrically towards the point, whatever the functions do.
    """

    def __init__(
        self, functions: Functions, breakpoints: tuple[float, ...] = (), rough: Sequence[tuple[float, float]] = ()
    ) -> None:
        self._functions = functions
        self._breakpoints = np.array(sorted(breakpoints), dtype=float)
        self._rough = np.array(rough, dtype=float).reshape(-1, 2)
        self._rings: list[Array] = []
        self._reach = 0.0
        self._inner: Array | float = 0.0
        self._panels = 0
        self._limit = np.inf

    @property
    def breakpoints(self) -> Array:
        """Return the breakpoints in increasing order."""
        return self._breakpoints

    def edges(self, reach: float) -> Array:
        """Return the panels' edges from −reach to reach at least.  Raises UnresolvedError beyond MAX_PANELS panels."""
        while self._reach < reach:
            outer = max(1.0, 2 * self._reach)
            spans = [(-outer, outer)] if not self._reach else [(-outer, -self._reach), (self._reach, outer)]
            ring = np.concatenate([self._resolve(*span) for span in spans])
            self._panels += len(ring)
            if outer >= self._limit or self._panels > MAX_PANELS:
                self._limit = outer
                raise UnresolvedError(
                    f"more than {MAX_PANELS} panels are needed to resolve the function on |h| < {outer:g}"
                )
            self._rings.append(ring)
            self._reach = outer
        kept = [r for k, r in enumerate(self._rings) if k == 0 or 2.0 ** (k - 1) < reach]
        return np.unique(np.concatenate(kept))

    def _resolve(self, lo: float, hi: float) -> Array:
        """Return the edges inside [lo, hi], bisected until each panel is integrated to _TOLERANCE."""
        graded = self._rough[:, 1] * _GRADES[:, None]
        around = [(self._rough[:, 0] + side * graded).ravel() for side in (-1, 1)]
        inside = np.concatenate([self._breakpoints, *around])
        todo = np.unique(np.concatenate([[lo], inside[(inside > lo) & (inside < hi)], [hi]]))
        todo = np.stack([todo[:-1], todo[1:]], axis=-1)
        near = (np.abs(todo.mean(axis=1)[:, None] - self._rough[:, 0]) < self._rough[:, 1]).any(axis=1)
        done = [np.array([lo, hi]), todo[near].ravel()]
        todo = todo[~near]
        total: Array | float = 0.0
        while len(todo):
            middle = todo.mean(axis=1)
            halves = np.stack([todo[:, 0], middle, todo[:, 1]], axis=1)
            coarse, size = self._integrate(todo)
            fine, _ = self._integrate(halves)
            # A flat integral inside |h| bounds the weighted one from below, because the density falls with |h|: an
            # error that is small against it is small in every mean.
            with np.errstate(invalid="ignore"):
                error = np.abs(fine - coarse) / (size + np.expand_dims(np.asarray(self._inner + total), -1) + 1e-300)
            narrow = todo[:, 1] - todo[:, 0] < 1e-12 * np.maximum(1.0, np.abs(middle))
            good = narrow | ~(error > _TOLERANCE).any(axis=0)  # not finite: nothing to gain from smaller panels
            done.append(todo[good].ravel())
            total = total + np.nansum(np.where(np.isfinite(size), size, 0.0)[:, good], axis=-1)
            left = halves[~good]
            if len(done) > 60 or len(left) > MAX_PANELS:
                raise UnresolvedError(f"the function is not resolved on {lo:g} < h < {hi:g}")
            todo = np.concatenate([left[:, :2], left[:, 1:]])
        self._inner = self._inner + total
        return np.unique(np.concatenate(done))

    def _integrate(self, edges: Array) -> tuple[Array, Array]:
        x, w = composite(edges, TEST_NODES)
        with np.errstate(all="ignore"):
            y = self._functions(x) * w
            return y.sum(axis=-1), np.abs(y).sum(axis=-1)


def log_sum(logs: Array, weights: Array | float = 1.0) -> float:
    """Return ln Σ w e^y for weights that are positive, also where e^y over- or underflows; −∞ of no terms."""
    top = float(np.max(logs, initial=-np.inf))
    return top + float(np.log(np.sum(weights * np.exp(logs - top)))) if np.isfinite(top) else top


def normal_rule(q: float, edges: Array, cut: float = CUT, nodes: int = NODES) -> tuple[Array, Array]:
    """Return nodes z and weights w such that Σ w f(√q z) = E f(√q z), for f resolved on the panels `edges` in h."""
    z, w = composite(_merged(edges / np.sqrt(q), cut), nodes)
    return z, w * density(z)


def density(z: Array) -> Array:
    """Return the standard normal density."""
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _merged(edges: Array, cut: float) -> Array:
    grid = np.linspace(-cut, cut, round(2 * cut / PANEL) + 1)
    return np.unique(np.concatenate([grid, edges[(edges > -cut) & (edges < cut)]]))


def gaussian_means(
    functions: Functions, q: Array, grid: PanelGrid, hermite: Array | None = None, rough: Sequence[Rough] = ()
) -> Array:
    """Return E f_k(√q z) He_{n_k}(z) for k functions at every q.

    Parameters
    ----------
    functions : see `Functions`; smooth between the grid's breakpoints and resolved by it.
    q : variances, shape (m,), positive.
    hermite : degrees n_k in {0, 2, 4}, shape (k,); zeros if None.  d/dq E f = E f He₂/(2q), d²/dq² E f = E f He₄/(4q²):
        derivatives in q without a derivative of f.
    rough : points up to which the functions are not smooth.

    Returns
    -------
    shape (k, m).  inf or nan where the mean is not finite or its tail lies beyond what doubles can weigh.

    Raises
    ------
    UnresolvedError : the function oscillates too often within 13 √q.
    """
    return np.stack([_means_at(functions, float(value), grid, hermite, rough) for value in np.atleast_1d(q)], axis=-1)


def _means_at(functions: Functions, q: float, grid: PanelGrid, hermite: Array | None, rough: Sequence[Rough]) -> Array:
    root = np.sqrt(q)
    for cut in (CUT, FAR_CUT):
        z, w = normal_rule(q, grid.edges(cut * root), cut)
        for point in rough:
            outside = np.abs(root * z - point.at) > point.radius
            z, w = z[outside], w[outside]
        with np.errstate(all="ignore"):
            y = functions(root * z) * w
            if hermite is not None:
                y *= _hermite(z)[hermite // 2]
            size = np.abs(y)
            total, tail = size.sum(axis=-1), size[:, np.abs(z) > cut - PANEL].sum(axis=-1)
            means = y.sum(axis=-1)
        for point in rough:
            for side in (-1.0, 1.0):
                mean, weight = _beside(point, side, q, hermite)
                means, total = means + mean, total + weight
        if hermite is not None:
            means[(hermite > 0) & (np.abs(means) <= _NOISE * total)] = 0.0
        if (tail <= _TAIL * total).all():
            return means
    return np.where(tail <= _TAIL * total, means, np.inf)


def _beside(point: Rough, side: float, q: float, hermite: Array | None) -> tuple[Array, Array]:
    """Return what one side of a rough point within its radius adds to the means of functions and of their size.

    With the distance t = e^{−y} every power of t is an exponential in y: smooth, and beyond the last panel the sum over
    panels goes on like a geometric one.
    """
    near = np.append(np.arange(0.0, _LAST_FINE, _FINE), np.arange(_LAST_FINE, _LAST + 1, _COARSE))
    near -= np.log(point.radius)
    walls = np.abs(np.sqrt(q) * np.linspace(-CUT, CUT, round(2 * CUT / PANEL) + 1) - point.at)
    walls = -np.log(walls[(walls < point.radius) & (walls > point.radius * np.exp(-_LAST_FINE))])
    y, w = composite(np.unique(np.concatenate([near, walls])))
    t = np.exp(-y)
    z = (point.at + side * t) / np.sqrt(q)
    with np.errstate(all="ignore"):
        parts = point.functions(side * t) * (w * t * density(z) / np.sqrt(q))
        if hermite is not None:
            parts *= _hermite(z)[hermite // 2]
        means, total = parts.sum(axis=-1), np.abs(parts).sum(axis=-1)
        last, before = parts[:, -NODES:].sum(axis=-1), parts[:, -2 * NODES : -NODES].sum(axis=-1)
        ratio = np.where(before == 0.0, 0.0, last / before)
        rest = np.where(ratio < 1.0, last * ratio / (1 - ratio), np.inf)
        means, total = means + rest, total + np.abs(rest)
    return np.where(np.isnan(means), np.inf, means), total


def _hermite(z: Array) -> Array:
    z2 = z * z
    return np.stack([np.ones_like(z), z2 - 1, (z2 - 6) * z2 + 3])


def hermite_coefficients(functions: Functions, q: float, grid: PanelGrid, terms: int) -> Array:
    """Return a_n = E f(√q z) He_n(z)/√(n!), n = 0..terms − 1, for each function: shape (k, terms).

    E f(u) f(v) = Σ a_n² cⁿ for u, v of variance q and correlation c (Mehler's formula); Σ a_n² = E f².
    """
    z, w = normal_rule(q, grid.edges(CUT * np.sqrt(q)))
    y = functions(np.sqrt(q) * z) * w
    out = np.empty((len(y), terms))
    before, now = np.zeros_like(z), np.ones_like(z)
    for n in range(terms):
        out[:, n] = y @ now
        before, now = now, (z * now - np.sqrt(n) * before) / np.sqrt(n + 1)
    return out


def bivariate_means(functions: Functions, q: tuple[float, float], c: float, grid: PanelGrid) -> Array:
    """Return E f_k(u) f_k(v), shape (k,), for normal u, v with variances `q` and correlation `c` in [−1, 1].

    With v = √q₂ (c z₁ + s z₂), s² = 1 − c², the inner rule is split where v crosses a kink, and the outer rule is
    graded towards the kinks' layers of width s, so that c → ±1 costs no accuracy.
    """
    root1, root2 = np.sqrt(q[0]), np.sqrt(q[1])
    edges = grid.edges(CUT * max(root1, root2))
    if abs(c) == 1:
        z, w = composite(_merged(np.concatenate([edges / root1, edges / (c * root2)]), CUT))
        left, right = functions(root1 * z), functions(c * root2 * z)
        return (left * right) @ (w * density(z))
    s = np.sqrt((1 - c) * (1 + c))
    outer = [edges / root1]
    if c:
        layers = s / abs(c) * 2.0 ** np.arange(-1, 60)
        kinks = grid.breakpoints / (c * root2)
        outer += [edges / (c * root2), (kinks[:, None] + np.concatenate([-layers, layers])).ravel()]
    z, w = composite(_merged(np.concatenate(outer), CUT))
    w = w * density(z)
    keep = np.abs(w) > 1e-40
    total: Array | float = 0.0
    for zs, ws in zip(*(np.array_split(part[keep], len(z) // 256 + 1) for part in (z, w)), strict=True):
        left = functions(root1 * zs)
        x, v = _inner_rule(c * zs, s, edges / root2)
        total = total + (left * (functions(root2 * x) * v).sum(axis=-1)) @ ws
    return np.asarray(total)


def _inner_rule(centre: Array, s: float, edges: Array) -> tuple[Array, Array]:
    """Return nodes x and weights for the mean over x = centre + s z, one row per centre, split at `edges`."""
    uniform = np.broadcast_to(np.linspace(-CUT, CUT, 21), (len(centre), 21))
    own = np.clip((edges - centre[:, None]) / s, -CUT, CUT)
    z, w = composite(np.sort(np.concatenate([uniform, own], axis=1), axis=1))
    return centre[:, None] + s * z, w * density(z)
