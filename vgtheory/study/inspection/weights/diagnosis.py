"""What happens to the gradient in a chain of layers with stored weights, why, and from which layer on."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
import xarray as xr

from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.inspection import Verdict, verdict_of
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics.mean_field import best_gain, gradient_gain_at
from vgtheory.theory.regime import CRITICAL, LOST

_DEAD = 0.5  # share of units without a slope on any input that is to blame before scales are


@dataclass(frozen=True)
class Diagnosis:
    """What happens in the chain, in one sentence; what is to blame; the deepest lost layer."""

    verdict: Verdict
    text: str
    causes: tuple[Cause, ...]
    lost_at: int | None


def diagnose(layers: xr.Dataset, act: Activation, skip: float | None) -> Diagnosis:
    """Return the diagnosis of a Dataset of layers as `inspect` makes it."""
    depth = layers.sizes["call"]
    log_norm = layers.log_gradient_norm.values
    total = float(log_norm[0] - log_norm[-1])
    verdict = verdict_of(total)
    lost = layers.call.values[log_norm - log_norm[-1] < LOST]
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


def _causes(layers: xr.Dataset, act: Activation, verdict: str, skip: float | None) -> list[Cause]:
    scales = layers.sigma_w.values
    zero = dict.fromkeys(layers.name.values[scales == 0].tolist())
    if zero and scales.any() and not skip:  # whatever the others are
        usual = {"others": float(np.median(scales[scales > 0]))}
        return [Cause("zero stored", name, usual) for name in zero]
    inner = slice(0, max(layers.sizes["call"] - 1, 1))
    q = float(np.exp(np.mean(np.log(np.maximum(layers.q.values[inner], 1e-300)))))
    sigma_w = float(np.sqrt(np.mean(layers.sigma_w.values[1:] ** 2))) if layers.sizes["call"] > 1 else float("nan")
    slope, (best, _) = float(gradient_gain_at(act, q, 1.0)), best_gain(act)
    if verdict == "explodes":
        if skip:
            return [Cause("skip gain", numbers={"skip": skip, "sigma_w": sigma_w})]
        return [Cause("large weights", numbers={"sigma_w": sigma_w, "slope": slope, "q": q})]
    dead = layers.dead.values[inner]
    worst = int(dead.argmax())
    out = []
    if dead[worst] > _DEAD:
        shares = {"share": float(dead[worst]), "mean": float(dead.mean())}
        out.append(Cause("dead stored", str(layers.name.values[worst]), shares))
    if slope < best / 2:
        share = float(layers.saturated[inner].mean())
        out.append(Cause("saturation stored", numbers={"q": q, "slope": slope, "best": best, "share": share}))
    most = sigma_w**2 * best
    if most < 1 - CRITICAL:
        found = {"sigma_w": sigma_w, "best": best, "most": most, "needed": best**-0.5}
        out.append(Cause("small weights", numbers=found))
    elif not out:
        out.append(Cause("gain", numbers={"chi": sigma_w**2 * slope, "sigma_w": sigma_w, "q": q}))
    return out


def weight_facts(layers: xr.Dataset) -> list[Cause]:
    """Return what the matrices look like: their initialiser, and singular values that stand out."""
    names, counts = np.unique(layers.initialiser.values, return_counts=True)
    common, count = str(names[counts.argmax()]), int(counts.max())
    out = [Cause("initialiser", numbers={"count": count, "layers": layers.sizes["call"]}, names=(common,))]
    spiked = layers.call.values[layers.outliers.values > 0]
    if len(spiked):
        out.append(Cause("outliers", numbers={"layers": len(spiked), "most": int(layers.outliers.max())}))
    return out
