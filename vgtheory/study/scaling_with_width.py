"""The first steps of training at several widths as one data set, and whether what they change depends on the width."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.model.network import Network
from vgtheory.model.variables import VARIABLES, labels
from vgtheory.study.experiment import SAMPLE
from vgtheory.study.intervals import mean_interval
from vgtheory.theory.regime import power, regime

Array = NDArray[np.float64]
TEXTS = {
    "rms": "root mean square of x_l over width and batch, before the update of that step",
    "feature_change": "root mean square over width and batch of x_l minus what it was before the first step",
    "weight_change": "Frobenius norm of W_l minus what it was before the first step",
    "log_gradient_norm": VARIABLES["log_gradient_norm"] + ", over the whole batch",
    "output": "mean of |f| over the batch",
    "output_change": "mean over the batch of |f minus what it was before the first step|",
}
NORMAL_95 = 1.959964
# A slope against ln N within this is flat even where its interval is narrower: N^0.05 is a factor of 1.6 over 10^4.
FLAT = 0.05


def steps_dataset(
    network: Network, widths: list[int], found: dict[str, Array], attributes: dict[str, Any]
) -> xr.Dataset:
    """Return arrays (sample, width, step, layer) as a Dataset, with slopes against the width and what they say.

    Raises UnsupportedError where the steps have left the range of float64.
    """
    if not all(np.isfinite(found[name]).all() for name in TEXTS if name != "log_gradient_norm"):
        raise UnsupportedError("training leaves the range of float64; use a smaller learning rate or fewer steps")
    samples, _, steps, depth = found["rms"].shape
    dims = ("sample", "width", "step", "layer")
    return xr.Dataset(
        {name: (dims[: a.ndim], a, labels(TEXTS[name])) for name, a in found.items()},
        {
            "sample": ("sample", np.arange(samples), SAMPLE),
            "width": ("width", widths, {"long_name": "N, neurons per hidden layer"}),
            "step": ("step", np.arange(steps), {"long_name": "updates that have been made"}),
            "layer": ("layer", np.arange(1, depth + 1), {"long_name": "hidden layer l"}),
        },
        {**attributes, "spec": network.spec_json, **_scaling(widths, found), "gradient": _gradient(found)},
    )


def _scaling(widths: list[int], found: dict[str, Array]) -> dict[str, Any]:
    """Return the slopes of what the steps changed, their intervals, and whether it depends on the width."""
    if len(widths) < 3 or len(found["output"]) < 2:
        return {"verdict": "undecided: a slope with an interval needs three widths and two samples"}
    changes = {"output": found["output_change"][:, :, -1], "feature": found["feature_change"][:, :, -1, -1]}
    attributes: dict[str, Any] = {}
    words = []
    for name, change in changes.items():
        slope, error = slope_against_width(widths, change)
        low, high = slope - NORMAL_95 * error, slope + NORMAL_95 * error
        attributes |= {f"{name}_slope": slope, f"{name}_slope_interval": [low, high]}
        if low * high > 0 and abs(slope) > FLAT:
            words.append(
                f"the {name} change {'grows' if slope > 0 else 'shrinks'} like N^{slope:.2f} [{low:.2f}, {high:.2f}]"
            )
    return {"verdict": f"changes with the width: {', '.join(words)}" if words else _flat(attributes)} | attributes


def _flat(attributes: dict[str, Any]) -> str:
    widest = max(abs(end) for name in ("output", "feature") for end in attributes[f"{name}_slope_interval"])
    if widest > 0.25:
        return (
            f"undecided: slopes against ln N are known to ±{widest:.2f} only; take more samples or widths further apart"
        )
    return "the same at all widths: output and features change alike"


def slope_against_width(widths: list[int], change: Array) -> tuple[float, float]:
    """Return the slope of ln of the mean over samples against ln N, and its standard error.

    Widths have independent samples (sample, width); where the means scatter about the line by more than their errors
    say, these are scaled up to it.
    """
    x, mean = np.log(widths), np.maximum(change.mean(axis=0), 1e-300)
    y, error = np.log(mean), change.std(axis=0, ddof=1) / (math.sqrt(len(change)) * mean)
    centred = x - x.mean()
    weights = centred / (centred @ centred)
    slope = float(weights @ y)
    left = y - y.mean() - slope * centred
    spread = float(np.sqrt((weights**2 * error**2).sum()))
    scatter = math.sqrt(float(left @ left) / (len(x) - 2) / (centred @ centred))
    return slope, max(spread, scatter)


def _gradient(found: dict[str, Array]) -> str:
    """Return what the gradient does on its way to the first layer, of all widths: before the steps and after them."""
    ends = found["log_gradient_norm"][..., [0, -1]]
    alive: NDArray[np.bool_] = np.all(np.isfinite(ends), axis=-1)  # in a dead network both are −∞
    fall = -np.diff(np.where(alive[..., None], ends, 0.0))[..., 0]
    words = []
    for step, when in ((0, "before the first step"), (-1, "after the last")):
        at = fall[:, :, step][alive[:, :, step]]
        error = float(mean_interval(at.reshape(-1, 1), 0.99).half_width[0])
        change = float(at.mean()) if at.size else math.nan
        dead = 1 - float(alive[:, :, step].mean())
        words.append(f"{regime(change, error, dead)} {when} (a factor of {power(change)})")
    return ", ".join(words)
