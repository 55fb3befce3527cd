"""Numbers that figures, tables and the story share: per-layer averages of a study, the mass of a law at zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class GradientSummary:
    """Simulated ln‖∂ℓ/∂h_l‖ per layer: mean, standard error and quantiles over the networks that are not dead.

    ``dead`` counts the samples whose gradient is exactly zero in some layer; they are left out of every average.
    """

    layer: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray
    low: np.ndarray
    high: np.ndarray
    samples: int
    dead: int


def summarise(study: Any) -> GradientSummary:
    """Return per-layer mean, standard error and 5 %–95 % range of ``study.log_gradient_norm``."""
    values = np.asarray(study["log_gradient_norm"].transpose("sample", "layer"), dtype=float)
    alive = np.isfinite(values).all(axis=1)
    kept = values[alive]
    blank = np.full(values.shape[1], np.nan)
    count = len(kept)
    return GradientSummary(
        layer=np.asarray(study["layer"]),
        mean=kept.mean(axis=0) if count else blank,
        stderr=kept.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else blank,
        low=np.quantile(kept, 0.05, axis=0) if count else blank,
        high=np.quantile(kept, 0.95, axis=0) if count else blank,
        samples=len(values),
        dead=int(len(values) - count),
    )


def zero_mass(law: Any) -> float:
    """Return the mass of the law of s at s = 0."""
    return float(sum(mass for place, mass in law.atoms_log if place == -np.inf))
