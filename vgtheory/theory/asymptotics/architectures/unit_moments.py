"""Gaussian moments of one unit that skip connections and normalisation ask for beside those of ``moments``."""

from typing import NamedTuple

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array, PanelGrid, UnresolvedError, gaussian_means
from vgtheory.theory.asymptotics.moments import MomentTable

_HERMITE = np.array([0, 2, 4, 0, 0, 0, 0, 0])


class UnitMoments(NamedTuple):
    """Moments of y = φ(h) and y' = φ'(h), h = √q z, without dropout; every field is an array over ln q.

    All are zero for odd φ.
    """

    mean: Array  #: E y
    mean_response: Array  #: q dE y/dq = E[y He₂]/2, and twice that is E z √q y'
    mean_curvature: Array  #: q² d²E y/dq² = E[y He₄]/4
    third: Array  #: E y³
    value_slope_square: Array  #: E y y'²
    value_slope: Array  #: E y y'
    square_tilt: Array  #: E z y²
    slope_tilt: Array  #: E z y'²


def unit_moments(table: MomentTable, log_q: Array) -> UnitMoments:
    """Return the moments at ln q, shape (m,), by quadrature.

    Raises UnsupportedError where φ oscillates too often to be integrated.
    """
    if table.activation.parity == "odd":
        return UnitMoments(*np.zeros((len(_HERMITE), len(log_q))))

    def functions(h: Array) -> Array:
        y, slope = table.values(h)
        p = slope * slope
        return np.stack([y, y, y, y**3, y * p, y * slope, h * y * y, h * p])

    distinct, where = np.unique(log_q, return_inverse=True)
    grid = PanelGrid(functions, tuple(float(b) for b in table.activation.breakpoints))
    try:
        raw = gaussian_means(functions, np.exp(distinct), grid, _HERMITE)
    except UnresolvedError as problem:
        raise UnsupportedError(f"Gaussian means of {table.activation.name}: {problem}; use smaller scales") from None
    raw[1] /= 2
    raw[2] /= 4
    raw[6:] /= np.exp(distinct / 2)
    return UnitMoments(*raw[:, where])
