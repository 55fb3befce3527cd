"""Closed-form bounds on gradients at every finite width, each offered only where its assumptions have been checked."""

from __future__ import annotations

from vgtheory.model.network import Network
from vgtheory.symbolic.formula import Formula
from vgtheory.theory.bounds.certificate import Certificate, certificate
from vgtheory.theory.bounds.depths import depth_bounds
from vgtheory.theory.bounds.mean_square import mean_square_bounds
from vgtheory.theory.bounds.norms import norm_bounds
from vgtheory.theory.bounds.saturated import saturation_bounds
from vgtheory.theory.bounds.setting import setting_of

__all__ = ["Certificate", "bounds", "certificate"]


def bounds(network: Network) -> tuple[Formula, ...]:
    """Return every bound whose assumptions hold for the network, the mean-square bounds first.

    The network's numbers (σ_w, σ_b, width) are substituted; what is symbolic in the network stays so.  With equal
    widths the depth stays the symbol ``depth``, so that one formula serves every depth: ``f.at(depth=1000).value()``
    neither over- nor underflows.  Further symbols: ``p`` (failure probability), ``eps`` (threshold), ``q`` (variance of
    a pre-activation), ``weight_norm``.

    Raises InputError for something that is not a Network, UnsupportedError for one that the bounds know nothing about.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> found = bounds(Network("relu", Weights.he(), width=64, depth=50))
    >>> found[0].name, found[0].expr
    ('symmetrised slope, exact mean', 1)
    """
    s = setting_of(network, "bounds")
    return (*mean_square_bounds(s), *depth_bounds(s), *norm_bounds(s), *saturation_bounds(s))
