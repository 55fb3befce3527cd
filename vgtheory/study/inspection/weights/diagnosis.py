"""What happens to the gradient in a chain of layers with stored weights, why, and from which layer on."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
import xarray as xr

from vgtheory.study.inspection.findings import Verdict, verdict_of
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at

_LOST = -24 * log(2)  # below float32's unit round-off, relative to the last layer
_LENGTHS = np.geomspace(1e-6, 1e6, 49)  # where the best possible E φ'² is looked for
_DEAD = 0.5  # share of units without a slope on any input that is to blame before scales are


@dataclass(frozen=True)
class Diagnosis:
    """What happens in the chain, in one sentence, what is to blame, and the deepest lost layer."""

    verdict: Verdict
    text: str
    causes: tuple[str, ...]
    lost_at: int | None


def diagnose(layers: xr.Dataset, act: Activation, skip: float | None) -> Diagnosis:
    """Return the diagnosis of a Dataset of layers as `inspect` makes it."""
    depth = layers.sizes["call"]
    log_norm = layers.log_gradient_norm.values
    total = float(log_norm[0] - log_norm[-1])
    verdict = verdict_of(total)
    lost = layers.call.values[log_norm - log_norm[-1] < _LOST]
    lost_at = int(lost[-1]) if len(lost) else None
    causes = [] if verdict == "healthy" else _causes(layers, act, verdict, skip)
    return Diagnosis(verdict, _sentence(verdict, total, depth, lost_at), tuple(causes), lost_at)


def _sentence(verdict: str, total: float, depth: int, lost_at: int | None) -> str:
    if verdict == "healthy":
        return (
            f"Healthy: from layer {depth} to layer 1 the gradient norm changes by a factor of {exp(total):.3g} in all."
        )
    if not np.isfinite(total):
        return "Vanishes: no gradient at all reaches layer 1."
    way = "shrinks" if verdict == "vanishes" else "grows"
    text = (
        f"{verdict.capitalize()}: the gradient norm {way} by a factor of {exp(total / max(depth - 1, 1)):.4g} per layer"
    )
    text += f" on its way from layer {depth} to layer 1 ({total:.1f} in ln)."
    if lost_at is not None:
        text += f" Layers 1 to {lost_at} receive less than 2^−24 of what the last layer does."
    return text


def _causes(layers: xr.Dataset, act: Activation, verdict: str, skip: float | None) -> list[str]:
    inner = slice(0, max(layers.sizes["call"] - 1, 1))
    q = float(np.exp(np.mean(np.log(np.maximum(layers.q.values[inner], 1e-300)))))
    sigma = float(np.sqrt(np.mean(layers.sigma_w.values[1:] ** 2))) if layers.sizes["call"] > 1 else float("nan")
    here, best = _slope_square(act, q), max(_slope_square(act, float(x)) for x in _LENGTHS)
    if verdict == "explodes":
        if skip:
            return [f"Every block adds to the gradient: with skip = {skip:g} and σ_w ≈ {sigma:.3g} it grows."]
        return [f"The weights are too large: σ_w ≈ {sigma:.3g}, E φ'² = {here:.3g} at q ≈ {q:.3g}: χ > 1."]
    dead = layers.dead.values[inner]
    worst = int(dead.argmax())
    out = []
    if dead[worst] > _DEAD:
        name = str(layers.name.values[worst])
        out.append(f"Dead units: {dead[worst]:.0%} of {name} have φ' = 0 on every input; on average {dead.mean():.0%}.")
    if here < best / 2:
        share = float(layers.saturated[inner].mean())
        out.append(
            f"Saturation: at q ≈ {q:.3g} a layer passes E φ'² = {here:.3g}, of {best:.3g} at best; "
            f"{share:.0%} of the neurons have |φ'| below 1 % of its largest value."
        )
    if sigma**2 * best < 1 - 1e-6:
        out.append(
            f"The weights are too small: σ_w ≈ {sigma:.3g}, and χ is at most σ_w²·{best:.3g} = {sigma**2 * best:.3g}, "
            f"whatever the length of the signal; σ_w ≥ {best**-0.5:.4g} is needed."
        )
    elif not out:
        out.append(f"χ = σ_w² E φ'² = {sigma**2 * here:.3g} at σ_w ≈ {sigma:.3g}, q ≈ {q:.3g}; these weights do worse.")
    return out


def weight_facts(layers: xr.Dataset) -> list[str]:
    """Return what the matrices look like: their initialiser, and singular values that stand out."""
    names, counts = np.unique(layers.initialiser.values, return_counts=True)
    common = str(names[counts.argmax()])
    out = [f"Weights: {common} ({counts.max()} of {layers.sizes['call']} layers)."]
    spiked = layers.call.values[layers.outliers.values > 0]
    if len(spiked):
        most = int(layers.outliers.max())
        out.append(f"Singular values beyond the Marchenko–Pastur edge in {len(spiked)} layers, up to {most} in one.")
    return out


def _slope_square(act: Activation, q: float) -> float:
    return float(gradient_gain_at(act, q, 1.0))
