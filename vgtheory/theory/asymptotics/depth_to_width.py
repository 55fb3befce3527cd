"""The ratio of depth to width at which mean field stops describing a network, per activation."""

from dataclasses import dataclass
from math import inf
from typing import Any, Literal, get_args

import numpy as np

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.theory.asymptotics.finite_width import finite_width

Family = Literal["gaussian", "orthogonal"]

_DEPTH, _WIDTH = 1000, 10**6  # of the network that is measured: deep enough to forget its input, wide enough for 1/N


@dataclass(frozen=True)
class DepthToWidth:
    """How fast random networks of one activation and one pair of scales drift apart, and from mean field.

    Parameters
    ----------
    ratio : L/N at which ln‖∂ℓ/∂h_1‖² has variance 1 over networks; inf where nothing fluctuates (orthogonal linear).
    variance_per_layer : N times what a layer adds to Var ln‖∂ℓ/∂h‖².
    drift_per_layer : N times what a layer adds to E ln‖∂ℓ/∂h‖² beyond ln χ.
    q, chi : of the last layers.
    """

    ratio: float
    variance_per_layer: float
    drift_per_layer: float
    q: float
    chi: float


def depth_to_width(activation: Any, sigma_w: float, sigma_b: float = 0.0, family: Family = "gaussian") -> DepthToWidth:
    """Return the ratio L/N of depth to width at which the infinitely wide network stops describing a finite one.

    At that ratio ln‖∂ℓ/∂h_1‖² has variance 1 over random networks: gradients of two networks of the same description
    then differ by a factor of about e, and the typical gradient lies below its root mean square.  Far below the ratio
    mean field is right for every network, far above it for none.

    Parameters
    ----------
    activation : an Activation, a catalogue name or a formula.
    sigma_w, sigma_b : numbers.
    family : "gaussian" or "orthogonal".

    Raises
    ------
    InputError : another family, scales that are no numbers.
    NoSolutionError, UnsupportedError : as :func:`vgtheory.predict`.

    Notes
    -----
    Growth per layer at a fixed point: [v_η + 2αc + α²v_f]/N, see ``finite_width``; measured in the
    middle of 1000 layers, so that the input is forgotten.  ReLU: 5/N, hence L/N = 1/5 (Hanin & Nica (2020)).

    Examples
    --------
    >>> found = depth_to_width("relu", 2**0.5)
    >>> round(found.ratio, 6), round(found.drift_per_layer, 6)
    (0.2, -2.5)
    """
    if family not in get_args(Family):
        raise InputError("family", " or ".join(map(repr, get_args(Family))), "choose one", got=f"{family!r}")
    weights = getattr(Weights, family)(sigma_w, sigma_b)
    terms = finite_width(Network(activation, weights, _WIDTH, _DEPTH))
    first, last = _DEPTH // 4, 3 * _DEPTH // 4
    per_layer = _WIDTH / (last - first)
    variance = float(terms.variance[first] - terms.variance[last]) * per_layer
    beyond = terms.mean - terms.wide_mean
    with_q = [float(part[-1]) for part in (terms.log_q, terms.log_chi)]
    return DepthToWidth(
        ratio=1 / variance if variance > 1e-6 else inf,
        variance_per_layer=variance,
        drift_per_layer=float(beyond[first] - beyond[last]) * per_layer,
        q=_exp(with_q[0]),
        chi=_exp(with_q[1]),
    )


def _exp(log_value: float) -> float:
    return float(np.exp(np.clip(log_value, -745.0, 709.0)))
