"""Does the mean squared gradient vanish or explode, whatever the depth?  The strongest certified rate, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sympy as sp

from vgtheory.model.network import Network
from vgtheory.symbolic.ball import outward
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.formula import Formula, Kind, formula_latex
from vgtheory.symbolic.notation import depth, gradient_square
from vgtheory.symbolic.printing import displayed
from vgtheory.theory.proofs.certified_slope import certainly_below
from vgtheory.theory.proofs.layered_network import LayeredNetwork, layered
from vgtheory.theory.proofs.rates import Proof, Rate, lower_rates, smallest_rate


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
    proof : the theorem: "symmetry", "bias", "explosion" or "finite width".
    prefactor : the mean squared gradient at the input is at most (at least) prefactor·rate^depth.
    """

    verdict: Literal["vanishes", "explodes"]
    rate: sp.Expr
    enclosure: tuple[float, float]
    name: str
    assumptions: tuple[str, ...]
    proof: Proof = "symmetry"
    prefactor: sp.Expr = sp.S.One

    def _repr_latex_(self) -> str:
        kind: Kind = "upper bound" if self.verdict == "vanishes" else "lower bound"
        return displayed(formula_latex(Formula(gradient_square, self.prefactor * self.rate**depth, kind)))


def certificate(network: Network) -> Certificate | None:
    """Return the certificate of vanishing or exploding mean squared gradients, or None where neither is proved.

    The strongest of the symmetrised slope, the bias certificate and the finite-width rate, and of their lower twins.
    Near the edge of chaos neither can be proved by these bounds, and mean field theory or simulation has to decide.

    Raises InputError for something that is not a Network, UnsupportedError for one that the bounds know nothing about.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> certificate(Network("sigmoid", Weights.gaussian(1), width=64, depth=50)).verdict
    'vanishes'
    """
    s = layered(network, "certificate")
    upper = smallest_rate(s)
    if upper is not None and all(certainly_below(factor, sp.Integer(1)) for factor in upper.factors(s)):
        return _certificate("vanishes", s, upper)
    lower = [r for r in lower_rates(s) if all(certainly_below(sp.Integer(1), factor) for factor in r.factors(s))]
    if lower:
        return _certificate("explodes", s, max(lower, key=lambda r: min(float(enclose(f, 15)) for f in r.factors(s))))
    return None


def _certificate(verdict: Literal["vanishes", "explodes"], s: LayeredNetwork, rate: Rate) -> Certificate:
    factors = rate.factors(s)
    balls = [enclose(f, 15) for f in factors]
    pick = max if verdict == "vanishes" else min
    k = pick(range(len(factors)), key=lambda i: float(balls[i]))
    return Certificate(verdict, factors[k], outward(balls[k]), rate.name, rate.assumptions, rate.proof, rate.prefactor)
