"""The σ_w at which a network keeps the size of its gradient, in one place for all who recommend it."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

from vgtheory._errors import NoSolutionError
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.asymptotics.fixed_points import critical
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at


@dataclass(frozen=True)
class CriticalScale:
    """σ_w of gain χ = 1.

    Attributes
    ----------
    sigma_w : the scale.
    stable : whether the variance q of pre-activations stays where χ = 1; False also where χ = 1 at every q, but q has
        no fixed point.
    q : the fixed point; None where there is none.
    """

    sigma_w: float
    stable: bool
    q: float | None


def critical_scale(act: Any, sigma_b: float) -> CriticalScale:
    """Return the critical σ_w of an activation at a bias.

    Where φ(th) = tφ(h) for t > 0, the gain is χ = σ_w² E φ'² at every q: with biases χ = 1 is kept although each layer
    adds σ_b² to q.  Raises NoSolutionError where there is no such scale.

    Examples
    --------
    >>> critical_scale("relu", 0.1)
    CriticalScale(sigma_w=1.4142135623730951, stable=False, q=None)
    """
    act = activation(act)
    try:
        point = critical(act, sigma_b)
    except NoSolutionError:
        gain = float(gradient_gain_at(act, 1.0, 1.0)) if act.homogeneous_degree == 1 else 0.0
        if gain == 0:
            raise
        return CriticalScale(1 / sqrt(gain), False, None)
    return CriticalScale(point.sigma_w, point.stable, point.q)
