"""The data of the live figure: simulated curves, and what a script needs to redo mean field under sliders.

Mean field needs two curves per activation, E φ(√q z)² and E φ'(√q z)² against ln q; a script then iterates
q_l = σ_w² E φ² + σ_b² and adds up ½ ln χ_l, so that every σ_w and depth is drawn from a few hundred numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vgtheory._errors import VgtheoryError
from vgtheory.reporting.answer import Answer
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.study.summary import summarise
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.asymptotics.moments import table_of

OTHERS = ("sigmoid", "tanh", "relu", "selu")  # activations to compare with, whose tables are quick to make
LOG_Q = np.linspace(-16.0, 16.0, 81)


def live_data(f: Answer) -> dict[str, Any]:
    """Return what the page's script draws: layers, simulated and predicted ln‖gradient‖, and curves for its sliders."""
    seen = summarise(f.study, quantiles=(0.05, 0.95))
    ends = seen["log_gradient_norm_quantile"].values
    data: dict[str, Any] = {
        "layer": [int(layer) for layer in f.study["layer"].values],
        "mean": _short(seen["log_gradient_norm_mean"].values),
        "low": _short(ends[:, 0]),
        "high": _short(ends[:, -1]),
        "predicted": _short(f.predicted_log_norm),
    }
    if not f.plain or isinstance(f.prediction, Unavailable):
        return data
    own = f.subject.phi
    kinds = {own.name: own, **{name: activation(name) for name in OTHERS if name != own.name}}
    curves = {name: curve for name, act in kinds.items() if (curve := _curve(act)) is not None}
    if own.name not in curves:
        return data
    (sigma_w, sigma_b), (first_w, first_b) = f.subject.last_scales, f.subject.first_scales
    q = float(f.prediction["q"][0])
    start = {"sigma_w": sigma_w, "sigma_b": sigma_b, "depth": f.subject.depth, "act": own.name}
    return data | {"start": start, "input": (q - first_b**2) / first_w**2, "log_q": _short(LOG_Q), "curves": curves}


def _curve(act: Activation) -> dict[str, list[float | None]] | None:
    """Return ln E φ² and ln E φ'² at :data:`LOG_Q`; None where they are not known everywhere."""
    try:
        m = table_of(act).at(LOG_Q)
    except VgtheoryError:  # the slider then offers one activation less
        return None
    square, slope = np.asarray(m.log_square), np.asarray(m.log_slope_square)
    if not (np.isfinite(square).all() and np.isfinite(slope).all()):
        return None
    return {"square": _short(square), "slope": _short(slope)}


def _short(values: Any) -> list[float | None]:
    """Return numbers to four decimals; null for what is not finite."""
    return [round(float(v), 4) if np.isfinite(v) else None for v in np.asarray(values)]
