"""The gradient of a block's streams as one number per layer, so that blocks are read as layers are."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vgtheory.study.growth import whole_gradient

NORM = "log_stream_gradient_norm"


def shares(study: xr.Dataset) -> dict[str, float]:
    """Return the share of the squared gradient that each stream carries after the first block, over all networks."""
    logs = 2 * study[NORM].isel(layer=1).transpose("sample", "stream").values
    parts = np.exp(logs - logs.max()).mean(axis=0)
    return {str(name): float(part / parts.sum()) for name, part in zip(study.stream.values, parts, strict=True)}


def series_of(found: xr.Dataset) -> xr.Dataset:
    """Return a study or prediction of a block with the gradient at all its streams together as ``log_gradient_norm``.

    A spread is kept where there is one stream.
    """
    made = {"log_gradient_norm": whole_gradient(found)}
    if f"{NORM}_std" in found and found.sizes["stream"] == 1:
        made["log_gradient_norm_std"] = found[f"{NORM}_std"].isel(stream=0, drop=True)
    return found.assign(made)
