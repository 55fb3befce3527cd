"""What SymPy and ball arithmetic say about an activation alone: `vg.calculus.derivation`, `vgtheory derive`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.symbolic import gaussian
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.extrema import Extremum, Range, derivative_range, slope_bound
from vgtheory.symbolic.formula import Formula, exact
from vgtheory.symbolic.printing import displayed, to_latex
from vgtheory.symbolic.saturation import Saturation, saturation
from vgtheory.theory.proofs import bounds


@dataclass(frozen=True)
class Derivation:
    """φ with its derivatives, their ranges, where φ' saturates, its Gaussian means, and what follows for a network.

    Parameters
    ----------
    activation : φ.
    derivatives : (φ', φ'').
    ranges : of φ' and of φ''.
    steepest : κ = sup |φ'|.
    eps : |φ'| ≤ eps counts as saturated.
    saturated : that set.
    threshold : that set for a symbolic eps.
    length, gain : E φ(√q z)² and E φ'(√q z)².
    """

    activation: Activation
    derivatives: tuple[sp.Expr, sp.Expr]
    ranges: tuple[Range | Unavailable, Range | Unavailable]
    steepest: Extremum | Unavailable
    eps: float
    saturated: Saturation | Unavailable
    threshold: Saturation | Unavailable
    length: Formula | Unavailable
    gain: Formula | Unavailable

    def _repr_latex_(self) -> str:
        x = self.activation.symbol
        left = (n.varphi(x), *(sp.Derivative(n.varphi(x), (x, k)) for k in (1, 2)))
        right = (self.activation.expr, *self.derivatives)
        rows = [f"{to_latex(a)} &= {to_latex(b)}" for a, b in zip(left, right, strict=True)]
        if isinstance(self.steepest, Extremum):
            rows.append(rf"\kappa &= {self.steepest.latex()}".replace(r"= \approx", r"\approx"))
        return displayed(r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}")

    @cached_property
    def network(self) -> Sequence[Formula] | Unavailable:
        """Return the bounds on the gradient of a network of symbolic width, depth, σ_w and σ_b."""
        law = Weights.gaussian(n.sigma_w, n.sigma_b)
        return attempt(bounds, Network(self.activation, law, width=n.width, depth=n.depth))


def derivation(act: Activation | sp.Expr | str, eps: float = 0.01) -> Derivation:
    """Return the derivation of an activation; ``vg.latex`` sets it as steps.

    Parameters
    ----------
    act : an Activation, a catalogue name, a formula string or a SymPy expression.
    eps : |φ'| ≤ eps counts as saturated.

    Raises
    ------
    InputError : eps not between 0 and 10^6.

    Examples
    --------
    >>> derivation("sigmoid").steepest.expr
    1/4
    """
    level = exact(eps)
    if not (level.is_number and level.is_real and 0 < level <= 10**6):
        raise InputError("eps", "a positive number", "e.g. --eps 0.01", got=f"{eps}")
    act = activation(act)
    return Derivation(
        act,
        (act.derivative(1), act.derivative(2)),
        (attempt(derivative_range, act, 1), attempt(derivative_range, act, 2)),
        attempt(slope_bound, act),
        eps,
        attempt(saturation, act, eps),
        attempt(saturation, act, n.eps),
        attempt(gaussian.length_map, act),
        attempt(gaussian.gradient_gain, act),
    )
