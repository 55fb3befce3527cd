"""How far a changed module gets in a few steps of training: what keeps a gradient need not learn."""

from __future__ import annotations

from math import isfinite
from typing import Any

from vgtheory.study.inspection.inspection import Subject
from vgtheory.study.inspection.modules.model_copy import Copies, scalar_loss, undisturbed
from vgtheory.study.inspection.modules.uses import first_tensor

STEPS = 30
_RATE = 1e-3


def loss_after_steps(subject: Subject, model: Any) -> float:
    """Return the loss on x after 30 steps of Adam (rate 0.001), which change the model; inf where it is not finite.

    Without a loss of the user's: the mean square distance of the first output from fixed normal random numbers.
    """
    torch = subject.torch
    copies = Copies(torch, model, double=False)
    trained = copies.trained()
    optimiser = torch.optim.Adam(trained, lr=_RATE)
    value = float("inf")
    with undisturbed(torch, model, subject.seed):
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = _objective(subject, copies.call(subject.x))
            value = float(loss.detach())
            if not isfinite(value):
                return float("inf")
            loss.backward(inputs=trained)
            optimiser.step()
    return value


def _objective(subject: Subject, output: Any) -> Any:
    torch = subject.torch
    if subject.loss is not None:
        return scalar_loss(torch, output, subject.loss, subject.seed)
    out = first_tensor(torch, output)
    generator = torch.Generator().manual_seed(subject.seed)
    target = torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out)
    return (out - target).square().mean()
