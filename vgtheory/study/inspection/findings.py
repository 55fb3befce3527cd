"""`Inspection`: what was found about the gradient of a network that exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import xarray as xr

from vgtheory.model.network import Network
from vgtheory.study.inspection.weights.matrix import MatrixFacts
from vgtheory.theory.regime import Regime, regime

Verdict = Literal["healthy", "vanishes", "explodes", "no verdict"]


@dataclass(frozen=True, eq=False)
class Inspection:
    """What ``vg.inspect`` found.

    Attributes
    ----------
    table : Dataset over `call`, the uses of weights in the order in which they happen; see ``vg.inspect``.
    verdict : "vanishes" or "explodes" where the gradient norm changes by more than 1000 from the last call to the
        first (of recurrent modules: from the last step to the first), "healthy" below; "no verdict" where what is
        named in `left_out` could change the answer.
    text : that in a sentence, with the number.
    culprit : name of the one module that is to blame, None where there is none or no single one.
    causes : what is to blame, most important first, each with its number.
    left_out : what was not seen, and what would tell.
    lost_at : the last call whose gradient is below 2^−24 of the last call's; None if none is.
    recurrence : of recurrent modules, Dataset over `time` (0-based) with `log_gradient_norm`, the logarithm of the
        norm of the gradient at the module's input of that step; None without such modules.
    network : the network of this package that the model is, where it was recognised; else None.
    matrices : of stored weights, per layer the singular values and the laws they were held against.
    """

    table: xr.Dataset
    verdict: Verdict
    text: str
    culprit: str | None = None
    causes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    lost_at: int | None = None
    recurrence: xr.Dataset | None = None
    network: Network | None = None
    matrices: tuple[MatrixFacts, ...] = ()

    def __str__(self) -> str:
        return "\n".join((self.text, *self.causes, *(f"Not seen: {what}." for what in self.left_out)))


def verdict_of(log_change: float) -> Verdict:
    """Return the verdict on ln of the gradient norm at the first call over that at the last one.

    >>> verdict_of(-56.8), verdict_of(2.0), verdict_of(12.6)
    ('vanishes', 'healthy', 'explodes')
    """
    found = regime(log_change)
    if found.harmless:
        return "healthy"
    if found is Regime.undecided:
        return "no verdict"
    return "explodes" if found is Regime.explodes else "vanishes"
