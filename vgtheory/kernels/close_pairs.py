"""Means over two normal variables of equal variance that are nearly equal: no digit is lost as their angle goes to 0.

With u, v = √q (x cos ϑ/2 ± y sin ϑ/2), x and y independent, the difference of the two is all in y.  Functions with
kinks are integrated piece by piece: in y where u or v crosses a kink, in x on panels graded towards it by sin ϑ/2.
"""

import numpy as np

from vgtheory.kernels.quadrature import Array, Functions, PanelGrid, composite, density

REACH = 10.0  # the density is 1e-22 there
NODES = 16
_PANEL = 1.3
_LINES = 256  # values of x at once


def close_means(functions: Functions, q: float, angle: float, grid: PanelGrid) -> tuple[Array, Array]:
    """Return E (f_k(u) − f_k(v))² and E f_k(u) f_k(v), each of shape (k,), for correlation cos(angle) and variance q.

    Parameters
    ----------
    functions : see :data:`vgtheory.kernels.quadrature.Functions`, resolved by `grid`, smooth between its breakpoints.
    angle : in (0, π).

    Raises UnresolvedError where the functions oscillate too often within 13 √q.
    """
    root = np.sqrt(q)
    cos, sin = np.cos(angle / 2), np.sin(angle / 2)
    edges = grid.edges(REACH * root) / root
    x, w = composite(_outer(edges, grid.breakpoints / root, cos, sin), NODES)
    w = w * density(x)
    distance, product = np.zeros((2, len(functions(np.zeros(1)))))
    for xs, ws in zip(*(np.array_split(part, len(x) // _LINES + 1) for part in (x, w)), strict=True):
        y, v = _inner(xs * cos, sin, edges)
        left, right = functions(root * (xs[:, None] * cos + y * sin)), functions(root * (xs[:, None] * cos - y * sin))
        weight = (ws[:, None] * v).ravel()
        distance += ((left - right) ** 2).reshape(len(left), -1) @ weight
        product += (left * right).reshape(len(left), -1) @ weight
    return distance, product


def _outer(edges: Array, kinks: Array, cos: float, sin: float) -> Array:
    uniform = np.linspace(-REACH, REACH, round(2 * REACH / _PANEL) + 1)
    layers = sin * 2.0 ** np.arange(-1, 60)
    layers = layers[layers < 2 * REACH]
    # u meets one kink while v meets another at their midpoint.
    corners = np.unique((kinks[:, None] + kinks) / 2)
    graded = (corners[:, None] + np.concatenate([-layers, [0.0], layers])).ravel() / cos
    every = np.concatenate([uniform, edges / cos, graded])
    return np.unique(every[np.abs(every) <= REACH])


def _inner(centre: Array, sin: float, edges: Array) -> tuple[Array, Array]:
    """Return nodes y > 0 and weights, one row per centre, for an even integrand split where u or v meets an edge."""
    near = (edges > centre.min() - REACH * sin) & (edges < centre.max() + REACH * sin)
    own = np.clip(np.abs(edges[near] - centre[:, None]) / sin, 0.0, REACH)
    uniform = np.broadcast_to(np.linspace(0.0, REACH, 6), (len(centre), 6))
    y, w = composite(np.sort(np.concatenate([uniform, own], axis=1), axis=1), NODES)
    return y, 2 * w * density(y)
