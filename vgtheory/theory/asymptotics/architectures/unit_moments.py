"""Gaussian moments of one unit that skip connections and normalisation ask for beside those of ``moments``."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vgtheory.codegen.evaluate import Evaluator
from vgtheory.kernels.quadrature import Array, Functions
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.moments import MomentTable
from vgtheory.theory.asymptotics.unit_means import UnitMeans

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

    distinct, where = np.unique(log_q, return_inverse=True)
    raw = _means(table.activation).at(np.exp(distinct), _HERMITE)
    raw[1] /= 2
    raw[2] /= 4
    raw[6:] /= np.exp(distinct / 2)
    return UnitMoments(*raw[:, where])


@lru_cache(maxsize=64)
def _means(act: Activation) -> UnitMeans:
    def make(evaluate: Evaluator, at: float) -> Functions:
        def functions(x: Array) -> Array:
            (y, slope), h = evaluate.both(x), x + at
            p = slope * slope
            return np.stack([y, y, y, y**3, y * p, y * slope, h * y * y, h * p])

        return functions

    return UnitMeans(act, make)
