"""The gain χ along σ_w at fixed σ_b: an explicit curve in q, so nothing is searched for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.mean_field import table_of

LOWEST_LOG_Q, HIGHEST_LOG_Q, POINTS = -16.0, 12.0, 1400


@dataclass(frozen=True)
class Curve:
    """χ at stable fixed points against σ_w, both shape (n,); NaN separates stretches without a stable fixed point."""

    sigma_w: np.ndarray
    chi: np.ndarray


def gain_curve(act: Activation, sigma_b: float, reach: tuple[float, float]) -> Curve | None:
    """Return χ(σ_w) for σ_w in `reach`, None where no stable fixed point lies in it.

    A fixed point q of q = σ_w² E φ² + σ_b² gives σ_w² = (q − σ_b²)/E φ²(q) and χ = σ_w² E φ'²(q), so that the curve
    is explicit with q as its parameter; stable means χ_q = σ_w² dE φ²/dq < 1.  For a positively homogeneous φ the gain
    does not depend on q at all.
    """
    table = table_of(act)
    low, high = reach
    if act.homogeneous_degree == 1:
        sigma_w = np.linspace(low, high, 200)
        return Curve(sigma_w, sigma_w**2 * float(np.exp(table.at(np.zeros(1)).log_slope_square[0])))
    start = 2 * np.log(sigma_b) + 1e-9 if sigma_b > 0 else LOWEST_LOG_Q
    top = min(HIGHEST_LOG_Q, table.highest(start) - 1e-6)
    if start >= top:
        return None
    t = np.linspace(start, top, POINTS)
    m = table.at(t)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        sigma_w2 = (np.exp(t) - sigma_b**2) / np.exp(m.log_square)
        chi = sigma_w2 * np.exp(m.log_slope_square)
        slope = sigma_w2 * np.exp(m.log_square - t) * m.elasticity
        sigma_w = np.sqrt(np.maximum(sigma_w2, 0.0))
    shown = (slope < 1) & (sigma_w >= low) & (sigma_w <= high) & np.isfinite(chi)
    if shown.sum() < 2:
        return None
    return Curve(np.where(shown, sigma_w, np.nan), np.where(shown, chi, np.nan))
