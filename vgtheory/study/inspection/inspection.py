"""`Inspection`: what was found about the gradient of a network that exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr

from vgtheory.model.network import Network
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.recognise import Known
from vgtheory.study.inspection.weights.matrix import MatrixFacts
from vgtheory.theory.regime import Regime, regime

Verdict = Literal["healthy", "vanishes", "explodes", "no verdict"]


@dataclass(frozen=True, eq=False)
class Subject:
    """The PyTorch module that was inspected, and how.

    Attributes
    ----------
    torch : the library.
    model, x, loss, seed : as they were given; ``vg.advise`` tries remedies on copies of the model.
    function : torch's name of the activation that most calls have behind them, and its values at a few points; None
        without one.
    """

    torch: Any
    model: Any
    x: Any
    loss: Callable[[Any], Any] | None
    seed: int
    function: tuple[str, tuple[float, ...]] | None


@dataclass(frozen=True, eq=False)
class Inspection:
    """What ``vg.inspect`` found.

    Attributes
    ----------
    table : Dataset over `call`, the uses of weights in the order in which they happen; see ``vg.inspect``.
    verdict : "vanishes" or "explodes" where the gradient norm changes by more than 1000 from the last call to the
        first (of recurrent modules: from the last step to the first), or by more than 10 where one layer that is
        unlike the others makes that change; "healthy" below; "no verdict" where what is named in `left_out` could
        change the answer.
    text : that in a sentence, with the number.
    culprit : name of the one module that is to blame, None where there is none or no single one.
    reasons : what is to blame, most important first, each a kind with the module it is about and its numbers; of a
        healthy model, which layers have units that do not learn.
    left_out : what was not seen, and what would tell.
    lost_at : the last call whose gradient is below 2^−24 of the last call's; None if none is.
    recurrence : of recurrent modules, Dataset over `time` (0-based) with `log_gradient_norm`, the logarithm of the
        norm of the loss gradient at the module's input of that step (of cells, at their output), and
        `log_norm_from_last`, that of the last output alone (NaN of cells), which other steps' hide where the loss looks
        at them; None without such modules.
    known : the layers, convolutions, blocks or recurrent cell that the model is; None of another model.
    unknown : of modules, which calls theory has nothing to say of, so that all or these are measured only, and which
        step it does not know; "" where it knows them all.
    matrices : of stored weights, per layer the singular values and the laws they were held against.
    subject : of modules, what was inspected; None of stored weights.
    """

    table: xr.Dataset
    verdict: Verdict
    text: str
    culprit: str | None = None
    reasons: tuple[Cause, ...] = ()
    left_out: tuple[str, ...] = ()
    lost_at: int | None = None
    recurrence: xr.Dataset | None = None
    known: Known | None = field(default=None, repr=False)
    unknown: str = ""
    matrices: tuple[MatrixFacts, ...] = ()
    subject: Subject | None = field(default=None, repr=False)

    @property
    def causes(self) -> tuple[str, ...]:
        """Return the reasons in sentences."""
        return tuple(map(str, self.reasons))

    @cached_property
    def network(self) -> Network | None:
        """Return the network of this package that the model is; None where it was not recognised as one.

        Of a chain, with or without skip connections, its hidden layers (of stored weights too, where their order,
        activation and skip connections are known); of a model around one recurrent module of one layer and direction,
        that cell over the steps of x.
        """
        return None if self.known is None else self.known.network()

    @cached_property
    def theory(self) -> xr.Dataset | None:
        """Return measured and predicted gains side by side; None where theory has no prediction: all is measured.

        Over `call`, layers or convolutions, with average pooling, dropout and flattening between them, or over `block`
        of a stack of blocks: `name`; `gain` as in the table, of blocks that at the stream after each; `predicted_gain`
        of a network drawn from the same distribution;
        `ratio` of the two; attrs: `log_change` and `predicted_log_change`, ln of the gradient norm at the first over
        that at the last of them.  Through max pooling and windows that overlap gains are measured only: there the
        prediction is NaN, and both changes leave those steps out.
        """
        compared = None if self.known is None else self.known.theory(self.table)
        return None if compared is None else compared.dataset()

    @property
    def log_change(self) -> float:
        """Return ln of the gradient norm at the first call over that at the last, or at step 0 over the last step.

        The larger one in size; −inf where nothing arrives, 0 where there is nothing to compare.
        """
        changes = [self.table.log_gradient_norm.values[judged_calls(self.table)]]
        if self.recurrence is not None:
            changes.append(self.recurrence.log_gradient_norm.values)
        return max((change_of(logs) for logs in changes), key=abs)

    def __str__(self) -> str:
        theory = (f"Measured only: {self.unknown}.",) if self.unknown else ()
        return "\n".join((self.text, *self.causes, *theory, *(f"Not seen: {what}." for what in self.left_out)))


def judged_calls(table: xr.Dataset) -> np.ndarray:
    """Return the places of the calls between which the gradient's change is judged.

    Not those that wait for the zeros at a branch's end; nor those inside a branch past which a skip connection leads,
    where the gradient is the branch's, unless there are no others.
    """
    every = np.arange(table.sizes["call"])
    for left_out in (("waiting", "inner"), ("waiting",)):
        kept = [k for k in every if not any(name in table and bool(table[name].values[k]) for name in left_out)]
        if len(kept) > 1:
            return np.array(kept)
    return every


def change_of(logs: np.ndarray) -> float:
    """Return the first of some logarithms minus the last one; 0 where there are none or the last is not finite."""
    return float(logs[0] - logs[-1]) if len(logs) and np.isfinite(logs[-1]) else 0.0


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
