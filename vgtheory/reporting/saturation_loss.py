"""How much of the squared gradient a layer passes, and how much of what it loses saturation accounts for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vgtheory.reporting.answer import Answer
from vgtheory.theory.asymptotics.mean_field import best_gain, gradient_gain_at


@dataclass(frozen=True)
class Loss:
    """What a layer passes of the squared gradient, E φ'², and the most that any length of the signal would pass."""

    passed: float
    best: float
    possible: float  # over all lengths, also smaller ones

    def share(self, chi: float) -> float:
        """Return the share of −ln χ that saturation accounts for."""
        return math.log(self.best / self.passed) / -math.log(chi) if chi < 1 and self.passed > 0 else 0.0


def loss_by_saturation(f: Answer) -> Loss | None:
    """Return what saturation takes: signals that are longer than the best ones lie where φ is flat."""
    if f.final_q is None or not 0 < f.final_q < math.inf:
        return None
    act = f.subject.phi
    passed = float(gradient_gain_at(act, np.array([f.final_q]), 1.0)[0])
    best, at = best_gain(act)
    possible = max(best, passed)
    return Loss(passed, possible if f.final_q > at else passed, possible)
