"""The law of d² = φ'(h)² where the variance of h tends to 0 or to ∞: the slopes next to 0, or far out."""

from __future__ import annotations

import numpy as np
import sympy as sp

from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.spectral_poles import ORDER
from vgtheory.spectra.slope_law import SlopeLaw
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.shape import tails

_NEAR = np.array([-1e-150, 1e-150])  # φ' there is its limit at 0 from either side


def limiting_law(activation: Activation, q: float) -> SlopeLaw | None:
    """Return the law of d² as the variance tends to q = 0 or ∞: |φ'| takes its limit on either side, half and half.

    A limit 0 is dark, not dead, unless φ' is 0 on that side.  None where a limit is missing or infinite, or both are 0.
    """
    ends = _ends(activation, q)
    if np.isnan(ends).any() or max(ends) == 0:
        return None
    levels: dict[float, float] = {}
    for end in ends:
        if end > 0:
            levels[2 * float(np.log(end))] = levels.get(2 * float(np.log(end)), 0.0) + 0.5
    atoms = tuple(sorted(levels.items()))
    logs, weights = np.array([level for level, _ in atoms]), np.array([mass for _, mass in atoms])
    pieces = activation.derivative_pieces()
    flat = [pieces[0].expr == 0, pieces[-1].expr == 0] if q > 0 else [True, True]
    dark = sum(0.5 for end, dead in zip(ends, flat, strict=True) if end == 0 and not dead)
    none = np.empty((0, ORDER))
    return SlopeLaw(logs, weights, 1 - float(weights.sum()), atoms, np.empty((0, 2)), none, none, (), dark=dark)


def _ends(activation: Activation, q: float) -> tuple[float, float]:
    """Return |φ'| at 0 from either side (q → 0) or at −∞ and ∞ (q → ∞); nan where there is no limit."""
    if q == 0:
        near, nearer = (np.exp(evaluator(activation).log_slope(h)) for h in (_NEAR, 1e-10 * _NEAR))
        settled = np.isfinite(near) & (np.abs(near - nearer) <= 1e-12 * near)
        low, high = np.where(settled, near, np.nan)
        return float(low), float(high)
    low, high = (_size(side.limit) for side in tails(activation))
    return low, high


def _size(limit: sp.Expr | None) -> float:
    return abs(float(limit)) if limit is not None and limit.is_finite else np.nan
