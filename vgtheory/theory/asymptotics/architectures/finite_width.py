"""Fluctuations at finite width of networks with parts: which derivation holds for which network."""

from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.architectures.normalised import normalised_finite_width
from vgtheory.theory.asymptotics.architectures.residual import residual_finite_width
from vgtheory.theory.asymptotics.finite_width import FiniteWidth, finite_width


def architecture_finite_width(network: Network) -> FiniteWidth:
    """Return mean and variance of ln‖δ_l‖² and ln‖∂ℓ/∂W_l‖_F² to order 1/N of a network with parts, in O(L).

    Known for dropout with any weights that a plain network may have, and with independent normal weights (others of the
    same variance act like them) for skip connections or layer or RMS normalisation, with dropout or without.

    Raises
    ------
    UnsupportedError : a combination whose fluctuations are not known, saying which.
    NoSolutionError, InputError : as :func:`vgtheory.theory.asymptotics.architectures.profile.profile`.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> network = Network("relu", Weights.he(), 200, 50, norm="rms-after")
    >>> round(200 * float(architecture_finite_width(network).variance[0]), 9)  # 8 per layer, 6 in the last
    398.0
    """
    require(network, "predict (order 1/N)")
    if network.skip is None and network.norm is None:
        return finite_width(network)
    return residual_finite_width(network) if network.skip is not None else normalised_finite_width(network)
