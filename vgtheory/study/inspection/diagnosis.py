"""What happens to the gradient of an inspected network, why, and from which layer on."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Literal

import numpy as np
import xarray as xr

from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at

_CLEAR = log(1e3)  # a change of the gradient norm over the whole depth that is worth a word
_LOST = -24 * log(2)  # below float32's unit round-off, relative to the last layer
_LENGTHS = np.geomspace(1e-6, 1e6, 49)  # where the best possible E φ'² is looked for


@dataclass(frozen=True)
class Diagnosis:
    """What happens and why.

    Attributes
    ----------
    kind : "vanishes", "explodes" or "healthy" (within a factor 1000 over the whole depth).
    text : that in one sentence, with the factor per layer.
    reasons : what is to blame, most important first; each a sentence.
    lost_at : the deepest layer whose gradient is below 2^−24 of the last one's; None if none is.
    """

    kind: Literal["vanishes", "explodes", "healthy"]
    text: str
    reasons: tuple[str, ...]
    lost_at: int | None


def diagnose(layers: xr.Dataset, act: Activation, skip: float | None) -> Diagnosis:
    """Return the diagnosis of a Dataset of layers as `inspect` makes it."""
    depth = layers.sizes["layer"]
    log_norm = layers.log_gradient_norm.values
    total = float(log_norm[0] - log_norm[-1])
    kind: Literal["vanishes", "explodes", "healthy"]
    kind = "healthy" if abs(total) < _CLEAR else "vanishes" if total < 0 else "explodes"
    lost = layers.layer.values[log_norm - log_norm[-1] < _LOST]
    lost_at = int(lost[-1]) if len(lost) else None
    reasons = [*_causes(layers, act, kind, skip), *_weights(layers)]
    return Diagnosis(kind, _sentence(kind, total, depth, lost_at), tuple(reasons), lost_at)


def _sentence(kind: str, total: float, depth: int, lost_at: int | None) -> str:
    if kind == "healthy":
        return f"Healthy: from layer {depth} to layer 1 the gradient norm changes by a factor {exp(total):.3g} in all."
    if not np.isfinite(total):
        return "Vanishes: no gradient at all reaches layer 1."
    way = "shrinks" if kind == "vanishes" else "grows"
    text = f"{kind.capitalize()}: the gradient norm {way} by a factor {exp(total / max(depth - 1, 1)):.4g} per layer"
    text += f" on its way from layer {depth} to layer 1 ({total:.1f} in ln)."
    if lost_at is not None:
        text += f" Layers 1 to {lost_at} receive less than 2^−24 of what the last layer does."
    return text


def _causes(layers: xr.Dataset, act: Activation, kind: str, skip: float | None) -> list[str]:
    if kind == "healthy":
        return []
    inner = slice(0, max(layers.sizes["layer"] - 1, 1))
    q = float(np.exp(np.mean(np.log(np.maximum(layers.q.values[inner], 1e-300)))))
    sigma = float(np.sqrt(np.mean(layers.sigma_w.values[1:] ** 2))) if layers.sizes["layer"] > 1 else float("nan")
    here, best = _slope_square(act, q), max(_slope_square(act, float(x)) for x in _LENGTHS)
    dead = float(layers.dead[inner].mean())
    if kind == "explodes":
        if skip is not None:
            return [f"Every block adds to the gradient: with skip = {skip:g} and σ_w ≈ {sigma:.3g} it grows."]
        return [f"The weights are too large: σ_w ≈ {sigma:.3g}, E φ'² = {here:.3g} at q ≈ {q:.3g}: χ > 1."]
    out = []
    if here < best / 2:
        share = float(layers.saturated[inner].mean())
        out.append(
            f"Saturation: at q ≈ {q:.3g} a layer passes E φ'² = {here:.3g}, of {best:.3g} at best; "
            f"{share:.0%} of the neurons have |φ'| below 1 % of its largest value."
        )
    if sigma**2 * best < 1:
        out.append(
            f"The weights are too small: σ_w ≈ {sigma:.3g}, and χ is at most σ_w²·{best:.3g} = {sigma**2 * best:.3g}, "
            f"whatever the length of the signal; σ_w ≥ {best**-0.5:.4g} is needed."
        )
    elif not out:
        out.append(f"χ = σ_w² E φ'² = {sigma**2 * here:.3g} < 1 at σ_w ≈ {sigma:.3g}, q ≈ {q:.3g}.")
    if dead > 0.9:
        out.append(f"Dead neurons: φ' = 0 for {dead:.0%} of them.")
    return out


def _weights(layers: xr.Dataset) -> list[str]:
    names, counts = np.unique(layers.initialiser.values, return_counts=True)
    common = str(names[counts.argmax()])
    of = f"{counts.max()} of {layers.sizes['layer']} layers"
    out = [f"Weights: {common} ({of})."]
    spiked = layers.layer.values[layers.outliers.values > 0]
    if len(spiked):
        most = int(layers.outliers.max())
        out.append(f"Singular values beyond the Marchenko–Pastur edge in {len(spiked)} layers, up to {most} in one.")
    return out


def _slope_square(act: Activation, q: float) -> float:
    return float(gradient_gain_at(act, q, 1.0))
