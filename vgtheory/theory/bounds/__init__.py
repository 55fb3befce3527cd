"""Closed-form bounds on gradients at every finite width, each offered only where its assumptions have been checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.model.network import Network, require_independent_layers, require_plain
from vgtheory.symbolic.ball import outward
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.formula import Formula
from vgtheory.theory.bounds.depths import depth_bounds, smallest_rate
from vgtheory.theory.bounds.mean_square import Rate, lower_rates, mean_square_bounds
from vgtheory.theory.bounds.norms import norm_bounds
from vgtheory.theory.bounds.saturated import saturation_bounds
from vgtheory.theory.bounds.setting import Setting, certainly_below


def bounds(network: Network) -> tuple[Formula, ...]:
    """Return every bound whose assumptions hold for the network, the mean-square bounds first.

    The network's numbers (σ_w, σ_b, width) are substituted; what is symbolic in the network stays so.  With equal
    widths the depth stays the symbol ``depth``, so that one formula serves every depth: ``f.at(depth=1000).value()``
    neither over- nor underflows.  Further symbols: ``p`` (failure probability), ``eps`` (threshold), ``q`` (variance of
    a pre-activation), ``weight_norm``.

    Raises InputError for something that is not a Network.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> found = bounds(Network("relu", Weights.he(), width=64, depth=50))
    >>> found[0].name, found[0].expr
    ('symmetrised slope, exact mean', 1)
    """
    s = _setting(network)
    return (*mean_square_bounds(s), *depth_bounds(s), *norm_bounds(s), *saturation_bounds(s))


@dataclass(frozen=True)
class Certificate:
    """A proof that the mean squared gradient vanishes or explodes, whatever the depth.

    Parameters
    ----------
    verdict : "vanishes" or "explodes".
    rate : factor per layer on the mean squared gradient: at most this (vanishes), at least this (explodes).
    enclosure : doubles around `rate`.
    name : the bound that proves it.
    assumptions : what the proof uses, all checked.
    """

    verdict: Literal["vanishes", "explodes"]
    rate: sp.Expr
    enclosure: tuple[float, float]
    name: str
    assumptions: tuple[str, ...]


def certificate(network: Network) -> Certificate | None:
    """Return the certificate of vanishing or exploding mean squared gradients, or None where neither is proved.

    Near the edge of chaos neither can be proved by these bounds, and mean field theory or simulation has to decide.

    Raises InputError for something that is not a Network.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> certificate(Network("sigmoid", Weights.gaussian(1), width=64, depth=50)).verdict
    'vanishes'
    """
    s = _setting(network)
    upper = smallest_rate(s)
    if upper is not None and all(certainly_below(upper.factor(layer), sp.Integer(1)) for layer in s.layers):
        return _certificate("vanishes", s, upper)
    for lower in lower_rates(s):
        if all(certainly_below(sp.Integer(1), lower.factor(layer)) for layer in s.layers):
            return _certificate("explodes", s, lower)
    return None


def _certificate(verdict: Literal["vanishes", "explodes"], s: Setting, rate: Rate) -> Certificate:
    factors = [rate.factor(layer) for layer in s.layers]
    balls = [enclose(f, 15) for f in factors]
    pick = max if verdict == "vanishes" else min
    k = pick(range(len(factors)), key=lambda i: float(balls[i]))
    return Certificate(verdict, factors[k], outward(balls[k]), rate.name, rate.assumptions)


def _setting(network: Network) -> Setting:
    if not isinstance(network, Network):
        raise InputError(f"network = {network!r}", "a Network", "e.g. vg.Network('tanh', weights, width=64, depth=50)")
    require_plain(network, "bounds")
    require_independent_layers(network, "bounds")
    return Setting(network)
