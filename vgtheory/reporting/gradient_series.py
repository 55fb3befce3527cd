"""The gradient of a block's streams as one number per layer, so that blocks are read as layers are."""

from __future__ import annotations

import numpy as np
import xarray as xr

NORM = "log_stream_gradient_norm"


def shares(study: xr.Dataset) -> dict[str, float]:
    """Return the share of the squared gradient that each stream carries after the first block, over all networks."""
    logs = 2 * study[NORM].isel(layer=1).transpose("sample", "stream").values
    parts = np.exp(logs - logs.max()).mean(axis=0)
    return {str(name): float(part / parts.sum()) for name, part in zip(study.stream.values, parts, strict=True)}


def series_of(streams: xr.Dataset) -> xr.Dataset:
    """Return a study or prediction of a block with ``log_gradient_norm`` = ½ ln Σ ‖∂ℓ/∂stream‖² over its streams.

    A spread is kept where there is one stream.
    """
    joined = np.logaddexp.reduce(2 * streams[NORM].transpose(..., "stream").values, axis=-1) / 2
    dims = tuple(dim for dim in streams[NORM].dims if dim != "stream")
    made = {"log_gradient_norm": (dims, joined)}
    spread = f"{NORM}_std"
    if spread in streams and streams.sizes["stream"] == 1:
        made["log_gradient_norm_std"] = (dims, streams[spread].isel(stream=0).values)
    return streams.assign(made)
