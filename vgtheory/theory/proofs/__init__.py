"""Bounds on gradients at every finite width, each offered only where its assumptions have been checked."""

from __future__ import annotations

from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.symbolic.formula import Formula
from vgtheory.theory.proofs.backward import backward_bounds
from vgtheory.theory.proofs.certificate import Certificate, certificate
from vgtheory.theory.proofs.depths import depth_below, depth_bounds
from vgtheory.theory.proofs.exact_law import exact_bounds
from vgtheory.theory.proofs.lower_tail import lower_tail_bounds
from vgtheory.theory.proofs.matrices import matrix_bounds
from vgtheory.theory.proofs.mean_square import mean_square_bounds
from vgtheory.theory.proofs.moments import moment_bounds
from vgtheory.theory.proofs.norms import norm_bounds
from vgtheory.theory.proofs.operator_norm import operator_norm_bounds
from vgtheory.theory.proofs.recurrent import recurrent_bounds
from vgtheory.theory.proofs.residual import batch_norm_bounds, residual_bounds
from vgtheory.theory.proofs.saturated import saturation_bounds
from vgtheory.theory.proofs.setting import Setting
from vgtheory.theory.proofs.thresholds import threshold_bounds

__all__ = ["Certificate", "bounds", "certificate", "depth_below", "recurrent_bounds"]

FAMILIES = (
    mean_square_bounds,
    depth_bounds,
    threshold_bounds,
    backward_bounds,
    norm_bounds,
    moment_bounds,
    exact_bounds,
    lower_tail_bounds,
    operator_norm_bounds,
    matrix_bounds,
    saturation_bounds,
)


def bounds(network: Network) -> tuple[Formula, ...]:
    """Return every bound whose assumptions hold for the network, the mean-square bounds first.

    The network's numbers (σ_w, σ_b, width) are substituted; what is symbolic in the network stays so.  With equal
    widths the depth stays the symbol ``depth``, so that one formula serves every depth: ``f.at(depth=1000).value()``
    neither over- nor underflows.  Further symbols: ``p`` (failure probability), ``eps`` (threshold of the slope), ``q``
    (variance of a pre-activation), ``t`` (threshold of a squared length), ``layer``, ``fraction``, and norms of given
    weights: ``weight_norm``, ``weight_frobenius``, ``weight_least``.

    Networks with skip connections have bounds of their own; for batch normalisation before ReLU there is the asymptotic
    growth.

    Raises InputError for something that is not a Network, UnsupportedError for one that the bounds know nothing about.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> found = bounds(Network("relu", Weights.he(), width=64, depth=50))
    >>> found[0].name, found[0].expr
    ('symmetrised slope, exact mean', 1)
    """
    require(network, "bounds")
    if network.skip is not None:
        return tuple(residual_bounds(network))
    if network.norm is not None:
        return tuple(batch_norm_bounds(network))
    s = Setting(network)
    return tuple(formula for family in FAMILIES for formula in family(s))
