"""The scale of the weights at which the gradient neither grows nor falls, also where no variance stays put."""

from typing import Any

import numpy as np

from vgtheory.model.network import BlockNetwork, Network
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.theory.asymptotics.blocks_or_activations import critical as critical_of
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, critical, require_gradient
from vgtheory.theory.asymptotics.moments import table_of
from vgtheory.theory.asymptotics.programs.padding import CriticalConvolution
from vgtheory.theory.asymptotics.programs.zero_state import CriticalCell


def critical_scale_of(network: Network) -> CriticalPoint | CriticalCell | CriticalConvolution:
    """Return the critical scale of a network's block, or of its activation at its last layer's σ_b.

    Its other parts are left aside.  Raises as :func:`critical_scale`, and UnsupportedError for blocks without one.
    """
    if isinstance(network, BlockNetwork):
        return critical_of(network)
    return critical_scale(network.activation, network.sigmas[-1][1])


def critical_scale(subject: Any, sigma_b: float) -> CriticalPoint:
    """Return the σ_w with χ = 1 where layers settle; of several a stable one with the least q.

    As :func:`vgtheory.critical`, and besides where φ(t x) = t φ(x): there χ is the same at every q, so that σ_w =
    1/√E φ'² is critical although biases make q grow by σ_b² per layer (q = inf, χ_q = 1).

    Parameters
    ----------
    subject : an Activation, a catalogue name or a formula.
    sigma_b : standard deviation of the biases.

    Raises
    ------
    NoSolutionError : no σ_w has χ = 1.
    InputError : σ_b negative or not finite.

    Examples
    --------
    >>> round(critical_scale("relu", 0.3).sigma_w ** 2, 12)
    2.0
    """
    act = to_activation(subject)
    if act.homogeneous_degree != 1 or sigma_b == 0:
        return critical(act, sigma_b)
    require_gradient(act)
    sigma_w = float(np.exp(-table_of(act).at(np.zeros(1)).log_slope_square[0] / 2))
    return CriticalPoint(sigma_w, float("inf"), 1.0, True, "chi = 1 at every q, which grows by σ_b² per layer")
