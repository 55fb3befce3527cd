"""The scale of the weights at which the gradient neither grows nor falls, also where no variance stays put."""

from typing import Any

import numpy as np

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, critical, require_gradient
from vgtheory.theory.asymptotics.moments import table_of


def critical_scale(subject: Any, sigma_b: float | None = None) -> CriticalPoint:
    """Return the σ_w with χ = 1 where layers settle; of several a stable one with the least q.

    As :func:`vgtheory.critical`, and besides where φ(t x) = t φ(x): there χ is the same at every q, so that σ_w =
    1/√E φ'² is critical although biases make q grow by σ_b² per layer (q = inf, χ_q = 1).

    Parameters
    ----------
    subject : an Activation, a catalogue name or a formula, with `sigma_b`; or a Network, of which the activation and
        the last layer's σ_b are taken, its other parts left aside.

    Raises
    ------
    NoSolutionError : no σ_w has χ = 1.
    InputError : an activation without `sigma_b`; σ_b negative or not finite.

    Examples
    --------
    >>> round(critical_scale("relu", 0.3).sigma_w ** 2, 12)
    2.0
    """
    if isinstance(subject, Network):
        subject, sigma_b = subject.activation, subject.sigmas[-1][1] if sigma_b is None else sigma_b
    if sigma_b is None:
        raise InputError("sigma_b", "a finite number of at least 0", "e.g. sigma_b=0", got="None")
    act = to_activation(subject)
    if act.homogeneous_degree != 1 or sigma_b == 0:
        return critical(act, sigma_b)
    require_gradient(act)
    sigma_w = float(np.exp(-table_of(act).at(np.zeros(1)).log_slope_square[0] / 2))
    return CriticalPoint(sigma_w, float("inf"), 1.0, True, "chi = 1 at every q, which grows by σ_b² per layer")
